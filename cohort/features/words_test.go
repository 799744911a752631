package features

import (
	"testing"

	"ember/record"
)

// TestWords says what a clinician is told of a column.
func TestWords(t *testing.T) {
	display := func(c record.Code) string {
		return map[record.Code]string{
			{System: record.ICD10CM, Value: "M19"}:  "Osteoarthritis",
			{System: record.LOINC, Value: "4548-4"}: "Hemoglobin A1c",
		}[c]
	}
	for _, c := range []struct{ column, cell, want string }{
		{"condition icd10|M19", "0.5", "condition Osteoarthritis (M19), last recorded 6 months before"},
		{"condition icd10|M19", "1", "condition Osteoarthritis (M19), recorded within two days"},
		{"condition icd10|M19", "2.35488e-05", "condition Osteoarthritis (M19), last recorded 8 years before"},
		{"condition icd10|M19", "0", "condition Osteoarthritis (M19), not on record"},
		{"medication drug|metformin", "0.9", "medication metformin, last recorded 27 days before"},
		{"test loinc|4548-4 % last", "7.2", "Hemoglobin A1c (4548-4), last value 7.2 %"},
		{"test loinc|4548-4 % most", "", "Hemoglobin A1c (4548-4), not measured"},
		{"condition text|low back pain", "1", "condition low back pain, recorded within two days"},
		{"condition icd10-chapter|I", "1", "condition of ICD-10 I, recorded within two days"},
		{"visit IMP", "1", "visit IMP: 1"},
		{"condition events 30d", "3", "condition events of the last 30 days: 3"},
		{"visits ever", "12", "visits ever: 12"},
		{"age", "64", "age: 64"},
		{"sex", "female", "sex: female"},
	} {
		if got := Words(c.column, c.cell, display); got != c.want {
			t.Errorf("%s = %s: %q, want %q", c.column, c.cell, got, c.want)
		}
	}
}
