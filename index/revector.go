package index

import (
	"fmt"
	"math"
	"slices"
)

// SetVectors gives patients other vectors, all at once, and leaves everything else as it
// is: what patients are compared by can be made anew without reading a resource. Who is
// not in of keeps his vector, who is there with none loses it; ids that are not indexed
// are passed over. The vectors are scaled to length 1 in place and kept. by names what
// made them, see [Index.VectorsBy].
func (x *Index) SetVectors(by string, of map[string][]float32) error {
	x.write.Lock()
	defer x.write.Unlock()
	if x.closed {
		return ErrClosed
	}
	x.await()
	s, dim := x.state.Load(), x.dim
	for _, vec := range of {
		if n := len(vec); n != 0 && dim != 0 && n != dim {
			return fmt.Errorf("index: setting vectors: a vector of %d numbers among vectors of %d", n, dim)
		} else if n != 0 {
			dim = n
		}
	}
	people := s.people.edit()
	layers := slices.Clone(s.layers)
	for i, l := range layers {
		fresh := *l.segment
		fresh.vectors = l.revector(of, people)
		layers[i].segment = &fresh
	}
	layers, divided := redivide(layers)
	n := s.next(layers, people.people, s.position)
	n.vectorsBy, n.cells = by, divided
	x.dim, x.dirty = dim, true
	x.state.Store(n)
	return nil
}

// VectorsBy names what made the vectors, as the last [Index.SetVectors] said; "" for an
// index whose vectors came with documents alone.
func (x *Index) VectorsBy() string { return x.state.Load().vectorsBy }

// revector makes the vectors of whom the layer shows, and has their rows say so.
func (l layer) revector(of map[string][]float32, people *peopleEdit) vectors {
	had := make(map[uint32]int, len(l.vectors.patient))
	for i, ord := range l.vectors.patient {
		had[ord] = i
	}
	var out vectors
	for it := l.patients.Iterator(); it.HasNext(); {
		ord := it.Next()
		if l.hides(ord) {
			continue
		}
		var old []float32
		if i, ok := had[ord]; ok {
			old = l.vectors.row(i)
		}
		vec, given := of[people.at(ord).ID]
		if !given {
			vec = old
		} else if !normalise(vec) {
			vec = nil
		}
		if vec != nil {
			out.add(ord, vec)
		}
		if given {
			row := *people.at(ord)
			row.sum ^= sumOfVector(old) ^ sumOfVector(vec)
			people.set(ord, row)
		}
	}
	return out
}

// sumOfVector hashes a vector of length 1; 0 for none.
func sumOfVector(vec []float32) uint64 {
	if vec == nil {
		return 0
	}
	h := newSum()
	for _, v := range vec {
		h.put(uint64(math.Float32bits(v)))
	}
	return uint64(h)
}

// sum is FNV-1a over 64-bit words, mixed once more for each.
type sum uint64

func newSum() sum { return 14695981039346656037 }

func (h *sum) put(v uint64) {
	*h = (*h ^ sum(v)) * 1099511628211
	*h ^= *h >> 32
}
