package circe

import (
	"encoding/json"
	"fmt"
	"strconv"

	"ember/cohort"
)

// Read makes a definition of a Circe expression. What it cannot say is left out of the
// definition and named; with nothing left, the patients are those of the expression. The
// error is a *[cohort.Error] where the JSON is no expression.
func Read(data []byte) (cohort.Criterion, []Left, error) {
	r := &reader{}
	o := r.object(data, "")
	if raw := o.take("expression"); raw != nil && o.fields["PrimaryCriteria"] == nil { // as the WebAPI wraps it
		o = r.object(raw, "expression")
		o.path = ""
	}
	r.conceptSets(o.list("ConceptSets"))
	primary := o.take("PrimaryCriteria")
	if primary == nil {
		r.fail("PrimaryCriteria", "the expression has no primary criteria")
		return cohort.Criterion{}, nil, r.err
	}
	x := &expression{reader: r}
	all := []cohort.Criterion{x.primary(r.object(primary, "PrimaryCriteria"))}
	for i, raw := range o.list("InclusionRules") {
		rule := r.object(raw, fmt.Sprintf("InclusionRules[%d]", i))
		rule.take("name")
		rule.take("description")
		if inner := rule.take("expression"); inner != nil {
			all = append(all, x.group(r.object(inner, rule.at("expression")))...)
		}
		rule.rest()
	}
	if raw := o.take("AdditionalCriteria"); raw != nil {
		all = append(all, x.group(r.object(raw, "AdditionalCriteria"))...)
	}
	// Which of the qualifying events stays does not change who qualifies; how long the
	// cohort lasts is not asked here.
	o.take("QualifiedLimit")
	o.take("ExpressionLimit")
	o.take("cdmVersionRange")
	o.take("Title")
	if raw := o.take("CollapseSettings"); raw != nil {
		collapse := r.object(raw, "CollapseSettings")
		collapse.take("CollapseType")
		collapse.take("EraPad")
		collapse.rest()
	}
	o.rest()
	if r.err != nil {
		return cohort.Criterion{}, nil, r.err
	}
	return joined(all), r.left, nil
}

// joined is one criterion of several, without those that say nothing.
func joined(all []cohort.Criterion) cohort.Criterion {
	var kept []cohort.Criterion
	for _, c := range all {
		if cohort.Print(c) != "" {
			kept = append(kept, c)
		}
	}
	switch len(kept) {
	case 0:
		return cohort.Criterion{}
	case 1:
		return kept[0]
	}
	return cohort.Criterion{All: kept}
}

// expression knows the primary events while the rules are read.
type expression struct {
	*reader
	events   []cohort.Event
	first    bool // only the first primary event of a person counts
	mixed    bool // the primary events are of different people
	windowed int  // rules that look around the primary event
}

func (x *expression) primary(o *object) cohort.Criterion {
	if raw := o.take("ObservationWindow"); raw != nil {
		var w struct{ PriorDays, PostDays int }
		if err := json.Unmarshal(raw, &w); err == nil && w.PriorDays+w.PostDays > 0 {
			x.leave(o.at("ObservationWindow"), "there are no observation periods here")
		}
	}
	limit := struct{ Type string }{"All"}
	o.into("PrimaryCriteriaLimit", &limit)
	x.first = limit.Type == "First"
	if limit.Type != "First" && limit.Type != "All" {
		x.leave(o.at("PrimaryCriteriaLimit.Type"), "only first and all are understood")
	}
	var any []cohort.Criterion
	everybody := false
	for i, raw := range o.list("CriteriaList") {
		c := x.criteria(x.object(raw, fmt.Sprintf("%s[%d]", o.at("CriteriaList"), i)))
		for _, e := range c.events {
			x.events = append(x.events, e)
			any = append(any, c.with(cohort.Criterion{Event: &e}))
		}
		if c.death {
			any = append(any, cohort.Criterion{Life: "dead"})
		}
		x.mixed = x.mixed || len(c.also) > 0
		everybody = everybody || c.all
	}
	o.rest()
	x.mixed = x.mixed && len(any) > 1
	if everybody {
		x.events = nil
		return cohort.Criterion{}
	}
	if len(any) == 1 {
		return any[0]
	}
	return cohort.Criterion{Any: any}
}

// found is what one criterion of Circe asks for.
type found struct {
	events []cohort.Event // any of them
	also   []cohort.Criterion
	death  bool
	all    bool // everybody
	path   string
}

func (f found) with(c cohort.Criterion) cohort.Criterion {
	return joined(append([]cohort.Criterion{c}, f.also...))
}

