package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Dense is y = x·W + B over the last dimension; W is inputs × outputs.
type Dense struct {
	W, B     *Param
	x, y, dx Tensor
	first    bool // nobody asks for the input's gradient
}

// NewDense draws W by He's rule, with deviation √(2/in); B is zero.
func NewDense(in, out int, rng *rand.Rand) *Dense {
	d := &Dense{W: newParam("dense.W", in, out), B: newParam("dense.B", out)}
	for i := range d.W.Value {
		d.W.Value[i] = float32(math.Sqrt(2/float64(in)) * rng.NormFloat64())
	}
	return d
}

// In and Out are the lengths of the last dimension.
func (d *Dense) In() int { return d.W.Shape[0] }

// Out is the number of outputs.
func (d *Dense) Out() int { return d.W.Shape[1] }

// OutShape replaces the last dimension.
func (d *Dense) OutShape(in []int) ([]int, error) {
	if len(in) == 0 || in[len(in)-1] != d.In() {
		return nil, fmt.Errorf("Dense of %d inputs and %d outputs does not take %v", d.In(), d.Out(), in)
	}
	return append(slices.Clone(in[:len(in)-1]), d.Out()), nil
}

// Forward is x·W + B.
func (d *Dense) Forward(x Tensor, _ bool) Tensor {
	d.x = x
	n := len(x.Data) / d.In()
	y := d.y.like(x, d.Out())
	d.W.affine(Mat(y.Data, n, d.Out()), Mat(x.Data, n, d.In()), d.B.Value, false)
	return y
}

// Backward adds xᵀ·dy to W's gradient and returns dy·Wᵀ.
func (d *Dense) Backward(dy Tensor) Tensor {
	n := len(d.x.Data) / d.In()
	g := Mat(dy.Data, n, d.Out())
	Gemm(Mat(d.W.Grad, d.In(), d.Out()), Mat(d.x.Data, n, d.In()).T(), g)
	addRows(dy.Data, d.B.Grad)
	if d.first {
		return Tensor{}
	}
	dx := d.dx.like(d.x, d.In())
	clear(dx.Data)
	d.W.multiplyTurned(Mat(dx.Data, n, d.In()), g)
	return dx
}

// Params are W and B.
func (d *Dense) Params() []*Param { return []*Param{d.W, d.B} }

func (d *Dense) isFirst() { d.first = true }

func makeDense(b *builder, s LayerSpec, in []int) (Layer, error) {
	if err := positive("units", s.Units); err != nil {
		return nil, err
	}
	return &Dense{W: b.weight("dense.W", glorot, in[len(in)-1], s.Units), B: b.param("dense.B", nil, s.Units)}, nil
}
