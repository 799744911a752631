package nn

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// builder makes the layers of a spec. Its mode says what parameters are: new
// numbers, numbers shared with another network of the same spec, or nothing but
// shapes.
type builder struct {
	rng           *rand.Rand // for new numbers; nil = not
	blank         bool       // new numbers are zeros, to be loaded
	shared        *network   // whose numbers to share; nil = not
	grads         bool       // with room for gradients
	inputs        bool       // also for those of the input, which training can do without
	params, state []*Param
	total         int
	widest        int  // elements of a sample at most, behind any layer
	sequences     bool // some layer walks through steps
	inside        int  // how many layers the one being made lies inside
}

// largest is how many numbers a model may have.
const largest = 1 << 30

// param is a parameter; draw gives new numbers.
func (b *builder) param(name string, draw func(p *Param, rng *rand.Rand), shape ...int) *Param {
	p := b.numbers(name, len(b.params), false, draw, shape)
	if b.grads {
		p.Grad = make([]float32, size(shape))
	}
	b.params = append(b.params, p)
	return p
}

// weight is a parameter that products read: it is kept packed too.
func (b *builder) weight(name string, draw func(p *Param, rng *rand.Rand), shape ...int) *Param {
	p := b.param(name, draw, shape...)
	if b.rng != nil || b.blank {
		p.plain = &panels{}
	}
	return p
}

// stateful is numbers that training changes without a gradient. Each network has
// its own; serving shares them.
func (b *builder) stateful(name string, draw func(p *Param, rng *rand.Rand), shape ...int) *Param {
	p := b.numbers(name, len(b.state), true, draw, shape)
	b.state = append(b.state, p)
	return p
}

func (b *builder) numbers(name string, i int, state bool, draw func(p *Param, rng *rand.Rand), shape []int) *Param {
	p := &Param{Name: name, Shape: shape}
	n := 1.0
	for _, d := range shape {
		n *= float64(d)
	}
	b.total = int(min(float64(b.total)+n, math.MaxInt32))
	switch {
	case b.shared != nil && !state:
		from := b.shared.params[i]
		p.Value, p.plain, p.turned = from.Value, from.plain, from.turned
	case b.shared != nil:
		p.Value = b.shared.state[i].Value
		if b.grads {
			p.Value = slices.Clone(p.Value)
		}
	case b.rng != nil || b.blank:
		p.Value = make([]float32, size(shape))
		if draw != nil && !b.blank {
			draw(p, b.rng)
		}
	}
	return p
}

// layers makes all layers, for inputs of shape in, and the shape they end in.
func (b *builder) layers(in []int, specs []LayerSpec) (all []Layer, out []int, err error) {
	out = slices.Clone(in)
	for i, s := range specs {
		if name, ok := synonyms[s.Type]; ok {
			s.Type = name
		}
		before := len(b.params)
		stateBefore := len(b.state)
		made, next, err := b.layer(s, out)
		if err != nil {
			return nil, nil, fmt.Errorf("layer %d (%s): %w", i+1, title(s), err)
		}
		for _, p := range slices.Concat(b.params[before:], b.state[stateBefore:]) {
			p.Name = fmt.Sprintf("%d.%s", i+1, p.Name)
		}
		if _, ids := made[0].(checker); ids && i+b.inside > 0 {
			return nil, nil, fmt.Errorf("layer %d (%s): takes ids, so it comes first", i+1, title(s))
		}
		if err := bounded(next); err != nil {
			return nil, nil, fmt.Errorf("layer %d (%s): %w", i+1, title(s), err)
		}
		all, out = append(all, made...), next
		b.widest = max(b.widest, size(out))
	}
	return all, out, nil
}

// bounded refuses shapes of absurd size.
func bounded(shape []int) error {
	n := 1.0
	for _, d := range shape {
		n *= float64(d)
	}
	if n > largest {
		return fmt.Errorf("%v has more than %d elements", shape, largest)
	}
	return nil
}

