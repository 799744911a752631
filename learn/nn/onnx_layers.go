package nn

import (
	"math"
	"slices"
)

func (d *Dense) onnx(g *graph, x edge) edge {
	shape := append(slices.Clone(x.shape[:len(x.shape)-1]), d.Out())
	return edge{g.linear(x.name, d.W, d.B), shape, x.lengths}
}

// lookUp gathers rows of the table; padding becomes the row of zeros behind it.
func lookUp(g *graph, table *Param, ids string, maskZero bool) string {
	rows, dim := table.Shape[0], table.Shape[1]
	values := append(slices.Clone(table.Value), make([]float32, dim)...)
	if maskZero {
		clear(values[:dim])
	}
	return g.do("Gather", g.floats([]int{rows + 1, dim}, values), g.do("Max", ids, g.longs(-1)))
}

func (e *Embedding) onnx(g *graph, x edge) edge {
	y := edge{lookUp(g, e.Table, x.name, e.MaskZero), append(slices.Clone(x.shape), e.Table.Shape[1]), x.lengths}
	if e.MaskZero {
		steps := make([]int64, x.shape[0])
		for i := range steps {
			steps[i] = int64(i + 1)
		}
		seen := g.do("Mul", g.cast(g.do("Greater", x.name, g.longs(0)), onnxInt64), g.longs(steps...))
		last := g.op("ReduceMax", g.name(), []string{seen}, attribute{"axes", []int{1}}, attribute{"keepdims", 0})
		y.lengths = g.cast(last, onnxInt32)
	}
	return y
}

func (e *EmbeddingBag) onnx(g *graph, x edge) edge {
	least := int64(-1)
	if e.MaskZero {
		least = 0
	}
	ids := x.name
	if x.lengths != "" { // what is behind them is padding
		ids = g.do("Where", g.real(x.lengths, x.shape[0], 0), ids, g.longs(-1))
	}
	count := g.do("ReduceSum", g.cast(g.do("Greater", ids, g.longs(least)), onnxFloat), g.longs(1))
	sum := g.op("ReduceSum", g.name(), []string{lookUp(g, e.Table, ids, e.MaskZero), g.longs(1)}, attribute{"keepdims", 0})
	return edge{name: g.do("Div", sum, g.do("Max", count, g.scalar(1))), shape: []int{e.Table.Shape[1]}}
}

// pads are zeros before and behind, all dimensions' befores first.
func (w *window) pads() []int {
	bottom := max(0, (w.outHeight-1)*w.down+w.high-w.height-w.top)
	right := max(0, (w.outWidth-1)*w.across+w.wide-w.width-w.left)
	if w.sequence {
		return []int{w.left, right}
	}
	return []int{w.top, w.left, bottom, right}
}

func (w *window) sizes(high, wide int) []int {
	if w.sequence {
		return []int{wide}
	}
	return []int{high, wide}
}

// slide runs an operator that wants channels first.
func (w *window) slide(g *graph, op string, x edge, in []string, channels int) edge {
	there, back := []int{0, 3, 1, 2}, []int{0, 2, 3, 1}
	if w.sequence {
		there, back = []int{0, 2, 1}, []int{0, 2, 1}
	}
	pads := w.pads()
	if !w.same {
		clear(pads)
	}
	y := g.op(op, g.name(), append([]string{g.transpose(x.name, there...)}, in...), attribute{"kernel_shape", w.sizes(w.high, w.wide)},
		attribute{"strides", w.sizes(w.down, w.across)}, attribute{"pads", pads})
	out := edge{name: g.transpose(y, back...), shape: w.shape(channels)}
	if w.sequence && x.lengths != "" {
		out.lengths = w.onnxSteps(g, x.lengths)
		out.name = g.padded(out, 0)
	}
	return out
}

// onnxSteps is steps as operators.
func (w *window) onnxSteps(g *graph, lengths string) string {
	more := w.across - w.wide
	if w.same {
		more = w.across - 1
	}
	n := g.do("Div", g.do("Add", lengths, g.int32s(nil, int32(more))), g.int32s(nil, int32(w.across)))
	return g.do("Max", n, g.int32s(nil, 0))
}

func (c *conv) onnx(g *graph, x edge) edge {
	x.name = g.padded(x, 0)
	f, window, depth := c.filters(), c.high*c.wide, c.depth
	kernel := make([]float32, len(c.W.Value)) // filters × depth × high × wide
	for i, v := range c.W.Value {
		at, filter := i/f, i%f
		kernel[(filter*depth+at%depth)*window+at/depth] = v
	}
	shape := append([]int{f, depth}, c.sizes(c.high, c.wide)...)
	y := c.slide(g, "Conv", x, []string{g.floats(shape, kernel), g.param(c.B)}, f)
	if c.relu {
		y.name = g.do("Relu", y.name)
	}
	return y
}

