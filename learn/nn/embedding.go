package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Embedding replaces each number by a row of its table: ids in any shape become
// that shape with Dim behind it. Ids are whole numbers held in float32 (exact up
// to 2^24); a negative id is padding and becomes zeros, and with MaskZero so do
// zeros: the ids before them are the sequence.
type Embedding struct {
	Table    *Param // size × dim
	MaskZero bool
	x, y, dx Tensor
	lengths  []int
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
func row(p *Param, data []float32, id float32, masked bool) []float32 {
	if id < 0 || masked && id == 0 {
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
	y := e.output(x)
	for i, id := range x.Data {
		out := y.Data[i*d : (i+1)*d]
		if from := row(e.Table, e.Table.Value, id, e.MaskZero); from != nil {
			copy(out, from)
		} else {
			clear(out)
		}
	}
	return y
}

// output has the shape of x with Dim behind it, and x's lengths.
func (e *Embedding) output(x Tensor) Tensor {
	d := e.Table.Shape[1]
	e.y.Data = resized(e.y.Data, len(x.Data)*d)
	e.y.Shape = append(append(e.y.Shape[:0], x.Shape...), d)
	e.y.Lengths = e.lengthsOf(x)
	return e.y
}

// lengthsOf are x's, or where the padding begins.
func (e *Embedding) lengthsOf(x Tensor) []int {
	if !e.MaskZero || len(x.Shape) != 2 {
		return x.Lengths
	}
	e.lengths = resized(e.lengths, x.Shape[0])
	for i := range e.lengths {
		e.lengths[i] = unpadded(x.Data[i*x.Shape[1] : i*x.Shape[1]+x.length(i, x.Shape[1])])
	}
	return e.lengths
}

// unpadded is how many ids there are before the padding.
func unpadded(ids []float32) int {
	n := len(ids)
	for n > 0 && ids[n-1] <= 0 {
		n--
	}
	return n
}

// Backward adds to the rows that were looked up; ids have no gradient, so it
// returns zeros.
func (e *Embedding) Backward(dy Tensor) Tensor {
	d := e.Table.Shape[1]
	for i, id := range e.x.Data {
		if g := row(e.Table, e.Table.Grad, id, e.MaskZero); g != nil {
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
// zeros. With MaskZero zero is padding too.
type EmbeddingBag struct {
	Table    *Param // size × dim
	MaskZero bool
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
		Axpy(share, row(e.Table, e.Table.Value, id, e.MaskZero), e.vector(y, sample))
	})
	return y
}

// Backward shares a sample's gradient among its rows and returns zeros.
func (e *EmbeddingBag) Backward(dy Tensor) Tensor {
	e.each(func(sample int, id, share float32) {
		Axpy(share, e.vector(dy, sample), row(e.Table, e.Table.Grad, id, e.MaskZero))
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
		ids, n := e.x.Data[s*length:s*length+e.x.length(s, length)], 0
		for _, id := range ids {
			if e.is(id) {
				n++
			}
		}
		for _, id := range ids {
			if e.is(id) {
				do(s, id, 1/float32(n))
			}
		}
	}
}

// Params is the table.
func (e *EmbeddingBag) Params() []*Param { return []*Param{e.Table} }

// is says whether id is one, not padding.
func (e *EmbeddingBag) is(id float32) bool { return id > 0 || id == 0 && !e.MaskZero }

// checkIDs refuses what is no row of the table.
func checkIDs(x Tensor, rows int) error {
	for i, id := range x.Data {
		if !(id < float32(rows)) || id != float32(int(id)) {
			return fmt.Errorf("element %d of the input is %g, not an id below %d", i, id, rows)
		}
	}
	return nil
}

func (e *Embedding) check(x Tensor) error { return checkIDs(x, e.Table.Shape[0]) }

func (e *EmbeddingBag) check(x Tensor) error { return checkIDs(x, e.Table.Shape[0]) }

func makeEmbedding(b *builder, s LayerSpec, in []int) (Layer, error) {
	table, err := makeTable(b, "embedding.table", s, in)
	return &Embedding{Table: table, MaskZero: s.MaskZero}, err
}

func makeEmbeddingBag(b *builder, s LayerSpec, in []int) (Layer, error) {
	table, err := makeTable(b, "bag.table", s, in)
	return &EmbeddingBag{Table: table, MaskZero: s.MaskZero}, err
}

func makeTable(b *builder, name string, s LayerSpec, in []int) (*Param, error) {
	if err := rank(in, 1, "[steps] ids"); err != nil {
		return nil, err
	}
	if err := positive("input_dim", s.InputDim); err != nil {
		return nil, err
	}
	if err := positive("output_dim", s.OutputDim); err != nil {
		return nil, err
	}
	return b.param(name, near0, s.InputDim, s.OutputDim), nil
}
