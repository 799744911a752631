package aiaas

import (
	"context"
	"errors"
	"fmt"
	"math"

	"ember/learn/nn"
)

// preparation turns samples into what a network takes. What it knows is that of
// the fit.
type preparation interface {
	// shape is of one sample.
	shape() []int
	// inputs are all samples, without chance.
	inputs(d *Dataset) (nn.Tensor, error)
	check() error
}

// varied is a preparation whose training inputs differ from epoch to epoch.
type varied interface {
	preparation
	// raw is what samples are varied from.
	raw(d *Dataset) (nn.Tensor, error)
	// vary draws all samples of raw anew into x.
	vary(raw, x nn.Tensor, seed, stream uint64)
}

// recipe is how a neural family makes networks of a dataset.
type recipe struct {
	name    string
	rank    int
	members int // networks whose logits are averaged, each fitted without another part
	accepts func(d *Dataset) error
	prepare func(d *Dataset) (preparation, error)
	// design is the network for inputs of that preparation, up to the outputs.
	design  func(p preparation) nn.Spec
	options func(samples int) nn.Options
	// whole is the network of a user, which ends in its outputs; nil = design's.
	whole *nn.Spec
}

func (r recipe) family() Family {
	return Family{
		Name: r.name, Rank: r.rank, Accepts: r.accepts, Load: loadNeural,
		Fit: func(ctx context.Context, d *Dataset, f Fitting) (Model, error) {
			m, err := r.fit(ctx, d, f)
			if err != nil { // not a *neural of nil
				return nil, err
			}
			return m, nil
		},
	}
}

// neural is networks behind one preparation. Their logits are averaged.
type neural struct {
	face
	prep preparation
	nets []*nn.Model
}

// face is what a model is besides its networks.
type face struct {
	Family   string    `json:"family"`
	Outputs  int       `json:"outputs"`
	Number   bool      `json:"number,omitempty"` // a number is predicted
	Multi    bool      `json:"multi,omitempty"`
	Mean     float64   `json:"mean,omitempty"` // of the number
	SD       float64   `json:"sd,omitempty"`
	Sharp    sharpness `json:"sharp"`
	Weights  []float32 `json:"weights,omitempty"` // of classes in the fit
	Lean     []float64 `json:"lean,omitempty"`    // added to the sharpened logits of exclusive classes
	Networks int       `json:"networks"`
}

// outputs is a network's last layer: one logit for each class, or the number.
func (r recipe) spec(p preparation, d *Dataset) (nn.Spec, error) {
	if r.whole == nil {
		return r.design(p).Dense(d.Outputs()), nil
	}
	s := *r.whole
	m, err := s.Build(0)
	if err != nil {
		return s, fmt.Errorf("aiaas: the network: %w", err)
	}
	if out := m.Output(); len(out) != 1 || out[0] != d.Outputs() {
		last := s.Layers[len(s.Layers)-1]
		return s, fmt.Errorf("aiaas: the network: layer %d (%s) ends in the shape %v; %s asks for [%d]", len(s.Layers), last.Type, out, d.Name, d.Outputs())
	}
	return s, nil
}

// loss is what suits the labels.
func lossOf(d *Dataset) string {
	switch {
	case d.Target != nil:
		return "mse"
	case d.Multi:
		return "binary_crossentropy"
	}
	return "sparse_categorical_crossentropy"
}

// targets are the labels as a network's; numbers are standardised.
func (f *face) targets(d *Dataset) nn.Tensor {
	n := d.Len()
	switch {
	case d.Target != nil:
		y := nn.NewTensor(n, 1)
		for i, v := range d.Target {
			y.Data[i] = float32((v - f.Mean) / f.SD)
		}
		return y
	case d.Multi:
		y := nn.NewTensor(n, f.Outputs)
		for i, of := range d.Labels {
			for _, c := range of {
				y.Data[i*f.Outputs+c] = 1
			}
		}
		return y
	}
	y := nn.NewTensor(n)
	for i, of := range d.Labels {
		y.Data[i] = float32(of[0])
	}
	return y
}

// faceOf measures the number to predict.
func faceOf(name string, d *Dataset) face {
	f := face{Family: name, Outputs: d.Outputs(), Number: d.Target != nil, Multi: d.Multi, Sharp: sharpness{Exclusive: !d.Multi, Slope: 1}}
	if !f.Number {
		return f
	}
	n := float64(d.Len())
	for _, v := range d.Target {
		f.Mean += v / n
	}
	for _, v := range d.Target {
		f.SD += (v - f.Mean) * (v - f.Mean) / n
	}
	if f.SD = math.Sqrt(f.SD); f.SD == 0 {
		f.SD = 1
	}
	return f
}

