package learn

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

// blobs are samples of m classes, each class with its own few columns among d.
func blobs(n, d, m int, noise float64, seed uint64) (x []Row, y [][]int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range n {
		c := rng.IntN(m)
		r := Row{}
		for f := range d {
			switch {
			case f%m == c && rng.Float64() < .5, rng.Float64() < noise:
				r.Index, r.Value = append(r.Index, uint32(f)), append(r.Value, 1)
			}
		}
		x, y = append(x, r), append(y, []int{c})
	}
	return x, y
}

func hits(l *Linear, x []Row, y [][]int) float64 {
	s := make([]float32, l.Out)
	right := 0
	for i, r := range x {
		l.Predict(r, s)
		best := 0
		for c := range s {
			if s[c] > s[best] {
				best = c
			}
		}
		if best == y[i][0] {
			right++
		}
	}
	return float64(right) / float64(len(x))
}

func TestSVMFindsClassesWhateverTheThreads(t *testing.T) {
	x, y := blobs(600, 60, 5, .05, 1)
	vx, vy := blobs(300, 60, 5, .05, 2)
	one, err := FitSVM(context.Background(), x, 60, y, 5, SVM{Threads: 1, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	four, err := FitSVM(context.Background(), x, 60, y, 5, SVM{Threads: 4, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one, four) {
		t.Error("the number of threads changed the fit")
	}
	if got := hits(one, vx, vy); got < .95 {
		t.Errorf("right on %.2f of new samples", got)
	}
	if err := one.Check(); err != nil {
		t.Error(err)
	}
}

// TestSVMIsOptimal compares the primal objective with that after moves away from
// the solution, which convexity says must be higher.
func TestSVMIsOptimal(t *testing.T) {
	x, y := blobs(200, 20, 2, .2, 4)
	l, err := FitSVM(context.Background(), x, 20, y, 2, SVM{Tolerance: 1e-4, Passes: 2000})
	if err != nil {
		t.Fatal(err)
	}
	objective := func(l *Linear) float64 {
		s := make([]float32, 2)
		o := float64(l.Bias[0]) * float64(l.Bias[0]) / 2
		for k, w := range l.W {
			if l.Class[k] == 0 {
				o += float64(w) * float64(w) / 2
			}
		}
		for i, r := range x {
			l.Predict(r, s)
			sign := float64(1 - 2*y[i][0])
			o += math.Pow(max(0, 1-sign*float64(s[0])), 2)
		}
		return o
	}
	at := objective(l)
	for k := range l.W {
		if l.Class[k] != 0 {
			continue
		}
		for _, step := range []float32{.05, -.05} {
			l.W[k] += step
			if moved := objective(l); moved < at-1e-4*at {
				t.Errorf("weight %d moved by %g lowers the objective from %g to %g", k, step, at, moved)
			}
			l.W[k] -= step
		}
	}
}

func TestSVMTakesSeveralClassesAndWeights(t *testing.T) {
	x := []Row{{Index: []uint32{0}}, {Index: []uint32{1}}, {Index: []uint32{0, 1}}, {}}
	y := [][]int{{0}, {1}, {0, 1}, {}}
	l, err := FitSVM(context.Background(), x, 2, y, 2, SVM{C: 100})
	if err != nil {
		t.Fatal(err)
	}
	s := make([]float32, 2)
	for i, r := range x {
		l.Predict(r, s)
		for c := range s {
			if member := len(y[i]) == 2 || len(y[i]) == 1 && y[i][0] == c; member != (s[c] > 0) {
				t.Errorf("sample %d, class %d: score %g", i, c, s[c])
			}
		}
	}
	if _, err := FitSVM(context.Background(), x, 2, y, 2, SVM{Weight: []float64{1}}); err == nil {
		t.Error("weights for one of four samples accepted")
	}
	if _, err := FitSVM(context.Background(), x, 1, y, 2, SVM{}); err == nil {
		t.Error("a column outside accepted")
	}
}

func TestSoftmaxAgreesWithNewton(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var x []Row
	var of [][]int
	var dense []float32
	var target []float64
	for range 400 {
		a, b := float32(rng.NormFloat64()), float32(rng.NormFloat64())
		c := 0
		if rng.Float64() < Sigmoid(float64(a-2*b)) {
			c = 1
		}
		x = append(x, Row{Index: []uint32{0, 1}, Value: []float32{a, b}})
		of, dense, target = append(of, []int{c}), append(dense, a, b), append(target, float64(c))
	}
	got, err := FitSoftmax(context.Background(), x, 2, Labels{Of: of, Classes: 2, Exclusive: true}, Softmaxing{L2: 1, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	want, err := FitLogistic(dense, 2, target, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	for k, w := range want.W {
		if math.Abs(float64(got.W[k])-w) > 5e-3 {
			t.Errorf("weight %d is %g, Newton's %g", k, got.W[k], w)
		}
	}
}

func TestSoftmaxOfManyClasses(t *testing.T) {
	x, y := blobs(800, 40, 4, .05, 5)
	vx, vy := blobs(300, 40, 4, .05, 6)
	for _, exclusive := range []bool{true, false} {
		l, err := FitSoftmax(context.Background(), x, 40, Labels{Of: y, Classes: 4, Exclusive: exclusive}, Softmaxing{})
		if err != nil {
			t.Fatal(err)
		}
		if got := hits(l, vx, vy); got < .93 {
			t.Errorf("exclusive %v: right on %.2f", exclusive, got)
		}
	}
}

// rings is a problem that no line solves: the class is whether two numbers have
// the same sign, and a third of the values of another are missing.
func rings(n int, seed uint64) (columns [][]float32, of [][]int) {
	rng := rand.New(rand.NewPCG(seed, 7))
	columns = make([][]float32, 4)
	for range n {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		c := 0
		if a*b > 0 {
			c = 1
		}
		hint := float32(c)
		if rng.Float64() < .3 {
			hint = float32(math.NaN())
		}
		for f, v := range []float32{float32(a), float32(b), hint, float32(rng.NormFloat64())} {
			columns[f] = append(columns[f], v)
		}
		of = append(of, []int{c})
	}
	return columns, of
}

func boostAccuracy(b *Boost, l Labels, columns [][]float32) float64 {
	x, s, p := make([]float32, len(columns)), make([]float64, len(b.Base)), make([]float64, l.Classes)
	right := 0
	for i, of := range l.Of {
		for f := range columns {
			x[f] = columns[f][i]
		}
		b.Predict(x, s)
		l.Probabilities(s, p)
		best := 0
		for c := range p {
			if p[c] > p[best] {
				best = c
			}
		}
		if best == of[0] {
			right++
		}
	}
	return float64(right) / float64(len(l.Of))
}

func TestBoostLearnsWhatNoLineCan(t *testing.T) {
	train, of := rings(2000, 1)
	test, want := rings(1000, 2)
	y := Labels{Of: of, Classes: 2, Exclusive: true}
	var fits [2]*Boost
	for k := range fits {
		var err error
		if fits[k], err = FitBoost(context.Background(), train, y, Boosting{Rounds: 100, Threads: 1 + 3*k, Columns: .75, Seed: 5}); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(fits[0], fits[1]) {
		t.Error("the number of threads changed the trees")
	}
	if got := boostAccuracy(fits[0], Labels{Of: want, Classes: 2, Exclusive: true}, test); got < .95 {
		t.Errorf("right on %.3f", got)
	}
	if g := fits[0].Gain; g[3] > g[0] || g[3] > g[2] {
		t.Errorf("noise has a gain of %g, the signals %g and %g", g[3], g[0], g[2])
	}
	if err := fits[0].Check(); err != nil {
		t.Error(err)
	}
	fits[0].Trees[0].Left[0] = 0
	if fits[0].Check() == nil {
		t.Error("a tree that goes in circles is accepted")
	}
}

func TestBoostSendsMissingWhereItBelongs(t *testing.T) {
	nan := float32(math.NaN())
	var column []float32
	var target Squares
	for i := range 300 {
		switch i % 3 {
		case 0:
			column, target = append(column, 0), append(target, 0)
		case 1:
			column, target = append(column, 1), append(target, 0)
		default:
			column, target = append(column, nan), append(target, 5)
		}
	}
	b, err := FitBoost(context.Background(), [][]float32{column}, target, Boosting{Rate: .3, Rounds: 50})
	if err != nil {
		t.Fatal(err)
	}
	s := make([]float64, 1)
	for v, want := range map[float32]float64{0: 0, 1: 0, nan: 5} {
		if b.Predict([]float32{v}, s); math.Abs(s[0]-want) > .1 {
			t.Errorf("%g is predicted %.2f, not %g", v, s[0], want)
		}
	}
}

func TestBoostStopsWhenValidationSaysSo(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	columns := make([][]float32, 5)
	var of [][]int
	validate := make([]bool, 600)
	for i := range validate {
		for f := range columns {
			columns[f] = append(columns[f], float32(rng.NormFloat64()))
		}
		of = append(of, []int{rng.IntN(3)}) // nothing to learn
		validate[i] = i%3 == 0
	}
	b, err := FitBoost(context.Background(), columns, Labels{Of: of, Classes: 3, Exclusive: true}, Boosting{Validate: validate, Patience: 5, Rate: .3})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Trees) > 15 {
		t.Errorf("%d trees on noise", len(b.Trees))
	}
}
