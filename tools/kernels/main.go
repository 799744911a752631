// Command kernels writes the assembly of package learn/nn: each kernel once for
// AVX2 with FMA and once for AVX-512F, from the same description. The result is
// committed; run `make kernels` after changing anything here.
package main

import (
	"fmt"
	"os"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// width is one vector width: everything that differs between the two sets.
type width struct {
	suffix string
	lanes  int
	rows   int // of the GEMM tile; its columns are two vectors
	vec    func() reg.VecVirtual
	zero   func(v reg.VecVirtual)
}

func (w width) bytes() int { return 4 * w.lanes }

func (w width) zeroed() reg.VecVirtual {
	v := w.vec()
	w.zero(v)
	return v
}

func main() {
	if len(os.Args) == 1 { // from the tools folder
		os.Args = append(os.Args, "-out", "../learn/nn/kernels_amd64.s", "-stubs", "../learn/nn/kernels_stubs_amd64.go", "-pkg", "nn")
	}
	ConstraintExpr("amd64")
	for _, w := range []width{
		{"AVX2", 8, 6, YMM, func(v reg.VecVirtual) { VXORPS(v, v, v) }},
		{"AVX512", 16, 12, ZMM, func(v reg.VecVirtual) { VPXORD(v, v, v) }},
	} {
		dot(w)
		reluDot(w)
		axpy(w)
		add(w)
		largest(w)
		relu(w)
		adam(w)
		tile(w)
		layer(w)
		placed(w)
		oneRow(w)
		curves(w)
		lstm(w)
		lstmBack(w)
		if w.lanes == 8 {
			masks(w)
		}
	}
	Generate()
}

func function(name string, w width, signature string, doc ...string) {
	TEXT(name+w.suffix, NOSPLIT, "func("+signature+")")
	Pragma("noescape")
	Doc(append([]string{fmt.Sprintf("%s%s %s", name, w.suffix, doc[0])}, doc[1:]...)...)
}

// elements runs over n elements at the pointers: unroll vectors at a time, one
// vector at a time, then single elements.
func (w width) elements(n reg.Register, pointers []reg.Register, unroll int, vector func(i int, at int), single func()) {
	loop := func(label string, elements int, body func()) {
		Label(label)
		CMPQ(n, U32(elements))
		JL(LabelRef(label + "done"))
		body()
		for _, p := range pointers {
			ADDQ(U32(4*elements), p)
		}
		SUBQ(U32(elements), n)
		JMP(LabelRef(label))
		Label(label + "done")
	}
	loop("block", unroll*w.lanes, func() {
		for i := range unroll {
			vector(i, i*w.bytes())
		}
	})
	loop("vector", w.lanes, func() { vector(0, 0) })
	loop("single", 1, single)
}

func at(p reg.Register, offset int) Mem { return Mem{Base: p, Disp: offset} }

// sum adds up the lanes of v into the lowest of the result.
func (w width) sum(v reg.VecVirtual) reg.VecVirtual {
	low, high := YMM(), YMM()
	if w.lanes == 16 {
		VEXTRACTF64X4(Imm(1), v, high)
		VADDPS(v.AsY(), high, low)
	} else {
		low = v
	}
	x, y := XMM(), XMM()
	VEXTRACTF128(Imm(1), low, x)
	VADDPS(low.AsX(), x, x)
	VMOVHLPS(x, x, y)
	VADDPS(y, x, x)
	VMOVSHDUP(x, y)
	VADDSS(y, x, x)
	return x
}

func dot(w width) {
	function("dot", w, "x, y *float32, n int) (sum float32", "is the inner product of n elements.")
	x, y := Load(Param("x"), GP64()), Load(Param("y"), GP64())
	n := Load(Param("n"), GP64())
	const unroll = 4
	var acc [unroll]reg.VecVirtual
	for i := range acc {
		acc[i] = w.zeroed()
	}
	tail := XMM()
	VXORPS(tail, tail, tail)
	w.elements(n, []reg.Register{x, y}, unroll, func(i, o int) {
		v := w.vec()
		VMOVUPS(at(x, o), v)
		VFMADD231PS(at(y, o), v, acc[i])
	}, func() {
		v := XMM()
		VMOVSS(at(x, 0), v)
		VFMADD231SS(at(y, 0), v, tail)
	})
	VADDPS(acc[1], acc[0], acc[0])
	VADDPS(acc[3], acc[2], acc[2])
	VADDPS(acc[2], acc[0], acc[0])
	s := w.sum(acc[0])
	VADDSS(tail, s, s)
	VZEROUPPER()
	Store(s, ReturnIndex(0))
	RET()
}

func reluDot(w width) {
	function("reluDot", w, "x, y *float32, n int) (sum float32", "is the inner product of max(x, 0) and y.")
	x, y := Load(Param("x"), GP64()), Load(Param("y"), GP64())
	n := Load(Param("n"), GP64())
	acc := [2]reg.VecVirtual{w.zeroed(), w.zeroed()}
	zero := w.zeroed()
	tail := XMM()
	VXORPS(tail, tail, tail)
	w.elements(n, []reg.Register{x, y}, 2, func(i, o int) {
		v := w.vec()
		VMOVUPS(at(x, o), v)
		VMAXPS(v, zero, v)
		VFMADD231PS(at(y, o), v, acc[i])
	}, func() {
		v := XMM()
		VMOVSS(at(x, 0), v)
		VMAXSS(v, zero.AsX(), v)
		VFMADD231SS(at(y, 0), v, tail)
	})
	VADDPS(acc[1], acc[0], acc[0])
	s := w.sum(acc[0])
	VADDSS(tail, s, s)
	VZEROUPPER()
	Store(s, ReturnIndex(0))
	RET()
}

func axpy(w width) {
	function("axpy", w, "a float32, x, y *float32, n int", "adds a·x to y.")
	x, y := Load(Param("x"), GP64()), Load(Param("y"), GP64())
	n := Load(Param("n"), GP64())
	a := w.vec()
	VBROADCASTSS(NewParamAddr("a", 0), a)
	w.elements(n, []reg.Register{x, y}, 4, func(_, o int) {
		v := w.vec()
		VMOVUPS(at(y, o), v)
		VFMADD231PS(at(x, o), a, v)
		VMOVUPS(v, at(y, o))
	}, func() {
		v := XMM()
		VMOVSS(at(y, 0), v)
		VFMADD231SS(at(x, 0), a.AsX(), v)
		VMOVSS(v, at(y, 0))
	})
	VZEROUPPER()
	RET()
}

func add(w width) {
	function("add", w, "x, y, z *float32, n int", "writes x+y to z.")
	x, y, z := Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("z"), GP64())
	n := Load(Param("n"), GP64())
	w.elements(n, []reg.Register{x, y, z}, 4, func(_, o int) {
		v := w.vec()
		VMOVUPS(at(x, o), v)
		VADDPS(at(y, o), v, v)
		VMOVUPS(v, at(z, o))
	}, func() {
		v := XMM()
		VMOVSS(at(x, 0), v)
		VADDSS(at(y, 0), v, v)
		VMOVSS(v, at(z, 0))
	})
	VZEROUPPER()
	RET()
}

