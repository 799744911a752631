package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// LayerNorm gives each vector of the last dimension mean 0 and deviation 1, then
// a learned gain and shift (Ba, Kiros, Hinton, 2016).
type LayerNorm struct {
	Gain, Shift *Param
	unit        Tensor    // normalised input
	inverse     []float32 // 1/deviation of each vector
	y, dx       Tensor
}

// NewLayerNorm is for vectors of length n; gain 1, shift 0.
func NewLayerNorm(n int) *LayerNorm {
	l := &LayerNorm{Gain: newParam("norm.gain", n), Shift: newParam("norm.shift", n)}
	for i := range l.Gain.Value {
		l.Gain.Value[i] = 1
	}
	return l
}

// OutShape is the input's shape.
func (l *LayerNorm) OutShape(in []int) ([]int, error) {
	if len(in) == 0 || in[len(in)-1] != len(l.Gain.Value) {
		return nil, fmt.Errorf("LayerNorm of %d does not take %v", len(l.Gain.Value), in)
	}
	return in, nil
}

// Forward normalises.
func (l *LayerNorm) Forward(x Tensor, _ bool) Tensor {
	n := len(l.Gain.Value)
	unit, y := l.unit.reuse(x.Shape...), l.y.reuse(x.Shape...)
	l.inverse = slices.Grow(l.inverse[:0], len(x.Data)/n)[:len(x.Data)/n]
	for r := range l.inverse {
		in := x.Data[r*n : (r+1)*n]
		var mean, square float64
		for _, v := range in {
			mean += float64(v) / float64(n)
		}
		for _, v := range in {
			square += (float64(v) - mean) * (float64(v) - mean) / float64(n)
		}
		inverse := 1 / math.Sqrt(square+1e-5)
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
	dx := l.dx.reuse(dy.Shape...)
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

// Dropout zeroes elements with a chance while training and scales the others up
// so that the mean stays; otherwise it passes its input on.
type Dropout struct {
	chance  float64
	rng     *rand.Rand
	keep    []float32
	trained bool
	y, dx   Tensor
}

// NewDropout draws from rng, which nothing else should share; chance is in [0,1).
func NewDropout(chance float64, rng *rand.Rand) *Dropout { return &Dropout{chance: chance, rng: rng} }

// Forward drops while training.
func (d *Dropout) Forward(x Tensor, train bool) Tensor {
	if d.trained = train && d.chance > 0; !d.trained {
		return x
	}
	y := d.y.reuse(x.Shape...)
	d.keep = slices.Grow(d.keep[:0], len(x.Data))[:len(x.Data)]
	for i, v := range x.Data {
		d.keep[i] = 0
		if d.rng.Float64() >= d.chance {
			d.keep[i] = float32(1 / (1 - d.chance))
		}
		y.Data[i] = v * d.keep[i]
	}
	return y
}

// Backward passes on what was kept.
func (d *Dropout) Backward(dy Tensor) Tensor {
	if !d.trained {
		return dy
	}
	dx := d.dx.reuse(dy.Shape...)
	for i, g := range dy.Data {
		dx.Data[i] = g * d.keep[i]
	}
	return dx
}

// Params is empty.
func (d *Dropout) Params() []*Param { return nil }
