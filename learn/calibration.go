package learn

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
)

// Calibration turns a score into a probability, by a sigmoid ("platt") or a
// rising step line ("isotonic"). Either never falls with the score. The zero
// value is invalid.
type Calibration struct {
	Kind string
	A, B float64   // platt: sigmoid(A·score + B)
	X, Y []float64 // isotonic: knots, linear between, flat outside
}

// Probability is the calibrated probability of a score.
func (c Calibration) Probability(score float64) float64 {
	if c.Kind == "platt" {
		return Sigmoid(c.A*score + c.B)
	}
	i := sort.SearchFloat64s(c.X, score)
	switch {
	case len(c.X) == 0:
		return math.NaN()
	case i == 0:
		return c.Y[0]
	case i == len(c.X):
		return c.Y[i-1]
	}
	t := (score - c.X[i-1]) / (c.X[i] - c.X[i-1])
	return c.Y[i-1] + t*(c.Y[i]-c.Y[i-1])
}

func checkScores(scores []float64, labels []bool) error {
	if len(scores) != len(labels) {
		return fmt.Errorf("learn: %d scores, %d labels", len(scores), len(labels))
	}
	if len(scores) == 0 {
		return errors.New("learn: calibration without samples")
	}
	for i, s := range scores {
		if math.IsNaN(s) || math.IsInf(s, 0) {
			return fmt.Errorf("learn: score %d is not finite", i)
		}
	}
	return nil
}

// FitPlatt fits a sigmoid of the score with Platt's smoothed targets, which keep
// it finite on separable data (Lin, Lin, Weng, "A note on Platt's probabilistic
// outputs", 2007). A score that points the wrong way gives a flat line.
func FitPlatt(scores []float64, labels []bool) (Calibration, error) {
	if err := checkScores(scores, labels); err != nil {
		return Calibration{}, err
	}
	n, pos := float64(len(labels)), 0.
	mean, sd := meanSD(scores)
	x, y := make([]float32, len(scores)), make([]float64, len(scores))
	for i, l := range labels {
		x[i] = float32((scores[i] - mean) / sd)
		if l {
			pos++
		}
	}
	for i, l := range labels {
		y[i] = 1 / (n - pos + 2)
		if l {
			y[i] = (pos + 1) / (pos + 2)
		}
	}
	fit, err := FitLogistic(x, 1, y, nil, 1e-6)
	if err != nil {
		return Calibration{}, err
	}
	if fit.W[0] < 0 {
		return Calibration{Kind: "platt", B: Logit((pos + 1) / (n + 2))}, nil
	}
	a := fit.W[0] / sd
	return Calibration{Kind: "platt", A: a, B: fit.Bias - a*mean}, nil
}

func meanSD(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		sd += (x - mean) * (x - mean) / float64(len(v))
	}
	if sd = math.Sqrt(sd); sd == 0 {
		sd = 1
	}
	return mean, sd
}

type block struct{ x, n, pos float64 } // x is the sum of scores

func (b block) rate() float64 { return b.pos / b.n }

// FitIsotonic fits the best rising step function by pooling adjacent violators;
// each block becomes a knot at its mean score, shrunk by one sample at the base
// rate so that no probability is 0 or 1.
func FitIsotonic(scores []float64, labels []bool) (Calibration, error) {
	if err := checkScores(scores, labels); err != nil {
		return Calibration{}, err
	}
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case scores[a] < scores[b]:
			return -1
		case scores[a] > scores[b]:
			return 1
		}
		return a - b
	})
	var blocks []block
	var base float64
	for k, i := range order {
		one := block{x: scores[i], n: 1}
		if labels[i] {
			one.pos = 1
			base += 1 / float64(len(labels))
		}
		if k > 0 && scores[order[k-1]] == scores[i] { // same score, same block
			last := &blocks[len(blocks)-1]
			last.x, last.n, last.pos = last.x+one.x, last.n+1, last.pos+one.pos
		} else {
			blocks = append(blocks, one)
		}
	}
	c := Calibration{Kind: "isotonic"}
	top := 0.
	for _, b := range pool(blocks) {
		top = max(top, (b.pos+base)/(b.n+1))
		c.X, c.Y = append(c.X, b.x/b.n), append(c.Y, top)
	}
	return c, nil
}

