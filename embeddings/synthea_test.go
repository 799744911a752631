package embeddings

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ember/record"
)

// synthea reads conditions, drug orders and procedures of the shared Synthea
// export, with the display of each code.
func synthea(t *testing.T) []record.Timeline {
	t.Helper()
	dir := filepath.Join("..", "..", "shared", "data", "synthea-ma", "ndjson")
	patients := make(map[string]*record.Timeline)
	for name, kind := range map[string]record.Kind{"Condition": record.Condition, "MedicationRequest": record.Medication, "Procedure": record.Procedure} {
		f, err := os.Open(filepath.Join(dir, name+".ndjson.gz"))
		if errors.Is(err, fs.ErrNotExist) {
			t.Skipf("no Synthea export at %s", dir)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(z)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var r struct {
				Code, MedicationCodeableConcept struct{ Coding []record.Code }
				Subject                         struct{ Reference string }
				RecordedDate, AuthoredOn        string
				PerformedPeriod                 struct{ Start string }
			}
			line := strings.ReplaceAll(lines.Text(), `"code":"`, `"value":"`)
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			codes := append(r.Code.Coding, r.MedicationCodeableConcept.Coding...)
			known, err := time.Parse(time.RFC3339, cmp.Or(r.RecordedDate, r.AuthoredOn, r.PerformedPeriod.Start))
			if len(codes) == 0 || err != nil {
				continue
			}
			tl := patients[r.Subject.Reference]
			if tl == nil {
				tl = &record.Timeline{Person: record.Person{ID: r.Subject.Reference}}
				patients[r.Subject.Reference] = tl
			}
			tl.Events = append(tl.Events, record.Event{Kind: kind, Concept: codes[0], Known: known})
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
	var all []record.Timeline
	for _, tl := range patients {
		tl.Sort()
		all = append(all, *tl)
	}
	slices.SortFunc(all, func(a, b record.Timeline) int { return cmp.Compare(a.Person.ID, b.Person.ID) })
	return all
}

// near are the displays of the k codes nearest to v.
func near(m *Model, v []float32, k int) []string {
	order := make([]int, m.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(Similarity(v, m.at(uint32(b))), Similarity(v, m.at(uint32(a)))) })
	var out []string
	for _, i := range order[:min(k, len(order))] {
		out = append(out, m.Codes()[i].Display)
	}
	return out
}

// On simulated courses a drug must lie near what it is for there, and a wording
// that no code has near its subject.
func TestSyntheaNeighbourhoods(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the whole export")
	}
	m := fitted(t, synthea(t), Options{Dim: 64, Seed: 1})
	for _, c := range []struct{ text, want string }{
		{"Metformin", "diabet"}, {"prasugrel", "myocardial infarction"}, {"haemodialysis", "dialysis"},
		{"penicillin", "pharyngitis"}, {"nitroglycerin", "coronary"}, {"broken arm", "fracture"}, {"chemotherapeutic", "malignant"},
		{"albuterol inhaler", "pulmonary"}, {"pregnant", "pregnan"}, {"renal failure", "kidney"},
	} {
		got := near(m, m.Text(c.text), 15)
		if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(strings.ToLower(s), c.want) }) {
			t.Errorf("near %q is no %q: %q", c.text, c.want, got)
		}
	}
}
