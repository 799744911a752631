package learn

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Logistic is a fitted logistic regression on few dense features.
type Logistic struct {
	W    []float64
	Bias float64
}

// Logit is the log-odds of one row of len(W) features.
func (l *Logistic) Logit(x []float32) float64 {
	s := l.Bias
	for i, w := range l.W {
		s += w * float64(x[i])
	}
	return s
}

// Probability is the probability of one row of len(W) features.
func (l *Logistic) Probability(x []float32) float64 { return Sigmoid(l.Logit(x)) }

// FitLogistic fits P(y=1) on n×d features, row by row, with the penalty
// l2/2·|w|² on the weights (not the intercept), by Newton's method with halved
// steps. y may be anywhere in [0,1]; weight gives each sample's weight, nil is
// 1 each. Features of like scale converge in under ten steps.
func FitLogistic(x []float32, d int, y, weight []float64, l2 float64) (*Logistic, error) {
	f := logisticFit{x: x, d: d, y: y, weight: weight, l2: l2}
	if err := f.check(); err != nil {
		return nil, err
	}
	theta := make([]float64, d+1) // intercept last
	theta[d] = Logit(f.meanTarget())
	loss := f.loss(theta)
	for range 50 {
		step, err := f.newton(theta)
		if err != nil {
			return nil, err
		}
		next, nextLoss, ok := f.descend(theta, step, loss)
		if !ok {
			break
		}
		done := loss-nextLoss < 1e-10*(1+math.Abs(loss))
		theta, loss = next, nextLoss
		if done {
			break
		}
	}
	return &Logistic{W: theta[:d], Bias: theta[d]}, nil
}

type logisticFit struct {
	x         []float32
	d         int
	y, weight []float64
	l2        float64
}

func (f *logisticFit) check() error {
	switch n := len(f.y); {
	case n == 0:
		return errors.New("learn: logistic regression without samples")
	case f.d <= 0 || len(f.x) != n*f.d:
		return fmt.Errorf("learn: %d features for %d samples of %d", len(f.x), n, f.d)
	case f.weight != nil && len(f.weight) != n:
		return fmt.Errorf("learn: %d weights for %d samples", len(f.weight), n)
	case !(f.l2 >= 0):
		return fmt.Errorf("learn: penalty %g is below 0", f.l2)
	}
	for i, v := range f.x {
		if v != v || math.IsInf(float64(v), 0) {
			return fmt.Errorf("learn: sample %d: feature %d is not finite", i/f.d, i%f.d)
		}
	}
	for i, v := range f.y {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("learn: sample %d: target outside [0,1]", i)
		}
	}
	return nil
}

func (f *logisticFit) w(i int) float64 {
	if f.weight == nil {
		return 1
	}
	return f.weight[i]
}

func (f *logisticFit) meanTarget() float64 {
	var s, n float64
	for i, v := range f.y {
		s, n = s+f.w(i)*v, n+f.w(i)
	}
	if n == 0 {
		return .5
	}
	return s / n
}

func (f *logisticFit) logit(theta []float64, i int) float64 {
	s := theta[f.d]
	for j, v := range f.x[i*f.d : (i+1)*f.d] {
		s += theta[j] * float64(v)
	}
	return s
}

func (f *logisticFit) loss(theta []float64) float64 {
	var s float64
	for i, y := range f.y {
		z := f.logit(theta, i)
		s += f.w(i) * (math.Max(z, 0) - y*z + math.Log1p(math.Exp(-math.Abs(z))))
	}
	for _, t := range theta[:f.d] {
		s += f.l2 / 2 * t * t
	}
	return s
}

// newton is the step H⁻¹g at theta.
func (f *logisticFit) newton(theta []float64) ([]float64, error) {
	d := f.d
	h := make([]float64, (d+1)*(d+1))
	g := make([]float64, d+1)
	row := make([]float64, d+1)
	row[d] = 1
	for i, y := range f.y {
		p := Sigmoid(f.logit(theta, i))
		r, v := f.w(i)*(p-y), f.w(i)*p*(1-p)
		for j, x := range f.x[i*d : (i+1)*d] {
			row[j] = float64(x)
		}
		for j, a := range row {
			g[j] += r * a
			if va := v * a; va != 0 {
				out := h[j*(d+1) : (j+1)*(d+1)]
				for k := j; k <= d; k++ {
					out[k] += va * row[k]
				}
			}
		}
	}
	for j := range d {
		g[j] += f.l2 * theta[j]
		h[j*(d+1)+j] += f.l2
	}
	for j := range d + 1 {
		h[j*(d+1)+j] += 1e-9
	}
	var chol mat.Cholesky
	if !chol.Factorize(mat.NewSymDense(d+1, h)) {
		return nil, ErrSingular
	}
	step := mat.NewVecDense(d+1, g)
	if err := chol.SolveVecTo(step, step); err != nil && !isCondition(err) {
		return nil, fmt.Errorf("learn: logistic regression: %w", err)
	}
	return step.RawVector().Data, nil
}

// descend halves the step until the loss falls; ok is false when it cannot.
func (f *logisticFit) descend(theta, step []float64, loss float64) (next []float64, nextLoss float64, ok bool) {
	next = make([]float64, len(theta))
	for scale := 1.0; scale > 1e-6; scale /= 2 {
		for j := range theta {
			next[j] = theta[j] - scale*step[j]
		}
		if nextLoss = f.loss(next); nextLoss < loss {
			return next, nextLoss, true
		}
	}
	return nil, 0, false
}
