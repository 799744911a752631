package nn

import (
	"fmt"
	"math"
)

// attention is self-attention in heads (Vaswani et al., 2017): every real step
// looks at all real steps of its sequence.
type attention struct {
	In, InB, Out, OutB *Param // features × 3·units: queries, keys, values; units × units
	units, heads       int
	x, y, dx           Tensor
	qkv, dqkv          []float32
	seen, dseen        []float32 // what the heads saw, side by side
	shares             []float32 // samples × heads × steps × steps
	dshare             []float32 // of one head
}

func makeAttention(b *builder, s LayerSpec, in []int) (Layer, error) {
	if err := rank(in, 2, "[steps features]"); err != nil {
		return nil, err
	}
	if s.Heads == 0 {
		s.Heads = 1
	}
	if err := positive("units", s.Units); err != nil {
		return nil, err
	}
	if err := positive("heads", s.Heads); err != nil {
		return nil, err
	}
	if s.Units%s.Heads != 0 {
		return nil, fmt.Errorf("units %d do not make %d heads", s.Units, s.Heads)
	}
	return &attention{
		In: b.weight("attention.In", glorot, in[1], 3*s.Units), InB: b.param("attention.InB", nil, 3*s.Units),
		Out: b.weight("attention.Out", glorot, s.Units, s.Units), OutB: b.param("attention.OutB", nil, s.Units),
		units: s.Units, heads: s.Heads,
	}, nil
}

// OutShape is the units at each step.
func (a *attention) OutShape(in []int) ([]int, error) { return []int{in[0], a.units}, nil }

// Params are the projections and their biases.
func (a *attention) Params() []*Param { return []*Param{a.In, a.InB, a.Out, a.OutB} }

// head are views of one head: queries, keys, values, and its part of the result.
type head struct{ q, k, v, seen, shares Matrix }

// each visits the heads of every sequence that has a step. data is laid out as
// qkv, seen as seen.
func (a *attention) each(data, seen []float32, do func(h head)) {
	steps, u, d := a.x.Shape[1], a.units, a.units/a.heads
	for i := range a.x.Shape[0] {
		n := a.x.length(i, steps)
		for j := range a.heads {
			if n == 0 {
				continue
			}
			part := func(which int) Matrix {
				return Matrix{Rows: n, Cols: d, Row: 3 * u, Col: 1, Data: data[i*steps*3*u+which*u+j*d:]}
			}
			at := (i*a.heads + j) * steps * steps
			do(head{part(0), part(1), part(2),
				Matrix{Rows: n, Cols: d, Row: u, Col: 1, Data: seen[i*steps*u+j*d:]},
				Matrix{Rows: n, Cols: n, Row: n, Col: 1, Data: a.shares[at : at+n*n]}})
		}
	}
}

func (a *attention) scale() float32 { return float32(1 / math.Sqrt(float64(a.units/a.heads))) }

// Forward is softmax(Q·Kᵀ/√d)·V in each head, then a projection.
func (a *attention) Forward(x Tensor, _ bool) Tensor {
	a.x = x
	steps, u := x.Shape[1], a.units
	rows := x.Shape[0] * steps
	a.qkv, a.seen = resized(a.qkv, rows*3*u), resized(a.seen, rows*u)
	a.shares = resized(a.shares, rows*a.heads*steps)
	clear(a.seen)
	clear(a.shares)
	a.In.affine(Mat(a.qkv, rows, 3*u), Mat(x.Data, rows, x.Last()), a.InB.Value, false)
	scale := a.scale()
	a.each(a.qkv, a.seen, func(h head) {
		Gemm(h.shares, h.q, h.k.T())
		for r := range h.shares.Rows {
			row := h.shares.Data[r*h.shares.Cols : (r+1)*h.shares.Cols]
			for j := range row {
				row[j] *= scale
			}
			Softmax(row, row)
		}
		Gemm(h.seen, h.shares, h.v)
	})
	y := a.y.like(x, u)
	a.Out.affine(Mat(y.Data, rows, u), Mat(a.seen, rows, u), a.OutB.Value, false)
	clearPadding(y)
	return y
}

// Backward goes through projection, shares and scores.
func (a *attention) Backward(dy Tensor) Tensor {
	dy.Lengths = a.x.Lengths
	clearPadding(dy)
	steps, u := a.x.Shape[1], a.units
	rows := a.x.Shape[0] * steps
	g := Mat(dy.Data, rows, u)
	Gemm(a.Out.gradient(), Mat(a.seen, rows, u).T(), g)
	addRows(dy.Data, a.OutB.Grad)
	a.dseen, a.dqkv = resized(a.dseen, rows*u), resized(a.dqkv, rows*3*u)
	clear(a.dseen)
	clear(a.dqkv)
	a.Out.multiplyTurned(Mat(a.dseen, rows, u), g)
	a.headsBack()
	in := a.x.Last()
	d := Mat(a.dqkv, rows, 3*u)
	Gemm(a.In.gradient(), Mat(a.x.Data, rows, in).T(), d)
	addRows(a.dqkv, a.InB.Grad)
	dx := a.dx.like(a.x, in)
	clear(dx.Data)
	a.In.multiplyTurned(Mat(dx.Data, rows, in), d)
	return dx
}

