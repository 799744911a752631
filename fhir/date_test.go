package fhir

import (
	"testing"
	"time"
)

func TestParseMoment(t *testing.T) {
	for _, tc := range []struct{ in, first, last string }{
		{"2015", "2015-01-01T00:00:00Z", "2015-12-31T23:59:59Z"},
		{"2015-02", "2015-02-01T00:00:00Z", "2015-02-28T23:59:59Z"},
		{"2016-02-29", "2016-02-29T00:00:00Z", "2016-02-29T23:59:59Z"},
		{"2015-12-31", "2015-12-31T00:00:00Z", "2015-12-31T23:59:59Z"},
		{"2015-02-15T23:44:00-05:00", "2015-02-16T04:44:00Z", "2015-02-16T04:44:00Z"},
		{"2015-02-15T23:44:00.5Z", "2015-02-15T23:44:00.5Z", "2015-02-15T23:44:00.5Z"},
		{"2015-02-15T23:44:00.123456789123+14:00", "2015-02-15T09:44:00.123456789Z", "2015-02-15T09:44:00.123456789Z"},
		{"2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z", "2016-12-31T23:59:59Z"},
		{"2015-02-15T23:44Z", "2015-02-15T23:44:00Z", "2015-02-15T23:44:00Z"},
		{"2015-02-15T23:44:01", "2015-02-15T23:44:01Z", "2015-02-15T23:44:01Z"},
		{"2015-02-29", "", ""}, {"1900-02-29", "", ""}, {"2015-13", "", ""}, {"2015-00-10", "", ""}, {"2015-04-31", "", ""},
		{"0000", "", ""}, {"15", "", ""}, {"", "", ""}, {"2015-1-1", "", ""}, {"2015/01/01", "", ""}, {"2015-01-01T", "", ""},
		{"2015-01-01T24:00:00Z", "", ""}, {"2015-01-01T10:60:00Z", "", ""}, {"2015-01-01T10:00:61Z", "", ""},
		{"2015-01-01T10:00:00.Z", "", ""}, {"2015-01-01T10:00:00+15:00", "", ""}, {"2015-01-01T10:00:00+0500", "", ""},
		{"2015-01T10:00:00Z", "", ""}, {"2015-01-01x", "", ""}, {"2015-01-01T10:00:00Zx", "", ""}, {"2015-01-01T10x00:00Z", "", ""},
	} {
		m, ok := parseMoment([]byte(tc.in))
		if ok != (tc.first != "") {
			t.Errorf("%q: ok = %v", tc.in, ok)
			continue
		}
		if ok && (m.first.Format(time.RFC3339Nano) != tc.first || m.last.Format(time.RFC3339Nano) != tc.last) {
			t.Errorf("%q: %s to %s", tc.in, m.first.Format(time.RFC3339Nano), m.last.Format(time.RFC3339Nano))
		}
	}
}

// FuzzMoment compares with package time where it reads the same formats.
func FuzzMoment(f *testing.F) {
	for _, s := range []string{"2015", "2015-02", "2015-02-28", "2015-02-15T23:44:00-05:00", "2015-02-15T23:44:00.5Z", "9999-12-31T23:59:59.999+14:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, ok := parseMoment([]byte(s))
		if ok && m.last.Before(m.first) {
			t.Errorf("%q ends before it begins", s)
		}
		for _, layout := range []string{"2006", "2006-01", "2006-01-02", time.RFC3339} {
			want, err := time.Parse(layout, s)
			if err != nil || len(s) < len(layout) && layout != time.RFC3339 || want.Year() < 1 {
				continue
			}
			if layout == time.RFC3339 && len(s) > 19 && (s[19] == ',' || !ok) {
				continue // a decimal comma and zones beyond 14 hours are not FHIR's
			}
			if !ok || !m.first.Equal(want) {
				t.Errorf("%q: %v %v, time says %v", s, m.first, ok, want)
			}
		}
	})
}
