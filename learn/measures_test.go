package learn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s = %.9f, want %.9f", what, got, want)
	}
}

// Values computed by hand: order is 1,3,0,2 and items 3 and 2 are relevant; one
// more could not be ranked.
func TestRankingByHand(t *testing.T) {
	r := NewRanking([]float32{.2, .9, .1, .5}, []uint32{2, 3}, 1)
	near(t, "AP", r.AveragePrecision(), (1./2+2./4)/3)
	near(t, "P@2", r.Precision(2), .5)
	near(t, "P@10", r.Precision(10), .2)
	near(t, "R@2", r.Recall(2), 1./3)
	near(t, "R@4", r.Recall(4), 2./3)
	near(t, "MRR", r.ReciprocalRank(), .5)
	ideal := 1 + 1/math.Log2(3) + 1/math.Log2(4)
	near(t, "NDCG@4", r.NDCG(4), (1/math.Log2(3)+1/math.Log2(5))/ideal)
	w, missed := InverseFrequency([]int{0, 0, 9, 0})
	near(t, "weighted recall", r.WeightedRecall(2, w, missed), 1/(1+.1+1))
}

func TestRankingTiesGoByIndex(t *testing.T) {
	same := []float32{1, 1, 1, float32(math.NaN())}
	for i, want := range []int{1, 2, 3, 4} {
		if got := NewRanking(same, []uint32{uint32(i)}, 0).Hits[0].Rank; got != want {
			t.Errorf("item %d has rank %d, want %d", i, got, want)
		}
	}
	if got := Order(same); !slices.Equal(got, []int{0, 1, 2, 3}) {
		t.Errorf("order %v", got)
	}
}

func TestRankingAgreesWithOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		scores := make([]float32, 1+rng.IntN(30))
		for i := range scores {
			scores[i] = float32(rng.IntN(6))
		}
		order := Order(scores)
		i := rng.IntN(len(scores))
		if got, want := NewRanking(scores, []uint32{uint32(i)}, 0).Hits[0].Rank, slices.Index(order, i)+1; got != want {
			t.Fatalf("%v: item %d has rank %d, order says %d", scores, i, got, want)
		}
	}
}

func TestRankingOfNothing(t *testing.T) {
	r := NewRanking([]float32{1}, nil, 0)
	for name, v := range map[string]float64{"AP": r.AveragePrecision(), "recall": r.Recall(5), "NDCG": r.NDCG(5), "RR": r.ReciprocalRank()} {
		near(t, name, v, 0)
	}
}

func TestDecide(t *testing.T) {
	scores := []float32{.9, .4, .6, .1}
	c := Decide(scores, []uint32{0, 1}, 1, .5)
	if (c != Confusion{TP: 1, FP: 1, FN: 2}) {
		t.Errorf("%+v", c)
	}
	near(t, "Jaccard", c.Jaccard(), .25)
	near(t, "F1", c.F1(), 2./5)
	near(t, "nothing to find, nothing chosen", Confusion{}.Jaccard(), 1)
	best, mean := BestThreshold([]float32{.05, .3, .5, .95}, 1, func(_ int, at float32) Confusion {
		return Decide(scores, []uint32{0, 1}, 0, at)
	}, Confusion.Jaccard)
	if best != .3 || math.Abs(mean-2./3) > 1e-9 {
		t.Errorf("best threshold %g with %g", best, mean)
	}
}

func TestAUROC(t *testing.T) {
	a, _ := AUROC([]float32{.1, .4, .35, .8}, []bool{false, false, true, true})
	near(t, "AUROC", a, .75)
	a, _ = AUROC([]float32{1, 1, 1}, []bool{true, false, false})
	near(t, "all tied", a, .5)
	if _, ok := AUROC([]float32{1, 2}, []bool{true, true}); ok {
		t.Error("an area without negatives")
	}
	m, n := MacroAUROC([]float32{.1, 5, .9, 5}, []bool{false, true, true, true}, 2)
	if near(t, "macro", m, 1); n != 1 {
		t.Errorf("%d outputs counted, want 1", n)
	}
}

func TestCalibrationRecoversProbabilities(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	shapes := map[string]func(float64) float64{
		"platt":    func(s float64) float64 { return Sigmoid(2*s - 1) },
		"isotonic": func(s float64) float64 { return .05 + .9*math.Floor(min(max(s+2, 0), 3.99))/4 },
	}
	for want, truth := range shapes {
		n := 20000
		scores, labels, fold := make([]float64, n), make([]bool, n), make([]int, n)
		for i := range n {
			scores[i] = rng.NormFloat64()
			labels[i] = rng.Float64() < truth(scores[i])
			fold[i] = i % 5
		}
		c, err := ChooseCalibration(scores, labels, fold)
		if err != nil {
			t.Fatal(err)
		}
		if c.Kind != want {
			t.Errorf("chose %s for data made for %s", c.Kind, want)
		}
		p, last := make([]float64, n), 0.
		for i := range n {
			scores[i] = rng.NormFloat64()
			labels[i] = rng.Float64() < truth(scores[i])
			p[i] = c.Probability(scores[i])
		}
		if e := ECE(p, labels, 15, -1); e > .04 {
			t.Errorf("%s: calibration error %g on fresh data", want, e)
		}
		for s := -6.; s < 6; s += .01 {
			if v := c.Probability(s); v < last || v <= 0 || v >= 1 {
				t.Fatalf("%s: probability %g at %g after %g", want, v, s, last)
			} else {
				last = v
			}
		}
	}
}

