package recommender

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"ember/recommender/safety"
	"ember/record"
	"ember/terms"
)

// noTerms is a code system that knows nothing.
type noTerms struct{}

func (noTerms) Ancestors(c record.Code) []record.Code {
	if c.System == "drug" && c.Value < "d3" {
		return []record.Code{{System: "class", Value: "early", Display: "early drugs"}}
	}
	return nil
}
func (noTerms) Condition(codes []record.Code, _ string) (record.Kind, record.Code) {
	return record.Condition, record.Code{System: "condition", Value: codes[0].Value}
}
func (noTerms) Canonical(_ record.Code, v float64, unit string) (float64, string, bool) {
	return v, unit, true
}
func (noTerms) Display(record.Code) string { return "" }
func (noTerms) DrugOfConcept(c record.Code) terms.Drug {
	return terms.Drug{Concept: c, Mapped: true}
}

// world makes patients whose orders follow from what they have: condition i
// leads to drug i and test i, with noise; drugs once given are mostly renewed.
type world struct {
	patients int
	seed     uint64
	wide     bool // hundreds of drugs, and longer charts
}

const worldConditions = 12

func code(system string, i int) record.Code {
	return record.Code{System: system, Value: fmt.Sprintf("%s%02d", system[:1], i), Display: fmt.Sprintf("%s number %d", system, i)}
}

func (w world) timelines() []record.Timeline {
	out := make([]record.Timeline, w.patients)
	for i := range out {
		out[i] = w.timeline(i)
	}
	return out
}

func (w world) seq() iter.Seq[record.Timeline] { return slices.Values(w.timelines()) }

func (w world) timeline(i int) record.Timeline {
	rng := rand.New(rand.NewPCG(w.seed, uint64(i)))
	t := record.Timeline{Person: record.Person{
		ID: fmt.Sprintf("p%d-%d", w.seed, i), Sex: record.Sex(1 + rng.IntN(2)),
		Born: record.Date{Year: int16(1940 + rng.IntN(50)), Month: 5, Day: 3},
	}}
	b := builder{t: &t, rng: rng, drugs: 20, at: time.Date(2020, 1, 1, 9, 0, 0, 0, time.UTC).AddDate(0, 0, rng.IntN(300))}
	visits := 3 + rng.IntN(4)
	if w.wide {
		b.drugs, visits = 600, 3*visits
	}
	for range visits {
		b.visit()
		b.at = b.at.AddDate(0, 0, 20+rng.IntN(200))
	}
	if rng.IntN(3) == 0 {
		b.stay()
	}
	t.Sort()
	return t
}

type builder struct {
	t     *record.Timeline
	rng   *rand.Rand
	at    time.Time
	has   []int
	takes []int
	n     int
	drugs int
}

func (b *builder) event(k record.Kind, m record.Mode, c record.Code, at time.Time, encounter string) *record.Event {
	b.n++
	b.t.Events = append(b.t.Events, record.Event{Kind: k, Mode: m, Concept: c, Known: at, Start: at, Encounter: encounter,
		Source: fmt.Sprintf("%s/%s-%d", k, b.t.Person.ID, b.n)})
	return &b.t.Events[len(b.t.Events)-1]
}

func (b *builder) encounter(class string, length time.Duration, reasons ...record.Code) string {
	id := fmt.Sprintf("Encounter/%s-%d", b.t.Person.ID, len(b.t.Encounters))
	b.t.Encounters = append(b.t.Encounters, record.Encounter{ID: id, Class: class, Start: b.at, End: b.at.Add(length), Reason: reasons,
		Site: fmt.Sprintf("Organization/%d", b.rng.IntN(3))})
	return id
}

func (b *builder) visit() {
	c := b.rng.IntN(worldConditions)
	fresh := !slices.Contains(b.has, c)
	id := b.encounter("AMB", time.Hour, code("reason", c))
	when := b.at.Add(10 * time.Minute)
	if fresh {
		b.has = append(b.has, c)
		b.event(record.Condition, record.Stated, code("condition", c), when, id)
	}
	b.orders(c, fresh, when, id)
}

func (b *builder) orders(c int, fresh bool, when time.Time, id string) {
	if fresh && b.rng.Float64() < .7 {
		b.takes = append(b.takes, c)
	}
	for _, d := range b.takes {
		if b.rng.Float64() < .75 {
			b.event(record.Medication, record.Ordered, code("drug", d), when, id).Days = 30
		}
	}
	if b.rng.Float64() < .3 || b.drugs > 20 {
		b.event(record.Medication, record.Ordered, code("drug", b.rng.IntN(b.drugs)), when, id)
	}
	if b.rng.Float64() < .6 {
		e := b.event(record.Test, record.Done, code("test", c), when, id)
		e.Value, e.HasValue, e.Unit = 5+3*b.rng.NormFloat64(), true, "mg/dL"
	}
	if b.rng.Float64() < .5 {
		b.event(record.Test, record.Done, code("test", 15+b.rng.IntN(4)), when, id)
	}
	if b.rng.Float64() < .2 {
		b.event(record.Procedure, record.Done, code("procedure", c%5), when, id)
	}
}

func (b *builder) stay() {
	c := b.rng.IntN(worldConditions)
	id := b.encounter("IMP", 80*time.Hour, code("reason", c))
	for h := range 10 {
		b.orders(c, h == 0, b.at.Add(time.Duration(h*8+1)*time.Hour), id)
	}
}

// fakeRules blocks and warns by code.
type fakeRules struct{ block, warn, lost string }

func (fakeRules) Prepare(record.Past, []record.Event) *safety.Patient { return nil }
func (r fakeRules) Check(_ *safety.Patient, o safety.Order) ([]safety.Finding, string) {
	switch o.Code.Value {
	case r.block:
		return []safety.Finding{{Rule: "allergy", Tier: "block", Text: "allergic"}}, ""
	case r.warn:
		return []safety.Finding{{Rule: "interaction", Tier: "warn", Text: "careful"}}, ""
	case r.lost:
		return nil, o.Code.Value
	}
	return nil, ""
}
func (fakeRules) Checks() []string { return []string{"allergy", "interaction"} }
func (fakeRules) Version() string  { return "r1" }
