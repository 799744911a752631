package cohort

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"ember/index"
	"ember/record"
)

// Why says whether a patient meets a definition, and which events make each part of
// it hold.
type Why struct {
	Matches bool
	Reasons []Reason
}

// Reason is what is on record for one criterion. For a criterion that is denied,
// Holds says whether it holds itself.
type Reason struct {
	Text     string // the criterion
	Offset   int
	Path     string
	Denied   bool // it stands under an odd number of nots
	Holds    bool
	Evidence []Evidence
}

// Evidence is an event or a note behind a criterion.
type Evidence struct {
	Source   string // "Observation/123"
	Kind     string // of the event, "encounter", "note", "likeness" or "score"
	Code     record.Code
	Text     string // of the event, or the part of the note
	Day      string // "2024-05-01", of a score the moment; "" = unknown
	Value    *float64
	Unit     string
	Criteria string // the step of a sequence it stands for
	// Weight is how much a shared concept says of likeness; nil elsewhere.
	Weight *float64
}

// maxEvidence is how many events are named for one criterion.
const maxEvidence = 50

// Why looks at one patient's timeline. It returns [ErrNotFound] for a patient who is
// not there or refuses use beyond the own care.
func (e *Engine) Why(ctx context.Context, q Question, patient string) (Why, error) {
	if err := e.Check(q.Criterion); err != nil {
		return Why{}, err
	}
	t, err := e.opt.Timeline(ctx, patient)
	if err != nil {
		return Why{}, err
	}
	if t.Person.OptOut {
		return Why{}, ErrNotFound
	}
	w := &witness{p: e.plan(ctx, q), root: &q.Criterion, t: t, facts: factsOf(t)}
	holds, err := w.criterion(&q.Criterion, false)
	return Why{Matches: holds, Reasons: w.reasons}, err
}

// witness reads one timeline.
type witness struct {
	p       *plan
	root    *Criterion
	t       record.Timeline
	facts   []fact
	reasons []Reason
}

// fact is an event or an encounter as the index would have it.
type fact struct {
	form  index.Form
	day   int32
	value float64 // NaN = none
	event *record.Event
	visit *record.Encounter
}

func factsOf(t record.Timeline) []fact {
	var all []fact
	for _, events := range [][]record.Event{t.Events, t.Undated} {
		for i := range events {
			e := &events[i]
			if e.Cancelled || e.Concept.Zero() {
				continue
			}
			at, value := e.Start, math.NaN()
			if at.IsZero() {
				at = e.Known
			}
			if e.HasValue {
				value = e.Value
			}
			all = append(all, fact{form: index.Form{Kind: e.Kind, Concept: e.Concept, Codes: e.Codes, Unit: e.Unit}, day: index.Day(at), value: value, event: e})
		}
	}
	for i := range t.Encounters {
		v := &t.Encounters[i]
		all = append(all, fact{form: index.Form{Kind: visitKind, Concept: record.Code{System: index.VisitSystem, Value: v.Class}, Codes: []record.Code{v.Type}},
			day: index.Day(v.Start), value: math.NaN(), visit: v})
	}
	slices.SortStableFunc(all, func(a, b fact) int { return cmp.Compare(a.day, b.day) })
	return all
}

func (w *witness) criterion(c *Criterion, denied bool) (bool, error) {
	switch {
	case c.All != nil, c.Any != nil:
		return w.group(c, denied)
	case c.Not != nil:
		holds, err := w.criterion(c.Not, !denied)
		return !holds, err
	}
	r := Reason{Text: Print(*c), Offset: c.at.offset, Path: c.at.path, Denied: denied}
	var err error
	switch {
	case c.Event != nil:
		err = w.event(c.Event, &r)
	case c.Sequence != nil:
		err = w.sequence(c, &r)
	case c.Note != nil:
		err = w.note(c.Note, &r)
	case c.Cohort != "":
		err = w.member(c, &r)
	case c.Like != nil:
		err = w.like(c, &r)
	case c.Score != nil:
		err = w.score(c, &r)
	default:
		w.person(c, &r)
	}
	w.reasons = append(w.reasons, r)
	return r.Holds, err
}

func (w *witness) group(c *Criterion, denied bool) (bool, error) {
	list, all := c.All, true
	if c.Any != nil {
		list, all = c.Any, false
	}
	holds := all
	for i := range list {
		one, err := w.criterion(&list[i], denied)
		if err != nil {
			return false, err
		}
		if all {
			holds = holds && one
		} else {
			holds = holds || one
		}
	}
	return holds, nil
}

