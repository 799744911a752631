package study

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Follow is how long a patient was followed, in days, and whether that ended with the
// outcome, or else with a death that competes with it. To [KaplanMeier] and [LogRank] such a
// death is as leaving.
type Follow struct {
	Days  int32
	Event bool
	Died  bool
}

// Step is a day of a survival curve on which somebody had the outcome or left.
type Step struct {
	Day      int32
	AtRisk   int // just before
	Events   int
	Censored int
	// Survival is Kaplan and Meier's estimate (JASA 1958;53:457) after the day, Low and
	// High its 95 % interval by Greenwood's variance and the transformation
	// log(-log(S)); they are the estimate itself where it is 1 or 0.
	Survival, Low, High float64
}

// KaplanMeier is the survival curve of some patients: who leaves on a day was at risk of
// its events.
func KaplanMeier(follows []Follow) []Step {
	sorted := slices.Clone(follows)
	slices.SortFunc(sorted, func(a, b Follow) int { return int(a.Days) - int(b.Days) })
	var steps []Step
	survival, variance := 1., 0.
	for i := 0; i < len(sorted); {
		s := Step{Day: sorted[i].Days, AtRisk: len(sorted) - i}
		for ; i < len(sorted) && sorted[i].Days == s.Day; i++ {
			if sorted[i].Event {
				s.Events++
			} else {
				s.Censored++
			}
		}
		n, d := float64(s.AtRisk), float64(s.Events)
		survival *= (n - d) / n
		variance += d / (n * (n - d))
		s.Survival = survival
		s.Low, s.High = logLog(survival, variance)
		steps = append(steps, s)
	}
	return steps
}

// z975 is where 97.5 % of the normal distribution lie below.
const z975 = 1.959963984540054

func logLog(survival, variance float64) (low, high float64) {
	if survival <= 0 || survival >= 1 {
		return survival, survival
	}
	w := z975 * math.Sqrt(variance) / math.Log(survival)
	return math.Pow(survival, math.Exp(-w)), math.Pow(survival, math.Exp(w))
}

// Median is the first day on which survival is half or less, with the days on which the
// ends of the interval are (Brookmeyer and Crowley, Biometrics 1982;38:29). What is never
// reached is -1.
func Median(steps []Step) (median, low, high int32) {
	first := func(of func(*Step) float64) int32 {
		for i := range steps {
			if of(&steps[i]) <= .5 {
				return steps[i].Day
			}
		}
		return -1
	}
	return first(func(s *Step) float64 { return s.Survival }), first(func(s *Step) float64 { return s.Low }), first(func(s *Step) float64 { return s.High })
}

// Test is a test of whether groups differ.
type Test struct {
	ChiSquare float64
	Freedom   int
	P         float64
	Observed  []int     // events by group
	Expected  []float64 // events by group, if they did not differ
}

// LogRank tests whether groups have the same survival (Mantel 1966; Peto and Peto 1972).
// It is all NaN where nothing can be compared.
func LogRank(groups [][]Follow) Test {
	k := len(groups)
	t := Test{Freedom: k - 1, Observed: make([]int, k), Expected: make([]float64, k)}
	type end struct {
		Follow
		group int
	}
	var all []end
	risk := make([]float64, k)
	for g, list := range groups {
		risk[g] = float64(len(list))
		for _, f := range list {
			all = append(all, end{f, g})
		}
	}
	slices.SortFunc(all, func(a, b end) int { return int(a.Days) - int(b.Days) })
	variance := mat.NewSymDense(max(k-1, 1), nil)
	events, left := make([]float64, k), make([]float64, k)
	n := float64(len(all))
	for i := 0; i < len(all); {
		clear(events)
		clear(left)
		d := 0.
		for day := all[i].Days; i < len(all) && all[i].Days == day; i++ {
			left[all[i].group]++
			if all[i].Event {
				events[all[i].group]++
				d++
			}
		}
		if d > 0 {
			for g := range k {
				t.Observed[g] += int(events[g])
				t.Expected[g] += d * risk[g] / n
			}
			if n > 1 {
				hypergeometric(variance, risk, d, n)
			}
		}
		for g := range k {
			risk[g] -= left[g]
			n -= left[g]
		}
	}
	t.ChiSquare = quadratic(variance, t.Observed, t.Expected)
	t.P = math.NaN()
	if !math.IsNaN(t.ChiSquare) {
		t.P = distuv.ChiSquared{K: float64(t.Freedom)}.Survival(t.ChiSquare)
	}
	return t
}

// hypergeometric adds the covariance of the events of one day, of all groups but the last.
func hypergeometric(variance *mat.SymDense, risk []float64, d, n float64) {
	factor := d * (n - d) / (n - 1)
	for g := range len(risk) - 1 {
		for h := g; h < len(risk)-1; h++ {
			v := -risk[g] / n * risk[h] / n
			if g == h {
				v += risk[g] / n
			}
			variance.SetSym(g, h, variance.At(g, h)+factor*v)
		}
	}
}

// quadratic is (O-E)' V^-1 (O-E) of all groups but the last; NaN where V has no inverse.
func quadratic(variance *mat.SymDense, observed []int, expected []float64) float64 {
	k := len(observed) - 1
	if k < 1 {
		return math.NaN()
	}
	diff := mat.NewVecDense(k, nil)
	for g := range k {
		diff.SetVec(g, float64(observed[g])-expected[g])
	}
	var chol mat.Cholesky
	if !chol.Factorize(variance) {
		return math.NaN()
	}
	var x mat.VecDense
	if err := chol.SolveVecTo(&x, diff); err != nil {
		return math.NaN()
	}
	return mat.Dot(diff, &x)
}
