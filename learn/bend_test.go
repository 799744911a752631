package learn

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Log odds that are right below the first knot and twice too steep above the last are put
// right, and nothing falls where the data does.
func TestBendPutsRight(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	knots := []float64{-2, -1, 0}
	truth := func(z float64) float64 {
		if z > -1 {
			return -1 + .4*(z+1)
		}
		return z
	}
	var z, n, hits []float64
	for v := -5.; v < 3; v += 1. / 16 {
		z, n = append(z, v), append(n, 4000)
		k := 0.
		for range 4000 {
			if rng.Float64() < Sigmoid(truth(v)) {
				k++
			}
		}
		hits = append(hits, k)
	}
	b := FitBend(z, n, hits, knots, 3)
	last := math.Inf(-1)
	for v := -5.; v < 3; v += .01 {
		if d := math.Abs(Sigmoid(b.Of(v)) - Sigmoid(truth(v))); d > .02 {
			t.Fatalf("at %.2f: %.3f, want %.3f", v, b.Of(v), truth(v))
		}
		if b.Of(v) < last {
			t.Fatalf("it falls at %.2f", v)
		}
		last = b.Of(v)
		if a, c := b.Line(v); math.Abs(a*v+c-b.Of(v)) > 1e-12 {
			t.Fatalf("the line at %.2f is another", v)
		}
	}
	if b.Loss(z, n, hits) >= (*Bend)(nil).Loss(z, n, hits) {
		t.Error("the loss is not less than without")
	}
	// What falls is held level, and what is right stays.
	for i, v := range z {
		if v > 0 {
			hits[i] = 0
		}
	}
	if b := FitBend(z, n, hits, knots, 3); b.Slope[3] != leastSlope {
		t.Errorf("slopes %v", b.Slope)
	}
	for i, v := range z {
		hits[i] = n[i] * Sigmoid(v)
	}
	for _, s := range FitBend(z, n, hits, knots, 3).Slope {
		if math.Abs(s-1) > 1e-6 {
			t.Errorf("a slope of what was right is %g", s)
		}
	}
}

// The noise of an error of calibration is about what a true forecast shows, and less
// where there are more samples.
func TestECENoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	of := func(n int) (noise, seen float64) {
		p, came := make([]float64, n), make([]bool, n)
		for i := range p {
			p[i] = rng.Float64()
			came[i] = rng.Float64() < p[i]
		}
		return ECENoise(p, 15, .05, 1), ECE(p, came, 15, .05)
	}
	few, seenFew := of(300)
	many, seenMany := of(30000)
	if few < .05 || few > .15 || many > few/5 || seenFew > 2*few || seenMany > 2*many {
		t.Errorf("300: %.4f (seen %.4f), 30,000: %.4f (seen %.4f)", few, seenFew, many, seenMany)
	}
	if a, b := ECENoise([]float64{.2, .7}, 15, .05, 4), ECENoise([]float64{.2, .7}, 15, .05, 4); a != b {
		t.Error("the same seed, two figures")
	}
}
