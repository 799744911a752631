// Package learn holds the estimators and the statistics that Ember learns and
// compares with: ridge, EASE, logistic regression, association, neighbours,
// calibration, ranking metrics, bootstrap, splits, conformal quantiles.
//
// It knows no medicine: features, outputs, samples and groups are numbers here.
//
// Its invariant: the same input (and seed, where there is one) gives the same
// bits, whatever GOMAXPROCS is. Fitted values are immutable, have exported
// fields so that an artifact can hold them, and are safe for concurrent use.
package learn

import (
	"fmt"
	"math"
)

// Row is one sparse sample or label set: Value[i] belongs to column Index[i].
// Indices are distinct and ascending. A nil Value means ones, which is how label
// sets are written.
type Row struct {
	Index []uint32
	Value []float32
}

// At is the value of the i-th entry (not column) of the row.
func (r Row) At(i int) float64 {
	if r.Value == nil {
		return 1
	}
	return float64(r.Value[i])
}

// Check reports a row that has indices out of order or not below d, a number of
// values that does not fit, or a value that is not finite.
func (r Row) Check(d int) error {
	if r.Value != nil && len(r.Value) != len(r.Index) {
		return fmt.Errorf("learn: row with %d indices and %d values", len(r.Index), len(r.Value))
	}
	for i, c := range r.Index {
		if int(c) >= d {
			return fmt.Errorf("learn: column %d of %d", c, d)
		}
		if i > 0 && r.Index[i-1] >= c {
			return fmt.Errorf("learn: columns %d, %d out of order", r.Index[i-1], c)
		}
		if v := r.At(i); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("learn: column %d: value is not finite", c)
		}
	}
	return nil
}

func checkRows(rows []Row, d int) error {
	for i, r := range rows {
		if err := r.Check(d); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}

// dot is the product of two sparse rows.
func (r Row) dot(o Row) float64 {
	var s float64
	for i, j := 0, 0; i < len(r.Index) && j < len(o.Index); {
		switch a, b := r.Index[i], o.Index[j]; {
		case a < b:
			i++
		case a > b:
			j++
		default:
			s += r.At(i) * o.At(j)
			i, j = i+1, j+1
		}
	}
	return s
}

// Sigmoid is 1/(1+e^-x) without overflow.
func Sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

// Logit is the inverse of [Sigmoid]; p is held inside [1e-6, 1-1e-6] so that the
// result is finite.
func Logit(p float64) float64 {
	p = min(max(p, 1e-6), 1-1e-6)
	return math.Log(p / (1 - p))
}
