package recommender

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ember/learn"
	"ember/recommender/safety"
	"ember/record"
)

var (
	sharedOnce     sync.Once
	sharedArtifact *Artifact
)

// shared is one artifact for the tests that only ask.
func shared(t testing.TB) *Artifact {
	sharedOnce.Do(func() { sharedArtifact = trained(t, world{patients: 300, seed: 5}, quick()) })
	return sharedArtifact
}

// decisionOf is a visit of a patient who was not in training.
func decisionOf(t testing.TB, i int) (record.Timeline, Sample) {
	t.Helper()
	line := world{patients: 1000, seed: 77}.timeline(i)
	samples := slices.Collect(Samples(line, EvaluationLandmarks()))
	return line, samples[len(samples)-1]
}

type memoryCache struct {
	mu   sync.Mutex
	data map[string][]byte
	fail error
	sets int
}

func (c *memoryCache) Get(_ context.Context, key string) ([]byte, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.data[key]
	return b, ok, c.fail
}

func (c *memoryCache) Set(_ context.Context, key string, v []byte, _ time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail == nil {
		c.data[key] = v
		c.sets++
	}
	return c.fail
}

func engineWith(t testing.TB, rules fakeRules, cache Cache) *Engine {
	return newEngine(shared(t), noTerms{}, rules, cache)
}

