package learn

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/optimize"
)

// Softmaxing says how to fit [FitSoftmax]. The zero value means L2 = 1, at most
// 200 steps, one thread.
type Softmaxing struct {
	L2      float64 // of the weights, in samples; the bias is free
	Steps   int
	Threads int
}

// FitSoftmax fits logistic regression on sparse rows by L-BFGS: multinomial where
// classes exclude each other, else one for each class. The scores of the result
// are logits, for [Labels.Probabilities]. The sums are made in fixed portions,
// so that the number of threads does not change them.
func FitSoftmax(ctx context.Context, x []Row, d int, y Labels, o Softmaxing) (*Linear, error) {
	if err := checkRows(x, d); err != nil {
		return nil, fmt.Errorf("learn: softmax: %w", err)
	}
	if err := CheckLabels(y); err != nil {
		return nil, err
	}
	if len(x) == 0 || len(x) != y.Len() {
		return nil, fmt.Errorf("learn: softmax: %d samples, %d labels", len(x), y.Len())
	}
	if o.L2 == 0 {
		o.L2 = 1
	}
	if o.Steps == 0 {
		o.Steps = 200
	}
	f := newSoftmaxFit(x, d, y, o)
	problem := optimize.Problem{
		Func: func(w []float64) float64 { f.at(w); return f.loss },
		Grad: func(into, w []float64) { f.at(w); copy(into, f.gradient) },
		Status: func() (optimize.Status, error) {
			if err := ctx.Err(); err != nil {
				return optimize.Failure, err
			}
			return optimize.NotTerminated, nil
		},
	}
	settings := &optimize.Settings{GradientThreshold: 1e-4, MajorIterations: o.Steps, Converger: &optimize.FunctionConverge{Relative: 1e-7, Iterations: 3}}
	start := make([]float64, len(f.gradient))
	for c, b := range y.Base(f.everyone()) {
		start[d*f.k+c] = b
	}
	result, err := optimize.Minimize(problem, start, settings, &optimize.LBFGS{Store: 10})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if result == nil || err != nil && !finite(result.X) {
		return nil, fmt.Errorf("learn: softmax: %w", err)
	}
	return f.linear(result.X), nil // a line search that ends early leaves the best point so far
}

func finite(v []float64) bool {
	for _, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// softmaxFit has the loss and its gradient at the weights asked for last.
type softmaxFit struct {
	*packed
	y        Labels
	o        Softmaxing
	d, k     int
	loss     float64
	gradient []float64 // (d+1)×k, the last row of the bias
	last     []float64
	parts    []portion
}

// portion is a fixed share of the samples with sums of its own.
type portion struct {
	from, to int
	loss     float64
	gradient []float64
}

func newSoftmaxFit(x []Row, d int, y Labels, o Softmaxing) *softmaxFit {
	k := y.Outputs()
	f := &softmaxFit{packed: pack(x), y: y, o: o, d: d, k: k, gradient: make([]float64, (d+1)*k)}
	portions := min(8, 1+len(x)/256)
	for p := range portions {
		f.parts = append(f.parts, portion{from: p * len(x) / portions, to: (p + 1) * len(x) / portions, gradient: make([]float64, (d+1)*k)})
	}
	return f
}

func (f *softmaxFit) everyone() []int32 {
	all := make([]int32, f.y.Len())
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// at makes loss and gradient at w, unless they are there already.
func (f *softmaxFit) at(w []float64) {
	if f.last != nil && same(f.last, w) {
		return
	}
	f.last = append(f.last[:0], w...)
	parallel(len(f.parts), max(f.o.Threads, 1), func(p int) { f.sum(&f.parts[p], w) })
	f.loss = 0
	clear(f.gradient)
	for _, p := range f.parts {
		f.loss += p.loss
		for i, g := range p.gradient {
			f.gradient[i] += g
		}
	}
	for i, v := range w[:f.d*f.k] {
		f.loss += f.o.L2 / 2 * v * v
		f.gradient[i] += f.o.L2 * v
	}
	n := float64(f.y.Len())
	f.loss /= n
	for i := range f.gradient {
		f.gradient[i] /= n
	}
}

func same(a, b []float64) bool {
	for i, v := range a {
		if v != b[i] {
			return false
		}
	}
	return true
}

func (f *softmaxFit) sum(p *portion, w []float64) {
	p.loss = 0
	clear(p.gradient)
	score, prob := make([]float64, f.k), make([]float64, f.y.Classes)
	bias := f.d * f.k
	for i := p.from; i < p.to; i++ {
		copy(score, w[bias:])
		index, value := f.row(i)
		for a, c := range index {
			for j := range f.k {
				score[j] += w[int(c)*f.k+j] * float64(value[a])
			}
		}
		f.y.Probabilities(score, prob)
		p.loss += f.y.surprise(prob, f.y.Of[i])
		copy(score, prob[f.y.Classes-f.k:])
		for _, c := range f.y.Of[i] {
			if j := c - (f.y.Classes - f.k); j >= 0 {
				score[j]--
			}
		}
		for a, c := range index {
			for j, g := range score {
				p.gradient[int(c)*f.k+j] += g * float64(value[a])
			}
		}
		for j, g := range score {
			p.gradient[bias+j] += g
		}
	}
}

func (f *softmaxFit) linear(w []float64) *Linear {
	by, bias := make([][]weight, f.k), make([]float32, f.k)
	for j := range f.k {
		bias[j] = float32(w[f.d*f.k+j])
		for c := range f.d {
			if v := float32(w[c*f.k+j]); v != 0 {
				by[j] = append(by[j], weight{uint32(c), v})
			}
		}
	}
	return gather(f.d, by, bias)
}
