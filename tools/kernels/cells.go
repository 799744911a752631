package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The curves' constants lie in an array in this order, sixteen copies of each,
// so that one is an operand in memory for any width.
const (
	highest  = iota // largest argument of e^x
	lowest          // smallest
	log2e           // 1/ln 2
	ln2High         // ln 2 in two parts
	ln2Low          //
	bias            // the exponent's, as an integer
	one             //
	two             //
	factor7         // of x⁷ in the series of e^x
	factor6         //
	factor5         //
	factor4         //
	factor3         //
	factor2         //
	constant        // how many there are
)

// curve is the machinery of e^x over one vector width.
type curve struct {
	width
	c reg.Register // the constants
}

func (k curve) constant(i int) Mem { return at(k.c, 64*i) }

// parts are 2ⁿ and e^r - 1 of x = n·ln 2 + r; x is overwritten. NaN stays NaN.
func (k curve) parts(x reg.VecVirtual) (power, rest reg.VecVirtual) {
	t, n, p := k.vec(), k.vec(), k.vec()
	VMOVUPS(k.constant(highest), t)
	VMINPS(x, t, x)
	VMOVUPS(k.constant(lowest), t)
	VMAXPS(x, t, x)
	VMULPS(k.constant(log2e), x, t)
	VCVTPS2DQ(t, n)
	VCVTDQ2PS(n, t)
	VFNMADD231PS(k.constant(ln2High), t, x)
	VFNMADD231PS(k.constant(ln2Low), t, x)
	VPADDD(k.constant(bias), n, n)
	VPSLLD(Imm(23), n, n)
	VMOVUPS(k.constant(factor7), p)
	for f := factor6; f <= factor2; f++ {
		VFMADD213PS(k.constant(f), x, p)
	}
	VMULPS(x, p, p)
	VFMADD213PS(x, x, p) // p = p·x + x = e^r - 1
	return n, p
}

// exp is e^x and overwrites x.
func (k curve) exp(x reg.VecVirtual) reg.VecVirtual {
	power, rest := k.parts(x)
	VFMADD213PS(power, power, rest)
	return rest
}

// expm1 is e^x - 1, exact to rounding near 0 too, and overwrites x.
func (k curve) expm1(x reg.VecVirtual) reg.VecVirtual {
	power, rest := k.parts(x)
	t := k.vec()
	VSUBPS(k.constant(one), power, t)
	VFMADD213PS(t, power, rest)
	return rest
}

// sigmoid is 1/(1+e^-x) and overwrites x.
func (k curve) sigmoid(x reg.VecVirtual) reg.VecVirtual {
	z := k.zeroed()
	VSUBPS(x, z, x)
	e, t := k.expm1(x), k.vec()
	VADDPS(k.constant(two), e, e)
	VMOVUPS(k.constant(one), t)
	VDIVPS(e, t, t)
	return t
}

// tanh is e/(e+2) for e = e^2x - 1 and overwrites x.
func (k curve) tanh(x reg.VecVirtual) reg.VecVirtual {
	VADDPS(x, x, x)
	e, t := k.expm1(x), k.vec()
	VADDPS(k.constant(two), e, t)
	VDIVPS(t, e, e)
	return e
}

