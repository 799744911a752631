package index

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/RoaringBitmap/roaring/v2"
)

// Set is a set of patients by ordinal, as of one [View]. It is immutable and
// safe for concurrent use; the zero Set is empty. Ordinals of different views
// must not be mixed: a number may stand for another patient later.
type Set struct{ b *roaring.Bitmap }

// NewSet is the set of the ordinals given.
func NewSet(ordinals ...uint32) Set { return Set{roaring.BitmapOf(ordinals...)} }

// Collect is the set of the ordinals of a sequence; ascending ones are fastest.
func Collect(seq iter.Seq[uint32]) Set {
	b := roaring.New()
	room := make([]uint32, 0, 1024)
	for o := range seq {
		if room = append(room, o); len(room) == cap(room) {
			b.AddMany(room)
			room = room[:0]
		}
	}
	b.AddMany(room)
	return Set{b}
}

// Union is what is in any of the sets.
func Union(sets ...Set) Set {
	if len(sets) == 1 {
		return sets[0]
	}
	all := make([]*roaring.Bitmap, len(sets))
	for i, s := range sets {
		all[i] = s.bitmap()
	}
	return Set{roaring.FastOr(all...)}
}

func (s Set) bitmap() *roaring.Bitmap {
	if s.b == nil {
		return roaring.New()
	}
	return s.b
}

// Len is the number of patients.
func (s Set) Len() int { return int(s.bitmap().GetCardinality()) }

// Empty reports whether nobody is in the set.
func (s Set) Empty() bool { return s.b == nil || s.b.IsEmpty() }

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

// Next is the first ordinal in the set from one on.
func (s Set) Next(from uint32) (ordinal uint32, ok bool) {
	if s.b == nil {
		return 0, false
	}
	it := s.b.Iterator()
	it.AdvanceIfNeeded(from)
	if !it.HasNext() {
		return 0, false
	}
	return it.PeekNext(), true
}

// Bytes is about how much memory the set takes.
func (s Set) Bytes() int {
	if s.b == nil {
		return 0
	}
	return int(s.b.GetSizeInBytes())
}

// Slice is the ordinals, ascending.
func (s Set) Slice() []uint32 { return s.bitmap().ToArray() }

// Binary is the set as bytes that [ReadSet] reads. Ordinals hold within one index:
// the bytes mean nothing to another one, nor to this one fed anew.
func (s Set) Binary() ([]byte, error) { return s.bitmap().ToBytes() }

// ReadSet reads what [Set.Binary] wrote. It keeps nothing of the bytes.
func ReadSet(data []byte) (Set, error) {
	b := roaring.New()
	if _, err := b.ReadFrom(bytes.NewReader(data)); err != nil {
		return Set{}, fmt.Errorf("index: reading a set: %w", err)
	}
	return Set{b}, nil
}
