package search_test

import (
	"testing"

	"ember/search"
)

// FuzzParse: no query breaks the parser, and what it keeps it can read again.
func FuzzParse(f *testing.F) {
	for _, q := range []string{"code=http://loinc.org|1,2&date=ge2020&_sort=-date", "_has:Observation:patient:code=1", "subject:Patient.name:exact=x", `name=a\,b\\`,
		"_include=Observation:subject:Patient&_revinclude:iterate=*", "value-quantity=le5.40e-3|http://unitsofmeasure.org|mg", "date=2020-01-01T10:00:00+02:00", "_elements=a,b&_count=0", "%zz=%"} {
		f.Add("Observation", q)
		f.Add("Patient", q)
	}
	f.Fuzz(func(t *testing.T, typ, query string) {
		q, err := search.Parse(typ, query)
		if err != nil {
			return
		}
		again, err := search.Parse(typ, q.Used.Encode())
		if err != nil || len(again.Ignored) > 0 {
			t.Errorf("%q is kept as %q, which is not read: %v", query, q.Used.Encode(), err)
		}
		q.Patients()
	})
}
