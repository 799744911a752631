package recommender

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// seenOf tells whether one of the first n patients of a world is meant.
func seenOf(t testing.TB, n int) func(string) bool {
	return func(patient string) bool {
		_, number, _ := strings.Cut(patient, "-")
		i, err := strconv.Atoi(number)
		if err != nil {
			t.Error(err)
		}
		return i < n
	}
}

// TestComparisonWithWhatServes: on patients whom neither has learned from, a
// ranker is above an old baseline, and against an old ranker of the same kind of
// data the baseline is below; the version does not depend on the comparison.
func TestComparisonWithWhatServes(t *testing.T) {
	old := trained(t, world{patients: 250, seed: 9}, quick())
	all := world{patients: 400, seed: 9}
	alone := trained(t, all, quick())
	for name, served := range map[string]*Artifact{"baseline": old.Baseline(), "ranker": old} {
		opt := quick()
		opt.Against = &Comparison{Served: served, Seen: seenOf(t, 250)}
		a := trained(t, all, opt)
		c := opt.Against
		if a.Version != alone.Version {
			t.Errorf("%s: the comparison changes the version", name)
		}
		if c.Patients < 100 || c.Patients > 150 || c.Ranker.N != c.Baseline.N {
			t.Errorf("%s: %d patients: %+v", name, c.Patients, c)
		}
		t.Logf("against the old %s: ranker %+v, baseline %+v", name, c.Ranker, c.Baseline)
		for _, k := range c.Kept {
			if k.Decisions < c.Patients || k.Ratio < .7 || k.Ratio > 1.4 || k.Error > .1 {
				t.Errorf("what the old %s promised: %+v", name, k)
			}
		}
		if len(c.Kept) != 2 {
			t.Errorf("kept %+v", c.Kept)
		}
		t.Logf("kept %+v", c.Kept)
		if name == "baseline" && c.Ranker.Low <= 0 {
			t.Errorf("the ranker over the old baseline: %+v", c.Ranker)
		}
		if name == "ranker" && (c.Baseline.High >= 0 || c.Ranker.Value < -.05) {
			t.Errorf("over the old ranker: the ranker %+v, the baseline %+v", c.Ranker, c.Baseline)
		}
	}
}

// TestComparisonIsOfTheSameDecisions: a version measured against itself, on the
// decisions it learned from, does at least as well as out of fold.
func TestComparisonIsOfTheSameDecisions(t *testing.T) {
	w := world{patients: 200, seed: 4}
	first := trained(t, w, quick())
	opt := quick()
	opt.Against = &Comparison{Served: first, Seen: func(string) bool { return false }}
	trained(t, w, opt)
	if c := opt.Against; c.Patients == 0 || c.Ranker.Value > 0 || c.Ranker.Value < -.2 {
		t.Errorf("%+v", c)
	}
	opt.Against = &Comparison{Served: first, Seen: func(string) bool { return true }}
	trained(t, w, opt)
	if c := opt.Against; c.Patients != 0 || c.Ranker.N != 0 {
		t.Errorf("compared with leakage: %+v", c)
	}
}

// TestPersonsAreNamedByOrdinal in the order of the timelines.
func TestPersonsAreNamedByOrdinal(t *testing.T) {
	w := world{patients: 150, seed: 2}
	var got, want []string
	for _, line := range w.timelines() {
		want = append(want, line.Person.ID)
	}
	opt := quick()
	opt.Simple = true
	opt.Person = func(ordinal int, id string) {
		if ordinal != len(got) {
			t.Errorf("ordinal %d after %d", ordinal, len(got))
		}
		got = append(got, id)
	}
	trained(t, w, opt)
	if !slices.Equal(got, want) {
		t.Errorf("%d ids, want %d", len(got), len(want))
	}
}

// TestWithoutPatients: who is left out is no neighbour any more, and what was
// cached before is not used.
func TestWithoutPatients(t *testing.T) {
	a := shared(t)
	_, s := decisionOf(t, 3)
	chart := a.Chart(s.Past, s.Visit)
	var gone []int32
	for _, n := range a.fitted.similar.neighbours(chart)[:shown] {
		gone = append(gone, a.fitted.similar.patient[n.Row])
	}
	if known := a.Neighbours(); !slices.Contains(known, gone[0]) || !slices.IsSorted(known) {
		t.Errorf("%v is not among the neighbours", gone[0])
	}
	b := a.Without(gone)
	for _, n := range b.fitted.similar.neighbours(b.Chart(s.Past, s.Visit)) {
		if slices.Contains(gone, b.fitted.similar.patient[n.Row]) {
			t.Fatal("a patient who was left out is a neighbour")
		}
	}
	if b.Version != a.Version || b.Without(nil).without != a.without || len(a.fitted.similar.gone) != 0 {
		t.Error("something else changed")
	}
	cache := &memoryCache{data: map[string][]byte{}}
	e := newEngine(a, noTerms{}, fakeRules{}, cache)
	q := Query{Past: s.Past, Want: Treatments, Key: "k", DataVersion: "1"}
	before := ask(t, e, q)
	e.Swap(b)
	after, err := e.Recommend(context.Background(), q)
	if err != nil || cache.sets != 2 {
		t.Errorf("%d sets were cached, %v", cache.sets, err)
	}
	same := func(x, y Item) bool { return x.Code == y.Code && x.Probability == y.Probability }
	if slices.EqualFunc(before.Items, after.Items, same) {
		t.Error("fifty neighbours less change nothing: the test proves nothing")
	}
}
