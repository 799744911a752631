package aiaas

import (
	"context"
	"math"

	"ember/learn"
)

// shrinkages are the penalties that a linear model of timelines may have, in samples:
// there are often more columns than outcomes, most of which say nothing.
var shrinkages = []float64{3000, 1000, 300, 100, 30, 10, 1}

// innerFolds are what a penalty is chosen on.
const innerFolds = 3

// shrinkage is the penalty whose fit is best on subjects that it has not seen: the
// strongest of those as good. Tables that did not come from timelines have 1.
func shrinkage(ctx context.Context, d *Dataset, rows []learn.Row, fit func(train []int, l2 float64) (func(learn.Row, int) float64, error)) (float64, error) {
	if d.Task != TimelineRisk && d.Task != Forecast {
		return 1, nil
	}
	_, subjects := groups(d.Subject)
	if subjects < 2*innerFolds {
		return shrinkages[0], nil
	}
	fold := learn.KFold(d.Subject, innerFolds)
	best, least := shrinkages[0], math.Inf(1)
	for _, l2 := range shrinkages {
		sum := 0.0
		for k := range innerFolds {
			var train, test []int
			for i, f := range fold {
				if f == k {
					test = append(test, i)
				} else {
					train = append(train, i)
				}
			}
			loss, err := fit(train, l2)
			if err != nil {
				return 0, err
			}
			for _, i := range test {
				sum += loss(rows[i], i)
			}
			if err := ctx.Err(); err != nil {
				return 0, err
			}
		}
		if sum < least*(1-1e-6) {
			best, least = l2, sum
		}
	}
	return best, nil
}

// ridgeOf fits a number.
func ridgeOf(ctx context.Context, d *Dataset, rows []learn.Row, width int) (*learn.Ridge, error) {
	y := make([]learn.Row, len(rows))
	for i, v := range d.Target {
		y[i] = learn.Row{Index: []uint32{0}, Value: []float32{float32(v)}}
	}
	l2, err := shrinkage(ctx, d, rows, func(train []int, l2 float64) (func(learn.Row, int) float64, error) {
		m, err := learn.FitRidge(take(rows, train), take(y, train), width, 1, l2)
		out := make([]float32, 1)
		return func(r learn.Row, i int) float64 {
			m.Predict(r, out)
			off := float64(out[0]) - d.Target[i]
			return off * off
		}, err
	})
	if err != nil {
		return nil, err
	}
	return learn.FitRidge(rows, y, width, 1, l2)
}

// softmaxOf fits classes.
func softmaxOf(ctx context.Context, d *Dataset, rows []learn.Row, width, threads int) (*learn.Linear, error) {
	l2, err := shrinkage(ctx, d, rows, func(train []int, l2 float64) (func(learn.Row, int) float64, error) {
		part := labelsOf(d)
		part.Of = take(d.Labels, train)
		m, err := learn.FitSoftmax(ctx, take(rows, train), width, part, learn.Softmaxing{L2: l2, Threads: threads})
		if err != nil {
			return nil, err
		}
		score, logits, p := make([]float32, m.Out), make([]float64, m.Out), make([]float64, len(d.Classes))
		return func(r learn.Row, i int) float64 {
			m.Predict(r, score)
			for c, s := range score {
				logits[c] = float64(s)
			}
			part.Probabilities(logits, p)
			sum := 0.0
			for _, c := range d.Labels[i] {
				sum -= math.Log(max(p[c], 1e-9))
			}
			return sum
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return learn.FitSoftmax(ctx, rows, width, labelsOf(d), learn.Softmaxing{L2: l2, Threads: threads})
}
