package terms_test

import (
	"slices"
	"testing"

	"ember/terms"
)

func TestNames(t *testing.T) {
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	if all := tt.Classes(); !slices.IsSorted(all) || !slices.Contains(all, "sglt2-inhibitor") || tt.Class(all[0]) == nil {
		t.Errorf("classes %v", all)
	}
	if all := tt.ValueSets(); !slices.IsSorted(all) || !slices.Contains(all, "diabetes") {
		t.Errorf("value sets %v", all)
	}
	for unit, want := range map[string]bool{"mg/dL": true, "mmol/L": true, "%": true, "bananas": false, "": false} {
		if got := tt.KnowsUnit(unit); got != want {
			t.Errorf("%q is a unit: %v", unit, got)
		}
	}
	for unit, want := range map[string]bool{"mg/dL": true, "%": true, "10*9/L": true, "x10^9/L": false, "": false} {
		if got := tt.IsUCUM(unit); got != want {
			t.Errorf("%q is written as UCUM has it: %v", unit, got)
		}
	}
	if got := tt.UsualUnit("4548-4"); got != "%" {
		t.Errorf("the usual unit of HbA1c is %q", got)
	}
}
