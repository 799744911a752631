package learn

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"ember/learn/nn"
)

// MaxEASE is the largest vocabulary [FitEASE] takes: its matrix has 8·d² bytes
// while it is inverted (200 MB at the cap). Keep the most frequent columns.
const MaxEASE = 5000

// EASE scores every item from the items present, by a d×d matrix without self
// weights. B is row by row: the row of a present item adds to the scores.
type EASE struct {
	D int
	B []float32
}

// FitEASE is the closed form of Steck, "Embarrassingly shallow autoencoders for
// sparse data" (WWW 2019): B = I - P·diag(1/P), P = (XᵀX+λI)⁻¹.
func FitEASE(x []Row, d int, lambda float64) (*EASE, error) {
	switch {
	case d <= 0 || len(x) == 0:
		return nil, errors.New("learn: EASE without samples or columns")
	case d > MaxEASE:
		return nil, fmt.Errorf("learn: EASE over %d columns, at most %d: cap the vocabulary", d, MaxEASE)
	case !(lambda > 0):
		return nil, fmt.Errorf("learn: penalty %g is not above 0", lambda)
	}
	if err := checkRows(x, d); err != nil {
		return nil, err
	}
	g := make([]float64, d*d)
	for _, r := range x {
		for i, a := range r.Index {
			row := g[int(a)*d : (int(a)+1)*d]
			for j := i; j < len(r.Index); j++ {
				row[r.Index[j]] += r.At(i) * r.At(j)
			}
		}
	}
	for i := range d {
		g[i*d+i] += lambda
	}
	var chol mat.Cholesky
	if !chol.Factorize(mat.NewSymDense(d, g)) {
		return nil, ErrSingular
	}
	var p mat.SymDense
	if err := chol.InverseTo(&p); err != nil && !isCondition(err) {
		return nil, fmt.Errorf("learn: solving EASE: %w", err)
	}
	e := &EASE{D: d, B: make([]float32, d*d)}
	for i := range d {
		for j := range d {
			if i != j {
				e.B[i*d+j] = float32(-p.At(i, j) / p.At(j, j))
			}
		}
	}
	return e, nil
}

// Predict writes the score of every item into into, which has length D. Items
// the model does not know are ignored.
func (e *EASE) Predict(x Row, into []float32) {
	clear(into)
	for i, c := range x.Index {
		if int(c) < e.D {
			nn.Axpy(float32(x.At(i)), e.B[int(c)*e.D:(int(c)+1)*e.D], into)
		}
	}
}
