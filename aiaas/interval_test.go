package aiaas

import (
	"math/rand/v2"
	"testing"
)

// TestIntervalHoldsNewSamples draws residuals and asks how many new ones lie within.
func TestIntervalHoldsNewSamples(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	held, all := 0, 0
	for range 200 {
		d, said := &Dataset{}, make([]float32, 60)
		for range said {
			d.Target = append(d.Target, rng.ExpFloat64())
		}
		in := intervalOf(d, said)
		for range 100 {
			v := rng.ExpFloat64()
			if all++; v >= -in.Below && v <= in.Above {
				held++
			}
		}
	}
	if share := float64(held) / float64(all); share < 0.89 || share > 0.93 {
		t.Errorf("it holds %.3f of new samples, want 0.9", share)
	}
	if in := intervalOf(&Dataset{Target: make([]float64, 5)}, make([]float32, 5)); in != nil {
		t.Errorf("%+v of five samples", in)
	}
	if in := intervalOf(&Dataset{Labels: [][]int{{0}}}, []float32{1}); in != nil {
		t.Errorf("%+v of classes", in)
	}
}
