package index

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"ember/record"
)

// divided gives an index of n vectors cells, as a training does.
func divided(t testing.TB, n, dim int) (*Index, [][]float32) {
	x, queries := clusteredIndex(t, n, dim, 0.5)
	setAgain(t, x, nil)
	if x.state.Load().cells == nil {
		t.Fatalf("%d vectors have no cells", n)
	}
	return x, queries
}

// setAgain sets the vectors that are there, and others in their place.
func setAgain(t testing.TB, x *Index, others map[string][]float32) {
	t.Helper()
	v := x.View()
	of := map[string][]float32{}
	for ord := range v.Everybody().All() {
		of[v.Patient(ord).ID] = slices.Clone(v.Vector(ord))
	}
	for id, vec := range others {
		of[id] = slices.Clone(vec)
	}
	if err := x.SetVectors("again", of); err != nil {
		t.Fatal(err)
	}
}

// TestCellsFind holds what cells find to an exact scan, also of vectors whose length is
// no power of two.
func TestCellsFind(t *testing.T) {
	for _, dim := range []int{128, 100} {
		x, queries := divided(t, cellsFrom, dim)
		hit := 0
		for _, q := range queries {
			hit += agreeing(x.View().Nearest(q, 10, nil), x.View(), q, 10)
		}
		if recall := float64(hit) / float64(10*len(queries)); recall < 0.95 {
			t.Errorf("recall@10 of %d numbers is %.3f, want 0.95", dim, recall)
		}
	}
}

// TestCellsFollow changes, adds, removes and erases patients after the cells were made:
// each is found where it is, and no more where it was; the answer is the same whether
// layers are merged, saved and opened again, or not.
func TestCellsFollow(t *testing.T) {
	const dim = 64
	dir := t.TempDir()
	x := open(t, Options{Dir: dir})
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func() []float32 {
		vec := make([]float32, dim)
		for i := range vec {
			vec[i] = float32(rng.NormFloat64())
		}
		return vec
	}
	doc := func(i int) Document {
		return Document{Timeline: record.Timeline{Person: record.Person{ID: fmt.Sprintf("p%06d", i)}}, Vector: draw()}
	}
	var docs []Document
	for i := range cellsFrom + 500 {
		docs = append(docs, doc(i))
	}
	apply := func(position uint64, docs []Document, gone ...string) {
		t.Helper()
		if err := x.Apply(docs, gone, position); err != nil {
			t.Fatal(err)
		}
	}
	apply(1, docs)
	setAgain(t, x, nil)
	old := docs[7].Vector
	changed, added := doc(7), doc(99_999)
	apply(2, []Document{changed})
	apply(3, []Document{added}, "p000011")
	first := func(vec []float32) string {
		t.Helper()
		near := x.View().Nearest(vec, 10, nil)
		if len(near) != 10 {
			t.Fatalf("%d near, want 10", len(near))
		}
		for _, n := range near {
			if n.ID == "p000011" {
				t.Error("who was removed is near somebody")
			}
		}
		return near[0].ID
	}
	check := func(when string) {
		t.Helper()
		if got := first(changed.Vector); got != "p000007" {
			t.Errorf("%s: %s is nearest to the new vector of p000007", when, got)
		}
		if got := first(old); got == "p000007" {
			t.Errorf("%s: p000007 is found where it was", when)
		}
		if got := first(added.Vector); got != "p099999" {
			t.Errorf("%s: %s is nearest to the vector of p099999", when, got)
		}
		first(docs[11].Vector)
	}
	check("in layers")
	asked := draw()
	layered := x.View().Nearest(asked, 50, nil)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = open(t, Options{Dir: dir})
	if why := x.Rebuilt(); why != "" {
		t.Fatal(why)
	}
	check("opened again")
	if got := x.View().Nearest(asked, 50, nil); !slices.EqualFunc(got, layered, func(a, b Near) bool { return a.ID == b.ID && a.Score == b.Score }) {
		t.Error("layers and one segment find others")
	}
	before := x.state.Load().cells
	if err := x.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if x.state.Load().cells == before {
		t.Error("the centres are still made of who was erased")
	}
	check("purged")
}

// TestCellsAreDeterministic makes the same cells twice, of layers that differ.
func TestCellsAreDeterministic(t *testing.T) {
	a, queries := divided(t, cellsFrom, 32)
	b, _ := clusteredIndex(t, cellsFrom, 32, 0.5)
	v := b.View()
	for i := range uint32(40) { // the same vectors, in newer layers
		d := Document{Timeline: record.Timeline{Person: record.Person{ID: v.Patient(i * 100).ID, Sex: record.Female}}, Vector: v.Vector(i * 100)}
		if err := b.Apply([]Document{d}, nil, uint64(2+i)); err != nil {
			t.Fatal(err)
		}
	}
	setAgain(t, b, nil)
	if !slices.Equal(a.state.Load().cells.centres, b.state.Load().cells.centres) {
		t.Error("the centres differ")
	}
	for _, q := range queries[:20] {
		if !slices.Equal(a.View().Nearest(q, 20, nil), b.View().Nearest(q, 20, nil)) {
			t.Fatal("the answers differ")
		}
	}
}
