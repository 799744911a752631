package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

type splitCase struct {
	first, second, last *Dense
	patient, dim, n     int
	vectors             []float32
}

func newSplitCase(rng *rand.Rand, patient, dim, columns, h1, h2, n int) splitCase {
	c := splitCase{NewDense(patient+dim+columns, h1, rng), NewDense(h1, h2, rng), NewDense(h2, 1, rng), patient, dim, n, randoms(rng, n*dim)}
	for _, d := range []*Dense{c.first, c.second, c.last} {
		copy(d.B.Value, randoms(rng, d.Out()))
	}
	return c
}

func (c splitCase) split(t testing.TB) *SplitMLP {
	s, err := NewSplitMLP(c.first, c.second, c.last, c.patient, Mat(c.vectors, c.n, c.dim))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSplitMLPIsTheWholeNetwork(t *testing.T) {
	rng := seeded(1)
	for _, shape := range [][6]int{{8, 4, 3, 16, 8, 50}, {128, 128, 10, 128, 64, 100}, {5, 3, 0, 7, 5, 30}, {0, 6, 2, 33, 17, 80}, {4, 0, 9, 20, 1, 10}} {
		c := newSplitCase(rng, shape[0], shape[1], shape[2], shape[3], shape[4], shape[5])
		s := c.split(t)
		net, err := NewSequential([]int{c.first.In()}, c.first, ReLU(), c.second, ReLU(), c.last)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, 5, 11, 12, 23, 24, 25, 61} {
			patient, columns := randoms(rng, c.patient), randoms(rng, n*s.Columns())
			ids, x := make([]int32, n), NewTensor(n, c.first.In())
			for i := range ids {
				ids[i] = int32(rng.IntN(c.n))
				copy(x.Data[i*c.first.In():], slices.Concat(patient, c.vectors[int(ids[i])*c.dim:(int(ids[i])+1)*c.dim], columns[i*s.Columns():(i+1)*s.Columns()]))
			}
			out := make([]float32, n)
			if err := s.Score(patient, ids, columns, out); err != nil {
				t.Fatal(err)
			}
			for i, want := range net.Forward(x, false).Data {
				if math.Abs(float64(out[i]-want)) > 1e-3*(1+math.Abs(float64(want))) {
					t.Fatalf("%v, %d candidates: score %d is %g, the network says %g", shape, n, i, out[i], want)
				}
			}
		}
	}
}

func TestSplitMLPRefuses(t *testing.T) {
	c := newSplitCase(seeded(2), 4, 3, 2, 8, 4, 10)
	s := c.split(t)
	p, cols, out := make([]float32, 4), make([]float32, 2), make([]float32, 1)
	for name, err := range map[string]error{
		"candidate too high": s.Score(p, []int32{10}, cols, out),
		"negative candidate": s.Score(p, []int32{-1}, cols, out),
		"short patient":      s.Score(p[:3], []int32{1}, cols, out),
		"short columns":      s.Score(p, []int32{1}, cols[:1], out),
		"short results":      s.Score(p, []int32{1}, cols, nil),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewSplitMLP(c.first, c.last, c.second, 4, Mat(c.vectors, 10, 3)); err == nil {
		t.Error("layers that do not follow: no error")
	}
}

func TestSplitMLPIsSafeForConcurrentUseAndDoesNotAllocate(t *testing.T) {
	rng := seeded(3)
	c := newSplitCase(rng, 16, 16, 3, 32, 16, 200)
	s := c.split(t)
	ids := make([]int32, 100)
	for i := range ids {
		ids[i] = int32(2 * i)
	}
	columns := randoms(rng, 300)
	var patients, want [8][]float32
	for i := range patients {
		patients[i], want[i] = randoms(rng, 16), make([]float32, 100)
		if err := s.Score(patients[i], ids, columns, want[i]); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for i := range patients {
		wg.Go(func() {
			out := make([]float32, 100)
			for range 50 {
				if err := s.Score(patients[i], ids, columns, out); err != nil || !slices.Equal(out, want[i]) {
					t.Errorf("patient %d scored otherwise among others: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	out := make([]float32, 100)
	least := math.Inf(1) // the race detector makes pools forget now and then
	for range 30 {
		least = min(least, testing.AllocsPerRun(1, func() { _ = s.Score(patients[0], ids, columns, out) }))
	}
	if least > 0 {
		t.Errorf("%g allocations a call", least)
	}
}

func BenchmarkSplitMLP(b *testing.B) {
	rng := seeded(4)
	c := newSplitCase(rng, 128, 128, 10, 128, 64, 5000)
	s := c.split(b)
	const n = 1000
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(rng.IntN(c.n))
	}
	patient, columns, out := randoms(rng, 128), randoms(rng, n*10), make([]float32, n)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Score(patient, ids, columns, out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mcandidates/s")
}
