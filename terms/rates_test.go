package terms_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"ember/record"
	"ember/terms"
)

const (
	synthea = "../../shared/data/synthea-ma/ndjson/"
	eicu    = "../../shared/data/eicu-demo-fhir/"
)

// concept is a CodeableConcept.
type concept struct {
	Coding []struct{ System, Code, Display string }
	Text   string
}

func (c concept) codes() []record.Code {
	var out []record.Code
	for _, x := range c.Coding {
		out = append(out, record.Code{System: x.System, Value: x.Code, Display: x.Display})
	}
	return out
}

type resource struct {
	ID                        string
	Code, VaccineCode         concept
	MedicationCodeableConcept concept
	MedicationReference       struct{ Reference string }
	ValueQuantity             struct {
		Value float64
		Unit  string
	}
}

func load(t testing.TB) *terms.Terms {
	t.Helper()
	x, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// each decodes a file of resources; the test is skipped where it is absent.
func each(t testing.TB, file string, f func(resource)) {
	t.Helper()
	fh, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("needs the project's shared data: %s", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fh.Close() }()
	gz, err := gzip.NewReader(fh)
	if err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(gz)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var r resource
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		f(r)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
}

// rate counts how many inputs were mapped, and what was not by frequency.
type rate struct {
	n, mapped int
	missed    map[string]int
}

func (r *rate) count(mapped bool, text string) {
	r.n++
	if mapped {
		r.mapped++
		return
	}
	if r.missed == nil {
		r.missed = map[string]int{}
	}
	r.missed[text]++
}

func (r *rate) check(t *testing.T, bar float64) {
	t.Helper()
	got := float64(r.mapped) / float64(r.n)
	t.Logf("mapped %d of %d: %.2f %% (bar %.0f %%)", r.mapped, r.n, 100*got, 100*bar)
	texts := slices.SortedFunc(maps.Keys(r.missed), func(a, b string) int {
		if d := r.missed[b] - r.missed[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, s := range texts[:min(len(texts), 400)] {
		t.Logf("unmapped ×%d: %s", r.missed[s], s)
	}
	if got < bar {
		t.Errorf("mapped %.4f, want at least %.2f", got, bar)
	}
}

func TestMappingRateSynthea(t *testing.T) {
	x := load(t)
	meds := map[string]concept{}
	each(t, synthea+"Medication.ndjson.gz", func(r resource) { meds["Medication/"+r.ID] = r.Code })
	var orders rate
	each(t, synthea+"MedicationRequest.ndjson.gz", func(r resource) {
		c := r.MedicationCodeableConcept
		if ref := r.MedicationReference.Reference; ref != "" {
			c = meds[ref]
		}
		orders.count(x.Drug(c.codes(), c.Text).Mapped, c.Text)
	})
	orders.check(t, .95)
}

func TestMappingRateEICU(t *testing.T) {
	x := load(t)
	var orders rate
	each(t, eicu+"MedicationRequest.ndjson.gz", func(r resource) {
		c := r.MedicationCodeableConcept
		if c.Text == "" {
			return
		}
		orders.count(x.Drug(c.codes(), c.Text).Mapped, c.Text)
	})
	orders.check(t, .85)
}

func TestMappingRateAllergies(t *testing.T) {
	x := load(t)
	for _, dir := range []string{synthea, eicu} {
		var entries rate
		each(t, dir+"AllergyIntolerance.ndjson.gz", func(r resource) {
			a := x.Allergen(r.Code.codes(), r.Code.Text)
			entries.count(a.Mapped || a.None, r.Code.Text)
		})
		entries.check(t, .95)
	}
}