func ask(t testing.TB, e *Engine, q Query) Answer {
	t.Helper()
	ans, err := e.Recommend(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return ans
}

func TestReasonsSumToTheLogOdds(t *testing.T) {
	for _, a := range []*Artifact{shared(t), shared(t).Baseline(), only(shared(t), byStack), only(shared(t), byNetwork)} {
		e := newEngine(a, noTerms{}, fakeRules{}, nil)
		for i := range 20 {
			_, s := decisionOf(t, i)
			for _, w := range []Want{Treatments, Tests} {
				for _, item := range ask(t, e, Query{Past: s.Past, Want: w}).Items {
					var sum float64
					for _, r := range item.Reasons {
						sum += r.Weight
						if r.Text == "" {
							t.Errorf("%s: reason without words", item.Code.Value)
						}
					}
					if d := math.Abs(sum - learn.Logit(item.Probability)); d > 1e-3 {
						t.Fatalf("%s: reasons sum to %.4f, log odds are %.4f", item.Code.Value, sum, learn.Logit(item.Probability))
					}
				}
			}
		}
	}
}

// only is the artifact with one kind of ranker, the network unshrunk.
func only(a *Artifact, kind rankerKind) *Artifact {
	b := *a
	for w := Treatments; w < wantEnd; w++ {
		b.rankers[w].kind = kind
		if n := b.rankers[w].network; n != nil {
			full := *n
			full.shrink = 1
			b.rankers[w].network = &full
		}
	}
	return &b
}

func TestReasonsCiteTheChart(t *testing.T) {
	e := engineWith(t, fakeRules{}, nil)
	_, s := decisionOf(t, 3)
	known := map[string]bool{s.Visit.ID: true}
	for _, ev := range s.Past.Events() {
		known[ev.Source] = true
	}
	cited := 0
	for _, item := range ask(t, e, Query{Past: s.Past, Want: Treatments}).Items {
		for _, r := range item.Reasons {
			for _, src := range r.Sources {
				cited++
				if !known[src] {
					t.Errorf("%s: cites %s, which the past does not have", item.Code.Value, src)
				}
			}
		}
	}
	if cited == 0 {
		t.Error("nothing is cited")
	}
}

func TestCachedAnswersAreTheSame(t *testing.T) {
	cache := &memoryCache{data: map[string][]byte{}}
	e := engineWith(t, fakeRules{}, cache)
	_, s := decisionOf(t, 4)
	q := Query{Past: s.Past, Want: Treatments, Key: "k", DataVersion: "1"}
	first, second, uncached := ask(t, e, q), ask(t, e, q), ask(t, e, Query{Past: s.Past, Want: Treatments})
	if cache.sets != 1 {
		t.Errorf("%d sets for one patient", cache.sets)
	}
	for _, other := range []Answer{second, uncached} {
		for i := range first.Items {
			if !other.Items[i].Code.Is(first.Items[i].Code) || other.Items[i].Probability != first.Items[i].Probability {
				t.Errorf("item %d differs with the cache", i)
			}
		}
	}
	q.DataVersion = "2"
	ask(t, e, q)
	if cache.sets != 2 {
		t.Error("another version of the data used the cached candidates")
	}
	for k, v := range cache.data {
		if strings.Contains(k+string(v), s.Past.Person().ID) {
			t.Error("the cache holds the patient's id")
		}
	}
}

func TestFailingCacheDegrades(t *testing.T) {
	e := engineWith(t, fakeRules{}, &memoryCache{fail: errors.New("down")})
	_, s := decisionOf(t, 4)
	ans := ask(t, e, Query{Past: s.Past, Want: Tests, Key: "k"})
	if len(ans.Items) == 0 || !slices.Equal(ans.Degraded, []string{"cache"}) {
		t.Errorf("%d items, degraded %v", len(ans.Items), ans.Degraded)
	}
}

type brokenSource struct{ value float32 }

func (brokenSource) Name() string { return "ridge" }
func (b brokenSource) Score(_ context.Context, _ *Chart, _ Want, into []float32) error {
	for i := range into {
		into[i] = b.value
	}
	if b.value == 0 {
		return errors.New("broken")
	}
	return nil
}

func TestFailingSourceDegrades(t *testing.T) {
	for _, source := range []brokenSource{{0}, {float32(math.NaN())}} {
		a := *shared(t)
		all := *a.all
		all[colRidge] = source
		a.all = &all
		e := newEngine(&a, noTerms{}, fakeRules{}, nil)
		_, s := decisionOf(t, 2)
		ans := ask(t, e, Query{Past: s.Past, Want: Treatments})
		if len(ans.Items) == 0 || !slices.Equal(ans.Degraded, []string{"ridge"}) {
			t.Errorf("%d items, degraded %v", len(ans.Items), ans.Degraded)
		}
	}
}

func TestRulesHaveTheLastWord(t *testing.T) {
	_, s := decisionOf(t, 6)
	q := Query{Past: s.Past, Want: Treatments, Limit: 5}
	free := ask(t, engineWith(t, fakeRules{}, nil), q)
	rules := fakeRules{block: free.Items[0].Code.Value, warn: free.Items[1].Code.Value, lost: free.Items[2].Code.Value}
	ans := ask(t, engineWith(t, rules, nil), q)
	if len(ans.Blocked) != 1 || ans.Blocked[0].Code.Value != rules.block || len(ans.Blocked[0].Findings) == 0 {
		t.Errorf("blocked: %+v", ans.Blocked)
	}
	if len(ans.Items) != 5 || ans.Items[0].Code.Value != rules.warn || len(ans.Items[0].Warnings) != 1 {
		t.Errorf("items after blocking: %d, first %s", len(ans.Items), ans.Items[0].Code.Value)
	}
	if !slices.Contains(ans.Unchecked, rules.lost) || len(ans.Checks) != 2 || ans.Rules != "r1" {
		t.Errorf("unchecked %v, checks %v, rules %q", ans.Unchecked, ans.Checks, ans.Rules)
	}
	q.Explain = record.Code{System: "drug", Value: rules.block}
	if x := ask(t, engineWith(t, rules, nil), q).Explained; x == nil || !strings.Contains(x.Outcome, "blocked") || x.Rank != 1 || len(x.Item.Reasons) == 0 {
		t.Errorf("explained: %+v", x)
	}
}

// uncheckedRules know nothing of any order.
type uncheckedRules struct{ fakeRules }

func (uncheckedRules) Check(*safety.Patient, safety.Order) ([]safety.Finding, string) {
	return nil, "procedures: there are no rules"
}

func TestWhatIsUncheckedIsSaidOnce(t *testing.T) {
	_, s := decisionOf(t, 6)
	ans := ask(t, newEngine(shared(t), noTerms{}, uncheckedRules{}, nil), Query{Past: s.Past, Want: Treatments, Limit: 5})
	if len(ans.Items) != 5 || !slices.Equal(ans.Unchecked, []string{"procedures: there are no rules"}) {
		t.Errorf("%d items, unchecked %q", len(ans.Items), ans.Unchecked)
	}
}

type panickingRules struct{ fakeRules }

func (panickingRules) Check(*safety.Patient, safety.Order) ([]safety.Finding, string) {
	panic("patient p7")
}

func TestFailingRuleFailsTheAnswer(t *testing.T) {
	e := newEngine(shared(t), noTerms{}, panickingRules{}, nil)
	_, s := decisionOf(t, 2)
	ans, err := e.Recommend(context.Background(), Query{Past: s.Past, Want: Treatments})
	if !errors.Is(err, ErrRules) || strings.Contains(err.Error(), "p7") || len(ans.Items) != 0 {
		t.Errorf("%d items, error %v", len(ans.Items), err)
	}
}

func TestExplain(t *testing.T) {
	_, s := decisionOf(t, 6)
	e := engineWith(t, fakeRules{}, nil)
	free := ask(t, e, Query{Past: s.Past, Want: Treatments, Limit: 8})
	x := ask(t, e, Query{Past: s.Past, Want: Treatments, Limit: 2, Explain: free.Items[6].Code}).Explained
	if x == nil || x.Rank != 7 || !strings.Contains(x.Outcome, "not among the first 2") || len(x.Item.Reasons) == 0 {
		t.Errorf("explained: %+v", x)
	}
	cached := engineWith(t, fakeRules{}, &memoryCache{data: map[string][]byte{}})
	ask(t, cached, Query{Past: s.Past, Want: Treatments, Key: "k"})
	if x = ask(t, cached, Query{Past: s.Past, Want: Treatments, Key: "k", Explain: free.Items[6].Code}).Explained; x == nil || x.Rank != 7 {
		t.Errorf("explained beside a cache: %+v", x)
	}
	x = ask(t, e, Query{Past: s.Past, Want: Treatments, Explain: code("drug", 999)}).Explained
	if x == nil || x.Rank != 0 || !strings.Contains(x.Outcome, "not known") {
		t.Errorf("unknown order: %+v", x)
	}
}

func TestAbstains(t *testing.T) {
	e := engineWith(t, fakeRules{}, nil)
	line, s := decisionOf(t, 1)
	dead, old, empty := line, line, record.Timeline{Person: line.Person}
	dead.Person.Dead, dead.Person.Died = true, s.Past.At().Add(-time.Hour)
	old.Person.Born = record.Date{Year: 1890}
	for name, l := range map[string]record.Timeline{"dead": dead, "age": old, "empty": empty} {
		ans := ask(t, e, Query{Past: l.Before(s.Past.At()), Want: Treatments})
		if !ans.Abstained || ans.AbstainReason == "" || len(ans.Items) != 0 || len(ans.Checks) != 0 {
			t.Errorf("%s: checked %v, abstained %t %q with %d items", name, ans.Checks, ans.Abstained, ans.AbstainReason, len(ans.Items))
		}
	}
	alone := *shared(t)
	alone.seen[ambulatory] = leastSeen - 1
	if s.Visit.Stay() {
		alone.seen[emergency], alone.seen[inpatient] = leastSeen-1, 0
	}
	if ans := ask(t, newEngine(&alone, noTerms{}, fakeRules{}, nil), Query{Past: s.Past, Want: Treatments}); !ans.Abstained || !strings.Contains(ans.AbstainReason, "decisions made in") {
		t.Errorf("in a setting not learned from: %+v", ans)
	}
	if ans := ask(t, e, Query{Past: s.Past, Want: Treatments}); ans.Abstained {
		t.Errorf("abstained from an ordinary patient: %s", ans.AbstainReason)
	}
}

// TestStatusIsNoFeature: a model learned from pasts without statuses and later
// ends, so what is asked now must not differ by them.
func TestStatusIsNoFeature(t *testing.T) {
	e := engineWith(t, fakeRules{}, nil)
	line, s := decisionOf(t, 8)
	at := s.Past.At()
	plain, told := line, line
	plain.Events, told.Events = slices.Clone(line.Events), slices.Clone(line.Events)
	for i := range told.Events {
		plain.Events[i].End, plain.Events[i].Status = time.Time{}, 0
		told.Events[i].End, told.Events[i].Status = at.AddDate(0, 6, 0), record.Status(i%4)
	}
	before := ask(t, e, Query{Past: plain.Live(at), Want: Treatments})
	after := ask(t, e, Query{Past: told.Live(at), Want: Treatments})
	for i := range before.Items {
		if b, a := before.Items[i], after.Items[i]; !a.Code.Is(b.Code) || a.Probability != b.Probability || a.Status != b.Status {
			t.Fatalf("item %d: %s %.4f became %s %.4f", i, b.Code.Value, b.Probability, a.Code.Value, a.Probability)
		}
	}
}

func TestNothingAfterTheDecisionMatters(t *testing.T) {
	e := engineWith(t, fakeRules{}, nil)
	line, s := decisionOf(t, 8)
	at := s.Past.At()
	before := ask(t, e, Query{Past: s.Past, Want: Treatments})
	later := line
	later.Events = slices.Clone(line.Events)
	later.Encounters = slices.Clone(line.Encounters)
	for i := range later.Events {
		if ev := &later.Events[i]; ev.Known.Before(at) {
			ev.End = at.Add(time.Hour) // an end not known yet
			ev.Cancelled = i%2 == 0    // a status as of export
		} else {
			ev.Concept = code("drug", i%20)
		}
	}
	for i := range later.Encounters {
		if later.Encounters[i].End.After(at) {
			later.Encounters[i].End = at.AddDate(1, 0, 0)
		}
	}
	later.Person.Dead, later.Person.Died = true, at.AddDate(0, 1, 0)
	after := ask(t, e, Query{Past: later.Before(at), Want: Treatments})
	for i := range before.Items {
		if b, a := before.Items[i], after.Items[i]; !a.Code.Is(b.Code) || a.Probability != b.Probability {
			t.Fatalf("item %d: %s %.4f became %s %.4f", i, b.Code.Value, b.Probability, a.Code.Value, a.Probability)
		}
	}
}

func TestDraftsAreHeededAndNotCached(t *testing.T) {
	cache := &memoryCache{data: map[string][]byte{}}
	e := engineWith(t, fakeRules{}, cache)
	_, s := decisionOf(t, 9)
	draft := record.Event{Kind: record.Condition, Mode: record.Stated, Concept: code("condition", 3), Known: s.Past.At(), Source: "Condition/draft"}
	plain := ask(t, e, Query{Past: s.Past, Want: Treatments, Key: "k", Limit: 40})
	with := ask(t, e, Query{Past: s.Past, Want: Treatments, Key: "k", Limit: 40, Context: []record.Event{draft}})
	if cache.sets != 1 {
		t.Errorf("%d sets: context reached the cache", cache.sets)
	}
	p := func(a Answer) float64 {
		for _, i := range a.Items {
			if i.Code.Value == "d03" {
				return i.Probability
			}
		}
		return 0
	}
	if p(with) <= p(plain) {
		t.Errorf("its condition in the context: %.4f, without %.4f", p(with), p(plain))
	}
}

func TestSmallCountsAreWithheld(t *testing.T) {
	for n, told := range map[int]bool{0: false, 1: false, 10: false, 11: true, 50: true} {
		s := similarOf(n, 50)
		if (s.Received != nil) != told || told == (s.Below == disclosed) {
			t.Errorf("%d of 50: %+v", n, s)
		}
	}
}

func TestRecommendWhileSwapping(t *testing.T) {
	e := engineWith(t, fakeRules{}, nil)
	other := shared(t).Baseline()
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			for range 20 {
				_, s := decisionOf(t, i)
				if ans, err := e.Recommend(context.Background(), Query{Past: s.Past, Want: Treatments}); err != nil || len(ans.Items) == 0 {
					t.Errorf("%d items, %v", len(ans.Items), err)
				}
			}
		})
	}
	for range 10 {
		e.Swap(other)
		e.Swap(shared(t))
	}
	wait.Wait()
}