func largest(w width) {
	function("max", w, "x, y, z *float32, n int", "writes the larger of x and y to z.")
	x, y, z := Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("z"), GP64())
	n := Load(Param("n"), GP64())
	w.elements(n, []reg.Register{x, y, z}, 4, func(_, o int) {
		v := w.vec()
		VMOVUPS(at(x, o), v)
		VMAXPS(at(y, o), v, v)
		VMOVUPS(v, at(z, o))
	}, func() {
		v := XMM()
		VMOVSS(at(x, 0), v)
		VMAXSS(at(y, 0), v, v)
		VMOVSS(v, at(z, 0))
	})
	VZEROUPPER()
	RET()
}

func relu(w width) {
	function("relu", w, "x *float32, n int", "replaces x by max(x, 0); NaN stays.")
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	zero := w.zeroed()
	w.elements(n, []reg.Register{x}, 4, func(_, o int) {
		v := w.vec()
		VMOVUPS(at(x, o), v)
		VMAXPS(v, zero, v)
		VMOVUPS(v, at(x, o))
	}, func() {
		v := XMM()
		VMOVSS(at(x, 0), v)
		VMAXSS(v, zero.AsX(), v)
		VMOVSS(v, at(x, 0))
	})
	VZEROUPPER()
	RET()
}

// adam's constants lie in an array in this order.
const (
	keep1 = 4 * iota // beta1
	take1            // 1-beta1
	keep2            // beta2
	take2            // 1-beta2
	scale            // of the gradient
	rate             // learning rate over the first moment's bias correction
	root             // 1 over the root of the second moment's
	epsilon
	shrink // 1 - learning rate·decay
)

