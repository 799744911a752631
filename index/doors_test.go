package index

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ember/record"
)

// TestTraitsFormsAndRuns compares the doors for cohorts with the documents, through
// updates, removals, merges, and opening again.
func TestTraitsFormsAndRuns(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(7, 7))
	x := open(t, Options{Dir: dir, Notes: true})
	h := hospital{}
	check := func() {
		t.Helper()
		h.checkDoors(t, x.View())
	}
	for round := range 40 {
		var docs []Document
		var removed []string
		for range 30 {
			id := fmt.Sprint("p", rng.IntN(400))
			if rng.IntN(6) == 0 {
				removed = append(removed, id)
				continue
			}
			d := randomDocument(rng, id, false)
			d.Timeline.Person.Dead = rng.IntN(9) == 0
			for i := range d.Timeline.Events {
				e := &d.Timeline.Events[i]
				e.Unit = []string{"", "mg/dL", "mmol/L"}[rng.IntN(3)]
				if rng.IntN(2) == 0 {
					e.Codes = []record.Code{e.Concept, {System: "urn:x", Value: fmt.Sprint(rng.IntN(3))}}
				}
			}
			for range rng.IntN(3) {
				d.Timeline.Encounters = append(d.Timeline.Encounters, record.Encounter{Class: []string{"AMB", "IMP"}[rng.IntN(2)], Start: epoch.AddDate(0, 0, rng.IntN(900))})
			}
			docs = append(docs, d)
		}
		if err := x.Apply(docs, removed, uint64(round+1)); err != nil {
			t.Fatal(err)
		}
		for _, id := range removed {
			delete(h, id)
		}
		for _, d := range docs {
			h[d.Timeline.Person.ID] = d
		}
		if round%9 == 8 {
			check()
		}
		if round == 20 {
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			if x = open(t, Options{Dir: dir, Notes: true}); x.Rebuilt() != "" {
				t.Fatal(x.Rebuilt())
			}
			check()
		}
	}
	check()
}

