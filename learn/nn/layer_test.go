package nn

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 7)) }

// checkGradients compares the backward pass of a layer with finite differences of
// the sum of outputs weighted by fixed random numbers.
func checkGradients(t *testing.T, l Layer, x Tensor, inputs bool) {
	t.Helper()
	rng := seeded(11)
	first := l.Forward(x, false)
	weights := Of(randoms(rng, len(first.Data)), slices.Clone(first.Shape)...)
	value := func() float64 {
		var s float64
		for i, v := range l.Forward(x, false).Data {
			s += float64(v) * float64(weights.Data[i])
		}
		return s
	}
	ZeroGrad(l.Params())
	l.Forward(x, false)
	dx := slices.Clone(l.Backward(weights).Data)
	check := func(name string, at, grad []float32) {
		t.Helper()
		for i := range at {
			const h = 1e-2
			old := at[i]
			at[i] = old + h
			up := value()
			at[i] = old - h
			down := value()
			at[i] = old
			want := (up - down) / (2 * h)
			if math.Abs(want-float64(grad[i])) > 2e-2*(math.Abs(want)+.2) {
				t.Errorf("%s: gradient %d is %g, finite differences say %g", name, i, grad[i], want)
				return
			}
		}
	}
	for _, p := range l.Params() {
		check(p.Name, p.Value, p.Grad)
	}
	if inputs {
		check("input", x.Data, dx)
	}
}

func TestGradients(t *testing.T) {
	rng := seeded(1)
	ids := Of([]float32{0, 3, -1, 2, 2, 4, -1, -1, -1}, 3, 3)
	away := func(n int) []float32 { // off the kink of ReLU
		x := randoms(rng, n)
		for i := range x {
			x[i] += float32(math.Copysign(.1, float64(x[i])))
		}
		return x
	}
	chain, err := NewSequential([]int{5}, NewDense(5, 7, rng), GELU(), NewLayerNorm(7), NewDense(7, 2, rng), Tanh())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		l      Layer
		x      Tensor
		inputs bool
	}{
		"dense":      {NewDense(5, 3, rng), Of(randoms(rng, 20), 4, 5), true},
		"dense 3-d":  {NewDense(5, 3, rng), Of(randoms(rng, 30), 2, 3, 5), true},
		"relu":       {ReLU(), Of(away(24), 4, 6), true},
		"gelu":       {GELU(), Of(randoms(rng, 24), 4, 6), true},
		"tanh":       {Tanh(), Of(randoms(rng, 24), 4, 6), true},
		"sigmoid":    {Sigmoid(), Of(randoms(rng, 24), 4, 6), true},
		"norm":       {NewLayerNorm(6), Of(randoms(rng, 24), 4, 6), true},
		"embedding":  {NewEmbedding(5, 4, rng), ids, false},
		"bag":        {NewEmbeddingBag(5, 4, rng), ids, false},
		"dropout":    {NewDropout(.5, rng), Of(randoms(rng, 24), 4, 6), true},
		"sequential": {chain, Of(randoms(rng, 20), 4, 5), true},
	} {
		t.Run(name, func(t *testing.T) { checkGradients(t, c.l, c.x, c.inputs) })
	}
}

func TestLossGradients(t *testing.T) {
	rng := seeded(2)
	logits, weights := randoms(rng, 12), []float32{1, 2, .5, 1, 1, 3, 1, 1, 1, .1, 1, 1}
	targets := []float32{0, 1, 1, 0, .3, 1, 0, 0, 1, 1, 0, 1}
	losses := map[string]func(z, g []float32) (float64, error){
		"BCE":                    func(z, g []float32) (float64, error) { return BCE(z, targets, nil, g) },
		"weighted BCE":           func(z, g []float32) (float64, error) { return BCE(z, targets, weights, g) },
		"cross-entropy":          func(z, g []float32) (float64, error) { return CrossEntropy(z, []int{0, 2, 1, 1}, nil, g) },
		"weighted cross-entropy": func(z, g []float32) (float64, error) { return CrossEntropy(z, []int{0, -1, 1, 2}, weights[:4], g) },
	}
	for name, loss := range losses {
		grad, ignored := make([]float32, 12), make([]float32, 12)
		if _, err := loss(logits, grad); err != nil {
			t.Fatal(err)
		}
		for i := range logits {
			const h = 1e-2
			z := slices.Clone(logits)
			z[i] += h
			up, _ := loss(z, ignored)
			z[i] -= 2 * h
			down, _ := loss(z, ignored)
			if want := (up - down) / (2 * h); math.Abs(want-float64(grad[i])) > 1e-4 {
				t.Errorf("%s: gradient %d is %g, finite differences say %g", name, i, grad[i], want)
			}
		}
	}
}

