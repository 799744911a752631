package nn

import "golang.org/x/sys/cpu"

// levels are the sets this processor can run, slowest first.
func levels() []level {
	l := []level{portable}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		l = append(l, avx2)
	}
	if cpu.X86.HasAVX512F && len(l) == 2 {
		l = append(l, avx512)
	}
	return l
}

// tileSize is the shape of the GEMM tile.
func (l level) tileSize() (rows, cols int) {
	switch l {
	case avx512:
		return 12, 32
	case avx2:
		return 6, 16
	}
	return 2, 4
}

func (l level) dot(x, y []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	y = y[:len(x)]
	switch l {
	case avx512:
		return dotAVX512(&x[0], &y[0], len(x))
	case avx2:
		return dotAVX2(&x[0], &y[0], len(x))
	}
	return dotPortable(x, y)
}

func (l level) reluDot(x, y []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	y = y[:len(x)]
	switch l {
	case avx512:
		return reluDotAVX512(&x[0], &y[0], len(x))
	case avx2:
		return reluDotAVX2(&x[0], &y[0], len(x))
	}
	return reluDotPortable(x, y)
}

func (l level) axpy(a float32, x, y []float32) {
	if len(x) == 0 {
		return
	}
	y = y[:len(x)]
	switch l {
	case avx512:
		axpyAVX512(a, &x[0], &y[0], len(x))
	case avx2:
		axpyAVX2(a, &x[0], &y[0], len(x))
	default:
		axpyPortable(a, x, y)
	}
}

func (l level) add(x, y, z []float32) {
	if len(x) == 0 {
		return
	}
	y, z = y[:len(x)], z[:len(x)]
	switch l {
	case avx512:
		addAVX512(&x[0], &y[0], &z[0], len(x))
	case avx2:
		addAVX2(&x[0], &y[0], &z[0], len(x))
	default:
		addPortable(x, y, z)
	}
}

func (l level) max(x, y, z []float32) {
	if len(x) == 0 {
		return
	}
	y, z = y[:len(x)], z[:len(x)]
	switch l {
	case avx512:
		maxAVX512(&x[0], &y[0], &z[0], len(x))
	case avx2:
		maxAVX2(&x[0], &y[0], &z[0], len(x))
	default:
		maxPortable(x, y, z)
	}
}

func (l level) relu(x []float32) {
	if len(x) == 0 {
		return
	}
	switch l {
	case avx512:
		reluAVX512(&x[0], len(x))
	case avx2:
		reluAVX2(&x[0], len(x))
	default:
		reluPortable(x)
	}
}

func (l level) adam(p, g, m, v []float32, c *adamConstants) {
	if len(p) == 0 {
		return
	}
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	switch l {
	case avx512:
		adamAVX512(&p[0], &g[0], &m[0], &v[0], len(p), (*[9]float32)(c))
	case avx2:
		adamAVX2(&p[0], &g[0], &m[0], &v[0], len(p), (*[9]float32)(c))
	default:
		adamPortable(p, g, m, v, c)
	}
}

// tile adds the product of a block of A (rows × k, strides row and col) and a
// packed panel of B (k × cols) to a tile of C.
func (l level) tile(k int, a []float32, row, col int, b, c []float32, ldc int) {
	if k <= 0 {
		return
	}
	rows, cols := l.tileSize()
	_, _, _ = a[(rows-1)*row+(k-1)*col], b[k*cols-1], c[(rows-1)*ldc+cols-1]
	switch l {
	case avx512:
		tileAVX512(k, &a[0], row, col, &b[0], &c[0], ldc)
	case avx2:
		tileAVX2(k, &a[0], row, col, &b[0], &c[0], ldc)
	default:
		tilePortable(k, a, row, col, b, c, ldc)
	}
}

// layer writes max(floor, bias + A·B) to a tile of C; see tile. bias is as wide
// as the tile.
func (l level) layer(floor float32, k int, a []float32, row, col int, b, c []float32, ldc int, bias []float32) {
	rows, cols := l.tileSize()
	_, _, _, _ = a[(rows-1)*row+(k-1)*col], b[k*cols-1], c[(rows-1)*ldc+cols-1], bias[cols-1]
	switch l {
	case avx512:
		layerAVX512(floor, k, &a[0], row, col, &b[0], &c[0], ldc, &bias[0])
	case avx2:
		layerAVX2(floor, k, &a[0], row, col, &b[0], &c[0], ldc, &bias[0])
	default:
		layerPortable(floor, k, a, row, col, b, c, ldc, bias)
	}
}

// placed is layer for rows of A that lie anywhere: row i is made of segments of k
// elements, the first at a[rows[i]], each other pitch elements behind the one
// before.
func (l level) placed(floor float32, segments, k int, a []float32, rows []int32, pitch int, b, c []float32, ldc int, bias []float32) {
	high, cols := l.tileSize()
	if segments <= 0 || k <= 0 || pitch < 0 {
		panic("nn: a window without elements")
	}
	_, _, _ = b[segments*k*cols-1], c[(high-1)*ldc+cols-1], bias[cols-1]
	for _, row := range rows[:high] {
		_, _ = a[row], a[int(row)+(segments-1)*pitch+k-1]
	}
	switch l {
	case avx512:
		placedAVX512(floor, segments, k, &a[0], &rows[0], 4*pitch, &b[0], &c[0], ldc, &bias[0])
	case avx2:
		placedAVX2(floor, segments, k, &a[0], &rows[0], 4*pitch, &b[0], &c[0], ldc, &bias[0])
	default:
		placedPortable(floor, segments, k, a, rows, pitch, b, c, ldc, bias)
	}
}
