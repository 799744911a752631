package learn

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Curve is scored samples in order, to measure the areas under ROC and precision-recall
// again and again with other weights. It is immutable.
type Curve struct {
	order  []int32
	scores []float32
	labels []bool
}

// NewCurve orders samples by score. The slices are kept.
func NewCurve(scores []float32, labels []bool) *Curve {
	c := &Curve{order: make([]int32, len(scores)), scores: scores, labels: labels}
	for i := range c.order {
		c.order[i] = int32(i)
	}
	slices.SortStableFunc(c.order, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	return c
}

// ties calls with the weights of positives and negatives of each score, highest first.
func (c *Curve) ties(weight []float64, with func(pos, neg float64)) {
	for i := 0; i < len(c.order); {
		var pos, neg float64
		s := c.scores[c.order[i]]
		for ; i < len(c.order) && c.scores[c.order[i]] == s; i++ {
			w := 1.
			if weight != nil {
				w = weight[c.order[i]]
			}
			if c.labels[c.order[i]] {
				pos += w
			} else {
				neg += w
			}
		}
		with(pos, neg)
	}
}

// AUROC is as [AUROC], each sample with its weight (nil = 1); 1/2 where one class has none.
func (c *Curve) AUROC(weight []float64) float64 {
	var above, positives, negatives float64
	c.ties(weight, func(pos, neg float64) {
		above += neg * (positives + pos/2)
		positives, negatives = positives+pos, negatives+neg
	})
	if positives == 0 || negatives == 0 {
		return .5
	}
	return above / (positives * negatives)
}

// AveragePrecision is the mean precision at each positive, those of one score together,
// each sample with its weight (nil = 1); 0 without positives.
func (c *Curve) AveragePrecision(weight []float64) float64 {
	var sum, positives, seen float64
	c.ties(weight, func(pos, neg float64) {
		positives, seen = positives+pos, seen+pos+neg
		if pos > 0 {
			sum += pos * positives / seen
		}
	})
	if positives == 0 {
		return 0
	}
	return sum / positives
}

// Resample estimates a statistic of n weighted samples with a percentile interval from
// reps bootstrap resamples of groups: the weight is how often a sample was drawn, nil the
// data as they are. The same seed and groups draw the same resamples, so that differences
// are paired.
func Resample(group []int, reps int, seed uint64, statistic func(weight []float64) float64) Estimate {
	v := statistic(nil)
	e := Estimate{Value: v, Low: v, High: v, N: len(group)}
	if reps <= 0 || len(group) == 0 {
		return e
	}
	groups := slices.Max(group) + 1
	rng := rand.New(rand.NewPCG(seed, 0x626f6f74))
	drawn, weight, all := make([]float64, groups), make([]float64, len(group)), make([]float64, reps)
	for r := range all {
		clear(drawn)
		for range groups {
			drawn[rng.IntN(groups)]++
		}
		for i, g := range group {
			weight[i] = drawn[g]
		}
		all[r] = statistic(weight)
	}
	slices.Sort(all)
	e.Low, e.High = quantile(all, .025), quantile(all, .975)
	return e
}
