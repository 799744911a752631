package recommender

import (
	"context"
	"reflect"
	"slices"
	"testing"
)

func proposed(t testing.TB, i int) *candidates {
	t.Helper()
	a := shared(t)
	_, s := decisionOf(t, i)
	c, err := a.all.propose(context.Background(), a.lexicon.vocabulary, a.Chart(s.Past, s.Visit), Treatments, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPackedCandidatesComeBack(t *testing.T) {
	c := proposed(t, 1)
	var back candidates
	if err := back.unpack(c.pack(), shared(t).Labels(Treatments)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*c, back) {
		t.Error("packing changed the candidates")
	}
	if err := back.unpack(c.pack(), 3); err == nil {
		t.Error("labels outside the vocabulary were read")
	}
}

func TestTopIsTheHeadOfTheWholeOrder(t *testing.T) {
	scores := []float32{3, 1, 4, 1, 5, 9, 2, 6, 5, 3}
	if got := top(scores, 4, nil); !slices.Equal(got, []uint32{5, 7, 4, 8}) {
		t.Errorf("top 4: %v", got)
	}
	if got := top([]float32{2, 2, 2}, 2, nil); len(got) != 0 {
		t.Errorf("constant scores propose %v", got)
	}
}

// Cached bytes come from outside the process: whatever they are, they are
// candidates of the vocabulary or an error.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte{packed, colCount})
	f.Add((&candidates{labels: []uint32{1, 4}, scores: make([]float32, 2*colCount), received: []uint16{3, 12}, similar: 50, nearest: .5}).pack())
	f.Fuzz(func(t *testing.T, b []byte) {
		var c candidates
		if c.unpack(b, 10) != nil {
			return
		}
		for i, l := range c.labels {
			if row := c.row(i); l >= 10 || slices.ContainsFunc(row, func(v float32) bool { return v-v != 0 }) {
				t.Errorf("label %d of 10 with scores %v", l, row)
			}
		}
	})
}
