package learn

import (
	"fmt"
	"math"
	"slices"
)

// Association holds, for each input, how much more often each output occurs with
// it than without knowing it: log P(out|in)/P(out), shrunk by pseudo-counts.
type Association struct {
	In, Out int
	Prior   []float32 // log P(out), smoothed
	Start   []uint32  // the pairs of input i are Start[i]:Start[i+1]
	Output  []uint32
	Ratio   []float32
	Absent  []float32 // ratio of outputs never seen with the input, by input
}

// FitAssociation counts inputs x (d columns) against outputs y (m columns);
// values do not matter, presence does. shrink is the weight of the prior in
// samples: P(j|i) = (n_ij + shrink·p_j)/(n_i + shrink). Pairs seen fewer than
// least times are left to Absent's neighbourhood: they count as ratio 0.
func FitAssociation(x, y []Row, d, m int, shrink float64, least int) (*Association, error) {
	if err := checkFit(x, y, d, m, 1); err != nil {
		return nil, err
	}
	if !(shrink > 0) {
		return nil, fmt.Errorf("learn: shrinkage %g is not above 0", shrink)
	}
	samples := make([][]int, d) // inverted: which samples have input i
	prior := make([]float64, m)
	for s := range x {
		for _, c := range x[s].Index {
			samples[c] = append(samples[c], s)
		}
		for _, c := range y[s].Index {
			prior[c]++
		}
	}
	a := &Association{In: d, Out: m, Prior: make([]float32, m), Start: make([]uint32, d+1), Absent: make([]float32, d)}
	for j := range prior {
		prior[j] = (prior[j] + .5) / (float64(len(x)) + 1)
		a.Prior[j] = float32(math.Log(prior[j]))
	}
	count := make([]int, m)
	for i, list := range samples {
		n := float64(len(list))
		a.Absent[i] = float32(math.Log(shrink / (n + shrink)))
		a.addPairs(countWith(list, y, count), count, prior, n, shrink, least)
		a.Start[i+1] = uint32(len(a.Output))
	}
	return a, nil
}

// countWith counts the outputs of the samples in count, which is all zero
// before, and returns which were seen, ascending.
func countWith(samples []int, y []Row, count []int) []uint32 {
	var seen []uint32
	for _, s := range samples {
		for _, c := range y[s].Index {
			if count[c] == 0 {
				seen = append(seen, c)
			}
			count[c]++
		}
	}
	slices.Sort(seen)
	return seen
}

func (a *Association) addPairs(seen []uint32, count []int, prior []float64, n, shrink float64, least int) {
	for _, j := range seen {
		ratio := 0.
		if count[j] >= least {
			ratio = math.Log((float64(count[j]) + shrink*prior[j]) / ((n + shrink) * prior[j]))
		}
		a.Output = append(a.Output, j)
		a.Ratio = append(a.Ratio, float32(ratio))
		count[j] = 0
	}
}

// Of is the shrunk log ratio of one pair.
func (a *Association) Of(input, output uint32) float32 {
	if int(input) >= a.In {
		return 0
	}
	lo, hi := a.Start[input], a.Start[input+1]
	if k, ok := slices.BinarySearch(a.Output[lo:hi], output); ok {
		return a.Ratio[int(lo)+k]
	}
	return a.Absent[input]
}

// Pairs are the outputs seen with an input, ascending, and their ratios; shared,
// not to be modified.
func (a *Association) Pairs(input uint32) (outputs []uint32, ratios []float32) {
	if int(input) >= a.In {
		return nil, nil
	}
	lo, hi := a.Start[input], a.Start[input+1]
	return a.Output[lo:hi], a.Ratio[lo:hi]
}

// Predict writes log prior plus the mean ratio of the inputs present into into,
// which has length Out. The mean, unlike the sum, does not grow with the length
// of a history. Inputs the model does not know are ignored.
func (a *Association) Predict(x Row, into []float32) {
	copy(into, a.Prior)
	known := 0
	for _, c := range x.Index {
		if int(c) < a.In {
			known++
		}
	}
	if known == 0 {
		return
	}
	scale := 1 / float32(known)
	var absent float32
	for _, c := range x.Index {
		if int(c) >= a.In {
			continue
		}
		absent += scale * a.Absent[c]
		outputs, ratios := a.Pairs(c)
		for k, j := range outputs {
			into[j] += scale * (ratios[k] - a.Absent[c])
		}
	}
	for j := range into {
		into[j] += absent
	}
}
