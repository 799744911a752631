package aiaas

import (
	"context"
	"encoding/json"
	"math"
	"testing"
)

func measure(t *testing.T, d *Dataset, p []float32, o Measuring) *Result {
	t.Helper()
	r, err := Measure(context.Background(), d, p, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// six is six samples of two classes of three subjects.
func six() *Dataset {
	d := &Dataset{Name: "six", Task: Tabular, Classes: []string{"a", "b"}, Subject: []string{"1", "1", "2", "2", "3", "3"},
		Labels:  [][]int{{0}, {0}, {0}, {1}, {1}, {1}},
		Columns: []Column{{Name: "x", Kind: Number, Number: make([]float64, 6)}, {Name: "sex", Kind: Category, Text: []string{"f", "m", "f", "m", "f", "m"}}}}
	for i := range 6 {
		d.Places = append(d.Places, Place{"six", i + 1})
	}
	return d
}

func TestMeasuresByHand(t *testing.T) {
	d := six()
	p := []float32{.9, .1, .8, .2, .4, .6, .3, .7, .2, .8, .6, .4}
	r := measure(t, d, p, Measuring{Groups: []string{"sex"}})
	for name, want := range map[string]float64{
		"accuracy": 4. / 6, "auroc": 8. / 9, "f1.micro": 4. / 6, "f1.macro": 4. / 6,
		"brier":   2 * (.01 + .04 + .36 + .09 + .04 + .36) / 6,
		"logloss": -(math.Log(.9) + math.Log(.8) + math.Log(.4) + math.Log(.7) + math.Log(.8) + math.Log(.4)) / 6,
		"prauc":   (1 + 1 + 3./4) / 3,
	} {
		if got := r.Measures[name]; math.Abs(got.Value-want) > 1e-6 || got.Low > got.Value || got.High < got.Value {
			t.Errorf("%s is %+v, by hand %g", name, got, want)
		}
	}
	if r.Confusion[0][1] != 1 || r.Confusion[0][0] != 2 || r.Confusion[1][0] != 1 || r.Confusion[1][1] != 2 {
		t.Errorf("confusion %v", r.Confusion)
	}
	if r.ByClass[0].Samples != 3 || math.Abs(r.ByClass[0].Recall-2./3) > 1e-9 {
		t.Errorf("class %+v", r.ByClass[0])
	}
	if len(r.Subgroups) != 2 || r.Subgroups[0].Value != "f" || math.Abs(r.Subgroups[0].Measures["accuracy"].Value-2./3) > 1e-9 {
		t.Errorf("subgroups %+v", r.Subgroups)
	}
	if r.Subjects != 3 || r.Samples != 6 {
		t.Errorf("%d subjects, %d samples", r.Subjects, r.Samples)
	}
	if len(r.Curves) != 1 || r.Curves[0].Class != "b" {
		t.Fatalf("curves %+v", r.Curves)
	}
	third := 1. / 3
	for k, want := range [][2]float64{{third, 1}, {2 * third, 1}, {2 * third, 2 * third}, {1, .75}, {1, .6}, {1, .5}} {
		if got := r.Curves[0].PrecisionRecall[k]; math.Abs(got[0]-want[0])+math.Abs(got[1]-want[1]) > 1e-9 {
			t.Errorf("point %d of precision and recall is %v, by hand %v", k, got, want)
		}
	}
	for k, want := range [][2]float64{{0, 0}, {0, third}, {0, 2 * third}, {third, 2 * third}, {third, 1}, {2 * third, 1}, {1, 1}} {
		if got := r.Curves[0].ROC[k]; math.Abs(got[0]-want[0])+math.Abs(got[1]-want[1]) > 1e-9 {
			t.Errorf("point %d of the ROC is %v, by hand %v", k, got, want)
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func TestMeasuresOfSeveralClasses(t *testing.T) {
	d := six()
	d.Multi = true
	d.Labels = [][]int{{0}, {0, 1}, {}, {1}, {1}, {0, 1}}
	p := []float32{.9, .1, .8, .9, .1, .2, .3, .7, .2, .8, .6, .4}
	r := measure(t, d, p, Measuring{})
	if got := r.Measures["accuracy"].Value; math.Abs(got-5./6) > 1e-9 { // all classes of a sample
		t.Errorf("exact matches %g", got)
	}
	if got, want := r.Measures["f1.micro"].Value, 2*6./(2*6+1); math.Abs(got-want) > 1e-9 {
		t.Errorf("micro F1 %g, by hand %g", got, want)
	}
	if r.Confusion != nil {
		t.Error("a confusion matrix of classes that do not exclude each other")
	}
}

func TestCalibrationShows(t *testing.T) {
	d := six()
	sure := []float32{1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0} // says a, always: half right
	r := measure(t, d, sure, Measuring{})
	if got := r.Measures["ece"].Value; math.Abs(got-.5) > 1e-9 {
		t.Errorf("calibration error %g of one that is sure and right half the time", got)
	}
	if len(r.Bins) != 1 || r.Bins[0].N != 6 || r.Bins[0].Right != .5 || r.Bins[0].Confidence != 1 {
		t.Errorf("bins %+v", r.Bins)
	}
}

func TestMeasureRefuses(t *testing.T) {
	d := six()
	if _, err := Measure(context.Background(), d, make([]float32, 5), Measuring{}); err == nil {
		t.Error("five numbers for six samples of two classes")
	}
	p := make([]float32, 12)
	p[3] = float32(math.NaN())
	if _, err := Measure(context.Background(), d, p, Measuring{}); err == nil {
		t.Error("a prediction that is not a number was measured")
	}
	if _, err := Measure(context.Background(), d, make([]float32, 12), Measuring{Groups: []string{"x"}}); err == nil {
		t.Error("subgroups of a number")
	}
}

func TestNumbersAreMeasured(t *testing.T) {
	d := numbers(1)
	p := make([]float32, d.Len())
	for i, v := range d.Target {
		p[i] = float32(v) + 2
	}
	r := measure(t, d, p, Measuring{})
	if math.Abs(r.Measures["mae"].Value-2) > 1e-4 || math.Abs(r.Measures["mse"].Value-4) > 1e-3 {
		t.Errorf("%+v", r.Measures)
	}
}

func TestIntervalsWidenWithFewerSubjects(t *testing.T) {
	d := visits(1)
	p := predict(t, fit(t, LinearTable(), d, Fitting{}), visits(2))
	many := measure(t, visits(2), p, Measuring{})
	few := visits(2)
	for i, s := range few.Subject { // the same samples of a tenth of the subjects
		few.Subject[i] = s[:2]
	}
	one := measure(t, few, p, Measuring{})
	if a, b := many.Measures["auroc"], one.Measures["auroc"]; a.Value != b.Value || a.Low == b.Low {
		t.Errorf("%+v and %+v", a, b)
	}
}
