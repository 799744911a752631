package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestCurves(t *testing.T) {
	eachLevel(t, func(t *testing.T, l level) {
		rng := rand.New(rand.NewPCG(8, uint64(l)))
		for _, n := range lengths {
			checkCurves(t, l, rng, n)
			checkCells(t, l, rng, n)
		}
	})
}

// checkCurves compares with float64, at ordinary and at extreme arguments.
func checkCurves(t *testing.T, l level, rng *rand.Rand, n int) {
	t.Helper()
	x := randoms(rng, n)
	for i := range x {
		x[i] *= float32(math.Pow(10, float64(rng.IntN(7)-4)))
	}
	if n > 3 {
		x[0], x[1], x[n-1] = float32(math.Inf(1)), float32(math.Inf(-1)), 0
	}
	for name, c := range map[string]struct {
		kernel func(x []float32)
		want   func(float64) float64
	}{
		"exp":     {l.exp, func(v float64) float64 { return math.Exp(min(max(v, -87), 88)) }},
		"sigmoid": {l.sigmoid, func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }},
		"tanh":    {l.tanh, math.Tanh},
	} {
		got, intact := guarded(x)
		c.kernel(got)
		for i, v := range x {
			want := c.want(float64(v))
			if math.Abs(float64(got[i])-want) > 5e-7*math.Abs(want)+1e-37 {
				t.Errorf("%s(%g) is %g, want %g", name, v, got[i], want)
				return
			}
		}
		if !intact() {
			t.Errorf("%s of %d writes outside", name, n)
		}
	}
}

func checkCells(t *testing.T, l level, rng *rand.Rand, n int) {
	t.Helper()
	a := [][]float32{randoms(rng, 4*n), randoms(rng, n), randoms(rng, n), randoms(rng, n), randoms(rng, n)}
	b := make([][]float32, len(a))
	var guards []func() bool
	for i := range a {
		inside, intact := guarded(a[i])
		b[i], guards = inside, append(guards, intact)
	}
	compare := func(name string) {
		for i := range a {
			for j := range a[i] {
				if !close32(b[i][j], a[i][j], 1) {
					t.Errorf("%s of %d: array %d, element %d: %g, portable %g", name, n, i, j, b[i][j], a[i][j])
					return
				}
			}
			if !guards[i]() {
				t.Errorf("%s of %d writes outside array %d", name, n, i)
			}
		}
	}
	lstmPortable(a[0], a[1], a[2], a[3], a[4])
	l.lstm(b[0], b[1], b[2], b[3], b[4])
	compare("lstm")
	lstmBackPortable(a[0], a[1], a[3], a[4], a[2])
	l.lstmBack(b[0], b[1], b[3], b[4], b[2])
	compare("lstmBack")
}

func TestCurvesKeepNaN(t *testing.T) {
	eachLevel(t, func(t *testing.T, l level) {
		for name, f := range map[string]func([]float32){"exp": l.exp, "sigmoid": l.sigmoid, "tanh": l.tanh} {
			x := slices.Repeat([]float32{float32(math.NaN())}, 37)
			f(x)
			for _, v := range x {
				if v == v {
					t.Fatalf("%s hides NaN: %g", name, v)
				}
			}
		}
	})
}

func TestPackedProducts(t *testing.T) {
	old := active
	defer func() { active = old }()
	eachLevel(t, func(t *testing.T, l level) {
		active = l
		rng := rand.New(rand.NewPCG(9, uint64(l)))
		for range 80 {
			checkPacked(t, rng, 1+rng.IntN(120), 1+rng.IntN(70), 1+rng.IntN(300))
		}
		checkPacked(t, rng, 1, 64, 700)
	})
}

func checkPacked(t *testing.T, rng *rand.Rand, m, n, k int) {
	t.Helper()
	p := &Param{Shape: []int{k, n}, Value: randoms(rng, k*n), plain: &panels{}, turned: &panels{}}
	p.repack()
	for _, turned := range []bool{false, true} {
		in, out := k, n
		if turned {
			in, out = n, k
		}
		a, c := Mat(randoms(rng, m*in), m, in), Mat(randoms(rng, m*out), m, out)
		want := Mat(slices.Clone(c.Data), m, out)
		if turned {
			p.multiplyTurned(c, a)
			plainGemm(want, a, p.matrix().T())
		} else {
			p.multiply(c, a)
			plainGemm(want, a, p.matrix())
		}
		for i := range c.Data {
			if math.Abs(float64(c.Data[i]-want.Data[i])) > 8e-5*math.Sqrt(float64(k+n)) {
				t.Errorf("%d×%d×%d, turned %v: element %d: %g, want %g", m, n, k, turned, i, c.Data[i], want.Data[i])
				return
			}
		}
	}
}

func TestAffine(t *testing.T) {
	old := active
	defer func() { active = old }()
	eachLevel(t, func(t *testing.T, l level) {
		active = l
		rng := rand.New(rand.NewPCG(11, uint64(l)))
		for i := range 120 {
			m, n, k := 1+rng.IntN(120), 1+rng.IntN(70), 1+rng.IntN(500)
			p := &Param{Shape: []int{k, n}, Value: randoms(rng, k*n), plain: &panels{}}
			if i%5 > 0 {
				p.repack()
			} else {
				p.plain = nil
			}
			a, bias := Mat(randoms(rng, m*k), m, k), randoms(rng, n)
			c, intact := guarded(randoms(rng, m*n))
			p.affine(Mat(c, m, n), a, bias, i%2 > 0)
			want := Mat(slices.Repeat(bias, m), m, n)
			plainGemm(want, a, p.matrix())
			for j, v := range want.Data {
				if i%2 > 0 {
					v = max(v, 0)
				}
				if math.Abs(float64(c[j]-v)) > 8e-5*math.Sqrt(float64(k+n)) {
					t.Fatalf("%d×%d×%d: element %d: %g, want %g", m, n, k, j, c[j], v)
				}
			}
			if !intact() {
				t.Fatalf("%d×%d×%d writes outside", m, n, k)
			}
		}
	})
}

