package learn

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// visits makes n rows of about 30 of d columns, the early ones more frequent, and
// label sets of about 8 of m.
func visits(n, d, m int) (x, y []Row) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(k, d int) Row {
		var r Row
		for range k {
			r.Index = append(r.Index, uint32(float64(d)*rng.Float64()*rng.Float64()))
		}
		slices.Sort(r.Index)
		r.Index = slices.Compact(r.Index)
		return r
	}
	for range n {
		x, y = append(x, draw(30, d)), append(y, draw(8, m))
	}
	return x, y
}

func BenchmarkRidge(b *testing.B) {
	x, y := visits(5000, 1000, 300)
	for b.Loop() {
		if _, err := FitRidge(x, y, 1000, 300, 50); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRidgePredict(b *testing.B) {
	x, y := visits(2000, 1000, 1000)
	r, err := FitRidge(x, y, 1000, 1000, 50)
	if err != nil {
		b.Fatal(err)
	}
	into := make([]float32, 1000)
	i := 0
	for b.Loop() {
		r.Predict(x[i%len(x)], into)
		i++
	}
}

func BenchmarkNeighbours(b *testing.B) {
	x, _ := visits(10000, 2000, 10)
	nb, err := NewNeighbours(x, 2000)
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		nb.Nearest(x[i%len(x)], 100, nil)
		i++
	}
}
