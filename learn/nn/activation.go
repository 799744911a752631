package nn

import "math"

// pointwise is an activation: f replaces values by the curve's, slope gives the
// derivative from input and value.
type pointwise struct {
	name     string
	f        func(x []float32)
	slope    func(x, y float32) float32
	x, y, dx Tensor
}

func (p *pointwise) Forward(x Tensor, _ bool) Tensor {
	p.x = x
	y := p.y.like(x, x.Last())
	copy(y.Data, x.Data)
	p.f(y.Data)
	return y
}

func (p *pointwise) Backward(dy Tensor) Tensor {
	dx := p.dx.like(p.x, p.x.Last())
	for i, g := range dy.Data {
		dx.Data[i] = g * p.slope(p.x.Data[i], p.y.Data[i])
	}
	return dx
}

func (p *pointwise) Params() []*Param { return nil }

// OutShape is the input's shape.
func (p *pointwise) OutShape(in []int) ([]int, error) { return in, nil }

// Tanh is the hyperbolic tangent.
func Tanh() Layer {
	return &pointwise{
		name:  "tanh",
		f:     func(x []float32) { curved(x, level.tanh) },
		slope: func(_, y float32) float32 { return 1 - y*y },
	}
}

// Sigmoid is 1/(1+e^-x).
func Sigmoid() Layer {
	return &pointwise{
		name:  "sigmoid",
		f:     func(x []float32) { curved(x, level.sigmoid) },
		slope: func(_, y float32) float32 { return y * (1 - y) },
	}
}

// sigmoid is exact for large inputs of either sign: e^-x becomes +Inf or 0.
func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

// GELU is x·Φ(x) with the exact normal distribution (Hendrycks and Gimpel, 2016).
func GELU() Layer {
	phi := func(x float64) float64 { return .5 * math.Erfc(-x/math.Sqrt2) }
	return &pointwise{
		name: "gelu",
		f: func(x []float32) {
			for i, v := range x {
				x[i] = v * float32(phi(float64(v)))
			}
		},
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
	y := r.y.like(x, x.Last())
	copy(y.Data, x.Data)
	Rectify(y.Data)
	return y
}

func (r *rectifier) Backward(dy Tensor) Tensor {
	dx := r.dx.like(r.y, r.y.Last())
	rectifierBack(r.y.Data, dy.Data, dx.Data)
	return dx
}

func (r *rectifier) Params() []*Param { return nil }

// OutShape is the input's shape.
func (r *rectifier) OutShape(in []int) ([]int, error) { return in, nil }

// probabilities is the softmax over the last dimension.
type probabilities struct{ y, dx Tensor }

func (p *probabilities) Forward(x Tensor, _ bool) Tensor {
	y := p.y.like(x, x.Last())
	for n, i := x.Last(), 0; i < len(x.Data); i += n {
		Softmax(x.Data[i:i+n], y.Data[i:i+n])
	}
	return y
}

func (p *probabilities) Backward(dy Tensor) Tensor {
	dx := p.dx.like(p.y, p.y.Last())
	for n, i := p.y.Last(), 0; i < len(p.y.Data); i += n {
		softmaxBack(p.y.Data[i:i+n], dy.Data[i:i+n], dx.Data[i:i+n])
	}
	return dx
}

// softmaxBack writes the gradient of the logits, from the probabilities and
// their gradients, to dx, which may be dy.
func softmaxBack(y, dy, dx []float32) {
	along := Dot(y, dy)
	for j, v := range y {
		dx[j] = v * (dy[j] - along)
	}
}

func (p *probabilities) Params() []*Param { return nil }

// OutShape is the input's shape.
func (p *probabilities) OutShape(in []int) ([]int, error) { return in, nil }
