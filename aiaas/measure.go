package aiaas

import (
	"cmp"
	"math"
	"slices"

	"ember/learn"
)

// Estimate is a measured value with its 95 % interval from resampled subjects.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	N     int     `json:"n"` // samples
}

// estimate is a mean over samples with its interval.
func estimate(v []float64, group []int, reps int, seed uint64) Estimate {
	e := learn.Mean(v, group, reps, seed)
	return Estimate{Value: e.Value, Low: e.Low, High: e.High, N: e.N}
}

// best is the class of the highest probability, the first of equals.
func best(p []float32) int {
	at := 0
	for c, v := range p {
		if v > p[at] {
			at = c
		}
	}
	return at
}

// has is a sample × class table of truth.
func has(labels [][]int, m int) []bool {
	out := make([]bool, len(labels)*m)
	for i, of := range labels {
		for _, c := range of {
			out[i*m+c] = true
		}
	}
	return out
}

// column is output c of n×m values.
func column[T any](v []T, m, c int) []T {
	out := make([]T, 0, len(v)/m)
	for i := c; i < len(v); i += m {
		out = append(out, v[i])
	}
	return out
}

// prauc is the average precision of scores, ties sharing a step; ok is false
// unless there is a positive and a negative.
func prauc(scores []float32, truth []bool) (area float64, ok bool) {
	order := every(len(scores))
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	all := 0
	for _, t := range truth {
		if t {
			all++
		}
	}
	if all == 0 || all == len(truth) {
		return 0, false
	}
	hits := 0
	for i := 0; i < len(order); {
		j, more := i, 0
		for j < len(order) && scores[order[j]] == scores[order[i]] {
			if truth[order[j]] {
				more++
			}
			j++
		}
		hits += more
		area += float64(more) / float64(all) * float64(hits) / float64(j)
		i = j
	}
	return area, true
}

// macro is the mean of a measure over the classes that it can be taken of, NaN
// for none.
func macro(scores []float32, truth []bool, m int, measure func([]float32, []bool) (float64, bool)) float64 {
	var sum, n float64
	for c := range m {
		if v, ok := measure(column(scores, m, c), column(truth, m, c)); ok {
			sum += v
			n++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / n
}

// f1 is the macro and micro F1 of decisions.
func f1(decided, truth []bool, m int) (macroF1, microF1 float64) {
	var all learn.Confusion
	classes := 0.
	for c := range m {
		var one learn.Confusion
		for i := c; i < len(truth); i += m {
			switch {
			case decided[i] && truth[i]:
				one.TP++
			case decided[i]:
				one.FP++
			case truth[i]:
				one.FN++
			}
		}
		all.TP, all.FP, all.FN = all.TP+one.TP, all.FP+one.FP, all.FN+one.FN
		if one.TP+one.FP+one.FN > 0 {
			macroF1 += one.F1()
			classes++
		}
	}
	return macroF1 / max(classes, 1), all.F1()
}

// decide is which classes a model's probabilities say: the likeliest, or all
// from a half on where there may be several.
func decide(p []float32, m int, multi bool) []bool {
	out := make([]bool, len(p))
	for i := 0; i+m <= len(p); i += m {
		if !multi {
			out[i+best(p[i:i+m])] = true
			continue
		}
		for c := range m {
			out[i+c] = p[i+c] >= .5
		}
	}
	return out
}
