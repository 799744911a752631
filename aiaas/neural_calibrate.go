package aiaas

import (
	"math"

	"ember/learn"
)

// calibrate fits to logits of samples that their networks were not fitted on how
// sure the model may be and, of classes that exclude each other, how much it
// leans to each: the weights of classes in the fit, and chance, have moved that.
func (f *face) calibrate(z []float32, labels [][]int) error {
	if f.Number {
		return nil
	}
	if !f.Multi {
		f.Lean = make([]float64, f.Outputs)
		for c, w := range f.Weights {
			f.Lean[c] = -math.Log(float64(w))
		}
		if len(labels) > 0 {
			f.align(z, labels)
		}
		return nil
	}
	if len(labels) == 0 {
		return nil
	}
	flat := make([]float64, len(z))
	for i, v := range z {
		flat[i] = float64(v)
	}
	c, err := learn.FitPlatt(flat, has(labels, f.Outputs))
	if err == nil && c.A > 0 {
		f.Sharp.Slope, f.Sharp.Offset = c.A, c.B
	}
	return err
}

// steady is how many samples of a class the lean towards it is believed to have
// seen beforehand: a rare class does not swing with one sample.
const steady = 5

// align takes turns: the slope under which the truth is least surprising, then
// the leans under which each class is predicted as often as it is there.
func (f *face) align(z []float32, labels [][]int) {
	m := f.Outputs
	count := make([]float64, m)
	for _, of := range labels {
		count[of[0]]++
	}
	leaned, said := make([]float32, len(z)), make([]float64, m)
	for range 20 {
		for i, v := range z {
			leaned[i] = v + float32(f.Lean[i%m]/f.Sharp.Slope)
		}
		more := sharpest(leaned, labels, m) / f.Sharp.Slope
		f.Sharp.Slope *= more
		for c := range f.Lean {
			f.Lean[c] *= more
		}
		copy(leaned, z)
		f.probabilities(leaned)
		clear(said)
		for i, p := range leaned {
			said[i%m] += float64(p)
		}
		for c := range f.Lean {
			f.Lean[c] += math.Log((count[c] + steady) / (said[c] + steady))
		}
	}
}

// probabilities turns logits into probabilities in place.
func (f *face) probabilities(z []float32) {
	for i := range z {
		if f.Lean != nil {
			z[i] += float32(f.Lean[i%f.Outputs] / f.Sharp.Slope)
		}
	}
	f.Sharp.apply(z, f.Outputs)
}
