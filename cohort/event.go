package cohort

import (
	"math"
	"slices"
	"strings"

	"ember/index"
	"ember/record"
)

// leaf is an event criterion that is ready: what is meant, and within which days.
type leaf struct {
	ev          *Event
	chosen      *choice
	count       int
	span        int32 // -1 = any
	first, last int32 // days; both ends in
	timed       bool  // events without a day cannot meet it
	plain       bool  // one event of any value and day will do
	rows        int
}

// minCell is the least number of patients that is ever shown.
const minCell = 11

// maxNamed is how many concepts of a criterion an answer names.
const maxNamed = 20

func (p *plan) leaf(ev *Event) (*leaf, error) {
	l := &leaf{ev: ev, chosen: p.e.choose(p.v, ev), count: max(ev.Count, 1), span: -1, first: math.MinInt32, last: math.MaxInt32}
	if ev.Within != "" {
		l.span, _ = days(ev.Within)
	}
	l.bound(p.today)
	l.timed = l.span >= 0 || ev.Last+ev.Since+ev.Until != "" || ev.Age != nil
	l.plain = l.count == 1 && !l.timed && ev.Value == nil
	for _, c := range l.chosen.concepts {
		for _, r := range p.v.Runs(c.kind, c.code) {
			l.rows += r.Len()
		}
	}
	return l, p.explain(l)
}

// bound sets the days within which events count.
func (l *leaf) bound(today int32) {
	l.first, l.last = math.MinInt32, math.MaxInt32
	if l.ev.Last != "" {
		n, _ := days(l.ev.Last)
		l.first, l.last = today-n, today
	}
	if l.ev.Since != "" {
		day, _ := dayOf(l.ev.Since)
		l.first = max(l.first, day)
	}
	if l.ev.Until != "" {
		day, _ := dayOf(l.ev.Until)
		l.last = min(l.last, day)
	}
}

// madeLeaf is a leaf with the test of which forms it admits.
type madeLeaf struct {
	leaf  *leaf
	admit func(index.Form) bool
}

// ready is a leaf for one timeline, made once where the plan keeps what was made.
func (p *plan) ready(ev *Event) (leaf, func(index.Form) bool, error) {
	if m := p.made[ev]; m != nil {
		l := *m.leaf
		l.bound(p.today)
		return l, m.admit, nil
	}
	l, err := p.leaf(ev)
	if err != nil {
		return leaf{}, nil, err
	}
	m := &madeLeaf{l, p.e.admission(p.v, ev)}
	if p.made != nil {
		p.made[ev] = m
	}
	return *l, m.admit, nil
}