// balance weighs classes by the root of how rare they are, with mean 1 over the
// samples; nil where there are no exclusive classes.
func balance(d *Dataset) []float32 {
	if d.Target != nil || d.Multi {
		return nil
	}
	m := len(d.Classes)
	count := make([]float64, m)
	for _, of := range d.Labels {
		count[of[0]]++
	}
	w, sum := make([]float32, m), 0.
	for _, n := range count {
		if n > 0 {
			sum += math.Sqrt(n)
		}
	}
	for c, n := range count {
		w[c] = 1
		if n > 0 {
			w[c] = float32(float64(d.Len()) / sum / math.Sqrt(n))
		}
	}
	return w
}

// logits are the mean of the networks' for all samples, with softmax and sigmoid
// of a user's network undone.
func (m *neural) logits(ctx context.Context, x nn.Tensor) ([]float32, error) {
	var sum []float32
	for _, net := range m.nets {
		z, err := logitsOf(ctx, net, x)
		if err != nil {
			return nil, err
		}
		if sum == nil {
			sum = z
			continue
		}
		for i, v := range z {
			sum[i] += v
		}
	}
	for i := range sum {
		sum[i] /= float32(len(m.nets))
	}
	return sum, nil
}

// few is how many samples go to a network between two looks at the context.
const few = 1024

func logitsOf(ctx context.Context, net *nn.Model, x nn.Tensor) ([]float32, error) {
	n := x.Shape[0]
	wide := len(x.Data) / max(n, 1)
	var out []float32
	for i := 0; i < n; i += few {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		j := min(n, i+few)
		part := nn.Tensor{Shape: append([]int{j - i}, x.Shape[1:]...), Data: x.Data[i*wide : j*wide]}
		if x.Lengths != nil {
			part.Lengths = x.Lengths[i:j]
		}
		y, err := net.Predict(part)
		if err != nil {
			return nil, fmt.Errorf("aiaas: %w", err)
		}
		out = append(out, y.Data...)
	}
	undo(net.Spec(), out)
	return out, nil
}

// undo turns probabilities behind a last softmax or sigmoid into logits.
func undo(s nn.Spec, p []float32) {
	const least = 1e-7
	switch s.Layers[len(s.Layers)-1].Activation {
	case "softmax":
		for i, v := range p {
			p[i] = float32(math.Log(max(float64(v), least)))
		}
	case "sigmoid":
		for i, v := range p {
			q := min(max(float64(v), least), 1-least)
			p[i] = float32(math.Log(q / (1 - q)))
		}
	}
}

// Predict implements [Model].
func (m *neural) Predict(ctx context.Context, d *Dataset) ([]float32, error) {
	x, err := m.prep.inputs(d)
	if err != nil {
		return nil, err
	}
	z, err := m.logits(ctx, x)
	if err != nil {
		return nil, err
	}
	if m.Number {
		for i, v := range z {
			z[i] = float32(m.Mean + m.SD*float64(v))
		}
		return z, nil
	}
	m.probabilities(z)
	return z, nil
}

// Parameters is how many trainable numbers the networks have together.
func (m *neural) Parameters() int {
	sum := 0
	for _, net := range m.nets {
		n, _ := net.Spec().Parameters() // a spec that made a network has no fault
		sum += n
	}
	return sum
}

func (m *neural) check() error {
	if m.prep == nil || m.Networks < 1 || len(m.nets) != m.Networks || m.Outputs < 1 {
		return errors.New("parts are missing")
	}
	for _, net := range m.nets {
		in, out := net.Spec().Input, net.Output()
		if len(out) != 1 || out[0] != m.Outputs || fmt.Sprint([]int(in)) != fmt.Sprint(m.prep.shape()) {
			return fmt.Errorf("a network of %v to %v, for inputs of %v and %d outputs", in, out, m.prep.shape(), m.Outputs)
		}
	}
	if m.Number && !(m.SD > 0) || !(m.Sharp.Slope > 0) {
		return errors.New("damaged scale")
	}
	if m.Lean != nil && len(m.Lean) != m.Outputs {
		return errors.New("damaged calibration")
	}
	return m.prep.check()
}
