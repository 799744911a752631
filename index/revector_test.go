package index

import (
	"fmt"
	"slices"
	"testing"

	"ember/record"
)

// TestSetVectors holds an index whose vectors were set to one that was fed with them:
// after replacing and removing patients, and after reopening.
func TestSetVectors(t *testing.T) {
	const n, dim = 300, 70
	doc := func(i, turn int) Document {
		d := Document{Timeline: record.Timeline{Person: record.Person{ID: fmt.Sprintf("p%03d", i)}}}
		if (i+turn)%7 != 0 {
			for k := range dim {
				d.Vector = append(d.Vector, float32((i*31+k*17+turn*13)%29-14))
			}
		}
		return d
	}
	docs := func(turn, from, to int) (all []Document) {
		for i := from; i < to; i++ {
			all = append(all, doc(i, turn))
		}
		return all
	}
	dir := t.TempDir()
	set, fed := open(t, Options{Dir: dir}), open(t, Options{})
	apply := func(x *Index, position uint64, d []Document, removed ...string) {
		t.Helper()
		if err := x.Apply(d, removed, position); err != nil {
			t.Fatal(err)
		}
	}
	apply(set, 1, docs(1, 0, n))
	apply(set, 2, docs(3, 100, 150), "p007", "p200")
	of := map[string][]float32{"p007": doc(8, 2).Vector, "somebody else": nil}
	want := docs(2, 0, n)
	for i := range want {
		id := want[i].Timeline.Person.ID
		if i%10 == 9 { // keeps what it has
			want[i] = doc(i, 1)
			if i >= 100 && i < 150 {
				want[i] = doc(i, 3)
			}
			continue
		}
		if id != "p007" {
			of[id] = slices.Clone(want[i].Vector)
		}
	}
	apply(fed, 2, want, "nobody")
	apply(fed, 3, nil, "p007", "p200")
	if err := set.SetVectors("second", of); err != nil {
		t.Fatal(err)
	}
	agree := func(when string) {
		t.Helper()
		for i := range n {
			q := doc(i, 4).Vector
			got, want := set.View().Nearest(q, 10, nil), fed.View().Nearest(q, 10, nil)
			if !slices.EqualFunc(got, want, func(a, b Near) bool { return a.ID == b.ID && a.Score == b.Score }) {
				t.Fatalf("%s: %v, want %v", when, got, want)
			}
		}
	}
	agree("after setting")
	layers := set.Stats().Layers
	var same []Document
	for i := range want {
		if i != 7 && i != 200 {
			same = append(same, want[i])
		}
	}
	apply(set, 3, same)
	if got := set.Stats().Layers; got != layers {
		t.Errorf("the same documents made %d layers of %d", got, layers)
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
	set = open(t, Options{Dir: dir})
	if set.VectorsBy() != "second" || set.Rebuilt() != "" {
		t.Errorf("reopened: made by %q, %s", set.VectorsBy(), set.Rebuilt())
	}
	agree("reopened")
	if err := set.SetVectors("third", map[string][]float32{"p001": {1, 2}}); err == nil {
		t.Error("a vector of another length was taken")
	}
}
