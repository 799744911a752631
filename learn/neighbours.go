package learn

import (
	"math"
	"slices"
	"sync"
)

// Neighbours finds the rows most like a row by the cosine of IDF-weighted
// values, through inverted lists. It is exact and safe for concurrent use.
type Neighbours struct {
	idf   []float32
	start []uint32 // postings of column c are start[c]:start[c+1]
	row   []uint32
	value []float32 // normalised
	n     int
	pool  sync.Pool // *[]float32 of length n, zero
}

// Neighbour is one row found.
type Neighbour struct {
	Row        int
	Similarity float32 // cosine
}

// NewNeighbours indexes rows over d columns. Document frequencies are those of
// rows; a column that all rows have weighs nothing.
func NewNeighbours(rows []Row, d int) (*Neighbours, error) {
	if err := checkRows(rows, d); err != nil {
		return nil, err
	}
	nb := &Neighbours{n: len(rows), idf: make([]float32, d), start: make([]uint32, d+1)}
	nb.pool.New = func() any { s := make([]float32, nb.n); return &s }
	for _, r := range rows {
		for _, c := range r.Index {
			nb.start[c+1]++
		}
	}
	for c := range d {
		nb.idf[c] = float32(math.Log((1 + float64(len(rows))) / (1 + float64(nb.start[c+1]))))
		nb.start[c+1] += nb.start[c]
	}
	nb.row = make([]uint32, nb.start[d])
	nb.value = make([]float32, nb.start[d])
	next := slices.Clone(nb.start[:d])
	for i, r := range rows {
		scale := nb.scale(r)
		for k, c := range r.Index {
			nb.row[next[c]], nb.value[next[c]] = uint32(i), scale*nb.idf[c]*float32(r.At(k))
			next[c]++
		}
	}
	return nb, nil
}

// scale is 1 over the weighted length of a row, 0 for one without weight.
func (nb *Neighbours) scale(r Row) float32 {
	var s float64
	for k, c := range r.Index {
		if int(c) < len(nb.idf) {
			v := r.At(k) * float64(nb.idf[c])
			s += v * v
		}
	}
	if s == 0 {
		return 0
	}
	return float32(1 / math.Sqrt(s))
}

// Nearest are the k rows most similar to x that share weight with it, best
// first, ties by row; skip (nil = none) keeps rows out, such as those of the
// same patient.
func (nb *Neighbours) Nearest(x Row, k int, skip func(row int) bool) []Neighbour {
	if k <= 0 {
		return nil
	}
	buf := nb.pool.Get().(*[]float32)
	defer nb.pool.Put(buf)
	sum := *buf
	defer clear(sum)
	scale := nb.scale(x)
	for i, c := range x.Index {
		if int(c) >= len(nb.idf) || nb.idf[c] == 0 {
			continue
		}
		w := scale * nb.idf[c] * float32(x.At(i))
		lo, hi := nb.start[c], nb.start[c+1]
		value := nb.value[lo:hi]
		for j, r := range nb.row[lo:hi] {
			sum[r] += w * value[j]
		}
	}
	best := make([]Neighbour, 0, k+1)
	for i, s := range sum {
		if s <= 0 || len(best) == k && s <= best[k-1].Similarity || skip != nil && skip(i) {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, s, func(b Neighbour, s float32) int {
			if b.Similarity >= s {
				return -1
			}
			return 1
		})
		best = slices.Insert(best, at, Neighbour{i, s})
		best = best[:min(len(best), k)]
	}
	return best
}
