package learn

import (
	"fmt"
	"math"
)

// Loss is what [FitBoost] makes small: the targets of all samples, and how far
// scores are from them.
type Loss interface {
	// Len is the number of samples, Outputs that of scores a sample.
	Len() int
	Outputs() int
	// Base is the best constant score for the samples given.
	Base(samples []int32) []float64
	// Gradients writes first and second derivatives at scores, all samples ×
	// outputs.
	Gradients(score, gradient, hessian []float64)
	// Mean is the mean loss of the samples given.
	Mean(score []float64, samples []int32) float64
}

// Squares is the squared error of numbers.
type Squares []float64

// Len is the number of targets.
func (y Squares) Len() int { return len(y) }

// Outputs is 1.
func (y Squares) Outputs() int { return 1 }

// Base is the mean.
func (y Squares) Base(samples []int32) []float64 {
	var s float64
	for _, i := range samples {
		s += y[i]
	}
	return []float64{s / float64(max(len(samples), 1))}
}

// Gradients are score − target and 1.
func (y Squares) Gradients(score, gradient, hessian []float64) {
	for i := range y {
		gradient[i], hessian[i] = score[i]-y[i], 1
	}
}

// Mean is half the mean squared error.
func (y Squares) Mean(score []float64, samples []int32) float64 {
	var s float64
	for _, i := range samples {
		s += (score[i] - y[i]) * (score[i] - y[i]) / 2
	}
	return s / float64(max(len(samples), 1))
}

// Labels is the logistic loss of classes: with Exclusive a softmax over them,
// else a sigmoid for each, as samples with several classes or none need it.
type Labels struct {
	Of        [][]int // classes of each sample
	Classes   int
	Exclusive bool
}

// CheckLabels reports labels that a loss cannot take.
func CheckLabels(l Labels) error {
	if err := checkClasses(len(l.Of), l.Of, l.Classes); err != nil {
		return err
	}
	for i, of := range l.Of {
		if l.Exclusive && len(of) != 1 {
			return fmt.Errorf("learn: sample %d has %d classes, not one", i, len(of))
		}
	}
	return nil
}

// Len is the number of samples.
func (l Labels) Len() int { return len(l.Of) }

// Outputs is a score for each class, but a single logit of the second class
// where two exclude each other.
func (l Labels) Outputs() int {
	if l.Exclusive && l.Classes == 2 {
		return 1
	}
	return l.Classes
}

// Base are the logarithms of the classes' shares, or logits of them, with half a
// sample added to each.
func (l Labels) Base(samples []int32) []float64 {
	count := make([]float64, l.Classes)
	for _, i := range samples {
		for _, c := range l.Of[i] {
			count[c]++
		}
	}
	n := float64(len(samples))
	switch base := make([]float64, l.Outputs()); {
	case l.Exclusive && l.Classes == 2:
		base[0] = math.Log((count[1] + .5) / (count[0] + .5))
		return base
	case l.Exclusive:
		for c := range base {
			base[c] = math.Log((count[c] + .5) / (n + .5*float64(l.Classes)))
		}
		return base
	default:
		for c := range base {
			base[c] = math.Log((count[c] + .5) / (n - count[c] + .5))
		}
		return base
	}
}

// Probabilities turns the scores of one sample into the probabilities of all
// classes.
func (l Labels) Probabilities(score, into []float64) {
	switch {
	case l.Exclusive && l.Classes == 2:
		into[1] = Sigmoid(score[0])
		into[0] = 1 - into[1]
	case l.Exclusive:
		Softmax(score, into)
	default:
		for c, s := range score {
			into[c] = Sigmoid(s)
		}
	}
}

// Gradients are p − y and p(1−p).
func (l Labels) Gradients(score, gradient, hessian []float64) {
	k := l.Outputs()
	p := make([]float64, l.Classes)
	for i, of := range l.Of {
		l.Probabilities(score[i*k:(i+1)*k], p)
		for j := range k {
			q := p[l.Classes-k+j] // the second class where there is one output
			gradient[i*k+j], hessian[i*k+j] = q, max(q*(1-q), 1e-9)
		}
		for _, c := range of {
			if j := c - (l.Classes - k); j >= 0 {
				gradient[i*k+j]--
			}
		}
	}
}

// Mean is the mean negative logarithm of the likelihood.
func (l Labels) Mean(score []float64, samples []int32) float64 {
	k := l.Outputs()
	p := make([]float64, l.Classes)
	var s float64
	for _, i := range samples {
		l.Probabilities(score[int(i)*k:(int(i)+1)*k], p)
		s += l.surprise(p, l.Of[i])
	}
	return s / float64(max(len(samples), 1))
}

func (l Labels) surprise(p []float64, of []int) float64 {
	var s float64
	if !l.Exclusive {
		for _, q := range p {
			s -= math.Log(max(1-q, 1e-15))
		}
	}
	for _, c := range of {
		s -= math.Log(max(p[c], 1e-15))
		if !l.Exclusive {
			s += math.Log(max(1-p[c], 1e-15))
		}
	}
	return s
}

// Softmax writes the exponentials of scores that add up to 1 into into, which
// may be score.
func Softmax(score, into []float64) {
	top := math.Inf(-1)
	for _, s := range score {
		top = max(top, s)
	}
	var sum float64
	for i, s := range score {
		into[i] = math.Exp(s - top)
		sum += into[i]
	}
	for i := range into[:len(score)] {
		into[i] /= sum
	}
}
