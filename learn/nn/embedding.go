package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Embedding replaces each number by a row of its table: ids in any shape become
// that shape with Dim behind it. Ids are whole numbers held in float32 (exact up
// to 2^24); a negative id is padding and becomes zeros.
type Embedding struct {
	Table    *Param // size × dim
	x, y, dx Tensor
}

// NewEmbedding draws the table from a normal distribution of deviation .05.
func NewEmbedding(size, dim int, rng *rand.Rand) *Embedding {
	return &Embedding{Table: newTable("embedding", size, dim, rng)}
}

func newTable(name string, size, dim int, rng *rand.Rand) *Param {
	p := newParam(name+".table", size, dim)
	for i := range p.Value {
		p.Value[i] = float32(.05 * rng.NormFloat64())
	}
	return p
}

// row is the part of data that belongs to id, nil for padding; it panics when the
// id is outside the table.
func row(p *Param, data []float32, id float32) []float32 {
	if id < 0 {
		return nil
	}
	d := p.Shape[1]
	return data[int(id)*d : (int(id)+1)*d]
}

// OutShape adds a dimension.
func (e *Embedding) OutShape(in []int) ([]int, error) {
	return append(slices.Clone(in), e.Table.Shape[1]), nil
}

// Forward looks the ids up.
func (e *Embedding) Forward(x Tensor, _ bool) Tensor {
	e.x = x
	d := e.Table.Shape[1]
	y := e.y.reuse(append(slices.Clone(x.Shape), d)...)
	for i, id := range x.Data {
		out := y.Data[i*d : (i+1)*d]
		if from := row(e.Table, e.Table.Value, id); from != nil {
			copy(out, from)
		} else {
			clear(out)
		}
	}
	return y
}

// Backward adds to the rows that were looked up; ids have no gradient, so it
// returns zeros.
func (e *Embedding) Backward(dy Tensor) Tensor {
	d := e.Table.Shape[1]
	for i, id := range e.x.Data {
		if g := row(e.Table, e.Table.Grad, id); g != nil {
			Axpy(1, dy.Data[i*d:(i+1)*d], g)
		}
	}
	dx := e.dx.reuse(e.x.Shape...)
	clear(dx.Data)
	return dx
}

// Params is the table.
func (e *Embedding) Params() []*Param { return []*Param{e.Table} }

// EmbeddingBag is the mean of the rows of a sample's ids: samples × length
// becomes samples × dim. Negative ids are padding; a sample of padding only is
// zeros.
type EmbeddingBag struct {
	Table    *Param // size × dim
	x, y, dx Tensor
}

// NewEmbeddingBag draws the table as [NewEmbedding] does.
func NewEmbeddingBag(size, dim int, rng *rand.Rand) *EmbeddingBag {
	return &EmbeddingBag{Table: newTable("bag", size, dim, rng)}
}

// OutShape takes the length of a sample's ids and gives the dimension.
func (e *EmbeddingBag) OutShape(in []int) ([]int, error) {
	if len(in) != 1 {
		return nil, fmt.Errorf("EmbeddingBag takes one list of ids a sample, not %v", in)
	}
	return []int{e.Table.Shape[1]}, nil
}

// Forward averages.
func (e *EmbeddingBag) Forward(x Tensor, _ bool) Tensor {
	e.x = x
	y := e.y.reuse(x.Shape[0], e.Table.Shape[1])
	clear(y.Data)
	e.each(func(sample int, id, share float32) {
		Axpy(share, row(e.Table, e.Table.Value, id), e.vector(y, sample))
	})
	return y
}

// Backward shares a sample's gradient among its rows and returns zeros.
func (e *EmbeddingBag) Backward(dy Tensor) Tensor {
	e.each(func(sample int, id, share float32) {
		Axpy(share, e.vector(dy, sample), row(e.Table, e.Table.Grad, id))
	})
	dx := e.dx.reuse(e.x.Shape...)
	clear(dx.Data)
	return dx
}

func (e *EmbeddingBag) vector(t Tensor, sample int) []float32 {
	d := e.Table.Shape[1]
	return t.Data[sample*d : (sample+1)*d]
}

func (e *EmbeddingBag) each(do func(sample int, id, share float32)) {
	length := e.x.Last()
	for s := range e.x.Shape[0] {
		ids, n := e.x.Data[s*length:(s+1)*length], 0
		for _, id := range ids {
			if id >= 0 {
				n++
			}
		}
		for _, id := range ids {
			if id >= 0 {
				do(s, id, 1/float32(n))
			}
		}
	}
}

// Params is the table.
func (e *EmbeddingBag) Params() []*Param { return []*Param{e.Table} }