// pool merges neighbours, in place, until rates rise.
func pool(blocks []block) []block {
	out := blocks[:0]
	for _, b := range blocks {
		for len(out) > 0 && out[len(out)-1].rate() >= b.rate() {
			last := out[len(out)-1]
			b = block{b.x + last.x, b.n + last.n, b.pos + last.pos}
			out = out[:len(out)-1]
		}
		out = append(out, b)
	}
	return out
}

// ChooseCalibration fits the kind whose cross-validated Brier score is lower, on
// all samples; fold holds each sample's fold ([KFold] by patient). The sigmoid
// wins ties, and alone where there are fewer than 2 folds.
func ChooseCalibration(scores []float64, labels []bool, fold []int) (Calibration, error) {
	if err := checkScores(scores, labels); err != nil {
		return Calibration{}, err
	}
	if len(fold) != len(scores) {
		return Calibration{}, fmt.Errorf("learn: %d scores, %d folds", len(scores), len(fold))
	}
	if slices.Min(fold) == slices.Max(fold) {
		return FitPlatt(scores, labels)
	}
	platt, err := crossBrier(scores, labels, fold, FitPlatt)
	if err != nil {
		return Calibration{}, err
	}
	isotonic, err := crossBrier(scores, labels, fold, FitIsotonic)
	if err != nil {
		return Calibration{}, err
	}
	if isotonic < platt {
		return FitIsotonic(scores, labels)
	}
	return FitPlatt(scores, labels)
}

func crossBrier(scores []float64, labels []bool, fold []int, fit func([]float64, []bool) (Calibration, error)) (float64, error) {
	p := make([]float64, len(scores))
	err := OutOfFold(fold, func(train []int) (func(int), error) {
		s, l := make([]float64, len(train)), make([]bool, len(train))
		for i, t := range train {
			s[i], l[i] = scores[t], labels[t]
		}
		c, err := fit(s, l)
		return func(i int) { p[i] = c.Probability(scores[i]) }, err
	})
	return Brier(p, labels), err
}

// Brier is the mean squared error of probabilities, 0 for none.
func Brier(p []float64, labels []bool) float64 {
	var s float64
	for i, v := range p {
		if labels[i] {
			v--
		}
		s += v * v
	}
	return s / float64(max(len(p), 1))
}

// ECE is the expected calibration error over bins of equal width (the protocol
// uses 15) of the probabilities above floor (-1 = all): the mean distance of a
// bin's mean probability from its rate, weighted by samples.
func ECE(p []float64, labels []bool, bins int, floor float64) float64 {
	sum, pos := make([]float64, bins), make([]float64, bins)
	n := 0
	for i, v := range p {
		if v <= floor {
			continue
		}
		n++
		b := min(max(int(v*float64(bins)), 0), bins-1)
		sum[b] += v
		if labels[i] {
			pos[b]++
		}
	}
	var e float64
	for b := range sum {
		e += math.Abs(sum[b] - pos[b])
	}
	return e / float64(max(n, 1))
}

// noiseRuns is how often [ECENoise] draws.
const noiseRuns = 100

// ECENoise is what [ECE] comes to on average where every probability is true and each
// outcome comes by itself: the part of an error that too few samples explain. Outcomes
// that come together have more. The same seed gives the same figure.
func ECENoise(p []float64, bins int, floor float64, seed uint64) float64 {
	var above []float64
	for _, v := range p {
		if v > floor {
			above = append(above, v)
		}
	}
	rng := rand.New(rand.NewPCG(seed, 0x6563652d6e6f6973))
	came := make([]bool, len(above))
	var sum float64
	for range noiseRuns {
		for i, v := range above {
			came[i] = rng.Float64() < v
		}
		sum += ECE(above, came, bins, floor)
	}
	return sum / noiseRuns
}
