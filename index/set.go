package index

import (
	"iter"

	"github.com/RoaringBitmap/roaring/v2"
)

// Set is a set of patients by ordinal, as of one [View]. It is immutable and
// safe for concurrent use; the zero Set is empty. Ordinals of different views
// must not be mixed: a number may stand for another patient later.
type Set struct{ b *roaring.Bitmap }

// NewSet is the set of the ordinals given.
func NewSet(ordinals ...uint32) Set { return Set{roaring.BitmapOf(ordinals...)} }

// Collect is the set of the ordinals of a sequence.
func Collect(seq iter.Seq[uint32]) Set {
	b := roaring.New()
	for o := range seq {
		b.Add(o)
	}
	return Set{b}
}

func (s Set) bitmap() *roaring.Bitmap {
	if s.b == nil {
		return roaring.New()
	}
	return s.b
}

// Len is the number of patients.
func (s Set) Len() int { return int(s.bitmap().GetCardinality()) }

// Contains reports whether a patient is in the set.
func (s Set) Contains(ordinal uint32) bool { return s.b != nil && s.b.Contains(ordinal) }

// And is what is in both.
func (s Set) And(o Set) Set { return Set{roaring.And(s.bitmap(), o.bitmap())} }

// AndNot is what is in s and not in o.
func (s Set) AndNot(o Set) Set { return Set{roaring.AndNot(s.bitmap(), o.bitmap())} }

// Or is what is in either.
func (s Set) Or(o Set) Set { return Set{roaring.Or(s.bitmap(), o.bitmap())} }

// AndLen is the size of And without making it.
func (s Set) AndLen(o Set) int { return int(s.bitmap().AndCardinality(o.bitmap())) }

// All gives the ordinals, ascending.
func (s Set) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for it := s.bitmap().Iterator(); it.HasNext(); {
			if !yield(it.Next()) {
				return
			}
		}
	}
}
