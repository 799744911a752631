package group

import (
	"encoding/json"
	"fmt"
	"strings"

	"ember/cohort"
)

// Write makes a Group (type person, actual false) of a definition that
// [cohort.Engine.Check] accepts. isUCUM reports whether a unit is written as UCUM has it;
// others are the text of the unit only. What no characteristic can say is a
// *[cohort.Error] with its path in the definition, "all[1].event.count".
func Write(c cohort.Criterion, isUCUM func(unit string) bool) (json.RawMessage, error) {
	w := writer{isUCUM}
	parts := []cohort.Criterion{c}
	if c.All != nil {
		parts = c.All
	}
	group := resource{ResourceType: "Group", Type: "person", Actual: new(bool), Name: cohort.Print(c)}
	for i := range parts {
		path := ""
		if c.All != nil {
			path = fmt.Sprintf("all[%d]", i)
		}
		one, err := w.criterion(&parts[i], path)
		if err != nil {
			return nil, err
		}
		raw, err := json.Marshal(one)
		if err != nil {
			return nil, fmt.Errorf("group: writing: %w", err)
		}
		group.Characteristic = append(group.Characteristic, raw)
	}
	out, err := json.Marshal(group)
	if err != nil {
		return nil, fmt.Errorf("group: writing: %w", err)
	}
	return out, nil
}

type writer struct{ isUCUM func(string) bool }

func under(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

// criterion is one criterion, or the opposite of one.
func (w writer) criterion(c *cohort.Criterion, path string) (one characteristic, err error) {
	if c.Not != nil {
		path = under(path, "not")
		if c.Not.Not != nil {
			return one, fail(path, "leave both away", "the opposite of an opposite cannot be said")
		}
		if one, err = w.criterion(c.Not, path); err != nil {
			return one, err
		}
		*one.Exclude = true
		return one, nil
	}
	one.Exclude = new(bool)
	switch {
	case c.Event != nil:
		return one, w.event(&one, c.Event, under(path, "event"))
	case c.Sex != "":
		one.Code = conceptOf(sexCode)
		one.Concept = conceptOf(coding{System: gender, Code: c.Sex})
		return one, nil
	case c.Age != nil:
		one.Code = conceptOf(ageCode)
		return one, w.value(&one, c.Age, quantity{Unit: "years", System: ucum, Code: "a"}, under(path, "age"))
	}
	return one, fail(under(path, fieldOf(c)), "a Group holds events by code, values, age and sex, side by side", "no characteristic can say this")
}

// fieldOf is the field of what no characteristic can say.
func fieldOf(c *cohort.Criterion) string {
	switch {
	case c.All != nil:
		return "all"
	case c.Any != nil:
		return "any"
	case c.Sequence != nil:
		return "sequence"
	case c.Life != "":
		return "life"
	case c.Note != nil:
		return "note"
	case c.Cohort != "":
		return "cohort"
	case c.Like != nil:
		return "like"
	}
	return "score"
}

func (w writer) event(one *characteristic, e *cohort.Event, path string) error {
	for _, field := range []struct {
		name string
		set  bool
	}{{"text", e.Text != ""}, {"set", e.Set != ""}, {"class", e.Class != ""}, {"count", e.Count > 1}, {"within", e.Within != ""}, {"last", e.Last != ""}, {"age", e.Age != nil}} {
		if field.set {
			return fail(under(path, field.name), "a Group holds events by code, since a day and until a day", "no characteristic can say this")
		}
	}
	which := "code"
	if e.Under != "" {
		which = "under"
	}
	code, ok := codeOf(e.Kind, e.Under != "")
	if !ok {
		return fail(under(path, "kind"), "name a condition, drug, procedure, lab, vital or immunization", "there is no characteristic for events of this kind")
	}
	var what coding
	if what.System, what.Code, ok = cohort.Coding(e.Code + e.Under); !ok {
		return fail(under(path, which), "write it with its system, as icd10|E11.9", "a characteristic has a code of a system")
	}
	if e.Since+e.Until != "" {
		one.Period = &period{text(e.Since), text(e.Until)}
	}
	if e.Value != nil {
		return w.measured(one, e, what, path)
	}
	one.Code, one.Concept = conceptOf(code), conceptOf(what)
	return nil
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// measured is a value of a test or finding: what is measured is the kind of characteristic.
func (w writer) measured(one *characteristic, e *cohort.Event, what coding, path string) error {
	one.Code = conceptOf(what)
	switch {
	case e.Kind != "test" && e.Kind != "finding":
		return fail(under(path, "value"), "only labs and vitals have values there", "no characteristic can say this")
	case e.Under != "":
		return fail(under(path, "under"), "write lab.code:…", "a value is that of one code")
	case reserved(what):
		return fail(under(path, "code"), "", "this code stands for something else in a Group")
	case e.Kind == "finding":
		one.Code.Coding = append(one.Code.Coding, findingCode)
	}
	unit := quantity{Unit: e.Value.Unit}
	if unit.Unit != "" && w.isUCUM(unit.Unit) {
		unit.System, unit.Code = ucum, unit.Unit
	}
	return w.value(one, &e.Value.Range, unit, under(path, "value"))
}

// value is a range of numbers: a Range with both its ends, as FHIR's have, or a Quantity with
// one end as its comparator. The unit is that of each number.
func (w writer) value(one *characteristic, r *cohort.Range, unit quantity, path string) error {
	number := func(v *float64, comparator string) *quantity {
		q := unit
		q.Value, q.Comparator = v, comparator
		return &q
	}
	low, high := r.Above != nil || r.AtLeast != nil, r.Below != nil || r.AtMost != nil
	switch {
	case r.AtLeast != nil && r.AtMost != nil:
		one.Range = &numbers{number(r.AtLeast, ""), number(r.AtMost, "")}
	case low == high:
		return fail(path, "write 5..7, or one end", "a range has both of its ends in it, or one end")
	case r.Above != nil:
		one.Quantity = number(r.Above, ">")
	case r.AtLeast != nil:
		one.Quantity = number(r.AtLeast, ">=")
	case r.Below != nil:
		one.Quantity = number(r.Below, "<")
	default:
		one.Quantity = number(r.AtMost, "<=")
	}
	return nil
}
