package recommender

import (
	"math"
	"testing"

	"ember/record"
)

// indices are the drift of treatments, by what it is of.
func indices(e *Engine) map[string]Drift {
	out := map[string]Drift{}
	for _, d := range e.Drift() {
		if d.Want == Treatments {
			out[d.Of] = d
		}
	}
	return out
}

// TestDrift: patients like those of training are no drift; older ones, or charts
// full of what training never saw, are one, and of nothing else.
func TestDrift(t *testing.T) {
	asked := func(change func(*record.Timeline)) map[string]Drift {
		e := engineWith(t, fakeRules{}, nil)
		for i := range 400 {
			line := world{patients: 1000, seed: 91}.timeline(i)
			change(&line)
			for s := range Samples(line, TrainOptions{}.withDefaults().Landmarks) {
				ask(t, e, Query{Past: s.Past, Want: Treatments, Limit: 1})
			}
		}
		return indices(e)
	}
	same := asked(func(*record.Timeline) {})
	for of, d := range same {
		if d.Index > .1 || d.Decisions < 400 || math.IsNaN(d.Index) {
			t.Errorf("the same kind of patients: %s %+v", of, d)
		}
	}
	older := asked(func(l *record.Timeline) { l.Person.Born.Year -= 12 })
	if older["age"].Index < .25 || older["setting"].Index > .1 || older["unknown"].Index > .1 {
		t.Errorf("older patients: %+v", older)
	}
	strange := asked(func(l *record.Timeline) {
		for i := range l.Events {
			if i%3 == 0 {
				l.Events[i].Concept.Value = "never seen"
			}
		}
	})
	if strange["unknown"].Index < .25 || strange["age"].Index > .1 {
		t.Errorf("unknown concepts: %+v", strange)
	}
	e := engineWith(t, fakeRules{}, nil)
	for of, d := range indices(e) {
		if d.Index != 0 || d.Decisions != 0 {
			t.Errorf("nobody has asked: %s %+v", of, d)
		}
	}
}
