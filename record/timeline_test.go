package record_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"ember/record"
)

var noon = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

func event(kind record.Kind, known time.Time, source string) record.Event {
	return record.Event{Kind: kind, Concept: record.Code{System: "s", Value: source}, Known: known, Source: source}
}

func sample() record.Timeline {
	t := record.Timeline{
		Person: record.Person{ID: "p", Dead: true, Died: noon.AddDate(1, 0, 0)},
		Encounters: []record.Encounter{
			{ID: "Encounter/stay", Class: "IMP", Start: noon.AddDate(0, 0, -2), End: noon.AddDate(0, 0, 3)},
			{ID: "Encounter/past", Class: "AMB", Start: noon.AddDate(-1, 0, 0), End: noon.AddDate(-1, 0, 0).Add(time.Hour)},
			{ID: "Encounter/next", Class: "AMB", Start: noon.Add(time.Minute)},
		},
		Events: []record.Event{
			event(record.Test, noon, "Observation/at"),
			event(record.Condition, noon.Add(-time.Second), "Condition/before"),
			event(record.Allergy, time.Time{}, "AllergyIntolerance/undated"),
			event(record.Allergy, noon.AddDate(0, 1, 0), "AllergyIntolerance/later"),
			event(record.Medication, noon.Add(-time.Hour), "MedicationRequest/1"),
		},
	}
	t.Events[4].End = noon.Add(time.Hour)
	t.Events[4].Cancelled = true
	t.Sort()
	return t
}

func sources(events []record.Event) []string {
	var s []string
	for _, e := range events {
		s = append(s, e.Source)
	}
	return s
}

