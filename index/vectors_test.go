package index

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"ember/learn/nn"
	"ember/record"
)

// vectorIndex is an index of n patients whose vectors lie in clusters, as
// patients' vectors do, and queries of the same kind.
func vectorIndex(t testing.TB, n, dim int) (*Index, [][]float32) {
	return clusteredIndex(t, n, dim, 1)
}

// clusteredIndex has vectors that lie about their clusters' centres, of numbers with the
// deviation 1, with the deviation given.
func clusteredIndex(t testing.TB, n, dim int, spread float64) (*Index, [][]float32) {
	rng := rand.New(rand.NewPCG(7, 8))
	centres := make([][]float32, 200)
	for i := range centres {
		for range dim {
			centres[i] = append(centres[i], float32(rng.NormFloat64()))
		}
	}
	draw := func() []float32 {
		vec := slices.Clone(centres[rng.IntN(len(centres))])
		for i := range vec {
			vec[i] += float32(spread * rng.NormFloat64())
		}
		return vec
	}
	x := open(t, Options{})
	docs := make([]Document, n)
	for i := range docs {
		docs[i] = Document{Timeline: record.Timeline{Person: record.Person{ID: fmt.Sprintf("p%06d", i)}}, Vector: draw()}
	}
	if err := x.Apply(docs, nil, 1); err != nil {
		t.Fatal(err)
	}
	queries := make([][]float32, 100)
	for i := range queries {
		queries[i] = draw()
	}
	return x, queries
}

// agreeing is how many of got are among the true k nearest.
func agreeing(got []Near, v View, query []float32, k int) (n int) {
	q := normalised(query)
	var all []Near
	for _, l := range v.s.layers {
		for i, ord := range l.vectors.patient {
			if !l.hides(ord) {
				all = append(all, Near{Patient: ord, Score: nn.Dot(q, l.vectors.row(i))})
			}
		}
	}
	slices.SortFunc(all, func(a, b Near) int { return cmp.Compare(b.Score, a.Score) })
	for _, g := range got {
		if slices.ContainsFunc(all[:k], func(a Near) bool { return a.Patient == g.Patient }) {
			n++
		}
	}
	return n
}

func TestNearestRecall(t *testing.T) {
	x, queries := vectorIndex(t, 12_000, 64)
	hit := 0
	for _, q := range queries {
		hit += agreeing(x.View().Nearest(q, 10, nil), x.View(), q, 10)
	}
	if recall := float64(hit) / float64(10*len(queries)); recall < 0.95 {
		t.Errorf("recall@10 is %.3f, want 0.95", recall)
	}
}

func TestNearestFilter(t *testing.T) {
	x, queries := vectorIndex(t, 9000, 64)
	v := x.View()
	filter := v.Where(func(p Patient) bool { return p.ID < "p000100" })
	got := v.Nearest(queries[0], 1000, &filter)
	if len(got) != 100 {
		t.Fatalf("%d near, want the 100 of the filter", len(got))
	}
	if none := NewSet(); len(v.Nearest(queries[0], 5, &none)) != 0 {
		t.Error("an empty filter admits somebody")
	}
	for name, vec := range map[string][]float32{"zero": make([]float32, 64), "another length": {1, 2}, "none": nil} {
		if n := len(v.Nearest(vec, 5, nil)); n != 0 {
			t.Errorf("%s: %d near, want none", name, n)
		}
	}
}

func TestKth(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 500 {
		v := make([]float32, 1+rng.IntN(60))
		for i := range v {
			v[i] = float32(rng.IntN(20)) // many are the same
		}
		sorted := slices.Clone(v)
		slices.SortFunc(sorted, func(a, b float32) int { return cmp.Compare(b, a) })
		for k := 1; k <= len(v); k++ {
			if got := kth(slices.Clone(v), k); got != sorted[k-1] {
				t.Fatalf("the %d. of %v is %g, not %g", k, sorted, got, sorted[k-1])
			}
		}
	}
}