func adam(w width) {
	function("adam", w, "p, grad, m, v *float32, n int, c *[9]float32", "is one Adam step over n parameters; see adamConstants.")
	p, g, m, v := Load(Param("p"), GP64()), Load(Param("grad"), GP64()), Load(Param("m"), GP64()), Load(Param("v"), GP64())
	n, c := Load(Param("n"), GP64()), Load(Param("c"), GP64())
	k := make(map[int]reg.VecVirtual)
	for o := keep1; o <= shrink; o += 4 {
		k[o] = w.vec()
		VBROADCASTSS(at(c, o), k[o])
	}
	w.elements(n, []reg.Register{p, g, m, v}, 1, func(_, o int) {
		gr, mo, ve, t := w.vec(), w.vec(), w.vec(), w.vec()
		VMULPS(at(g, o), k[scale], gr)
		VMULPS(at(m, o), k[keep1], mo)
		VFMADD231PS(k[take1], gr, mo)
		VMOVUPS(mo, at(m, o))
		VMULPS(gr, gr, gr)
		VMULPS(at(v, o), k[keep2], ve)
		VFMADD231PS(k[take2], gr, ve)
		VMOVUPS(ve, at(v, o))
		VSQRTPS(ve, t)
		VFMADD213PS(k[epsilon], k[root], t)
		VMULPS(mo, k[rate], mo)
		VDIVPS(t, mo, mo)
		VMULPS(at(p, o), k[shrink], gr)
		VSUBPS(mo, gr, gr)
		VMOVUPS(gr, at(p, o))
	}, func() {
		gr, mo, ve, t := XMM(), XMM(), XMM(), XMM()
		x := func(o int) reg.Register { return k[o].AsX() }
		VMOVSS(at(g, 0), gr)
		VMULSS(x(scale), gr, gr)
		VMOVSS(at(m, 0), mo)
		VMULSS(x(keep1), mo, mo)
		VFMADD231SS(x(take1), gr, mo)
		VMOVSS(mo, at(m, 0))
		VMULSS(gr, gr, gr)
		VMOVSS(at(v, 0), ve)
		VMULSS(x(keep2), ve, ve)
		VFMADD231SS(x(take2), gr, ve)
		VMOVSS(ve, at(v, 0))
		VSQRTSS(ve, ve, t)
		VFMADD213SS(x(epsilon), x(root), t)
		VMULSS(x(rate), mo, mo)
		VDIVSS(t, mo, mo)
		VMOVSS(at(p, 0), gr)
		VMULSS(x(shrink), gr, gr)
		VSUBSS(mo, gr, gr)
		VMOVSS(gr, at(p, 0))
	})
	VZEROUPPER()
	RET()
}

// tile is the heart of GEMM: rows × two vectors of C stay in registers while k
// columns of A meet k packed rows of B. A's two strides make its transpose free.
func tile(w width) {
	function("tile", w, "k int, a *float32, row, col int, b, c *float32, ldc int",
		fmt.Sprintf("adds A·B to a tile of %d rows and %d columns of C.", w.rows, 2*w.lanes),
		"A's element (i,j) is at a[i·row+j·col]; B is packed k × columns; strides in elements.")
	acc := make([][2]reg.VecVirtual, w.rows)
	for i := range acc {
		acc[i] = [2]reg.VecVirtual{w.zeroed(), w.zeroed()}
	}
	w.accumulate(acc)
	w.eachRow(func(i, j int, c Mem) {
		VADDPS(c, acc[i][j], acc[i][j])
		VMOVUPS(acc[i][j], c)
	})
}

// layer is a tile that begins with a bias and ends no lower than floor: a layer's
// output is written once and not read before.
func layer(w width) {
	function("layer", w, "floor float32, k int, a *float32, row, col int, b, c *float32, ldc int, bias *float32",
		"writes the larger of floor and bias + A·B to a tile of C; see tile.")
	acc := w.biased()
	w.accumulate(acc)
	w.storeAbove(acc)
}

// biased are accumulators that begin with the bias.
func (w width) biased() [][2]reg.VecVirtual {
	acc := make([][2]reg.VecVirtual, w.rows)
	bias := Load(Param("bias"), GP64())
	for i := range acc {
		for j := range acc[i] {
			acc[i][j] = w.vec()
			VMOVUPS(at(bias, j*w.bytes()), acc[i][j])
		}
	}
	return acc
}

// storeAbove writes the accumulators, or floor where that is larger, and returns.
func (w width) storeAbove(acc [][2]reg.VecVirtual) {
	floor := w.vec()
	VBROADCASTSS(NewParamAddr("floor", 0), floor)
	w.eachRow(func(i, j int, c Mem) {
		VMAXPS(acc[i][j], floor, acc[i][j])
		VMOVUPS(acc[i][j], c)
	})
}

