package cohort_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ember/cohort"
	"ember/index"
	"ember/record"
	"ember/terms"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// words of the small hospital that is asked about.
var (
	icdCodes = []string{"E11.9", "E11.65", "E10.1", "I10", "N18.6", "N18.3", "J45.909", "I50.9"}
	drugs    = []struct{ code, name string }{{"6809", "metformin"}, {"29046", "lisinopril"}, {"1545653", "empagliflozin"}, {"723", "amoxicillin"}}
	labs     = []struct {
		code, name string
		units      []string
	}{{"4548-4", "Hemoglobin A1c", []string{"%", ""}}, {"2345-7", "Glucose plasma", []string{"mg/dL", "mmol/L"}}, {"9999-9", "Odd thing", []string{"mg/dL", "mmol/L", "U", ""}}}
)

func randomPatient(rng *rand.Rand, id string) index.Document {
	p := record.Person{ID: id, Sex: record.Sex(rng.IntN(4)), OptOut: rng.IntN(15) == 0}
	if rng.IntN(12) > 0 {
		p.Born = record.Date{Year: int16(1930 + rng.IntN(90)), Month: uint8(rng.IntN(13)), Day: 0}
		if p.Born.Month > 0 {
			p.Born.Day = uint8(rng.IntN(28))
		}
	}
	if rng.IntN(8) == 0 {
		p.Dead = true
		if rng.IntN(4) > 0 {
			p.Died = now.AddDate(0, 0, -rng.IntN(4000))
		}
	}
	d := index.Document{Timeline: record.Timeline{Person: p}}
	day := func() time.Time {
		if rng.IntN(3) == 0 { // days that many events share
			return now.AddDate(0, 0, -30*rng.IntN(8)).Add(time.Duration(rng.IntN(6)) * time.Hour)
		}
		return now.AddDate(0, 0, 20-rng.IntN(900)).Add(time.Duration(rng.IntN(24)) * time.Hour)
	}
	for i := range rng.IntN(16) {
		e := record.Event{Known: day(), Cancelled: rng.IntN(25) == 0, Source: fmt.Sprintf("Thing/%s-%d", id, i)}
		switch rng.IntN(4) {
		case 0:
			code := icdCodes[rng.IntN(len(icdCodes))]
			e.Kind, e.Concept = record.Condition, record.Code{System: record.ICD10CM, Value: code[:3], Display: "sickness " + strings.ToLower(code[:3])}
			if rng.IntN(3) > 0 {
				e.Codes = []record.Code{{System: record.ICD10CM, Value: code}}
			}
		case 1:
			drug := drugs[rng.IntN(len(drugs))]
			e.Kind, e.Concept = record.Medication, record.Code{System: record.RxNorm, Value: drug.code, Display: drug.name}
		default:
			lab := labs[rng.IntN(len(labs))]
			e.Kind, e.Concept = record.Test, record.Code{System: record.LOINC, Value: lab.code, Display: lab.name}
			if rng.IntN(6) > 0 {
				e.Value, e.HasValue, e.Unit = float64(rng.IntN(160))/10, true, lab.units[rng.IntN(len(lab.units))]
				if e.Unit == "mg/dL" {
					e.Value *= 18
				}
			}
		}
		if rng.IntN(5) == 0 {
			e.Start = day()
		}
		if rng.IntN(12) == 0 {
			e.Known, e.Start = time.Time{}, time.Time{}
		}
		d.Timeline.Events = append(d.Timeline.Events, e)
	}
	for range rng.IntN(4) {
		d.Timeline.Encounters = append(d.Timeline.Encounters, record.Encounter{Class: []string{"AMB", "IMP", "EMER"}[rng.IntN(3)], Start: day(), Type: record.Code{System: record.SNOMED, Value: fmt.Sprint(185345 + rng.IntN(2))}})
	}
	for i := range rng.IntN(2) {
		d.Notes = append(d.Notes, record.Note{Source: fmt.Sprintf("DocumentReference/%s-%d", id, i),
			Text: []string{"Denies chest pain.", "Chest pain since Monday.", "No fever but chest pain.", "neuropathy of both feet", "without neuropathy or chest pain"}[rng.IntN(5)]})
	}
	d.Timeline.Sort()
	return d
}

