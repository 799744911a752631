package ember_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// flatView is one row of each Observation.
const flatView = `{"resource":"Observation","select":[{"column":[{"name":"id","path":"getResourceKey()"},
 {"name":"patient","path":"subject.getReferenceKey(Patient)"},{"name":"at","path":"effective.ofType(dateTime)"},
 {"name":"value","path":"value.ofType(Quantity).value"},{"name":"unit","path":"value.ofType(Quantity).unit"},
 {"name":"code","path":"code.coding.first().code"}]}]}`

// BenchmarkViewOverStore is the whole way from sealed bytes to a table.
func BenchmarkViewOverStore(b *testing.B) {
	h := open(b, testConfig(b.TempDir()+"/data"))
	var lines strings.Builder
	for i := range 200 {
		lines.WriteString(newcomersResults(i))
	}
	h.load(lines.String())
	h.ready()
	rows := 0
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "http://ember/fhir/ViewDefinition/$run", strings.NewReader(flatView))
		r.Header.Set("Content-Type", "application/fhir+json")
		w := httptest.NewRecorder()
		h.Local().ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
		out, _ := io.ReadAll(w.Body)
		rows = strings.Count(string(out), "\n")
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "resources/s")
}

// newcomersResults are a patient with fifty results.
func newcomersResults(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"resourceType":"Patient","id":"r-%d"}`+"\n", n)
	for i := range 50 {
		fmt.Fprintf(&b, `{"resourceType":"Observation","id":"r-%d-%d","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"2345-7","display":"Glucose"}]},"subject":{"reference":"Patient/r-%[1]d"},"effectiveDateTime":"2024-01-02T03:%02[2]d:05Z","valueQuantity":{"value":%[2]d.5,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"}}`+"\n", n, i)
	}
	return b.String()
}
