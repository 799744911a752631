package nn

import "math"

// pointwise is an activation: f gives the value, slope the derivative from input
// and value.
type pointwise struct {
	f        func(x float32) float32
	slope    func(x, y float32) float32
	x, y, dx Tensor
}

func (p *pointwise) Forward(x Tensor, _ bool) Tensor {
	p.x = x
	y := p.y.reuse(x.Shape...)
	for i, v := range x.Data {
		y.Data[i] = p.f(v)
	}
	return y
}

func (p *pointwise) Backward(dy Tensor) Tensor {
	dx := p.dx.reuse(dy.Shape...)
	for i, g := range dy.Data {
		dx.Data[i] = g * p.slope(p.x.Data[i], p.y.Data[i])
	}
	return dx
}

func (p *pointwise) Params() []*Param { return nil }

// Tanh is the hyperbolic tangent.
func Tanh() Layer {
	return &pointwise{
		f:     func(x float32) float32 { return float32(math.Tanh(float64(x))) },
		slope: func(_, y float32) float32 { return 1 - y*y },
	}
}

// Sigmoid is 1/(1+e^-x).
func Sigmoid() Layer {
	return &pointwise{f: sigmoid, slope: func(_, y float32) float32 { return y * (1 - y) }}
}

// sigmoid is exact for large inputs of either sign: e^-x becomes +Inf or 0.
func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

// GELU is x·Φ(x) with the exact normal distribution (Hendrycks and Gimpel, 2016).
func GELU() Layer {
	phi := func(x float64) float64 { return .5 * math.Erfc(-x/math.Sqrt2) }
	return &pointwise{
		f: func(x float32) float32 { return x * float32(phi(float64(x))) },
		slope: func(x, _ float32) float32 {
			v := float64(x)
			return float32(phi(v) + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi))
		},
	}
}

type rectifier struct{ y, dx Tensor }

// ReLU is max(x, 0).
func ReLU() Layer { return &rectifier{} }

func (r *rectifier) Forward(x Tensor, _ bool) Tensor {
	y := r.y.reuse(x.Shape...)
	copy(y.Data, x.Data)
	Rectify(y.Data)
	return y
}

func (r *rectifier) Backward(dy Tensor) Tensor {
	dx := r.dx.reuse(dy.Shape...)
	for i, y := range r.y.Data {
		dx.Data[i] = 0
		if y > 0 {
			dx.Data[i] = dy.Data[i]
		}
	}
	return dx
}

func (r *rectifier) Params() []*Param { return nil }
