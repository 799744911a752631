package search

import (
	"strings"

	"ember/fhir"
)

// readComposite reads name=value$value, each value as that of its part.
func (q *Query) readComposite(p *fhir.Param, name, value string) error {
	if name != p.Name {
		return &Error{Code: "not-supported", Param: name, Detail: "a composite parameter has no modifier and is not followed",
			Hint: "ask for its parts one by one"}
	}
	t := term{name: name, param: p}
	for _, text := range splitOr(value) {
		pieces := splitAt(text, '$')
		if len(pieces) != len(p.Parts) {
			return invalid(name, "the form is %s", partNames(p))
		}
		var one test
		for i, part := range p.Parts {
			if pieces[i] == "" {
				return invalid(name, "a value is empty")
			}
			of, err := parseTest(&term{name: name, param: part}, "", pieces[i])
			if err != nil {
				return err
			}
			one.parts = append(one.parts, of)
		}
		t.tests = append(t.tests, one)
	}
	q.terms = append(q.terms, t)
	return nil
}

func partNames(p *fhir.Param) string {
	names := make([]string, len(p.Parts))
	for i, part := range p.Parts {
		names[i] = part.Name
	}
	return strings.Join(names, "$")
}

// composite decides a composite: all parts must be met within one element.
func (s *search) composite(t *term, f *found) bool {
	for _, holder := range t.param.Holders(f.body) {
		for i := range t.tests {
			if s.together(t, &t.tests[i], holder) {
				return true
			}
		}
	}
	return false
}

func (s *search) together(t *term, one *test, holder []byte) bool {
	for i, part := range t.param.Parts {
		of := term{name: t.name, param: part, tests: one.parts[i : i+1]}
		if !s.e.matchValues(s.q, &of, s.x.PartValues(holder, part)) {
			return false
		}
	}
	return true
}

// leading is the parameter of the type that says what the first part of a composite says,
// with the values that it must have; nil for other terms.
func (t *term) leading(typ string) (p *fhir.Param, codes []string) {
	if t.param == nil || t.param.Type != fhir.CompositeParam {
		return nil, nil
	}
	for i := range t.tests {
		code := t.tests[i].parts[0].code
		if code == "" {
			return nil, nil
		}
		codes = append(codes, code)
	}
	return fhir.FindParam(typ, t.param.Leads), codes
}
