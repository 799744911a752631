package search

import (
	"bytes"
	"math"
	"strings"

	"ember/fhir"
)

// matchValues decides a term without chain by the values of a resource.
func (e *Engine) matchValues(q *Query, t *term, values []fhir.Value) bool {
	some, met := false, false
	for i := range values {
		v := &values[i]
		if v.Param != t.param {
			continue
		}
		some = true
		if t.modifier == "missing" {
			break
		}
		for j := range t.tests {
			met = met || e.matchOne(q, t, &t.tests[j], v)
		}
	}
	switch t.modifier {
	case "missing":
		return some != t.missing
	case "not":
		return !met
	case "not-in":
		return !met && e.sets(t)
	}
	if !met {
		for j := range t.tests {
			if t.tests[j].prefix == "ne" && some {
				return e.noneEqual(q, t, &t.tests[j], values)
			}
		}
	}
	return met
}

// noneEqual: a resource with several values is unequal when none of them is equal.
func (e *Engine) noneEqual(q *Query, t *term, one *test, values []fhir.Value) bool {
	equal := *one
	equal.prefix = "eq"
	for i := range values {
		if values[i].Param == t.param && e.matchOne(q, t, &equal, &values[i]) {
			return false
		}
	}
	return true
}

func (e *Engine) matchOne(q *Query, t *term, one *test, v *fhir.Value) bool {
	switch t.param.Type {
	case fhir.TokenParam:
		return e.matchToken(t.modifier, one, v)
	case fhir.DateParam:
		return e.matchDate(one, v.First, v.Last)
	case fhir.StringParam:
		return matchLine(t.modifier, one.text, v.Text)
	case fhir.ReferenceParam:
		return q.matchReference(t, one, v)
	case fhir.QuantityParam, fhir.NumberParam:
		return e.matchAmount(one, v)
	case fhir.URIParam:
		return matchURI(t.modifier, one.code, string(v.Code))
	}
	return false
}

func (e *Engine) matchToken(modifier string, one *test, v *fhir.Value) bool {
	switch modifier {
	case "text":
		return len(v.Text) > 0 && bytes.HasPrefix(fhir.Fold(v.Text), []byte(one.text))
	case "in", "not-in", "above", "below":
		return v.Form == fhir.Coded && e.matchConcept(modifier, one, v)
	case "of-type":
		return v.Form == fhir.Coded && one.code == string(v.Code) && ofType(v.Kind, one)
	}
	return equalToken(one, v)
}

func equalToken(one *test, v *fhir.Value) bool {
	if v.Form != fhir.Coded && v.Form != fhir.Word && v.Form != fhir.Named {
		return false
	}
	if one.code != "" && one.code != string(v.Code) {
		return false
	}
	switch {
	case !one.hasSystem:
		return true
	case v.Form == fhir.Word:
		return one.code != "" // the element's system is not in the resource
	}
	return one.system == string(v.System)
}

// matchDate compares times from first to last with what was asked for.
func (e *Engine) matchDate(one *test, first, last int64) bool {
	within := first >= one.first && last <= one.last
	switch one.prefix {
	case "eq":
		return within
	case "ne":
		return !within
	case "gt":
		return last > one.last
	case "ge":
		return last > one.last || within
	case "lt":
		return first < one.first
	case "le":
		return first < one.first || within
	case "sa":
		return first > one.last
	case "eb":
		return last < one.first
	}
	low, high := e.about(one)
	return first <= high && last >= low
}

// about widens a date by a tenth of how far away it is.
func (e *Engine) about(one *test) (low, high int64) {
	now := e.Now().UnixMilli()
	slack := max(one.first-now, now-one.last, 0) / 10
	return one.first - slack, one.last + slack
}

func matchLine(modifier, want string, text []byte) bool {
	switch modifier {
	case "exact":
		return want == string(text)
	case "contains":
		return bytes.Contains(fhir.Fold(text), []byte(want))
	}
	return bytes.HasPrefix(fhir.Fold(text), []byte(want))
}

func (q *Query) matchReference(t *term, one *test, v *fhir.Value) bool {
	if t.modifier == "identifier" {
		return v.Form == fhir.Named && equalToken(one, v)
	}
	if v.Form != fhir.Pointer {
		return false
	}
	target := fhir.Target(v.Code)
	if target == nil {
		return false
	}
	if one.code != "" {
		r := fhir.ParseReference(q.local(string(target)))
		return r.Kind == fhir.Relative && r.ID == one.code
	}
	local := q.local(string(target))
	for _, want := range one.targets {
		if q.local(want) == local {
			return true
		}
	}
	return false
}

// local is a reference without the server's own base before it.
func (q *Query) local(ref string) string { return trimBase(q.Base, ref) }

func trimBase(base, ref string) string {
	if base == "" {
		return ref
	}
	return strings.TrimPrefix(ref, base)
}

func (e *Engine) matchAmount(one *test, v *fhir.Value) bool {
	low, high := v.Low, v.High
	if one.unit != "" {
		var ok bool
		if low, high, ok = e.convert(one, v); !ok {
			return false
		}
	}
	within := low >= one.low && high < one.high || low == one.number && high == one.number
	switch one.prefix {
	case "eq":
		return within
	case "ne":
		return !within
	case "gt":
		return high > one.number
	case "ge":
		return high >= one.number
	case "lt":
		return low < one.number
	case "le":
		return low <= one.number
	case "sa":
		return low > one.number
	case "eb":
		return high < one.number
	}
	slack := math.Max(math.Abs(one.number)/10, one.high-one.number)
	return low <= one.number+slack && high >= one.number-slack
}

const ucum = "http://unitsofmeasure.org"

// convert gives the ends of a quantity in the unit that was asked for. Units of
// UCUM are converted into each other; others must be the same.
func (e *Engine) convert(one *test, v *fhir.Value) (low, high float64, ok bool) {
	code, system := string(v.Code), string(v.System)
	switch {
	case one.hasSystem && one.system != system:
		return 0, 0, false
	case one.unit == code, !one.hasSystem && one.unit == string(v.Text):
		return v.Low, v.High, true
	case system != ucum || e.Units == nil:
		return 0, 0, false
	}
	low, ok1 := e.inUnit(v.Low, code, one.unit)
	high, ok2 := e.inUnit(v.High, code, one.unit)
	return low, high, ok1 && ok2
}

func (e *Engine) inUnit(v float64, from, to string) (float64, bool) {
	if math.IsInf(v, 0) {
		return v, true
	}
	return e.Units(v, from, to)
}

func matchURI(modifier, want, is string) bool {
	switch modifier {
	case "below":
		return is == want || strings.HasPrefix(is, strings.TrimSuffix(want, "/")+"/")
	case "above":
		return is == want || strings.HasPrefix(want, strings.TrimSuffix(is, "/")+"/")
	}
	url, _, _ := strings.Cut(is, "|")
	return is == want || url == want
}
