package terms

import (
	"slices"
	"strings"

	"ember/record"
)

// Procedure tells tests (imaging, laboratory, cultures, biopsies, endoscopies,
// assessments and screenings) from treatments, and gives the concept: SNOMED,
// CPT and other public codes as found, else the normalised text path. Words
// decide, most specific first: words of treatment beat words of tests
// ("insertion", "removal", "therapy"), and the sections of a treatment path
// ("radiologic procedures", "cultures") count when the leaf says nothing.
func (t *Terms) Procedure(codes []record.Code, text string) (record.Kind, record.Code) {
	k := t.procedures.get(codes, text, "", func() kinded {
		return kinded{t.procedureKind(codes, text), t.conceptOf(codes, text)}
	})
	return k.kind, k.code
}

func (t *Terms) procedureKind(codes []record.Code, text string) record.Kind {
	for _, c := range codes {
		if c.System == record.LOINC {
			return record.Test
		}
	}
	for _, w := range append(displaysOf(codes), text) {
		body, tag := splitTag(w)
		if body == "" {
			continue
		}
		if tag == "regime/therapy" {
			return record.Procedure
		}
		return t.words.procedure(textPath(body))
	}
	return record.Procedure
}

// procedure judges a normalised text path from its leaf up: the leaf and the
// steps above it by their words, the section (second step) of a path by the
// lists for sections, the organ system (first step) not at all.
func (w words) procedure(path string) record.Kind {
	steps := strings.Split(path, " > ")
	for i, s := range slices.Backward(steps) {
		p := " " + phrase(s) + " "
		therapy, test := w.therapy, w.test
		if n := len(steps); n > 2 && i == 1 {
			therapy, test = w.therapySection, w.testSection
		} else if n > 1 && i == 0 {
			break
		}
		switch {
		case w.sureTest.in(p):
			return record.Test
		case therapy.in(p):
			return record.Procedure
		case test.in(p):
			return record.Test
		}
	}
	return record.Procedure
}

// Observation tells test results (laboratory, imaging, procedure, exam) from
// findings (vital signs, social history, surveys, …) by category, and gives the
// concept: the LOINC code, else the LOINC code a laboratory's name for the
// analyte stands for, else as for procedures. Without category a LOINC code of
// a vital sign is a finding and everything else a test.
func (t *Terms) Observation(categories []string, codes []record.Code, text string) (record.Kind, record.Code) {
	category := ""
	if len(categories) > 0 {
		category = categories[0]
	}
	k := t.observations.get(codes, text, category, func() kinded {
		return kinded{t.observationKind(categories, codes), t.observationConcept(codes, text)}
	})
	return k.kind, k.code
}

func (t *Terms) observationKind(categories []string, codes []record.Code) record.Kind {
	for _, c := range categories {
		switch strings.ToLower(c) {
		case "laboratory", "lab", "imaging", "procedure", "exam", "therapy":
			return record.Test
		case "vital-signs", "social-history", "survey", "activity", "functional-status", "sdoh", "disability-status", "treatment-intervention-preference", "care-experience-preference":
			return record.Finding
		}
	}
	for _, c := range codes {
		if c.System == record.LOINC && t.In("vital-signs", c) {
			return record.Finding
		}
	}
	return record.Test
}

func (t *Terms) observationConcept(codes []record.Code, text string) record.Code {
	for _, c := range codes {
		if c.System == record.LOINC && c.Value != "" {
			return t.asFound(c)
		}
	}
	for _, w := range append([]string{text}, displaysOf(codes)...) {
		if loinc, ok := t.labs[plain(w)]; ok {
			c := record.Code{System: record.LOINC, Value: loinc}
			c.Display = t.displays[keyOf(c)]
			return c
		}
	}
	return t.conceptOf(codes, text)
}