func title(s LayerSpec) string {
	if s.Name != "" {
		return s.Type + " " + s.Name
	}
	return s.Type
}

// layer is one layer and its activation.
func (b *builder) layer(s LayerSpec, in []int) (made []Layer, out []int, err error) {
	k, err := kindOf(s.Type)
	if err != nil {
		return nil, nil, err
	}
	if err := checkFields(s, k); err != nil {
		return nil, nil, err
	}
	l, err := k.make(b, s, in)
	if err != nil {
		return nil, nil, err
	}
	if l != nil {
		made = append(made, l)
	}
	a, err := activation(s.Activation)
	if err != nil {
		return nil, nil, err
	}
	if c, ok := l.(*conv); ok && s.Activation == "relu" {
		c.relu, a = true, nil
	}
	if a != nil {
		made = append(made, a)
	}
	if len(made) == 0 {
		made = append(made, &identity{})
	}
	out = in
	for _, l := range made {
		if out, err = l.(Shaper).OutShape(out); err != nil {
			return nil, nil, err
		}
	}
	return made, out, nil
}

// network is layers that share parameters with others of the same spec, but have
// gradients and buffers of their own.
type network struct {
	layers        []Layer
	params, state []*Param
}

// build makes the network of a spec. The activation of the last layer is left to
// the model, which fuses it with the loss.
func (s Spec) build(b *builder) (*network, []int, error) {
	if len(s.Layers) == 0 {
		return nil, nil, errors.New("nn: a model without layers")
	}
	if err := positive("input", s.Input...); err != nil {
		return nil, nil, fmt.Errorf("nn: %w", err)
	}
	if err := bounded(s.Input); err != nil {
		return nil, nil, fmt.Errorf("nn: the input %w", err)
	}
	head, specs := s.split()
	if head == "" {
		specs = s.Layers
	}
	layers, out, err := b.layers(s.Input, specs)
	if err != nil {
		return nil, nil, fmt.Errorf("nn: %w", err)
	}
	if b.total > largest {
		return nil, nil, fmt.Errorf("nn: the model has more than %d parameters", largest)
	}
	if l, ok := layers[0].(interface{ isFirst() }); ok && !b.inputs {
		l.isFirst()
	}
	return &network{layers, b.params, b.state}, out, nil
}

// split takes softmax or sigmoid off the last layer.
func (s Spec) split() (head string, rest []LayerSpec) {
	n := len(s.Layers) - 1
	if a := s.Layers[n].Activation; a == "softmax" || a == "sigmoid" {
		rest = slices.Clone(s.Layers)
		rest[n].Activation = ""
		return a, rest
	}
	return "", nil
}

// Parameters checks the spec and counts the trainable numbers of its model,
// without making it.
func (s Spec) Parameters() (int, error) {
	var b builder
	if _, _, err := s.build(&b); err != nil {
		return 0, err
	}
	n := 0
	for _, p := range b.params {
		n += size(p.Shape)
	}
	return n, nil
}

// String is the spec's layers in a line.
func (s Spec) String() string {
	words := []string{fmt.Sprint("Input", []int(s.Input))}
	for _, l := range s.Layers {
		words = append(words, title(l))
	}
	return strings.Join(words, " → ")
}

func (n *network) forward(x Tensor, train bool) Tensor {
	for _, l := range n.layers {
		x = l.Forward(x, train)
	}
	return x
}

func (n *network) backward(dy Tensor) Tensor {
	for _, l := range slices.Backward(n.layers) {
		dy = l.Backward(dy)
	}
	return dy
}

// seed gives the layers that draw numbers while training their next stream.
func (n *network) seed(a, b uint64) {
	for i, l := range n.layers {
		if s, ok := l.(seeder); ok {
			s.seed(a, b+uint64(i)<<32)
		}
	}
}

// seeder is a layer that draws numbers while training.
type seeder interface{ seed(a, b uint64) }

// checker is a layer that takes ids and knows which there are.
type checker interface{ check(x Tensor) error }
