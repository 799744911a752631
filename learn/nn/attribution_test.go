package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestAttributionsAddUp: for every kind of network the shares sum to the
// difference of the scores, and padding has no share.
func TestAttributionsAddUp(t *testing.T) {
	for name, s := range map[string]Spec{
		"dense":     Input(6).Dense(16, "relu").Dense(3, "softmax"),
		"one":       Input(6).Dense(8, "tanh").Dense(1, "sigmoid"),
		"images":    Input(10, 10, 2).Conv2D(4, 3, "relu").MaxPool2D(2).BatchNorm().Flatten().Dropout(.5).Dense(4, "softmax"),
		"series":    Input(20, 3).Conv1D(6, 5, "relu").GlobalMaxPool().Dense(2, "softmax"),
		"recurrent": Input(15, 3).LSTM(8).Dense(3, "softmax"),
		"words":     Input(12).Embedding(30, 8).Masked().GRU(6).Dense(3, "softmax"),
		"bag":       Input(12).EmbeddingBag(30, 8).Masked().Dense(8, "relu").Dense(3, "softmax"),
		"a number":  Input(5).Dense(4, "relu").Dense(1, ""),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := s.Build(3)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			x := NewTensor(append([]int{1}, s.Input...)...)
			ids := name == "words" || name == "bag"
			for i := range x.Data {
				x.Data[i] = float32(rng.NormFloat64())
				if ids {
					x.Data[i] = float32(1 + rng.IntN(29))
				}
			}
			if ids {
				clear(x.Data[8:]) // padding
			}
			for _, output := range []int{0, size(m.out) - 1} {
				a, err := m.Attribute(x, NewTensor(x.Shape...), output)
				if err != nil {
					t.Fatal(err)
				}
				var sum float64
				for _, v := range a.Shares {
					sum += float64(v)
				}
				if diff := a.Score - a.Baseline; math.Abs(diff-sum) > .01*math.Abs(diff)+1e-3 || math.Abs(diff-sum-a.Gap) > 1e-3 {
					t.Errorf("output %d: the shares sum to %g, the scores differ by %g, the gap is %g", output, sum, diff, a.Gap)
				}
				for i, v := range a.Shares {
					if ids && i >= 8 && v != 0 {
						t.Errorf("padding at %d has the share %g", i, v)
					}
				}
			}
		})
	}
}

// TestAttributionFindsWhatCounts: of a model that reads one element, only that
// element has a share.
func TestAttributionFindsWhatCounts(t *testing.T) {
	m, err := Input(4).Dense(1, "").Build(1)
	if err != nil {
		t.Fatal(err)
	}
	copy(m.net.params[0].Value, []float32{0, 0, 3, 0})
	m.repack()
	a, err := m.Attribute(Of([]float32{5, 6, 2, 8}, 1, 4), NewTensor(1, 4), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(a.Shares); got != "[0 0 6 0]" || a.Score != 6 || a.Baseline != 0 {
		t.Errorf("%+v", a)
	}
	for _, bad := range []struct {
		x, base Tensor
		output  int
	}{{NewTensor(1, 3), NewTensor(1, 3), 0}, {NewTensor(1, 4), NewTensor(1, 3), 0}, {NewTensor(1, 4), NewTensor(1, 4), 1}, {NewTensor(2, 4), NewTensor(2, 4), 0}} {
		if _, err := m.Attribute(bad.x, bad.base, bad.output); err == nil {
			t.Errorf("%v, %v, %d: no error", bad.x.Shape, bad.base.Shape, bad.output)
		}
	}
}
