package learn

import (
	"cmp"
	"slices"
)

// AUROC is the chance that a positive scores above a negative, ties counting
// half; ok is false unless there are both.
func AUROC(scores []float32, labels []bool) (area float64, ok bool) {
	order := make([]int, len(scores))
	pos := 0
	for i := range order {
		order[i] = i
		if labels[i] {
			pos++
		}
	}
	neg := len(scores) - pos
	if pos == 0 || neg == 0 {
		return 0, false
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	var sum float64 // of the positives' ranks, ties sharing their mean rank
	for i := 0; i < len(order); {
		j, p := i, 0
		for j < len(order) && cmp.Compare(scores[order[j]], scores[order[i]]) == 0 {
			if labels[order[j]] {
				p++
			}
			j++
		}
		sum += float64(p) * float64(i+j+1) / 2
		i = j
	}
	return (sum - float64(pos)*float64(pos+1)/2) / (float64(pos) * float64(neg)), true
}

// MacroAUROC is the mean AUROC of the m outputs of n×m scores and labels, row by
// row; outputs with one class only are left out and not among counted.
func MacroAUROC(scores []float32, labels []bool, m int) (mean float64, counted int) {
	n := len(scores) / max(m, 1)
	s, l := make([]float32, n), make([]bool, n)
	for j := range m {
		for i := range n {
			s[i], l[i] = scores[i*m+j], labels[i*m+j]
		}
		if a, ok := AUROC(s, l); ok {
			mean += a
			counted++
		}
	}
	return mean / float64(max(counted, 1)), counted
}