func (p *maxPool) onnx(g *graph, x edge) edge {
	x.name = g.padded(x, farDown)
	return p.slide(g, "MaxPool", x, nil, p.depth)
}

func (p *globalPool) onnx(g *graph, x edge) edge {
	axes := []int{1}
	if len(x.shape) == 3 {
		axes = []int{1, 2}
	}
	over := []attribute{{"axes", axes}, {"keepdims", 0}}
	y := edge{shape: x.shape[len(x.shape)-1:]}
	if x.lengths == "" {
		y.name = g.op(map[bool]string{false: "ReduceMean", true: "ReduceMax"}[p.largest], g.name(), []string{x.name}, over...)
		return y
	}
	count := g.do("Unsqueeze", x.lengths, g.longs(1))
	if p.largest {
		most := g.op("ReduceMax", g.name(), []string{g.padded(x, farDown)}, over...)
		y.name = g.do("Where", g.do("Greater", count, g.int32s(nil, 0)), most, g.scalar(0))
		return y
	}
	sum := g.op("ReduceSum", g.name(), []string{g.padded(x, 0), g.longs(1)}, attribute{"keepdims", 0})
	y.name = g.do("Div", sum, g.do("Max", g.cast(count, onnxFloat), g.scalar(1)))
	return y
}

func (f *flatten) onnx(g *graph, x edge) edge {
	return edge{name: g.op("Flatten", g.name(), []string{x.name}), shape: []int{size(x.shape)}}
}

func (l *batchNorm) onnx(g *graph, x edge) edge {
	n := len(l.Gain.Value)
	scale, shift := make([]float32, n), make([]float32, n)
	for j := range scale {
		s := float64(l.Gain.Value[j]) / math.Sqrt(float64(l.Variance.Value[j])+l.epsilon)
		scale[j], shift[j] = float32(s), float32(float64(l.Shift.Value[j])-s*float64(l.Mean.Value[j]))
	}
	x.name = g.do("Add", g.do("Mul", x.name, g.floats([]int{n}, scale)), g.floats([]int{n}, shift))
	x.name = g.padded(x, 0)
	return x
}

func (l *LayerNorm) onnx(g *graph, x edge) edge {
	x.name = g.op("LayerNormalization", g.name(), []string{x.name, g.param(l.Gain), g.param(l.Shift)}, attribute{"epsilon", float32(l.epsilon)})
	return x
}

func (d *Dropout) onnx(_ *graph, x edge) edge { return x }
func (identity) onnx(_ *graph, x edge) edge   { return x }

func (r *rectifier) onnx(g *graph, x edge) edge {
	x.name = g.do("Relu", x.name)
	return x
}

func (p *probabilities) onnx(g *graph, x edge) edge {
	x.name = g.op("Softmax", g.name(), []string{x.name}, attribute{"axis", -1})
	return x
}

func (p *pointwise) onnx(g *graph, x edge) edge {
	switch p.name {
	case "tanh":
		x.name = g.do("Tanh", x.name)
	case "sigmoid":
		x.name = g.do("Sigmoid", x.name)
	default: // gelu
		erf := g.do("Erf", g.do("Div", x.name, g.scalar(math.Sqrt2)))
		x.name = g.do("Mul", g.do("Mul", x.name, g.do("Add", erf, g.scalar(1))), g.scalar(.5))
	}
	return x
}

func (r *residual) onnx(g *graph, x edge) edge {
	y := x
	for _, l := range r.inner.layers {
		y = l.(exporter).onnx(g, y)
	}
	y.name = g.do("Add", x.name, y.name)
	return y
}

