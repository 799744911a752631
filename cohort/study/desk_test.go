package study

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ember/cohort"
	"ember/index"
	"ember/record"
	"ember/terms"
)

var now = time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC)

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

func (m memory) Names() (names []string, err error) { return nil, nil }

func (m memory) Delete(string) error { return nil }

// desk is a service over an index that a test fills.
type desk struct {
	testing.TB
	s       *Service
	cohorts *cohort.Service
	x       *index.Index
	kept    memory
}

func newDesk(t testing.TB, docs []index.Document) *desk {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{TB: t, x: x, kept: memory{map[string][]byte{}, map[string][]string{}}}
	d.cohorts, err = cohort.NewService(cohort.Options{Index: x, Terms: tt, Timeline: func(context.Context, string) (record.Timeline, error) {
		return record.Timeline{}, cohort.ErrNotFound
	}}, 1_000_000, d.kept, d.kept)
	if err != nil {
		t.Fatal(err)
	}
	d.s = New(d.cohorts)
	d.apply(docs...)
	return d
}

func (d *desk) apply(docs ...index.Document) {
	d.Helper()
	if err := d.x.Apply(docs, nil, d.x.Position()+1); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) parse(text string) cohort.Criterion {
	d.Helper()
	c, err := cohort.Parse(text)
	if err != nil {
		d.Fatal(err)
	}
	return c
}

func (d *desk) maybe(text string) *cohort.Criterion {
	if text == "" {
		return nil
	}
	c := d.parse(text)
	return &c
}

// day is a moment of a day before now.
func day(ago int) time.Time { return now.AddDate(0, 0, -ago) }

func condition(code string, ago int) record.Event {
	return record.Event{Kind: record.Condition, Concept: record.Code{System: record.ICD10CM, Value: code}, Known: day(ago)}
}

func value(v float64, unit string, ago int) record.Event {
	return record.Event{Kind: record.Test, Concept: record.Code{System: record.LOINC, Value: "4548-4"}, Known: day(ago), Value: v, HasValue: true, Unit: unit}
}

// someone is a random patient with conditions A00, B00 and C00 and a test.
func someone(rng *rand.Rand, i int) index.Document {
	t := record.Timeline{Person: record.Person{ID: fmt.Sprint("p", i), Sex: record.Sex(rng.IntN(3)), Born: record.Date{Year: int16(1930 + rng.IntN(70)), Month: 3, Day: 3}}}
	if rng.IntN(20) == 0 {
		t.Person.Born = record.Date{}
	}
	if rng.IntN(6) == 0 {
		t.Person.Dead = true
		if rng.IntN(4) > 0 {
			t.Person.Died = day(rng.IntN(1200))
		}
	}
	for range rng.IntN(7) {
		e := condition(string(rune('A'+rng.IntN(3)))+"00", rng.IntN(1500)-20)
		if rng.IntN(4) == 0 {
			e.Start = e.Known.AddDate(0, 0, -rng.IntN(300))
		}
		t.Events = append(t.Events, e)
	}
	for range rng.IntN(4) {
		unit := []string{"%", "%", "mmol/mol", "furlong", ""}[rng.IntN(5)]
		v := 5 + float64(rng.IntN(80))/10
		if unit == "mmol/mol" {
			v = 30 + float64(rng.IntN(80))
		}
		t.Events = append(t.Events, value(v, unit, rng.IntN(1500)))
	}
	for range rng.IntN(3) {
		start := day(rng.IntN(1500))
		t.Encounters = append(t.Encounters, record.Encounter{ID: fmt.Sprint("Encounter/", i), Class: "AMB", Start: start, End: start.AddDate(0, 0, rng.IntN(9))})
	}
	t.Sort()
	return index.Document{Timeline: t}
}

func people(seed uint64, n int) []index.Document {
	rng := rand.New(rand.NewPCG(seed, seed))
	docs := make([]index.Document, n)
	for i := range docs {
		docs[i] = someone(rng, i)
	}
	return docs
}
