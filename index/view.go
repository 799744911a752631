package index

import (
	"iter"
	"slices"
	"sync"

	"ember/record"

	"github.com/RoaringBitmap/roaring/v2"
)

// View is the index as of one moment. It is immutable and safe for concurrent
// use. Patients go by ordinal in it: dense numbers that hold within the view.
type View struct{ s *state }

// state is what a view stands on. Layers are oldest first.
type state struct {
	layers    []layer
	people    people
	position  uint64
	vectorsBy string     // what made the vectors, see [Index.VectorsBy]
	cells     *cells     // of the vectors of all layers; nil = none
	all       func() Set // everybody, made when first asked for

	// Shared with the states before and after; safe for concurrent use. They
	// may know more than this state does.
	concepts  *concepts
	ordinals  *ordinals
	notes     *notes // nil = none kept
	notesName string // folder of the notes; "" = in memory or none
}

// next is the state that follows s with other layers, people and position.
func (s *state) next(layers []layer, p people, position uint64) *state {
	n := *s
	n.layers, n.people, n.position = layers, p, position
	n.lazy()
	return &n
}

func (s *state) lazy() {
	layers := s.layers
	s.all = sync.OnceValue(func() Set {
		b := roaring.New()
		for _, l := range layers {
			shown := l.patients
			if l.masked != nil {
				shown = roaring.AndNot(shown, l.masked)
			}
			b.Or(shown)
		}
		return Set{b}
	})
}

// Position is the position of the Apply the view shows.
func (v View) Position() uint64 { return v.s.position }

// Everybody is the set of all patients.
func (v View) Everybody() Set { return v.s.all() }

// Ordinals is above all ordinals of the view, as the length of a table by ordinal.
func (v View) Ordinals() int { return int(v.s.people.n) }

// OptedOut is the set of the patients who refuse use beyond their own care.
func (v View) OptedOut() Set { return v.with(func(t trait) bool { return t == traitOptOut }) }

// Where is the set of the patients for whom keep is true. It looks at everybody.
func (v View) Where(keep func(Patient) bool) Set {
	return Collect(func(yield func(uint32) bool) {
		for ord := range v.s.all().All() {
			if keep(v.s.people.at(ord).Patient) && !yield(ord) {
				return
			}
		}
	})
}

// Patient is the row of an ordinal; the zero Patient when there is none.
func (v View) Patient(ordinal uint32) Patient { return v.s.people.at(ordinal).Patient }

// Birth is when a patient was born, without opening the row.
func (v View) Birth(ordinal uint32) Birth {
	if ordinal >= v.s.people.n {
		return 0
	}
	return v.s.people.chunks[ordinal/peopleChunk].births[ordinal%peopleChunk]
}

// Ordinal is the number of a patient in this view.
func (v View) Ordinal(id string) (ordinal uint32, ok bool) {
	ordinal, ok = v.s.ordinals.lookup(id)
	if !ok || v.s.people.at(ordinal).ID != id {
		return 0, false
	}
	return ordinal, true
}

// Patients is the set of the patients with a concept of a kind.
func (v View) Patients(kind record.Kind, code record.Code) Set {
	id, ok := v.s.concepts.lookup(kind, code)
	if !ok {
		return Set{}
	}
	return v.patients(id)
}

func (v View) patients(concept uint32) Set {
	var found []*roaring.Bitmap
	for _, l := range v.s.layers {
		if i, ok := l.find(concept); ok {
			found = append(found, l.live(i))
		}
	}
	if len(found) == 1 {
		return Set{found[0]}
	}
	return Set{roaring.FastOr(found...)}
}

// Postings are the postings of a concept of a kind by patient, day and value.
// A patient has one for each event; events on one day are told apart by value
// or not at all.
func (v View) Postings(kind record.Kind, code record.Code) iter.Seq[Posting] {
	id, ok := v.s.concepts.lookup(kind, code)
	if !ok {
		return func(func(Posting) bool) {}
	}
	return slices.Values(v.postings(id))
}

// postings may share memory with the index: it must not be modified.
func (v View) postings(concept uint32) []Posting {
	var one []Posting
	joined := false
	for _, l := range v.s.layers {
		i, ok := l.find(concept)
		switch {
		case !ok:
		case one == nil && l.masked == nil:
			one = slices.Clip(l.postings(i))
		default:
			one, joined = l.appendLive(one, i), joined || one != nil
		}
	}
	if joined && !slices.IsSortedFunc(one, comparePostings) {
		slices.SortFunc(one, comparePostings)
	}
	return one
}

// Concept is a concept that occurs.
type Concept struct {
	Kind     record.Kind
	Code     record.Code // with the best words there are as Display
	Patients int
	Events   int
}

// Concepts are the concepts that occur for at least one patient, in the order
// in which they were first seen, with their counts.
func (v View) Concepts() iter.Seq[Concept] {
	return func(yield func(Concept) bool) {
		for id := range v.s.concepts.len() {
			c := v.concept(id)
			if c.Kind == Visit {
				continue
			}
			if c.Patients > 0 && !yield(c) {
				return
			}
		}
	}
}

func (v View) concept(id uint32) Concept {
	c := Concept{}
	c.Kind, c.Code = v.s.concepts.at(id)
	for _, l := range v.s.layers {
		i, ok := l.find(id)
		if !ok {
			continue
		}
		last, hidden := uint32(0), false
		for j, r := range l.postings(i) {
			if j == 0 || r.Patient != last {
				if last, hidden = r.Patient, l.hides(r.Patient); !hidden {
					c.Patients++
				}
			}
			if !hidden {
				c.Events++
			}
		}
	}
	return c
}
