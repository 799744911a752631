package recommender

import (
	"math"

	"ember/learn"
)

// levels are the shares of orders that sets promise to hold.
var levels = [...]float64{.8, .9}

// thresholds are the logits from which candidates belong to the set of each
// level: by split conformal prediction (Vovk et al., 2005; Angelopoulos and Bates,
// 2023) on decisions of patients the ranker has not seen. +Inf means that no set
// can promise the level, because too many orders are never candidates.
type thresholds [len(levels)]float32

// noThresholds promise nothing.
func noThresholds() (t thresholds) {
	for i := range t {
		t[i] = float32(math.Inf(1))
	}
	return t
}

// conform finds the thresholds from out-of-fold logits. An order is as strange as
// its logit is low; one that was no candidate is stranger than any.
func (k *ranker) conform(kind rankerKind, decisions []decision, raw [][]float32) thresholds {
	var strange []float64
	for i := range decisions {
		d := &decisions[i]
		for j, z := range k.calibrated(kind, d, raw[i]) {
			if d.hit[j] {
				strange = append(strange, -float64(z))
			}
		}
		for range d.missed {
			strange = append(strange, math.Inf(1))
		}
	}
	t := noThresholds()
	for i, level := range levels {
		if q := learn.ConformalQuantile(strange, 1-level); !math.IsInf(q, 1) {
			t[i] = float32(-q)
		}
	}
	return t
}

// Set is a set of orders that holds a stated share of those that follow, on
// average over patients like those of training. A candidate is in it when its
// probability is at least the set's.
type Set struct {
	Coverage    float64 // such as 0.9
	Probability float64
	Size        int // candidates in it, those that rules block included
}

// sets are those that can be promised, by rising coverage.
func (k *ranker) sets(logits []float32) (out []Set) {
	for i, least := range k.conformal[k.kind] {
		if math.IsInf(float64(least), 1) {
			continue
		}
		s := Set{Coverage: levels[i], Probability: learn.Sigmoid(float64(least))}
		for _, z := range logits {
			if z >= least {
				s.Size++
			}
		}
		out = append(out, s)
	}
	return out
}

// within says which candidates are in the set of each level that is promised.
func (t thresholds) within(logits []float32) map[float64][]bool {
	out := map[float64][]bool{}
	for i, least := range t {
		if math.IsInf(float64(least), 1) {
			continue
		}
		in := make([]bool, len(logits))
		for k, z := range logits {
			in[k] = z >= least
		}
		out[levels[i]] = in
	}
	return out
}
