package cohort_test

import (
	"context"
	"strings"
	"testing"

	"ember/record"
)

// TestANumberWithoutUnit: a name that tests in units of different kinds have is asked with a
// unit, or the answer says in which units the number counted.
func TestANumberWithoutUnit(t *testing.T) {
	d := newDesk(t, 100)
	test := func(code, unit string, value float64) record.Event {
		return record.Event{Kind: record.Test, Concept: record.Code{System: record.LOINC, Value: code, Display: "creatinine " + code}, Value: value, HasValue: true, Unit: unit, Known: now.AddDate(0, -1, 0)}
	}
	for i := range 60 {
		p := person(i, record.Female, 1960)
		p.Timeline.Events = append(p.Timeline.Events, test("2160-0", "mg/dL", 1), test("33914-3", "mL/min/{1.73_m2}", 70), test("4548-4", "%", 6))
		d.apply(p)
	}
	for text, unit := range map[string]string{"lab:creatinine>1.5": "mL/min", "lab.code:2160-0>1.5": "", "lab.code:4548-4>5": "", "lab:creatinine": ""} {
		a, err := d.s.Count(context.Background(), attacker, d.question(text))
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, w := range a.Warnings {
			said += w.Detail + "; " + w.Hint
		}
		if unit == "" && said != "" || !strings.Contains(said, unit) || unit != "" && !strings.Contains(said, "mg/dL") {
			t.Errorf("%s: %q", text, said)
		}
	}
}
