package cohort_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ember/cohort"
	"ember/index"
	"ember/record"
	"ember/terms"
)

// likely is a hospital of people with vectors, of whom every third has E11, in an
// engine that has the saved cohorts given.
func likely(t *testing.T, n int, saved map[string][]string) (*cohort.Engine, *index.Index, [][]float32) {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	docs, vectors := make([]index.Document, n), make([][]float32, n)
	for i := range docs {
		codes := []string{"I10"}
		if i%3 == 0 {
			codes = append(codes, "E11")
		}
		docs[i] = person(i, record.Sex(1+i%2), 1950+i%40, codes...)
		for range 16 {
			vectors[i] = append(vectors[i], float32(rng.NormFloat64()))
		}
		docs[i].Vector = vectors[i]
	}
	if err := x.Apply(docs, nil, 1); err != nil {
		t.Fatal(err)
	}
	timeline := func(_ context.Context, id string) (record.Timeline, error) {
		for i := range docs {
			if docs[i].Timeline.Person.ID == id {
				return docs[i].Timeline, nil
			}
		}
		return record.Timeline{}, cohort.ErrNotFound
	}
	return cohort.New(cohort.Options{Index: x, Terms: tt, Timeline: timeline, Saved: func(_ context.Context, name string) ([]string, error) {
		if ids, ok := saved[name]; ok {
			return ids, nil
		}
		return nil, cohort.ErrNotFound
	}}), x, vectors
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+float64(a[i])*float64(b[i]), aa+float64(a[i])*float64(a[i]), bb+float64(b[i])*float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

func TestLikeIsTheNearestOfTheRest(t *testing.T) {
	e, _, vectors := likely(t, 600, map[string][]string{"some": {"p3", "p9", "p300"}})
	mean := make([]float32, 16)
	for _, i := range []int{3, 9, 300} {
		scale := 0.0
		for _, x := range vectors[i] {
			scale += float64(x) * float64(x)
		}
		for k, x := range vectors[i] {
			mean[k] += float32(float64(x) / math.Sqrt(scale))
		}
	}
	for text, c := range map[string]struct {
		vec  []float32
		k    int
		whom []int
		rest func(i int) bool
	}{
		"condition.code:E11 like:Patient/p7 top 20": {vectors[7], 20, []int{7}, func(i int) bool { return i%3 == 0 }},
		"like:p7 top 20":                                      {vectors[7], 20, []int{7}, func(int) bool { return true }},
		"like:@some top 11 sex:female":                        {mean, 11, []int{3, 9, 300}, func(i int) bool { return i%2 == 0 }},
		"like:p7 condition.code:I10 -condition.code:E11":      {vectors[7], 200, []int{7}, func(i int) bool { return i%3 != 0 }},
		"like:p7 top 500 condition.code:E11 sex:male age:<60": {vectors[7], 500, []int{7}, func(i int) bool { return i%3 == 0 && i%2 == 1 && 2026-(1950+i%40) < 60 }},
	} {
		var want []int
		for i := range vectors {
			if c.rest(i) && !slices.Contains(c.whom, i) {
				want = append(want, i)
			}
		}
		slices.SortFunc(want, func(a, b int) int { return cmp.Compare(cosine(vectors[b], c.vec), cosine(vectors[a], c.vec)) })
		want = want[:min(len(want), c.k)]
		slices.Sort(want)
		criterion, err := cohort.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		m, err := e.Match(context.Background(), cohort.Question{Criterion: criterion, Now: now, Named: true})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var got []int
		for ord := range m.Set.All() {
			var i int
			if _, err := fmt.Sscanf(m.View.Patient(ord).ID, "p%d", &i); err != nil {
				t.Fatal(err)
			}
			got = append(got, i)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestLikeHasThreeFaces(t *testing.T) {
	for text, want := range map[string]string{
		`like:"Patient/123" top 200`:    `{"like":{"patient":"Patient/123","top":200}}`,
		`like:@saved`:                   `{"like":{"cohort":"saved"}}`,
		`sex:male like:@saved top 3`:    `{"all":[{"sex":"male"},{"like":{"cohort":"saved","top":3}}]}`,
		`like:p1 top 3 age:>50`:         `{"all":[{"like":{"patient":"p1","top":3}},{"age":{"above":50}}]}`,
		`like:"@saved" condition:"top"`: `{"all":[{"like":{"cohort":"saved"}},{"event":{"kind":"condition","text":"top"}}]}`,
	} {
		c, err := cohort.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := jsonOf(t, c); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		again, err := cohort.Parse(cohort.Print(c))
		if err != nil || jsonOf(t, again) != want {
			t.Errorf("%s printed is %s, %v", text, cohort.Print(c), err)
		}
	}
}

func TestLikeThatCannotBe(t *testing.T) {
	e, _, _ := likely(t, 30, map[string][]string{"one": {"p3"}})
	for text, want := range map[string]string{
		"-like:p1":                      "without not",
		"(like:p1 or sex:male) age:>50": "without not",
		"like:p1 like:p2":               "twice",
		"like:p1 top 0":                 "so many",
		"like:p1 top":                   "a number is missing",
		"like:p1 top 20000":             "so many",
		"like:@":                        "name of a saved cohort",
		"like:p_1":                      "no patient's id",
		"like:p999":                     "not there",
		"like:@none":                    "no cohort is saved",
		"like:@one":                     "10 patients or fewer",
	} {
		c, err := cohort.Parse(text)
		if err == nil {
			_, err = e.Match(context.Background(), cohort.Question{Criterion: c, Now: now, Named: !strings.Contains(text, "@")})
		}
		var bad *cohort.Error
		if !errors.As(err, &bad) || !strings.Contains(bad.Detail+bad.Hint, want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	c, _ := cohort.Parse("sex:male like:p1")
	if _, err := e.Match(context.Background(), cohort.Question{Criterion: c, Now: now}); !errors.Is(err, cohort.ErrUnnamed) {
		t.Errorf("%v, want that the patient may not be named", err)
	}
}

func TestWhyLike(t *testing.T) {
	e, x, _ := likely(t, 600, nil)
	c, err := cohort.Parse("like:p6 top 20 sex:female")
	if err != nil {
		t.Fatal(err)
	}
	q := cohort.Question{Criterion: c, Now: now, Named: true}
	m, err := e.Match(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		id := fmt.Sprint("p", i)
		w, err := e.Why(context.Background(), q, id)
		if err != nil {
			t.Fatal(err)
		}
		ord, _ := x.View().Ordinal(id)
		if w.Matches != m.Set.Contains(ord) {
			t.Errorf("%s: why says %v, match %v", id, w.Matches, m.Set.Contains(ord))
		}
		if i%3 != 0 {
			continue
		}
		// E11 is shared by a third: its weight is the logarithm of three. I10 says nothing.
		shared := w.Reasons[0].Evidence[1]
		if shared.Code.Value != "E11" || shared.Weight == nil || math.Abs(*shared.Weight-math.Log(3)) > 1e-9 {
			t.Errorf("%s: %+v", id, shared)
		}
	}
}

// TestAttackByLikeness tries to learn what one described person has from whom others
// like her have: she is alone, or a saved cohort differs by her.
func TestAttackByLikeness(t *testing.T) {
	for _, secret := range []bool{false, true} {
		d := newDesk(t, 1000)
		docs := hospitalOf(30, secret)
		for i := range docs {
			// She is one of thirteen with Z00, of whom else six have E11 and six have not.
			if i <= 6 || i > 30 && i <= 36 {
				docs[i].Timeline.Events = append(docs[i].Timeline.Events, person(i, 0, 0, "Z00").Timeline.Events...)
			}
			// Whoever has E11 lies apart from the others: she tips the scale.
			docs[i].Vector = []float32{1, float32(i%7) / 100, 0, 0}
			if i >= 1 && i <= 30 || i == 0 && secret {
				docs[i].Vector = []float32{0, 0, 1, float32(i%7) / 100}
			}
		}
		d.apply(docs...)
		ctx := context.Background()
		save := func(name, text string) error {
			_, err := d.s.Save(ctx, attacker, name, d.question(text))
			return err
		}
		for name, text := range map[string]string{"her": "age:>100", "with": "condition.code:Z00", "without": "condition.code:Z00 age:<100"} {
			if err := save(name, text); err != nil {
				t.Fatal(err)
			}
		}
		var bad *cohort.Error
		if err := save("hers", "like:@her top 30"); !errors.As(err, &bad) {
			t.Errorf("likeness to one described person: %v", err)
		}
		if err := save("named", "like:p0 top 30"); !errors.Is(err, cohort.ErrUnnamed) {
			t.Errorf("likeness to a named person: %v", err)
		}
		var told []string
		for _, name := range []string{"with", "without"} {
			if err := save("like-"+name, "like:@"+name+" top 30"); err != nil {
				t.Fatal(err)
			}
			a, err := d.s.Facets(ctx, attacker, d.question("cohort:like-"+name))
			if err != nil {
				t.Fatal(err)
			}
			told = append(told, fmt.Sprint(a.Count, *a.Facets), fmt.Sprint(d.count(attacker, "condition.code:E11 cohort:like-"+name)))
		}
		if told[0] != told[2] || told[1] != told[3] {
			t.Errorf("secret %v: the cohort with her and without her have other people like them", secret)
		}
	}
}

// TestSavedIsVeiled: who may not name patients is not told whom a saved definition
// names.
func TestSavedIsVeiled(t *testing.T) {
	for text, want := range map[string]string{
		"sex:male like:Patient/p1 top 3": `sex:male like:"Patient/…" top 3`,
		"like:p1":                        `like:"Patient/…"`,
		"like:@some sex:male":            "like:@some sex:male",
	} {
		c, err := cohort.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		definition, err := cohort.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		s, err := cohort.Saved{Text: cohort.Print(c), Definition: definition}.Veiled()
		if err != nil || s.Text != want || strings.Contains(string(s.Definition), "p1") {
			t.Errorf("%s: %s %s, %v", text, s.Text, s.Definition, err)
		}
	}
}
