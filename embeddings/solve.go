package embeddings

import (
	"context"

	"ember/learn/nn"
)

// design is a sparse matrix of texts × columns.
type design struct {
	columns int
	start   []int
	column  []uint32
	value   []float32
}

const (
	penalty = .3 // on the sequences' vectors; rows have length 1
	rounds  = 40 // of conjugate gradients, at most
)

// solve is the ridge regression of the targets (texts × dim) on the rows, by
// conjugate gradients on (XᵀX+penalty)W = XᵀY, each output with steps of its own.
func (x *design) solve(ctx context.Context, targets []float32, dim int) ([]float32, error) {
	n := x.columns * dim
	w, r, p, ap := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	x.transposed(targets, r, dim)
	copy(p, r)
	rr := squares(r, dim)
	first := total(rr)
	for range rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if total(rr) <= 1e-8*first {
			break
		}
		x.normal(p, ap, dim)
		step := products(p, ap, dim)
		for j := range step {
			step[j] = ratio(rr[j], step[j])
		}
		advance(w, p, step, 1)
		advance(r, ap, step, -1)
		next := squares(r, dim)
		for j := range step {
			step[j] = ratio(next[j], rr[j])
		}
		for i := range p {
			p[i] = r[i] + float32(step[i%dim])*p[i]
		}
		rr = next
	}
	return w, nil
}

func ratio(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a / b
}

// normal is (XᵀX+penalty)·p.
func (x *design) normal(p, into []float32, dim int) {
	clear(into)
	nn.Axpy(penalty, p, into)
	row := make([]float32, dim)
	for i := range len(x.start) - 1 {
		clear(row)
		for e := x.start[i]; e < x.start[i+1]; e++ {
			nn.Axpy(x.value[e], p[int(x.column[e])*dim:(int(x.column[e])+1)*dim], row)
		}
		x.scatter(i, row, into, dim)
	}
}

// transposed is Xᵀ·y.
func (x *design) transposed(y, into []float32, dim int) {
	for i := range len(x.start) - 1 {
		x.scatter(i, y[i*dim:(i+1)*dim], into, dim)
	}
}

func (x *design) scatter(i int, row, into []float32, dim int) {
	for e := x.start[i]; e < x.start[i+1]; e++ {
		c := int(x.column[e])
		nn.Axpy(x.value[e], row, into[c*dim:(c+1)*dim])
	}
}

// products are the inner products of the columns of two matrices of dim columns.
func products(a, b []float32, dim int) []float64 {
	s := make([]float64, dim)
	for i := 0; i < len(a); i += dim {
		for j := range dim {
			s[j] += float64(a[i+j]) * float64(b[i+j])
		}
	}
	return s
}

func squares(a []float32, dim int) []float64 { return products(a, a, dim) }

func total(s []float64) float64 {
	var t float64
	for _, v := range s {
		t += v
	}
	return t
}

// advance adds sign·step to each column of x along d.
func advance(x, d []float32, step []float64, sign float64) {
	dim := len(step)
	for i := 0; i < len(x); i += dim {
		for j, s := range step {
			x[i+j] += float32(sign*s) * d[i+j]
		}
	}
}
