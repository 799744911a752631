package index

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ember/learn/nn"
	"ember/record"
)

// hospital is a naive index: the current documents, scanned.
type hospital map[string]Document

var epoch = time.Date(2020, 1, 1, 12, 0, 0, 0, time.UTC)

func randomDocument(rng *rand.Rand, id string, vectors bool) Document {
	d := Document{Timeline: record.Timeline{Person: record.Person{ID: id, Sex: record.Sex(rng.IntN(4)), Born: record.Date{Year: int16(1930 + rng.IntN(80))}, OptOut: rng.IntN(10) == 0}}}
	for i := range rng.IntN(12) {
		e := record.Event{Kind: record.Kind(1 + rng.IntN(5)), Concept: record.Code{System: record.SNOMED, Value: fmt.Sprint(rng.IntN(40))},
			Known: epoch.AddDate(0, 0, rng.IntN(2000)-1000), Cancelled: rng.IntN(20) == 0, Source: fmt.Sprint("Observation/", i)}
		e.Concept.Display = "thing " + e.Concept.Value
		if rng.IntN(2) == 0 {
			e.Start = epoch.AddDate(0, 0, rng.IntN(20000)-20000)
		}
		if rng.IntN(8) == 0 {
			e.Known = time.Time{}
		}
		if e.Kind == record.Test {
			e.Value, e.HasValue = float64(rng.IntN(5)), true
		}
		d.Timeline.Events = append(d.Timeline.Events, e)
	}
	d.Timeline.Sort()
	for i := range rng.IntN(3) {
		d.Notes = append(d.Notes, record.Note{Source: fmt.Sprintf("DocumentReference/%s-%d", id, i), Text: fmt.Sprintf("word%d and word%d", rng.IntN(9), rng.IntN(9))})
	}
	if vectors && rng.IntN(5) > 0 {
		for range 16 {
			d.Vector = append(d.Vector, float32(rng.NormFloat64()))
		}
	}
	return d
}

type namedPosting struct {
	id    string
	day   int32
	value float32
}

func compareNamed(a, b namedPosting) int {
	return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.day, b.day), cmp.Compare(a.value, b.value))
}

// scan is what the postings should be, by kind and code value.
func (h hospital) scan() map[string][]namedPosting {
	all := map[string][]namedPosting{}
	for id, d := range h {
		for _, e := range append(slices.Clone(d.Timeline.Events), d.Timeline.Undated...) {
			if e.Cancelled {
				continue
			}
			at := e.Start
			if at.IsZero() {
				at = e.Known
			}
			p := namedPosting{id, math.MinInt32, float32(math.NaN())}
			if !at.IsZero() {
				p.day = int32(math.Floor(float64(at.Unix()) / 86400))
			}
			if e.HasValue {
				p.value = float32(e.Value)
			}
			key := e.Kind.String() + "|" + e.Concept.Value
			all[key] = append(all[key], p)
		}
	}
	for _, rows := range all {
		slices.SortFunc(rows, compareNamed)
	}
	return all
}

// check fails when anything the view says differs from the scan.
func (h hospital) check(t *testing.T, v View) {
	t.Helper()
	want := h.scan()
	if n := v.Everybody().Len(); n != len(h) {
		t.Fatalf("%d patients, want %d", n, len(h))
	}
	seen := 0
	for c := range v.Concepts() {
		seen++
		key := c.Kind.String() + "|" + c.Code.Value
		var got []namedPosting
		patients := map[string]bool{}
		last := Posting{Day: NoDay, Value: float32(math.NaN())}
		for p := range v.Postings(c.Kind, c.Code) {
			if comparePostings(last, p) > 0 {
				t.Fatalf("%s: postings out of order", key)
			}
			last = p
			id := v.Patient(p.Patient).ID
			patients[id] = true
			got = append(got, namedPosting{id, p.Day, p.Value})
		}
		slices.SortFunc(got, compareNamed)
		if !slices.EqualFunc(got, want[key], func(a, b namedPosting) bool { return compareNamed(a, b) == 0 }) {
			t.Fatalf("%s: postings %v, want %v", key, got, want[key])
		}
		set := v.Patients(c.Kind, c.Code)
		if set.Len() != len(patients) || c.Patients != len(patients) || c.Events != len(got) {
			t.Fatalf("%s: set of %d, concept %d/%d, want %d/%d", key, set.Len(), c.Patients, c.Events, len(patients), len(got))
		}
		for ord := range set.All() {
			if !patients[v.Patient(ord).ID] {
				t.Fatalf("%s: a patient too many", key)
			}
		}
	}
	if seen != len(want) {
		t.Fatalf("%d concepts, want %d", seen, len(want))
	}
	for id, d := range h {
		ord, ok := v.Ordinal(id)
		if p := v.Patient(ord); !ok || p != patientOf(&d.Timeline) {
			t.Fatalf("patient differs: %v", p)
		}
	}
	h.checkNear(t, v)
}

