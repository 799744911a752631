package learn

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// planted makes n samples over d binary features whose m outputs follow a known
// linear rule with an intercept.
func planted(n, d, m int, seed uint64) (x, y []Row, w []float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	w = make([]float64, (d+1)*m)
	for i := range w {
		w[i] = rng.NormFloat64()
	}
	for range n {
		var r, t Row
		out := append([]float64(nil), w[d*m:]...)
		for c := range d {
			if rng.Float64() < .3 {
				v := float32(1 + rng.Float64())
				r.Index, r.Value = append(r.Index, uint32(c)), append(r.Value, v)
				for j := range m {
					out[j] += float64(v) * w[c*m+j]
				}
			}
		}
		for j, v := range out {
			t.Index, t.Value = append(t.Index, uint32(j)), append(t.Value, float32(v))
		}
		x, y = append(x, r), append(y, t)
	}
	return x, y, w
}

func TestRidgeFindsThePlantedRule(t *testing.T) {
	x, y, w := planted(300, 20, 3, 1)
	r, err := FitRidge(x, y, 20, 3, 1e-6)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		for j := range 3 {
			if got := r.Weight(uint32(i), uint32(j)); math.Abs(float64(got)-w[i*3+j]) > 1e-3 {
				t.Errorf("weight %d,%d = %g, planted %g", i, j, got, w[i*3+j])
			}
		}
	}
	for j := range 3 {
		if math.Abs(float64(r.Bias[j])-w[60+j]) > 1e-3 {
			t.Errorf("bias %d = %g, planted %g", j, r.Bias[j], w[60+j])
		}
	}
}

func TestRidgePrimalAndDualAgree(t *testing.T) {
	x, y, _ := planted(40, 30, 4, 2)
	g := NewGram(30, 4)
	for i := range x {
		g.Add(x[i], y[i])
	}
	a, err := g.Solve(2.5)
	if err != nil {
		t.Fatal(err)
	}
	b, err := fitDual(x, y, 30, 4, 2.5)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.W {
		if math.Abs(float64(a.W[i]-b.W[i])) > 1e-5 {
			t.Fatalf("weight %d: primal %g, dual %g", i, a.W[i], b.W[i])
		}
	}
	for i := range a.Bias {
		if math.Abs(float64(a.Bias[i]-b.Bias[i])) > 1e-4 {
			t.Fatalf("bias %d: primal %g, dual %g", i, a.Bias[i], b.Bias[i])
		}
	}
}

func TestRidgeOutOfFoldIsThatOfRefitting(t *testing.T) {
	for _, n := range []int{60, 15} { // more samples than features, and fewer
		x, y, _ := planted(n, 20, 2, 3)
		fold := make([]int, n)
		for i := range fold {
			fold[i] = i % 3
		}
		got, err := RidgeOutOfFold(x, y, 20, 2, 1, fold)
		if err != nil {
			t.Fatal(err)
		}
		for f := range 3 {
			var tx, ty []Row
			for i := range x {
				if fold[i] != f {
					tx, ty = append(tx, x[i]), append(ty, y[i])
				}
			}
			r, err := FitRidge(tx, ty, 20, 2, 1)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]float32, 2)
			for i := range x {
				if fold[i] != f {
					continue
				}
				r.Predict(x[i], want)
				for j, v := range want {
					if math.Abs(float64(v-got[i*2+j])) > 1e-4 {
						t.Fatalf("n=%d sample %d output %d: %g, refitted %g", n, i, j, got[i*2+j], v)
					}
				}
			}
		}
	}
}

