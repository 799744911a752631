package path

import (
	"fmt"
	"strings"
	"time"
)

// precision is how much of a moment is known.
type precision uint8

const (
	toYear precision = iota + 1
	toMonth
	toDay
	toHour
	toMinute
	toSecond
	toMilli
)

// moment is a date, a time of day or both, as precise as it was written.
type moment struct {
	year, month, day     int
	hour, minute, second int
	milli                int
	fraction             int8 // digits behind the second's point
	precision            precision
	zone                 bool // offset is known
	offset               int  // minutes east of UTC
	isTime               bool // a time of day, without date
}

// digits reads n digits.
func digits(s string, n int) (v int, rest string, ok bool) {
	if len(s) < n {
		return 0, s, false
	}
	for i := range n {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, s, false
		}
		v = v*10 + int(c-'0')
	}
	return v, s[n:], true
}

// part reads a separator and two digits.
func part(s *string, separator byte, into *int) bool {
	if *s == "" || (*s)[0] != separator {
		return false
	}
	v, rest, ok := digits((*s)[1:], 2)
	if ok {
		*into, *s = v, rest
	}
	return ok
}

// parseDate reads YYYY, YYYY-MM or YYYY-MM-DD and returns what follows.
func parseDate(s string) (m moment, rest string, ok bool) {
	m.year, s, ok = digits(s, 4)
	if !ok {
		return m, s, false
	}
	m.precision = toYear
	if part(&s, '-', &m.month) {
		m.precision = toMonth
		if m.month < 1 || m.month > 12 {
			return m, s, false
		}
		if part(&s, '-', &m.day) {
			m.precision = toDay
			if m.day < 1 || m.day > daysIn(m.year, m.month) {
				return m, s, false
			}
		}
	}
	return m, s, true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// clock reads hh, hh:mm, hh:mm:ss or hh:mm:ss.fff into m.
func (m *moment) clock(s string) (rest string, ok bool) {
	m.hour, s, ok = digits(s, 2)
	if !ok || m.hour > 23 {
		return s, false
	}
	m.precision = toHour
	if part(&s, ':', &m.minute) {
		m.precision = toMinute
		if part(&s, ':', &m.second) {
			m.precision = toSecond
			if strings.HasPrefix(s, ".") {
				s, ok = m.millis(s[1:])
			}
		}
	}
	return s, ok && m.minute < 60 && m.second < 60
}

// millis reads the fraction of a second; beyond milliseconds it is cut.
func (m *moment) millis(s string) (rest string, ok bool) {
	n, scale := 0, 100
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		m.milli += int(s[n]-'0') * scale
		scale /= 10
		n++
	}
	m.precision, m.fraction = toMilli, int8(min(n, 3))
	return s[n:], n > 0
}

// offsetOf reads Z, +hh:mm or nothing.
func (m *moment) offsetOf(s string) (rest string, ok bool) {
	switch {
	case s == "":
		return s, true
	case s[0] == 'Z':
		m.zone = true
		return s[1:], true
	case s[0] == '+' || s[0] == '-':
		h, r, ok := digits(s[1:], 2)
		minutes := 0
		if !ok || !part(&r, ':', &minutes) || h > 14 || minutes > 59 {
			return s, false
		}
		m.zone, m.offset = true, h*60+minutes
		if s[0] == '-' {
			m.offset = -m.offset
		}
		return r, true
	}
	return s, true
}

// momentIn reads a string of a resource: with a type as that type, else by its form.
func momentIn(s, typ string) (Kind, moment, bool) {
	switch typ {
	case "time":
		m, ok := parseTime(s)
		return Time, m, ok
	case "", "date", "dateTime", "instant":
	default:
		return 0, moment{}, false
	}
	if len(s) < 4 || s[0] < '0' || s[0] > '9' {
		return 0, moment{}, false
	}
	if typ == "" && len(s) > 2 && s[2] == ':' {
		m, ok := parseTime(s)
		return Time, m, ok
	}
	m, rest, ok := parseDate(s)
	if !ok {
		return 0, m, false
	}
	if rest == "" {
		if typ == "dateTime" || typ == "instant" {
			return DateTime, m, true
		}
		return Date, m, true
	}
	if rest[0] != 'T' || m.precision != toDay {
		return 0, m, false
	}
	rest, ok = m.clock(rest[1:])
	if ok {
		rest, ok = m.offsetOf(rest)
	}
	return DateTime, m, ok && rest == ""
}

func parseTime(s string) (moment, bool) {
	m := moment{isTime: true}
	rest, ok := m.clock(s)
	return m, ok && rest == ""
}

// String is the moment as FHIR writes it.
func (m moment) String() string {
	var b strings.Builder
	if !m.isTime {
		fmt.Fprintf(&b, "%04d", m.year)
		if m.precision >= toMonth {
			fmt.Fprintf(&b, "-%02d", m.month)
		}
		if m.precision >= toDay {
			fmt.Fprintf(&b, "-%02d", m.day)
		}
		if m.precision >= toHour {
			b.WriteByte('T')
		}
	}
	if m.precision >= toHour {
		fmt.Fprintf(&b, "%02d", m.hour)
	}
	if m.precision >= toMinute {
		fmt.Fprintf(&b, ":%02d", m.minute)
	}
	if m.precision >= toSecond {
		fmt.Fprintf(&b, ":%02d", m.second)
	}
	if m.precision >= toMilli {
		b.WriteString("." + fmt.Sprintf("%03d", m.milli)[:max(1, m.fraction)])
	}
	if m.zone && !m.isTime && m.precision >= toHour {
		b.WriteString(zoneText(m.offset))
	}
	return b.String()
}