func TestLossesByHandAndAtExtremes(t *testing.T) {
	g := make([]float32, 2)
	if l, _ := BCE([]float32{0, 0}, []float32{1, 0}, nil, g); math.Abs(l-math.Ln2) > 1e-6 {
		t.Errorf("BCE at 0: %g", l)
	}
	if l, _ := BCE([]float32{1000, -1000}, []float32{1, 0}, nil, g); l != 0 || g[0] != 0 || g[1] != 0 {
		t.Errorf("BCE at the right extremes: %g %v", l, g)
	}
	if l, _ := CrossEntropy([]float32{0, 1000}, []int{0}, nil, g); math.IsInf(l, 0) || math.IsNaN(l) || g[0] != -1 {
		t.Errorf("cross-entropy at the wrong extreme: %g %v", l, g)
	}
	for name, err := range map[string]error{
		"lengths":   fails(BCE(g, g[:1], nil, g)),
		"no weight": fails(BCE(g, g, []float32{0, 0}, g)),
		"class":     fails(CrossEntropy(g, []int{2}, nil, g)),
		"all out":   fails(CrossEntropy(g, []int{-1}, nil, g)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func fails(_ float64, err error) error { return err }

func TestDropoutKeepsTheMeanAndOnlyTrains(t *testing.T) {
	d := NewDropout(.3, seeded(3))
	x := NewTensor(100, 100)
	for i := range x.Data {
		x.Data[i] = 1
	}
	var sum float64
	zeros := 0
	for _, v := range d.Forward(x, true).Data {
		if v == 0 {
			zeros++
		}
		sum += float64(v)
	}
	if math.Abs(sum/1e4-1) > .03 || math.Abs(float64(zeros)/1e4-.3) > .03 {
		t.Errorf("mean %g, %d zeros", sum/1e4, zeros)
	}
	dy := d.Backward(x)
	for i, v := range d.y.Data {
		if v != dy.Data[i] {
			t.Fatal("the gradient went another way")
		}
	}
	if !slices.Equal(d.Forward(x, false).Data, x.Data) {
		t.Error("drops while serving")
	}
}

func TestSequentialNamesTheLayerThatDoesNotFit(t *testing.T) {
	rng := seeded(4)
	_, err := NewSequential([]int{5}, NewDense(5, 8, rng), ReLU(), NewDense(9, 1, rng))
	if err == nil || !strings.Contains(err.Error(), "layer 3") || !strings.Contains(err.Error(), "9") || !strings.Contains(err.Error(), "[8]") {
		t.Errorf("error %v names neither the layer nor both shapes", err)
	}
}

func xorNetwork(seed uint64) (*Sequential, float64) {
	rng := seeded(seed)
	net, err := NewSequential([]int{2}, NewDense(2, 16, rng), ReLU(), NewDense(16, 1, rng))
	if err != nil {
		panic(err)
	}
	x, y := Of([]float32{0, 0, 0, 1, 1, 0, 1, 1}, 4, 2), []float32{0, 1, 1, 0}
	opt := Adam{Rate: .02, Clip: 5}
	grad := NewTensor(4, 1)
	var loss float64
	for range 400 {
		ZeroGrad(net.Params())
		z := net.Forward(x, true)
		loss, err = BCE(z.Data, y, nil, grad.Data)
		if err != nil {
			panic(err)
		}
		net.Backward(grad)
		opt.Step(net.Params())
	}
	return net, loss
}

func TestTrainingLearnsXORAndIsDeterministic(t *testing.T) {
	a, loss := xorNetwork(5)
	if loss > .02 {
		t.Errorf("loss %g after 400 steps", loss)
	}
	b, _ := xorNetwork(5)
	for i, p := range a.Params() {
		if !slices.Equal(p.Value, b.Params()[i].Value) {
			t.Fatalf("%s differs between two runs of one seed", p.Name)
		}
	}
}

// Values from the published update rule, computed by hand for two steps.
func TestAdamByHand(t *testing.T) {
	p := newParam("p", 1)
	p.Value[0], p.Grad[0] = 1, 3
	a := Adam{Rate: .1, Clip: 2, Decay: .5}
	if norm := a.Step([]*Param{p}); norm != 3 {
		t.Errorf("norm %g", norm)
	}
	if want := 1*(1-.05) - .1; math.Abs(float64(p.Value[0])-want) > 1e-6 {
		t.Errorf("after one step %g, want %g", p.Value[0], want)
	}
	p.Grad[0] = float32(math.NaN())
	before := p.Value[0]
	if a.Step([]*Param{p}); p.Value[0] != before {
		t.Error("a gradient that is no number changed the parameter")
	}
	p.Grad[0] = -1
	a.Step([]*Param{p})
	m, v := .9*.1*2+.1*-1, .999*.001*4+.001*1
	want := float64(before)*.95 - .1*(m/(1-.81))/(math.Sqrt(v/(1-.999*.999))+1e-8)
	if math.Abs(float64(p.Value[0])-want) > 1e-5 {
		t.Errorf("after two steps %g, want %g", p.Value[0], want)
	}
}

func TestSaveAndLoad(t *testing.T) {
	a, b := NewDense(3, 4, seeded(6)), NewDense(3, 4, seeded(7))
	var file bytes.Buffer
	if err := Save(&file, a.Params()); err != nil {
		t.Fatal(err)
	}
	if err := Load(bytes.NewReader(file.Bytes()), b.Params()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.W.Value, b.W.Value) {
		t.Error("values changed")
	}
	for i := range file.Len() {
		bad := slices.Clone(file.Bytes())
		bad[i] ^= 4
		if err := Load(bytes.NewReader(bad), b.Params()); !errors.Is(err, ErrFormat) {
			t.Fatalf("byte %d damaged: %v", i, err)
		}
	}
	if err := Load(bytes.NewReader(file.Bytes()[:20]), b.Params()); !errors.Is(err, ErrFormat) {
		t.Errorf("cut short: %v", err)
	}
	for name, params := range map[string][]*Param{
		"another shape": NewDense(4, 3, seeded(1)).Params(), "fewer": b.Params()[:1], "none": nil,
	} {
		if err := Load(bytes.NewReader(file.Bytes()), params); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func ExampleNewSequential() {
	rng := rand.New(rand.NewPCG(1, 1))
	net, err := NewSequential([]int{8}, NewDense(8, 16, rng), ReLU(), NewDense(16, 2, rng))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(net.Forward(NewTensor(3, 8), false).Shape, len(net.Params()))
	// Output: [3 2] 4
}
