package index

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ember/record"
)

func event(kind record.Kind, value, display string) record.Event {
	return record.Event{Kind: kind, Concept: record.Code{System: record.SNOMED, Value: value, Display: display}, Known: epoch}
}

func patient(id string, events ...record.Event) Document {
	return Document{Timeline: record.Timeline{Person: record.Person{ID: id}, Events: events}}
}

// ward is a small hospital that the search tests ask.
func ward(t testing.TB) *Index {
	x := open(t, Options{Notes: true})
	diabetes := event(record.Condition, "44054006", "Diabetes mellitus type 2 (disorder)")
	metformin := event(record.Medication, "6809", "Metformin")
	metformin.Text = "Glucophage 500 mg"
	pain := event(record.Finding, "29857009", "Chest pain")
	family := event(record.FamilyHistory, "73211009", "Diabetes mellitus")
	docs := []Document{
		patient("a", diabetes),
		patient("b", diabetes, metformin),
		patient("c", metformin, metformin),
		patient("d", pain),
		patient("e", family),
		patient("f", event(record.Test, "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood")),
	}
	docs[3].Notes = []record.Note{{Source: "DocumentReference/1", Text: "Denies shortness of breath. Has chest pain since Monday."}}
	docs[4].Notes = []record.Note{{Source: "DocumentReference/2", Text: "Pain in the knee. The chest is clear. Neuropathy of both feet."}}
	docs[0].Timeline.Person.OptOut = true
	if err := x.Apply(docs, nil, 1); err != nil {
		t.Fatal(err)
	}
	return x
}

func search(t testing.TB, x *Index, q Query) Results {
	t.Helper()
	res, err := x.Search(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestSearch(t *testing.T) {
	x := ward(t)
	f := func(q Query, patients, concepts, notes string) {
		t.Helper()
		res := search(t, x, q)
		var p, c, n []string
		for _, h := range res.Patients {
			p = append(p, h.Patient)
		}
		for _, h := range res.Concepts {
			c = append(c, h.Code.Value)
		}
		for _, h := range res.Notes {
			n = append(n, strings.TrimPrefix(h.Source, "DocumentReference/"))
		}
		if got := strings.Join(p, " "); got != patients || res.Total != len(p) {
			t.Errorf("%v: patients %q (total %d), want %q", q, got, res.Total, patients)
		}
		if got := strings.Join(c, " "); got != concepts {
			t.Errorf("%v: concepts %q, want %q", q, got, concepts)
		}
		if got := strings.Join(n, " "); got != notes {
			t.Errorf("%v: notes %q, want %q", q, got, notes)
		}
	}
	f(Query{}, "", "", "")
	f(Query{Text: "the of ,;"}, "", "", "")
	f(Query{Text: "diabetes"}, "e a b", "73211009 44054006", "")
	f(Query{Text: "diabetes", Kinds: []record.Kind{record.Condition}}, "a b", "44054006", "")
	f(Query{Text: "diabetes", Kinds: []record.Kind{record.Condition}, ExcludeOptOut: true}, "b", "44054006", "")
	f(Query{Text: "diabetes type 2"}, "a b", "44054006", "")
	f(Query{Text: "DIABETES METFORMIN", Kinds: []record.Kind{record.Condition, record.Medication}}, "b c a", "6809 44054006", "")
	f(Query{Text: "glucophage"}, "c b", "6809", "")
	f(Query{Text: "metf"}, "c b", "6809", "")
	f(Query{Text: "metfromin"}, "c b", "6809", "")
	f(Query{Text: "44054006"}, "a b", "44054006", "")
	f(Query{Text: "neuropathies"}, "e", "", "2")
	f(Query{Text: "neuropahty"}, "e", "", "2")
	f(Query{Text: "chest pain"}, "d e", "29857009", "1 2")
	f(Query{Text: `"chest pain"`}, "d", "29857009", "1")
	f(Query{Text: `"pain in the knee"`}, "d e", "29857009", "2")
	f(Query{Text: "nonsense"}, "", "", "")
}

func TestSearchSaysWhy(t *testing.T) {
	res := search(t, ward(t), Query{Text: "chest pain"})
	want := []Why{{Source: "DocumentReference/1"}, {Kind: record.Finding, Code: record.Code{System: record.SNOMED, Value: "29857009", Display: "Chest pain"}, Display: "Chest pain"}}
	if got := res.Patients[0].Why; !reflect.DeepEqual(got, want) {
		t.Errorf("why %v, want %v", got, want)
	}
	if got := res.Notes[0].Fragment; got != "Denies shortness of breath. Has chest pain since Monday." {
		t.Errorf("fragment %q", got)
	}
}

// TestSearchIsDeterministic splits the same documents into other batches, in
// another order.
func TestSearchIsDeterministic(t *testing.T) {
	docs := make([]Document, 300)
	for i := range docs {
		docs[i] = patient(fmt.Sprintf("p%03d", i), event(record.Condition, fmt.Sprint(i%7), fmt.Sprintf("Asthma grade %d", i%7)))
		docs[i].Notes = []record.Note{{Source: fmt.Sprint("DocumentReference/", i), Text: "asthma " + strings.Repeat("wheeze ", i%5)}}
	}
	one, many := open(t, Options{Notes: true}), open(t, Options{Notes: true})
	if err := one.Apply(docs, nil, 1); err != nil {
		t.Fatal(err)
	}
	back := slices.Clone(docs)
	slices.Reverse(back)
	for part := range slices.Chunk(back, 13) {
		if err := many.Apply(part, nil, 1); err != nil {
			t.Fatal(err)
		}
	}
	a, b := search(t, one, Query{Text: "asthma grade"}), search(t, many, Query{Text: "asthma grade"})
	var as, bs []string
	for i := range a.Patients {
		as, bs = append(as, a.Patients[i].Patient), append(bs, b.Patients[i].Patient)
	}
	if a.Total != 300 || b.Total != 300 || !slices.Equal(as, bs) {
		t.Errorf("%v and %v", as, bs)
	}
}

func TestSuggest(t *testing.T) {
	hits := ward(t).View().Suggest("dia", nil, 1)
	if len(hits) != 1 || hits[0].Display != "Diabetes mellitus" || hits[0].Patients != 1 {
		t.Errorf("suggested %v", hits)
	}
}
