package recommender

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"ember/record"
)

// names say what drugs a site's own codes stand for, where the code systems do
// not know them: learned from the orders that carry the code and a text that is
// understood. An order with the bare code then counts as what it is, for ranking
// and for the safety rules. It is immutable.
type names struct {
	of map[codeKey]named
}

type codeKey struct{ system, value string }

type named struct {
	concept record.Code
	text    string // what an order without words says from then on
}

// A code is named when at least so many orders of so many patients that can be
// understood carry it, and hardly any of them means something else.
const (
	leastNaming         = 3
	leastNamingPatients = 2
	leastNamingShare    = .9
)

// vote counts what the orders with a code mean.
type vote struct {
	concepts map[record.Code]int // displays left out
	display  map[record.Code]string
	orders   int
	patients int
	last     int // patient
}

// learnNames goes through all timelines once.
func learnNames(ctx context.Context, seq iter.Seq[record.Timeline], t meanings) (*names, error) {
	votes, patient := map[codeKey]*vote{}, 0
	for line := range seq {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !trainable(line.Person) {
			continue
		}
		patient++
		for i := range line.Events {
			e := &line.Events[i]
			if e.Kind != record.Medication || len(e.Codes) == 0 || !t.DrugOfConcept(e.Concept).Mapped {
				continue
			}
			for _, c := range e.Codes {
				if !t.DrugOfConcept(c).Mapped {
					cast(votes, c, e.Concept, patient)
				}
			}
		}
	}
	n := &names{of: map[codeKey]named{}}
	for k, v := range votes {
		if concept, ok := v.winner(); ok {
			n.name(k, concept, v)
		}
	}
	return n, nil
}

func cast(votes map[codeKey]*vote, c, concept record.Code, patient int) {
	k := codeKey{c.System, c.Value}
	v := votes[k]
	if v == nil {
		v = &vote{concepts: map[record.Code]int{}, display: map[record.Code]string{}}
		votes[k] = v
	}
	bare := record.Code{System: concept.System, Value: concept.Value}
	v.concepts[bare]++
	if concept.Display != "" {
		v.display[bare] = concept.Display
	}
	v.orders++
	if v.last != patient {
		v.last = patient
		v.patients++
	}
}

// winner is what nearly all orders mean.
func (v *vote) winner() (record.Code, bool) {
	all := slices.SortedFunc(maps.Keys(v.concepts), func(a, b record.Code) int {
		return cmp.Or(v.concepts[b]-v.concepts[a], cmp.Compare(a.System, b.System), cmp.Compare(a.Value, b.Value))
	})
	ok := v.orders >= leastNaming && v.patients >= leastNamingPatients && float64(v.concepts[all[0]]) >= leastNamingShare*float64(v.orders)
	return all[0], ok
}

func (n *names) name(k codeKey, concept record.Code, v *vote) {
	concept.Display = v.display[concept]
	words := cmp.Or(concept.Display, concept.Value)
	n.of[k] = named{concept, fmt.Sprintf("%s (as this site's orders with the code %s say)", words, k.value)}
}

// as is what an event counts as; ok is false where that is what it is.
func (n *names) as(e *record.Event) (concept record.Code, text string, ok bool) {
	if e.Kind != record.Medication {
		return concept, "", false
	}
	m, ok := n.of[codeKey{e.Concept.System, e.Concept.Value}]
	return m.concept, m.text, ok
}

func (n *names) timeline(t record.Timeline) record.Timeline {
	if len(n.of) == 0 {
		return t
	}
	return t.Counted(n.as)
}

// query is a question with its events named.
func (n *names) query(q *Query) {
	if len(n.of) == 0 {
		return
	}
	q.Past = q.Past.Counted(n.as)
	if m, ok := n.of[codeKey{q.Explain.System, q.Explain.Value}]; ok {
		q.Explain = m.concept
	}
	for i := range q.Context {
		if concept, _, ok := n.as(&q.Context[i]); ok {
			q.Context = slices.Clone(q.Context)
			q.Context[i].Concept = concept
		}
	}
}

// Named is a past and events with the site's own drug codes named as the artifact has
// learned them (docs/decisions/016).
func (e *Engine) Named(past record.Past, events []record.Event) (record.Past, []record.Event) {
	q := Query{Past: past, Context: events}
	e.Artifact().names.query(&q)
	return q.Past, q.Context
}

// all are the timelines, renamed.
func (n *names) all(seq iter.Seq[record.Timeline]) iter.Seq[record.Timeline] {
	if len(n.of) == 0 {
		return seq
	}
	return func(yield func(record.Timeline) bool) {
		for t := range seq {
			if !yield(n.timeline(t)) {
				return
			}
		}
	}
}

func (n *names) encode(e *encoder) {
	keys := slices.SortedFunc(maps.Keys(n.of), func(a, b codeKey) int {
		return cmp.Or(cmp.Compare(a.system, b.system), cmp.Compare(a.value, b.value))
	})
	e.u32(uint32(len(keys)))
	for _, k := range keys {
		m := n.of[k]
		for _, s := range []string{k.system, k.value, m.concept.System, m.concept.Value, m.concept.Display, m.text} {
			e.str(s)
		}
	}
}

func decodeNames(d *decoder) *names {
	const least = 6 * 4
	n := &names{of: map[codeKey]named{}}
	for range d.length(least) {
		k := codeKey{d.str(), d.str()}
		n.of[k] = named{record.Code{System: d.str(), Value: d.str(), Display: d.str()}, d.str()}
	}
	return n
}

// Named is the timeline with the site's own codes of drugs named, as the artifact
// was trained on it: evaluation takes its labels from it. Questions are named by
// the engine.
func (a *Artifact) Named(t record.Timeline) record.Timeline { return a.names.timeline(t) }

// Names are the codes that were named, by "system|code".
func (a *Artifact) Names() map[string]record.Code {
	out := make(map[string]record.Code, len(a.names.of))
	for k, m := range a.names.of {
		out[k.system+"|"+k.value] = m.concept
	}
	return out
}