func FuzzCurves(f *testing.F) {
	f.Add(uint64(1), 17)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		rng := rand.New(rand.NewPCG(seed, 0))
		for _, l := range levels() {
			checkCurves(t, l, rng, (n&0x7fff)%300)
			checkCells(t, l, rng, (n&0x7fff)%300)
		}
	})
}

// curves runs the new kernels on the emulator: n is a multiple of the lanes.
func (m *machine) curves(suffix string, n int) {
	rng := seeded(uint64(n))
	c := curveConstants
	for name, plain := range map[string]func([]float32){"exp": expPortable, "sigmoid": sigmoidPortable, "tanh": tanhPortable} {
		x := randoms(rng, n)
		p := m.put(x, c[:])
		m.run(name+suffix, map[string]uint64{"x": p[0], "n": uint64(n), "c": p[1]})
		plain(x)
		m.compare(name, n, m.memory[p[0]/4:], x)
	}
	a := [][]float32{randoms(rng, 4*n), randoms(rng, n), randoms(rng, n), randoms(rng, n), randoms(rng, n)}
	p := m.put(a[0], a[1], a[2], a[3], a[4], c[:])
	size := uint64(n)
	frame := map[string]uint64{"i": p[0], "f": p[0] + 4*size, "u": p[0] + 8*size, "o": p[0] + 12*size,
		"before": p[1], "cell": p[2], "curved": p[3], "h": p[4], "dh": p[4], "dc": p[2], "n": size, "c": p[5]}
	check := func(name string) {
		for i := range a {
			m.compare(fmt.Sprint(name, " array ", i), n, m.memory[p[i]/4:], a[i])
		}
	}
	m.run("lstm"+suffix, frame)
	lstmPortable(a[0], a[1], a[2], a[3], a[4])
	check("lstm")
	m.run("lstmBack"+suffix, frame)
	lstmBackPortable(a[0], a[1], a[3], a[4], a[2])
	a[4] = nil // scratch of the kernel's registers only
	check("lstmBack")
}

// picks are arrays of which some elements of the first two are the same, some
// not positive.
func picks(rng *rand.Rand, n int) [][]float32 {
	a := [][]float32{randoms(rng, n), randoms(rng, n), randoms(rng, n), randoms(rng, n)}
	for i := range n {
		switch rng.IntN(4) {
		case 0:
			a[1][i] = a[0][i]
		case 1:
			a[0][i], a[1][i] = 0, 0
		case 2:
			a[0][i] = float32(math.NaN())
		}
	}
	return a
}

// masks runs the kernels that pick on the emulator.
func (m *machine) masks(n int) {
	a := picks(seeded(uint64(n)), n)
	p := m.put(a...)
	frame := map[string]uint64{"y": p[0], "dy": p[2], "dx": p[3], "n": uint64(n)}
	m.run("reluBackAVX2", frame)
	reluBackPortable(a[0], a[2], a[3])
	m.compare("reluBack", n, m.memory[p[3]/4:], a[3])
	m.run("giveAVX2", map[string]uint64{"x": p[0], "y": p[1], "left": p[2], "dx": p[3], "n": uint64(n)})
	givePortable(a[0], a[1], a[2], a[3])
	m.compare("give", n, m.memory[p[3]/4:], a[3])
	m.compare("give, left", n, m.memory[p[2]/4:], a[2])
}

func TestPicks(t *testing.T) {
	eachLevel(t, func(t *testing.T, l level) {
		rng := rand.New(rand.NewPCG(10, uint64(l)))
		for _, n := range lengths {
			a := picks(rng, n)
			dx, intact := guarded(a[3])
			left, intactLeft := guarded(a[2])
			l.give(a[0], a[1], left, dx)
			givePortable(a[0], a[1], a[2], a[3])
			if !slices.Equal(dx, a[3]) || !slices.Equal(left, a[2]) || !intact() || !intactLeft() {
				t.Errorf("give of %d differs or writes outside", n)
			}
			l.reluBack(a[0], left, dx)
			reluBackPortable(a[0], a[2], a[3])
			if !slices.Equal(dx, a[3]) || !intact() {
				t.Errorf("reluBack of %d differs or writes outside", n)
			}
		}
	})
}

// row runs the kernel of a single row on the emulator.
func (m *machine) row(suffix string, cols, k int) {
	rng := seeded(uint64(k))
	for _, col := range []int{1, 5} {
		a, b, c := randoms(rng, max(k-1, 0)*col+1), randoms(rng, k*cols), randoms(rng, cols)
		p := m.put(a, b, c)
		m.run("row"+suffix, map[string]uint64{"k": uint64(k), "a": p[0], "col": uint64(col), "b": p[1], "c": p[2]})
		plainGemm(Mat(c, 1, cols), Matrix{1, k, 0, col, a}, Mat(b, k, cols))
		m.compare("row", k, m.memory[p[2]/4:], c)
	}
}
