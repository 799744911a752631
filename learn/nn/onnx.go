package nn

import (
	"fmt"
	"io"
	"math"
	"slices"
)

// ONNX writes the model for ONNX Runtime and the like: operators of opset 17, an
// input named input (int64 when it is ids), an output named output. With lengths
// there is a second input of that name, int32, one for each sample: the real
// steps of sequences. A masked embedding finds them itself.
func (m *Model) ONNX(w io.Writer, lengths bool) error {
	g := &graph{}
	kind := onnxFloat
	if _, ids := m.net.layers[0].(checker); ids {
		kind = onnxInt64
	}
	g.inputs = append(g.inputs, port("input", kind, m.spec.Input))
	x := edge{name: "input", shape: m.spec.Input}
	if lengths {
		g.inputs = append(g.inputs, port("lengths", onnxInt32, nil))
		x.lengths = "lengths"
	}
	head := m.headLayer()
	for _, l := range append(slices.Clone(m.net.layers), head) {
		e, ok := l.(exporter)
		if !ok {
			return fmt.Errorf("nn: ONNX knows no %T", l)
		}
		x = e.onnx(g, x)
	}
	g.op("Identity", "output", []string{x.name})
	if _, err := w.Write(g.encode(m.out)); err != nil {
		return fmt.Errorf("nn: writing ONNX: %w", err)
	}
	return nil
}

// exporter is a layer that can be written as operators.
type exporter interface {
	onnx(g *graph, x edge) edge
}

// edge is what flows between operators: samples first, then shape.
type edge struct {
	name    string
	shape   []int
	lengths string // the array of real steps, "" = all
}

// graph collects operators.
type graph struct {
	nodes, constants, inputs []message
	count                    int
}

// name is a new one.
func (g *graph) name() string {
	g.count++
	return fmt.Sprintf("v%d", g.count)
}

// op adds an operator with one result.
func (g *graph) op(kind, out string, in []string, attributes ...attribute) string {
	g.ops(kind, []string{out}, in, attributes...)
	return out
}

// ops adds an operator with several results.
func (g *graph) ops(kind string, out, in []string, attributes ...attribute) {
	var m message
	for _, s := range in {
		m.string(1, s)
	}
	for _, s := range out {
		m.string(2, s)
	}
	m.string(3, fmt.Sprintf("%s_%d", kind, len(g.nodes)))
	m.string(4, kind)
	for _, a := range attributes {
		m.bytes(5, a.encode())
	}
	g.nodes = append(g.nodes, m)
}

// do adds an operator whose result has a new name.
func (g *graph) do(kind string, in ...string) string { return g.op(kind, g.name(), in) }

func (g *graph) floats(shape []int, values []float32) string {
	name := g.name()
	g.constants = append(g.constants, constant(name, onnxFloat, shape, values))
	return name
}

func (g *graph) scalar(v float32) string { return g.floats(nil, []float32{v}) }

func (g *graph) longs(values ...int64) string {
	name := g.name()
	g.constants = append(g.constants, constant(name, onnxInt64, []int{len(values)}, values))
	return name
}

func (g *graph) int32s(shape []int, values ...int32) string {
	name := g.name()
	g.constants = append(g.constants, constant(name, onnxInt32, shape, values))
	return name
}

func (g *graph) param(p *Param) string { return g.floats(p.Shape, p.Value) }

func (g *graph) transpose(x string, order ...int) string {
	return g.op("Transpose", g.name(), []string{x}, attribute{"perm", order})
}

func (g *graph) reshape(x string, shape ...int64) string {
	return g.do("Reshape", x, g.longs(shape...))
}

func (g *graph) cast(x string, kind int) string {
	return g.op("Cast", g.name(), []string{x}, attribute{"to", kind})
}

// linear is x·W + B.
func (g *graph) linear(x string, w, b *Param) string {
	return g.do("Add", g.do("MatMul", x, g.param(w)), g.param(b))
}

// real says of each step whether it is: n × steps, then so many ones.
func (g *graph) real(lengths string, steps, ones int) string {
	at := make([]int32, steps)
	for i := range at {
		at[i] = int32(i)
	}
	yes := g.do("Less", g.int32s([]int{1, steps}, at...), g.do("Unsqueeze", lengths, g.longs(1)))
	for i := range ones {
		yes = g.do("Unsqueeze", yes, g.longs(int64(2+i)))
	}
	return yes
}

// padded puts a value where x [n steps features] is padding.
func (g *graph) padded(x edge, value float32) string {
	if x.lengths == "" || len(x.shape) != 2 {
		return x.name
	}
	return g.do("Where", g.real(x.lengths, x.shape[0], 1), x.name, g.scalar(value))
}

const farDown = -math.MaxFloat32

func (g *graph) encode(out []int) message {
	var graph, m, opset message
	for _, n := range g.nodes {
		graph.bytes(1, n)
	}
	graph.string(2, "ember")
	for _, c := range g.constants {
		graph.bytes(5, c)
	}
	for _, i := range g.inputs {
		graph.bytes(11, i)
	}
	graph.bytes(12, port("output", onnxFloat, out))
	m.int(1, 8) // of the format
	m.string(2, "ember")
	m.bytes(7, graph)
	opset.string(1, "")
	opset.int(2, 17)
	m.bytes(8, opset)
	return m
}
