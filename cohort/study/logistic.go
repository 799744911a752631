package study

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
)

// ErrSeparated is returned for a regression without a best fit: the covariates tell the
// groups apart without an error, or one of them follows from others.
var ErrSeparated = errors.New("study: the regression has no best fit")

// Fit is a logistic regression: the intercept comes first.
type Fit struct {
	Beta, Errors []float64
	Likelihood   float64 // its logarithm
}

// logisticRounds bounds Newton's steps; a fit takes some 5 to 10.
const logisticRounds = 50

// Logistic fits the probability of y by the rows of x, by Newton's method (iteratively
// reweighted least squares). Columns are put to mean 0 and deviation 1 for the
// computation; a column without variance has coefficient 0.
func Logistic(x [][]float64, y []bool) (Fit, error) {
	if len(x) == 0 || len(x) != len(y) {
		return Fit{}, ErrSeparated
	}
	mean, deviation := columns(x)
	k := len(mean) + 1
	row := func(i int, into []float64) {
		into[0] = 1
		for j, v := range x[i] {
			into[j+1] = (v - mean[j]) / deviation[j]
		}
	}
	beta, was := make([]float64, k), math.Inf(-1)
	var hessian mat.SymDense
	var chol mat.Cholesky
	for range logisticRounds {
		gradient, likelihood := newton(&hessian, beta, y, row)
		for j := range mean {
			if deviation[j] == math.Inf(1) {
				hessian.SetSym(j+1, j+1, 1)
			}
		}
		if !chol.Factorize(&hessian) || chol.Cond() > 1e10 {
			return Fit{}, ErrSeparated
		}
		if likelihood-was < 1e-12*math.Abs(likelihood) {
			return fitted(beta, likelihood, mean, deviation, &chol)
		}
		was = likelihood
		var step mat.VecDense
		if err := chol.SolveVecTo(&step, mat.NewVecDense(k, gradient)); err != nil {
			return Fit{}, ErrSeparated
		}
		for j := range beta {
			if beta[j] += step.AtVec(j); math.Abs(beta[j]) > 30 {
				return Fit{}, ErrSeparated
			}
		}
	}
	return Fit{}, ErrSeparated
}

// columns are the means and deviations of the columns; an infinite deviation takes a
// column without variance out.
func columns(x [][]float64) (mean, deviation []float64) {
	k := len(x[0])
	mean, deviation = make([]float64, k), make([]float64, k)
	column := make([]float64, len(x))
	for j := range k {
		for i := range x {
			column[i] = x[i][j]
		}
		mean[j], deviation[j] = moments(column)
		if deviation[j] < 1e-12*max(1, math.Abs(mean[j])) || math.IsNaN(deviation[j]) {
			deviation[j] = math.Inf(1)
		}
	}
	return mean, deviation
}

// newton fills in the information and gives the gradient and the likelihood.
func newton(hessian *mat.SymDense, beta []float64, y []bool, row func(int, []float64)) (gradient []float64, likelihood float64) {
	k := len(beta)
	gradient = make([]float64, k)
	flat, r := make([]float64, k*k), make([]float64, k)
	for i := range y {
		row(i, r)
		eta := 0.
		for j, v := range r {
			eta += v * beta[j]
		}
		p, want := 1/(1+math.Exp(-eta)), 0.
		if y[i] {
			want = 1
			likelihood -= math.Log1p(math.Exp(-eta))
		} else {
			likelihood -= math.Log1p(math.Exp(eta))
		}
		w := p * (1 - p)
		for j, v := range r {
			gradient[j] += v * (want - p)
			for l := j; l < k; l++ {
				flat[j*k+l] += w * v * r[l]
			}
		}
	}
	*hessian = *mat.NewSymDense(k, flat)
	return gradient, likelihood
}

// fitted turns coefficients back into the units of the columns.
func fitted(beta []float64, likelihood float64, mean, deviation []float64, chol *mat.Cholesky) (Fit, error) {
	k := len(beta)
	var inverse mat.SymDense
	if err := chol.InverseTo(&inverse); err != nil {
		return Fit{}, ErrSeparated
	}
	f := Fit{Beta: make([]float64, k), Errors: make([]float64, k), Likelihood: likelihood}
	// The intercept is a sum of all coefficients; so is its variance.
	to := make([]float64, k)
	to[0] = 1
	f.Beta[0] = beta[0]
	for j := range mean {
		f.Beta[j+1] = beta[j+1] / deviation[j]
		f.Errors[j+1] = math.Sqrt(inverse.At(j+1, j+1)) / deviation[j]
		to[j+1] = -mean[j] / deviation[j]
		f.Beta[0] += to[j+1] * beta[j+1]
	}
	v := mat.NewVecDense(k, to)
	f.Errors[0] = math.Sqrt(mat.Inner(v, &inverse, v))
	return f, nil
}

// Logit is the linear predictor for a row.
func (f Fit) Logit(row []float64) float64 {
	eta := f.Beta[0]
	for j, v := range row {
		eta += v * f.Beta[j+1]
	}
	return eta
}
