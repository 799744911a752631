package group

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ember/cohort"
)

// Read makes a definition of a Group of persons that is one (actual false). What describes
// the Group and not its members (name, identifier, text) is not looked at. Anything else that
// is not known is a *[cohort.Error] with its place, "Group.characteristic[2].valueQuantity".
func Read(data []byte) (cohort.Criterion, error) {
	var g resource
	if err := strictly(data, &g, "Group"); err != nil {
		return cohort.Criterion{}, err
	}
	switch {
	case g.ResourceType != "Group":
		return cohort.Criterion{}, fail("Group.resourceType", "send a Group as FHIR JSON", "this is no Group")
	case g.Type != "person":
		return cohort.Criterion{}, fail("Group.type", "", "only a Group of persons is a cohort")
	case g.Actual == nil || *g.Actual:
		return cohort.Criterion{}, fail("Group.actual", "a definition has actual false", "this Group is one of members, and no definition")
	case len(g.Characteristic) == 0:
		return cohort.Criterion{}, fail("Group.characteristic", "", "the Group has no characteristics")
	}
	parts := make([]cohort.Criterion, len(g.Characteristic))
	for i, raw := range g.Characteristic {
		r := reader{path: fmt.Sprintf("Group.characteristic[%d]", i)}
		if err := strictly(raw, &r.of, r.path); err != nil {
			return cohort.Criterion{}, err
		}
		if parts[i] = r.characteristic(); r.err != nil {
			return cohort.Criterion{}, r.err
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return cohort.Criterion{All: parts}, nil
}

// strictly reads what has no fields but those known.
func strictly(raw []byte, into any, path string) error {
	if !json.Valid(raw) {
		return fail(path, "send a Group as FHIR JSON", "this is no JSON")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return fail(strings.TrimSuffix(path+"."+wrong.Field, "."), "", "another type is expected here")
	}
	name := strings.TrimPrefix(err.Error(), "json: unknown field ")
	return fail(path, "take it away, if the members are the same without it", "%s cannot be read as a part of a definition", name)
}

// reader reads one characteristic, and keeps the first error.
type reader struct {
	path string
	of   characteristic
	err  error
}

// fail says what is wrong at an element of the characteristic.
func (r *reader) fail(at, hint, format string, args ...any) {
	if r.err == nil {
		r.err = fail(r.path+"."+at, hint, format, args...)
	}
}

func (r *reader) characteristic() cohort.Criterion {
	values := 0
	for _, has := range []bool{r.of.Concept != nil, r.of.Quantity != nil, r.of.Range != nil} {
		if has {
			values++
		}
	}
	switch {
	case r.of.Code == nil:
		r.fail("code", "", "the characteristic has no code")
	case r.of.Exclude == nil:
		r.fail("exclude", "write true or false", "whether members have it or not is not said")
	case values != 1:
		r.fail("value", "write a valueCodeableConcept, a valueQuantity or a valueRange", "the characteristic has %d values", values)
	}
	if r.err != nil {
		return cohort.Criterion{}
	}
	c := r.positive()
	if *r.of.Exclude {
		return cohort.Criterion{Not: &c}
	}
	return c
}

// positive is what the characteristic asks for where it is not excluded.
func (r *reader) positive() cohort.Criterion {
	codes := r.of.Code.Coding
	measuredFinding := len(codes) == 2 && codes[1].key() == findingCode.key()
	if len(codes) != 1 && !measuredFinding {
		r.fail("code.coding", "name one code", "the kind of characteristic has %d codes", len(codes))
		return cohort.Criterion{}
	}
	code := codes[0]
	e := cohort.Event{Kind: "test"}
	kind, below, known := kindOf(code)
	switch {
	case measuredFinding && !reserved(code):
		e.Kind = "finding"
	case code.key() == ageCode.key():
		return r.age()
	case code.key() == sexCode.key():
		return r.sex()
	case known && r.of.Concept != nil:
		e.Kind = kind
		if e.Code = r.text(r.coding(), "valueCodeableConcept"); below {
			e.Code, e.Under = "", e.Code
		}
		r.period(&e)
		return cohort.Criterion{Event: &e}
	}
	if reserved(code) || r.of.Concept != nil {
		r.fail("code", "docs/guide/cohorts.md has those that are", "this kind of characteristic is not known with such a value")
		return cohort.Criterion{}
	}
	e.Code = r.text(code, "code.coding[0]")
	bounds, unit := r.value()
	e.Value = &cohort.Value{Range: bounds, Unit: unit.Unit}
	if unit.Code != "" {
		e.Value.Unit = unit.Code
	}
	r.period(&e)
	return cohort.Criterion{Event: &e}
}

func (r *reader) sex() cohort.Criterion {
	what := r.coding()
	if what.System != gender || !slices.Contains([]string{"female", "male", "other", "unknown"}, what.Code) {
		r.fail("valueCodeableConcept", "write female, male, other or unknown of "+gender, "there is no such sex")
	}
	r.now()
	return cohort.Criterion{Sex: what.Code}
}

func (r *reader) age() cohort.Criterion {
	bounds, unit := r.value()
	if unit.System != ucum || unit.Code != "a" {
		r.fail("value", "write the code a of "+ucum, "ages are in years")
	}
	r.now()
	return cohort.Criterion{Age: &bounds}
}

func (r *reader) now() {
	if r.of.Period != nil {
		r.fail("period", "", "age and sex are those of now, and have no period")
	}
}

// coding is the one code of a valueCodeableConcept.
func (r *reader) coding() coding {
	switch {
	case r.of.Concept == nil:
		r.fail("value", "write a valueCodeableConcept", "a code is expected here")
	case len(r.of.Concept.Coding) != 1:
		r.fail("valueCodeableConcept.coding", "name one code", "the value has %d codes", len(r.of.Concept.Coding))
	default:
		return r.of.Concept.Coding[0]
	}
	return coding{}
}

// text is a code as definitions write it, where they can.
func (r *reader) text(c coding, at string) string {
	text := cohort.CodeText(c.System, c.Code)
	if system, code, ok := cohort.Coding(text); !ok || system != c.System || code != c.Code {
		r.fail(at, "a code has a system and a code", "a definition cannot name this code")
	}
	return text
}

// value is a range of numbers, and the unit they are in.
func (r *reader) value() (bounds cohort.Range, unit quantity) {
	switch {
	case r.of.Quantity != nil:
		q := *r.of.Quantity
		r.number(q, "valueQuantity")
		switch q.Comparator {
		case "":
			bounds.AtLeast, bounds.AtMost = q.Value, q.Value
		case ">":
			bounds.Above = q.Value
		case ">=":
			bounds.AtLeast = q.Value
		case "<":
			bounds.Below = q.Value
		case "<=":
			bounds.AtMost = q.Value
		default:
			r.fail("valueQuantity.comparator", "write <, <=, > or >=", "there is no such comparator")
		}
		return bounds, q
	case r.of.Range != nil:
		return r.ends(r.of.Range.Low, r.of.Range.High)
	}
	r.fail("value", "write a valueQuantity or a valueRange", "a number is expected here")
	return bounds, unit
}

// ends reads a Range, which has its ends in it and one unit.
func (r *reader) ends(low, high *quantity) (bounds cohort.Range, unit quantity) {
	for _, end := range []struct {
		at string
		q  *quantity
		to **float64
	}{{"valueRange.low", low, &bounds.AtLeast}, {"valueRange.high", high, &bounds.AtMost}} {
		if end.q == nil {
			continue
		}
		r.number(*end.q, end.at)
		if end.q.Comparator != "" {
			r.fail(end.at+".comparator", "write a valueQuantity", "the ends of a Range have no comparator")
		}
		*end.to, unit = end.q.Value, *end.q
	}
	switch {
	case low == nil && high == nil:
		r.fail("valueRange", "write low, high or both", "the range is empty")
	case low != nil && high != nil && (low.Unit != high.Unit || low.Code != high.Code):
		r.fail("valueRange.high", "write both in one unit", "the ends are in different units")
	}
	return bounds, unit
}

// number looks at a Quantity; a coded unit is one of UCUM.
func (r *reader) number(q quantity, at string) {
	switch {
	case q.Value == nil:
		r.fail(at+".value", "", "the number is missing")
	case q.Code != "" && q.System != ucum:
		r.fail(at+".system", "write units of "+ucum, "the unit is not of UCUM")
	}
}

// period reads the days within which events count, both of them in it.
func (r *reader) period(e *cohort.Event) {
	if r.of.Period == nil {
		return
	}
	for _, end := range []struct {
		at   string
		sent *string
		to   *string
	}{{"period.start", r.of.Period.Start, &e.Since}, {"period.end", r.of.Period.End, &e.Until}} {
		if end.sent == nil {
			continue
		}
		if _, err := time.Parse(time.DateOnly, *end.sent); err != nil {
			r.fail(end.at, "write YYYY-MM-DD", "a whole day is expected here")
		}
		*end.to = *end.sent
	}
	if e.Since+e.Until == "" {
		r.fail("period", "write start, end or both", "the period is empty")
	}
}
