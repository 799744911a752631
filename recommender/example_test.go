package recommender_test

import (
	"fmt"
	"time"

	"ember/recommender"
	"ember/record"
)

// The decisions of a timeline, and what followed them.
func ExampleSamples() {
	day := func(d, h int) time.Time { return time.Date(2024, 3, d, h, 0, 0, 0, time.UTC) }
	metformin := record.Code{System: record.Ingredient, Value: "metformin", Display: "Metformin"}
	order := func(at time.Time, encounter string) record.Event {
		return record.Event{Kind: record.Medication, Mode: record.Ordered, Concept: metformin, Known: at, Encounter: encounter}
	}
	t := record.Timeline{
		Encounters: []record.Encounter{
			{ID: "Encounter/1", Class: "AMB", Start: day(1, 9), End: day(1, 10)},
			{ID: "Encounter/2", Class: "AMB", Start: day(20, 9), End: day(20, 10)},
		},
		Events: []record.Event{order(day(1, 9), "Encounter/1"), order(day(20, 9), "Encounter/2")},
	}
	t.Sort()
	for s := range recommender.Samples(t, recommender.EvaluationLandmarks()) {
		for _, l := range s.Labels {
			fmt.Println(s.Past.At().Format(time.DateOnly), len(s.Past.Events()), "known;", l.Code.Display, "continued:", l.Continue)
		}
	}
	// Output:
	// 2024-03-01 0 known; Metformin continued: false
	// 2024-03-20 1 known; Metformin continued: true
}
