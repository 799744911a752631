package record

import "time"

// Date is a calendar date of the precision FHIR gives it: Month and Day are 0
// where they are not known. The zero Date is unknown.
type Date struct {
	Year       int16
	Month, Day uint8
}

// Zero reports whether the date is unknown.
func (d Date) Zero() bool { return d.Year == 0 }

// Time is the first moment of the date in UTC, zero for an unknown date.
func (d Date) Time() time.Time {
	if d.Zero() {
		return time.Time{}
	}
	return time.Date(int(d.Year), time.Month(max(d.Month, 1)), int(max(d.Day, 1)), 0, 0, 0, 0, time.UTC)
}

// AgeAt is the age in completed years at t; ok is false when the birth date is
// unknown or after t. A date without month or day counts from its first day.
func (d Date) AgeAt(t time.Time) (years int, ok bool) {
	if d.Zero() {
		return 0, false
	}
	b, t := d.Time(), t.UTC()
	years = t.Year() - b.Year()
	if t.Month() < b.Month() || t.Month() == b.Month() && t.Day() < b.Day() {
		years--
	}
	return years, years >= 0
}
