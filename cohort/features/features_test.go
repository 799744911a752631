package features_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ember/cohort/features"
	"ember/record"
)

var day0 = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)

func timeline() record.Timeline {
	loinc := record.Code{System: record.LOINC, Value: "2160-0"}
	t := record.Timeline{Person: record.Person{ID: "p", Born: record.Date{Year: 1960, Month: 1, Day: 1}},
		Encounters: []record.Encounter{{ID: "Encounter/1", Class: "IMP", Start: day0, End: day0.AddDate(0, 0, 5)}},
		Events: []record.Event{
			{Kind: record.Condition, Concept: record.Code{System: record.ICD10CM, Value: "I10"}, Known: day0.AddDate(0, 0, -180), Source: "a"},
			{Kind: record.Test, Concept: loinc, Value: 2, HasValue: true, Unit: "mg/dL", Known: day0.Add(time.Hour), Source: "b"},
			{Kind: record.Test, Concept: loinc, Value: 1, HasValue: true, Unit: "mg/dL", Known: day0.Add(2 * time.Hour), Source: "c"},
			{Kind: record.Test, Concept: loinc, Value: 9, HasValue: true, Unit: "mg/dL", Known: day0.Add(50 * time.Hour), Source: "d"},
		}}
	t.Sort()
	return t
}

func TestRowIsOfThePast(t *testing.T) {
	r := features.Of(timeline().Before(day0.Add(24 * time.Hour)))
	for name, want := range map[string]string{
		"age": "64", "condition icd10|I10": "0.498", "condition icd10-chapter|I": "0.498", "condition icd10-chapter|E": "0", "test loinc|2160-0 mg/dL last": "1", "test loinc|2160-0 mg/dL least": "1",
		"test loinc|2160-0 mg/dL most": "2", "test events 1d": "2", "stays 30d": "1", "hours in visit": "24", "visit IMP": "1",
		"test loinc|718-7 g/dL last": "", "condition icd10|E11": "0",
	} {
		if got := r.Cell(name); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	later := timeline()
	later.Events = append(later.Events, record.Event{Kind: record.Condition, Concept: record.Code{System: record.ICD10CM, Value: "E11"}, Known: day0.AddDate(0, 0, 2), Source: "e"})
	later.Person.Dead, later.Person.Died = true, day0.AddDate(0, 0, 4)
	later.Sort()
	again := features.Of(later.Before(day0.Add(24 * time.Hour)))
	if len(again) != len(r) {
		t.Fatalf("what came later changes the row: %d names, %d before", len(again), len(r))
	}
	for name, v := range r {
		if again[name] != v {
			t.Errorf("what came later changes %s", name)
		}
	}
}

func TestColumnsAreWhatMoreThanAFewHave(t *testing.T) {
	rows := make([]features.Row, 1500)
	for i := range rows {
		rows[i] = features.Row{"age": float64(i)}
		if i < 14 {
			rows[i]["rare"] = 1
		}
		if i < 15 {
			rows[i]["just"] = 1
		}
	}
	if got := features.Columns(rows); !slices.Equal(got, []string{"age", "just"}) {
		t.Error(got)
	}
}
