package learn_test

import (
	"math"
	"testing"

	"ember/learn"
)

func TestThresholds(t *testing.T) {
	pr, roc := learn.Thresholds([]float32{.9, .1, .9, .5}, []bool{true, false, false, true}, 100)
	same := func(name string, got, want [][2]float64) {
		if len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", name, got, want)
		}
		for i := range got {
			if math.Abs(got[i][0]-want[i][0])+math.Abs(got[i][1]-want[i][1]) > 1e-12 {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
	}
	same("precision and recall", pr, [][2]float64{{.5, .5}, {1, 2. / 3}, {1, .5}})
	same("ROC", roc, [][2]float64{{0, 0}, {.5, .5}, {.5, 1}, {1, 1}})
	if pr, roc := learn.Thresholds([]float32{1, 2}, []bool{true, true}, 100); pr != nil || roc != nil {
		t.Errorf("one class has curves: %v %v", pr, roc)
	}
	scores, labels := make([]float32, 1000), make([]bool, 1000)
	for i := range scores {
		scores[i], labels[i] = float32(i), i%3 == 0
	}
	rare := make([]bool, 100_000) // the first ten of very many: their recalls must not be lost
	many := make([]float32, len(rare))
	for i := range many {
		many[i], rare[i] = -float32(i), i < 10
	}
	few, _ := learn.Thresholds(many, rare, 60)
	seen := map[float64]bool{}
	for _, p := range few {
		seen[p[0]] = true
	}
	if len(seen) != 10 {
		t.Errorf("recalls %v", seen)
	}
	pr, roc = learn.Thresholds(scores, labels, 50)
	if len(pr) != 50 || len(roc) != 50 || pr[49][0] != 1 || roc[0] != [2]float64{} || roc[49] != [2]float64{1, 1} {
		t.Errorf("%d and %d points, %v … %v", len(pr), len(roc), roc[0], roc[49])
	}
}
