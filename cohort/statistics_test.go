package cohort_test

import (
	"fmt"
	"math"
	"testing"

	"ember/cohort"
)

// TestOddsRatio holds the values to those of statsmodels 0.14 (Table2x2, with 0.5
// added where a number is 0).
func TestOddsRatio(t *testing.T) {
	for _, c := range []struct{ a, b, c, d, ratio, low, high, p float64 }{
		{30, 70, 100, 400, 1.7142857142857142, 1.0601700165066983, 2.771985119789987, 0.027930279530980005},
		{5, 95, 60, 340, 0.2982456140350877, 0.11647510371589682, 0.7636863454368102, 0.01167059510388728},
		{100, 0, 50, 50, 201, 12.150480103385872, 3325.053796741888, 0.00021189868535117812},
		{25, 25, 25, 25, 1, 0.45658262718926435, 2.1901840772086065, 1},
	} {
		got := cohort.OddsRatio(c.a, c.b, c.c, c.d)
		for name, pair := range map[string][2]float64{"ratio": {got.Ratio, c.ratio}, "low": {got.Low, c.low}, "high": {got.High, c.high}, "p": {got.P, c.p}} {
			if math.Abs(pair[0]-pair[1]) > 1e-7*math.Abs(pair[1]) {
				t.Errorf("%v: %s %v, want %v", c, name, pair[0], pair[1])
			}
		}
	}
}

// TestAdjust holds the values to those of statsmodels 0.14 (multipletests, fdr_bh).
func TestAdjust(t *testing.T) {
	got := cohort.Adjust([]float64{.01, .04, .03, .005, .5, .9})
	for i, want := range []float64{.03, .06, .06, .03, .6, .9} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("%v", got)
		}
	}
	if len(cohort.Adjust(nil)) != 0 {
		t.Error("nothing adjusted is something")
	}
}

func ExampleOddsRatio() {
	o := cohort.OddsRatio(30, 70, 100, 400)
	fmt.Printf("%.2f (%.2f to %.2f)\n", o.Ratio, o.Low, o.High)
	// Output: 1.71 (1.06 to 2.77)
}