// explain says what the words were taken for, and what was asked in vain.
func (p *plan) explain(l *leaf) error {
	type named struct {
		code     record.Code
		patients int
	}
	var all []named
	for _, c := range l.chosen.concepts[:min(len(l.chosen.concepts), 2000)] {
		if n := p.v.Patients(c.kind, c.code).Len(); n >= minCell && c.kind != visitKind {
			code := c.code
			code.Display = p.e.opt.Terms.Display(code)
			all = append(all, named{code, n})
		}
	}
	slices.SortStableFunc(all, func(a, b named) int { return b.patients - a.patients })
	asked := l.ev.Text + l.ev.Code + l.ev.Under + l.ev.Set + l.ev.Class
	m := Meaning{Offset: l.ev.at.offset, Path: l.ev.at.path, Asked: asked, Number: len(all)}
	for _, n := range all[:min(len(all), maxNamed)] {
		m.Concepts = append(m.Concepts, n.code)
	}
	if asked != "" {
		p.meant = append(p.meant, m)
	}
	if len(all) == 0 && asked != "" && l.ev.Kind != encounterKind {
		p.warnings = append(p.warnings, *l.ev.atWhich.fail(p.suggestion(l.ev), "nothing that %d patients or more have is called so", minCell))
	}
	if l.ev.Value == nil {
		return nil
	}
	units := strings.Join(l.chosen.units[:min(len(l.chosen.units), 5)], ", ")
	switch {
	case len(l.chosen.units) > 0 && len(l.chosen.conversions) == 0:
		return l.ev.atValue.fail("the values are in "+units, "no value can be converted to %s", cmpOr(l.ev.Value.Unit, "the usual unit"))
	case len(l.chosen.units) > 0:
		p.warnings = append(p.warnings, *l.ev.atValue.fail("", "values in %s cannot be converted and do not count", units))
	case len(l.chosen.mixed) > 1:
		p.warnings = append(p.warnings, *l.ev.atValue.fail("name one of them", "the values are in several units, and in each one the number counts: %s", strings.Join(l.chosen.mixed[:min(len(l.chosen.mixed), 5)], ", ")))
	}
	return nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// suggestion is a name like the one asked for.
func (p *plan) suggestion(ev *Event) string {
	if ev.Text == "" {
		return ""
	}
	kind, _ := kindOf(ev.Kind)
	var names []string
	for c := range p.v.Concepts() {
		if c.Patients >= minCell && (kind == 0 || c.Kind == kind) {
			names = append(names, c.Code.Display)
			names = append(names, strings.Fields(c.Code.Display)...)
		}
	}
	names = append(names, p.e.opt.Terms.ValueSets()...)
	if h := nearest(ev.Text, names); h != "" {
		return h
	}
	return "GET /v1/search?q=… finds what things are called"
}

func (l *leaf) cost() float64 {
	if l.plain {
		return float64(l.rows) / 64
	}
	return float64(l.rows)
}

// admits reports whether a posting is such an event, but for the age.
func (l *leaf) admits(r *index.Posting) bool {
	f := l.chosen.form[r.Form]
	switch {
	case f == 0, l.timed && r.Day == index.NoDay, r.Day < l.first || r.Day > l.last:
		return false
	case l.ev.Value == nil:
		return true
	}
	if f < 2 {
		return false
	}
	a := &l.chosen.conversions[f-2]
	return r.Value >= a.least && r.Value <= a.most && l.ev.Value.holds(a.of(float64(r.Value)))
}

// ofAge reports whether a patient had the age asked for on a day.
func (l *leaf) ofAge(who index.Patient, day int32) bool {
	age, ok := who.Born.AgeAt(timeOf(day))
	return ok && l.ev.Age.holds(float64(age))
}

// have are the patients of within with any posting of the concepts chosen.
func (l *leaf) have(p *plan, within index.Set) index.Set {
	return index.Union(l.sets(p, func(chosenConcept) bool { return true })...).And(within)
}

func (l *leaf) sets(p *plan, want func(chosenConcept) bool) []index.Set {
	sets := make([]index.Set, 0, len(l.chosen.concepts))
	for _, c := range l.chosen.concepts {
		if want(c) {
			sets = append(sets, p.v.Patients(c.kind, c.code))
		}
	}
	return sets
}

func (l *leaf) eval(p *plan, within index.Set) (index.Set, error) {
	if !l.plain {
		return p.scan([]*leaf{l}, 1, within, l.enough(p))
	}
	found := index.Union(l.sets(p, func(c chosenConcept) bool { return c.whole })...).And(within)
	if !slices.ContainsFunc(l.chosen.concepts, func(c chosenConcept) bool { return !c.whole }) {
		return found, p.ctx.Err()
	}
	part := *l
	chosen := *l.chosen
	chosen.concepts = slices.DeleteFunc(slices.Clone(chosen.concepts), func(c chosenConcept) bool { return c.whole })
	part.chosen = &chosen
	rest, err := p.scan([]*leaf{&part}, 1, within.AndNot(found), part.enough(p))
	return found.Or(rest), err
}

// enough is the test of whether a patient's events, by day, are as many as asked for
// in the time asked for.
func (l *leaf) enough(p *plan) func() test {
	return func() test {
		return func(ord uint32, hits []hit) bool {
			if l.ev.Age != nil {
				who := p.v.Patient(ord)
				hits = slices.DeleteFunc(hits, func(h hit) bool { return !l.ofAge(who, h.day) })
			}
			_, ok := l.group(hits)
			return ok
		}
	}
}

// group is where the first events that are as many as asked for, within the time,
// begin.
func (l *leaf) group(hits []hit) (from int, ok bool) {
	for i := 0; i+l.count <= len(hits); i++ {
		if l.span < 0 || hits[i+l.count-1].day-hits[i].day <= l.span {
			return i, true
		}
	}
	return 0, false
}
