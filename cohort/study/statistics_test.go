package study

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"testing"

	"ember/cohort"
)

// reference is what bench/cohort/reference.py printed.
type reference struct {
	Versions map[string]string
	Survival []refCurve
	LogRank  []struct {
		Curves []refCurve
		Chi, P float64
	}
	Logistic []struct {
		X          [][]float64
		Y          []int
		Beta, SE   []float64
		Likelihood float64
	}
	Competing []struct {
		Days  []int32
		Cause []int // 1 the outcome, 2 death
		Steps [][7]float64
	}
	Differences []struct {
		A, B, Mean, Deviation, Quantiles []float64
		SMD                              float64
	}
}

type refCurve struct {
	Days   []int32
	Event  []int
	Steps  [][7]float64
	Median [3]float64
}

func (c refCurve) follows() []Follow {
	out := make([]Follow, len(c.Days))
	for i := range out {
		out[i] = Follow{Days: c.Days[i], Event: c.Event[i] == 1}
	}
	return out
}

func values(t *testing.T) (r reference) {
	t.Helper()
	b, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func close(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want))) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestKaplanMeier holds curves, intervals and medians to lifelines'.
func TestKaplanMeier(t *testing.T) {
	r := values(t)
	for _, c := range r.Survival {
		steps := KaplanMeier(c.follows())
		if len(steps) != len(c.Steps) {
			t.Fatalf("%d steps, lifelines %s has %d", len(steps), r.Versions["lifelines"], len(c.Steps))
		}
		for i, s := range steps {
			w := c.Steps[i]
			if float64(s.Day) != w[0] || float64(s.AtRisk) != w[1] || float64(s.Events) != w[2] || float64(s.Censored) != w[3] {
				t.Errorf("%+v, want %v", s, w)
			}
			close(t, "survival", s.Survival, w[4], 1e-12)
			close(t, "low", s.Low, w[5], 1e-9)
			close(t, "high", s.High, w[6], 1e-9)
		}
		m, low, high := Median(steps)
		if got := [3]float64{float64(m), float64(low), float64(high)}; got != c.Median {
			t.Errorf("median %v, want %v", got, c.Median)
		}
	}
}

// TestLogRank holds the test, of two and of more groups, to lifelines'.
func TestLogRank(t *testing.T) {
	r := values(t)
	for _, c := range r.LogRank {
		var groups [][]Follow
		for _, g := range c.Curves {
			groups = append(groups, g.follows())
		}
		got := LogRank(groups)
		close(t, "chi square", got.ChiSquare, c.Chi, 1e-9)
		close(t, "p", got.P, c.P, 1e-9)
		// The order of the groups does not matter.
		slices.Reverse(groups)
		close(t, "chi square, reversed", LogRank(groups).ChiSquare, c.Chi, 1e-9)
		sum := 0.
		for i := range got.Observed {
			sum += float64(got.Observed[i]) - got.Expected[i]
		}
		close(t, "observed less expected", sum, 0, 1e-9)
	}
	for name, groups := range map[string][][]Follow{"one group": {{{Days: 3, Event: true}}}, "no events": {{{Days: 3}}, {{Days: 4}}}, "nobody": {{}, {}}} {
		if got := LogRank(groups); !math.IsNaN(got.P) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestKaplanMeierIsTheProduct compares curves with a plain computation for each day.
func TestKaplanMeierIsTheProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		var follows []Follow
		for range 1 + rng.IntN(60) {
			follows = append(follows, Follow{Days: rng.Int32N(30), Event: rng.IntN(2) == 0})
		}
		for _, s := range KaplanMeier(follows) {
			want := 1.
			for day := int32(0); day <= s.Day; day++ {
				risk, events := 0., 0.
				for _, f := range follows {
					if f.Days >= day {
						risk++
					}
					if f.Days == day && f.Event {
						events++
					}
				}
				if risk > 0 {
					want *= 1 - events/risk
				}
			}
			close(t, "survival", s.Survival, want, 1e-12)
			if s.Low > s.Survival+1e-12 || s.High < s.Survival-1e-12 {
				t.Errorf("%+v", s)
			}
		}
	}
}

