package path

import "math/big"

// Boundaries: the least and the greatest value that a value may stand for, at a
// precision.

const (
	mostDigits    = 28 // of a decimal's boundary
	defaultDigits = 8
)

// boundary of a decimal, with digits behind the point; without, 8.
func (n number) boundary(up bool, digits int) (number, bool) {
	if digits < 0 || digits > mostDigits {
		return n, false
	}
	// Half of the last digit that was written, at one digit more.
	half := number{big.NewInt(5), n.scale + 1}
	if !up {
		half = half.neg()
	}
	b := n.add(half)
	if digits >= b.scale {
		return number{b.at(digits), digits}, true
	}
	// Fewer digits than are known: outwards.
	cut := pow10(b.scale - digits)
	q, r := new(big.Int).QuoRem(b.coef, cut, new(big.Int))
	switch {
	case r.Sign() > 0 && up:
		q.Add(q, big.NewInt(1))
	case r.Sign() < 0 && !up:
		q.Sub(q, big.NewInt(1))
	}
	return number{q, digits}, true
}

// precisionDigits are the numbers of digits that stand for a precision.
var precisionDigits = map[int]precision{4: toYear, 6: toMonth, 8: toDay, 10: toHour, 12: toMinute, 14: toSecond, 17: toMilli}

var timeDigits = map[int]precision{2: toHour, 4: toMinute, 6: toSecond, 9: toMilli}

// boundary of a moment of a kind, at the precision of digits; 0 = the kind's finest.
func (m moment) boundary(k Kind, up bool, digits int) (moment, bool) {
	to := toMilli
	if k == Date {
		to = toDay
	}
	if digits != 0 {
		table := precisionDigits
		if k == Time {
			table = timeDigits
		}
		p, ok := table[digits]
		if !ok || p > to {
			return m, false
		}
		to = p
	}
	from := m.precision
	if up {
		m.fillMost()
	} else {
		m.fillLeast()
	}
	if to == toMilli && from < toMilli || to == toMilli && m.fraction < 3 {
		m.fraction = 3
	}
	m.precision = to
	if k == DateTime && to >= toHour && !m.zone {
		// The place is not known: the earliest is furthest east.
		m.zone, m.offset = true, 14*60
		if up {
			m.offset = -12 * 60
		}
	}
	return m, true
}

func (m *moment) fillLeast() {
	if !m.isTime {
		m.month, m.day = max(1, m.month), max(1, m.day)
	}
}

func (m *moment) fillMost() {
	p := m.precision
	if !m.isTime {
		if p < toMonth {
			m.month = 12
		}
		if p < toDay {
			m.day = daysIn(m.year, m.month)
		}
	}
	if p < toHour {
		m.hour = 23
	}
	if p < toMinute {
		m.minute = 59
	}
	if p < toSecond {
		m.second = 59
	}
	switch {
	case p < toMilli:
		m.milli = 999
	case m.fraction == 1:
		m.milli += 99
	case m.fraction == 2:
		m.milli += 9
	}
}
