package search

import (
	"strings"

	"ember/fhir"
)

// Terms is what an engine asks about codes.
type Terms interface {
	// Member reports whether a code is in a value set; known is false where there is no
	// such set.
	Member(set, system, code string) (in, known bool)
	// Subsumes reports whether a code of a system is general, or more general than specific,
	// which is called display, "" = not known; known is false where no hierarchy of the
	// system is.
	Subsumes(system, general, specific, display string) (is, known bool)
}

// setName is the name of a value set: what its address ends with.
func setName(address string) string {
	address, _, _ = strings.Cut(address, "|")
	if i := strings.LastIndex(address, "ValueSet/"); i >= 0 {
		return address[i+len("ValueSet/"):]
	}
	return address
}

// matchConcept decides by what is known of codes.
func (e *Engine) matchConcept(modifier string, one *test, v *fhir.Value) bool {
	if e.Terms == nil || len(v.Code) == 0 {
		return false
	}
	system, code := string(v.System), string(v.Code)
	if modifier == "in" || modifier == "not-in" {
		in, known := e.Terms.Member(setName(one.code), system, code)
		return in && known
	}
	if one.hasSystem && one.system != system {
		return false
	}
	general, specific, display := one.code, code, string(v.Text)
	if modifier == "above" {
		general, specific, display = specific, general, ""
	}
	is, known := e.Terms.Subsumes(system, general, specific, display)
	return is && known
}

// sets reports whether all value sets of a term are known: of one that is not, nothing is
// outside.
func (e *Engine) sets(t *term) bool {
	for i := range t.tests {
		if !e.hasSet(t.tests[i].code) {
			return false
		}
	}
	return true
}

func (e *Engine) hasSet(address string) bool {
	if e.Terms == nil {
		return false
	}
	_, known := e.Terms.Member(setName(address), "", "")
	return known
}

// answerable refuses what asks for value sets and hierarchies that are not known here.
func (e *Engine) answerable(q *Query) error {
	for i := range q.terms {
		t := &q.terms[i]
		for j := range t.tests {
			one := &t.tests[j]
			switch t.modifier {
			case "in", "not-in":
				if t.param.Type == fhir.TokenParam && !e.hasSet(one.code) {
					return &Error{Code: "not-supported", Param: t.name, Detail: "the value set is not known here", Hint: "these are those that the safety rules use, by their names, as diabetes; see docs/guide/fhir.md"}
				}
			case "above", "below":
				if t.param.Type == fhir.TokenParam && one.hasSystem && !e.hasHierarchy(one.system) {
					return &Error{Code: "not-supported", Param: t.name, Detail: "no hierarchy of this code system is known here", Hint: "ICD-10-CM, ICD-9-CM and RxNorm have one, and what the site's own maps give one"}
				}
			}
		}
	}
	return nil
}

func (e *Engine) hasHierarchy(system string) bool {
	if e.Terms == nil {
		return false
	}
	_, known := e.Terms.Subsumes(system, "", "", "")
	return known
}

// ofType reports whether an identifier's type, as it lies, has a coding that is asked for.
func ofType(kind []byte, one *test) bool {
	for _, c := range fhir.Codings(kind) {
		if c.Value == one.kind && (one.kindSystem == "" || c.System == one.kindSystem) {
			return true
		}
	}
	return false
}
