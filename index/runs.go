package index

import (
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

// Rows are all postings of the run, those of hidden patients included, by patient,
// day and value. They must not be modified.
func (r Run) Rows() []Posting { return r.rows }

// Within gives to take the postings of each patient of a set, from an ordinal up to
// but without another, in order, until it returns false. The rows must not be
// modified.
func (r Run) Within(s Set, from, to uint32, take func(ordinal uint32, rows []Posting) bool) {
	if s.b == nil {
		return
	}
	it := s.b.Iterator()
	it.AdvanceIfNeeded(from)
	at := 0
	for it.HasNext() {
		ord := it.PeekNext()
		if ord >= to {
			return
		}
		if at = r.Seek(at, ord); at == len(r.rows) {
			return
		}
		if found := r.rows[at].Patient; found != ord {
			it.AdvanceIfNeeded(found)
			continue
		}
		end := at + 1
		for end < len(r.rows) && r.rows[end].Patient == ord {
			end++
		}
		if (r.masked == nil || !r.masked.Contains(ord)) && !take(ord, r.rows[at:end]) {
			return
		}
		at = end
		it.Next()
	}
}

// Seek is the first row from at on whose patient is ord or later: by steps that
// double, then by halves, as the next patient is near more often than not.
func (r Run) Seek(at int, ord uint32) int {
	step := 1
	for at+step < len(r.rows) && r.rows[at+step-1].Patient < ord {
		at += step
		step *= 2
	}
	end := min(at+step, len(r.rows))
	for at < end {
		mid := int(uint(at+end) / 2)
		if r.rows[mid].Patient < ord {
			at = mid + 1
		} else {
			end = mid
		}
	}
	return at
}

// Hides reports whether a patient's postings in this run no longer hold: others do.
func (r Run) Hides(ordinal uint32) bool { return r.masked != nil && r.masked.Contains(ordinal) }
