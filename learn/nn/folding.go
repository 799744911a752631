package nn

import "slices"

// folded serves an embedding and the recurrent layer behind it with a table that
// has met the input's weights already: a step's input sums are looked up, not
// computed. It is for serving only, where weights rest.
type folded struct {
	m          *Model
	embedding  *Embedding
	behind     Layer // recurrent or bidirectional
	directions []*recurrent
}

// largestFold is how many numbers the tables of a model may have: 64 MiB.
const largestFold = 1 << 24

// fold replaces the first two layers of a session's network where that fits.
func (m *Model) fold(n *network) {
	if len(n.layers) < 2 {
		return
	}
	e, ok := n.layers[0].(*Embedding)
	if !ok {
		return
	}
	f := &folded{m: m, embedding: e, behind: n.layers[1]}
	switch l := n.layers[1].(type) {
	case *recurrent:
		f.directions = []*recurrent{l}
	case *bidirectional:
		f.directions = []*recurrent{l.ahead, l.back}
	default:
		return
	}
	if (e.Table.Shape[0]+1)*f.directions[0].across()*len(f.directions) <= largestFold {
		n.layers = append([]Layer{f}, n.layers[2:]...)
	}
}

func (f *folded) Forward(x Tensor, train bool) Tensor {
	tables := f.m.tables.Load()
	if tables == nil {
		tables = f.makeTables()
		f.m.tables.Store(tables) // another session's are the same
	}
	for i, r := range f.directions {
		r.table = (*tables)[i]
		r.masked = f.embedding.MaskZero
	}
	x.Lengths = f.embedding.lengthsOf(x)
	return f.behind.Forward(x, train)
}

// makeTables are table·W + B for each direction, and a row of B for padding.
func (f *folded) makeTables() *[][]float32 {
	table := f.embedding.Table.matrix()
	var tables [][]float32
	for _, r := range f.directions {
		wide := r.across()
		t := make([]float32, (table.Rows+1)*wide)
		repeat(r.bias(0), t)
		r.W.multiply(Mat(t[:table.Rows*wide], table.Rows, wide), table)
		tables = append(tables, t)
	}
	return &tables
}

// lookUp fills the sums of all steps from the table.
func (r *recurrent) lookUp(ids []float32) {
	wide := r.across()
	padding := len(r.table) - wide
	for s, n := range r.active {
		for i := range n {
			sample, t := r.at(s, i, r.reverse)
			from := padding
			if id := ids[sample*r.steps+t]; id > 0 || id == 0 && !r.masked {
				from = int(id) * wide
			}
			copy(r.sums[(r.start[s]+i)*wide:(r.start[s]+i+1)*wide], r.table[from:])
		}
	}
}

// Backward is never asked for.
func (f *folded) Backward(Tensor) Tensor { panic("nn: a session does not learn") }

// Params are those of both layers.
func (f *folded) Params() []*Param {
	return slices.Concat(f.embedding.Params(), f.behind.Params())
}
