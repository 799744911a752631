package recommender

import (
	"math/rand/v2"
	"testing"

	"ember/learn"
)

// biased are decisions over two labels of which one comes far more often than its
// logits say when off is set.
func biased(rng *rand.Rand, n int, off float64) (all []decision, out *outputs) {
	out = &outputs{}
	for i := range n {
		d := decision{fold: uint8(i % 5), cand: &candidates{labels: []uint32{0, 1, 2}}, hit: make([]bool, 3), status: make([]status, 3)}
		z := make([]float32, 3)
		for k := range z {
			z[k] = float32(rng.NormFloat64() - 1)
			p := float64(z[k])
			if k == 1 {
				p += off
			}
			if d.hit[k] = rng.Float64() < learn.Sigmoid(p); d.hit[k] {
				d.total++
			}
		}
		all = append(all, d)
		out.logits[byStack] = append(out.logits[byStack], z)
	}
	return all, out
}

// TestOffsets: a label that comes more often than promised is moved up by about as
// much as it is off, and where nothing is off, next to nothing is moved.
func TestOffsets(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	fit := func(off float64) (*ranker, *outputs, []decision) {
		d, out := biased(rng, 3000, off)
		k := identity()
		k.kind = byStack
		k.calibrate[byStack] = out.calibrations(d, byStack)
		k.offset(byStack, d, out, 3, 5)
		return k, out, d
	}
	k, out, d := fit(1.5)
	if got := k.offsetBy(1) - k.offsetBy(0); got < .6 || got > 2 {
		t.Errorf("the label that is off by 1.5 is moved by %g against the others: %v", got, k.off[byStack])
	}
	var came, promised [3]float64
	for i := range d {
		for j, z := range k.calibrated(byStack, &d[i], out.logits[byStack][i]) {
			promised[j] += learn.Sigmoid(float64(z))
			if d[i].hit[j] {
				came[j]++
			}
		}
	}
	for l := range came {
		if r := promised[l] / came[l]; r < .8 || r > 1.2 {
			t.Errorf("label %d: %.0f promised, %.0f came", l, promised[l], came[l])
		}
	}
	k, _, _ = fit(0)
	for l := range 3 {
		if o := k.offsetBy(uint32(l)); o > .15 || o < -.15 {
			t.Errorf("nothing is off, label %d is moved by %g", l, o)
		}
	}
	if (&ranker{}).offsetBy(0) != 0 {
		t.Error("a ranker without offsets moves something")
	}
}
