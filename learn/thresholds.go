package learn

import (
	"cmp"
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

// thin keeps at most so many points, the first and the last among them.
func thin(points [][2]float64, most int) [][2]float64 {
	n := len(points)
	if n <= most {
		return points
	}
	out := make([][2]float64, most)
	for i := range out {
		out[i] = points[i*(n-1)/(most-1)]
	}
	return out
}