func TestCalibrationEdges(t *testing.T) {
	if _, err := FitPlatt(nil, nil); err == nil {
		t.Error("no samples: no error")
	}
	if _, err := FitIsotonic([]float64{math.Inf(1)}, []bool{true}); err == nil {
		t.Error("infinite score: no error")
	}
	c, err := FitPlatt([]float64{1, 2, 3, 4}, []bool{true, true, false, false})
	if err != nil || c.A != 0 {
		t.Errorf("a score that points the wrong way: %+v, %v", c, err)
	}
	for _, fit := range []func([]float64, []bool) (Calibration, error){FitPlatt, FitIsotonic} {
		c, err := fit([]float64{1, 1, 1}, []bool{true, true, true})
		if p := c.Probability(1); err != nil || !(p > .5 && p <= 1) {
			t.Errorf("one class, one score: %g, %v", p, err)
		}
	}
}

func TestBrierAndECEByHand(t *testing.T) {
	p, l := []float64{.9, .8, .3, .01}, []bool{true, false, false, false}
	near(t, "Brier", Brier(p, l), (.01+.64+.09+.0001)/4)
	near(t, "ECE", ECE(p, l, 2, -1), (math.Abs(1.7-1)+.31)/4)
	near(t, "ECE above .05", ECE(p, l, 2, .05), (math.Abs(1.7-1)+.3)/3)
}

func TestBootstrapCoversAndKeepsGroupsTogether(t *testing.T) {
	covered := 0
	for trial := range 200 {
		rng := rand.New(rand.NewPCG(uint64(trial), 3))
		var v []float64
		var g []int
		for p := range 60 { // samples of one patient are alike
			level := rng.NormFloat64()
			for range 1 + rng.IntN(4) {
				v, g = append(v, .3+level+.1*rng.NormFloat64()), append(g, p)
			}
		}
		if e := Mean(v, g, 400, 7); e.Low <= .3 && .3 <= e.High {
			covered++
		}
	}
	if covered < 175 || covered > 199 {
		t.Errorf("95%% intervals cover %d of 200", covered)
	}
}

func TestDiffIsPairedAndDeterministic(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	a, b, g := make([]float64, 300), make([]float64, 300), make([]int, 300)
	for i := range a {
		b[i] = 10 * rng.NormFloat64()
		a[i] = b[i] + .05 + .1*rng.NormFloat64()
		g[i] = i
	}
	e, p := DiffP(a, b, g, 1000, 1)
	if !e.Excludes(0) || p > .01 || e.Low > e.Value || e.High < e.Value || e.N != 300 {
		t.Errorf("a paired gain of .05 is not seen: %v p=%g", e, p)
	}
	if again := Diff(a, b, g, 1000, 1); again != e {
		t.Errorf("same seed, %v and %v", e, again)
	}
	if _, p := DiffP(a, a, g, 1000, 1); p != 1 {
		t.Errorf("no difference: p=%g", p)
	}
	if e := Diff(nil, nil, nil, 10, 1); e.N != 0 || e.Excludes(0) {
		t.Errorf("nothing: %v", e)
	}
}

func TestHolm(t *testing.T) {
	got := Holm([]float64{.01, .04, .03})
	for i, want := range []float64{.03, .06, .06} {
		near(t, fmt.Sprint("p ", i), got[i], want)
	}
}

func TestFoldIsFixedAndInProportion(t *testing.T) {
	var n [4]int
	for i := range 20000 {
		n[Fold(fmt.Sprintf("patient-%d", i))]++
	}
	for p, want := range map[Part]float64{Train: .7, Validation: .1, Test: .2} {
		if got := float64(n[p]) / 20000; math.Abs(got-want) > .01 {
			t.Errorf("%v: %g", p, got)
		}
	}
	// Test ids are frozen: these (computed with another SHA-256) must never change.
	for id, want := range map[string]Part{"1": Train, "2": Train, "patient-0": Validation, "e": Test} {
		if Fold(id) != want {
			t.Errorf("%s moved", id)
		}
	}
}