func TestBeforeCutsStrictlyAndHidesTheFuture(t *testing.T) {
	tl := sample()
	p := tl.Before(noon)
	if got, want := sources(p.Events()), []string{"MedicationRequest/1", "Condition/before"}; !reflect.DeepEqual(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	if got := p.Events()[0]; !got.End.IsZero() || got.Cancelled {
		t.Errorf("an end after the moment or a cancellation is seen: %+v", got)
	}
	if tl.Events[0].End.IsZero() || !tl.Events[0].Cancelled {
		t.Error("Before changed the timeline")
	}
	if p.Person().Dead {
		t.Error("a death after the moment is seen")
	}
	if got := len(p.Encounters()); got != 2 {
		t.Errorf("%d encounters, want 2", got)
	}
	if v, ok := p.Visit(); !ok || v.ID != "Encounter/stay" || !v.End.IsZero() {
		t.Errorf("visit %+v, %v", v, ok)
	}
}

func TestBeforeIgnoresWhatComesAfter(t *testing.T) {
	want := sample().Before(noon)
	changed := sample()
	changed.Events = append(changed.Events, event(record.Condition, noon.Add(time.Hour), "Condition/new"))
	for i := range changed.Events {
		if changed.Events[i].End.After(noon) {
			changed.Events[i].End = noon.AddDate(3, 0, 0)
		}
		changed.Events[i].Cancelled = false
	}
	changed.Sort()
	if got := changed.Before(noon); !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestLiveSeesWhatWasJustWrittenAndEveryAllergy(t *testing.T) {
	p := sample().Live(noon)
	if got, want := sources(p.Events()), []string{"Condition/before", "Observation/at"}; !reflect.DeepEqual(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	if got, want := sources(p.Undated()), []string{"AllergyIntolerance/undated", "AllergyIntolerance/later"}; !reflect.DeepEqual(got, want) {
		t.Errorf("undated %v, want %v", got, want)
	}
	if !p.At().Equal(noon) {
		t.Errorf("at %v", p.At())
	}
}

func TestLiveLeavesOutWhatWasCancelled(t *testing.T) {
	tl := sample()
	tl.Events = append(tl.Events, event(record.Medication, noon.Add(-time.Hour), "MedicationRequest/draft"))
	tl.Events[len(tl.Events)-1].Cancelled = true
	tl.Undated = append(tl.Undated, record.Event{Kind: record.Medication, Source: "MedicationRequest/undated-draft", Cancelled: true})
	tl.Sort()
	live := tl.Live(noon)
	for _, e := range append(live.Events(), live.Undated()...) {
		if e.Source == "MedicationRequest/draft" || e.Source == "MedicationRequest/undated-draft" {
			t.Errorf("%s is in", e.Source)
		}
	}
	if before := sources(tl.Before(noon).Events()); !slices.Contains(before, "MedicationRequest/draft") {
		t.Errorf("a status without a date changed the past: %v", before)
	}
}

// TestLiveHidesNoEnd: an end that lies ahead is on record now; nobody knew it
// when the past was now.
func TestLiveHidesNoEnd(t *testing.T) {
	tl := sample()
	ends := noon.AddDate(1, 0, 0)
	tl.Events = append(tl.Events, record.Event{Kind: record.Medication, Known: noon.AddDate(0, 0, -250), End: ends, Status: record.Active, Source: "MedicationRequest/valid"})
	tl.Undated = append(tl.Undated, record.Event{Kind: record.Medication, End: ends, Status: record.OnHold, Source: "MedicationRequest/undated"})
	tl.Sort()
	find := func(events []record.Event, source string) record.Event {
		i := slices.IndexFunc(events, func(e record.Event) bool { return e.Source == source })
		if i < 0 {
			t.Fatalf("%s is missing", source)
		}
		return events[i]
	}
	live := tl.Live(noon)
	if e := find(live.Events(), "MedicationRequest/valid"); !e.End.Equal(ends) || e.Status != record.Active {
		t.Errorf("live: %+v", e)
	}
	if e := find(live.Undated(), "MedicationRequest/undated"); !e.End.Equal(ends) || e.Status != record.OnHold {
		t.Errorf("live, undated: %+v", e)
	}
	for _, v := range live.Encounters() {
		if v.ID == "Encounter/stay" && v.End.IsZero() {
			t.Error("the planned end of the stay is hidden")
		}
	}
	before := tl.Before(noon)
	for _, e := range []record.Event{find(before.Events(), "MedicationRequest/valid"), find(before.Undated(), "MedicationRequest/undated")} {
		if !e.End.IsZero() || e.Status != 0 {
			t.Errorf("before: %+v", e)
		}
	}
}

func TestVisitOpenEnded(t *testing.T) {
	for _, c := range []struct {
		class string
		ago   time.Duration
		want  bool
	}{{"AMB", time.Hour, true}, {"AMB", 25 * time.Hour, false}, {"IMP", 89 * 24 * time.Hour, true}, {"IMP", 91 * 24 * time.Hour, false}} {
		tl := record.Timeline{Encounters: []record.Encounter{{ID: "Encounter/1", Class: c.class, Start: noon.Add(-c.ago)}}}
		if _, ok := tl.Before(noon).Visit(); ok != c.want {
			t.Errorf("%s since %v: open %v, want %v", c.class, c.ago, ok, c.want)
		}
	}
}

func TestAgeAt(t *testing.T) {
	for _, c := range []struct {
		born record.Date
		at   string
		want int
		ok   bool
	}{
		{record.Date{Year: 1960, Month: 5, Day: 2}, "2024-05-01", 63, true},
		{record.Date{Year: 1960, Month: 5, Day: 1}, "2024-05-01", 64, true},
		{record.Date{Year: 1960}, "2024-01-01", 64, true},
		{record.Date{}, "2024-01-01", 0, false},
		{record.Date{Year: 2025}, "2024-01-01", -1, false},
	} {
		at, err := time.Parse(time.DateOnly, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := c.born.AgeAt(at); ok != c.ok || ok && got != c.want {
			t.Errorf("%+v at %s: %d %v, want %d %v", c.born, c.at, got, ok, c.want, c.ok)
		}
	}
}

func TestKindNamesAreTheirOwnInverse(t *testing.T) {
	for k := record.Condition; k <= record.Plan; k++ {
		if got, ok := record.ParseKind(k.String()); !ok || got != k {
			t.Errorf("%v: %v %v", k, got, ok)
		}
	}
	if _, ok := record.ParseKind("invalid"); ok {
		t.Error("the zero kind has a name that parses")
	}
}

func ExampleTimeline_Before() {
	tl := record.Timeline{Events: []record.Event{
		{Kind: record.Test, Text: "HbA1c", Known: noon.AddDate(0, 0, -1)},
		{Kind: record.Test, Text: "Creatinine", Known: noon.AddDate(0, 0, 1)},
	}}
	tl.Sort()
	for _, e := range tl.Before(noon).Events() {
		fmt.Println(e.Kind, e.Text)
	}
	// Output: test HbA1c
}
