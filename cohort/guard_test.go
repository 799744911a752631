package cohort_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"ember/cohort"
	"ember/index"
	"ember/record"
	"ember/terms"
)

// memory keeps saved cohorts in memory.
type memory struct {
	heads   map[string][]byte
	members map[string][]string
}

func (m memory) Save(name string, head []byte, members []string) error {
	m.heads[name], m.members[name] = head, members
	return nil
}

func (m memory) Head(name string) ([]byte, error) {
	if h, ok := m.heads[name]; ok {
		return h, nil
	}
	return nil, cohort.ErrNotFound
}

func (m memory) Members(_ context.Context, name string) ([]string, error) {
	if ids, ok := m.members[name]; ok {
		return slices.Clone(ids), nil
	}
	return nil, cohort.ErrNotFound
}

func (m memory) Names() (names []string, err error) {
	for name := range m.heads {
		names = append(names, name)
	}
	return names, nil
}

func (m memory) Delete(name string) error {
	delete(m.heads, name)
	delete(m.members, name)
	return nil
}

// desk is a service over a small hospital that is attacked.
type desk struct {
	*testing.T
	s     *cohort.Service
	x     *index.Index
	terms *terms.Terms
	kept  memory
}

const attacker = "researcher"

func newDesk(t *testing.T, budget int) *desk {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{T: t, x: x, terms: tt, kept: memory{map[string][]byte{}, map[string][]string{}}}
	d.open(budget, cohort.Options{})
	return d
}

// open makes the service, as after a restart.
func (d *desk) open(budget int, opt cohort.Options) {
	d.Helper()
	opt.Index, opt.Terms = d.x, d.terms
	opt.Timeline = func(context.Context, string) (record.Timeline, error) { return record.Timeline{}, cohort.ErrNotFound }
	var err error
	if d.s, err = cohort.NewService(opt, budget, d.kept, d.kept); err != nil {
		d.Fatal(err)
	}
}

// person has conditions by code.
func person(i int, sex record.Sex, year int, codes ...string) index.Document {
	d := index.Document{Timeline: record.Timeline{Person: record.Person{ID: fmt.Sprint("p", i), Sex: sex, Born: record.Date{Year: int16(year), Month: 2, Day: 3}}}}
	for _, c := range codes {
		d.Timeline.Events = append(d.Timeline.Events, record.Event{Kind: record.Condition, Concept: record.Code{System: record.ICD10CM, Value: c, Display: "sickness " + c}, Known: now.AddDate(0, -1, 0)})
	}
	return d
}

func (d *desk) apply(docs ...index.Document) {
	d.Helper()
	if err := d.x.Apply(docs, nil, d.x.Position()+1); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) question(text string) cohort.Question {
	d.Helper()
	c, err := cohort.Parse(text)
	if err != nil {
		d.Fatal(err)
	}
	return cohort.Question{Criterion: c, Now: now}
}

func (d *desk) count(who, text string) cohort.Count {
	d.Helper()
	a, err := d.s.Count(context.Background(), who, d.question(text))
	if err != nil {
		d.Fatalf("%s: %v", text, err)
	}
	return a.Count
}

// hospitalOf has 500 people; of them n have E11, and p0 alone has B20 and is the only
// one who was born in 1901.
func hospitalOf(n int, secret bool) []index.Document {
	var docs []index.Document
	for i := range 500 {
		codes := []string{"I10"}
		if i >= 1 && i <= n {
			codes = append(codes, "E11")
		}
		docs = append(docs, person(i, record.Sex(1+i%2), 1950+i%40, codes...))
	}
	docs[0] = person(0, record.Female, 1901, "I10")
	if secret {
		docs[0] = person(0, record.Female, 1901, "I10", "E11")
	}
	return docs
}

func TestSmallCountsAreSuppressed(t *testing.T) {
	d := newDesk(t, 1000)
	d.apply(hospitalOf(10, false)...)
	for n, text := range map[int]string{10: "condition.code:E11", 1: "age:>100", 0: "condition.code:E11 age:>100"} {
		if got := d.count(attacker, text); !got.Suppressed || got.Number != 0 {
			t.Errorf("%d: %+v", n, got)
		}
	}
	if got := d.count(attacker, "condition.code:I10"); got.Suppressed || got.Number != 500 {
		t.Errorf("500: %+v", got)
	}
	if got := d.count(attacker, "sex:female"); got.Suppressed || got.Number%5 != 0 || got.Number < 245 || got.Number > 255 {
		t.Errorf("250: %+v", got)
	}
}

