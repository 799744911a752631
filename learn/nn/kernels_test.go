package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func randoms(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func close32(a, b, scale float32) bool {
	return math.Abs(float64(a-b)) <= 1e-5*float64(1+scale) || a != a && b != b
}

// lengths cover the unrolled loop, the vector loop and the tail of both widths.
var lengths = []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 255, 1000, 1023}

func eachLevel(t *testing.T, test func(t *testing.T, l level)) {
	for _, l := range levels() {
		t.Run(l.String(), func(t *testing.T) { test(t, l) })
	}
}

// guarded is n elements inside a larger array, to see writes outside.
func guarded(x []float32) (inside []float32, intact func() bool) {
	all := slices.Concat([]float32{77, 77}, x, []float32{77, 77, 77})
	return all[2 : 2+len(x) : 2+len(x)], func() bool {
		n := len(all)
		return all[0] == 77 && all[1] == 77 && all[n-1] == 77 && all[n-2] == 77 && all[n-3] == 77
	}
}

func TestVectorKernels(t *testing.T) {
	eachLevel(t, func(t *testing.T, l level) {
		rng := rand.New(rand.NewPCG(1, uint64(l)))
		for _, n := range lengths {
			checkVectorKernels(t, l, randoms(rng, n), randoms(rng, n), float32(rng.NormFloat64()))
		}
	})
}

func checkVectorKernels(t *testing.T, l level, x, y []float32, a float32) {
	t.Helper()
	n := len(x)
	var size float32
	for i := range x {
		size += float32(math.Abs(float64(x[i] * y[i])))
	}
	if got, want := l.dot(x, y), dotPortable(x, y); !close32(got, want, size) {
		t.Errorf("dot of %d: %g, portable %g", n, got, want)
	}
	if got, want := l.reluDot(x, y), reluDotPortable(x, y); !close32(got, want, size) {
		t.Errorf("reluDot of %d: %g, portable %g", n, got, want)
	}
	compare := func(name string, kernel, plain func(z []float32)) {
		t.Helper()
		got, intact := guarded(y)
		want := slices.Clone(y)
		kernel(got)
		plain(want)
		for i := range want {
			if !close32(got[i], want[i], float32(math.Abs(float64(a*x[i]))+math.Abs(float64(y[i])))) {
				t.Errorf("%s of %d: element %d: %g, portable %g", name, n, i, got[i], want[i])
				return
			}
		}
		if !intact() {
			t.Errorf("%s of %d writes outside", name, n)
		}
	}
	compare("axpy", func(z []float32) { l.axpy(a, x, z) }, func(z []float32) { axpyPortable(a, x, z) })
	compare("add", func(z []float32) { l.add(x, z, z) }, func(z []float32) { addPortable(x, z, z) })
	compare("max", func(z []float32) { l.max(x, z, z) }, func(z []float32) { maxPortable(x, z, z) })
	compare("relu", l.relu, reluPortable)
}

func TestReluKeepsNaN(t *testing.T) {
	eachLevel(t, func(t *testing.T, l level) {
		x := make([]float32, 37)
		for i := range x {
			x[i] = float32(math.NaN())
		}
		l.relu(x)
		for i, v := range x {
			if v == v {
				t.Fatalf("element %d became %g", i, v)
			}
		}
		if s := l.reluDot(x, x); s == s {
			t.Errorf("reluDot hides NaN: %g", s)
		}
	})
}

func TestAdamKernel(t *testing.T) {
	c := adamConstants{.9, .1, .999, .001, .5, .01, 1.2, 1e-8, .999}
	eachLevel(t, func(t *testing.T, l level) {
		rng := rand.New(rand.NewPCG(2, uint64(l)))
		for _, n := range lengths {
			p, g, m, v := randoms(rng, n), randoms(rng, n), randoms(rng, n), randoms(rng, n)
			for i := range v {
				v[i] *= v[i]
			}
			a, intact := guarded(p)
			am, av := slices.Clone(m), slices.Clone(v)
			for range 3 {
				l.adam(a, g, am, av, &c)
				adamPortable(p, g, m, v, &c)
			}
			for i := range p {
				if !close32(a[i], p[i], 1) || !close32(am[i], m[i], 1) || !close32(av[i], v[i], 1) {
					t.Fatalf("n=%d element %d: %g, portable %g", n, i, a[i], p[i])
				}
			}
			if !intact() {
				t.Fatalf("n=%d writes outside", n)
			}
		}
	})
}

func plainGemm(c, a, b Matrix) {
	for i := range c.Rows {
		for j := range c.Cols {
			var s float64
			for k := range a.Cols {
				s += float64(a.Data[i*a.Row+k*a.Col]) * float64(b.Data[k*b.Row+j*b.Col])
			}
			c.Data[i*c.Row+j] += float32(s)
		}
	}
}

