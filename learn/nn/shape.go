package nn

import (
	"fmt"
	"slices"
)

// flatten makes one dimension of all but the sample's.
type flatten struct {
	shape [2]int
	from  []int
}

// OutShape is the product of all dimensions.
func (f *flatten) OutShape(in []int) ([]int, error) { return []int{size(in)}, nil }

func (f *flatten) Forward(x Tensor, _ bool) Tensor {
	f.from = append(f.from[:0], x.Shape...)
	f.shape = [2]int{x.Shape[0], len(x.Data) / max(1, x.Shape[0])}
	return Tensor{Shape: f.shape[:], Data: x.Data}
}

func (f *flatten) Backward(dy Tensor) Tensor { return Tensor{Shape: f.from, Data: dy.Data} }

func (f *flatten) Params() []*Param { return nil }

// identity changes nothing: an Activation layer whose curve the loss took.
type identity struct{}

func (identity) Forward(x Tensor, _ bool) Tensor  { return x }
func (identity) Backward(dy Tensor) Tensor        { return dy }
func (identity) Params() []*Param                 { return nil }
func (identity) OutShape(in []int) ([]int, error) { return in, nil }

// residual is x plus what its layers make of x.
type residual struct {
	inner     network
	y, dx, dy Tensor
}

func makeResidual(b *builder, s LayerSpec, in []int) (Layer, error) {
	b.inside++
	defer func() { b.inside-- }()
	layers, out, err := b.layers(in, s.Layers)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(in, out) {
		return nil, fmt.Errorf("its layers make %v of %v, not the same shape", out, in)
	}
	return &residual{inner: network{layers: layers}}, nil
}

// OutShape is the input's shape.
func (r *residual) OutShape(in []int) ([]int, error) { return in, nil }

func (r *residual) Forward(x Tensor, train bool) Tensor {
	inner := r.inner.forward(x, train)
	y := r.y.like(x, x.Last())
	Add(x.Data, inner.Data, y.Data)
	return y
}

func (r *residual) Backward(dy Tensor) Tensor {
	kept := r.dy.like(dy, dy.Last())
	copy(kept.Data, dy.Data)
	inner := r.inner.backward(dy)
	dx := r.dx.like(r.y, r.y.Last())
	Add(kept.Data, inner.Data, dx.Data)
	return dx
}

func (r *residual) Params() []*Param {
	return (&Sequential{Layers: r.inner.layers}).Params()
}

func (r *residual) seed(a, b uint64) { r.inner.seed(a, b) }
