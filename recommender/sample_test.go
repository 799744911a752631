package recommender

import (
	"slices"
	"testing"
	"time"

	"ember/record"
)

func at(day, hour int) time.Time { return time.Date(2024, 1, day, hour, 0, 0, 0, time.UTC) }

func order(kind record.Kind, name string, known time.Time, encounter string) record.Event {
	return record.Event{Kind: kind, Mode: record.Ordered, Concept: record.Code{System: "s", Value: name}, Known: known, Encounter: encounter}
}

func labelsOf(s Sample) (out []string) {
	for _, l := range s.Labels {
		name := l.Code.Value
		if l.Continue {
			name += "+"
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func TestLabelsOfAVisit(t *testing.T) {
	visit := record.Encounter{ID: "Encounter/1", Class: "AMB", Start: at(10, 9), End: at(10, 10)}
	cancelled := order(record.Medication, "cancelled", at(10, 9), "Encounter/1")
	cancelled.Cancelled = true
	stated := order(record.Medication, "stated", at(10, 9), "Encounter/1")
	stated.Mode = record.Stated
	given := order(record.Medication, "given", at(10, 9), "Encounter/1")
	given.Mode = record.Done
	supply := order(record.Medication, "supplied", at(10, 9).AddDate(-2, 0, 0), "")
	supply.Days = 800
	line := record.Timeline{Encounters: []record.Encounter{visit}, Events: []record.Event{
		order(record.Medication, "renewed", at(1, 9), ""),
		order(record.Medication, "long ago", at(10, 9).AddDate(-1, 0, -2), ""),
		supply,
		order(record.Test, "old test", at(10, 9).AddDate(0, 0, -181), ""),
		order(record.Medication, "renewed", at(10, 9), "Encounter/1"),
		order(record.Medication, "renewed", at(10, 9), "Encounter/1"), // once
		order(record.Medication, "long ago", at(10, 9), "Encounter/1"),
		order(record.Medication, "supplied", at(10, 9), "Encounter/1"),
		order(record.Test, "old test", at(10, 9), "Encounter/1"),
		order(record.Procedure, "late report", at(12, 9), "Encounter/1"),
		order(record.Procedure, "by time", at(10, 9), ""),
		order(record.Procedure, "another day", at(11, 9), ""),
		order(record.Medication, "elsewhere", at(10, 9), "Encounter/2"),
		order(record.Condition, "no order", at(10, 9), "Encounter/1"),
		cancelled, stated, given,
	}}
	line.Sort()
	samples := slices.Collect(Samples(line, EvaluationLandmarks()))
	if len(samples) != 1 {
		t.Fatalf("%d samples of one visit", len(samples))
	}
	want := []string{"by time", "late report", "long ago", "old test", "renewed+", "supplied+"}
	if got := labelsOf(samples[0]); !slices.Equal(got, want) {
		t.Errorf("labels %q, want %q", got, want)
	}
	if n := len(samples[0].Past.Events()); n != 4 {
		t.Errorf("%d events are known at the start, want the 4 before it", n)
	}
}

func TestLandmarksOfStays(t *testing.T) {
	short := record.Encounter{ID: "Encounter/1", Class: "EMER", Start: at(1, 0), End: at(1, 20)}
	long := record.Encounter{ID: "Encounter/2", Class: "IMP", Start: at(5, 0), End: at(7, 0)}
	line := record.Timeline{Encounters: []record.Encounter{short, long}, Events: []record.Event{
		order(record.Medication, "first hours", at(5, 1), "Encounter/2"),
		order(record.Medication, "evening", at(5, 20), "Encounter/2"),
		order(record.Medication, "second day", at(6, 5), "Encounter/2"),
		order(record.Medication, "after the stay", at(8, 5), "Encounter/2"),
	}}
	line.Sort()
	samples := slices.Collect(Samples(line, EvaluationLandmarks()))
	if len(samples) != 2 || samples[0].Landmark != 6*time.Hour || samples[1].Landmark != 24*time.Hour {
		t.Fatalf("%d samples of a short and a long stay", len(samples))
	}
	if got := labelsOf(samples[0]); !slices.Equal(got, []string{"evening", "second day"}) {
		t.Errorf("at 6 h: %q", got)
	}
	if got := labelsOf(samples[1]); !slices.Equal(got, []string{"second day"}) {
		t.Errorf("at 24 h: %q", got)
	}
	if !samples[0].Visit.End.IsZero() {
		t.Error("the end of the stay is known during it")
	}
}

func TestManyVisitsAreThinnedEvenly(t *testing.T) {
	var line record.Timeline
	for i := range 100 {
		line.Encounters = append(line.Encounters, record.Encounter{ID: "e", Class: "AMB", Start: at(1, 0).AddDate(0, i, 0)})
	}
	samples := slices.Collect(Samples(line, nil))
	if len(samples) != maxVisits {
		t.Fatalf("%d samples", len(samples))
	}
	if first, last := samples[0].Visit.Start, samples[maxVisits-1].Visit.Start; first.After(at(1, 0).AddDate(0, 8, 0)) || last.Before(at(1, 0).AddDate(0, 91, 0)) {
		t.Errorf("taken from %v to %v", first, last)
	}
}

func TestReasonOfTheOrderIsNotSeen(t *testing.T) {
	visit := record.Encounter{ID: "Encounter/1", Class: "AMB", Start: at(10, 9), End: at(10, 10), Reason: []record.Code{{System: "r", Value: "visit"}}}
	o := order(record.Medication, "drug", at(10, 9), "Encounter/1")
	o.Reason = []string{"Condition/secret"}
	line := record.Timeline{Encounters: []record.Encounter{visit}, Events: []record.Event{o}}
	for s := range Samples(line, nil) {
		if len(s.Past.Events()) != 0 || len(s.Visit.Reason) != 1 {
			t.Errorf("known: %d events, reasons %v", len(s.Past.Events()), s.Visit.Reason)
		}
	}
}
