package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A convolution that reads windows in place gives what one that copies them gives.
func TestWindowsInPlace(t *testing.T) {
	old := active
	defer func() { active = old }()
	eachLevel(t, func(t *testing.T, l level) {
		active = l
		rng := rand.New(rand.NewPCG(21, uint64(l)))
		placed := 0
		for i := range 150 {
			s, in := randomConv(rng, i%3 == 0)
			layer, err := makeConv(&builder{rng: rng}, s, in)
			if err != nil {
				continue // the kernel does not fit
			}
			c := layer.(*conv)
			c.W.repack()
			copy(c.B.Value, randoms(rng, s.Filters))
			c.relu = i%2 > 0
			if c.placed == nil {
				continue
			}
			placed++
			x := NewTensor(append([]int{1 + rng.IntN(4)}, in...)...)
			copy(x.Data, randoms(rng, len(x.Data)))
			if i%3 == 0 && i%2 > 0 {
				for range x.Shape[0] {
					x.Lengths = append(x.Lengths, rng.IntN(in[0]+1))
				}
			}
			got := append([]float32(nil), c.Forward(x, false).Data...)
			c.placed = nil
			for j, want := range c.Forward(x, false).Data {
				if math.Abs(float64(got[j]-want)) > 1e-4*math.Sqrt(float64(c.W.matrix().Rows)) {
					t.Fatalf("%+v of %v: element %d: %g, want %g", s, in, j, got[j], want)
				}
			}
		}
		if placed < 40 {
			t.Errorf("only %d of 150 convolutions were read in place", placed)
		}
	})
}

func randomConv(rng *rand.Rand, sequence bool) (LayerSpec, []int) {
	n := func(from, to int) int { return from + rng.IntN(to-from+1) }
	s := LayerSpec{Type: "Conv2D", Filters: n(1, 70), Kernel: Dims{n(1, 4), n(1, 4)}, Strides: Dims{n(1, 2), n(1, 2)}}
	in := []int{n(3, 12), n(3, 12), n(5, 40)}
	if sequence {
		s.Type, s.Kernel, s.Strides = "Conv1D", s.Kernel[:1], s.Strides[:1]
		in = []int{n(6, 60), in[2]}
	}
	if rng.IntN(2) > 0 {
		s.Padding = "same"
	}
	return s, in
}

func checkPlaced(t *testing.T, l level, rng *rand.Rand, segments, k int) {
	t.Helper()
	rows, cols := l.tileSize()
	c, bias := randoms(rng, (rows-1)*(cols+3)+cols), randoms(rng, cols)
	a, at, pitch := placedRows(rng, rows, segments, k)
	b := randoms(rng, segments*k*cols)
	want := placedNaively(rows, cols, segments, k, a, at, pitch, b, c, cols+3, bias)
	got, intact := guarded(c)
	l.placed(-.5, segments, k, a, at, pitch, b, got, cols+3, bias)
	if worst := furthest(got, want); worst > 1e-4*math.Sqrt(float64(segments*k)) {
		t.Fatalf("%v: %d segments of %d: off by %g", l, segments, k, worst)
	}
	if !intact() {
		t.Fatalf("%v: %d segments of %d: written outside", l, segments, k)
	}
}

// placedRows are rows at random places of a.
func placedRows(rng *rand.Rand, rows, segments, k int) (a []float32, at []int32, pitch int) {
	pitch = k + rng.IntN(5)
	a = randoms(rng, 40+(segments-1)*pitch+k)
	for range rows {
		at = append(at, int32(rng.IntN(41)))
	}
	return a, at, pitch
}

func placedNaively(rows, cols, segments, k int, a []float32, at []int32, pitch int, b, c []float32, ldc int, bias []float32) []float32 {
	out := append([]float32(nil), c...)
	for i := range rows {
		for j := range cols {
			sum := bias[j]
			for s := range segments {
				for e := range k {
					sum += a[int(at[i])+s*pitch+e] * b[(s*k+e)*cols+j]
				}
			}
			out[i*ldc+j] = max(sum, -.5)
		}
	}
	return out
}

func furthest(got, want []float32) (worst float64) {
	for i := range want {
		worst = max(worst, math.Abs(float64(got[i]-want[i])))
	}
	return worst
}

func TestPlaced(t *testing.T) {
	eachLevel(t, func(t *testing.T, l level) {
		rng := rand.New(rand.NewPCG(22, 22))
		for _, segments := range []int{1, 2, 3, 7} {
			for _, k := range []int{1, 2, 9, 96} {
				checkPlaced(t, l, rng, segments, k)
			}
		}
	})
}

// A row outside the image stops before anything is read.
func TestPlacedOutside(t *testing.T) {
	rows, cols := active.tileSize()
	at := make([]int32, rows)
	at[rows-1] = 8
	defer func() {
		if recover() == nil {
			t.Error("a row that reaches outside was read")
		}
	}()
	active.placed(0, 2, 4, make([]float32, 17), at, 6, make([]float32, 8*cols), make([]float32, rows*cols), cols, make([]float32, cols))
}

// placed checks the kernel in the generated code.
func (m *machine) placed(suffix string, rows, cols int) {
	rng := seeded(77)
	for _, segments := range []int{1, 3} {
		for _, k := range []int{1, 5} {
			a, at, pitch := placedRows(rng, rows, segments, k)
			b, bias, ldc := randoms(rng, segments*k*cols), randoms(rng, cols), cols+5
			c := randoms(rng, (rows-1)*ldc+cols)
			want := placedNaively(rows, cols, segments, k, a, at, pitch, b, c, ldc, bias)
			places := make([]float32, rows)
			for i, v := range at {
				places[i] = math.Float32frombits(uint32(v))
			}
			p := m.put(a, places, b, c, bias)
			m.run("placed"+suffix, map[string]uint64{"floor": uint64(math.Float32bits(-.5)), "segments": uint64(segments), "k": uint64(k), "a": p[0],
				"rows": p[1], "pitch": uint64(4 * pitch), "b": p[2], "c": p[3], "ldc": uint64(ldc), "bias": p[4]})
			m.compare(fmt.Sprintf("placed, %d segments of", segments), k, m.memory[p[3]/4:], want)
		}
	}
}