// criteria reads {"ConditionOccurrence": {…}}.
func (x *expression) criteria(o *object) found {
	out := found{path: o.path}
	for name := range o.fields {
		kind, known := domains[name]
		inner := x.object(o.take(name), o.at(name))
		switch {
		case name == "Death":
			out.death = true
			inner.rest()
		case name == "ObservationPeriod":
			out.all = true // who is on record has one
			inner.rest()
		case !known:
			x.leave(o.at(name), "this kind of event is not known here")
		default:
			x.event(kind, inner, &out)
		}
	}
	return out
}

func (x *expression) event(kind string, o *object, out *found) {
	base := cohort.Event{Kind: kind}
	x.dates(o, kind, &base)
	if raw := o.take("Age"); raw != nil {
		base.Age = x.span(raw, o.at("Age"))
	}
	if c := x.gender(o); cohort.Print(c) != "" {
		out.also = append(out.also, c)
	}
	if raw := o.take("ValueAsNumber"); raw != nil {
		if r := x.span(raw, o.at("ValueAsNumber")); r != nil {
			base.Value = &cohort.Value{Range: *r, Unit: x.unit(o)}
		}
	} else {
		o.take("Unit")
	}
	first := false
	if o.into("First", &first); first && (base.Age != nil || base.Since+base.Until != "" || base.Value != nil) {
		x.leave(o.at("First"), "that an event is the first of its kind and also meets the rest cannot be said")
	}
	id := 0
	switch {
	case !o.into("CodesetId", &id):
		out.events = append(out.events, base)
	case x.sets[id] == nil:
		if _, there := x.sets[id]; !there {
			x.leave(o.at("CodesetId"), "there is no such concept set")
		} else {
			x.leave(o.at("CodesetId"), "no code of the concept set can be said")
		}
	default:
		for _, c := range x.sets[id] {
			e := base
			if c.descendants {
				e.Under = c.code
			} else {
				e.Code = c.code
			}
			out.events = append(out.events, e)
		}
	}
	o.rest()
}

func (x *expression) dates(o *object, kind string, e *cohort.Event) {
	raw := o.take("OccurrenceStartDate")
	if raw == nil {
		return
	}
	var d struct{ Value, Extent, Op string }
	if err := json.Unmarshal(raw, &d); err != nil {
		x.fail(o.at("OccurrenceStartDate"), "an object is expected here")
		return
	}
	switch d.Op {
	case "gte":
		e.Since = d.Value
	case "lte":
		e.Until = d.Value
	case "bt":
		e.Since, e.Until = d.Value, d.Extent
	default:
		x.leave(o.at("OccurrenceStartDate.Op"), "days are asked with gte, lte and bt")
	}
}

// span reads {"Value": 18, "Op": "gte"}.
func (x *expression) span(raw json.RawMessage, path string) *cohort.Range {
	var s struct {
		Value  *float64
		Extent *float64
		Op     string
	}
	if err := json.Unmarshal(raw, &s); err != nil || s.Value == nil {
		x.fail(path, "a value and an Op are expected here")
		return nil
	}
	v := *s.Value
	switch s.Op {
	case "gt":
		return &cohort.Range{Above: &v}
	case "gte":
		return &cohort.Range{AtLeast: &v}
	case "lt":
		return &cohort.Range{Below: &v}
	case "lte":
		return &cohort.Range{AtMost: &v}
	case "eq":
		return &cohort.Range{AtLeast: &v, AtMost: s.Value}
	case "bt":
		if s.Extent != nil {
			return &cohort.Range{AtLeast: &v, AtMost: s.Extent}
		}
	}
	x.leave(path+".Op", "a range is asked with gt, gte, lt, lte, eq and bt")
	return nil
}

// concept is as much of a concept as attributes need.
type concept struct {
	ID         int    `json:"CONCEPT_ID"`
	Code       string `json:"CONCEPT_CODE"`
	Vocabulary string `json:"VOCABULARY_ID"`
}

func (x *expression) unit(o *object) string {
	var units []concept
	o.into("Unit", &units)
	switch {
	case len(units) == 0:
		return ""
	case len(units) > 1 || units[0].Vocabulary != "UCUM":
		x.leave(o.at("Unit"), "one unit of UCUM can be said; others are converted to it")
		return ""
	}
	return units[0].Code
}

func (x *expression) gender(o *object) cohort.Criterion {
	var genders []concept
	o.into("Gender", &genders)
	var any []cohort.Criterion
	for i, g := range genders {
		switch g.ID {
		case genderFemale:
			any = append(any, cohort.Criterion{Sex: "female"})
		case genderMale:
			any = append(any, cohort.Criterion{Sex: "male"})
		default:
			x.leave(o.at("Gender")+"["+strconv.Itoa(i)+"]", "this gender is not known here")
		}
	}
	switch len(any) {
	case 0:
		return cohort.Criterion{}
	case 1:
		return any[0]
	}
	return cohort.Criterion{Any: any}
}
