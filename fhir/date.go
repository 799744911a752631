package fhir

import (
	"time"

	"ember/record"
)

// moment is a FHIR date, dateTime or instant of any precision: its first and its
// last second. The zero moment is absent.
type moment struct{ first, last time.Time }

func (m moment) zero() bool { return m.first.IsZero() }

// parseMoment reads YYYY, YYYY-MM, YYYY-MM-DD and YYYY-MM-DDThh:mm[:ss[.f]][zone].
// A time without a zone, which FHIR forbids, is taken as UTC, like all dates. A
// leap second is the second before it.
func parseMoment(b []byte) (moment, bool) {
	date, n, ok := parseDate(b)
	if !ok {
		return moment{}, false
	}
	if n < len(b) {
		if date.Day == 0 {
			return moment{}, false
		}
		t, ok := parseClock(date, b[n:])
		return moment{t, t}, ok
	}
	first := date.Time()
	next := first.AddDate(0, 0, 1)
	switch {
	case date.Month == 0:
		next = first.AddDate(1, 0, 0)
	case date.Day == 0:
		next = first.AddDate(0, 1, 0)
	}
	return moment{first, next.Add(-time.Second)}, true
}

// parseDate reads the date at the beginning of b and returns its length.
func parseDate(b []byte) (d record.Date, n int, ok bool) {
	year, ok := decimal(b, 0, 4)
	if !ok || year == 0 {
		return d, 0, false
	}
	d.Year = int16(year)
	if len(b) == 4 {
		return d, 4, true
	}
	month, ok := decimal(b, 5, 2)
	if !ok || b[4] != '-' || month < 1 || month > 12 {
		return d, 0, false
	}
	d.Month = uint8(month)
	if len(b) == 7 {
		return d, 7, true
	}
	day, ok := decimal(b, 8, 2)
	if !ok || b[7] != '-' || day < 1 || day > daysIn(year, month) {
		return d, 0, false
	}
	d.Day = uint8(day)
	return d, 10, len(b) == 10 || b[10] == 'T' || b[10] == 't' || b[10] == ' '
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// parseClock reads "Thh:mm[:ss[.f]][zone]" of the day.
func parseClock(d record.Date, b []byte) (t time.Time, ok bool) {
	hour, ok1 := decimal(b, 1, 2)
	minute, ok2 := decimal(b, 4, 2)
	if !ok1 || !ok2 || b[3] != ':' || hour > 23 || minute > 59 {
		return t, false
	}
	second, nano, i := 0, 0, 6
	if i < len(b) && b[i] == ':' {
		if second, ok = decimal(b, 7, 2); !ok || second > 60 {
			return t, false
		}
		second = min(second, 59)
		i = 9
		if i < len(b) && b[i] == '.' {
			nano, i, ok = fraction(b, i+1)
			if !ok {
				return t, false
			}
		}
	}
	offset, ok := zone(b[i:])
	if !ok {
		return t, false
	}
	t = time.Date(int(d.Year), time.Month(d.Month), int(d.Day), hour, minute, second, nano, time.UTC)
	return t.Add(-offset), true
}

// fraction reads the digits after the decimal point at i, as nanoseconds.
func fraction(b []byte, i int) (nano, end int, ok bool) {
	start := i
	for scale := 100_000_000; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		nano += int(b[i]-'0') * scale
		scale /= 10
	}
	return nano, i, i > start
}

// zone reads "", "Z", "+hh:mm" or "-hh:mm".
func zone(b []byte) (time.Duration, bool) {
	switch {
	case len(b) == 0, len(b) == 1 && (b[0] == 'Z' || b[0] == 'z'):
		return 0, true
	case len(b) != 6 || b[0] != '+' && b[0] != '-' || b[3] != ':':
		return 0, false
	}
	hours, ok1 := decimal(b, 1, 2)
	minutes, ok2 := decimal(b, 4, 2)
	if !ok1 || !ok2 || hours > 14 || minutes > 59 {
		return 0, false
	}
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if b[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// decimal reads n digits at i.
func decimal(b []byte, i, n int) (v int, ok bool) {
	if i+n > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+n] {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}
