package deid

import "time"

// moment is a date as FHIR writes it, as precise as it is.
type moment struct {
	year, month, day int    // 0: not there
	rest             []byte // from T on
}

// digits reads n digits.
func digits(b []byte, n int) (v int, ok bool) {
	if len(b) < n {
		return 0, false
	}
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}

// parseMoment reads a date, dateTime or instant.
func parseMoment(b []byte) (m moment, ok bool) {
	if m.year, ok = digits(b, 4); !ok || m.year == 0 {
		return m, false
	}
	if b = b[4:]; len(b) == 0 {
		return m, true
	}
	if b[0] != '-' {
		return m, false
	}
	if m.month, ok = digits(b[1:], 2); !ok || m.month < 1 || m.month > 12 {
		return m, false
	}
	if b = b[3:]; len(b) == 0 {
		return m, true
	}
	if b[0] != '-' {
		return m, false
	}
	if m.day, ok = digits(b[1:], 2); !ok || m.day < 1 || m.day > 31 {
		return m, false
	}
	m.rest = b[3:]
	return m, len(m.rest) == 0 || clockTime(m.rest)
}

// clockTime reports whether b is a time of day with its zone, as T12:30:00.5+01:00.
func clockTime(b []byte) bool {
	if len(b) < 6 || b[0] != 'T' || b[3] != ':' {
		return false
	}
	for i, c := range b[1:] {
		switch {
		case c >= '0' && c <= '9', c == ':', c == '.', (c == '+' || c == '-') && i > 3:
		case c == 'Z' && i == len(b)-2:
		default:
			return false
		}
	}
	return len(b) <= 40
}

// date tells of a date the year, or the date moved. Of a year from which an age over 89
// follows nothing is told, whatever happened in it.
func (s *Scrubber) date(text []byte, isBirth bool) {
	m, ok := parseMoment(text)
	if !ok {
		return
	}
	if s.opt.Mode == SafeHarbor {
		if s.opt.At.Year()-m.year >= 90 { // who was there then is over 89 by now
			s.ninety = s.ninety || isBirth
			return
		}
		s.out = append(append(s.out, '"'), text[:4]...)
		s.out = append(s.out, '"')
		return
	}
	if s.nobody {
		return
	}
	// A month moves as its middle does, a year as its first of July.
	month, day := m.month, m.day
	if month == 0 {
		month, day = 7, 1
	} else if day == 0 {
		day = 15
	}
	t := time.Date(m.year, time.Month(month), day+s.offset, 0, 0, 0, 0, time.UTC)
	if t.Year() < 1 || t.Year() > 9999 {
		return
	}
	form := "2006-01-02"
	if m.month == 0 {
		form = "2006"
	} else if m.day == 0 {
		form = "2006-01"
	}
	s.out = append(t.AppendFormat(append(s.out, '"'), form), m.rest...)
	s.out = append(s.out, '"')
}
