package aiaas

import (
	"bytes"
	"context"
	"testing"
)

// TestXRays takes real images from file to measure: the report has nothing to
// say that is not so, the family chosen beats the prior by far.
func TestXRays(t *testing.T) {
	images, labels := real(t, "images/pneumoniamnist-val-images.idx3-ubyte.gz"), real(t, "images/pneumoniamnist-val-labels.idx1-ubyte.gz")
	d, err := ReadIDX(context.Background(), "xrays", bytes.NewReader(images), bytes.NewReader(labels), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r := inspect(t, d)
	for _, fault := range []Fault{MissingValues, FlatImages, TinyClass, Unbalanced, LabelNoise, LeakOrder} {
		if r.Has(fault, "") {
			t.Errorf("%s in clean images:\n%s", fault, r)
		}
	}
	d.Side = make([]Side, d.Len())
	for i := range d.Side {
		d.Side[i] = TrainSide
		if i%4 == 0 {
			d.Side[i] = TestSide
		}
	}
	c, err := Choose(context.Background(), d, Families(), Choosing{Only: []string{"prior", "linear"}, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	var test []int
	for i, s := range d.Side {
		if s == TestSide {
			test = append(test, i)
		}
	}
	result, err := Evaluate(context.Background(), d.Take(test), c.Model, Measuring{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: AUROC %.3f [%.3f, %.3f]", c.Family, result.Measures["auroc"].Value, result.Measures["auroc"].Low, result.Measures["auroc"].High)
	if c.Family != "linear" || result.Measures["auroc"].Low < .85 {
		t.Errorf("%s chosen, %+v", c.Family, result.Measures)
	}
}
