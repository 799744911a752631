package aiaas

import (
	"context"
	"math"

	"ember/learn"
)

// sharpness turns scores into probabilities. Where classes exclude each other it
// is a softmax of scores times Slope, else a sigmoid of Slope·score + Offset for
// each class. Both keep the order of scores.
type sharpness struct {
	Exclusive     bool
	Slope, Offset float64
}

// mostSharp is the number of samples from which sharpness is learnt: one or two
// numbers need no more, and a fit to all would take as long as the model's.
const mostSharp = 20_000

// fitSharpness scores a part of the subjects by a fit to the others, and takes
// the sharpness under which the truth is least surprising. With too few subjects
// it is that of the scores themselves.
func fitSharpness(ctx context.Context, d *Dataset, score func(train, check []int) ([]float32, error)) (sharpness, error) {
	s := sharpness{Exclusive: !d.Multi, Slope: 1}
	parts := max(5, 5*((d.Len()+mostSharp-1)/mostSharp))
	var train, check []int
	for i, f := range learn.KFold(d.Subject, parts) {
		switch {
		case f == 0:
			check = append(check, i)
		case f < 5:
			train = append(train, i)
		}
	}
	if len(check) == 0 || len(train) == 0 {
		return s, ctx.Err()
	}
	scores, err := score(train, check)
	if err != nil {
		return s, err
	}
	labels := take(d.Labels, check)
	if s.Exclusive {
		s.Slope = sharpest(scores, labels, len(d.Classes))
		return s, nil
	}
	flat, truth := make([]float64, len(scores)), make([]bool, len(scores))
	for i, of := range labels {
		for _, c := range of {
			truth[i*len(d.Classes)+c] = true
		}
	}
	for i, v := range scores {
		flat[i] = float64(v)
	}
	c, err := learn.FitPlatt(flat, truth)
	s.Slope, s.Offset = c.A, c.B
	return s, err
}

// sharpest is the slope with the least mean surprise, by golden section over its
// logarithm; the surprise has one valley.
func sharpest(scores []float32, labels [][]int, m int) float64 {
	l := learn.Labels{Of: labels, Classes: m, Exclusive: true}
	row, p := make([]float64, m), make([]float64, m)
	surprise := func(log float64) float64 {
		slope, sum := math.Exp(log), 0.
		for i, of := range l.Of {
			for c := range row {
				row[c] = slope * float64(scores[i*m+c])
			}
			learn.Softmax(row, p)
			sum -= math.Log(max(p[of[0]], 1e-12))
		}
		return sum
	}
	const golden = 0.6180339887498949
	low, high := math.Log(.05), math.Log(100)
	a, b := high-golden*(high-low), low+golden*(high-low)
	fa, fb := surprise(a), surprise(b)
	for range 25 {
		if fa < fb {
			high, b, fb = b, a, fa
			a = high - golden*(high-low)
			fa = surprise(a)
		} else {
			low, a, fa = a, b, fb
			b = low + golden*(high-low)
			fb = surprise(b)
		}
	}
	return math.Exp((low + high) / 2)
}

// apply turns scores, m a sample, into probabilities in place.
func (s sharpness) apply(scores []float32, m int) {
	row := make([]float64, m)
	for i := 0; i+m <= len(scores); i += m {
		for c := range row {
			row[c] = s.Slope * float64(scores[i+c])
		}
		if s.Exclusive {
			learn.Softmax(row, row)
		}
		for c, v := range row {
			if !s.Exclusive {
				v = learn.Sigmoid(v + s.Offset)
			}
			scores[i+c] = float32(v)
		}
	}
}
