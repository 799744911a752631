package learn

import (
	"cmp"
	"math"
	"slices"
)

// Thresholds are the points that scores of labelled samples give at every
// threshold, from the highest to the lowest: recall and precision, and false
// positive rate and recall (the receiver operating characteristic, which begins at
// nothing). Of more than most points as many are kept, the first and the last
// among them. Without both positives and negatives there are none.
func Thresholds(scores []float32, labels []bool, most int) (precisionRecall, roc [][2]float64) {
	order := make([]int, len(scores))
	positives := 0.
	for i := range order {
		order[i] = i
		if labels[i] {
			positives++
		}
	}
	negatives := float64(len(order)) - positives
	if positives == 0 || negatives == 0 {
		return nil, nil
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	roc = [][2]float64{{0, 0}}
	hits := 0.
	for k, i := range order {
		if labels[i] {
			hits++
		}
		if k+1 < len(order) && scores[order[k+1]] == scores[i] {
			continue
		}
		said := float64(k + 1)
		precisionRecall = append(precisionRecall, [2]float64{hits / positives, hits / said})
		roc = append(roc, [2]float64{(said - hits) / negatives, hits / positives})
	}
	return thin(precisionRecall, most), thin(roc, most)
}

// thin keeps at most so many points, the first and the last among them, at equal
// steps along the curve: where it is steep there are most.
func thin(points [][2]float64, most int) [][2]float64 {
	n := len(points)
	if n <= most {
		return points
	}
	way := make([]float64, n) // along the curve from the first point
	for i := 1; i < n; i++ {
		way[i] = way[i-1] + math.Abs(points[i][0]-points[i-1][0]) + math.Abs(points[i][1]-points[i-1][1])
	}
	out := make([][2]float64, 0, most)
	at := 0
	for k := range most {
		next := way[n-1] * float64(k) / float64(most-1)
		for at < n-1 && way[at] < next {
			at++
		}
		if k == most-1 {
			at = n - 1
		}
		out = append(out, points[at])
	}
	return out
}
