package index

import (
	"cmp"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Posting says that a patient has a concept on a day. Value is the number that
// was measured; NaN where there is none. Form says how it was coded, see [View.Form].
type Posting struct {
	Patient uint32 // ordinal in the view it came from
	Day     int32  // see [Day]; NoDay = undated
	Value   float32
	Form    uint32
}

func comparePostings(a, b Posting) int {
	return cmp.Or(cmp.Compare(a.Patient, b.Patient), cmp.Compare(a.Day, b.Day), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Form, b.Form))
}

// segment is the whole of what is indexed of some patients. It never changes:
// a patient indexed anew comes into a later segment and is masked in this one.
type segment struct {
	patients *roaring.Bitmap
	traits   traits
	concepts []uint32          // ascending
	starts   []uint32          // rows of concepts[i] are rows[starts[i]:starts[i+1]]
	sets     []*roaring.Bitmap // patients of concepts[i]; nil when the rows are few
	rows     []Posting         // of a concept by patient, day and value
	vectors  vectors
}

// fewRows is up to where a set of patients is made from the rows when asked for.
const fewRows = 64

func (s *segment) find(concept uint32) (int, bool) { return slices.BinarySearch(s.concepts, concept) }

func (s *segment) postings(i int) []Posting { return s.rows[s.starts[i]:s.starts[i+1]] }

// set is the set of patients of the i-th concept; it must not be modified.
func (s *segment) set(i int) *roaring.Bitmap {
	if s.sets[i] != nil {
		return s.sets[i]
	}
	return setOf(s.postings(i))
}

func setOf(rows []Posting) *roaring.Bitmap {
	b := roaring.New()
	ords := make([]uint32, 0, min(len(rows), 4096))
	for i, r := range rows {
		if i > 0 && rows[i-1].Patient == r.Patient {
			continue
		}
		if len(ords) == cap(ords) {
			b.AddMany(ords)
			ords = ords[:0]
		}
		ords = append(ords, r.Patient)
	}
	b.AddMany(ords)
	return b
}

// add appends the next concept with its rows, which have been put at the end of
// s.rows; none means that the concept does not occur.
func (s *segment) add(concept uint32) {
	start := uint32(0)
	if len(s.starts) > 0 {
		start = s.starts[len(s.starts)-1]
	} else {
		s.starts = append(s.starts, 0)
	}
	rows := s.rows[start:]
	if len(rows) == 0 {
		return
	}
	if !slices.IsSortedFunc(rows, comparePostings) {
		slices.SortFunc(rows, comparePostings)
	}
	var set *roaring.Bitmap
	if len(rows) > fewRows {
		set = setOf(rows)
		set.RunOptimize()
	}
	s.concepts = append(s.concepts, concept)
	s.sets = append(s.sets, set)
	s.starts = append(s.starts, uint32(len(s.rows)))
}

// size is what merging the segment costs, in rows.
func (s *segment) size() int { return len(s.rows) + 4*int(s.patients.GetCardinality()) }

// layer is a segment with the patients in it that are no longer true.
type layer struct {
	*segment
	masked *roaring.Bitmap // nil = none; never modified, replaced
}

func (l layer) hides(ord uint32) bool { return l.masked != nil && l.masked.Contains(ord) }

// live is the set of the i-th concept without masked patients.
func (l layer) live(i int) *roaring.Bitmap {
	if l.masked == nil {
		return l.set(i)
	}
	return roaring.AndNot(l.set(i), l.masked)
}

// mask is the layer without the patients given.
func (l layer) mask(gone *roaring.Bitmap) layer {
	hit := roaring.And(l.patients, gone)
	if hit.IsEmpty() {
		return l
	}
	if l.masked != nil {
		hit.Or(l.masked)
	}
	return layer{l.segment, hit}
}

// merge is one segment with everything the layers show. A patient is shown by
// one layer at most.
func merge(layers []layer) *segment {
	out := &segment{patients: roaring.New(), starts: []uint32{0}}
	rows := 0
	for _, l := range layers {
		shown := l.patients
		if l.masked != nil {
			shown = roaring.AndNot(shown, l.masked)
		}
		out.patients.Or(shown)
		rows += len(l.rows)
	}
	out.patients.RunOptimize()
	out.traits = mergeTraits(layers)
	out.rows = make([]Posting, 0, rows)
	at := make([]int, len(layers))
	for {
		concept, more := nextConcept(layers, at)
		if !more {
			break
		}
		for k, l := range layers {
			if i := at[k]; i < len(l.concepts) && l.concepts[i] == concept {
				out.rows = l.appendLive(out.rows, i)
				at[k]++
			}
		}
		out.add(concept)
	}
	if cap(out.rows) > len(out.rows)+len(out.rows)/8 {
		out.rows = slices.Clone(out.rows)
	}
	out.vectors = mergeVectors(layers)
	return out
}

func nextConcept(layers []layer, at []int) (concept uint32, more bool) {
	for k, l := range layers {
		if at[k] == len(l.concepts) {
			continue
		}
		if c := l.concepts[at[k]]; !more || c < concept {
			concept, more = c, true
		}
	}
	return concept, more
}

func (l layer) appendLive(rows []Posting, i int) []Posting {
	if l.masked == nil {
		return append(rows, l.postings(i)...)
	}
	last, hidden := uint32(0), false
	for j, r := range l.postings(i) {
		if j == 0 || r.Patient != last {
			last, hidden = r.Patient, l.masked.Contains(r.Patient)
		}
		if !hidden {
			rows = append(rows, r)
		}
	}
	return rows
}
