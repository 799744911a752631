package learn

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// Estimate is a value with its 95 % interval from N samples.
type Estimate struct {
	Value, Low, High float64
	N                int
}

// Excludes reports whether the interval lies on one side of v: a difference is a
// win only when it excludes 0.
func (e Estimate) Excludes(v float64) bool { return e.N > 0 && (e.Low > v || e.High < v) }

// String is the value with its interval, to three decimals.
func (e Estimate) String() string { return fmt.Sprintf("%.3f [%.3f, %.3f]", e.Value, e.Low, e.High) }

// Mean is the mean of a with a percentile interval from reps bootstrap
// resamples of groups (patients), all samples of a drawn group together.
func Mean(a []float64, group []int, reps int, seed uint64) Estimate {
	e, _ := bootstrap(a, group, reps, seed)
	return e
}

// Diff is the mean of a-b, sample by sample, with its interval as in [Mean].
func Diff(a, b []float64, group []int, reps int, seed uint64) Estimate {
	e, _ := DiffP(a, b, group, reps, seed)
	return e
}

// DiffP is [Diff] and the two-sided bootstrap p-value of no difference, which is
// never below 2/(reps+1).
func DiffP(a, b []float64, group []int, reps int, seed uint64) (e Estimate, p float64) {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return bootstrap(d, group, reps, seed)
}

func bootstrap(v []float64, group []int, reps int, seed uint64) (Estimate, float64) {
	if len(v) == 0 {
		return Estimate{}, 1
	}
	sum, count := bySum(v, group)
	var s, n float64
	for g := range sum {
		s, n = s+sum[g], n+count[g]
	}
	e := Estimate{Value: s / n, Low: s / n, High: s / n, N: len(v)}
	if reps <= 0 {
		return e, 1
	}
	rng := rand.New(rand.NewPCG(seed, 0x626f6f74))
	means := make([]float64, reps)
	below, above := 1, 1
	for r := range means {
		var s, n float64
		for range sum {
			g := rng.IntN(len(sum))
			s, n = s+sum[g], n+count[g]
		}
		means[r] = s / n
		if means[r] <= 0 {
			below++
		}
		if means[r] >= 0 {
			above++
		}
	}
	slices.Sort(means)
	e.Low, e.High = quantile(means, .025), quantile(means, .975)
	return e, min(1, 2*float64(min(below, above))/float64(reps+1))
}

// bySum sums values by group, in the order in which groups appear.
func bySum(v []float64, group []int) (sum, count []float64) {
	at := make(map[int]int)
	for i, x := range v {
		k, ok := at[group[i]]
		if !ok {
			k = len(sum)
			at[group[i]] = k
			sum, count = append(sum, 0), append(count, 0)
		}
		sum[k] += x
		count[k]++
	}
	return sum, count
}

// quantile interpolates between the order statistics of sorted values.
func quantile(sorted []float64, q float64) float64 {
	x := q * float64(len(sorted)-1)
	i := int(x)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (x-float64(i))*(sorted[i+1]-sorted[i])
}

// Holm adjusts p-values for their number (Holm 1979): reject where the adjusted
// value is at most the level. The order of p is kept.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out := make([]float64, len(p))
	top := 0.
	for k, i := range order {
		top = max(top, min(1, p[i]*float64(len(p)-k)))
		out[i] = top
	}
	return out
}
