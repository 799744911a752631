package nn

import (
	"errors"
	"fmt"
	"math"
)

// BCE is the mean binary cross-entropy of logits against targets in [0,1], each
// element weighted (nil = 1 each, the mean is over the weights' sum). The
// gradient of the logits is written to grad, which has their length.
func BCE(logits, targets, weights, grad []float32) (float64, error) {
	n := len(logits)
	if len(targets) != n || len(grad) != n || weights != nil && len(weights) != n {
		return 0, fmt.Errorf("nn: BCE of %d logits, %d targets, %d weights, %d gradients", n, len(targets), len(weights), len(grad))
	}
	total := float64(n)
	if weights != nil {
		total = 0
		for _, w := range weights {
			total += float64(w)
		}
	}
	if !(total > 0) {
		return 0, errors.New("nn: BCE without weight")
	}
	var loss float64
	for i, z := range logits {
		w := 1 / total
		if weights != nil {
			w *= float64(weights[i])
		}
		x, y := float64(z), float64(targets[i])
		loss += w * (math.Max(x, 0) - x*y + math.Log1p(math.Exp(-math.Abs(x))))
		grad[i] = float32(w * (float64(sigmoid(z)) - y))
	}
	return loss, nil
}

// CrossEntropy is the mean softmax cross-entropy of logits (samples × classes,
// row by row) against class numbers, each sample weighted (nil = 1 each). A
// negative label leaves the sample out. The gradient of the logits is written to
// grad, which has their length.
func CrossEntropy(logits []float32, labels []int, weights, grad []float32) (float64, error) {
	n := len(labels)
	if n == 0 || len(logits)%n != 0 || len(grad) != len(logits) || weights != nil && len(weights) != n {
		return 0, fmt.Errorf("nn: cross-entropy of %d logits, %d labels, %d weights, %d gradients", len(logits), n, len(weights), len(grad))
	}
	classes := len(logits) / n
	weight := func(i int) float64 {
		switch {
		case labels[i] < 0:
			return 0
		case weights == nil:
			return 1
		}
		return float64(weights[i])
	}
	var total, loss float64
	for i, l := range labels {
		if l >= classes {
			return 0, fmt.Errorf("nn: sample %d: class %d of %d", i, l, classes)
		}
		total += weight(i)
	}
	if !(total > 0) {
		return 0, errors.New("nn: cross-entropy without weight")
	}
	for i, l := range labels {
		row, g, w := logits[i*classes:(i+1)*classes], grad[i*classes:(i+1)*classes], weight(i)/total
		Softmax(row, g)
		if l < 0 {
			clear(g)
			continue
		}
		loss -= w * math.Log(max(float64(g[l]), math.SmallestNonzeroFloat32))
		g[l]--
		for j := range g {
			g[j] *= float32(w)
		}
	}
	return loss, nil
}

// Softmax writes e^x over its sum to into; it may be x.
func Softmax(x, into []float32) {
	if len(x) == 0 {
		return
	}
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	var sum float64
	for i, v := range x {
		e := math.Exp(float64(v - top))
		sum += e
		into[i] = float32(e)
	}
	for i := range x {
		into[i] = float32(float64(into[i]) / sum)
	}
}
