package recommender

import (
	"math"

	"ember/learn"
)

// offsetPriors are by how many orders of a label an offset may be held back.
var offsetPriors = []float64{10, 50}

// offsets are, by label, what its logits are off by: the log ratio of the orders
// that came to those that the calibrated probabilities promised, shrunk. In
// the logits' own scale, before calibration.
func (k *ranker) offsets(kind rankerKind, decisions []decision, logits [][]float32, labels int, prior float64, keep func(fold uint8) bool) []float32 {
	came, promised, scale := make([]float64, labels), make([]float64, labels), make([]float32, labels)
	for i := range decisions {
		d := &decisions[i]
		if !keep(d.fold) {
			continue
		}
		for j, z := range logits[i] {
			l, p := d.cand.labels[j], &k.calibrate[kind][d.status[j]]
			promised[l] += learn.Sigmoid(float64(p.of(z)))
			scale[l] = p.line.a
			if d.hit[j] {
				came[l]++
			}
		}
	}
	out := make([]float32, labels)
	for l := range out {
		if scale[l] > 0 {
			out[l] = float32(math.Log((came[l]+prior)/(promised[l]+prior))) / scale[l]
		}
	}
	return out
}

// offset fits the offsets of a ranker, where they rank better out of fold, and
// corrects its out-of-fold logits, those of each fold by what the others say, and
// its calibration.
func (k *ranker) offset(kind rankerKind, decisions []decision, out *outputs, labels, folds int) {
	if kind == byBaseline { // the simple baseline stays simple
		return
	}
	raw := out.logits[kind]
	best := k.ranking(kind, decisions, raw)
	for _, prior := range offsetPriors {
		corrected := k.corrected(kind, decisions, raw, labels, folds, prior)
		if ap := k.ranking(kind, decisions, corrected); ap > best {
			best = ap
			out.logits[kind] = corrected
			k.off[kind] = k.offsets(kind, decisions, raw, labels, prior, func(uint8) bool { return true })
		}
	}
	k.calibrate[kind] = out.calibrations(decisions, kind)
}

// corrected are the out-of-fold logits with the offsets of the other folds.
func (k *ranker) corrected(kind rankerKind, decisions []decision, raw [][]float32, labels, folds int, prior float64) [][]float32 {
	out := make([][]float32, len(decisions))
	for f := range folds {
		by := k.offsets(kind, decisions, raw, labels, prior, func(g uint8) bool { return int(g) != f })
		for i := range decisions {
			if d := &decisions[i]; int(d.fold) == f {
				out[i] = plus(raw[i], offsetsOf(by, d.cand.labels), 1)
			}
		}
	}
	return out
}

// ranking is the sum of average precision over the decisions that had orders.
func (k *ranker) ranking(kind rankerKind, decisions []decision, logits [][]float32) (sum float64) {
	for i := range decisions {
		if d := &decisions[i]; d.total > 0 {
			sum += averagePrecision(k.calibrated(kind, d, logits[i]), d.hit, d.missed)
		}
	}
	return sum
}

// offsetsOf are those of some labels.
func offsetsOf(by []float32, labels []uint32) []float32 {
	out := make([]float32, len(labels))
	for i, l := range labels {
		out[i] = by[l]
	}
	return out
}

// offsetBy is a label's offset for the ranker that serves.
func (k *ranker) offsetBy(label uint32) float32 {
	if by := k.off[k.kind]; by != nil {
		return by[label]
	}
	return 0
}
