package cohort

import (
	"context"
	"errors"
	"math"
	"time"

	"ember/index"
	"ember/record"
)

// Sample is a moment of a patient, with what was made of what was known then.
type Sample[R any] struct {
	Patient string
	At      time.Time
	Row     R
	Outcome bool    // the label
	Value   float64 // the next value; NaN where a label is asked for
}

// Drawn says how many moments became samples, and why others did not. The numbers are
// exact: they are for those who may see rows.
type Drawn struct {
	Patients int `json:"patients"` // with the index event
	Moments  int `json:"moments"`
	Outside  int `json:"outside"`  // not in the cohort at the moment
	Over     int `json:"over"`     // died before the moment, or the stay was over
	Passed   int `json:"passed"`   // not the first, or last, of the patient's
	Censored int `json:"censored"` // the horizon lies behind what was observed
	NoValue  int `json:"noValue"`  // no next value within the horizon
	Samples  int `json:"samples"`
	Outcomes int `json:"outcomes"` // samples whose label holds
	Dead     int `json:"dead"`     // samples without the outcome who died within the horizon
}

// mostSamples bounds a data set.
const mostSamples = 500_000

// moment is one that waits for the end of observation to be known.
type moment struct {
	end    time.Time // of the horizon
	closed bool      // known to be observed to the end: it came, or the patient died
	dead   bool
}

// Draw makes a data set: row is called for each moment with what was known strictly
// before a nanosecond after it. Patients who refuse are left out. It reads the timelines
// of all who have the index event, one after another, and keeps the rows.
func Draw[R any](ctx context.Context, e *Engine, s Sampling, now time.Time, row func(record.Past) R) ([]Sample[R], Drawn, error) {
	var drawn Drawn
	if err := e.checkSampling(&s); err != nil {
		return nil, drawn, err
	}
	d := &drawing{Sampling: s, drawn: &drawn, now: now}
	p := e.plan(ctx, Question{Now: now})
	p.made, p.sequences = map[*Event]*madeLeaf{}, map[*Criterion]*sequence{}
	candidates := p.v.Everybody().AndNot(p.v.OptedOut())
	if s.Index != nil {
		var err error
		if candidates, err = e.matched(p, &Criterion{Event: s.Index}); err != nil {
			return nil, drawn, err
		}
	}
	var samples []Sample[R]
	var waiting []moment
	for ord := range candidates.All() {
		if err := ctx.Err(); err != nil {
			return nil, drawn, err
		}
		t, err := e.opt.Timeline(ctx, p.v.Patient(ord).ID)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, drawn, err
		}
		if t.Person.OptOut {
			continue
		}
		found, err := d.patient(p, t)
		if err != nil {
			return nil, drawn, err
		}
		for _, f := range found {
			if len(samples) == mostSamples {
				return nil, drawn, place{-1, "cohort"}.fail("narrow the cohort, or take first in which", "there are more than %d moments", mostSamples)
			}
			samples = append(samples, Sample[R]{t.Person.ID, f.at, row(t.Before(f.at.Add(time.Nanosecond))), f.outcome, f.value})
			waiting = append(waiting, f.moment)
		}
	}
	kept := samples[:0]
	for i, m := range waiting {
		if s.Observed != "patient" && !m.closed && m.end.After(d.last) {
			drawn.Censored++
			continue
		}
		switch {
		case samples[i].Outcome:
			drawn.Outcomes++
		case m.dead:
			drawn.Dead++
		}
		kept = append(kept, samples[i])
	}
	drawn.Samples = len(kept)
	return kept, drawn, ctx.Err()
}

// drawing is the work on one data set.
type drawing struct {
	Sampling
	drawn *Drawn
	now   time.Time
	last  time.Time // the last thing on record of anybody

	asking bool // what comes of the moments does not matter
}

// found is a moment of one patient.
type found struct {
	moment
	at      time.Time
	outcome bool
	value   float64
}

// dated is a fact with the moment from which it is known.
type dated struct {
	fact
	known time.Time
}

// history is one patient's timeline, ready for moments.
type history struct {
	t     record.Timeline
	facts []dated
	died  time.Time // zero = alive
	last  time.Time // the last thing on record
}

// historyOf puts a death without a day at the end of what is on record.
func historyOf(t record.Timeline, now time.Time) history {
	h := history{t: t, died: t.Person.Died}
	for _, f := range factsOf(t) {
		d := dated{fact: f}
		var end time.Time
		if f.visit != nil {
			d.known, end = f.visit.Start, f.visit.End
		} else {
			d.known = f.event.Known
		}
		for _, at := range [...]time.Time{d.known, end} {
			if at.After(h.last) && !at.After(now) {
				h.last = at
			}
		}
		if !d.known.IsZero() {
			h.facts = append(h.facts, d)
		}
	}
	if t.Person.Dead && h.died.IsZero() {
		h.died = h.last
	}
	return h
}

// between are the facts known from one moment up to another.
func (h *history) between(from, to time.Time) []fact {
	var out []fact
	for i := range h.facts {
		if k := h.facts[i].known; !k.Before(from) && !k.After(to) {
			out = append(out, h.facts[i].fact)
		}
	}
	return out
}

