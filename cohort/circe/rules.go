package circe

import (
	"encoding/json"
	"fmt"
	"strconv"

	"ember/cohort"
)

// group reads a group of criteria that all, or any, hold.
func (x *expression) group(o *object) []cohort.Criterion {
	kind := "ALL"
	o.into("Type", &kind)
	if kind != "ALL" && kind != "ANY" {
		x.leave(o.at("Type"), "how many of a group hold cannot be counted; all and any can be said")
		o.take("Count")
		return nil
	}
	o.take("Count")
	before := len(x.left)
	var all []cohort.Criterion
	for i, raw := range o.list("CriteriaList") {
		if c, ok := x.correlated(x.object(raw, fmt.Sprintf("%s[%d]", o.at("CriteriaList"), i))); ok {
			all = append(all, c)
		}
	}
	for i, raw := range o.list("DemographicCriteriaList") {
		all = append(all, x.demographic(x.object(raw, fmt.Sprintf("%s[%d]", o.at("DemographicCriteriaList"), i)))...)
	}
	for i, raw := range o.list("Groups") {
		all = append(all, x.group(x.object(raw, fmt.Sprintf("%s[%d]", o.at("Groups"), i)))...)
	}
	o.rest()
	if kind == "ALL" || len(all) < 2 {
		return all
	}
	if len(x.left) > before {
		// A choice of which a part is missing would let in fewer than it may.
		x.leave(o.path, "the choice is left out, as a part of it cannot be said")
		return nil
	}
	return []cohort.Criterion{{Any: all}}
}

// demographic reads what is asked of the person at the primary event.
func (x *expression) demographic(o *object) []cohort.Criterion {
	var all []cohort.Criterion
	if c := x.gender(o); cohort.Print(c) != "" {
		all = append(all, c)
	}
	if raw := o.take("Age"); raw != nil {
		if r := x.span(raw, o.at("Age")); r != nil {
			all = append(all, x.aged(r, o.at("Age"))...)
		}
	}
	o.rest()
	return all
}

// aged says that a primary event was at an age. Where the first one counts, that it was
// not before an age is said by that there is none before it.
func (x *expression) aged(r *cohort.Range, path string) []cohort.Criterion {
	if x.windowed > 0 {
		x.leave(path, "that the same primary event meets several rules cannot be said")
		return nil
	}
	x.windowed++
	if len(x.events) == 0 || x.mixed || len(x.events) > 1 && x.first {
		x.leave(path, "the age at one of several primary events cannot be said")
		return nil
	}
	var any []cohort.Criterion
	for _, e := range x.events {
		if e.Age != nil {
			x.leave(path, "the primary event has an age already")
			return nil
		}
		e.Age = r
		any = append(any, cohort.Criterion{Event: &e})
	}
	if !x.first {
		return []cohort.Criterion{orOf(any)}
	}
	out := []cohort.Criterion{}
	e := x.events[0]
	if under := below(r); under != nil {
		e.Age = under
		out = append(out, cohort.Criterion{Not: &cohort.Criterion{Event: &e}})
	}
	if r.Below != nil || r.AtMost != nil {
		upto := x.events[0]
		upto.Age = &cohort.Range{Below: r.Below, AtMost: r.AtMost}
		out = append(out, cohort.Criterion{Event: &upto})
	}
	return out
}

// below is the range under another's lower end.
func below(r *cohort.Range) *cohort.Range {
	switch {
	case r.Above != nil:
		return &cohort.Range{AtMost: r.Above}
	case r.AtLeast != nil:
		return &cohort.Range{Below: r.AtLeast}
	}
	return nil
}

func orOf(any []cohort.Criterion) cohort.Criterion {
	if len(any) == 1 {
		return any[0]
	}
	return cohort.Criterion{Any: any}
}

// window is where a correlated event lies, in days from the primary event; nil is open.
type window struct{ from, to *int }

func (x *expression) window(o *object, name string) (w window, ok bool) {
	raw := o.take(name)
	if raw == nil {
		return w, true
	}
	var j struct {
		Start, End struct {
			Days  *int
			Coeff int
		}
		UseEventEnd, UseIndexEnd *bool
	}
	if err := json.Unmarshal(raw, &j); err != nil {
		x.fail(o.at(name), "a window is expected here")
		return w, false
	}
	for field, set := range map[string]*bool{"UseEventEnd": j.UseEventEnd, "UseIndexEnd": j.UseIndexEnd} {
		if set != nil && *set {
			x.leave(o.at(name)+"."+field, "windows run from the beginnings of events")
			return w, false
		}
	}
	side := func(days *int, coeff int) *int {
		if days == nil {
			return nil
		}
		v := *days * coeff
		return &v
	}
	return window{side(j.Start.Days, j.Start.Coeff), side(j.End.Days, j.End.Coeff)}, true
}