func checkGemm(t *testing.T, l level, rng *rand.Rand, m, n, k int, ta, tb bool, gap int) {
	t.Helper()
	view := func(rows, cols int, transposed bool) Matrix {
		if transposed {
			rows, cols = cols, rows
		}
		v := Matrix{Rows: rows, Cols: cols, Row: cols + gap, Col: 1, Data: randoms(rng, max(0, rows*(cols+gap)-gap))}
		if transposed {
			return v.T()
		}
		return v
	}
	a, b, c := view(m, k, ta), view(k, n, tb), view(m, n, false)
	want := c
	want.Data = slices.Clone(c.Data)
	inside, intact := guarded(c.Data)
	c.Data = inside
	l.gemm(c, a, b)
	plainGemm(want, a, b)
	for i := range want.Data {
		if math.Abs(float64(c.Data[i]-want.Data[i])) > 2e-5*math.Sqrt(float64(k+1))*4 {
			t.Errorf("%d×%d×%d, %v %v, gap %d: element %d: %g, want %g", m, n, k, ta, tb, gap, i, c.Data[i], want.Data[i])
			return
		}
	}
	if !intact() {
		t.Errorf("%d×%d×%d writes outside", m, n, k)
	}
}

func TestGemm(t *testing.T) {
	eachLevel(t, func(t *testing.T, l level) {
		rng := rand.New(rand.NewPCG(3, uint64(l)))
		for _, s := range [][3]int{{1, 1, 1}, {6, 16, 8}, {12, 32, 5}, {7, 17, 3}, {5, 15, 300}, {13, 33, 257}, {25, 300, 260}, {64, 64, 64}, {3, 5, 0}, {0, 4, 4}, {48, 128, 11}} {
			for bits := range 4 {
				for _, gap := range []int{0, 3} {
					checkGemm(t, l, rng, s[0], s[1], s[2], bits&1 > 0, bits&2 > 0, gap)
				}
			}
		}
		for range 60 {
			checkGemm(t, l, rng, 1+rng.IntN(40), 1+rng.IntN(70), 1+rng.IntN(50), rng.IntN(2) > 0, rng.IntN(2) > 0, rng.IntN(4))
		}
	})
}

func TestGemmRefusesWrongShapes(t *testing.T) {
	d := make([]float32, 64)
	for name, f := range map[string]func(){
		"inner":     func() { Gemm(Mat(d, 2, 2), Mat(d, 2, 3), Mat(d, 4, 2)) },
		"outer":     func() { Gemm(Mat(d, 3, 2), Mat(d, 2, 3), Mat(d, 3, 2)) },
		"short A":   func() { Gemm(Mat(d, 2, 2), Mat(d[:5], 2, 3), Mat(d, 3, 2)) },
		"short B":   func() { Gemm(Mat(d, 2, 2), Mat(d, 2, 3), Mat(d[:5], 3, 2)) },
		"short C":   func() { Gemm(Mat(d[:3], 2, 2), Mat(d, 2, 3), Mat(d, 3, 2)) },
		"columns C": func() { Gemm(Mat(d, 2, 2).T(), Mat(d, 2, 3), Mat(d, 3, 2)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestLongVectorsGoInPieces(t *testing.T) {
	n := 2*longest + 5
	x, y := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], y[i] = 1, float32(i%3)
	}
	if got, want := Dot(x, y), float32(n-n%3+(n%3)*(n%3-1)/2); got != want {
		t.Errorf("dot %g, want %g", got, want)
	}
	Axpy(2, x, y)
	Add(x, y, y)
	for i, v := range y {
		if v != float32(i%3)+3 {
			t.Fatalf("element %d: %g", i, v)
		}
	}
}

func FuzzKernels(f *testing.F) {
	f.Add(uint64(1), 17, 33, 5)
	f.Fuzz(func(t *testing.T, seed uint64, m, n, k int) {
		rng := rand.New(rand.NewPCG(seed, 0))
		m, n, k = (m&0x7fff)%50, (n&0x7fff)%80, (k&0x7fff)%300
		for _, l := range levels() {
			checkVectorKernels(t, l, randoms(rng, m*n%700), randoms(rng, m*n%700), 1.5)
			checkGemm(t, l, rng, m, n, k, seed&1 > 0, seed&2 > 0, int(seed>>2&3))
			checkPlaced(t, l, rng, 1+m%5, 1+k)
		}
	})
}

func BenchmarkGemm(b *testing.B) {
	for _, l := range levels() {
		for _, n := range []int{128, 512} {
			b.Run(fmt.Sprint(l, "/", n), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(4, 4))
				x, y, z := Mat(randoms(rng, n*n), n, n), Mat(randoms(rng, n*n), n, n), Mat(make([]float32, n*n), n, n)
				for b.Loop() {
					l.gemm(z, x, y)
				}
				b.ReportMetric(2*float64(n*n*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

func BenchmarkDot128(b *testing.B) {
	for _, l := range levels() {
		b.Run(l.String(), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(5, 5))
			const n = 1000
			x, y := randoms(rng, 128), randoms(rng, 128*n)
			var s float32
			for b.Loop() {
				for i := range n {
					s += l.dot(x, y[i*128:(i+1)*128])
				}
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "M/s")
			_ = s
		})
	}
}
