package nn

// lanes is how many elements a vector has.
func (l level) lanes() int {
	switch l {
	case avx512:
		return 16
	case avx2:
		return 8
	}
	return 1
}

// curve is a function that a kernel computes in place.
type curve uint8

const (
	curveExp curve = iota
	curveSigmoid
	curveTanh
)

// whole runs a kernel over n elements, a multiple of the lanes. Kernels are called by
// name: what is handed to a function value would leave the stack.
func (l level) whole(f curve, x *float32, n int) {
	switch {
	case l == avx512 && f == curveExp:
		expAVX512(x, n, &curveConstants)
	case l == avx512 && f == curveSigmoid:
		sigmoidAVX512(x, n, &curveConstants)
	case l == avx512:
		tanhAVX512(x, n, &curveConstants)
	case f == curveExp:
		expAVX2(x, n, &curveConstants)
	case f == curveSigmoid:
		sigmoidAVX2(x, n, &curveConstants)
	default:
		tanhAVX2(x, n, &curveConstants)
	}
}

// padded runs a kernel that takes whole vectors only: the rest of x goes through
// a buffer.
func (l level) padded(f curve, x []float32) {
	n := len(x) / l.lanes() * l.lanes()
	if n > 0 {
		l.whole(f, &x[0], n)
	}
	if n < len(x) {
		var rest [16]float32
		copy(rest[:], x[n:])
		l.whole(f, &rest[0], l.lanes())
		copy(x[n:], rest[:])
	}
}

func (l level) exp(x []float32) {
	if l == portable {
		expPortable(x)
		return
	}
	l.padded(curveExp, x)
}

func (l level) sigmoid(x []float32) {
	if l == portable {
		sigmoidPortable(x)
		return
	}
	l.padded(curveSigmoid, x)
}

func (l level) tanh(x []float32) {
	if l == portable {
		tanhPortable(x)
		return
	}
	l.padded(curveTanh, x)
}

// lstm is one row of [lstmPortable]: whole vectors by the kernel, the rest
// plainly through a copy.
func (l level) lstm(gates, before, cell, curved, h []float32) {
	n := len(before)
	if l == portable || n == 0 {
		lstmPortable(gates, before, cell, curved, h)
		return
	}
	_, cell, curved, h = gates[4*n-1], cell[:n], curved[:n], h[:n]
	whole := n / l.lanes() * l.lanes()
	l.lstmWhole(whole, gates, n, before, cell, curved, h)
	if rest := n - whole; rest > 0 {
		var g, s [4 * 16]float32
		for i := range 4 {
			copy(g[16*i:], gates[i*n+whole:(i+1)*n])
		}
		copy(s[:], before[whole:])
		l.lstmWhole(l.lanes(), g[:], 16, s[:16], s[16:32], s[32:48], s[48:])
		for i := range 4 {
			copy(gates[i*n+whole:(i+1)*n], g[16*i:])
		}
		copy(cell[whole:], s[16:])
		copy(curved[whole:], s[32:])
		copy(h[whole:], s[48:])
	}
}

// lstmWhole does n units, a multiple of the lanes, of gates that lie stride apart.
func (l level) lstmWhole(n int, gates []float32, stride int, before, cell, curved, h []float32) {
	if n == 0 {
		return
	}
	i, f, g, o := &gates[0], &gates[stride], &gates[2*stride], &gates[3*stride]
	if l == avx512 {
		lstmAVX512(i, f, g, o, &before[0], &cell[0], &curved[0], &h[0], n, &curveConstants)
	} else {
		lstmAVX2(i, f, g, o, &before[0], &cell[0], &curved[0], &h[0], n, &curveConstants)
	}
}

// lstmBack is one row of [lstmBackPortable].
func (l level) lstmBack(gates, before, curved, dh, dc []float32) {
	n := len(before)
	if l == portable || n == 0 {
		lstmBackPortable(gates, before, curved, dh, dc)
		return
	}
	_, curved, dh, dc = gates[4*n-1], curved[:n], dh[:n], dc[:n]
	whole := n / l.lanes() * l.lanes()
	l.lstmBackWhole(whole, gates, n, before, curved, dh, dc)
	if rest := n - whole; rest > 0 {
		var g, s [4 * 16]float32
		for i := range 4 {
			copy(g[16*i:], gates[i*n+whole:(i+1)*n])
		}
		copy(s[:16], before[whole:])
		copy(s[16:32], curved[whole:])
		copy(s[32:48], dh[whole:])
		copy(s[48:], dc[whole:])
		l.lstmBackWhole(l.lanes(), g[:], 16, s[:16], s[16:32], s[32:48], s[48:])
		for i := range 4 {
			copy(gates[i*n+whole:(i+1)*n], g[16*i:])
		}
		copy(dc[whole:], s[48:])
	}
}

func (l level) lstmBackWhole(n int, gates []float32, stride int, before, curved, dh, dc []float32) {
	if n == 0 {
		return
	}
	i, f, g, o := &gates[0], &gates[stride], &gates[2*stride], &gates[3*stride]
	if l == avx512 {
		lstmBackAVX512(i, f, g, o, &before[0], &curved[0], &dh[0], &dc[0], n, &curveConstants)
	} else {
		lstmBackAVX2(i, f, g, o, &before[0], &curved[0], &dh[0], &dc[0], n, &curveConstants)
	}
}

// row adds the product of one row of A (k elements, col apart) and a packed
// panel of B to one row of C.
func (l level) row(k int, a []float32, col int, b, c []float32) {
	if k <= 0 {
		return
	}
	_, cols := l.tileSize()
	_, _, _ = a[(k-1)*col], b[k*cols-1], c[cols-1]
	switch l {
	case avx512:
		rowAVX512(k, &a[0], col, &b[0], &c[0])
	case avx2:
		rowAVX2(k, &a[0], col, &b[0], &c[0])
	default:
		rowPortable(k, a, col, b, c)
	}
}

func (l level) reluBack(y, dy, dx []float32) {
	if l == portable || len(y) == 0 {
		reluBackPortable(y, dy, dx)
		return
	}
	_, _ = dy[len(y)-1], dx[len(y)-1]
	reluBackAVX2(&y[0], &dy[0], &dx[0], len(y))
}

func (l level) give(x, y, left, dx []float32) {
	if l == portable || len(x) == 0 {
		givePortable(x, y, left, dx)
		return
	}
	_, _, _ = y[len(x)-1], left[len(x)-1], dx[len(x)-1]
	giveAVX2(&x[0], &y[0], &left[0], &dx[0], len(x))
}
