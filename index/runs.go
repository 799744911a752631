package index

import (
	"slices"

	"ember/record"

	"github.com/RoaringBitmap/roaring/v2"
)

// Run is a stretch of the postings of one concept, by patient, day and value. It is
// immutable. Several runs of a concept have no patient in common.
type Run struct {
	rows   []Posting
	masked *roaring.Bitmap
}

// Runs are the postings of a concept of a kind as they lie, without copying them.
func (v View) Runs(kind record.Kind, code record.Code) []Run {
	id, ok := v.s.concepts.lookup(kind, code)
	if !ok {
		return nil
	}
	var runs []Run
	for _, l := range v.s.layers {
		if i, ok := l.find(id); ok {
			runs = append(runs, Run{l.postings(i), l.masked})
		}
	}
	return runs
}

// Len is the number of postings, those of hidden patients included.
func (r Run) Len() int { return len(r.rows) }

// From is where the postings of patients from an ordinal on begin.
func (r Run) From(ordinal uint32) int {
	i, _ := slices.BinarySearchFunc(r.rows, ordinal, func(p Posting, o uint32) int {
		if p.Patient < o {
			return -1
		}
		return 1
	})
	return i
}

// Rows are the postings from one place to another; they must not be modified.
func (r Run) Rows(from, to int) []Posting { return r.rows[from:to] }

// Hides reports whether a patient's postings in this run no longer hold: others do.
func (r Run) Hides(ordinal uint32) bool { return r.masked != nil && r.masked.Contains(ordinal) }

// Masked reports whether the run hides anybody.
func (r Run) Masked() bool { return r.masked != nil }
