package study

import (
	"cmp"
	"math"
	"slices"
)

// Unit is somebody who may be matched.
type Unit struct {
	Ord     uint32
	Stratum int     // matched exactly
	Age     int     // -1 = unknown: matches unknown alone
	Logit   float64 // of the propensity
}

// Pair is a case with the controls that were found for it.
type Pair struct {
	Case     uint32
	Controls []uint32
}

// Pairs finds up to ratio controls for each case: of the same stratum, at most years apart in
// age and width in the logit, the nearest by the logit first, each control once.
// Cases are served from the highest logit down, for whom there are fewest controls, each
// with one before any has two. Equal ones go by ordinal, so that the same input gives the same
// pairs.
func Pairs(cases, controls []Unit, ratio, years int, width float64) []Pair {
	strata := map[int]*shelf{}
	for _, c := range controls {
		s := strata[c.Stratum]
		if s == nil {
			s = &shelf{}
			strata[c.Stratum] = s
		}
		s.units = append(s.units, c)
	}
	for _, s := range strata {
		s.settle()
	}
	cases = slices.Clone(cases)
	slices.SortFunc(cases, func(a, b Unit) int { return cmp.Or(cmp.Compare(b.Logit, a.Logit), cmp.Compare(a.Ord, b.Ord)) })
	found := make([][]uint32, len(cases))
	for round := range ratio {
		for i, c := range cases {
			if s := strata[c.Stratum]; s != nil && len(found[i]) == round {
				if ord, ok := s.take(c, years, width); ok {
					found[i] = append(found[i], ord)
				}
			}
		}
	}
	var out []Pair
	for i, c := range cases {
		if len(found[i]) > 0 {
			out = append(out, Pair{c.Ord, found[i]})
		}
	}
	return out
}

// shelf is the controls of a stratum by logit. Those taken are passed over by pointers to
// the next that is there, which are shortened as they are followed.
type shelf struct {
	units    []Unit
	up, down []int
}

func (s *shelf) settle() {
	slices.SortFunc(s.units, func(a, b Unit) int { return cmp.Or(cmp.Compare(a.Logit, b.Logit), cmp.Compare(a.Ord, b.Ord)) })
	n := len(s.units)
	s.up, s.down = make([]int, n+2), make([]int, n+2)
	for i := range s.up {
		s.up[i], s.down[i] = i, i
	}
}

// next follows pointers from a place; places are one above those of the units.
func next(to []int, i int) int {
	for to[i] != i {
		to[i] = to[to[i]]
		i = to[i]
	}
	return i
}

// take gives the nearest control that is left.
func (s *shelf) take(c Unit, years int, width float64) (ord uint32, ok bool) {
	n := len(s.units)
	at, _ := slices.BinarySearchFunc(s.units, c.Logit, func(u Unit, logit float64) int { return cmp.Compare(u.Logit, logit) })
	above, below := next(s.up, at+1), next(s.down, at)
	for {
		a, b := math.Inf(1), math.Inf(1)
		if above <= n {
			a = s.units[above-1].Logit - c.Logit
		}
		if below >= 1 {
			b = c.Logit - s.units[below-1].Logit
		}
		if min(a, b) > width {
			return 0, false
		}
		i := above
		if b < a {
			i = below
		}
		if u := s.units[i-1]; u.Age == c.Age || u.Age >= 0 && c.Age >= 0 && max(u.Age-c.Age, c.Age-u.Age) <= years {
			s.up[i], s.down[i] = i+1, i-1
			return u.Ord, true
		}
		if i == above {
			above = next(s.up, above+1)
		} else {
			below = next(s.down, below-1)
		}
	}
}
