package learn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A weight of two is a sample that is there twice, and without weights the areas are
// those of the plain measures.
func TestCurveWeighsSamples(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var scores, twice []float32
	var labels, twiceLabels []bool
	var weight []float64
	for range 300 {
		s, l := float32(rng.IntN(40)), rng.IntN(4) == 0
		w := rng.IntN(3)
		scores, labels, weight = append(scores, s), append(labels, l), append(weight, float64(w))
		for range w {
			twice, twiceLabels = append(twice, s), append(twiceLabels, l)
		}
	}
	c, d := NewCurve(scores, labels), NewCurve(twice, twiceLabels)
	plain, _ := AUROC(scores, labels)
	for name, pair := range map[string][2]float64{
		"AUROC":             {c.AUROC(nil), plain},
		"weighted AUROC":    {c.AUROC(weight), d.AUROC(nil)},
		"average precision": {c.AveragePrecision(weight), d.AveragePrecision(nil)},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-12 {
			t.Errorf("%s: %g, want %g", name, pair[0], pair[1])
		}
	}
	// Without ties it is the average precision of a ranking.
	s := []float32{.9, .8, .7, .6}
	if ap := NewCurve(s, []bool{true, false, true, false}).AveragePrecision(nil); math.Abs(ap-(1+2./3)/2) > 1e-12 {
		t.Errorf("average precision %g", ap)
	}
	if c := NewCurve(s, make([]bool, 4)); c.AUROC(nil) != .5 || c.AveragePrecision(nil) != 0 {
		t.Error("without positives an area is told")
	}
}

// The mean by Resample has the interval that Mean gives it.
func TestResampleIsTheBootstrapOfMean(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	v, group := make([]float64, 200), make([]int, 200)
	for i := range v {
		v[i], group[i] = rng.NormFloat64(), i/4
	}
	mean := func(w []float64) float64 {
		var sum, n float64
		for i, x := range v {
			k := 1.
			if w != nil {
				k = w[i]
			}
			sum, n = sum+k*x, n+k
		}
		return sum / n
	}
	a, b := Resample(group, 500, 7, mean), Mean(v, group, 500, 7)
	for _, d := range []float64{a.Value - b.Value, a.Low - b.Low, a.High - b.High} {
		if math.Abs(d) > 1e-9 {
			t.Fatalf("%v, want %v", a, b)
		}
	}
	if e := Resample(nil, 10, 1, func([]float64) float64 { return 2 }); e.Value != 2 || !slices.Equal([]float64{e.Low, e.High}, []float64{2, 2}) {
		t.Errorf("of nothing: %v", e)
	}
}
