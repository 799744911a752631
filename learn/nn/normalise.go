package nn

import (
	"fmt"
	"math"
)

// LayerNorm gives each vector of the last dimension mean 0 and deviation 1, then
// a learned gain and shift (Ba, Kiros, Hinton, 2016).
type LayerNorm struct {
	Gain, Shift *Param
	unit        Tensor    // normalised input
	inverse     []float32 // 1/deviation of each vector
	y, dx       Tensor
	epsilon     float64
}

// NewLayerNorm is for vectors of length n; gain 1, shift 0.
func NewLayerNorm(n int) *LayerNorm {
	l := &LayerNorm{Gain: newParam("norm.gain", n), Shift: newParam("norm.shift", n), epsilon: 1e-5}
	for i := range l.Gain.Value {
		l.Gain.Value[i] = 1
	}
	return l
}

// OutShape is the input's shape.
func (l *LayerNorm) OutShape(in []int) ([]int, error) {
	if n := l.Gain.Shape[0]; len(in) == 0 || in[len(in)-1] != n {
		return nil, fmt.Errorf("LayerNorm of %d does not take %v", n, in)
	}
	return in, nil
}

// Forward normalises.
func (l *LayerNorm) Forward(x Tensor, _ bool) Tensor {
	n := len(l.Gain.Value)
	unit, y := l.unit.like(x, n), l.y.like(x, n)
	l.inverse = resized(l.inverse, len(x.Data)/n)
	for r := range l.inverse {
		in := x.Data[r*n : (r+1)*n]
		var mean, square float64
		for _, v := range in {
			mean += float64(v) / float64(n)
		}
		for _, v := range in {
			square += (float64(v) - mean) * (float64(v) - mean) / float64(n)
		}
		inverse := 1 / math.Sqrt(square+l.epsilon)
		l.inverse[r] = float32(inverse)
		for i, v := range in {
			u := float32((float64(v) - mean) * inverse)
			unit.Data[r*n+i] = u
			y.Data[r*n+i] = u*l.Gain.Value[i] + l.Shift.Value[i]
		}
	}
	return y
}

// Backward is the gradient through mean and deviation.
func (l *LayerNorm) Backward(dy Tensor) Tensor {
	n := len(l.Gain.Value)
	dx := l.dx.like(l.y, n)
	for r, inverse := range l.inverse {
		g, u, out := dy.Data[r*n:(r+1)*n], l.unit.Data[r*n:(r+1)*n], dx.Data[r*n:(r+1)*n]
		var sum, along float64
		for i, v := range g {
			l.Shift.Grad[i] += v
			l.Gain.Grad[i] += v * u[i]
			out[i] = v * l.Gain.Value[i]
			sum += float64(out[i])
			along += float64(out[i] * u[i])
		}
		sum, along = sum/float64(n), along/float64(n)
		for i := range out {
			out[i] = inverse * (out[i] - float32(sum) - u[i]*float32(along))
		}
	}
	return dx
}

// Params are the gain and the shift.
func (l *LayerNorm) Params() []*Param { return []*Param{l.Gain, l.Shift} }

func makeLayerNorm(b *builder, s LayerSpec, in []int) (Layer, error) {
	n := in[len(in)-1]
	l := &LayerNorm{Gain: b.param("norm.gain", ones, n), Shift: b.param("norm.shift", nil, n), epsilon: 1e-3}
	if s.Epsilon < 0 {
		return nil, fmt.Errorf("epsilon %g is negative", s.Epsilon)
	}
	if s.Epsilon > 0 {
		l.epsilon = s.Epsilon
	}
	return l, nil
}
