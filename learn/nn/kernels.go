package nn

//go:generate go -C ../../tools run ./kernels

import "math"

// level is one set of kernels. The methods of level check bounds; what they call
// does not.
type level uint8

const (
	portable level = iota
	avx2           // with FMA
	avx512         // AVX-512F
)

func (l level) String() string { return [...]string{"portable", "avx2", "avx512"}[l] }

// active is the fastest set this processor has.
var active = levels()[len(levels())-1]

// Kernels is the name of the kernels in use: "portable", "avx2" or "avx512".
func Kernels() string { return active.String() }

// longest is how many elements one call of assembly may take: assembly cannot be
// preempted, so long vectors are done in pieces of some microseconds.
const longest = 1 << 15

// Dot is the inner product of x and y, over the shorter of the two.
func Dot(x, y []float32) float32 {
	n := min(len(x), len(y))
	var s float32
	for i := 0; i < n; i += longest {
		j := min(n, i+longest)
		s += active.dot(x[i:j], y[i:j])
	}
	return s
}

// Axpy adds a·x to y, over the shorter of the two.
func Axpy(a float32, x, y []float32) {
	n := min(len(x), len(y))
	for i := 0; i < n; i += longest {
		j := min(n, i+longest)
		active.axpy(a, x[i:j], y[i:j])
	}
}

// Add writes x+y to z, over the shortest of the three; z may be x or y.
func Add(x, y, z []float32) {
	n := min(len(x), len(y), len(z))
	for i := 0; i < n; i += longest {
		j := min(n, i+longest)
		active.add(x[i:j], y[i:j], z[i:j])
	}
}

// Rectify replaces each element of x by max(x, 0); NaN stays NaN.
func Rectify(x []float32) {
	for i := 0; i < len(x); i += longest {
		active.relu(x[i:min(len(x), i+longest)])
	}
}

// adamConstants are beta1, 1-beta1, beta2, 1-beta2, the gradient's scale, the
// rate over the first moment's bias correction, 1 over the root of the second's,
// epsilon, and 1 - rate·decay.
type adamConstants [9]float32

func dotPortable(x, y []float32) float32 {
	var a, b, c, d float32
	for len(x) >= 4 && len(y) >= 4 {
		a += x[0] * y[0]
		b += x[1] * y[1]
		c += x[2] * y[2]
		d += x[3] * y[3]
		x, y = x[4:], y[4:]
	}
	for i, v := range x {
		a += v * y[i]
	}
	return a + b + (c + d)
}

func reluDotPortable(x, y []float32) float32 {
	var s float32
	for i, v := range x {
		if !(v <= 0) {
			s += v * y[i]
		}
	}
	return s
}

func axpyPortable(a float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += a * v
	}
}

func addPortable(x, y, z []float32) {
	y, z = y[:len(x)], z[:len(x)]
	for i, v := range x {
		z[i] = v + y[i]
	}
}

func maxPortable(x, y, z []float32) {
	y, z = y[:len(x)], z[:len(x)]
	for i, v := range x {
		if !(v > y[i]) {
			v = y[i]
		}
		z[i] = v
	}
}

func reluPortable(x []float32) {
	for i, v := range x {
		if v < 0 {
			x[i] = 0
		}
	}
}

func adamPortable(p, g, m, v []float32, c *adamConstants) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	for i := range p {
		gr := c[4] * g[i]
		m[i] = c[0]*m[i] + c[1]*gr
		v[i] = c[2]*v[i] + c[3]*gr*gr
		p[i] = c[8]*p[i] - c[5]*m[i]/(c[6]*float32(math.Sqrt(float64(v[i])))+c[7])
	}
}

// tilePortable is a tile of two rows and four columns.
func tilePortable(k int, a []float32, row, col int, b, c []float32, ldc int) {
	var c00, c01, c02, c03, c10, c11, c12, c13 float32
	for i := range k {
		x, y, v := a[i*col], a[row+i*col], b[4*i:4*i+4]
		c00 += x * v[0]
		c01 += x * v[1]
		c02 += x * v[2]
		c03 += x * v[3]
		c10 += y * v[0]
		c11 += y * v[1]
		c12 += y * v[2]
		c13 += y * v[3]
	}
	u, v := c[:4], c[ldc:ldc+4]
	u[0], u[1], u[2], u[3] = u[0]+c00, u[1]+c01, u[2]+c02, u[3]+c03
	v[0], v[1], v[2], v[3] = v[0]+c10, v[1]+c11, v[2]+c12, v[3]+c13
}

// layerPortable is tilePortable that begins with a bias and ends no lower than
// floor.
func layerPortable(floor float32, k int, a []float32, row, col int, b, c []float32, ldc int, bias []float32) {
	u, v := c[:4], c[ldc:ldc+4]
	copy(u, bias[:4])
	copy(v, bias[:4])
	tilePortable(k, a, row, col, b, c, ldc)
	for i := range 4 {
		u[i], v[i] = max(floor, u[i]), max(floor, v[i])
	}
}

// placedPortable is layerPortable over the segments of two rows.
func placedPortable(floor float32, segments, k int, a []float32, rows []int32, pitch int, b, c []float32, ldc int, bias []float32) {
	u, v := c[:4], c[ldc:ldc+4]
	copy(u, bias[:4])
	copy(v, bias[:4])
	for s := range segments {
		x, y := a[int(rows[0])+s*pitch:][:k], a[int(rows[1])+s*pitch:][:k]
		for i := range k {
			w := b[4*(s*k+i):][:4]
			for j := range 4 {
				u[j] += x[i] * w[j]
				v[j] += y[i] * w[j]
			}
		}
	}
	for i := range 4 {
		u[i], v[i] = max(floor, u[i]), max(floor, v[i])
	}
}
