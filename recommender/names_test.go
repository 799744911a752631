package recommender

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"ember/record"
	"ember/terms"
)

// someTerms know drugs of the system "drug", and nothing else.
type someTerms struct{ noTerms }

func (someTerms) DrugOfConcept(c record.Code) terms.Drug {
	return terms.Drug{Concept: c, Mapped: c.System == "drug"}
}

// orderOf is an order of a drug that is understood (or with "" is not), with a
// site's own code.
func orderOf(drug, local string, at time.Time) record.Event {
	e := record.Event{Kind: record.Medication, Mode: record.Ordered, Known: at, Codes: []record.Code{{System: "site", Value: local}}, Concept: record.Code{System: "site", Value: local}}
	if drug != "" {
		e.Concept, e.Text = record.Code{System: "drug", Value: drug, Display: drug + " displayed"}, drug
	}
	return e
}

func lineOf(id string, events ...record.Event) record.Timeline {
	t := record.Timeline{Person: record.Person{ID: id}, Events: events}
	t.Sort()
	return t
}

func TestNamesAreLearnedFromTheSitesOrders(t *testing.T) {
	at := time.Date(2024, 5, 1, 9, 0, 0, 0, time.UTC)
	refused := lineOf("r", orderOf("b", "1", at), orderOf("b", "1", at.Add(1)), orderOf("b", "1", at.Add(2)))
	refused.Person.OptOut = true
	lines := []record.Timeline{
		lineOf("p1", orderOf("a", "1", at), orderOf("a", "1", at.Add(1)), orderOf("x", "mixed", at), orderOf("y", "mixed", at.Add(1)), orderOf("z", "one", at), orderOf("z", "one", at.Add(1)), orderOf("z", "one", at.Add(2)), orderOf("k", "few", at)),
		lineOf("p2", orderOf("a", "1", at), orderOf("", "1", at.Add(1)), orderOf("x", "mixed", at), orderOf("k", "few", at)),
		refused,
	}
	n, err := learnNames(context.Background(), slices.Values(lines), someTerms{})
	if err != nil {
		t.Fatal(err)
	}
	if len(n.of) != 1 {
		t.Fatalf("named %v; wanted code 1 alone: two drugs share one code, one patient has all of another, two orders are too few", n.of)
	}
	before := lines[1].Events[len(lines[1].Events)-1]
	got := n.timeline(lines[1])
	var bare *record.Event
	for i := range got.Events {
		if got.Events[i].Known.Equal(at.Add(1)) {
			bare = &got.Events[i]
		}
	}
	if bare.Concept.Value != "a" || bare.Concept.System != "drug" || !strings.HasPrefix(bare.Text, "a displayed (as this site") || bare.Codes[0].Value != "1" {
		t.Errorf("the bare code became %+v", bare)
	}
	if after := lines[1].Events[len(lines[1].Events)-1]; after.Concept != before.Concept || after.Text != before.Text {
		t.Error("the timeline handed in was changed")
	}
	q := Query{Past: lines[1].Before(at.AddDate(0, 0, 1)), Context: []record.Event{orderOf("", "1", at)}, Explain: record.Code{System: "site", Value: "1"}}
	n.query(&q)
	for _, e := range append(q.Past.Events(), q.Context...) {
		if e.Concept.Value == "1" {
			t.Errorf("a question still has %+v", e)
		}
	}
	if q.Explain.Value != "a" {
		t.Errorf("explains %v", q.Explain)
	}
}

// What is recommended and where history counts follow the name, and an artifact
// read again names alike.
func TestNamedOrdersAreOneDrug(t *testing.T) {
	w := world{patients: 300, seed: 11}
	lines := w.timelines()
	for i := range lines {
		for k := range lines[i].Events {
			e := &lines[i].Events[k]
			if e.Kind != record.Medication || e.Concept.Value != "d04" {
				continue
			}
			e.Codes = []record.Code{{System: "site", Value: "4"}}
			if k%3 == 0 {
				e.Concept = e.Codes[0]
			}
		}
	}
	a, err := train(context.Background(), slices.Values(lines), someTerms{}, quick(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := a.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	again, err := readArtifact(&b, someTerms{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []*Artifact{a, again} {
		if got := a.Names(); len(got) != 1 || got["site|4"].Value != "d04" {
			t.Fatalf("names %v", got)
		}
		if a.Knows(record.Medication, record.Code{System: "site", Value: "4"}) || !a.Knows(record.Medication, code("drug", 4)) {
			t.Error("the bare code is a drug of its own")
		}
	}
}
