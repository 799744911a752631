package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// cases are a spec for each kind of layer, as small as shows everything.
func layerCases() map[string]Spec {
	return map[string]Spec{
		"dense":              Input(5).Dense(3),
		"dense 3-d":          Input(4, 5).Dense(3),
		"conv1d":             Input(9, 3).Conv1D(4, 3),
		"conv1d same":        Input(9, 3).Conv1D(4, 4).Same().Strides(2),
		"conv2d":             Input(7, 6, 2).Conv2D(3, 3),
		"conv2d lines":       Input(6, 7, 1).Conv2D(3, 3).Conv2D(2, 2),
		"conv2d lines, down": Input(7, 6, 1).Conv2D(3, 2).Strides(2, 1),
		"conv2d same":        Input(7, 6, 2).Conv2D(5, 3).Same().Strides(2, 3),
		"conv2d 1x1":         Input(4, 4, 3).Conv2D(5, 1),
		"conv2d window":      Input(5, 6, 2).Add(LayerSpec{Type: "Conv2D", Filters: 2, Kernel: Dims{2, 5}, Padding: "same"}),
		"maxpool1d":          Input(9, 3).MaxPool1D(2),
		"maxpool1d same":     Input(9, 3).MaxPool1D(4).Same().Strides(3),
		"maxpool2d":          Input(7, 6, 2).MaxPool2D(2),
		"maxpool2d overlap":  Input(7, 6, 2).MaxPool2D(3).Strides(2, 2),
		"global mean":        Input(7, 3).GlobalAvgPool(),
		"global max":         Input(7, 3).GlobalMaxPool(),
		"global mean image":  Input(3, 4, 2).GlobalAvgPool(),
		"global max image":   Input(3, 4, 2).GlobalMaxPool(),
		"flatten":            Input(3, 4, 2).Flatten(),
		"batchnorm":          Input(4, 3).BatchNorm(),
		"layernorm":          Input(4, 6).LayerNorm(),
		"dropout":            Input(4, 6).Dropout(.5),
		"rnn":                Input(6, 4).SimpleRNN(5),
		"rnn sequences":      Input(6, 4).SimpleRNN(5).Sequences(),
		"lstm":               Input(6, 4).LSTM(5),
		"lstm wide":          Input(3, 4).LSTM(19).Sequences(),
		"gru":                Input(6, 4).GRU(5),
		"gru sequences":      Input(6, 4).GRU(5).Sequences(),
		"both ways":          Input(6, 4).LSTM(5).Bidirectional(),
		"both ways, all":     Input(6, 4).GRU(3).Sequences().Bidirectional(),
		"both ways, summed":  Input(6, 4).Add(LayerSpec{Type: "Bidirectional", Merge: "sum", Layer: &LayerSpec{Type: "SimpleRNN", Units: 5}}),
		"attention":          Input(6, 4).Attention(6, 1),
		"attention in heads": Input(6, 4).Attention(6, 3),
		"attention pool":     Input(6, 4).AttentionPool(5),
		"residual":           Input(6, 4).Residual(Input().LSTM(4).Sequences().LayerNorm()),
		"relu":               Input(6, 4).Activation("relu"),
		"gelu":               Input(6, 4).Activation("gelu"),
		"tanh":               Input(6, 4).Activation("tanh"),
		"sigmoid":            Input(6, 4).Activation("sigmoid").Activation("linear"),
		"softmax":            Input(6, 4).Activation("softmax").Activation("linear"),
		"deep":               Input(8, 3).Conv1D(6, 3, "gelu").Residual(Input().Dense(6, "tanh")).LSTM(5).Sequences().AttentionPool(4).Dense(3, "tanh"),
	}
}

// awayFromKinks draws inputs whose elements differ by enough that a step of the
// finite differences changes neither signs nor which one is the largest.
func awayFromKinks(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i, p := range rng.Perm(n) {
		x[i] = (float32(p) + .5 - float32(n)/2) * max(.04, 3/float32(n))
	}
	return x
}