func ptr(v float64) *float64 { return &v }

func randomRange(rng *rand.Rand, least, most float64) cohort.Range {
	low := least + float64(rng.IntN(int(10*(most-least))))/10
	switch rng.IntN(6) {
	case 0:
		return cohort.Range{Above: ptr(low)}
	case 1:
		return cohort.Range{AtLeast: ptr(low)}
	case 2:
		return cohort.Range{Below: ptr(low + 1)}
	case 3:
		return cohort.Range{AtMost: ptr(low + 1)}
	case 4:
		return cohort.Range{Above: ptr(low), Below: ptr(low + 5)}
	}
	return cohort.Range{AtLeast: ptr(low), AtMost: ptr(low + float64(rng.IntN(30))/10)}
}

func randomAge(rng *rand.Rand) *cohort.Range {
	low := float64(1 + rng.IntN(80))
	switch rng.IntN(3) {
	case 0:
		return &cohort.Range{Above: ptr(low)}
	case 1:
		return &cohort.Range{Below: ptr(low)}
	}
	return &cohort.Range{AtLeast: ptr(low), AtMost: ptr(low + float64(rng.IntN(20)))}
}

func randomSpan(rng *rand.Rand) string {
	return []string{"1d", "7d", "3w", "2m", "6m", "1y", "2y", "0d"}[rng.IntN(8)]
}

func randomEvent(rng *rand.Rand, alone bool) cohort.Event {
	var e cohort.Event
	switch rng.IntN(9) {
	case 0:
		e.Kind, e.Code = "condition", icdCodes[rng.IntN(len(icdCodes))]
		if rng.IntN(3) == 0 {
			e.Code = "icd10|" + e.Code
		}
	case 1:
		e.Kind, e.Under = "condition", []string{"E11", "N18", "E10", "I50"}[rng.IntN(4)]
	case 2:
		e.Kind, e.Set = []string{"", "condition"}[rng.IntN(2)], []string{"diabetes", "ckd", "end-stage-renal-disease", "hypertension"}[rng.IntN(4)]
	case 3:
		e.Kind, e.Class = "medication", []string{"sglt2-inhibitor", "ace-inhibitor", "antidiabetic", "antibiotic"}[rng.IntN(4)]
	case 4:
		e.Kind, e.Text = "medication", drugs[rng.IntN(len(drugs))].name
	case 5:
		e.Kind, e.Text = []string{"", "condition"}[rng.IntN(2)], "sickness"
	case 6:
		e.Kind, e.Code = "encounter", []string{"IMP", "AMB", "185345"}[rng.IntN(3)]
	default:
		lab := labs[rng.IntN(len(labs))]
		e.Kind = "test"
		if rng.IntN(2) == 0 {
			e.Code = lab.code
		} else {
			e.Text = strings.ToLower(lab.name)
		}
		if rng.IntN(3) > 0 {
			unit := lab.units[rng.IntN(len(lab.units))]
			v := cohort.Value{Range: randomRange(rng, 2, 14), Unit: unit}
			if unit == "mg/dL" || unit == "" && lab.code == "2345-7" {
				v.Range = randomRange(rng, 40, 250)
			}
			e.Value = &v
		}
	}
	if alone && rng.IntN(3) == 0 {
		e.Count = 1 + rng.IntN(3)
		if e.Count > 1 && rng.IntN(2) == 0 {
			e.Within = randomSpan(rng)
		}
	}
	switch rng.IntN(10) {
	case 0:
		e.Last = randomSpan(rng)
	case 1:
		e.Since = now.AddDate(0, 0, -rng.IntN(700)).Format(time.DateOnly)
	case 2:
		e.Until = now.AddDate(0, 0, -rng.IntN(700)).Format(time.DateOnly)
	case 3:
		e.Age = randomAge(rng)
	}
	return e
}