func (h hospital) checkDoors(t *testing.T, v View) {
	t.Helper()
	h.check(t, v)
	ids := func(s Set) string {
		var all []string
		for ord := range s.All() {
			all = append(all, v.Patient(ord).ID)
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	naive := func(want func(record.Person) bool) string {
		var all []string
		for id, d := range h {
			if want(d.Timeline.Person) {
				all = append(all, id)
			}
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	for name, pair := range map[string][2]string{
		"female":  {ids(v.Sex(record.Female)), naive(func(p record.Person) bool { return p.Sex == record.Female })},
		"unknown": {ids(v.Sex(0)), naive(func(p record.Person) bool { return p.Sex == 0 })},
		"dead":    {ids(v.Dead()), naive(func(p record.Person) bool { return p.Dead })},
		"refuse":  {ids(v.OptedOut()), naive(func(p record.Person) bool { return p.OptOut })},
		"born":    {ids(v.Born(1950, 1970)), naive(func(p record.Person) bool { return p.Born.Year >= 1950 && p.Born.Year <= 1970 })},
	} {
		if pair[0] != pair[1] {
			t.Fatalf("%s: %s\nwant %s", name, pair[0], pair[1])
		}
	}
	want := map[string]int{}
	for _, d := range h {
		for _, e := range slices.Concat(d.Timeline.Events, d.Timeline.Undated) {
			if !e.Cancelled {
				other := ""
				if len(e.Codes) > 1 {
					other = e.Codes[1].Value
				}
				want[fmt.Sprint(e.Kind, e.Concept.Value, " ", e.Unit, " ", other)]++
			}
		}
		for _, e := range d.Timeline.Encounters {
			want[fmt.Sprint(Visit, e.Class, "  ")]++
		}
	}
	got := map[string]int{}
	seen := map[string]bool{}
	for _, f := range v.Forms() {
		concept := f.Kind.String() + f.Concept.Key()
		if seen[concept] {
			continue
		}
		seen[concept] = true
		for _, r := range v.Runs(f.Kind, f.Concept) {
			r.Within(v.Everybody(), 0, math.MaxUint32, func(ord uint32, rows []Posting) bool {
				for _, p := range rows {
					if p.Patient != ord {
						t.Fatal("another patient's row")
					}
					one := v.Form(p.Form)
					other := ""
					if len(one.Codes) > 0 {
						other = one.Codes[0].Value
					}
					got[fmt.Sprint(one.Kind, one.Concept.Value, " ", one.Unit, " ", other)]++
				}
				return true
			})
			r.Within(NewSet(3, 5, 90), 4, 90, func(ord uint32, _ []Posting) bool {
				if ord != 5 {
					t.Fatalf("%d is not asked for", ord)
				}
				return true
			})
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("forms %v\nwant %v", got, want)
	}
}

func TestNegated(t *testing.T) {
	for _, c := range []struct {
		phrase, text string
		said, denied int
	}{
		{"chest pain", "He has chest pain.", 1, 0},
		{"chest pain", "Denies chest pain.", 0, 1},
		{"chest pain", "She denies fever, chills, nausea or chest pains.", 0, 1},
		{"chest pain", "No fever. Chest pain since Monday.", 1, 0},
		{"chest pain", "Denies fever but has chest pain", 1, 0},
		{"chest pain", "chest pain was ruled out", 0, 1},
		{"neuropathy", "No change in neuropathy", 1, 0},
		{"neuropathy", "without evidence of neuropathy; retinopathy present", 0, 1},
		{"retinopathy", "without evidence of neuropathy; retinopathy present", 1, 0},
		{"pneumonia", "Pneumonia is unlikely. Pneumonia was treated in 2019.", 1, 1},
		{"pulmonary embolism", "negative for pulmonary embolism", 0, 1},
		{"pain", "painful", 0, 0},
		{"chest pain", "pain in the chest", 0, 0},
		{"", "anything", 0, 0},
	} {
		if said, denied := Negated(c.phrase, c.text); said != c.said || denied != c.denied {
			t.Errorf("%q in %q: said %d, denied %d", c.phrase, c.text, said, denied)
		}
	}
}

// TestMentions compares the two ways to a phrase with each other and with the texts.
func TestMentions(t *testing.T) {
	x := open(t, Options{Notes: true})
	rng := rand.New(rand.NewPCG(5, 5))
	want := map[string]int{}
	var docs []Document
	for i := range 300 {
		d := Document{Timeline: record.Timeline{Person: record.Person{ID: fmt.Sprint("p", i)}}}
		for j := range rng.IntN(4) {
			var words []string
			for range 12 {
				words = append(words, []string{"red", "eye", "no", "pain", "since", "monday."}[rng.IntN(6)])
			}
			d.Notes = append(d.Notes, record.Note{Source: fmt.Sprintf("DocumentReference/%d-%d", i, j), Text: strings.Join(words, " ")})
			if said, denied := Negated("red eye", d.Notes[j].Text); said+denied > 0 {
				want[fmt.Sprintf("%s %d %d", d.Notes[j].Source, said, denied)]++
			}
		}
		docs = append(docs, d)
	}
	if err := x.Apply(docs, nil, 1); err != nil {
		t.Fatal(err)
	}
	v := x.View()
	some := map[string]int{}
	for ord := range v.Everybody().All() {
		for m, err := range v.Mentions(context.Background(), "red eyes", NewSet(ord)) {
			if err != nil {
				t.Fatal(err)
			}
			some[fmt.Sprintf("%s %d %d", m.Source, m.Said, m.Denied)]++
		}
	}
	all := map[string]int{}
	for m, err := range v.Mentions(context.Background(), "red eyes", v.Everybody()) {
		if err != nil {
			t.Fatal(err)
		}
		all[fmt.Sprintf("%s %d %d", m.Source, m.Said, m.Denied)]++
	}
	var said, denied int
	for m := range all {
		var s, d int
		if _, err := fmt.Sscanf(m[strings.IndexByte(m, ' ')+1:], "%d %d", &s, &d); err != nil {
			t.Fatal(err)
		}
		said, denied = said+min(s, 1), denied+min(d, 1)
	}
	for range 2 {
		yes, no, err := v.Says(context.Background(), "red eyes", v.Everybody())
		if err != nil || yes.Len() == 0 || yes.Len() > said || no.Len() > denied {
			t.Errorf("%d say and %d deny it, of %d and %d notes, %v", yes.Len(), no.Len(), said, denied, err)
		}
		for ord := range v.Everybody().All() {
			one, not, err := v.Says(context.Background(), "red eyes", NewSet(ord))
			if err != nil || one.Contains(ord) != yes.Contains(ord) || not.Contains(ord) != no.Contains(ord) {
				t.Fatalf("alone and among all differ, %v", err)
			}
		}
	}
	if len(want) == 0 || fmt.Sprint(want) != fmt.Sprint(all) || fmt.Sprint(want) != fmt.Sprint(some) {
		t.Errorf("notes %d, by words %d, by patient %d", len(want), len(all), len(some))
	}
}