func TestGradientsOfAllLayers(t *testing.T) {
	for name, spec := range layerCases() {
		for _, lengths := range [][]int{nil, {spec.Input[0], 1, 2, 0, 3}} {
			image := len(spec.Input) == 3 || len(spec.Input) == 1
			if lengths != nil && image {
				continue
			}
			label := name
			if lengths != nil {
				label += ", padded"
			}
			t.Run(label, func(t *testing.T) {
				rng := seeded(21)
				m, err := spec.Build(3)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range m.net.params {
					for i := range p.Value {
						p.Value[i] += float32(.3 * rng.NormFloat64())
					}
				}
				x := Tensor{Shape: append([]int{5}, spec.Input...), Lengths: lengths}
				x.Data = awayFromKinks(rng, size(x.Shape))
				net, _, err := spec.build(&builder{shared: unpacked(m.net), grads: true})
				if err != nil {
					t.Fatal(err)
				}
				l := &Sequential{Layers: net.layers}
				unfirst(net)
				checkGradients(t, l, x, true)
			})
		}
	}
}

// unpacked shares the numbers without their packed forms, which would not follow
// the changes of a test.
func unpacked(n *network) *network {
	var u network
	for _, p := range n.params {
		u.params = append(u.params, &Param{Name: p.Name, Shape: p.Shape, Value: p.Value})
	}
	u.state = n.state
	return &u
}

func TestGradientOfBatchNormInTraining(t *testing.T) {
	m, err := Input(4, 3).BatchNorm().Build(1)
	if err != nil {
		t.Fatal(err)
	}
	net, _, err := m.spec.build(&builder{shared: m.net, grads: true})
	if err != nil {
		t.Fatal(err)
	}
	x := Of(randoms(seeded(5), 36), 3, 4, 3)
	x.Lengths = []int{4, 2, 0}
	checkGradients(t, &training{net.layers[0]}, x, true)
}

// training runs a layer as in training.
type training struct{ Layer }

func (l *training) Forward(x Tensor, _ bool) Tensor { return l.Layer.Forward(x, true) }

func TestGradientsOfAllLosses(t *testing.T) {
	rng := seeded(22)
	classes, shares, values := []float32{0, 2, -1, 1}, make([]float32, 12), randoms(rng, 12)
	for i := range shares {
		shares[i] = rng.Float32()
	}
	for _, c := range []struct {
		loss    string
		y       []float32
		classes []float32
		gamma   float64
	}{
		{loss: "sparse_categorical_crossentropy", y: classes},
		{loss: "sparse_categorical_crossentropy", y: classes, classes: []float32{1, 3, .5}},
		{loss: "categorical_crossentropy", y: shares},
		{loss: "categorical_crossentropy", y: shares, classes: []float32{1, 3, .5}},
		{loss: "sparse_categorical_focal", y: classes},
		{loss: "sparse_categorical_focal", y: classes, gamma: .7, classes: []float32{1, 3, .5}},
		{loss: "binary_crossentropy", y: shares},
		{loss: "binary_crossentropy", y: shares, classes: []float32{1, 3, .5}},
		{loss: "binary_focal", y: shares},
		{loss: "binary_focal", y: shares, gamma: 1.5, classes: []float32{1, 3, .5}},
		{loss: "mse", y: values},
	} {
		l := losses[c.loss]
		l.width, l.classes = 3, c.classes
		if c.gamma > 0 {
			l.gamma = c.gamma
		}
		z, grad := Of(randoms(rng, 12), 4, 3), make([]float32, 12)
		samples := []float32{1, 2, 1, .5}
		l.apply(z, c.y, samples, grad)
		for i := range grad {
			const h = 1e-2
			at := func(d float32) float64 {
				moved := Of(slices.Clone(z.Data), 4, 3)
				moved.Data[i] += d
				return l.apply(moved, c.y, samples, nil).loss
			}
			want := (at(h) - at(-h)) / (2 * h)
			if math.Abs(want-float64(grad[i])) > 2e-4*(1+math.Abs(want)) {
				t.Errorf("%s %v γ %g: gradient %d is %g, finite differences say %g", c.loss, c.classes, l.gamma, i, grad[i], want)
			}
		}
	}
}
