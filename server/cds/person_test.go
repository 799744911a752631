package cds

import (
	"testing"

	"ember/record"
)

func TestSamePerson(t *testing.T) {
	born := record.Date{Year: 1970, Month: 5, Day: 4}
	for name, c := range map[string]struct {
		own, posted  record.Person
		ours, theirs []string
		same         bool
	}{
		"nothing known":                  {same: true},
		"another sex":                    {own: record.Person{Sex: record.Male}, posted: record.Person{Sex: record.Female}},
		"another year":                   {own: record.Person{Born: born}, posted: record.Person{Born: record.Date{Year: 1971}}},
		"a year alone":                   {own: record.Person{Born: born}, posted: record.Person{Born: record.Date{Year: 1970}}, same: true},
		"another day":                    {own: record.Person{Born: born}, posted: record.Person{Born: record.Date{Year: 1970, Month: 5, Day: 5}}},
		"the same identifier":            {own: record.Person{Born: born}, posted: record.Person{Born: record.Date{Year: 1970, Month: 4, Day: 5}}, ours: []string{"urn:a|1", "urn:b|2"}, theirs: []string{"urn:b|2"}, same: true},
		"another identifier":             {own: record.Person{Born: born}, posted: record.Person{Born: born}, ours: []string{"urn:a|1"}, theirs: []string{"urn:a|2"}},
		"identifiers of other systems":   {own: record.Person{Born: born}, posted: record.Person{Born: born}, ours: []string{"urn:a|1"}, theirs: []string{"urn:b|2"}, same: true},
		"identifiers without any system": {own: record.Person{Born: born}, posted: record.Person{Born: born}, ours: []string{"|1"}, theirs: []string{"|2"}, same: true},
	} {
		if got := samePerson(c.own, c.posted, c.ours, c.theirs); got != c.same {
			t.Errorf("%s: %v", name, got)
		}
	}
}
