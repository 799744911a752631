package nn

import (
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

// array is a tensor in the file that bench/nn/torch_values.py wrote.
type array struct {
	Shape []int
	Data  []float32
}

// reference is what PyTorch computed.
type reference struct {
	Torch  string
	Layers []struct {
		Name     string
		Spec     json.RawMessage
		Params   map[string][]float32
		X, Y     array
		Lengths  []int
		Training bool
		Dy, Dx   []float32
		Grads    map[string][]float32
		State    map[string][]float32
	}
	Losses []struct {
		Loss    string
		Gamma   float64
		Classes []float32 `json:"class_weight"`
		Z       array
		Y, Grad []float32
		Value   float64
	}
	Optimizers []struct {
		Optimizer     Optimizer
		ClipNorm      float64
		Start         []float32
		Grads, Values [][]float32
	}
}

func torchValues(t *testing.T) *reference {
	t.Helper()
	file, err := os.Open("testdata/torch.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.NewDecoder(plain).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// alike holds two arrays to 1e-4.
func alike(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d elements, PyTorch has %d", what, len(got), len(want))
		return
	}
	for i, v := range want {
		if !(math.Abs(float64(got[i]-v)) <= 1e-4*max(1, math.Abs(float64(v)))) {
			t.Errorf("%s: element %d is %g, PyTorch says %g", what, i, got[i], v)
			return
		}
	}
}

func TestLayersAgreeWithPyTorch(t *testing.T) {
	old := active
	defer func() { active = old }()
	eachLevel(t, func(t *testing.T, l level) {
		active = l
		for _, c := range torchValues(t).Layers {
			spec, err := ParseSpec(c.Spec)
			if err != nil {
				t.Fatal(err)
			}
			m := build(t, spec, 1)
			if len(c.Params) != len(m.net.params) {
				t.Fatalf("%s: %d parameters, PyTorch has %d", c.Name, len(m.net.params), len(c.Params))
			}
			for _, p := range m.net.params {
				if copy(p.Value, c.Params[p.Name]) != len(p.Value) {
					t.Fatalf("%s: %s has %d numbers in PyTorch", c.Name, p.Name, len(c.Params[p.Name]))
				}
				if p.plain != nil {
					p.turned = &panels{}
				}
			}
			m.repack()
			net, _, err := spec.build(&builder{shared: m.net, grads: true})
			if err != nil {
				t.Fatal(err)
			}
			unfirst(net)
			y := net.forward(Tensor{Shape: c.X.Shape, Data: c.X.Data, Lengths: c.Lengths}, c.Training)
			if !slices.Equal(y.Shape, c.Y.Shape) {
				t.Errorf("%s: shape %v, PyTorch has %v", c.Name, y.Shape, c.Y.Shape)
			}
			alike(t, c.Name, y.Data, c.Y.Data)
			dx := net.backward(Tensor{Shape: c.Y.Shape, Data: c.Dy})
			if c.Dx != nil {
				alike(t, c.Name+": gradient of the input", dx.Data, c.Dx)
			}
			for _, p := range net.params {
				alike(t, c.Name+": gradient of "+p.Name, p.Grad, c.Grads[p.Name])
			}
			for _, p := range net.state {
				alike(t, c.Name+": "+p.Name, p.Value, c.State[p.Name])
			}
		}
	})
}

// unfirst makes the first layer compute its input's gradient.
func unfirst(net *network) {
	switch l := net.layers[0].(type) {
	case *Dense:
		l.first = false
	case *conv:
		l.first = false
	case *recurrent:
		l.first = false
	case *bidirectional:
		l.ahead.first, l.back.first = false, false
	}
}

func TestLossesAgreeWithPyTorch(t *testing.T) {
	for _, c := range torchValues(t).Losses {
		l := losses[c.Loss]
		l.width, l.classes, l.gamma = c.Z.Shape[1], c.Classes, c.Gamma
		grad := make([]float32, len(c.Z.Data))
		sum := l.apply(Of(c.Z.Data, c.Z.Shape...), c.Y, nil, grad)
		for i := range grad {
			grad[i] /= float32(sum.weight)
		}
		if value, _ := sum.mean(); math.Abs(value-c.Value) > 1e-4 {
			t.Errorf("%s: %g, PyTorch says %g", c.Loss, value, c.Value)
		}
		alike(t, c.Loss, grad, c.Grad)
	}
}

func TestOptimizersAgreeWithPyTorch(t *testing.T) {
	for _, c := range torchValues(t).Optimizers {
		p := &Param{Shape: []int{len(c.Start)}, Value: slices.Clone(c.Start)}
		u := newUpdater(c.Optimizer, []*Param{p})
		for step, g := range c.Grads {
			p.Grad = g
			scale := 1.0
			if norm := math.Sqrt(float64(Dot(g, g))); c.ClipNorm > 0 && norm > c.ClipNorm {
				scale = c.ClipNorm / norm
			}
			u.prepare(c.Optimizer.rate(), scale)
			u.apply(p, 0, 0, len(p.Value))
			alike(t, c.Optimizer.Name, p.Value, c.Values[step])
		}
	}
}
