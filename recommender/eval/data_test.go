package eval

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"ember/fhir"
	"ember/record"
	"ember/terms"
)

// loadTimelines maps every patient in a folder of NDJSON files, by id. It skips
// the test where the folder is absent.
func loadTimelines(t testing.TB, dir string) ([]record.Timeline, *terms.Terms) {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("real data is not here: %v", err)
	}
	tables, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	shared := map[string][]byte{}
	patients := map[string][]fhir.Resource{}
	each := func(e fhir.Entry, _ []fhir.Issue) error {
		if e.Header == nil || e.Header.Type == "DocumentReference" || e.Header.Type == "DiagnosticReport" {
			return nil
		}
		r := fhir.Resource{Ref: e.Header.Type + "/" + e.Header.ID, Raw: slices.Clone(e.Raw)}
		id, ok := strings.CutPrefix(string(e.Header.Subject.Text), "Patient/")
		switch {
		case e.Header.Type == "Patient":
			patients[e.Header.ID] = append(patients[e.Header.ID], r)
		case ok:
			patients[id] = append(patients[id], r)
		default:
			shared[r.Ref] = r.Raw
		}
		return nil
	}
	if err := fhir.Walk(context.Background(), []string{dir}, fhir.Limits{}, each, func(fhir.Summary) error { return nil }); err != nil {
		t.Fatal(err)
	}
	m := fhir.NewMapper(tables)
	var ids []string
	for id := range patients {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var out []record.Timeline
	for _, id := range ids {
		line, _, _ := m.Timeline(id, slices.Values(patients[id]), func(ref string) ([]byte, bool) { b, ok := shared[ref]; return b, ok })
		out = append(out, line)
	}
	return out, tables
}
