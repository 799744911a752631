package aiaas

import (
	"cmp"
	"slices"
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
			one := curve(column(p, m, c), column(truth, m, c))
			one.Class = d.Classes[c]
			out = append(out, one)
		}
	}
	return out
}

func curve(scores []float32, truth []bool) Curve {
	order := every(len(scores))
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	all := 0.
	for _, t := range truth {
		if t {
			all++
		}
	}
	c := Curve{ROC: [][2]float64{{0, 0}}}
	hits := 0.
	for k, i := range order {
		if truth[i] {
			hits++
		}
		if k+1 < len(order) && scores[order[k+1]] == scores[i] {
			continue
		}
		said := float64(k + 1)
		c.PrecisionRecall = append(c.PrecisionRecall, [2]float64{hits / all, hits / said})
		c.ROC = append(c.ROC, [2]float64{(said - hits) / (float64(len(order)) - all), hits / all})
	}
	c.PrecisionRecall, c.ROC = thin(c.PrecisionRecall), thin(c.ROC)
	return c
}

// thin keeps at most mostPoints, the first and the last among them.
func thin(points [][2]float64) [][2]float64 {
	n := len(points)
	if n <= mostPoints {
		return points
	}
	out := make([][2]float64, mostPoints)
	for i := range out {
		out[i] = points[i*(n-1)/(mostPoints-1)]
	}
	return out
}