// headsBack turns dseen into dqkv.
func (a *attention) headsBack() {
	steps, scale := a.x.Shape[1], a.scale()
	a.dshare = resized(a.dshare, steps*steps)
	at := func(m Matrix, from, to []float32) Matrix { // the same place in another array
		m.Data = to[len(from)-len(m.Data):]
		return m
	}
	a.each(a.qkv, a.seen, func(h head) {
		n := h.shares.Rows
		dseen := at(h.seen, a.seen, a.dseen)
		d := Mat(a.dshare[:n*n], n, n)
		clear(d.Data)
		Gemm(d, dseen, h.v.T())
		Gemm(at(h.v, a.qkv, a.dqkv), h.shares.T(), dseen)
		for r := range n {
			row := d.Data[r*n : (r+1)*n]
			softmaxBack(h.shares.Data[r*n:(r+1)*n], row, row)
			for j := range row {
				row[j] *= scale
			}
		}
		Gemm(at(h.q, a.qkv, a.dqkv), d, h.k)
		Gemm(at(h.k, a.qkv, a.dqkv), d.T(), h.q)
	})
}

// attentionPool is the mean of the real steps weighted by softmax(v·tanh(x·W+b))
// (Bahdanau, Cho and Bengio, 2015; Yang et al., 2016).
type attentionPool struct {
	W, B, V  *Param // features × units, units, units
	x, y, dx Tensor
	curve    []float32 // tanh, rows × units
	shares   []float32 // samples × steps
	dscore   []float32
}

func makeAttentionPool(b *builder, s LayerSpec, in []int) (Layer, error) {
	if err := rank(in, 2, "[steps features]"); err != nil {
		return nil, err
	}
	if err := positive("units", s.Units); err != nil {
		return nil, err
	}
	return &attentionPool{W: b.weight("pool.W", glorot, in[1], s.Units), B: b.param("pool.B", nil, s.Units),
		V: b.param("pool.V", glorot, s.Units, 1)}, nil
}

// OutShape is the features.
func (a *attentionPool) OutShape(in []int) ([]int, error) { return in[1:], nil }

// Params are the weights, the bias and the vector that scores.
func (a *attentionPool) Params() []*Param { return []*Param{a.W, a.B, a.V} }

// Forward weighs and sums.
func (a *attentionPool) Forward(x Tensor, _ bool) Tensor {
	a.x = x
	steps, u, w := x.Shape[1], len(a.B.Value), x.Last()
	rows := x.Shape[0] * steps
	a.curve, a.shares = resized(a.curve, rows*u), resized(a.shares, rows)
	a.W.affine(Mat(a.curve, rows, u), Mat(x.Data, rows, w), a.B.Value, false)
	curved(a.curve, level.tanh)
	y := a.y.reuse(x.Shape[0], w)
	clear(y.Data)
	clear(a.shares)
	for i := range x.Shape[0] {
		shares := a.shares[i*steps : i*steps+x.length(i, steps)]
		for t := range shares {
			at := i*steps + t
			shares[t] = active.dot(a.curve[at*u:(at+1)*u], a.V.Value)
		}
		Softmax(shares, shares)
		for t, share := range shares {
			at := i*steps + t
			active.axpy(share, x.Data[at*w:(at+1)*w], y.Data[i*w:(i+1)*w])
		}
	}
	return y
}

// Backward goes through the sum, the softmax and the tanh.
func (a *attentionPool) Backward(dy Tensor) Tensor {
	steps, u, w := a.x.Shape[1], len(a.B.Value), a.x.Last()
	rows := a.x.Shape[0] * steps
	dx := a.dx.like(a.x, w)
	clear(dx.Data)
	a.dscore = resized(a.dscore, rows)
	clear(a.dscore)
	for i := range a.x.Shape[0] {
		n := a.x.length(i, steps)
		g, d, shares := dy.Data[i*w:(i+1)*w], a.dscore[i*steps:i*steps+n], a.shares[i*steps:i*steps+n]
		for t, share := range shares {
			at := (i*steps + t) * w
			d[t] = active.dot(g, a.x.Data[at:at+w])
			active.axpy(share, g, dx.Data[at:at+w])
		}
		softmaxBack(shares, d, d)
	}
	for r, d := range a.dscore {
		curve := a.curve[r*u : (r+1)*u]
		active.axpy(d, curve, a.V.Grad)
		for j, v := range curve { // becomes the gradient of the sum
			curve[j] = d * a.V.Value[j] * (1 - v*v)
		}
	}
	d := Mat(a.curve, rows, u)
	Gemm(a.W.gradient(), Mat(a.x.Data, rows, w).T(), d)
	addRows(a.curve, a.B.Grad)
	a.W.multiplyTurned(Mat(dx.Data, rows, w), d)
	return dx
}
