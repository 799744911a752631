package recommender

import (
	"math"
	"math/rand/v2"
	"testing"

	"ember/learn"
)

// strangers are decisions whose orders have the logits of rng, some missed.
func strangers(rng *rand.Rand, n int, missed float64) (all []decision, raw [][]float32) {
	for range n {
		d := decision{hit: make([]bool, 20), status: make([]status, 20)}
		z := make([]float32, 20)
		for k := range z {
			z[k] = float32(rng.NormFloat64() - 2)
			if d.hit[k] = rng.Float64() < learn.Sigmoid(float64(z[k])); d.hit[k] && rng.Float64() < missed {
				d.hit[k] = false
				d.missed++
			}
		}
		all, raw = append(all, d), append(raw, z)
	}
	return all, raw
}

func identity() *ranker {
	k := &ranker{profile: &profile{}}
	for kind := range k.calibrate {
		for st := range k.calibrate[kind] {
			k.calibrate[kind][st] = calibration{line: platt{1, 0}}
		}
	}
	return k
}

// The sets hold what they promise of new decisions, and promise nothing that
// orders which are never candidates make impossible.
func TestSetsHoldWhatTheyPromise(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	k := identity()
	d, raw := strangers(rng, 4000, .05)
	k.conformal[k.kind] = k.conform(k.kind, d, raw)
	fresh, logits := strangers(rng, 4000, .05)
	held, orders := make([]int, len(levels)), 0
	for i := range fresh {
		in := k.conformal[k.kind].within(logits[i])
		sets := k.sets(logits[i])
		for j, level := range levels {
			size := 0
			for c, is := range in[level] {
				if is {
					size++
				}
				if is && fresh[i].hit[c] {
					held[j]++
				}
				if is != (learn.Sigmoid(float64(logits[i][c])) >= sets[j].Probability-1e-7) {
					t.Fatalf("candidate %d of logit %g is within: %t, the set begins at %g", c, logits[i][c], is, sets[j].Probability)
				}
			}
			if sets[j].Size != size || sets[j].Coverage != level {
				t.Fatalf("%+v, %d are in it", sets[j], size)
			}
		}
		orders += fresh[i].missed
		for _, hit := range fresh[i].hit {
			if hit {
				orders++
			}
		}
	}
	for j, level := range levels {
		if share := float64(held[j]) / float64(orders); math.Abs(share-level) > .015 {
			t.Errorf("the set of %.0f %% holds %.1f %%", 100*level, 100*share)
		}
	}
	d, raw = strangers(rng, 2000, .15)
	k.conformal[k.kind] = k.conform(k.kind, d, raw)
	if sets := k.sets(raw[0]); len(sets) != 1 || sets[0].Coverage != .8 {
		t.Errorf("with 15 %% of the orders missed: %+v", sets)
	}
	if sets := (&ranker{conformal: [rankerKinds]thresholds{noThresholds()}}).sets(raw[0]); len(sets) != 0 {
		t.Errorf("without decisions: %+v", sets)
	}
}