// TestAttackByComplement asks for everybody but few: the whole is told in its place.
func TestAttackByComplement(t *testing.T) {
	for n := range 11 {
		d := newDesk(t, 1000)
		d.apply(hospitalOf(n, false)...)
		if without, all := d.count(attacker, "condition.code:I10 -condition.code:E11"), d.count(attacker, "condition.code:I10"); without != all {
			t.Errorf("%d have it: %+v without them, %+v with", n, without, all)
		}
	}
}

// TestAttackByOneDescribedPerson asks for a cohort with and without a person who is
// known to be the only one born before 1902: the answers must not depend on whether
// she has the condition. Every size of the cohort is tried, for one has an edge.
func TestAttackByOneDescribedPerson(t *testing.T) {
	for n := 5; n < 40; n++ {
		for _, order := range [][]string{{"condition.code:E11", "condition.code:E11 -age:>100"}, {"condition.code:E11 age:<100", "condition.code:E11"}} {
			var told [2]string
			for i, secret := range []bool{false, true} {
				d := newDesk(t, 1000)
				d.apply(hospitalOf(n, secret)...)
				first, second := d.count(attacker, order[0]), d.count(attacker, order[1])
				if first != second {
					t.Errorf("%d, secret %v: %q %+v, %q %+v", n, secret, order[0], first, order[1], second)
				}
				told[i] = fmt.Sprint(second == first)
			}
			if told[0] != told[1] {
				t.Errorf("%d: the difference tells the secret", n)
			}
		}
	}
}

// TestAttackByOneInsert counts before and after one patient is written.
func TestAttackByOneInsert(t *testing.T) {
	for n := 5; n < 40; n++ {
		d := newDesk(t, 1000)
		d.apply(hospitalOf(n, false)...)
		before := d.count(attacker, "condition.code:E11")
		facets, err := d.s.Facets(context.Background(), attacker, d.question("condition.code:E11"))
		if err != nil {
			t.Fatal(err)
		}
		d.apply(person(1000, record.Male, 1960, "E11"))
		if after := d.count(attacker, "condition.code:E11"); after != before {
			t.Errorf("%d: %+v before, %+v after", n, before, after)
		}
		again, err := d.s.Facets(context.Background(), attacker, d.question("condition.code:E11"))
		if err != nil || fmt.Sprint(*again.Facets) != fmt.Sprint(*facets.Facets) {
			t.Errorf("%d: facets tell of one insert, %v", n, err)
		}
	}
}

// TestAttackBySmallSteps walks from one cohort to another, a patient at a time: each
// answer is that of the step before.
func TestAttackBySmallSteps(t *testing.T) {
	d := newDesk(t, 1000)
	d.apply(hospitalOf(23, false)...)
	first := d.count(attacker, "condition.code:E11")
	for i := 24; i < 40; i++ {
		d.apply(person(i, record.Male, 1960, "I10", "E11"))
		if got := d.count(attacker, "condition.code:E11"); got != first {
			t.Errorf("at %d: %+v, was %+v", i, got, first)
		}
	}
	if other := d.count("somebody else", "condition.code:E11"); other == first {
		t.Errorf("who asks for the first time is told %+v", other)
	}
}

// TestAttackByFacets takes parts of a cohort from the whole.
func TestAttackByFacets(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for range 60 {
		d := newDesk(t, 1000)
		var docs []index.Document
		sizes := map[string]int{}
		n := 11 + rng.IntN(120)
		men := rng.IntN(n)
		for i := range 400 {
			if i >= n {
				docs = append(docs, person(i, record.Female, 1950, "I10"))
				continue
			}
			sex := record.Female
			if i < men {
				sex = record.Male
			}
			sizes[sex.String()]++
			docs = append(docs, person(i, sex, 1930+10*rng.IntN(9), "E11"))
		}
		d.apply(docs...)
		a, err := d.s.Facets(context.Background(), attacker, d.question("condition.code:E11"))
		if err != nil {
			t.Fatal(err)
		}
		for name, cells := range map[string][]cohort.Cell{"sexes": a.Facets.Sexes, "ages": a.Facets.Ages} {
			shown, hidden := 0, 0
			for _, c := range cells {
				if c.Count.Suppressed {
					hidden++
				} else {
					shown += c.Count.Number
				}
				if name == "sexes" && sizes[c.Label] < 11 && !c.Count.Suppressed {
					t.Errorf("%d %s are shown as %d", sizes[c.Label], c.Label, c.Count.Number)
				}
			}
			if name != "sexes" {
				continue
			}
			left := 0
			for _, c := range cells {
				if c.Count.Suppressed {
					left += sizes[c.Label]
				}
			}
			if left > 0 && left < 11 {
				t.Errorf("%d of %d: what is left of the whole are %d patients", men, n, left)
			}
		}
		for _, c := range a.Facets.Conditions {
			if c.Count.Suppressed || c.Count.Number > a.Count.Number {
				t.Errorf("%+v of %+v", c, a.Count)
			}
		}
	}
}

