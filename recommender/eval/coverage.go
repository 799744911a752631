package eval

import (
	"maps"
	"slices"

	"ember/learn"
	"ember/recommender"
)

// Coverage is what a set promised and what it held, over all orders of a want,
// those outside the vocabulary included.
type Coverage struct {
	Want     string         `json:"want"`
	Promised float64        `json:"promised"`
	Held     learn.Estimate `json:"held"`
	Size     float64        `json:"size"` // candidates in it, mean over decisions with orders
}

// holdings collects, by want and level, whether each order was in the set.
type holdings struct {
	patients map[string]int
	of       map[recommender.Want]map[float64]*held
}

type held struct {
	in    []float64 // by order
	group []int
	size  int
	n     int // decisions
}

func newHoldings() *holdings {
	return &holdings{patients: map[string]int{}, of: map[recommender.Want]map[float64]*held{}}
}

func (h *holdings) add(patient string, s recommender.Scoring) {
	orders := len(s.Missed)
	for _, hit := range s.Hit {
		if hit {
			orders++
		}
	}
	if orders == 0 {
		return
	}
	group, ok := h.patients[patient]
	if !ok {
		group = len(h.patients)
		h.patients[patient] = group
	}
	if h.of[s.Want] == nil {
		h.of[s.Want] = map[float64]*held{}
	}
	for level, in := range s.In {
		if h.of[s.Want][level] == nil {
			h.of[s.Want][level] = &held{}
		}
		h.of[s.Want][level].add(group, in, s)
	}
}

func (h *held) add(group int, in []bool, s recommender.Scoring) {
	enter := func(v float64) { h.in, h.group = append(h.in, v), append(h.group, group) }
	for k, is := range in {
		if is {
			h.size++
		}
		switch {
		case s.Hit[k] && is:
			enter(1)
		case s.Hit[k]:
			enter(0)
		}
	}
	for range s.Missed {
		enter(0)
	}
	h.n++
}

func (h *holdings) report(opt Options) (out []Coverage) {
	for _, w := range []recommender.Want{recommender.Treatments, recommender.Tests} {
		for _, level := range slices.Sorted(maps.Keys(h.of[w])) {
			x := h.of[w][level]
			out = append(out, Coverage{Want: w.String(), Promised: level, Size: float64(x.size) / float64(x.n),
				Held: learn.Mean(x.in, x.group, opt.BootstrapReps, opt.Seed)})
		}
	}
	return out
}
