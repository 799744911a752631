package nn

import (
	"fmt"
	"math"
)

// batchNorm gives each channel mean 0 and deviation 1 over the batch, then a
// learned gain and shift (Ioffe and Szegedy, 2015). Padding does not count. When
// serving it uses running means of what it saw.
type batchNorm struct {
	Gain, Shift       *Param
	Mean, Variance    *Param // running, without gradients
	momentum, epsilon float64
	unit, y, dx       Tensor
	mean, deviation   []float64
	sum, along        []float64
	trained           bool
}

func makeBatchNorm(b *builder, s LayerSpec, in []int) (Layer, error) {
	n := in[len(in)-1]
	l := &batchNorm{
		Gain: b.param("norm.gain", ones, n), Shift: b.param("norm.shift", nil, n),
		Mean: b.stateful("norm.mean", nil, n), Variance: b.stateful("norm.variance", ones, n),
		momentum: .99, epsilon: 1e-3,
	}
	if s.Momentum < 0 || s.Momentum >= 1 || s.Epsilon < 0 {
		return nil, fmt.Errorf("momentum %g is not in [0,1) or epsilon %g is negative", s.Momentum, s.Epsilon)
	}
	if s.Momentum > 0 {
		l.momentum = s.Momentum
	}
	if s.Epsilon > 0 {
		l.epsilon = s.Epsilon
	}
	return l, nil
}

// OutShape is the input's shape.
func (l *batchNorm) OutShape(in []int) ([]int, error) { return in, nil }

// Params are the gain and the shift.
func (l *batchNorm) Params() []*Param { return []*Param{l.Gain, l.Shift} }

// real visits the rows of x that are not padding.
func (l *batchNorm) real(x Tensor, do func(at int)) (rows int) {
	n := len(l.Gain.Value)
	steps := len(x.Data) / n / max(1, x.Shape[0])
	for i := range x.Shape[0] {
		real := steps
		if x.Lengths != nil {
			real = x.length(i, x.Shape[1])
		}
		for t := range real {
			do((i*steps + t) * n)
		}
		rows += real
	}
	return rows
}

// Forward normalises, in training by the batch's own moments.
func (l *batchNorm) Forward(x Tensor, train bool) Tensor {
	n := len(l.Gain.Value)
	l.mean, l.deviation = resized(l.mean, n), resized(l.deviation, n)
	if l.trained = train; train {
		l.moments(x)
	} else {
		for j, m := range l.Mean.Value {
			l.mean[j], l.deviation[j] = float64(m), math.Sqrt(float64(l.Variance.Value[j])+l.epsilon)
		}
	}
	unit, y := l.unit.like(x, n), l.y.like(x, n)
	clear(unit.Data)
	clear(y.Data)
	l.real(x, func(at int) {
		u, out := unit.Data[at:at+n], y.Data[at:at+n]
		for j, v := range x.Data[at : at+n] {
			u[j] = float32((float64(v) - l.mean[j]) / l.deviation[j])
			out[j] = u[j]*l.Gain.Value[j] + l.Shift.Value[j]
		}
	})
	return y
}

// moments takes mean and deviation of the batch and moves the running ones.
func (l *batchNorm) moments(x Tensor) {
	n := len(l.Gain.Value)
	clear(l.mean)
	clear(l.deviation)
	rows := float64(l.real(x, func(at int) {
		for j, v := range x.Data[at : at+n] {
			l.mean[j] += float64(v)
		}
	}))
	if rows == 0 {
		rows = 1
	}
	for j := range l.mean {
		l.mean[j] /= rows
	}
	l.real(x, func(at int) {
		for j, v := range x.Data[at : at+n] {
			d := float64(v) - l.mean[j]
			l.deviation[j] += d * d
		}
	})
	for j, square := range l.deviation {
		variance := square / rows
		l.Mean.Value[j] = float32(l.momentum*float64(l.Mean.Value[j]) + (1-l.momentum)*l.mean[j])
		l.Variance.Value[j] = float32(l.momentum*float64(l.Variance.Value[j]) + (1-l.momentum)*variance)
		l.deviation[j] = math.Sqrt(variance + l.epsilon)
	}
}

// Backward is the gradient, in training through mean and deviation too.
func (l *batchNorm) Backward(dy Tensor) Tensor {
	n := len(l.Gain.Value)
	l.sum, l.along = resized(l.sum, n), resized(l.along, n)
	sum, along := l.sum, l.along
	clear(sum)
	clear(along)
	rows := float64(l.real(l.y, func(at int) {
		for j, g := range dy.Data[at : at+n] {
			sum[j] += float64(g)
			along[j] += float64(g * l.unit.Data[at+j])
		}
	}))
	for j := range sum {
		l.Shift.Grad[j] += float32(sum[j])
		l.Gain.Grad[j] += float32(along[j])
		sum[j], along[j] = sum[j]/rows, along[j]/rows
		if !l.trained {
			sum[j], along[j] = 0, 0
		}
	}
	dx := l.dx.like(l.y, n)
	clear(dx.Data)
	l.real(l.y, func(at int) {
		for j, g := range dy.Data[at : at+n] {
			d := float64(g) - sum[j] - float64(l.unit.Data[at+j])*along[j]
			dx.Data[at+j] = float32(d * float64(l.Gain.Value[j]) / l.deviation[j])
		}
	})
	return dx
}
