package learn

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Bend is a rising map of log odds that is linear between knots: what corrects a
// calibration whose error is not the same everywhere, and keeps what was added up a sum.
type Bend struct {
	Knots []float64 // ascending
	Base  float64   // the value at the first knot
	Slope []float64 // before the first knot, between knots, after the last
}

// leastSlope of a bend: it never falls, nor makes a difference vanish.
const leastSlope = .05

// Line is the line A·z + B that the bend is at z.
func (b *Bend) Line(z float64) (slope, intercept float64) {
	at, y := b.Knots[0], b.Base
	i := 0
	for ; i < len(b.Knots) && z >= b.Knots[i]; i++ {
		if i > 0 {
			y += b.Slope[i] * (b.Knots[i] - at)
			at = b.Knots[i]
		}
	}
	return b.Slope[i], y - b.Slope[i]*at
}

// Of is the value at z.
func (b *Bend) Of(z float64) float64 {
	a, c := b.Line(z)
	return a*z + c
}

// FitBend fits by logistic regression to samples with log odds z: n of them each, of
// which hits came. The penalty draws every slope to 1, in samples.
func FitBend(z, n, hits, knots []float64, penalty float64) *Bend {
	b := &Bend{Knots: knots, Base: knots[0], Slope: make([]float64, len(knots)+1)}
	free := make([]bool, len(b.Slope))
	for i := range b.Slope {
		b.Slope[i], free[i] = 1, true
	}
	for range free { // each round ties down the slopes that would fall
		b.newton(z, n, hits, penalty, free)
		tied := false
		for i, s := range b.Slope {
			if free[i] && s < leastSlope {
				b.Slope[i], free[i], tied = leastSlope, false, true
			}
		}
		if !tied {
			break
		}
	}
	return b
}

// parts are what each slope is multiplied with at z.
func (b *Bend) parts(z float64, into []float64) {
	last := len(b.Knots) - 1
	into[0] = min(z-b.Knots[0], 0)
	for i := range last {
		into[i+1] = max(0, min(z, b.Knots[i+1])-b.Knots[i])
	}
	into[last+1] = max(z-b.Knots[last], 0)
}

// newton minimises the penalised loss over the base and the free slopes.
func (b *Bend) newton(z, n, hits []float64, penalty float64, free []bool) {
	d := len(b.Slope) + 1 // the base first
	x := make([]float64, len(b.Slope))
	for range 50 {
		gradient, hessian := mat.NewVecDense(d, nil), mat.NewSymDense(d, nil)
		row := make([]float64, d)
		for k, v := range z {
			b.parts(v, x)
			eta := b.Base
			for i, s := range b.Slope {
				eta += s * x[i]
				row[i+1] = 0
				if free[i] {
					row[i+1] = x[i]
				}
			}
			row[0] = 1
			p := Sigmoid(eta)
			curve := n[k] * p * (1 - p)
			for i := range row {
				gradient.SetVec(i, gradient.AtVec(i)+row[i]*(n[k]*p-hits[k]))
				for j := i; j < d; j++ {
					hessian.SetSym(i, j, hessian.At(i, j)+curve*row[i]*row[j])
				}
			}
		}
		for i, s := range b.Slope {
			hessian.SetSym(i+1, i+1, hessian.At(i+1, i+1)+penalty)
			if free[i] {
				gradient.SetVec(i+1, gradient.AtVec(i+1)+penalty*(s-1))
			}
		}
		hessian.SetSym(0, 0, hessian.At(0, 0)+1e-9)
		var chol mat.Cholesky
		var step mat.VecDense
		if !chol.Factorize(hessian) || chol.SolveVecTo(&step, gradient) != nil {
			return
		}
		most := 0.
		for i := range d {
			s := max(-1, min(step.AtVec(i), 1))
			if most = max(most, math.Abs(s)); i == 0 {
				b.Base -= s
			} else if free[i-1] {
				b.Slope[i-1] -= s
			}
		}
		if most < 1e-7 {
			return
		}
	}
}

// Loss is the log loss of samples as [FitBend] takes them; that of a nil bend is of z
// as it is.
func (b *Bend) Loss(z, n, hits []float64) (loss float64) {
	for k, v := range z {
		if n[k] == 0 {
			continue
		}
		if b != nil {
			v = b.Of(v)
		}
		loss += n[k]*(math.Max(v, 0)+math.Log1p(math.Exp(-math.Abs(v)))) - hits[k]*v
	}
	return loss
}