func TestKFoldKeepsGroupsAndBalance(t *testing.T) {
	var groups []string
	for g := range 40 {
		for range 1 + g%7 {
			groups = append(groups, fmt.Sprint("g", g))
		}
	}
	fold := KFold(groups, 5)
	of, size := map[string]int{}, make([]int, 5)
	for i, g := range groups {
		if f, ok := of[g]; ok && f != fold[i] {
			t.Fatalf("group %s in folds %d and %d", g, f, fold[i])
		}
		of[g] = fold[i]
		size[fold[i]]++
	}
	if slices.Max(size)-slices.Min(size) > 7 {
		t.Errorf("sizes %v", size)
	}
	reversed := slices.Clone(groups)
	slices.Reverse(reversed)
	for i, f := range KFold(reversed, 5) {
		if of[reversed[i]] != f {
			t.Fatal("the order of samples matters")
		}
	}
}

func TestConformalCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	hit, n := 0, 0
	for range 400 {
		cal := make([]float64, 99)
		for i := range cal {
			cal[i] = rng.NormFloat64()
		}
		q := ConformalQuantile(cal, .1)
		for range 20 {
			n++
			if rng.NormFloat64() <= q {
				hit++
			}
		}
	}
	if got := float64(hit) / float64(n); math.Abs(got-.9) > .01 {
		t.Errorf("coverage %g, want .9", got)
	}
	if !math.IsInf(ConformalQuantile(make([]float64, 5), .1), 1) {
		t.Error("five samples cannot promise 90 %")
	}
}

func TestAssociationShrinksAndRanks(t *testing.T) {
	var x, y []Row
	for i := range 200 { // input 0 brings output 0 nearly always; input 1 was seen once
		in, out := Row{}, Row{Index: []uint32{1}}
		if i < 50 {
			in = Row{Index: []uint32{0}}
			out = Row{Index: []uint32{0, 1}}
		}
		if i == 60 {
			in, out = Row{Index: []uint32{1}}, Row{Index: []uint32{0, 1}}
		}
		x, y = append(x, in), append(y, out)
	}
	a, err := FitAssociation(x, y, 2, 3, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	p := 51.5 / 201
	near(t, "ratio", math.Round(float64(a.Of(0, 0))*1e5), math.Round(math.Log((50+5*p)/(55*p))*1e5))
	if a.Of(1, 0) >= a.Of(0, 0) || a.Of(1, 0) <= 0 {
		t.Errorf("one case counts %g, fifty %g", a.Of(1, 0), a.Of(0, 0))
	}
	if a.Of(0, 2) != a.Absent[0] || a.Absent[0] >= a.Absent[1] {
		t.Errorf("never seen in 50: %g, in 1: %g", a.Absent[0], a.Absent[1])
	}
	into := make([]float32, 3)
	a.Predict(Row{Index: []uint32{0, 7}}, into)
	for j, got := range into {
		if want := a.Prior[j] + a.Of(0, uint32(j)); math.Abs(float64(got-want)) > 1e-5 {
			t.Errorf("output %d: %g, want %g", j, got, want)
		}
	}
	a.Predict(Row{}, into)
	if !slices.Equal(into, a.Prior) {
		t.Errorf("nothing known: %v", into)
	}
}

func TestNeighboursAreThoseOfBruteForce(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	rows := make([]Row, 120)
	for i := range rows {
		for c := range 40 {
			if rng.Float64() < .2 {
				rows[i].Index = append(rows[i].Index, uint32(c))
				rows[i].Value = append(rows[i].Value, rng.Float32())
			}
		}
	}
	nb, err := NewNeighbours(rows, 40)
	if err != nil {
		t.Fatal(err)
	}
	dense := func(r Row) []float64 {
		v, s := make([]float64, 40), 0.
		for k, c := range r.Index {
			v[c] = r.At(k) * float64(nb.idf[c])
			s += v[c] * v[c]
		}
		for c := range v {
			v[c] /= math.Sqrt(max(s, 1e-30))
		}
		return v
	}
	for q := range 20 {
		scores := make([]float32, len(rows))
		a := dense(rows[q])
		for i := range rows {
			for c, v := range dense(rows[i]) {
				scores[i] += float32(a[c] * v)
			}
		}
		got := nb.Nearest(rows[q], 10, func(i int) bool { return i == q })
		scores[q] = -1
		for k, i := range Order(scores)[:10] {
			if math.Abs(float64(got[k].Similarity-scores[i])) > 1e-5 {
				t.Fatalf("query %d, place %d: %v, brute force %d %g", q, k, got[k], i, scores[i])
			}
		}
	}
	if got := nb.Nearest(Row{Index: []uint32{77}}, 3, nil); len(got) != 0 {
		t.Errorf("an unknown column has neighbours: %v", got)
	}
}

func ExampleDiff() {
	ours, theirs := []float64{.8, .6, .9, .7}, []float64{.5, .5, .6, .6}
	patients := []int{1, 1, 2, 3}
	fmt.Println(Diff(ours, theirs, patients, 1000, 42))
	// Output: 0.200 [0.100, 0.300]
}
