package fhir

import (
	"cmp"
	"iter"
	"slices"
	"sync"

	"ember/record"
	"ember/terms"
)

// vocabulary is what the mapping asks of terms; *terms.Terms is it.
type vocabulary interface {
	Drug(codes []record.Code, text string) terms.Drug
	Allergen(codes []record.Code, text string) terms.Allergen
	Condition(codes []record.Code, text string) (record.Kind, record.Code)
	Procedure(codes []record.Code, text string) (record.Kind, record.Code)
	Observation(categories []string, codes []record.Code, text string) (record.Kind, record.Code)
}

var _ vocabulary = (*terms.Terms)(nil)

// Mapper turns a patient's resources into a timeline. It is safe for concurrent
// use. What it returns depends on the set of resources, never on their order.
type Mapper struct {
	terms vocabulary
	pool  sync.Pool // *mapping: memory, and concepts met before
}

// NewMapper makes a mapper that asks t what codes mean. t must not be nil.
func NewMapper(t *terms.Terms) *Mapper { return newMapper(t) }

func newMapper(t vocabulary) *Mapper {
	m := &Mapper{terms: t}
	m.pool.New = func() any { return newMapping(t) }
	return m
}

// Resource is a stored resource: its reference "Observation/123", and its bytes
// with the splices applied.
type Resource struct {
	Ref string
	Raw []byte
}

// Timeline maps all resources of one patient, whose id has no "Patient/" before
// it. lookup finds what a resource refers to and is not among them (Medication,
// Binary) by reference, and may be nil. The notes have each text once, in order
// of time. Issues name the resource and the element that could not be used; the
// rest of the resource is used. Nothing of the result points into Raw.
//
// Known times follow the protocol of evaluation: recorded or issued, else
// authored or asserted, else (diagnoses) the end of their encounter, else when it
// took effect. A date without an hour is known at the last second of its day,
// month or year in UTC and starts at the first. What was entered in error, not
// done or refuted gives no event.
func (m *Mapper) Timeline(patientID string, rs iter.Seq[Resource], lookup func(ref string) ([]byte, bool)) (record.Timeline, []record.Note, []Issue) {
	g := m.pool.Get().(*mapping)
	defer m.pool.Put(g)
	g.reset(patientID, lookup)
	for r := range rs {
		g.resource(r)
	}
	return g.finish()
}

// mapping is the state of mapping one patient.
type mapping struct {
	terms   vocabulary
	memo    map[string]*coded // by the JSON text of a CodeableConcept; outlives a patient
	words   map[string]string // units, classes; outlives a patient
	lookup  func(string) ([]byte, bool)
	urns    map[string]string // fullUrl to reference, in a Bundle
	refs    map[string]string // one string for each reference of this patient
	drugs   map[string]*coded // by reference of a Medication
	patient string

	person     record.Person
	encounters []record.Encounter
	events     []record.Event
	order      []int32
	waiting    []int // events whose known time is the end of their encounter, else Start
	notes      []note
	issues     []Issue

	c cursor
	f facts
}

func newMapping(t vocabulary) *mapping {
	g := &mapping{terms: t, memo: map[string]*coded{}, words: map[string]string{},
		refs: map[string]string{}, drugs: map[string]*coded{}}
	g.c.wrong = func(offset int) { g.wrong(offset, "unexpected type") }
	return g
}

// maxMemo bounds what outlives a patient.
const maxMemo = 1 << 15

func (g *mapping) reset(patientID string, lookup func(string) ([]byte, bool)) {
	if len(g.memo) > maxMemo {
		clear(g.memo)
	}
	if len(g.words) > maxMemo {
		clear(g.words)
	}
	clear(g.refs)
	clear(g.drugs)
	clear(g.events)
	clear(g.notes)
	g.lookup, g.urns, g.patient = lookup, nil, patientID
	g.person = record.Person{ID: patientID}
	g.encounters, g.issues = nil, nil
	g.events, g.waiting, g.notes = g.events[:0], g.waiting[:0], g.notes[:0]
}

// resource maps one resource.
func (g *mapping) resource(r Resource) {
	if g.f.reset(r.Ref); !mapped(g.f.typ) {
		return
	}
	g.c.b, g.c.i, g.c.broken = r.Raw, 0, false
	g.read()
	if g.c.broken {
		g.issues = append(g.issues, Issue{Error, "structure", r.Ref, "malformed JSON"})
		if g.f.typ == "AllergyIntolerance" {
			g.unusableAllergy(r.Ref)
		}
		return
	}
	g.emit()
}

// unusableAllergy keeps that there is an allergy which could not be read.
func (g *mapping) unusableAllergy(source string) {
	g.events = append(g.events, record.Event{Kind: record.Allergy, Mode: record.Stated, Concept: unspecified(), Text: unspecified().Display, Source: source})
}

// wrong reports an element that is left out.
func (g *mapping) wrong(offset int, detail string) {
	g.issue("value", pathAt(g.c.b, offset, g.f.root()), detail)
}

func (g *mapping) issue(code, path, detail string) {
	if len(g.issues) < 1000 {
		g.issues = append(g.issues, Issue{Warning, code, g.f.ref + ": " + path, detail})
	}
}

// finish settles what depends on more than one resource, and sorts.
func (g *mapping) finish() (record.Timeline, []record.Note, []Issue) {
	g.settle()
	t := record.Timeline{Person: g.person, Encounters: g.encounters, Events: g.ordered()}
	t.Sort()
	slices.SortFunc(g.issues, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Detail, b.Detail))
	})
	return t, g.distinctNotes(), g.issues
}

// ordered copies the events in the order a timeline has them. Events are large:
// sorting their numbers first leaves [record.Timeline.Sort] nothing to move.
func (g *mapping) ordered() []record.Event {
	g.order = g.order[:0]
	for i := range g.events {
		g.order = append(g.order, int32(i))
	}
	slices.SortFunc(g.order, func(i, j int32) int {
		a, b := &g.events[i], &g.events[j]
		if c := a.Known.Compare(b.Known); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Concept.Value, b.Concept.Value), cmp.Compare(a.Source, b.Source))
	})
	out := make([]record.Event, len(g.order))
	for n, i := range g.order {
		out[n] = g.events[i]
	}
	return out
}

// settle gives diagnoses without a recorded time the end of their encounter.
func (g *mapping) settle() {
	if len(g.waiting) == 0 {
		return
	}
	ends := make(map[string]*record.Encounter, len(g.encounters))
	for i := range g.encounters {
		ends[g.encounters[i].ID] = &g.encounters[i]
	}
	for _, i := range g.waiting {
		e := &g.events[i]
		if visit := ends[e.Encounter]; visit != nil && !visit.End.IsZero() {
			e.Known = visit.End
		}
	}
}

// word is one string for equal bytes; for words of the standard and the site,
// not of patients.
func (g *mapping) word(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := g.words[string(b)]; ok {
		return s
	}
	s := validText(b)
	if len(s) <= 64 {
		g.words[s] = s
	}
	return s
}
