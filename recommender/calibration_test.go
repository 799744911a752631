package recommender

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"ember/learn"
)

// A calibration is bent where other folds bear it out: then probabilities hold where the
// line alone misses, nothing is put in another order, and at any logit it is a line.
func TestCalibrationIsBent(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	truth := func(z float64) float64 { return z - max(0, 1.5*(z+1)*.5) } // flatter above -1
	world := func(truth func(float64) float64) ([]decision, *outputs) {
		decisions, out := make([]decision, 2000), &outputs{}
		out.logits[byStack] = make([][]float32, len(decisions))
		for i := range decisions {
			d := &decisions[i]
			d.fold = uint8(i % 5)
			for range 60 {
				z := rng.NormFloat64()*1.6 - 2.5
				d.status = append(d.status, isNew)
				d.hit = append(d.hit, rng.Float64() < learn.Sigmoid(truth(z)))
				out.logits[byStack][i] = append(out.logits[byStack][i], float32(z))
			}
		}
		return decisions, out
	}
	decisions, out := world(truth)
	c := out.calibrations(decisions, byStack)[isNew]
	if c.bend == nil {
		t.Fatal("it stays a line")
	}
	worst, worstLine, last := 0., 0., float32(math.Inf(-1))
	for z := float32(-8); z < 4; z += .01 {
		v := c.of(z)
		if v < last {
			t.Fatalf("it falls at %.2f", z)
		}
		last = v
		if p := c.at(z); math.Abs(float64(p.a*z+p.b-v)) > 1e-5 {
			t.Fatalf("at %.2f it is no line", z)
		}
		want := learn.Sigmoid(truth(float64(z)))
		worst = max(worst, math.Abs(learn.Sigmoid(float64(v))-want))
		worstLine = max(worstLine, math.Abs(learn.Sigmoid(float64(c.line.of(z)))-want))
	}
	if worst > .1 || worst > .5*worstLine {
		t.Errorf("off by %.3f, the line alone by %.3f", worst, worstLine)
	}
	var b bytes.Buffer
	e := newEncoder(&b)
	c.encode(e)
	if err := e.w.Flush(); err != nil {
		t.Fatal(err)
	}
	d := &decoder{b: b.Bytes()}
	if again := decodeCalibration(d); d.err != nil || len(d.b) != 0 || again.of(-.3) != c.of(-.3) || again.of(-5) != c.of(-5) {
		t.Error("read back, it is another")
	}
	few, none := world(truth)
	if c := none.calibrations(few[:2], byStack)[isNew]; c.bend != nil {
		t.Error("bent by a handful of orders")
	}
}
