package nn

import (
	"fmt"
	"math"
	"slices"
)

// Attribution is what each element of one input gives to a score, by integrated
// gradients (Sundararajan, Taly and Yan, ICML 2017): the shares add up to Score −
// Baseline but for Gap.
type Attribution struct {
	Shares   []float32 // by element of the input; of ids, by id
	Score    float64   // log odds of the output (behind softmax: against all others), or the output itself
	Baseline float64   // the same for the input that says nothing
	Gap      float64   // Score − Baseline − Σ Shares: the error of the integral
	Steps    int       // of the integral
}

// Attribute explains one output of one sample. x and baseline have the shape of a
// sample with 1 in front; for a model whose first layer takes ids, baseline is not
// used: it is no word at all. Not while [Fit] trains the model.
func (m *Model) Attribute(x, baseline Tensor, output int) (Attribution, error) {
	return Attribute([]*Model{m}, x, baseline, output, Reading{Scale: 1, Odds: m.head == "softmax"})
}

// Reading is what becomes of a network's outputs before a last softmax or sigmoid:
// Scale·z + Shift, and with Odds the log odds of one against all others, as behind
// a softmax.
type Reading struct {
	Scale float64
	Shift []float64 // by output; nil = 0
	Odds  bool
}

func (r *Reading) of(z []float32, j int) float64 {
	v := r.Scale * float64(z[j])
	if r.Shift != nil {
		v += r.Shift[j]
	}
	return v
}

// Attribute explains one output of models whose outputs, before a last softmax or
// sigmoid, are averaged and then read.
func Attribute(models []*Model, x, baseline Tensor, output int, r Reading) (Attribution, error) {
	p := &path{output: output, read: r}
	for _, m := range models {
		if err := m.check(x); err != nil {
			return Attribution{}, err
		}
		if x.Shape[0] != 1 || output < 0 || output >= size(m.out) {
			return Attribution{}, fmt.Errorf("nn: explaining output %d of %v for an input of shape %v", output, m.out, x.Shape)
		}
		if err := p.add(m, x, baseline); err != nil {
			return Attribution{}, err
		}
	}
	p.score, p.base = p.ends()
	for steps := fewestSteps; ; steps *= 2 {
		p.integrate(steps)
		gap := p.score - p.base - p.sum()
		if math.Abs(gap) <= widestGap*math.Abs(p.score-p.base)+1e-4 || steps >= mostSteps {
			return Attribution{Shares: p.shares(x), Score: p.score, Baseline: p.base, Gap: gap, Steps: steps}, nil
		}
	}
}

// The steps of the integral: doubled until the gap is small.
const (
	fewestSteps = 64
	mostSteps   = 1024
	widestGap   = .005 // of the difference, at most
)

// path goes straight from the baseline to the input, in all models at once.
type path struct {
	roads       []*road
	output      int
	read        Reading
	score, base float64
}

// road is the path of one model, behind a layer that takes ids if there is one.
type road struct {
	ids      Layer // *Embedding or *EmbeddingBag, nil = none
	layers   []Layer
	from, to Tensor
	total    []float64 // gradient along the path
	mean     []float32
}

func (p *path) add(m *Model, x, baseline Tensor) error {
	net, _, err := m.spec.build(&builder{shared: m.net, grads: true, inputs: true})
	if err != nil {
		return err
	}
	r := &road{layers: net.layers, from: baseline, to: x}
	switch l := r.layers[0].(type) {
	case *Embedding, *EmbeddingBag:
		y := l.Forward(x, false)
		r.ids, r.layers = l, r.layers[1:]
		r.to = Tensor{Shape: slices.Clone(y.Shape), Data: slices.Clone(y.Data), Lengths: slices.Clone(y.Lengths)}
		r.from = NewTensor(y.Shape...)
	default:
		if !slices.Equal(baseline.Shape, x.Shape) || len(baseline.Data) != len(x.Data) {
			return fmt.Errorf("nn: explaining: the baseline is %v, the input %v", baseline.Shape, x.Shape)
		}
	}
	p.roads = append(p.roads, r)
	return nil
}

func (r *road) forward(x Tensor) Tensor {
	for _, l := range r.layers {
		x = l.Forward(x, false)
	}
	return x
}

// points are count places on the road, from step begin on.
func (r *road) points(begin, count, steps int) Tensor {
	n := len(r.to.Data)
	x := NewTensor(append([]int{count}, r.to.Shape[1:]...)...)
	for k := range count {
		a := (float32(begin+k) + .5) / float32(steps)
		for i := range n {
			x.Data[k*n+i] = r.from.Data[i] + a*(r.to.Data[i]-r.from.Data[i])
		}
		if r.to.Lengths != nil {
			x.Lengths = append(x.Lengths, r.to.Lengths[0])
		}
	}
	return x
}

