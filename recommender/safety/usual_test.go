package safety_test

import (
	"testing"

	"ember/recommender/safety"
	"ember/record"
)

// TestTwoOrdersThatAreUsual: two orders of a drug warn where a label or a guideline
// describes them; everything else stays blocked.
func TestTwoOrdersThatAreUsual(t *testing.T) {
	w := newWorld(t)
	stay := record.Encounter{ID: "Encounter/1", Class: "IMP", Start: now.AddDate(0, 0, -2)}
	cases := []struct {
		name, active, order, want string
		encounters                []record.Encounter
	}{
		{"a rescue dose beside the same opioid", "oxycodone", "oxycodone / acetaminophen 5-325 MG", safety.Warn, nil},
		{"two products with acetaminophen at home", "acetaminophen", "hydrocodone / acetaminophen 5-325 MG", safety.Block, nil},
		{"two products with acetaminophen in a stay", "acetaminophen", "hydrocodone / acetaminophen 5-325 MG", safety.Warn, []record.Encounter{stay}},
		{"warfarin twice in a stay", "warfarin", "Coumadin 2.5 mg", safety.Block, []record.Encounter{stay}},
		{"a corticosteroid twice in a stay", "prednisone", "prednisone 5 MG Oral Tablet", safety.Block, []record.Encounter{stay}},
		{"a combination that is no order set", "lisinopril", "lisinopril / hydrochlorothiazide 10-12.5 MG", safety.Block, nil},
		{"the same twice at home", "acetaminophen", "acetaminophen 650 MG rectal suppository", safety.Block, nil},
		{"the same twice in a stay", "acetaminophen", "acetaminophen 650 MG rectal suppository", safety.Warn, []record.Encounter{stay}},
		{"potassium twice in a stay", "potassium chloride", "POTASSIUM CHLORIDE 20 MEQ/100ML IV SOLN", safety.Warn, []record.Encounter{stay}},
		{"no reason in a stay either", "apixaban", "Eliquis 5 mg", safety.Block, []record.Encounter{stay}},
	}
	for _, c := range cases {
		active := w.drug(c.active, 1)
		active.Days = 30
		tl := record.Timeline{Encounters: c.encounters, Events: []record.Event{active}}
		findings, _ := w.rules.Check(w.rules.Prepare(tl.Before(now), nil), w.order(c.order))
		if got := tier(findings, "duplicate-"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
