package fhir

import (
	"cmp"
	"slices"
	"strings"

	"ember/record"
	"ember/terms"
)

// plainTerms is a vocabulary that changes nothing: concepts are the first code,
// else the words. What terms really says is tested in terms.
type plainTerms struct{}

func (plainTerms) concept(codes []record.Code, text string) record.Code {
	return cmp.Or((&coded{codes: codes, text: text}).answer(), textCode(text))
}

func (p plainTerms) Drug(codes []record.Code, text string) terms.Drug {
	return terms.Drug{Concept: p.concept(codes, text)}
}

func (p plainTerms) Allergen(codes []record.Code, text string) terms.Allergen {
	return terms.Allergen{Concept: p.concept(codes, text), None: strings.EqualFold(text, "NKDA")}
}

func (p plainTerms) Condition(codes []record.Code, text string) (record.Kind, record.Code) {
	if strings.HasSuffix(text, "(finding)") {
		return record.Finding, p.concept(codes, text)
	}
	return record.Condition, p.concept(codes, text)
}

func (p plainTerms) Procedure(codes []record.Code, text string) (record.Kind, record.Code) {
	return record.Procedure, p.concept(codes, text)
}

func (p plainTerms) Observation(categories []string, codes []record.Code, text string) (record.Kind, record.Code) {
	if slices.Contains(categories, "laboratory") || slices.Contains(categories, "imaging") {
		return record.Test, p.concept(codes, text)
	}
	return record.Finding, p.concept(codes, text)
}
