package nn

import "math"

// Adam is the optimiser of Kingma and Ba (2015). With Decay it is AdamW: weights
// shrink apart from the gradient (Loshchilov and Hutter, 2019). Change Rate
// between steps for a schedule. It serves one goroutine and one set of
// parameters.
type Adam struct {
	Rate         float64
	Beta1, Beta2 float64 // 0 = .9, .999
	Epsilon      float64 // 0 = 1e-8
	Decay        float64 // per step, times Rate
	Clip         float64 // largest length of the whole gradient; 0 = unlimited
	steps        int
	m, v         [][]float32
}

// Step changes the parameters along their gradients and returns the gradient's
// length before clipping. A gradient that is not finite changes nothing. The
// gradients are left as they are: call [ZeroGrad] before the next backward pass.
func (a *Adam) Step(params []*Param) (norm float64) {
	var sum float64
	for _, p := range params {
		sum += float64(Dot(p.Grad, p.Grad))
	}
	norm = math.Sqrt(sum)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm
	}
	for len(a.m) < len(params) {
		n := len(params[len(a.m)].Value)
		a.m, a.v = append(a.m, make([]float32, n)), append(a.v, make([]float32, n))
	}
	a.steps++
	c := a.constants(norm)
	for i, p := range params {
		for lo := 0; lo < len(p.Value); lo += longest {
			hi := min(len(p.Value), lo+longest)
			active.adam(p.Value[lo:hi], p.Grad[lo:hi], a.m[i][lo:hi], a.v[i][lo:hi], &c)
		}
	}
	return norm
}

func (a *Adam) constants(norm float64) adamConstants {
	or := func(v, otherwise float64) float64 {
		if v == 0 {
			return otherwise
		}
		return v
	}
	b1, b2, eps := or(a.Beta1, .9), or(a.Beta2, .999), or(a.Epsilon, 1e-8)
	scale := 1.
	if a.Clip > 0 && norm > a.Clip {
		scale = a.Clip / norm
	}
	t := float64(a.steps)
	return adamConstants{
		float32(b1), float32(1 - b1), float32(b2), float32(1 - b2), float32(scale),
		float32(a.Rate / (1 - math.Pow(b1, t))), float32(1 / math.Sqrt(1-math.Pow(b2, t))),
		float32(eps), float32(1 - a.Rate*a.Decay),
	}
}
