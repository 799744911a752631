package view_test

import (
	"io"
	"testing"
	"time"

	"ember/fhir/path"
	"ember/fhir/view"
)

// BenchmarkObservation is one flat row of each Observation, on one core.
func BenchmarkObservation(b *testing.B) {
	v, err := view.Compile([]byte(`{"resource":"Observation","select":[{"column":[{"name":"id","path":"getResourceKey()"},
		{"name":"patient","path":"subject.getReferenceKey(Patient)"},{"name":"code","path":"code.coding.first().code"},
		{"name":"at","path":"effective.ofType(dateTime)"},{"name":"value","path":"value.ofType(Quantity).value"},
		{"name":"unit","path":"value.ofType(Quantity).unit"}]}]}`))
	if err != nil {
		b.Fatal(err)
	}
	resource := []byte(`{"resourceType":"Observation","id":"o1","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"2345-7","display":"Glucose"}],"text":"Glucose"},"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2020-01-02T03:04:05Z","valueQuantity":{"value":5.5,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}`)
	r, t := v.NewRunner(time.Time{}), view.NewTable(io.Discard, v, view.NDJSON, false)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Rows(resource, func(row [][]path.Value) error { return t.Row(row) }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "resources/s")
}
