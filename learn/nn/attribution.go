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

// The steps of the integral: doubled until the gap is small.
const (
	fewestSteps = 64
	mostSteps   = 2048
	widestGap   = .005 // of the difference, at most
)

// Attribute explains one output of one sample. x and baseline have the shape of a
// sample with 1 in front; for a model whose first layer takes ids, baseline is not
// used: it is no word at all. Not while [Fit] trains the model.
func (m *Model) Attribute(x, baseline Tensor, output int) (Attribution, error) {
	if err := m.check(x); err != nil {
		return Attribution{}, err
	}
	if len(x.Shape) == 0 || x.Shape[0] != 1 || output < 0 || output >= size(m.out) {
		return Attribution{}, fmt.Errorf("nn: explaining output %d of %v for an input of shape %v", output, m.out, x.Shape)
	}
	net, _, err := m.spec.build(&builder{shared: m.net, grads: true, inputs: true})
	if err != nil {
		return Attribution{}, err
	}
	p := &path{m: m, net: net, output: output}
	if err := p.begin(x, baseline); err != nil {
		return Attribution{}, err
	}
	for steps := fewestSteps; ; steps *= 2 {
		p.integrate(steps)
		gap := p.score - p.base - p.sum()
		if math.Abs(gap) <= widestGap*math.Abs(p.score-p.base)+1e-4 || steps == mostSteps {
			return Attribution{Shares: p.shares(x), Score: p.score, Baseline: p.base, Gap: gap, Steps: steps}, nil
		}
	}
}

// path goes straight from the baseline to the input, behind a layer that takes
// ids if there is one.
type path struct {
	m           *Model
	net         *network
	ids         Layer // *Embedding or *EmbeddingBag, nil = none
	layers      []Layer
	output      int
	from, to    Tensor
	score, base float64
	mean        []float32 // gradient along the path
}

func (p *path) begin(x, baseline Tensor) error {
	p.layers, p.from, p.to = p.net.layers, baseline, x
	switch l := p.layers[0].(type) {
	case *Embedding, *EmbeddingBag:
		y := l.Forward(x, false)
		p.ids, p.layers = l, p.layers[1:]
		p.to = Tensor{Shape: slices.Clone(y.Shape), Data: slices.Clone(y.Data), Lengths: slices.Clone(y.Lengths)}
		p.from = NewTensor(y.Shape...)
	default:
		if !slices.Equal(baseline.Shape, x.Shape) || len(baseline.Data) != len(x.Data) {
			return fmt.Errorf("nn: explaining: the baseline is %v, the input %v", baseline.Shape, x.Shape)
		}
	}
	p.score, p.base = p.at(p.to), p.at(p.from)
	return nil
}

// forward runs the layers behind ids, if any.
func (p *path) forward(x Tensor) Tensor {
	for _, l := range p.layers {
		x = l.Forward(x, false)
	}
	return x
}

// at is the score at one point; its sequence is as long as the input's.
func (p *path) at(x Tensor) float64 {
	x.Lengths = p.to.Lengths
	z := p.forward(x)
	s, _ := p.scored(z.Data)
	return s
}

// scored is the score of one sample's outputs, and its gradient by them.
func (p *path) scored(z []float32) (score float64, gradient []float32) {
	gradient = make([]float32, len(z))
	gradient[p.output] = 1
	if p.m.head != "softmax" || len(z) < 2 {
		return float64(z[p.output]), gradient
	}
	// log odds of a class against all others: z − log Σ exp others
	top := math.Inf(-1)
	for j, v := range z {
		if j != p.output {
			top = max(top, float64(v))
		}
	}
	var sum float64
	for j, v := range z {
		if j != p.output {
			sum += math.Exp(float64(v) - top)
		}
	}
	for j, v := range z {
		if j != p.output {
			gradient[j] = -float32(math.Exp(float64(v)-top) / sum)
		}
	}
	return float64(z[p.output]) - top - math.Log(sum), gradient
}

// stepsTogether are gone through in one batch.
const stepsTogether = 32

// integrate takes the mean gradient at the middles of equal steps.
func (p *path) integrate(steps int) {
	n := len(p.to.Data)
	total := make([]float64, n)
	for begin := 0; begin < steps; begin += stepsTogether {
		count := min(stepsTogether, steps-begin)
		x := NewTensor(append([]int{count}, p.to.Shape[1:]...)...)
		for k := range count {
			a := (float32(begin+k) + .5) / float32(steps)
			for i := range n {
				x.Data[k*n+i] = p.from.Data[i] + a*(p.to.Data[i]-p.from.Data[i])
			}
			if p.to.Lengths != nil {
				x.Lengths = append(x.Lengths, p.to.Lengths[0])
			}
		}
		z := p.forward(x)
		dz := NewTensor(z.Shape...)
		dz.Lengths = z.Lengths
		across := len(z.Data) / count
		for k := range count {
			_, g := p.scored(z.Data[k*across : (k+1)*across])
			copy(dz.Data[k*across:], g)
		}
		dx := dz
		for _, l := range slices.Backward(p.layers) {
			dx = l.Backward(dx)
		}
		for k := range count {
			for i, g := range dx.Data[k*n : (k+1)*n] {
				total[i] += float64(g)
			}
		}
	}
	p.mean = make([]float32, n)
	for i, t := range total {
		p.mean[i] = float32(t / float64(steps))
	}
}

// sum is that of all shares.
func (p *path) sum() (s float64) {
	for i, g := range p.mean {
		s += float64(g) * float64(p.to.Data[i]-p.from.Data[i])
	}
	return s
}

// shares are by element of the input.
func (p *path) shares(x Tensor) []float32 {
	out := make([]float32, len(x.Data))
	switch l := p.ids.(type) {
	case *Embedding:
		d := l.Table.Shape[1]
		for i := range out {
			out[i] = Dot(p.mean[i*d:(i+1)*d], p.to.Data[i*d:(i+1)*d])
		}
	case *EmbeddingBag:
		shares := l.shares(x)
		for i, id := range x.Data {
			if v := row(l.Table, l.Table.Value, id, l.MaskZero); v != nil {
				out[i] = shares[i] * Dot(p.mean, v)
			}
		}
	default:
		for i, g := range p.mean {
			out[i] = g * (p.to.Data[i] - p.from.Data[i])
		}
	}
	return out
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
