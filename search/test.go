package search

import (
	"math"
	"strconv"
	"strings"

	"ember/fhir"
)

// test is one value of a parameter.
type test struct {
	prefix string // of dates and numbers, "eq" without one

	// A token: system may be "", which is another thing than no system asked for.
	hasSystem    bool
	system, code string
	text         string // folded where case does not matter

	first, last int64 // a date

	number, low, high float64 // a number, and what its digits stand for
	unit              string

	targets []string // a reference: "Type/id" of every type it may mean, or as it stands

	kindSystem, kind string // of-type: what an identifier's type must be
	parts            []test // a composite: one for each part
}

var prefixes = []string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}

func cutPrefix(s string) (prefix, rest string) {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(s, p); ok {
			return p, rest
		}
	}
	return "eq", s
}

// parseTest reads one value; target is the type a reference must have, "" for any.
func parseTest(t *term, target, text string) (test, error) {
	switch t.param.Type {
	case fhir.TokenParam:
		return parseToken(t, text)
	case fhir.DateParam:
		return parseDate(t, text)
	case fhir.StringParam:
		s := unescapeValue(text)
		if t.modifier != "exact" {
			s = string(fhir.Fold([]byte(s)))
		}
		return test{text: s}, nil
	case fhir.ReferenceParam:
		return parseReference(t, target, text)
	case fhir.QuantityParam, fhir.NumberParam:
		return parseQuantity(t, text)
	}
	return test{code: unescapeValue(text)}, nil
}

func parseToken(t *term, text string) (test, error) {
	if t.modifier == "text" {
		return test{text: string(fhir.Fold([]byte(unescapeValue(text))))}, nil
	}
	parts := splitAt(text, '|')
	switch {
	case t.modifier == "of-type":
		return parseOfType(t, parts)
	case t.modifier == "in", t.modifier == "not-in":
		return test{code: unescapeValue(text)}, nil
	case (t.modifier == "above" || t.modifier == "below") && (parts[len(parts)-1] == "" || len(parts) == 2 && parts[0] == ""):
		return test{}, invalid(t.name, "the form is code or system|code")
	}
	switch len(parts) {
	case 1:
		return test{code: unescapeValue(parts[0])}, nil
	case 2:
		if parts[0] != "" || parts[1] != "" {
			return test{hasSystem: true, system: unescapeValue(parts[0]), code: unescapeValue(parts[1])}, nil
		}
	}
	return test{}, invalid(t.name, "the form is code, system|code, system| or |code")
}

// parseOfType reads system|code|value: the type of an identifier, and its value.
func parseOfType(t *term, parts []string) (test, error) {
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
		return test{}, invalid(t.name, "the form is system|code|value: of the identifier's type, and its value")
	}
	return test{kindSystem: unescapeValue(parts[0]), kind: unescapeValue(parts[1]), code: unescapeValue(parts[2])}, nil
}

func parseDate(t *term, text string) (test, error) {
	prefix, rest := cutPrefix(text)
	if i := strings.LastIndexByte(rest, ' '); i > 10 { // an unescaped + before the zone
		rest = rest[:i] + "+" + rest[i+1:]
	}
	first, last, ok := fhir.Interval([]byte(rest))
	if !ok {
		return test{}, invalid(t.name, "the form is [prefix]YYYY[-MM[-DD[Thh:mm[:ss[.sss]]zone]]], the prefix one of eq, ne, gt, lt, ge, le, sa, eb, ap")
	}
	return test{prefix: prefix, first: first, last: last}, nil
}

// parseQuantity reads [prefix]number, and for quantities |system|code or ||code.
func parseQuantity(t *term, text string) (test, error) {
	parts := splitAt(text, '|')
	prefix, digits := cutPrefix(parts[0])
	v, half, ok := decimal(digits)
	bad := invalid(t.name, "the form is [prefix]number, or [prefix]number|system|unit for a quantity")
	if !ok {
		return test{}, bad
	}
	out := test{prefix: prefix, number: v, low: v - half, high: v + half}
	switch {
	case len(parts) == 1:
	case t.param.Type == fhir.NumberParam, len(parts) != 3:
		return test{}, bad
	default:
		out.system, out.unit, out.hasSystem = unescapeValue(parts[1]), unescapeValue(parts[2]), parts[1] != ""
		if out.hasSystem && out.unit == "" {
			return test{}, invalid(t.name, "a system needs a unit beside it")
		}
	}
	return out, nil
}

// decimal is a number and half of the last digit it was written with.
func decimal(s string) (v, half float64, ok bool) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) || strings.ContainsAny(s, "xX_pPnN") {
		return 0, 0, false
	}
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		exponent, _ = strconv.Atoi(s[i+1:])
	}
	if _, frac, found := strings.Cut(mantissa, "."); found {
		exponent -= len(frac)
	}
	return v, math.Pow10(exponent) / 2, true
}

func parseReference(t *term, target, text string) (test, error) {
	if t.modifier == "identifier" {
		return parseToken(&term{name: t.name}, text)
	}
	s := unescapeValue(text)
	if strings.Contains(s, "/") || strings.HasPrefix(s, "urn:") {
		if s, _, _ = strings.Cut(s, "/_history/"); target != "" && fhir.ParseReference(s).Type != target {
			return test{}, invalid(t.name, "the value is of another type than the modifier names")
		}
		return test{targets: []string{s}}, nil
	}
	if s == "" || fhir.ParseReference("Patient/"+s).Kind != fhir.Relative {
		return test{}, invalid(t.name, "the form is id, Type/id or an absolute URL")
	}
	if target != "" {
		return test{targets: []string{target + "/" + s}}, nil
	}
	out := test{code: s}
	for _, typ := range t.param.Targets {
		out.targets = append(out.targets, typ+"/"+s)
	}
	return out, nil
}
