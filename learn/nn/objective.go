package nn

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// objective is a loss over rows: the last dimension of the output against a class
// or as many targets. A row's loss is the mean over its elements; the loss is the
// mean over rows by weight. It is fused with the activation it names.
type objective struct {
	name    string
	sparse  bool   // targets are class numbers
	head    string // the activation it includes
	width   int
	classes []float32 // weights by class, or of positive targets; nil = 1
	gamma   float64
}

// losses by name: which activation they include, and whether targets are classes.
var losses = map[string]objective{
	"sparse_categorical_crossentropy": {sparse: true, head: "softmax"},
	"categorical_crossentropy":        {head: "softmax"},
	"sparse_categorical_focal":        {sparse: true, head: "softmax", gamma: 2},
	"binary_crossentropy":             {head: "sigmoid"},
	"binary_focal":                    {head: "sigmoid", gamma: 2},
	"mse":                             {},
}

// objective is the loss of that name, or the one that suits the model's last
// activation and the targets.
func (m *Model) objective(o *Options, y Tensor) (*objective, error) {
	name := o.Loss
	if name == "" {
		name = m.usual(y)
	}
	l, ok := losses[name]
	if !ok {
		names := make([]string, 0, len(losses))
		for n := range losses {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("nn: unknown loss %q%s; there are: %s", name, meant(name, names), strings.Join(names, ", "))
	}
	l.name, l.width, l.classes = name, m.out[len(m.out)-1], o.ClassWeights
	if o.Gamma > 0 {
		l.gamma = o.Gamma
	}
	if m.head != "" && l.head != "" && m.head != l.head {
		return nil, fmt.Errorf("nn: loss %s includes %s, but the model ends in %s", name, l.head, m.head)
	}
	if l.classes != nil && (name == "mse" || len(l.classes) != l.width) {
		return nil, fmt.Errorf("nn: %d class weights for loss %s over %d outputs", len(l.classes), name, l.width)
	}
	return &l, l.check(m, y)
}

func (m *Model) usual(y Tensor) string {
	rows := size(m.out) / m.out[len(m.out)-1]
	switch {
	case m.head == "softmax" && len(y.Shape) > 0 && len(y.Data) == y.Shape[0]*rows:
		return "sparse_categorical_crossentropy"
	case m.head == "softmax":
		return "categorical_crossentropy"
	case m.head == "sigmoid":
		return "binary_crossentropy"
	}
	return "mse"
}

// check refuses targets of another shape, or outside what the loss knows.
func (l *objective) check(m *Model, y Tensor) error {
	want := size(m.out)
	if l.sparse {
		want /= l.width
	}
	if len(y.Shape) == 0 || len(y.Data) != y.Shape[0]*want || len(y.Data) != size(y.Shape) {
		return fmt.Errorf("nn: loss %s over outputs of shape %v takes %d targets a sample, got %v", l.name, m.out, want, y.Shape)
	}
	for i, v := range y.Data {
		switch {
		case v != v || math.IsInf(float64(v), 0):
			return fmt.Errorf("nn: target %d is not a number", i)
		case l.sparse && (v >= float32(l.width) || v != float32(int(v))):
			return fmt.Errorf("nn: target %d is %g, not a class below %d", i, v, l.width)
		case !l.sparse && l.head != "" && (v < 0 || v > 1):
			return fmt.Errorf("nn: target %d is %g, not in [0,1]", i, v)
		}
	}
	return nil
}

// targets is how many numbers a row's target has.
func (l *objective) targets() int {
	if l.sparse {
		return 1
	}
	return l.width
}

// apply adds up loss, metric and weight over all rows of z and writes gradients,
// not yet divided by the weight, to grad unless that is nil. weights are of
// samples. Negative classes and padding are left out.
func (l *objective) apply(z Tensor, y, weights []float32, grad []float32) (sum tally) {
	samples := z.Shape[0]
	rows := len(z.Data) / l.width / max(1, samples)
	var scratch []float32
	if grad == nil {
		scratch = make([]float32, l.width)
	}
	for i := range samples {
		w := 1.0
		if weights != nil {
			w = float64(weights[i])
		}
		real := rows
		if z.Lengths != nil && len(z.Shape) == 3 {
			real = z.length(i, rows)
		}
		for t := range rows {
			r := i*rows + t
			target, out, g := y[r*l.targets():(r+1)*l.targets()], z.Data[r*l.width:(r+1)*l.width], scratch
			if grad != nil {
				g = grad[r*l.width : (r+1)*l.width]
			}
			rw := w * l.weight(target)
			if t >= real || rw == 0 {
				clear(g)
				continue
			}
			sum.loss += rw * l.row(out, target, g)
			sum.metric += rw * l.metric(out, target)
			sum.weight += rw
			for j := range g {
				g[j] *= float32(rw)
			}
		}
	}
	return sum
}

// tally is a sum over rows; its mean is over the weight.
type tally struct{ loss, metric, weight float64 }

func (t *tally) add(o tally) {
	t.loss, t.metric, t.weight = t.loss+o.loss, t.metric+o.metric, t.weight+o.weight
}

func (t *tally) mean() (loss, metric float64) {
	if t.weight == 0 {
		return 0, 0
	}
	return t.loss / t.weight, t.metric / t.weight
}

// weight is that of the row's class.
func (l *objective) weight(y []float32) float64 {
	switch {
	case l.sparse && y[0] < 0:
		return 0
	case l.sparse && l.classes != nil:
		return float64(l.classes[int(y[0])])
	case l.head == "softmax" && l.classes != nil:
		return float64(Dot(y, l.classes))
	}
	return 1
}

// row is the loss of one row of logits (of values, for mse) and its gradient.
func (l *objective) row(z, y, grad []float32) float64 {
	switch {
	case l.head == "softmax":
		return l.categorical(z, y, grad)
	case l.head == "sigmoid":
		return l.binary(z, y, grad)
	}
	var sum float64
	n := float64(len(z))
	for j, v := range z {
		d := float64(v) - float64(y[j])
		sum += d * d / n
		grad[j] = float32(2 * d / n)
	}
	return sum
}

// categorical is cross-entropy of softmax, times (1-p)^γ when focal (Lin et al.,
// 2017). The log of the sum keeps it exact however wrong the logits are.
func (l *objective) categorical(z, y, grad []float32) float64 {
	Softmax(z, grad)
	if !l.sparse {
		var loss, total float64
		top := logSum(z)
		for _, t := range y {
			total += float64(t)
		}
		for j, t := range y {
			loss += float64(t) * (top - float64(z[j]))
			grad[j] = float32(total*float64(grad[j]) - float64(t))
		}
		return loss
	}
	c := int(y[0])
	loss := logSum(z) - float64(z[c])
	p := math.Exp(-loss)
	if l.gamma == 0 {
		grad[c]--
		return loss
	}
	// d/dz of (1-p)^γ·(-log p): the chain through p, whose gradient is p·(1-softmax).
	slope := l.focal(p, loss)
	for j := range grad {
		grad[j] *= float32(slope)
	}
	grad[c] = float32(-slope * (1 - p))
	return math.Pow(1-p, l.gamma) * loss
}

// focal is minus the slope of (1-p)^γ·(-log p) by log p.
func (l *objective) focal(p, loss float64) float64 {
	if p >= 1 {
		return 0
	}
	return math.Pow(1-p, l.gamma) + l.gamma*math.Pow(1-p, l.gamma-1)*p*loss
}

func logSum(z []float32) float64 {
	top := slices.Max(z)
	var sum float64
	for _, v := range z {
		sum += math.Exp(float64(v - top))
	}
	return float64(top) + math.Log(sum)
}

// binary is cross-entropy of sigmoid, positives weighted, times (1-p)^γ when
// focal, where p is the chance given to what is true.
func (l *objective) binary(z, y, grad []float32) float64 {
	var sum float64
	n := float64(len(z))
	for j, v := range z {
		x, t := float64(v), float64(y[j])
		up, down := 1.0, 1.0 // of the positive and the negative part
		if l.classes != nil {
			up = float64(l.classes[j])
		}
		lossUp := max(-x, 0) + math.Log1p(math.Exp(-math.Abs(x))) // -log σ(x)
		lossDown := lossUp + x                                    // -log σ(-x)
		p := math.Exp(-lossUp)
		slopeUp, slopeDown := up*(1-p), down*p
		if l.gamma > 0 {
			slopeUp, slopeDown = slopeUp*l.focal(p, lossUp), slopeDown*l.focal(1-p, lossDown)
			up, down = math.Pow(1-p, l.gamma)*up, math.Pow(p, l.gamma)*down
		}
		sum += (t*up*lossUp + (1-t)*down*lossDown) / n
		grad[j] = float32(((1-t)*slopeDown - t*slopeUp) / n)
	}
	return sum
}

// metricName is what metric measures.
func (l *objective) metricName() string {
	if l.head == "" {
		return "mae"
	}
	return "accuracy"
}

// metric is accuracy, or the mean absolute error for mse.
func (l *objective) metric(z, y []float32) float64 {
	switch {
	case l.sparse:
		return truth(argmax(z) == int(y[0]))
	case l.head == "softmax":
		return truth(argmax(z) == argmax(y))
	}
	var sum float64
	for j, v := range z {
		if l.head == "sigmoid" {
			sum += truth((v > 0) == (y[j] > .5))
		} else {
			sum += math.Abs(float64(v - y[j]))
		}
	}
	return sum / float64(len(z))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