// ends are the scores at the end and at the beginning.
func (p *path) ends() (score, base float64) {
	at := func(of func(*road) Tensor) float64 {
		var z []float32
		for _, r := range p.roads {
			x := of(r)
			x.Lengths = r.to.Lengths
			z = addTo(z, r.forward(x).Data, float32(len(p.roads)))
		}
		s, _ := p.scored(z)
		return s
	}
	return at(func(r *road) Tensor { return r.to }), at(func(r *road) Tensor { return r.from })
}

// addTo adds a share of x to z, which is made when it is nil.
func addTo(z, x []float32, parts float32) []float32 {
	if z == nil {
		z = make([]float32, len(x))
	}
	for i, v := range x {
		z[i] += v / parts
	}
	return z
}

// scored is the score of one sample's outputs, and its gradient by them.
func (p *path) scored(z []float32) (score float64, gradient []float32) {
	scale := float32(p.read.Scale)
	gradient = make([]float32, len(z))
	gradient[p.output] = scale
	score = p.read.of(z, p.output)
	if !p.read.Odds || len(z) < 2 {
		return score, gradient
	}
	top := math.Inf(-1)
	for j := range z {
		if j != p.output {
			top = max(top, p.read.of(z, j))
		}
	}
	var sum float64
	for j := range z {
		if j != p.output {
			sum += math.Exp(p.read.of(z, j) - top)
		}
	}
	for j := range z {
		if j != p.output {
			gradient[j] = -scale * float32(math.Exp(p.read.of(z, j)-top)/sum)
		}
	}
	return score - top - math.Log(sum), gradient
}

// stepsTogether are gone through in one batch.
const stepsTogether = 32

// integrate takes the mean gradient at the middles of equal steps.
func (p *path) integrate(steps int) {
	for _, r := range p.roads {
		r.total = make([]float64, len(r.to.Data))
	}
	for begin := 0; begin < steps; begin += stepsTogether {
		p.stretch(begin, min(stepsTogether, steps-begin), steps)
	}
	for _, r := range p.roads {
		r.mean = make([]float32, len(r.total))
		for i, t := range r.total {
			r.mean[i] = float32(t / float64(steps))
		}
	}
}

// stretch adds the gradients of some steps.
func (p *path) stretch(begin, count, steps int) {
	var z []float32
	ends := make([]Tensor, len(p.roads))
	for i, r := range p.roads {
		ends[i] = r.forward(r.points(begin, count, steps))
		z = addTo(z, ends[i].Data, float32(len(p.roads)))
	}
	across := len(z) / count
	for i, r := range p.roads {
		y := ends[i]
		dz := NewTensor(y.Shape...)
		dz.Lengths = y.Lengths
		for k := range count {
			_, g := p.scored(z[k*across : (k+1)*across])
			for j, v := range g {
				dz.Data[k*across+j] = v / float32(len(p.roads))
			}
		}
		dx := dz
		for _, l := range slices.Backward(r.layers) {
			dx = l.Backward(dx)
		}
		for i, g := range dx.Data[:count*len(r.total)] {
			r.total[i%len(r.total)] += float64(g)
		}
	}
}

// sum is that of all shares.
func (p *path) sum() (s float64) {
	for _, r := range p.roads {
		for i, g := range r.mean {
			s += float64(g) * float64(r.to.Data[i]-r.from.Data[i])
		}
	}
	return s
}

// shares are by element of the input.
func (p *path) shares(x Tensor) []float32 {
	out := make([]float32, len(x.Data))
	for _, r := range p.roads {
		r.share(x, out)
	}
	return out
}

func (r *road) share(x Tensor, out []float32) {
	switch l := r.ids.(type) {
	case *Embedding:
		d := l.Table.Shape[1]
		for i := range out {
			out[i] += Dot(r.mean[i*d:(i+1)*d], r.to.Data[i*d:(i+1)*d])
		}
	case *EmbeddingBag:
		shares := l.shares(x)
		for i, id := range x.Data {
			if v := row(l.Table, l.Table.Value, id, l.MaskZero); v != nil {
				out[i] += shares[i] * Dot(r.mean, v)
			}
		}
	default:
		for i, g := range r.mean {
			out[i] += g * (r.to.Data[i] - r.from.Data[i])
		}
	}
}

// shares is how much each id counts in the bag of the one sample of x.
func (e *EmbeddingBag) shares(x Tensor) []float32 {
	out := make([]float32, len(x.Data))
	n := 0
	for i, id := range x.Data[:x.length(0, len(x.Data))] {
		if e.is(id) {
			out[i] = 1
			n++
		}
	}
	for i := range out {
		out[i] /= float32(max(n, 1))
	}
	return out
}
