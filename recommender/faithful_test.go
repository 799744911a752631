package recommender

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"ember/learn"
	"ember/record"
)

// without is the timeline without the events of some concepts before the visit.
func without(t record.Timeline, gone map[conceptKey]bool, s *Sample) record.Timeline {
	t.Events = slices.DeleteFunc(slices.Clone(t.Events), func(e record.Event) bool {
		return e.Known.Before(s.Past.At()) && gone[keyOf(e.Kind, e.Concept)]
	})
	return t
}

// faith deletes concepts one after the other and measures by how much the log
// odds of an order have moved, on average over the steps: the area over the curve
// (Samek et al., 2017).
func faith(t *testing.T, e *Engine, line record.Timeline, s *Sample, item record.Code, before float64, order []conceptKey) float64 {
	gone, area := map[conceptKey]bool{}, 0.
	for _, k := range order {
		gone[k] = true
		x := ask(t, e, Query{Past: without(line, gone, s).Before(s.Past.At()), Want: Treatments, Explain: item, Limit: 1}).Explained
		if x == nil || x.Rank == 0 { // no longer a candidate: as unlikely as can be
			area += before - learn.Logit(1e-4)
			continue
		}
		area += before - learn.Logit(x.Item.Probability)
	}
	return area / float64(len(order))
}

// TestReasonsAreFaithful: deleting what an answer names as its strongest reasons
// takes more from the log odds than deleting as many other facts, in 95 % of 200
// samples and more.
func TestReasonsAreFaithful(t *testing.T) {
	if testing.Short() {
		t.Skip("asks thousands of times")
	}
	for _, status := range []string{"continue", "new"} {
		t.Run(status, func(t *testing.T) { checkFaith(t, status) })
	}
}

func checkFaith(t *testing.T, status string) {
	const samples, steps, draws = 200, 3, 5
	e := engineWith(t, fakeRules{}, nil)
	rng := rand.New(rand.NewPCG(9, 9))
	done, faithful := 0, 0
	for i := 0; done < samples && i < 3000; i++ {
		line, s := decisionOf(t, i)
		items := ask(t, e, Query{Past: s.Past, Want: Treatments, Limit: 20}).Items
		best := slices.IndexFunc(items, func(x Item) bool { return x.Status == status })
		if best < 0 {
			continue
		}
		item := items[best]
		named, others := conceptsOf(s.Past, item.Reasons)
		n := min(steps, len(named))
		if n == 0 || len(others) < 2*n {
			continue
		}
		done++
		before := learn.Logit(item.Probability)
		mine := faith(t, e, line, &s, item.Code, before, named[:n])
		var random float64
		for range draws {
			rng.Shuffle(len(others), func(a, b int) { others[a], others[b] = others[b], others[a] })
			random += faith(t, e, line, &s, item.Code, before, others[:n]) / draws
		}
		if mine > random {
			faithful++
		}
	}
	if share := float64(faithful) / float64(done); done < samples || share < .95 {
		t.Errorf("the reasons are faithful in %.1f %% of %d samples, wanted are 95 %% of %d", 100*share, done, samples)
	} else {
		t.Logf("faithful in %.1f %% of %d samples", 100*share, done)
	}
}

// conceptsOf are the concepts that reasons for an order rest on, strongest first,
// and all concepts of the past.
func conceptsOf(p record.Past, reasons []Reason) (named, all []conceptKey) {
	bySource := map[string]conceptKey{}
	seen := map[conceptKey]bool{}
	for _, e := range p.Events() {
		k := keyOf(e.Kind, e.Concept)
		bySource[e.Source] = k
		if !seen[k] {
			seen[k] = true
			all = append(all, k)
		}
	}
	reasons = slices.Clone(reasons)
	slices.SortStableFunc(reasons, func(a, b Reason) int { return int(math.Copysign(1, b.Weight-a.Weight)) })
	for _, r := range reasons {
		for _, src := range r.Sources {
			if k, ok := bySource[src]; ok && r.Weight > 0 && !slices.Contains(named, k) {
				named = append(named, k)
			}
		}
	}
	return named, all
}