func (w *witness) person(c *Criterion, r *Reason) {
	p := w.t.Person
	who := index.Patient{Born: p.Born, Dead: p.Dead, Died: index.Day(p.Died)}
	switch {
	case c.Age != nil:
		age, ok := ageNow(who, w.p.now)
		r.Holds = ok && c.Age.holds(float64(age))
	case c.Sex != "":
		r.Holds = p.Sex.String() == c.Sex
	default:
		r.Holds = p.Dead == (c.Life == "dead")
	}
	r.Evidence = []Evidence{{Source: "Patient/" + p.ID, Kind: "person"}}
}

// tester is the test of whether a fact is an event that a leaf asks for.
func (w *witness) tester(ev *Event, timed bool) (*leaf, func(*fact) bool, error) {
	ready, admit, err := w.p.ready(ev)
	if err != nil {
		return nil, nil, err
	}
	l := &ready
	l.timed = l.timed || timed
	who := index.Patient{Born: w.t.Person.Born}
	return l, func(f *fact) bool {
		switch {
		case l.timed && f.day == index.NoDay, f.day < l.first || f.day > l.last, !admit(f.form), ev.Age != nil && !l.ofAge(who, f.day):
			return false
		case ev.Value == nil:
			return true
		}
		a, ok := w.p.e.conversion(f.form, ev.Value.Unit)
		return ok && f.value == f.value && ev.Value.holds(a.of(f.value))
	}, nil
}

func (w *witness) event(ev *Event, r *Reason) error {
	l, is, err := w.tester(ev, false)
	if err != nil {
		return err
	}
	var hits []hit
	for i := range w.facts {
		if is(&w.facts[i]) {
			hits = append(hits, hit{day: w.facts[i].day, id: uint64(i)})
		}
	}
	from, ok := l.group(hits)
	r.Holds = ok
	if ok && l.span >= 0 {
		hits = hits[from : from+l.count]
	}
	for _, h := range hits[:min(len(hits), maxEvidence)] {
		r.Evidence = append(r.Evidence, w.facts[h.id].evidence(""))
	}
	return nil
}

func (w *witness) sequence(c *Criterion, r *Reason) error {
	s := w.p.sequences[c]
	if s == nil {
		n, err := w.p.sequenceNode(c)
		if err != nil {
			return err
		}
		if s = n.(*sequence); w.p.sequences != nil {
			w.p.sequences[c] = s
		}
	}
	var err error
	tests := make([]func(*fact) bool, len(s.leaves))
	for i, l := range s.leaves {
		if _, tests[i], err = w.tester(l.ev, true); err != nil {
			return err
		}
	}
	var hits []hit
	for i := range w.facts {
		bits := uint64(0)
		for bit, is := range tests {
			if is(&w.facts[i]) {
				bits |= 1 << bit
			}
		}
		if bits != 0 {
			hits = append(hits, hit{day: w.facts[i].day, id: uint64(i), leaf: bits})
		}
	}
	path := s.chain(hits)
	r.Holds = path != nil
	for step, at := range path {
		r.Evidence = append(r.Evidence, w.facts[hits[at].id].evidence(PrintEvent(c.Sequence[step].Event)))
	}
	return nil
}

func (w *witness) note(n *Note, r *Reason) error {
	ord, ok := w.p.v.Ordinal(w.t.Person.ID)
	if !ok {
		return nil
	}
	for m, err := range w.p.v.Mentions(w.p.ctx, n.Phrase, index.NewSet(ord)) {
		if err != nil {
			return err
		}
		if m.Said > 0 && !n.Denied || m.Denied > 0 && n.Denied {
			r.Holds = true
			r.Evidence = append(r.Evidence, Evidence{Source: m.Source, Kind: "note", Text: m.Fragment})
		}
	}
	return nil
}

func (w *witness) member(c *Criterion, r *Reason) error {
	n, err := w.p.savedNode(c)
	if err != nil {
		return err
	}
	ord, ok := w.p.v.Ordinal(w.t.Person.ID)
	r.Holds = ok && n.(setNode).set.Contains(ord)
	return nil
}

func (f *fact) evidence(step string) Evidence {
	e := Evidence{Code: f.form.Concept, Criteria: step}
	if f.day != index.NoDay {
		e.Day = timeOf(f.day).Format(time.DateOnly)
	}
	if f.visit != nil {
		e.Source, e.Kind, e.Text = f.visit.ID, encounterKind, f.visit.Type.Display
		return e
	}
	e.Source, e.Kind, e.Text, e.Unit = f.event.Source, f.form.Kind.String(), f.event.Text, f.event.Unit
	if f.event.HasValue {
		v := f.event.Value
		e.Value = &v
	}
	return e
}
