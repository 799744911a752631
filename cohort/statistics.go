package cohort

import (
	"cmp"
	"math"
	"slices"
)

// Odds compares how often something is among some with how often it is among others.
type Odds struct {
	Ratio     float64
	Low, High float64 // 95 % interval
	P         float64 // two-sided, of the ratio being 1; adjusted where several are compared
}

// OddsRatio is of a with and b without among some, c with and d without among others:
// Woolf's, with the normal interval of its logarithm. Where one of the numbers is 0,
// half is added to all (Haldane, Anscombe). It is NaN where nothing is known of one
// side.
func OddsRatio(a, b, c, d float64) Odds {
	if a == 0 || b == 0 || c == 0 || d == 0 {
		a, b, c, d = a+.5, b+.5, c+.5, d+.5
	}
	log := math.Log(a*d) - math.Log(b*c)
	se := math.Sqrt(1/a + 1/b + 1/c + 1/d)
	const z = 1.959963984540054 // 97.5 % of the normal distribution
	return Odds{Ratio: math.Exp(log), Low: math.Exp(log - z*se), High: math.Exp(log + z*se), P: math.Erfc(math.Abs(log) / se / math.Sqrt2)}
}

// Adjust turns probabilities of error into rates of false discovery (Benjamini and
// Hochberg, J R Stat Soc B 1995;57:289), in their order.
func Adjust(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out := make([]float64, len(p))
	least := 1.0
	for rank := len(order); rank > 0; rank-- {
		i := order[rank-1]
		least = min(least, p[i]*float64(len(p))/float64(rank))
		out[i] = least
	}
	return out
}