// TestFacetsOfNearCohortsAreTheSame whichever of them was asked for its parts first.
func TestFacetsOfNearCohortsAreTheSame(t *testing.T) {
	for n := 12; n < 40; n++ {
		d := newDesk(t, 1000)
		d.apply(hospitalOf(n, true)...)
		var told [3]string
		for i, text := range []string{"condition.code:E11", "condition.code:E11 -age:>100", "condition.code:E11"} {
			d.count(attacker, text)
			a, err := d.s.Facets(context.Background(), attacker, d.question([]string{"condition.code:E11 -age:>100", "condition.code:E11", "condition.code:E11 -age:>100"}[i]))
			if err != nil {
				t.Fatal(err)
			}
			told[i] = fmt.Sprint(*a.Facets)
		}
		if told[0] != told[1] || told[1] != told[2] {
			t.Errorf("%d: %v", n, told)
		}
	}
}

// TestAttackByIntersection compares saved cohorts that share few patients.
func TestAttackByIntersection(t *testing.T) {
	d := newDesk(t, 1000)
	d.apply(hospitalOf(40, true)...)
	for name, text := range map[string]string{"a": "condition.code:E11", "b": "condition.code:E11 -age:>100"} {
		if _, err := d.s.Save(context.Background(), attacker, name, d.question(text)); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := d.count(attacker, "cohort:a"), d.count(attacker, "cohort:b"); a != b {
		t.Errorf("%+v, %+v", a, b)
	}
	if got := d.count(attacker, "cohort:a -cohort:b"); !got.Suppressed {
		t.Errorf("the difference of two cohorts: %+v", got)
	}
	c, err := d.s.Rerun(context.Background(), attacker, "a", now, false)
	if err != nil || !c.Entered.Suppressed || !c.Left.Suppressed || c.Standing != c.Now.Count {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestBudget ends a principal's day, and nobody else's.
func TestBudget(t *testing.T) {
	d := newDesk(t, 5)
	d.apply(hospitalOf(40, false)...)
	used := 0
	for year := 20; year < 80; year += 4 {
		_, err := d.s.Count(context.Background(), attacker, d.question(fmt.Sprintf("age:>%d", year)))
		if errors.Is(err, cohort.ErrBudget) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		used++
	}
	if used < 5 || used > 14 {
		t.Errorf("%d questions within a budget of 5", used)
	}
	if _, err := d.s.Count(context.Background(), attacker, d.question("age:>20")); err != nil {
		t.Errorf("what was asked before costs nothing: %v", err)
	}
	if _, err := d.s.Count(context.Background(), "another", d.question("condition.code:E11")); err != nil {
		t.Error(err)
	}
	tomorrow := d.question("condition.code:E11 sex:male")
	tomorrow.Now = now.AddDate(0, 0, 1)
	if _, err := d.s.Count(context.Background(), attacker, tomorrow); err != nil {
		t.Error(err)
	}
}

// TestRefusal: who refuses is in no cohort, counted or saved, from that moment on.
func TestRefusal(t *testing.T) {
	d := newDesk(t, 1000)
	docs := hospitalOf(40, false)
	d.apply(docs...)
	if _, err := d.s.Save(context.Background(), attacker, "all", d.question("condition.code:E11")); err != nil {
		t.Fatal(err)
	}
	docs[7].Timeline.Person.OptOut = true
	d.apply(docs[7])
	ids, _, err := d.s.Members(context.Background(), "all", "", 1000)
	if err != nil || len(ids) != 39 || slices.Contains(ids, "p7") {
		t.Errorf("%v, %v", ids, err)
	}
	if _, err := d.s.Save(context.Background(), attacker, "now", d.question("cohort:all")); err != nil {
		t.Fatal(err)
	}
	if ids, _, err := d.s.Members(context.Background(), "now", "p30", 5); err != nil || len(ids) != 5 || ids[0] != "p31" {
		t.Errorf("%v, %v", ids, err)
	}
}
