package aiaas

import (
	"cmp"
	"slices"

	"ember/learn"
)

// Curve is what a class's probability tells at every threshold: the points of the
// precision-recall curve and of the receiver operating characteristic, from the
// highest threshold to the lowest.
type Curve struct {
	Class           string       `json:"class"`
	PrecisionRecall [][2]float64 `json:"precisionRecall"` // recall, precision
	ROC             [][2]float64 `json:"roc"`             // false positive rate, recall
}

const (
	mostCurves = 8   // of the most frequent classes
	mostPoints = 120 // of a curve
)

// thresholds are the curves of the second of two classes, or of the most frequent ones.
// Classes that all samples or none have are left out.
func thresholds(d *Dataset, p []float32) []Curve {
	m := len(d.Classes)
	truth := has(d.Labels, m)
	number := func(c int) (n int) {
		for i := c; i < len(truth); i += m {
			if truth[i] {
				n++
			}
		}
		return n
	}
	classes := every(m)
	if m == 2 && !d.Multi {
		classes = []int{1}
	}
	slices.SortStableFunc(classes, func(a, b int) int { return cmp.Compare(number(b), number(a)) })
	var out []Curve
	for _, c := range classes[:min(len(classes), mostCurves)] {
		if n := number(c); n > 0 && n < d.Len() {
			one := Curve{Class: d.Classes[c]}
			one.PrecisionRecall, one.ROC = learn.Thresholds(column(p, m, c), column(truth, m, c), mostPoints)
			out = append(out, one)
		}
	}
	return out
}