// benched is an engine over hundreds of labels and a chart of about 100 events.
func benched(b *testing.B, cache Cache) (*Engine, Query) {
	w := world{patients: 300, seed: 8, wide: true}
	a := trained(b, w, TrainOptions{Seed: 7, BootstrapReps: 50, MaxDecisions: 1500})
	w.seed = 9
	for i := range 1000 {
		samples := slices.Collect(Samples(w.timeline(i), EvaluationLandmarks()))
		s := samples[len(samples)-1]
		if n := len(s.Past.Events()); n >= 90 && n <= 110 {
			b.Logf("%d events, %d labels, ranker %v", n, a.Labels(Treatments), a.Report().Wants)
			return newEngine(only(a, byNetwork), noTerms{}, fakeRules{}, cache), Query{Past: s.Past, Want: Treatments, Key: "k", DataVersion: "1"}
		}
	}
	b.Fatal("no chart of about 100 events")
	return nil, Query{}
}

func BenchmarkRecommendCached(b *testing.B) {
	e, q := benched(b, &memoryCache{data: map[string][]byte{}})
	ask(b, e, q)
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		ask(b, e, q)
	}
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
}

func BenchmarkRecommendUncached(b *testing.B) {
	e, q := benched(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		ask(b, e, q)
	}
}
