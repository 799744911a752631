package cohort_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"testing"

	"ember/cohort"
)

// book keeps what was told in memory.
type book map[string][]byte

func (b book) Put(key string, value []byte) error { b[key] = slices.Clone(value); return nil }

func (b book) All() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, v := range maps.Clone(b) {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func (b book) Drop(keys []string) error {
	for _, k := range keys {
		delete(b, k)
	}
	return nil
}

// TestAttackByRestart asks for a cohort, and after a restart for it without one described
// person: the answers are those of one day, and so is the budget.
func TestAttackByRestart(t *testing.T) {
	for n := 8; n < 40; n++ {
		d := newDesk(t, 0)
		kept := book{}
		d.apply(hospitalOf(n, true)...)
		d.open(4, cohort.Options{Book: kept})
		texts := []string{"condition.code:E11", "condition.code:E11 -age:>100", "condition.code:I10", "sex:female"}
		var before []string
		for _, text := range texts {
			before = append(before, fmt.Sprint(d.count(attacker, text)))
		}
		facets := func() string {
			a, err := d.s.Facets(context.Background(), attacker, d.question(texts[1]))
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(a.Facets)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		parts := facets()
		d.open(4, cohort.Options{Book: kept})
		for _, i := range []int{1, 3, 0, 2} {
			if got := fmt.Sprint(d.count(attacker, texts[i])); got != before[i] {
				t.Errorf("%d: %s is %s after a restart, was %s", n, texts[i], got, before[i])
			}
		}
		if got := facets(); got != parts {
			t.Errorf("%d: facets are %s after a restart, were %s", n, got, parts)
		}
		// Three different questions were asked (two where the cohort is the whole), of four.
		if got := d.count(attacker, "sex:male"); got.Suppressed {
			t.Errorf("%+v", got)
		}
		d.open(4, cohort.Options{Book: kept})
		if _, err := d.s.Count(context.Background(), attacker, d.question("age:>60")); !errors.Is(err, cohort.ErrBudget) {
			t.Errorf("%d: a restart gave the day another budget: %v", n, err)
		}
	}
}

// TestTheBookForgets: what was told is dropped when its principal asks on another day.
func TestTheBookForgets(t *testing.T) {
	d := newDesk(t, 0)
	kept := book{}
	d.apply(hospitalOf(20, true)...)
	d.open(100, cohort.Options{Book: kept})
	d.count(attacker, "condition.code:E11")
	d.count("another", "condition.code:E11")
	d.count(attacker, "sex:female")
	tomorrow := d.question("sex:male")
	tomorrow.Now = now.AddDate(0, 0, 1)
	d.open(100, cohort.Options{Book: kept})
	if len(kept) != 3 {
		t.Errorf("%d entries", len(kept))
	}
	if _, err := d.s.Count(context.Background(), attacker, tomorrow); err != nil {
		t.Fatal(err)
	}
	if len(kept) != 2 {
		t.Errorf("%d entries on the next day", len(kept))
	}
	kept["damaged"] = []byte("{")
	if _, err := cohort.NewService(cohort.Options{Index: d.x, Terms: d.terms, Book: kept}, 1, d.kept, d.kept); err == nil {
		t.Error("a damaged book is read")
	}
}

// TestSamples: samples that differ in five patients or fewer get one answer, others their
// own, and both survive a restart.
func TestSamples(t *testing.T) {
	d := newDesk(t, 0)
	kept := book{}
	d.open(4, cohort.Options{Book: kept})
	sample := func(from, to uint32, row func(uint32) uint64) *cohort.Sheet {
		s := &cohort.Sheet{}
		for ord := from; ord < to; ord++ {
			s.Add(ord, row(ord))
		}
		return s
	}
	plain := func(uint32) uint64 { return 7 }
	changed := func(below uint32) func(uint32) uint64 {
		return func(ord uint32) uint64 {
			if ord < below {
				return 8
			}
			return 7
		}
	}
	answer := 0
	ask := func(kind string, s *cohort.Sheet) (got int, err error) {
		err = d.s.Once(attacker, now, kind, s, &got, func(cohort.Cells) (any, error) { answer++; return answer, nil })
		return got, err
	}
	for round := range 2 {
		for i, c := range []struct {
			kind string
			s    *cohort.Sheet
			want int
		}{
			{"a", sample(0, 500, plain), 1}, {"a", sample(0, 500, plain), 1}, {"a", sample(5, 500, plain), 1}, {"a", sample(0, 505, plain), 1},
			{"a", sample(0, 500, changed(5)), 1}, {"a", sample(0, 500, changed(40)), 2}, {"b", sample(0, 500, plain), 3}, {"a", sample(40, 500, plain), 4},
		} {
			if got, err := ask(c.kind, c.s); got != c.want || err != nil {
				t.Errorf("round %d, %d: %d, want %d, %v", round, i, got, c.want, err)
			}
		}
		if _, err := ask("a", sample(0, 50, plain)); !errors.Is(err, cohort.ErrBudget) {
			t.Errorf("a fifth question: %v", err)
		}
		d.open(4, cohort.Options{Book: kept})
	}
	d.open(9, cohort.Options{})
	broken := errors.New("broken")
	var got int
	if err := d.s.Once(attacker, now, "c", sample(0, 9, plain), &got, func(cohort.Cells) (any, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := d.s.Once(attacker, now, "c", sample(0, 9, plain), &got, func(cohort.Cells) (any, error) { return 5, nil }); err != nil || got != 5 {
		t.Errorf("%d, %v", got, err)
	}
}

// TestNoise: numbers have Laplace's noise of the size that epsilon says, the same each
// time, of each question and principal its own.
func TestNoise(t *testing.T) {
	d := newDesk(t, 0)
	d.apply(hospitalOf(200, false)...)
	opt := cohort.Options{Epsilon: .05, Secret: []byte("a secret")}
	sum, squares, n := 0., 0., 0
	d.open(100_000, opt)
	for i := range 2000 {
		who := fmt.Sprint("principal ", i)
		a, err := d.s.Count(context.Background(), who, d.question("condition.code:E11"))
		if err != nil {
			t.Fatal(err)
		}
		if again := d.count(who, "condition.code:E11"); again != a.Count {
			t.Fatalf("%+v, then %+v", a.Count, again)
		}
		if a.Noise == nil || a.Noise.Epsilon != .05 || math.Abs(a.Noise.Spent-.05) > 1e-12 {
			t.Fatalf("%+v", a.Noise)
		}
		off := float64(a.Count.Number - 200)
		sum, squares, n = sum+off, squares+off*off, n+1
	}
	// The variance of Laplace's noise is 2/epsilon², that of rounding 25/12.
	mean, variance := sum/float64(n), squares/float64(n)
	if want := 2/(.05*.05) + 25./12; math.Abs(mean) > 3 || math.Abs(variance-want) > .15*want {
		t.Errorf("mean %.2f, variance %.0f, want %.0f", mean, variance, want)
	}
	first := d.count(attacker, "condition.code:E11")
	d.open(100, opt)
	if again := d.count(attacker, "condition.code:E11"); again != first {
		t.Errorf("%+v after a restart, was %+v", again, first)
	}
	a, err := d.s.Facets(context.Background(), attacker, d.question("condition.code:E11"))
	if err != nil || len(a.Facets.Conditions) == 0 {
		t.Fatal(err)
	}
	b, err := d.s.Count(context.Background(), attacker, d.question("condition.code:E11"))
	if err != nil || b.Noise.Spent <= .05*5 {
		t.Errorf("facets spent %+v, %v", b.Noise, err)
	}
	opt.Secret = []byte("another secret")
	differs := false
	for i := range 10 {
		who := fmt.Sprint("principal ", i)
		d.open(100, cohort.Options{Epsilon: .05, Secret: []byte("a secret")})
		one := d.count(who, "condition.code:E11")
		d.open(100, opt)
		differs = differs || one != d.count(who, "condition.code:E11")
	}
	if !differs {
		t.Error("the noise does not hang on the secret")
	}
}