// correlated reads a criterion of a rule: how often it occurs, and where.
func (x *expression) correlated(o *object) (cohort.Criterion, bool) {
	raw := o.take("Criteria")
	if raw == nil {
		x.leave(o.path, "a criterion is missing here")
		return cohort.Criterion{}, false
	}
	before := len(x.left)
	f := x.criteria(x.object(raw, o.at("Criteria")))
	w, ok := x.window(o, "StartWindow")
	if end, good := x.window(o, "EndWindow"); !good || end.from != nil || end.to != nil {
		x.leave(o.at("EndWindow"), "windows of ends cannot be said")
		ok = false
	}
	occurrence := struct {
		Type, Count int
		IsDistinct  bool
	}{Type: 2, Count: 1}
	o.into("Occurrence", &occurrence)
	if occurrence.IsDistinct {
		x.leave(o.at("Occurrence.IsDistinct"), "distinct codes or days are not counted")
		ok = false
	}
	o.rest()
	if !ok || len(x.left) > before {
		if len(x.left) == before {
			x.leave(o.path, "this cannot be said")
		}
		return cohort.Criterion{}, false
	}
	if f.all {
		x.leave(o.at("Criteria"), "there are no observation periods here")
		return cohort.Criterion{}, false
	}
	if f.death {
		return x.counted(o, found{also: f.also, death: true}, occurrence.Type, occurrence.Count)
	}
	if w.from == nil && w.to == nil {
		return x.counted(o, f, occurrence.Type, occurrence.Count)
	}
	return x.around(o, f, w, occurrence.Type, occurrence.Count)
}

// counted says how often something occurs anywhere in the record.
func (x *expression) counted(o *object, f found, kind, n int) (cohort.Criterion, bool) {
	if n > 1 && len(f.events) > 1 || kind == 0 && n > 0 && len(f.events) > 1 || kind == 1 && n > 0 && len(f.events) > 1 {
		x.leave(o.at("Occurrence"), "events of several codes cannot be counted together")
		return cohort.Criterion{}, false
	}
	atLeast := func(n int) cohort.Criterion {
		var any []cohort.Criterion
		for _, e := range f.events {
			if n > 1 {
				e.Count = n
			}
			any = append(any, cohort.Criterion{Event: &e})
		}
		if f.death {
			any = append(any, cohort.Criterion{Life: "dead"})
		}
		return f.with(orOf(any))
	}
	not := func(c cohort.Criterion) cohort.Criterion { return cohort.Criterion{Not: &c} }
	switch kind {
	case 2:
		if n == 0 {
			return cohort.Criterion{}, true
		}
		return atLeast(n), true
	case 1:
		return not(atLeast(n + 1)), true
	case 0:
		if n == 0 {
			return not(atLeast(1)), true
		}
		return cohort.Criterion{All: []cohort.Criterion{atLeast(n), not(atLeast(n + 1))}}, true
	}
	x.leave(o.at("Occurrence.Type"), "occurrences are counted exactly, at most or at least")
	return cohort.Criterion{}, false
}

// around says that an event lies before or after a primary one.
func (x *expression) around(o *object, f found, w window, kind, n int) (cohort.Criterion, bool) {
	leave := func(where, text string) (cohort.Criterion, bool) {
		x.leave(o.at(where), "%s", text)
		return cohort.Criterion{}, false
	}
	after := w.from != nil && *w.from == 0 && (w.to == nil || *w.to >= 0)
	prior := w.to != nil && *w.to == 0 && (w.from == nil || *w.from <= 0)
	switch {
	case kind != 2 || n != 1:
		return leave("Occurrence", "around a primary event, that something occurs at least once can be said")
	case !after && !prior:
		return leave("StartWindow", "a window begins or ends with the day of the primary event")
	case x.first:
		return leave("StartWindow", "what lies around the first of several events cannot be said; take all primary events (PrimaryCriteriaLimit)")
	case x.mixed:
		return leave("StartWindow", "what lies around primary events of different people cannot be said")
	case x.windowed > 0:
		return leave("StartWindow", "that the same primary event meets several rules cannot be said")
	}
	x.windowed++
	days := w.to
	if !after {
		days = w.from
	}
	within := ""
	if days != nil {
		within = strconv.Itoa(max(*days, -*days)) + "d"
	}
	var any []cohort.Criterion
	for _, p := range x.events {
		for _, e := range f.events {
			steps := []cohort.Step{{Event: p}, {Event: e, Within: within}}
			if !after {
				steps = []cohort.Step{{Event: e}, {Event: p, Within: within}}
			}
			any = append(any, cohort.Criterion{Sequence: steps})
		}
	}
	if len(any) == 0 {
		return leave("StartWindow", "there is no primary event to lie around")
	}
	return f.with(orOf(any)), true
}
