package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
)

// Model is a network made from a spec. Predict and sessions are safe for
// concurrent use, but not while [Fit] trains the model.
type Model struct {
	spec     Spec
	out      []int
	head     string // softmax, sigmoid or "": the last activation
	net      *network
	block    int                         // samples that a session takes together
	widest   int                         // elements of a sample at most, behind any layer
	sessions sync.Pool                   // *Session
	tables   atomic.Pointer[[][]float32] // of [folded], nil = not made since the weights changed
}

// Build makes the model with new parameters drawn from seed.
func (s Spec) Build(seed uint64) (*Model, error) {
	return s.make(&builder{rng: rand.New(rand.NewPCG(seed, 0x6e6e))})
}

func (s Spec) make(b *builder) (*Model, error) {
	if _, err := s.Parameters(); err != nil { // before any memory is taken
		return nil, err
	}
	net, out, err := s.build(b)
	if err != nil {
		return nil, err
	}
	head, _ := s.split()
	m := &Model{spec: s, out: out, head: head, net: net, block: block, widest: b.widest}
	if !b.sequences {
		m.block = min(block, max(fewest, cachedNet/b.widest))
	}
	m.sessions.New = func() any { return m.Session() }
	m.repack()
	return m, nil
}

// repack follows a change of the parameters.
func (m *Model) repack() {
	m.tables.Store(nil)
	for _, p := range m.net.params {
		p.repack()
	}
}

// Spec is what the model was made from.
func (m *Model) Spec() Spec { return m.spec }

// Output is the shape of one sample's output.
func (m *Model) Output() []int { return slices.Clone(m.out) }

// Params are the trainable parameters, then the running means that batch
// normalisation keeps.
func (m *Model) Params() []*Param { return slices.Concat(m.net.params, m.net.state) }

// Session has buffers of its own and shares the weights. It serves one goroutine
// at a time and allocates nothing once warm.
type Session struct {
	m     *Model
	net   *network
	head  Layer
	shape []int // of a part of the input
	out   Tensor
}

// Session makes one.
func (m *Model) Session() *Session {
	net, _, err := m.spec.build(&builder{shared: m.net})
	if err != nil {
		panic("nn: a spec that made a model makes none: " + err.Error())
	}
	m.fold(net)
	return &Session{m: m, net: net, head: m.headLayer()}
}

// headLayer is the last activation as a layer.
func (m *Model) headLayer() Layer {
	l, err := activation(m.head)
	if err != nil || l == nil {
		return &identity{}
	}
	return l
}

// block is how many samples go through a session together at most. Without
// sequences, whose steps want many rows, it is as many as leave the widest layer
// within the second-level cache, but no fewer than some.
const (
	block     = 256
	fewest    = 4
	cachedNet = 1 << 17
)

// Predict gives each sample's output: probabilities behind softmax or sigmoid.
// The result belongs to the session and holds until its next call.
func (s *Session) Predict(x Tensor) (Tensor, error) {
	if err := s.m.check(x); err != nil {
		return Tensor{}, err
	}
	n, block := x.Shape[0], s.m.block
	if n <= block {
		return s.head.Forward(s.net.forward(x, false), false), nil
	}
	wide, across := size(s.m.spec.Input), size(s.m.out)
	s.out.Data = resized(s.out.Data, n*across)
	s.out.Shape = append(append(s.out.Shape[:0], n), s.m.out...)
	for i := 0; i < n; i += block {
		j := min(n, i+block)
		s.shape = append(append(s.shape[:0], j-i), s.m.spec.Input...)
		part := Tensor{Shape: s.shape, Data: x.Data[i*wide : j*wide]}
		if x.Lengths != nil {
			part.Lengths = x.Lengths[i:j]
		}
		copy(s.out.Data[i*across:], s.head.Forward(s.net.forward(part, false), false).Data)
	}
	return s.out, nil
}

// Predict gives each sample's output as [Session.Predict] does, in memory of its
// own.
func (m *Model) Predict(x Tensor) (Tensor, error) {
	s := m.sessions.Get().(*Session)
	defer m.sessions.Put(s)
	y, err := s.Predict(x)
	return Tensor{Shape: slices.Clone(y.Shape), Data: slices.Clone(y.Data)}, err
}

// check refuses inputs of another shape, lengths that do not fit, and ids that
// are none.
func (m *Model) check(x Tensor) error {
	in := m.spec.Input
	if len(x.Shape) != len(in)+1 || !slices.Equal(x.Shape[1:], in) {
		return fmt.Errorf("nn: the input is %v, the model takes [n %s", x.Shape, fmt.Sprint([]int(in))[1:])
	}
	if len(x.Data) != size(x.Shape) {
		return fmt.Errorf("nn: %d elements do not make the input %v", len(x.Data), x.Shape)
	}
	if x.Lengths != nil && len(x.Lengths) != x.Shape[0] {
		return fmt.Errorf("nn: %d lengths of %d samples", len(x.Lengths), x.Shape[0])
	}
	for i, n := range x.Lengths {
		if n < 0 || n > in[0] {
			return fmt.Errorf("nn: sample %d has length %d, of %d steps", i, n, in[0])
		}
	}
	if l, ok := m.net.layers[0].(checker); ok {
		if err := l.check(x); err != nil {
			return fmt.Errorf("nn: %w", err)
		}
	}
	return nil
}
