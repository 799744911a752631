package terms

import (
	"strings"

	"ember/record"
)

// valueSet is a set of codes: exact ones, prefixes of ICD codes, phrases.
type valueSet struct {
	codes    map[codeKey]bool
	prefixes map[icd][]string
	text     phrases
}

func newValueSet() *valueSet {
	return &valueSet{codes: map[codeKey]bool{}, prefixes: map[icd][]string{}}
}

// add puts one pattern in; ok is false for a pattern that cannot be used.
func (s *valueSet) add(system, pattern string) (ok bool) {
	prefix, isPrefix := strings.CutSuffix(pattern, "*")
	switch system {
	case "icd10", "icd9":
		which := icd10
		if system == "icd9" {
			which = icd9
		}
		if isPrefix {
			s.prefixes[which] = append(s.prefixes[which], squash(prefix))
			return prefix != ""
		}
		s.codes[codeKey{system, squash(pattern)}] = true
	case "snomed":
		s.codes[codeKey{record.SNOMED, pattern}] = true
	case "loinc":
		s.codes[codeKey{record.LOINC, pattern}] = true
	case "text":
		s.text.add(pattern)
	default:
		if !strings.Contains(system, ":") {
			return false
		}
		s.codes[codeKey{system, pattern}] = true
	}
	return pattern != ""
}

func (s *valueSet) has(c record.Code) bool {
	if s.codes[keyOf(c)] {
		return true
	}
	which := icdOf(c.System)
	if which == 0 {
		return c.System == record.Text && s.text.in(" "+phrase(c.Value)+" ")
	}
	name := "icd10"
	if which == icd9 {
		name = "icd9"
	}
	code := squash(c.Value)
	if s.codes[codeKey{name, code}] {
		return true
	}
	for _, p := range s.prefixes[which] {
		if strings.HasPrefix(code, p) {
			return true
		}
	}
	return false
}

// In reports whether a code belongs to a value set, by itself or through the
// site's hierarchy. A category ("N18") is not in a set that asks for a part of
// it ("N18.6"): ask with an event's codes as found, not only with its concept.
// An unknown value set has no members.
func (t *Terms) In(valueSet string, c record.Code) bool {
	s := t.sets[valueSet]
	if s == nil {
		return false
	}
	if s.has(c) {
		return true
	}
	if len(t.parents) == 0 {
		return false
	}
	for _, a := range t.Ancestors(c) {
		if s.has(a) {
			return true
		}
	}
	return false
}