// vectors runs over n elements at the pointers, one vector at a time; n is a
// multiple of the lanes.
func (w width) vectors(n reg.Register, pointers []reg.Register, body func()) {
	Label("loop")
	CMPQ(n, U32(w.lanes))
	JL(LabelRef("done"))
	body()
	for _, p := range pointers {
		ADDQ(U32(w.bytes()), p)
	}
	SUBQ(U32(w.lanes), n)
	JMP(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}

// curves writes the pointwise functions.
func curves(w width) {
	pointwise := func(name, doc string, f func(k curve, x reg.VecVirtual) reg.VecVirtual) {
		function(name, w, "x *float32, n int, c *[224]float32", doc, "n is a multiple of the lanes; see curveConstants.")
		x := Load(Param("x"), GP64())
		n, c := Load(Param("n"), GP64()), Load(Param("c"), GP64())
		w.vectors(n, []reg.Register{x}, func() {
			v := w.vec()
			VMOVUPS(at(x, 0), v)
			VMOVUPS(f(curve{w, c}, v), at(x, 0))
		})
	}
	pointwise("exp", "replaces x by e^x.", curve.exp)
	pointwise("sigmoid", "replaces x by 1/(1+e^-x).", curve.sigmoid)
	pointwise("tanh", "replaces x by its hyperbolic tangent.", curve.tanh)
}

// lstm is the cell of an LSTM, forward: the gates become their values.
func lstm(w width) {
	function("lstm", w, "i, f, u, o, before, cell, curved, h *float32, n int, c *[224]float32",
		"turns the sums of n units' gates into their values, the cell's state, its tanh and the output.",
		"n is a multiple of the lanes; see curveConstants.")
	var p []reg.Register
	for _, name := range []string{"i", "f", "u", "o", "before", "cell", "curved", "h"} {
		p = append(p, Load(Param(name), GP64()))
	}
	n, c := Load(Param("n"), GP64()), Load(Param("c"), GP64())
	k := curve{w, c}
	gate := func(at Mem, f func(reg.VecVirtual) reg.VecVirtual) reg.VecVirtual {
		v := w.vec()
		VMOVUPS(at, v)
		v = f(v)
		VMOVUPS(v, at)
		return v
	}
	w.vectors(n, p, func() {
		in := gate(at(p[0], 0), k.sigmoid)
		forget := gate(at(p[1], 0), k.sigmoid)
		candidate := gate(at(p[2], 0), k.tanh)
		VMULPS(candidate, in, in)
		VFMADD231PS(at(p[4], 0), forget, in)
		VMOVUPS(in, at(p[5], 0))
		curved := k.tanh(in)
		VMOVUPS(curved, at(p[6], 0))
		out := gate(at(p[3], 0), k.sigmoid)
		VMULPS(out, curved, curved)
		VMOVUPS(curved, at(p[7], 0))
	})
}

// lstmBack is the cell's backward pass.
func lstmBack(w width) {
	function("lstmBack", w, "i, f, u, o, before, curved, dh, dc *float32, n int, c *[224]float32",
		"turns the values of n units' gates into the gradients of their sums, and dc into the state before's.",
		"n is a multiple of the lanes; see curveConstants.")
	var p []reg.Register
	for _, name := range []string{"i", "f", "u", "o", "before", "curved", "dh", "dc"} {
		p = append(p, Load(Param(name), GP64()))
	}
	n, c := Load(Param("n"), GP64()), Load(Param("c"), GP64())
	load := func(i int) reg.VecVirtual {
		v := w.vec()
		VMOVUPS(at(p[i], 0), v)
		return v
	}
	w.vectors(n, p, func() {
		unit := w.vec()
		VMOVUPS(at(c, 64*one), unit)
		// slope multiplies d by v·(1-v).
		slope := func(d, v reg.VecVirtual) {
			t := w.vec()
			VSUBPS(v, unit, t)
			VMULPS(v, d, d)
			VMULPS(t, d, d)
		}
		i, f, g, o, curved, dh, dc := load(0), load(1), load(2), load(3), load(5), load(6), load(7)
		d := w.vec()
		VMULPS(curved, dh, d) // of the output gate
		slope(d, o)
		VMULPS(o, dh, dh)
		VMOVUPS(d, at(p[3], 0))
		VMULPS(curved, curved, curved)
		VSUBPS(curved, unit, curved)
		VFMADD231PS(dh, curved, dc)
		VMULPS(at(p[4], 0), dc, d) // of the forget gate
		slope(d, f)
		VMOVUPS(d, at(p[1], 0))
		VMULPS(g, dc, d) // of the input gate
		slope(d, i)
		VMOVUPS(d, at(p[0], 0))
		VMULPS(g, g, g)
		VSUBPS(g, unit, g)
		VMULPS(i, dc, d) // of the candidate
		VMULPS(g, d, d)
		VMOVUPS(d, at(p[2], 0))
		VMULPS(f, dc, dc)
		VMOVUPS(dc, at(p[7], 0))
	})
}

// oneRow is a tile of a single row: for the rows that are left, and for asking
// about one sample.
func oneRow(w width) {
	function("row", w, "k int, a *float32, col int, b, c *float32", "adds a·B to one row of C, two vectors wide; see tile.")
	k, a, col := Load(Param("k"), GP64()), Load(Param("a"), GP64()), Load(Param("col"), GP64())
	SHLQ(Imm(2), col)
	b, c := Load(Param("b"), GP64()), Load(Param("c"), GP64())
	const unroll = 4
	var acc [unroll][2]reg.VecVirtual
	for i := range acc {
		acc[i] = [2]reg.VecVirtual{w.zeroed(), w.zeroed()}
	}
	step := func(i int) {
		v := w.vec()
		VBROADCASTSS(at(a, 0), v)
		VFMADD231PS(at(b, 2*i*w.bytes()), v, acc[i][0])
		VFMADD231PS(at(b, (2*i+1)*w.bytes()), v, acc[i][1])
		ADDQ(col, a)
	}
	loop := func(label string, n int) {
		Label(label)
		CMPQ(k, U32(n))
		JL(LabelRef(label + "done"))
		for i := range n {
			step(i)
		}
		ADDQ(U32(2*n*w.bytes()), b)
		SUBQ(U32(n), k)
		JMP(LabelRef(label))
		Label(label + "done")
	}
	loop("block", unroll)
	loop("single", 1)
	for j := range 2 {
		VADDPS(acc[1][j], acc[0][j], acc[0][j])
		VADDPS(acc[3][j], acc[2][j], acc[2][j])
		VADDPS(acc[2][j], acc[0][j], acc[0][j])
		VADDPS(at(c, j*w.bytes()), acc[0][j], acc[0][j])
		VMOVUPS(acc[0][j], at(c, j*w.bytes()))
	}
	VZEROUPPER()
	RET()
}

// masks are the backward passes of what picks elements. They are in AVX2 only:
// they move memory, and wider vectors would not move it faster.
func masks(w width) {
	function("reluBack", w, "y, dy, dx *float32, n int", "writes dy to dx where y is more than 0, else 0.")
	y, dy, dx := Load(Param("y"), GP64()), Load(Param("dy"), GP64()), Load(Param("dx"), GP64())
	n := Load(Param("n"), GP64())
	zero := w.zeroed()
	const more = 0x1e // ordered, quiet
	w.elements(n, []reg.Register{y, dy, dx}, 2, func(_, o int) {
		v := w.vec()
		VMOVUPS(at(y, o), v)
		VCMPPS(Imm(more), zero, v, v)
		VANDPS(at(dy, o), v, v)
		VMOVUPS(v, at(dx, o))
	}, func() {
		v, d := XMM(), XMM()
		VMOVSS(at(y, 0), v)
		VMOVSS(at(dy, 0), d)
		VCMPPS(Imm(more), zero.AsX(), v, v)
		VANDPS(d, v, v)
		VMOVSS(v, at(dx, 0))
	})
	VZEROUPPER()
	RET()

	function("give", w, "x, y, left, dx *float32, n int", "adds left to dx where x and y are the same bits, and takes it from left.")
	x, y, left, dx := Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("left"), GP64()), Load(Param("dx"), GP64())
	n = Load(Param("n"), GP64())
	w.elements(n, []reg.Register{x, y, left, dx}, 1, func(_, o int) {
		m, g, d := w.vec(), w.vec(), w.vec()
		VMOVUPS(at(x, o), m)
		VPCMPEQD(at(y, o), m, m)
		VMOVUPS(at(left, o), g)
		VANDPS(g, m, d)
		VANDNPS(g, m, g)
		VMOVUPS(g, at(left, o))
		VADDPS(at(dx, o), d, d)
		VMOVUPS(d, at(dx, o))
	}, func() {
		m, v, g, d := XMM(), XMM(), XMM(), XMM()
		VMOVSS(at(x, 0), m)
		VMOVSS(at(y, 0), v)
		VPCMPEQD(v, m, m)
		VMOVSS(at(left, 0), g)
		VANDPS(g, m, d)
		VANDNPS(g, m, g)
		VMOVSS(g, at(left, 0))
		VADDSS(at(dx, 0), d, d)
		VMOVSS(d, at(dx, 0))
	})
	VZEROUPPER()
	RET()
}
