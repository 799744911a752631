package learn

import (
	"cmp"
	"math"
	"slices"
)

// Hit is one relevant item of a ranking.
type Hit struct {
	Rank  int // 1 is best
	Index int // of the item
}

// Ranking is how one sample's items were ranked, reduced to what metrics need.
// Total counts the relevant items, those that could not be ranked (labels
// outside the vocabulary) included: they are misses in every recall.
type Ranking struct {
	Hits  []Hit // by rank
	N     int   // items ranked
	Total int   // relevant items
}

// NewRanking ranks all items by score, highest first, ties and NaN (last) by
// index. relevant holds distinct item indices; missed counts relevant things
// that are not among the items.
func NewRanking(scores []float32, relevant []uint32, missed int) Ranking {
	r := Ranking{N: len(scores), Total: len(relevant) + missed, Hits: make([]Hit, len(relevant))}
	for k, i := range relevant {
		rank, s := 1, scores[i]
		for j, o := range scores {
			if o > s || o == s && j < int(i) || s != s && (o == o || j < int(i)) {
				rank++
			}
		}
		r.Hits[k] = Hit{rank, int(i)}
	}
	slices.SortFunc(r.Hits, func(a, b Hit) int { return cmp.Compare(a.Rank, b.Rank) })
	return r
}

// Order is the item indices by score, highest first, ties by index.
func Order(scores []float32) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return order
}

// within is how many hits have at most rank k.
func (r Ranking) within(k int) int {
	n := 0
	for n < len(r.Hits) && r.Hits[n].Rank <= k {
		n++
	}
	return n
}

// AveragePrecision is the mean, over the relevant items, of the precision at
// their rank (PRAUC of the sample); 0 when nothing is relevant.
func (r Ranking) AveragePrecision() float64 {
	var s float64
	for i, h := range r.Hits {
		s += float64(i+1) / float64(h.Rank)
	}
	return s / float64(max(r.Total, 1))
}

// Precision is the relevant share of the first k; k counts in full even when
// fewer items exist.
func (r Ranking) Precision(k int) float64 { return float64(r.within(k)) / float64(max(k, 1)) }

// Recall is the share of the relevant items among the first k. It is not capped
// by k.
func (r Ranking) Recall(k int) float64 { return float64(r.within(k)) / float64(max(r.Total, 1)) }

// NDCG is the discounted gain of the first k with gains 0 and 1 and discount
// 1/log2(rank+1), over the best that is possible.
func (r Ranking) NDCG(k int) float64 {
	var gain, ideal float64
	for _, h := range r.Hits[:r.within(k)] {
		gain += 1 / math.Log2(float64(h.Rank)+1)
	}
	for i := range min(k, r.Total) {
		ideal += 1 / math.Log2(float64(i)+2)
	}
	if ideal == 0 {
		return 0
	}
	return gain / ideal
}

// ReciprocalRank is 1 over the rank of the first hit, 0 without one; its mean is
// MRR.
func (r Ranking) ReciprocalRank() float64 {
	if len(r.Hits) == 0 {
		return 0
	}
	return 1 / float64(r.Hits[0].Rank)
}

// WeightedRecall is recall at k with a weight per item, such as the inverse of
// its training frequency; what was missed altogether weighs missedWeight each.
func (r Ranking) WeightedRecall(k int, weight []float64, missedWeight float64) float64 {
	total := float64(r.Total-len(r.Hits)) * missedWeight
	var got float64
	for _, h := range r.Hits {
		total += weight[h.Index]
		if h.Rank <= k {
			got += weight[h.Index]
		}
	}
	if total == 0 {
		return 0
	}
	return got / total
}

// InverseFrequency is the weight of each item for [Ranking.WeightedRecall]:
// 1/(count+1), and that of an item never counted.
func InverseFrequency(count []int) (weight []float64, missed float64) {
	weight = make([]float64, len(count))
	for i, c := range count {
		weight[i] = 1 / float64(c+1)
	}
	return weight, 1
}

// Confusion counts one sample's decisions.
type Confusion struct{ TP, FP, FN int }

// Decide counts what a threshold decides: an item is chosen when its score is at
// least threshold. relevant and missed are as in [NewRanking].
func Decide(scores []float32, relevant []uint32, missed int, threshold float32) Confusion {
	var c Confusion
	for _, s := range scores {
		if s >= threshold {
			c.FP++
		}
	}
	for _, i := range relevant {
		if scores[i] >= threshold {
			c.TP++
			c.FP--
		}
	}
	c.FN = len(relevant) + missed - c.TP
	return c
}

// Jaccard is the overlap over the union; 1 when both are empty.
func (c Confusion) Jaccard() float64 { return ratio(c.TP, c.TP+c.FP+c.FN) }

// F1 is the harmonic mean of precision and recall; 1 when nothing was relevant
// and nothing chosen.
func (c Confusion) F1() float64 { return ratio(2*c.TP, 2*c.TP+c.FP+c.FN) }

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

// BestThreshold is the threshold, of those given, with the highest mean of
// measure over the samples decided by it; the first of equals wins. decide is
// called for each sample and threshold.
func BestThreshold(thresholds []float32, samples int, decide func(sample int, threshold float32) Confusion, measure func(Confusion) float64) (best float32, mean float64) {
	mean = math.Inf(-1)
	for _, t := range thresholds {
		var s float64
		for i := range samples {
			s += measure(decide(i, t))
		}
		if s /= float64(max(samples, 1)); s > mean {
			best, mean = t, s
		}
	}
	return best, mean
}
