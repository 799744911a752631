package study

import (
	"math"
	"slices"
)

// Incidence is a day of two curves of cumulative incidence on which somebody had the
// outcome, died before it, or left.
type Incidence struct {
	Day      int32
	AtRisk   int // just before
	Outcomes int
	Deaths   int
	// Of the outcome and of death before it, after the day.
	Outcome, Death Share
}

// Share is an estimate with its 95 % interval, which is the estimate itself where that is
// 0 or 1.
type Share struct{ Value, Low, High float64 }

// AalenJohansen is the cumulative incidence of the outcome and of death before it, as causes
// that compete (Aalen and Johansen, Scand J Stat 1978;5:141): who died is not followed as if
// the outcome could still come. The interval is by the delta method on log(-log(F)), of the
// variance of Greenwood's kind (Collett, Modelling Survival Data in Medical Research, 3rd ed.,
// p. 411).
func AalenJohansen(follows []Follow) []Incidence {
	sorted := slices.Clone(follows)
	slices.SortFunc(sorted, func(a, b Follow) int { return int(a.Days) - int(b.Days) })
	var all []Incidence
	free := 1. // of both
	var outcome, death cause
	for i := 0; i < len(sorted); {
		s := Incidence{Day: sorted[i].Days, AtRisk: len(sorted) - i}
		for ; i < len(sorted) && sorted[i].Days == s.Day; i++ {
			switch {
			case sorted[i].Event:
				s.Outcomes++
			case sorted[i].Died:
				s.Deaths++
			}
		}
		n, d := float64(s.AtRisk), float64(s.Outcomes+s.Deaths)
		s.Outcome = outcome.day(n, d, float64(s.Outcomes), free)
		s.Death = death.day(n, d, float64(s.Deaths), free)
		free *= (n - d) / n
		all = append(all, s)
	}
	return all
}

// cause sums up one cause. Its variance on a day is of squares of what the incidence F has
// grown since each day before, (F - F_i)^2 and F - F_i times something of that day, so
// that sums of 1, F_i and F_i^2 suffice.
type cause struct {
	value             float64 // F
	square            [3]float64
	own, mixed, cross float64
}

// day adds a day with d events of n at risk, k of them of this cause.
func (c *cause) day(n, d, k, free float64) Share {
	f := c.value + free*k/n
	c.value = f
	if d > 0 && d < n {
		a := d / (n * (n - d))
		c.square[0], c.square[1], c.square[2] = c.square[0]+a, c.square[1]+a*f, c.square[2]+a*f*f
	}
	c.own += free * free * k * (n - k) / (n * n * n)
	b := free * k / (n * n)
	c.mixed, c.cross = c.mixed+b, c.cross+b*f
	variance := f*f*c.square[0] - 2*f*c.square[1] + c.square[2] + c.own - 2*(f*c.mixed-c.cross)
	s := Share{f, f, f}
	if f > 0 && f < 1 && variance > 0 {
		w := z975 * math.Sqrt(variance) / (f * math.Log(f)) // below 0
		s.Low, s.High = math.Pow(f, math.Exp(-w)), math.Pow(f, math.Exp(w))
	}
	return s
}
