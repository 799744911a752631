package cohort

import (
	"context"
	"maps"
	"slices"
	"time"

	"ember/index"
)

// Measures are the values of a test among some patients, in one unit.
type Measures struct {
	Unit     string // "" = as they stand
	Meant    []Meaning
	Warnings []Warning

	p      *plan
	leaf   *leaf
	chosen *choice
	within index.Set
}

// Measure is one event of a test.
type Measure struct {
	Ord    uint32
	Day    int32   // may be index.NoDay
	Raw    float32 // as found; NaN = no value
	Value  float64 // in the unit of the Measures, where Usable
	Usable bool    // there is a value, and it is in the unit or converts to it
	Form   uint32
}

// UnitState says what became of values in one unit.
type UnitState uint8

// What becomes of values.
const (
	Stored    UnitState = iota + 1 // they are in the unit
	Converted                      // they are converted to it
	Unusable                       // they cannot be
)

// String is "stored", "converted" or "not convertible".
func (u UnitState) String() string {
	switch u {
	case Stored:
		return "stored"
	case Converted:
		return "converted"
	case Unusable:
		return "not convertible"
	}
	return "unknown"
}

// Measures finds the values of a test, which is an event without a value of its own. They
// are in the usual unit of the test, or where none is known in the one that most
// of them are in.
func (e *Engine) Measures(ctx context.Context, v index.View, q Question, within index.Set) (*Measures, error) {
	c := q.Criterion
	if err := e.Check(c); err != nil {
		return nil, err
	}
	if c.Event == nil || c.Event.Value != nil || c.Event.Count > 1 {
		return nil, c.at.fail("write it as lab:HbA1c, without a value or a number of times", "one test is expected here")
	}
	p := &plan{e: e, ctx: ctx, v: v, now: q.Now, today: index.Day(q.Now)}
	l, err := p.leaf(c.Event)
	if err != nil {
		return nil, err
	}
	m := &Measures{p: p, leaf: l, within: within, Meant: p.meant, Warnings: p.warnings}
	m.in("")
	for _, one := range l.chosen.concepts {
		if m.Unit = e.opt.Terms.UsualUnit(one.code.Value); m.Unit != "" {
			break
		}
	}
	if m.Unit == "" {
		m.Unit = m.most()
	}
	m.in(m.Unit)
	return m, ctx.Err()
}

// in chooses how values convert.
func (m *Measures) in(unit string) {
	ev := *m.leaf.ev
	ev.Value = &Value{Unit: unit}
	m.chosen = m.p.e.choose(m.p.v, &ev)
}

// most is the unit that most values have.
func (m *Measures) most() string {
	rows := map[string]int{}
	m.each(func(r Measure) {
		if r.Raw == r.Raw {
			rows[m.p.v.Form(r.Form).Unit]++
		}
	})
	best := ""
	for _, unit := range slices.Sorted(maps.Keys(rows)) {
		if unit != "" && rows[unit] > rows[best] || best == "" {
			best = unit
		}
	}
	return best
}

// All gives to take every event of the test that the criterion admits, those without a
// value too. It ends with the context.
func (m *Measures) All(take func(Measure)) error {
	m.each(take)
	return m.p.ctx.Err()
}

func (m *Measures) each(take func(Measure)) {
	for _, c := range m.leaf.chosen.concepts {
		for _, run := range m.p.v.Runs(c.kind, c.code) {
			n := 0
			run.Within(m.within, 0, 1<<32-1, func(ord uint32, rows []index.Posting) bool {
				for i := range rows {
					if m.leaf.admits(&rows[i]) && (m.leaf.ev.Age == nil || m.leaf.ofAge(m.p.v.Patient(ord), rows[i].Day)) {
						take(m.measure(&rows[i]))
					}
				}
				n++
				return n%4096 != 0 || m.p.ctx.Err() == nil
			})
		}
	}
}

func (m *Measures) measure(r *index.Posting) Measure {
	out := Measure{Ord: r.Patient, Day: r.Day, Raw: r.Value, Form: r.Form}
	if f := m.chosen.form[r.Form]; f >= 2 && r.Value == r.Value {
		out.Usable, out.Value = true, m.chosen.conversions[f-2].of(float64(r.Value))
	}
	return out
}

// UnitOf is the unit of a form as found, and what becomes of its values.
func (m *Measures) UnitOf(form uint32) (unit string, state UnitState) {
	unit = m.p.v.Form(form).Unit
	f := m.chosen.form[form]
	switch {
	case f < 2:
		return unit, Unusable
	case m.chosen.conversions[f-2].mul == 1 && m.chosen.conversions[f-2].add == 0:
		return unit, Stored
	}
	return unit, Converted
}

// Died is the day of death as it may be used: false where none is known, or it lies ahead.
func Died(who index.Patient, now time.Time) (day int32, known bool) {
	return who.Died, who.Dead && who.Died != index.NoDay && who.Died <= index.Day(now)
}