func (a *attention) onnx(g *graph, x edge) edge {
	steps, u, heads := x.shape[0], a.units, a.heads
	q, k, v := g.name(), g.name(), g.name()
	g.ops("Split", []string{q, k, v}, []string{g.linear(x.name, a.In, a.InB)}, attribute{"axis", -1})
	apart := func(s string, order ...int) string {
		return g.transpose(g.reshape(s, 0, int64(steps), int64(heads), int64(u/heads)), order...)
	}
	scores := g.do("Mul", g.do("MatMul", apart(q, 0, 2, 1, 3), apart(k, 0, 2, 3, 1)), g.scalar(a.scale()))
	if x.lengths != "" {
		yes := g.do("Unsqueeze", g.real(x.lengths, steps, 0), g.longs(1, 2))
		scores = g.do("Where", yes, scores, g.scalar(farDown))
	}
	shares := g.op("Softmax", g.name(), []string{scores}, attribute{"axis", -1})
	seen := g.transpose(g.do("MatMul", shares, apart(v, 0, 2, 1, 3)), 0, 2, 1, 3)
	y := edge{g.linear(g.reshape(seen, 0, int64(steps), int64(u)), a.Out, a.OutB), []int{steps, u}, x.lengths}
	y.name = g.padded(y, 0)
	return y
}

func (a *attentionPool) onnx(g *graph, x edge) edge {
	scores := edge{g.do("MatMul", g.do("Tanh", g.linear(x.name, a.W, a.B)), g.param(a.V)), []int{x.shape[0], 1}, x.lengths}
	shares := g.op("Softmax", g.name(), []string{g.padded(scores, farDown)}, attribute{"axis", 1})
	if x.lengths != "" { // of none at all there are no shares
		shares = g.padded(edge{shares, scores.shape, x.lengths}, 0)
	}
	y := g.op("ReduceSum", g.name(), []string{g.do("Mul", shares, x.name), g.longs(1)}, attribute{"keepdims", 0})
	return edge{name: y, shape: x.shape[1:]}
}

func (r *recurrent) onnx(g *graph, x edge) edge { return recurrentONNX(g, x, false, r) }

func (l *bidirectional) onnx(g *graph, x edge) edge {
	return recurrentONNX(g, x, l.sum, l.ahead, l.back)
}

// recurrentONNX is one operator for one direction or two.
func recurrentONNX(g *graph, x edge, sum bool, directions ...*recurrent) edge {
	r, ways := directions[0], len(directions)
	op := map[string]string{"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}[r.name]
	wide := r.across()
	var w, u, b []float32
	for _, d := range directions {
		w, u, b = append(w, d.turned(d.W)...), append(u, d.turned(d.U)...), append(b, d.biases()...)
	}
	features := x.shape[1]
	in := []string{g.transpose(x.name, 1, 0, 2), g.floats([]int{ways, wide, features}, w),
		g.floats([]int{ways, wide, r.units}, u), g.floats([]int{ways, 2 * wide}, b), x.lengths}
	settings := []attribute{{"hidden_size", r.units}}
	if ways == 2 {
		settings = append(settings, attribute{"direction", "bidirectional"})
	}
	if op == "GRU" {
		settings = append(settings, attribute{"linear_before_reset", 1})
	}
	all, last := g.name(), g.name()
	g.ops(op, []string{all, last}, in, settings...)
	steps := int64(x.shape[0])
	y := edge{shape: []int{ways * r.units}}
	if r.sequences {
		y = edge{g.transpose(all, 2, 0, 1, 3), []int{x.shape[0], ways * r.units}, x.lengths}
	} else {
		y.name = g.transpose(last, 1, 0, 2)
	}
	switch {
	case sum:
		y.shape[len(y.shape)-1] = r.units
		y.name = g.op("ReduceSum", g.name(), []string{y.name, g.longs(-2)}, attribute{"keepdims", 0})
	case r.sequences:
		y.name = g.reshape(y.name, 0, steps, int64(ways*r.units))
	default:
		y.name = g.reshape(y.name, 0, int64(ways*r.units))
	}
	return y
}

// gate is where ONNX has our gate of that number: LSTM has input, output, forget,
// candidate, the others our order.
func (r *recurrent) gate(i int) int {
	if r.name == "lstm" {
		return [...]int{0, 2, 3, 1}[i]
	}
	return i
}

// turned is a weight transposed, its gates in ONNX' order.
func (r *recurrent) turned(p *Param) []float32 {
	m := p.matrix()
	out := make([]float32, len(p.Value))
	for i := range m.Rows {
		for j := range m.Cols {
			to := r.gate(j/r.units)*r.units + j%r.units
			out[to*m.Rows+i] = m.Data[i*m.Cols+j]
		}
	}
	return out
}

// biases are the input's and the recurrent ones, which are zero unless apart.
func (r *recurrent) biases() []float32 {
	out := make([]float32, 2*r.across())
	for j, v := range r.B.Value {
		half, at := j/r.across(), j%r.across()
		out[half*r.across()+r.gate(at/r.units)*r.units+at%r.units] = v
	}
	return out
}