func TestRidgeIgnoresFeaturesItDoesNotKnow(t *testing.T) {
	x, y, _ := planted(50, 5, 1, 4)
	r, err := FitRidge(x, y, 5, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	a, b := []float32{0}, []float32{0}
	r.Predict(Row{Index: []uint32{1}}, a)
	r.Predict(Row{Index: []uint32{1, 99}}, b)
	if a[0] != b[0] {
		t.Errorf("with an unknown feature %g, without %g", b[0], a[0])
	}
}

func TestFitsRefuse(t *testing.T) {
	ok := []Row{{Index: []uint32{0}}}
	nan := []Row{{Index: []uint32{0}, Value: []float32{float32(math.NaN())}}}
	for name, err := range map[string]error{
		"no samples":      second(FitRidge(nil, nil, 1, 1, 1)),
		"unequal lengths": second(FitRidge(ok, nil, 1, 1, 1)),
		"no penalty":      second(FitRidge(ok, ok, 1, 1, 0)),
		"NaN penalty":     second(FitRidge(ok, ok, 1, 1, math.NaN())),
		"column too high": second(FitRidge([]Row{{Index: []uint32{3}}}, ok, 1, 1, 1)),
		"unordered":       second(FitRidge([]Row{{Index: []uint32{1, 0}}}, ok, 2, 1, 1)),
		"NaN value":       second(FitRidge(nan, ok, 1, 1, 1)),
		"EASE above cap":  second(FitEASE(ok, MaxEASE+1, 1)),
		"no shrinkage":    second(FitAssociation(ok, ok, 1, 1, 0, 1)),
		"logistic NaN":    second(FitLogistic([]float32{float32(math.NaN())}, 1, []float64{1}, nil, 1)),
		"logistic target": second(FitLogistic([]float32{1}, 1, []float64{2}, nil, 1)),
		"fold count":      second(RidgeOutOfFold(ok, ok, 1, 1, 1, nil)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestOutOfFoldNeverTrainsOnTheFold(t *testing.T) {
	fold := []int{0, 1, 2, 0, 1, 2, 2}
	seen := make([]bool, len(fold))
	err := OutOfFold(fold, func(train []int) (func(int), error) {
		in := make(map[int]bool)
		for _, i := range train {
			in[fold[i]] = true
		}
		return func(i int) {
			seen[i] = true
			if in[fold[i]] {
				t.Errorf("sample %d predicted by a model trained on its fold", i)
			}
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range seen {
		if !s {
			t.Errorf("sample %d not predicted", i)
		}
	}
	boom := errors.New("boom")
	if err := OutOfFold(fold, func([]int) (func(int), error) { return nil, boom }); !errors.Is(err, boom) {
		t.Errorf("error lost: %v", err)
	}
}

func TestEASEPutsPairsTogether(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var x []Row
	for range 400 { // items 2i and 2i+1 come together
		var r Row
		for p := range 5 {
			if rng.Float64() < .4 {
				r.Index = append(r.Index, uint32(2*p), uint32(2*p+1))
			}
		}
		x = append(x, r)
	}
	e, err := FitEASE(x, 10, 5)
	if err != nil {
		t.Fatal(err)
	}
	into := make([]float32, 10)
	e.Predict(Row{Index: []uint32{4}}, into)
	if got := Order(into)[0]; got != 5 {
		t.Errorf("item 4 alone suggests %d, want its partner 5: %v", got, into)
	}
	if into[4] != 0 {
		t.Errorf("an item suggests itself: %g", into[4])
	}
}

func TestLogisticFindsThePlantedRule(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	n := 20000
	x, y := make([]float32, 2*n), make([]float64, n)
	for i := range n {
		x[2*i], x[2*i+1] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
		if rng.Float64() < Sigmoid(1.5*float64(x[2*i])-.7*float64(x[2*i+1])-1) {
			y[i] = 1
		}
	}
	l, err := FitLogistic(x, 2, y, nil, 1e-3)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1.5, -.7, -1} {
		if got := append(l.W, l.Bias)[i]; math.Abs(got-want) > .08 {
			t.Errorf("coefficient %d = %g, planted %g", i, got, want)
		}
	}
	doubled := make([]float64, n)
	for i := range doubled {
		doubled[i] = 2
	}
	w, err := FitLogistic(x, 2, y, doubled, 2e-3)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(w.W[0]-l.W[0]) > 1e-6 {
		t.Errorf("doubling weights and penalty changed the fit: %g, %g", w.W[0], l.W[0])
	}
}

func TestLogisticStaysFiniteOnSeparableData(t *testing.T) {
	l, err := FitLogistic([]float32{-1, -2, 1, 2}, 1, []float64{0, 0, 1, 1}, nil, .1)
	if err != nil {
		t.Fatal(err)
	}
	if p := l.Probability([]float32{2}); !(p > .8 && p < 1) {
		t.Errorf("probability %g", p)
	}
}