// checkNear compares the nearest patients with an exact scan.
func (h hospital) checkNear(t *testing.T, v View) {
	t.Helper()
	query := make([]float32, 16)
	for i := range query {
		query[i] = float32(i%5) - 2
	}
	q := normalised(query)
	var want []Near
	for id, d := range h {
		if vec := normalised(d.Vector); vec != nil {
			want = append(want, Near{ID: id, Score: nn.Dot(q, vec)})
		}
	}
	slices.SortFunc(want, func(a, b Near) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
	got := v.Nearest(query, 7, nil)
	if len(got) != min(7, len(want)) {
		t.Fatalf("%d near, want %d of %d", len(got), 7, len(want))
	}
	for i := range got {
		if got[i].ID != want[i].ID {
			t.Fatalf("nearest %d differs", i)
		}
	}
}

func open(t testing.TB, opt Options) *Index {
	t.Helper()
	x, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

// TestApplyEqualsScan applies random changes and compares everything with a
// naive scan of the documents as they are, also after saving and opening again.
func TestApplyEqualsScan(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	opt := Options{Dir: t.TempDir(), Notes: true, Fingerprint: "a"}
	x := open(t, opt)
	h := hospital{}
	for step := range 120 {
		var docs []Document
		var removed []string
		for range rng.IntN(30) {
			id := fmt.Sprint("p", rng.IntN(300))
			if rng.IntN(6) == 0 {
				removed = append(removed, id)
				delete(h, id)
			}
		}
		for range rng.IntN(1 + 2*step) {
			d := randomDocument(rng, fmt.Sprint("p", rng.IntN(300)), true)
			docs = append(docs, d)
			h[d.Timeline.Person.ID] = d
		}
		if err := x.Apply(docs, removed, uint64(step+1)); err != nil {
			t.Fatal(err)
		}
		switch rng.IntN(12) {
		case 0:
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			x = open(t, opt)
			if x.Rebuilt() != "" || x.Position() != uint64(step+1) {
				t.Fatalf("opened again: %q, position %d, want %d", x.Rebuilt(), x.Position(), step+1)
			}
		case 1:
			if err := x.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if step%10 == 0 || step == 119 {
			h.check(t, x.View())
			h.checkNotes(t, x)
		}
	}
}

// checkNotes compares the notes that are found with a scan.
func (h hospital) checkNotes(t *testing.T, x *Index) {
	t.Helper()
	for w := range 9 {
		want := map[string]bool{}
		for _, d := range h {
			for _, n := range d.Notes {
				if slices.ContainsFunc(words(n.Text, nil), func(o word) bool { return o.text == fmt.Sprint("word", w) }) {
					want[n.Source] = true
				}
			}
		}
		res, err := x.Search(t.Context(), Query{Text: fmt.Sprint("word", w), Limit: 10000})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range res.Notes {
			if !want[n.Source] {
				t.Fatalf("a note too many")
			}
		}
		if len(res.Notes) != len(want) {
			for _, n := range res.Notes {
				delete(want, n.Source)
			}
			t.Fatalf("%d notes, without %v", len(res.Notes), want)
		}
	}
}