// anchor is an index event of a patient.
type anchor struct {
	at  time.Time
	end time.Time // of the stay; zero = none, or it has not ended
	is  bool      // a stay
}

func (d *drawing) patient(p *plan, t record.Timeline) ([]found, error) {
	h := historyOf(t, d.now)
	if h.last.After(d.last) {
		d.last = h.last
	}
	anchors, err := d.anchors(p, &h)
	if err != nil || len(anchors) == 0 {
		return nil, err
	}
	d.drawn.Patients++
	if d.asking && d.Index == nil {
		anchors[0].at = d.now
	}
	var kept []found
	for _, a := range anchors {
		d.drawn.Moments++
		one, ok, err := d.moment(p, &h, a)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		switch {
		case d.Which == "every" || len(kept) == 0:
			kept = append(kept, one)
		case d.Which == "last":
			kept[0] = one
			d.drawn.Passed++
		default:
			d.drawn.Passed++
		}
	}
	if d.asking {
		return kept, nil
	}
	return d.observed(&h, kept), nil
}

// observed leaves out what is censored by the patient's own last record, and what has
// no value.
func (d *drawing) observed(h *history, all []found) []found {
	kept := all[:0]
	for _, f := range all {
		switch {
		case d.Observed == "patient" && !f.closed && f.end.After(h.last):
			d.drawn.Censored++
		case d.Next != nil && f.value != f.value:
			d.drawn.NoValue++
		default:
			kept = append(kept, f)
		}
	}
	return kept
}

func (d *drawing) anchors(p *plan, h *history) ([]anchor, error) {
	if d.Index == nil {
		day, _ := dayOf(d.Day)
		return []anchor{{at: timeOf(day)}}, nil
	}
	w := &witness{p: p, t: h.t}
	_, is, err := w.tester(d.Index, true)
	if err != nil {
		return nil, err
	}
	var all []anchor
	for i := range h.facts {
		f := &h.facts[i]
		if !is(&f.fact) || f.known.After(d.now) {
			continue
		}
		a := anchor{at: f.known}
		var end time.Time
		if f.visit != nil {
			a.is, a.end, end = true, f.visit.End, f.visit.End
		} else {
			end = f.event.End
		}
		if d.From == "end" {
			if a.at = end; end.IsZero() {
				continue
			}
			a.is = false
		}
		all = append(all, a)
	}
	return all, nil
}

// moment is what is to be said of an index event; ok is false where nothing is.
func (d *drawing) moment(p *plan, h *history, a anchor) (one found, ok bool, err error) {
	after, _ := lasting(d.After)
	one = found{at: a.at.Add(after), value: math.NaN()}
	dead := !h.died.IsZero() && !h.died.After(one.at)
	if dead || a.is && after > 0 && !a.end.IsZero() && !a.end.After(one.at) || one.at.After(d.now) {
		d.drawn.Over++
		return one, false, nil
	}
	if in, err := d.inside(p, h, one.at); err != nil || !in {
		d.drawn.Outside++
		return one, false, err
	}
	if d.Horizon == stayHorizon {
		one.end = a.end
		if one.closed = !a.end.IsZero(); !one.closed {
			one.end = d.now
		}
	} else {
		ahead, _ := lasting(d.Horizon)
		one.end = one.at.Add(ahead)
	}
	if d.asking {
		return one, true, nil
	}
	err = d.label(p, h, &one)
	return one, err == nil, err
}

// at is the plan as of a moment.
func (p *plan) at(t time.Time) *plan {
	c := *p
	c.now, c.today = t, index.Day(t)
	return &c
}

// inside reports whether the patient was in the cohort, as far as was known.
func (d *drawing) inside(p *plan, h *history, at time.Time) (bool, error) {
	if d.empty() {
		return true, nil
	}
	t := h.t
	t.Person.Dead, t.Person.Died = false, time.Time{}
	w := &witness{p: p.at(at), root: &d.Cohort, t: t, facts: h.between(time.Time{}, at)}
	return w.criterion(&d.Cohort, false)
}

// label says what came of a moment.
func (d *drawing) label(p *plan, h *history, one *found) error {
	died := !h.died.IsZero() && !h.died.After(one.end)
	if one.dead = died; died {
		one.closed = true
	}
	from := one.at.Add(time.Nanosecond)
	t := h.t
	t.Person.Dead = died
	w := &witness{p: p.at(one.end), root: d.Label, t: t, facts: h.between(from, one.end)}
	if d.Next != nil {
		return d.next(w, one)
	}
	var err error
	if one.outcome, err = w.criterion(d.Label, false); one.outcome {
		one.closed = true
	}
	return err
}

// next finds the first value.
func (d *drawing) next(w *witness, one *found) error {
	_, is, err := w.tester(d.Next, true)
	if err != nil {
		return err
	}
	unit := ""
	if d.Next.Value != nil {
		unit = d.Next.Value.Unit
	}
	for i := range w.facts {
		f := &w.facts[i]
		if !is(f) || f.value != f.value {
			continue
		}
		if a, ok := w.p.e.conversion(f.form, unit); ok {
			one.value, one.closed = a.of(f.value), true
			return nil
		}
	}
	return nil
}