func randomCriterion(rng *rand.Rand, depth int) cohort.Criterion {
	n := 12
	if depth == 0 {
		n = 9
	}
	switch rng.IntN(n) {
	case 0:
		return cohort.Criterion{Age: randomAge(rng)}
	case 1:
		return cohort.Criterion{Sex: []string{"female", "male", "other", "unknown"}[rng.IntN(4)]}
	case 2:
		return cohort.Criterion{Life: []string{"alive", "dead"}[rng.IntN(2)]}
	case 3:
		return cohort.Criterion{Note: &cohort.Note{Phrase: []string{"chest pain", "neuropathy", "fever"}[rng.IntN(3)], Denied: rng.IntN(4) == 0}}
	case 4:
		return cohort.Criterion{Cohort: "some"}
	case 5, 6:
		e := randomEvent(rng, true)
		return cohort.Criterion{Event: &e}
	case 7, 8:
		steps := []cohort.Step{{Event: randomEvent(rng, false)}}
		for range 1 + rng.IntN(2) {
			s := cohort.Step{Event: randomEvent(rng, false)}
			if rng.IntN(2) == 0 {
				s.Within = randomSpan(rng)
			}
			if rng.IntN(3) == 0 {
				e := randomEvent(rng, false)
				s.Without = &e
			}
			steps = append(steps, s)
		}
		return cohort.Criterion{Sequence: steps}
	case 9:
		inner := randomCriterion(rng, depth-1)
		return cohort.Criterion{Not: &inner}
	}
	var list []cohort.Criterion
	for range 2 + rng.IntN(2) {
		list = append(list, randomCriterion(rng, depth-1))
	}
	if rng.IntN(2) == 0 {
		return cohort.Criterion{Any: list}
	}
	return cohort.Criterion{All: list}
}

// ward is an engine beside the documents it was fed.
type ward struct {
	*testing.T
	e     *cohort.Engine
	x     *index.Index
	docs  map[string]index.Document
	terms *terms.Terms
	saved map[string][]string
}

func newWard(t *testing.T, dir string) *ward {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	w := &ward{T: t, docs: map[string]index.Document{}, terms: tt, saved: map[string][]string{}}
	w.open(dir)
	return w
}

func (w *ward) open(dir string) {
	w.Helper()
	var err error
	if w.x, err = index.Open(index.Options{Dir: dir, Notes: true}); err != nil {
		w.Fatal(err)
	}
	w.e = cohort.New(cohort.Options{Index: w.x, Terms: w.terms,
		Timeline: func(_ context.Context, id string) (record.Timeline, error) {
			d, ok := w.docs[id]
			if !ok {
				return record.Timeline{}, cohort.ErrNotFound
			}
			return d.Timeline, nil
		},
		Saved: func(_ context.Context, name string) ([]string, error) {
			ids, ok := w.saved[name]
			if !ok {
				return nil, cohort.ErrNotFound
			}
			return ids, nil
		}})
}

func (w *ward) apply(docs []index.Document, removed []string) {
	w.Helper()
	if err := w.x.Apply(docs, removed, w.x.Position()+1); err != nil {
		w.Fatal(err)
	}
	for _, id := range removed {
		delete(w.docs, id)
	}
	for _, d := range docs {
		w.docs[d.Timeline.Person.ID] = d
	}
}

// ids are who matches, sorted.
func (w *ward) ids(c cohort.Criterion) ([]string, error) {
	m, err := w.e.Match(context.Background(), cohort.Question{Criterion: c, Now: now})
	if err != nil {
		return nil, err
	}
	var ids []string
	for ord := range m.Set.All() {
		ids = append(ids, m.View.Patient(ord).ID)
	}
	slices.Sort(ids)
	return ids, nil
}