// placed is a layer whose rows of A lie anywhere and are made of segments: a
// convolution reads its windows where they are in the image.
func placed(w width) {
	function("placed", w, "floor float32, segments, k int, a *float32, rows *int32, pitch int, b, c *float32, ldc int, bias *float32",
		"writes the larger of floor and bias + A·B to a tile of C. Row i of A is made of",
		"segments of k elements: the first at a[rows[i]], each other pitch bytes behind the",
		"one before. B is packed, segments·k × columns. Neither segments nor k may be 0.")
	acc := w.biased()
	a, rows := Load(Param("a"), GP64()), Load(Param("rows"), GP64())
	row := make([]reg.Register, w.rows)
	for i := range row {
		row[i] = GP64()
		MOVLQZX(at(rows, 4*i), row[i])
		LEAQ(Mem{Base: a, Index: row[i], Scale: 4}, row[i])
	}
	b, i, k := Load(Param("b"), GP64()), GP64(), NewParamAddr("k", 16)
	step := func(ahead int) {
		b0, b1 := w.vec(), w.vec()
		VMOVUPS(at(b, 2*ahead*w.bytes()), b0)
		VMOVUPS(at(b, (2*ahead+1)*w.bytes()), b1)
		for r := range acc {
			v := w.vec()
			VBROADCASTSS(Mem{Base: row[r], Index: i, Scale: 4, Disp: 4 * ahead}, v)
			VFMADD231PS(b0, v, acc[r][0])
			VFMADD231PS(b1, v, acc[r][1])
		}
	}
	Label("segment")
	XORQ(i, i)
	TESTQ(U32(1), k)
	JZ(LabelRef("even"))
	step(0)
	ADDQ(U32(2*w.bytes()), b)
	INCQ(i)
	Label("even")
	CMPQ(i, k)
	JL(LabelRef("loop"))
	JMP(LabelRef("next"))
	Label("loop")
	step(0)
	step(1)
	ADDQ(U32(4*w.bytes()), b)
	ADDQ(U32(2), i)
	CMPQ(i, k)
	JL(LabelRef("loop"))
	Label("next")
	for _, r := range row {
		ADDQ(NewParamAddr("pitch", 40), r)
	}
	DECQ(NewParamAddr("segments", 8))
	JNZ(LabelRef("segment"))
	w.storeAbove(acc)
}

// accumulate adds A·B to the accumulators.
func (w width) accumulate(acc [][2]reg.VecVirtual) {
	k := Load(Param("k"), GP64())
	row, col := Load(Param("row"), GP64()), Load(Param("col"), GP64())
	SHLQ(Imm(2), row)
	SHLQ(Imm(2), col)
	a := make([]reg.Register, w.rows/3) // one pointer to each three rows
	a[0] = Load(Param("a"), GP64())
	three := GP64()
	LEAQ(Mem{Base: row, Index: row, Scale: 2}, three)
	for i := 1; i < len(a); i++ {
		a[i] = GP64()
		LEAQ(Mem{Base: a[i-1], Index: three, Scale: 1}, a[i])
	}
	b := Load(Param("b"), GP64())
	TESTQ(k, k)
	JZ(LabelRef("store"))
	Label("loop")
	b0, b1 := w.vec(), w.vec()
	VMOVUPS(at(b, 0), b0)
	VMOVUPS(at(b, w.bytes()), b1)
	for i := range acc {
		m := at(a[i/3], 0)
		if i%3 > 0 {
			m.Index, m.Scale = row, uint8(i%3)
		}
		v := w.vec()
		VBROADCASTSS(m, v)
		VFMADD231PS(b0, v, acc[i][0])
		VFMADD231PS(b1, v, acc[i][1])
	}
	for _, p := range a {
		ADDQ(col, p)
	}
	ADDQ(U32(2*w.bytes()), b)
	DECQ(k)
	JNZ(LabelRef("loop"))
	Label("store")
}

// eachRow visits the vectors of C's rows and returns.
func (w width) eachRow(do func(i, j int, c Mem)) {
	c, ldc := Load(Param("c"), GP64()), Load(Param("ldc"), GP64())
	SHLQ(Imm(2), ldc)
	for i := range w.rows {
		for j := range 2 {
			do(i, j, at(c, j*w.bytes()))
		}
		if i+1 < w.rows {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
}