// TestLogistic holds coefficients and errors to statsmodels'.
func TestLogistic(t *testing.T) {
	for _, c := range values(t).Logistic {
		y := make([]bool, len(c.Y))
		for i := range y {
			y[i] = c.Y[i] == 1
		}
		f, err := Logistic(c.X, y)
		if err != nil {
			t.Fatal(err)
		}
		for j := range c.Beta {
			close(t, "coefficient", f.Beta[j], c.Beta[j], 1e-7)
			close(t, "error", f.Errors[j], c.SE[j], 1e-6)
		}
		close(t, "likelihood", f.Likelihood, c.Likelihood, 1e-10)
		// A column that says nothing changes nothing.
		for i := range c.X {
			c.X[i] = append(c.X[i], 7)
		}
		g, err := Logistic(c.X, y)
		if err != nil || g.Beta[len(g.Beta)-1] != 0 {
			t.Errorf("%v %v", g, err)
		}
		close(t, "coefficient", g.Beta[1], c.Beta[1], 1e-7)
	}
	for name, c := range map[string]struct {
		x [][]float64
		y []bool
	}{"separated": {[][]float64{{1}, {2}, {3}, {4}}, []bool{false, false, true, true}}, "nobody": {}, "twice": {[][]float64{{1, 2}, {2, 4}, {3, 6}, {4, 8}, {5, 10}}, []bool{false, true, false, true, true}}} {
		if f, err := Logistic(c.x, c.y); err == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// TestDescribe holds means, deviations, quantiles and differences to NumPy's and statsmodels'.
func TestDescribe(t *testing.T) {
	for _, c := range values(t).Differences {
		ma, sa := moments(c.A)
		mb, sb := moments(c.B)
		close(t, "mean", ma, c.Mean[0], 1e-12)
		close(t, "mean", mb, c.Mean[1], 1e-12)
		close(t, "deviation", sa, c.Deviation[0], 1e-12)
		close(t, "deviation", sb, c.Deviation[1], 1e-12)
		close(t, "difference", Standardised(ma, sa, mb, sb), c.SMD, 1e-12)
		sort.Float64s(c.A)
		for i, p := range []float64{.05, .1, .25, .5, .75, .9, .95} {
			close(t, "quantile", quantile(c.A, p), c.Quantiles[i], 1e-12)
		}
	}
}

// TestPairs compares with looking through all controls for each case.
func TestPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		unit := func(ord int) Unit {
			u := Unit{uint32(ord), rng.IntN(2), 40 + rng.IntN(20), float64(rng.IntN(40)) / 4}
			if rng.IntN(10) == 0 {
				u.Age = -1
			}
			return u
		}
		var cases, controls []Unit
		for i := range 1 + rng.IntN(20) {
			cases = append(cases, unit(i))
		}
		for i := range rng.IntN(60) {
			controls = append(controls, unit(100+i))
		}
		ratio, years, width := 1+rng.IntN(3), rng.IntN(6), float64(rng.IntN(8))/4
		got := Pairs(cases, controls, ratio, years, width)
		seen := map[uint32]bool{}
		byOrd := map[uint32]Unit{}
		for _, u := range slices.Concat(cases, controls) {
			byOrd[u.Ord] = u
		}
		fits := func(a, b Unit) bool {
			return a.Stratum == b.Stratum && math.Abs(a.Logit-b.Logit) <= width+1e-12 && (a.Age == b.Age || a.Age >= 0 && b.Age >= 0 && max(a.Age-b.Age, b.Age-a.Age) <= years)
		}
		for _, p := range got {
			for _, c := range p.Controls {
				if seen[c] || !fits(byOrd[p.Case], byOrd[c]) {
					t.Fatalf("%+v", p)
				}
				seen[c] = true
			}
		}
		want := naivePairs(cases, controls, ratio, fits)
		total := 0.
		for _, p := range got {
			for _, c := range p.Controls {
				total += math.Abs(byOrd[p.Case].Logit - byOrd[c].Logit)
			}
		}
		if math.Abs(total-want) > 1e-9 {
			t.Fatalf("distance %v, want %v", total, want)
		}
	}
}

// naivePairs is the sum of distances that looking through all controls gives.
func naivePairs(cases, controls []Unit, ratio int, fits func(a, b Unit) bool) (total float64) {
	cases = slices.Clone(cases)
	sort.SliceStable(cases, func(i, j int) bool { return cases[i].Logit > cases[j].Logit })
	taken, have := map[uint32]bool{}, map[uint32]int{}
	for round := range ratio {
		for _, c := range cases {
			best, least := -1, math.Inf(1)
			for i, u := range controls {
				d := math.Abs(u.Logit - c.Logit)
				if taken[u.Ord] || !fits(c, u) || d > least {
					continue
				}
				if d < least || nearer(u, controls[best], c) {
					best, least = i, d
				}
			}
			if best < 0 || have[c.Ord] != round {
				continue
			}
			taken[controls[best].Ord] = true
			have[c.Ord]++
			total += least
		}
	}
	return total
}

// nearer says which of two equally near controls comes first: the one above, there the
// lower ordinal, below the higher.
func nearer(u, than, c Unit) bool {
	above, was := u.Logit >= c.Logit, than.Logit >= c.Logit
	switch {
	case above != was:
		return above
	case above:
		return u.Ord < than.Ord
	}
	return u.Ord > than.Ord
}

// TestTheIntervalBetweenPoints: it is as wide as that of the whole curve, from the first
// event on, and not narrower because the curve begins with certainty.
func TestTheIntervalBetweenPoints(t *testing.T) {
	for _, every := range []int{2, 4, 9} {
		var follows []Follow
		for i := range 400 {
			follows = append(follows, Follow{Days: int32(1 + i*5), Event: i%every == every-1})
		}
		steps := KaplanMeier(follows)
		var c Curve
		c.tell(steps, cohort.Cells{})
		looked := 0
		for _, s := range steps {
			told := c.at(s.Day)
			if told == nil || s.Survival == 1 {
				continue
			}
			looked++
			if is, said := s.High-s.Low, told.High-told.Low; math.Abs(told.Low-s.Low) > .02 || math.Abs(told.High-s.High) > .02 || said < .7*is-.003 {
				t.Errorf("every %d, day %d: told [%g, %g], is [%g, %g]", every, s.Day, told.Low, told.High, s.Low, s.High)
			}
		}
		if looked < 100 {
			t.Errorf("every %d: only %d days", every, looked)
		}
	}
}
