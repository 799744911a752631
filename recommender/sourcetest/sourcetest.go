// Package sourcetest is the conformance suite of [recommender.Source]: every
// source passes the same tests.
package sourcetest

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"

	"ember/recommender"
)

// Run checks a source on charts: it has a name, writes every score, writes
// finite ones, always the same for a chart, whatever was in the slice before and
// however many ask at once. labels is the number of labels by want.
func Run(t *testing.T, s recommender.Source, charts []*recommender.Chart, labels map[recommender.Want]int) {
	t.Helper()
	if s.Name() == "" {
		t.Error("a source without a name")
	}
	for w, n := range labels {
		for i, c := range charts {
			first := score(t, s, c, w, n, 0)
			for l, v := range first {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("%s: chart %d: score of label %d is %v", s.Name(), i, l, v)
				}
			}
			var wait sync.WaitGroup
			for k := range 4 {
				wait.Go(func() {
					if again := score(t, s, c, w, n, float32(k)); !slices.Equal(first, again) {
						t.Errorf("%s: chart %d scored differently the second time", s.Name(), i)
					}
				})
			}
			wait.Wait()
		}
	}
}

// score begins with a slice that is not empty.
func score(t *testing.T, s recommender.Source, c *recommender.Chart, w recommender.Want, n int, dirt float32) []float32 {
	t.Helper()
	into := slices.Repeat([]float32{dirt}, n)
	if err := s.Score(context.Background(), c, w, into); err != nil {
		t.Errorf("%s: %v", s.Name(), err)
	}
	return into
}