func (w *ward) naive(c cohort.Criterion) []string {
	n := naive{t: &testingTerms{w.terms}, now: now, saved: w.saved}
	var ids []string
	for id, d := range w.docs {
		if !d.Timeline.Person.OptOut && n.match(&c, &d) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// TestExact compares random definitions with a naive scan, between updates and
// removals, and after the index was opened again and built anew.
func TestExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	dir := t.TempDir()
	w := newWard(t, dir)
	questions, some := 2400, 0
	if testing.Short() {
		questions = 600
	}
	for i := range 400 {
		id := fmt.Sprint("p", i)
		w.apply([]index.Document{randomPatient(rng, id)}, nil)
		if i%3 == 0 {
			w.saved["some"] = append(w.saved["some"], id)
		}
	}
	for asked := 0; asked < questions; {
		if asked%20 == 0 {
			var docs []index.Document
			for range 5 {
				docs = append(docs, randomPatient(rng, fmt.Sprint("p", rng.IntN(450))))
			}
			w.apply(docs, []string{fmt.Sprint("p", rng.IntN(450))})
			if asked%40 == 0 { // with one layer, lists are walked in other ways
				if err := w.x.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		switch asked {
		case questions / 3:
			if err := w.x.Close(); err != nil {
				t.Fatal(err)
			}
			w.open(dir)
		case 2 * questions / 3:
			if err := w.x.Reset(); err != nil {
				t.Fatal(err)
			}
			w.apply(documents(w.docs), nil)
		}
		c := randomCriterion(rng, 2)
		got, err := w.ids(c)
		if err != nil {
			continue // it contradicts itself, or asks for a unit in vain
		}
		asked++
		want := w.naive(c)
		if !slices.Equal(got, want) {
			t.Fatalf("question %d: %s\n got %v\nwant %v", asked, cohort.Print(c), got, want)
		}
		if len(want) > 0 && len(want) < len(w.docs) {
			some++
		}
		w.checkWhy(c, fmt.Sprint("p", rng.IntN(450)), want)
	}
	if some < questions/2 {
		t.Errorf("only %d of %d questions have an answer between none and all", some, questions)
	}
}

// checkWhy holds what is said of one patient to whether he is among those who match,
// and the events named to his timeline.
func (w *ward) checkWhy(c cohort.Criterion, id string, want []string) {
	w.Helper()
	why, err := w.e.Why(context.Background(), cohort.Question{Criterion: c, Now: now}, id)
	d, there := w.docs[id]
	if !there || d.Timeline.Person.OptOut {
		if !errors.Is(err, cohort.ErrNotFound) {
			w.Fatalf("%s is not there: %v", id, err)
		}
		return
	}
	if err != nil || why.Matches != slices.Contains(want, id) {
		w.Fatalf("%s: why says %v of %s, %v", cohort.Print(c), why.Matches, id, err)
	}
	for _, r := range why.Reasons {
		for _, e := range r.Evidence {
			own := e.Kind == "encounter" || e.Source == "Patient/"+id || strings.HasPrefix(e.Source, "DocumentReference/"+id+"-") ||
				slices.ContainsFunc(slices.Concat(d.Timeline.Events, d.Timeline.Undated), func(o record.Event) bool { return o.Source == e.Source })
			if !own {
				w.Fatalf("%s: %s is no event of %s", r.Text, e.Source, id)
			}
		}
		if r.Holds && len(r.Evidence) == 0 && !strings.HasPrefix(r.Text, "cohort:") {
			w.Fatalf("%s holds for %s without evidence", r.Text, id)
		}
	}
}

func documents(m map[string]index.Document) (all []index.Document) {
	for _, d := range m {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b index.Document) int {
		return strings.Compare(a.Timeline.Person.ID, b.Timeline.Person.ID)
	})
	return all
}

// TestMatchEndsWithItsContext: every way of matching looks at the deadline.
func TestMatchEndsWithItsContext(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	w := newWard(t, "")
	var docs []index.Document
	for i := range 300 {
		docs = append(docs, randomPatient(rng, fmt.Sprint("p", i)))
	}
	w.apply(docs, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 500 {
		c := randomCriterion(rng, 2)
		if w.e.Check(c) != nil {
			continue
		}
		_, err := w.e.Match(ctx, cohort.Question{Criterion: c, Now: now})
		if err == nil {
			t.Fatalf("%s is answered after its end", cohort.Print(c))
		}
	}
}

// TestSequence holds the order of events to days: the same day counts, the same event
// does not.
func TestSequence(t *testing.T) {
	w := newWard(t, "")
	at := func(kind record.Kind, code string, day int) record.Event {
		return record.Event{Kind: kind, Concept: record.Code{System: "urn:x", Value: code, Display: code}, Known: now.AddDate(0, 0, day)}
	}
	for id, events := range map[string][]record.Event{
		"sameday": {at(record.Medication, "alpha", -10), at(record.Condition, "beta", -10)},
		"after30": {at(record.Medication, "alpha", -40), at(record.Condition, "beta", -10)},
		"after31": {at(record.Medication, "alpha", -41), at(record.Condition, "beta", -10)},
		"before":  {at(record.Medication, "alpha", -10), at(record.Condition, "beta", -20)},
		"barred":  {at(record.Medication, "alpha", -30), at(record.Test, "gamma", -20), at(record.Condition, "beta", -10)},
		"again":   {at(record.Medication, "alpha", -30), at(record.Test, "gamma", -20), at(record.Medication, "alpha", -15), at(record.Condition, "beta", -10)},
	} {
		tl := record.Timeline{Person: record.Person{ID: id}, Events: events}
		tl.Sort()
		w.apply([]index.Document{{Timeline: tl}}, nil)
	}
	for text, want := range map[string]string{
		"drug:alpha then condition:beta":                                "after30 after31 again barred sameday",
		"drug:alpha then condition:beta within 30d":                     "after30 again barred sameday",
		"drug:alpha then condition:beta within 0d":                      "sameday",
		"drug:alpha then condition:beta within 30d without lab:gamma":   "after30 again sameday",
		"condition:beta then drug:alpha":                                "before sameday",
		"drug:alpha then drug:alpha":                                    "again",
		"drug:alpha then lab:gamma then condition:beta":                 "again barred",
		"drug:alpha then lab:gamma then drug:alpha then condition:beta": "again",
		"drug:alpha then condition:beta within 30d -lab:gamma":          "after30 sameday",
		"drug:alpha at age:>1 then condition:beta":                      "",
	} {
		c, err := cohort.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.ids(c)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s, %v", text, got, want, err)
		}
	}
}

// TestExactAtScale asks so many patients that the work is divided.
func TestExactAtScale(t *testing.T) {
	if testing.Short() {
		t.Skip("it scans many patients by hand")
	}
	rng := rand.New(rand.NewPCG(21, 22))
	w := newWard(t, "")
	const n = 50_000
	w.open(t.TempDir())
	for i := 0; i < n; {
		var docs []index.Document
		for ; len(docs) < 5000; i++ {
			d := randomPatient(rng, fmt.Sprint("p", i))
			d.Notes = nil
			docs = append(docs, d)
		}
		w.apply(docs, nil)
	}
	if err := w.x.Flush(); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for asked < 20 {
		e, f := randomEvent(rng, true), randomEvent(rng, false)
		c := cohort.Criterion{Event: &e}
		if asked%2 == 0 {
			e.Count, e.Within = 0, ""
			c = cohort.Criterion{Sequence: []cohort.Step{{Event: e}, {Event: f, Within: randomSpan(rng)}}}
		}
		got, err := w.ids(c)
		if err != nil {
			continue
		}
		asked++
		if want := w.naive(c); !slices.Equal(got, want) {
			t.Fatalf("%s: %d patients, want %d", cohort.Print(c), len(got), len(want))
		}
	}
}
