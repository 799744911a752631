package nn

import (
	"fmt"
	"slices"
)

// Param is one array of trainable numbers with its gradient, which backward
// passes add to.
type Param struct {
	Name        string
	Shape       []int
	Value, Grad []float32
	plain       *panels // Value packed for products, nil = not
	turned      *panels // its transpose
}

func newParam(name string, shape ...int) *Param {
	return &Param{Name: name, Shape: shape, Value: make([]float32, size(shape)), Grad: make([]float32, size(shape))}
}

// Layer is one differentiable step. The first dimension of every tensor is the
// sample. A result belongs to the layer and holds until its next call; an input
// must stay unchanged until the backward pass is done. A layer serves one
// goroutine at a time. Tensors that do not fit panic: [NewSequential] finds that
// out beforehand.
type Layer interface {
	// Forward computes the output; train switches on what only training does.
	Forward(x Tensor, train bool) Tensor
	// Backward takes the gradient of the last Forward's output, adds to the
	// gradients of Params and returns the gradient of the input.
	Backward(dy Tensor) Tensor
	// Params are the layer's parameters, the same ones in the same order always.
	Params() []*Param
}

// Shaper is a layer that knows which shapes it takes. Shapes are without the
// sample dimension.
type Shaper interface {
	// OutShape is the shape of the output, or why in does not fit.
	OutShape(in []int) ([]int, error)
}

// Sequential runs layers one after the other. It is a layer itself.
type Sequential struct {
	Layers []Layer
	Shape  []int // of the output, without the sample dimension
}

var _ Layer = (*Sequential)(nil)

// NewSequential chains layers behind inputs of shape in (without the sample
// dimension) and reports the first layer whose input does not fit.
func NewSequential(in []int, layers ...Layer) (*Sequential, error) {
	shape := slices.Clone(in)
	for i, l := range layers {
		s, ok := l.(Shaper)
		if !ok {
			continue
		}
		out, err := s.OutShape(shape)
		if err != nil {
			return nil, fmt.Errorf("nn: layer %d: %w", i+1, err)
		}
		shape = out
	}
	return &Sequential{Layers: layers, Shape: shape}, nil
}

// Forward runs all layers.
func (s *Sequential) Forward(x Tensor, train bool) Tensor {
	for _, l := range s.Layers {
		x = l.Forward(x, train)
	}
	return x
}

// Backward runs all layers backward.
func (s *Sequential) Backward(dy Tensor) Tensor {
	for _, l := range slices.Backward(s.Layers) {
		dy = l.Backward(dy)
	}
	return dy
}

// Params are those of all layers, in order.
func (s *Sequential) Params() []*Param {
	var p []*Param
	for _, l := range s.Layers {
		p = append(p, l.Params()...)
	}
	return p
}

// ZeroGrad clears the gradients before the next backward pass.
func ZeroGrad(params []*Param) {
	for _, p := range params {
		clear(p.Grad)
	}
}