func zoneText(offset int) string {
	switch {
	case offset == 0:
		return "Z"
	case offset < 0:
		return fmt.Sprintf("-%02d:%02d", -offset/60, -offset%60)
	}
	return fmt.Sprintf("+%02d:%02d", offset/60, offset%60)
}

// utc is the moment in UTC, where a time and an offset are known.
func (m moment) utc() moment {
	if !m.zone || m.offset == 0 || m.isTime || m.precision < toHour {
		return m
	}
	t := m.time().Add(-time.Duration(m.offset) * time.Minute)
	return m.with(t)
}

// time is the moment with what is not known at its least, as if in UTC.
func (m moment) time() time.Time {
	if m.isTime {
		return time.Date(0, 1, 1, m.hour, m.minute, m.second, m.milli*1e6, time.UTC)
	}
	return time.Date(m.year, time.Month(max(1, m.month)), max(1, m.day), m.hour, m.minute, m.second, m.milli*1e6, time.UTC)
}

// with is m with the parts of t, as precise as before.
func (m moment) with(t time.Time) moment {
	m.year, m.month, m.day = t.Year(), int(t.Month()), t.Day()
	m.hour, m.minute, m.second, m.milli = t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/1e6
	return m
}

// compare orders two moments part by part; known is false where the less precise
// one leaves it open, and where only one says its offset and the time matters.
func (m moment) compare(o moment) (order int, known bool) {
	mixed := m.zone != o.zone && m.precision >= toHour && o.precision >= toHour && !m.isTime
	m, o = m.utc(), o.utc()
	if mixed {
		gap := m.time().Sub(o.time())
		switch {
		case gap > 14*time.Hour:
			return 1, true
		case gap < -14*time.Hour:
			return -1, true
		}
		return 0, false
	}
	seconds := func(m moment) int { return m.second*1000 + m.milli }
	pairs := [...][2]int{{m.year, o.year}, {m.month, o.month}, {m.day, o.day}, {m.hour, o.hour}, {m.minute, o.minute}, {seconds(m), seconds(o)}}
	first := toYear
	if m.isTime {
		first = toHour
	}
	a, b := min(m.precision, toSecond), min(o.precision, toSecond)
	for p := first; p <= min(a, b); p++ {
		switch x := pairs[p-toYear]; {
		case x[0] < x[1]:
			return -1, true
		case x[0] > x[1]:
			return 1, true
		}
	}
	return 0, a == b
}

// calendarUnits are the words of durations and their singular form.
var calendarUnits = map[string]string{
	"year": "year", "years": "year", "month": "month", "months": "month", "week": "week", "weeks": "week",
	"day": "day", "days": "day", "hour": "hour", "hours": "hour", "minute": "minute", "minutes": "minute",
	"second": "second", "seconds": "second", "millisecond": "millisecond", "milliseconds": "millisecond",
}

// ucumUnits are the UCUM codes of durations that are no calendar words.
var ucumUnits = map[string]string{"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}

// plus adds a duration; one finer than the moment counts in whole units of the
// moment's precision.
func (m moment) plus(n number, unit string) (moment, bool) {
	word, ok := calendarUnits[unit]
	if !ok {
		if word, ok = ucumUnits[unit]; !ok {
			return m, false
		}
	}
	if word == "second" {
		n, word = n.mul(numberOf(1000)), "millisecond"
	}
	f := n.quo(numberOf(1))
	if !f.coef.IsInt64() {
		return m, false
	}
	v := f.coef.Int64()
	if v > 1e14 || v < -1e14 {
		return m, false
	}
	switch word {
	case "year", "month":
		return m.plusMonths(v, word == "year")
	}
	each := map[string]time.Duration{"week": 7 * 24 * time.Hour, "day": 24 * time.Hour, "hour": time.Hour, "minute": time.Minute, "millisecond": time.Millisecond}[word]
	if v > int64(1<<62)/int64(each) || v < -int64(1<<62)/int64(each) {
		return m, false
	}
	d := time.Duration(v) * each
	switch {
	case m.isTime:
	case m.precision == toYear:
		return m.plusMonths(int64(d/(365*24*time.Hour)), true)
	case m.precision == toMonth:
		return m.plusMonths(int64(d/(30*24*time.Hour)), false)
	}
	unitOf := [...]time.Duration{toDay: 24 * time.Hour, toHour: time.Hour, toMinute: time.Minute, toSecond: time.Second, toMilli: time.Millisecond}[m.precision]
	d -= d % unitOf
	out := m.with(m.time().Add(d))
	return out, out.isTime || out.year >= 1 && out.year <= 9999
}

// plusMonths keeps the day, or the month's last one.
func (m moment) plusMonths(v int64, years bool) (moment, bool) {
	if m.isTime || v > 1e6 || v < -1e6 {
		return m, false
	}
	if years {
		v *= 12
	} else if m.precision == toYear {
		v -= v % 12
	}
	months := int64(m.year)*12 + int64(max(1, m.month)) - 1 + v
	year := months / 12
	if months < 12 || year > 9999 {
		return m, false
	}
	m.year = int(year)
	if m.precision >= toMonth {
		m.month = int(months%12) + 1
	}
	if m.precision >= toDay {
		m.day = min(m.day, daysIn(m.year, m.month))
	}
	return m, true
}
