package study

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"ember/cohort"
	"ember/index"
	"ember/record"
)

// busy is like a patient of the lean profile: 25 events of a skewed vocabulary.
func busy(rng *rand.Rand, i int) index.Document {
	t := record.Timeline{Person: record.Person{ID: fmt.Sprintf("%08x-%04x", uint32(i)*2654435761, i%65536), Sex: record.Sex(1 + i%2),
		Born: record.Date{Year: int16(1930 + rng.IntN(80)), Month: 3, Day: 4}}, Events: make([]record.Event, 25)}
	for j := range t.Events {
		k := int(rng.ExpFloat64()*60) % 900
		e := &t.Events[j]
		e.Known, e.Kind = day(rng.IntN(3000)), record.Condition
		switch e.Concept = (record.Code{System: record.ICD10CM, Value: fmt.Sprintf("%c%02d", 'A'+k%26, k/26)}); k % 3 {
		case 1:
			e.Kind, e.Concept = record.Medication, record.Code{System: record.RxNorm, Value: fmt.Sprint(100000 + k)}
		case 2:
			e.Kind, e.Concept = record.Test, record.Code{System: record.LOINC, Value: fmt.Sprintf("%d-1", 1000+k)}
			e.Value, e.HasValue, e.Unit = 4+rng.ExpFloat64()*2, true, "%"
		}
	}
	return index.Document{Timeline: t}
}

// BenchmarkStudy asks an index of EMBER_BENCH_PATIENTS (100,000) patients, each time as
// another principal, so that nothing was told before. A00 and G00 are diagnoses that a
// third and a quarter have.
func BenchmarkStudy(b *testing.B) {
	n := 100_000
	if s := os.Getenv("EMBER_BENCH_PATIENTS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	d := newDesk(b, nil)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := 0; i < n; {
		docs := make([]index.Document, 0, 1000)
		for ; len(docs) < 1000 && i < n; i++ {
			docs = append(docs, busy(rng, i))
		}
		d.apply(docs...)
	}
	women, men, outcome := d.parse("condition.code:A00 sex:female"), d.parse("condition.code:A00 sex:male"), d.parse("condition.code:G00")
	design := Design{Groups: []Group{{Who: women}, {Who: men}}, Index: d.maybe("condition.code:A00"), Now: now}
	test := d.parse("lab.code:1002-1")
	ctx := context.Background()
	for _, c := range []struct {
		name string
		ask  func(who string) (cohort.Count, error)
	}{
		{"survival", func(who string) (cohort.Count, error) {
			a, err := d.s.Survival(ctx, who, SurvivalQuestion{Design: design, Outcome: &outcome})
			return a.Groups[0].Events, err
		}},
		{"table", func(who string) (cohort.Count, error) {
			a, err := d.s.Table(ctx, who, TableQuestion{Design: design, Rows: []cohort.Criterion{outcome}, Tests: []cohort.Criterion{test}, Top: 10})
			return a.Groups[0].In, err
		}},
		{"table-now", func(who string) (cohort.Count, error) {
			now := design
			now.Index = nil
			a, err := d.s.Table(ctx, who, TableQuestion{Design: now, Rows: []cohort.Criterion{outcome}, Top: 10})
			return a.Groups[0].In, err
		}},
		{"values", func(who string) (cohort.Count, error) {
			a, err := d.s.Values(ctx, who, ValuesQuestion{Design: design, Tests: []cohort.Criterion{test}})
			return a.Tests[0].Groups[0].With, err
		}},
		{"periods", func(who string) (cohort.Count, error) {
			a, err := d.s.Periods(ctx, who, PeriodsQuestion{Who: women, Event: outcome, By: "month", Now: now})
			return a.In, err
		}},
		{"attrition", func(who string) (cohort.Count, error) {
			a, err := d.s.Attrition(ctx, who, cohort.Question{Criterion: d.parse("condition.code:A00 sex:female age:>40 -condition.code:G00"), Now: now})
			return a.Answer.Count, err
		}},
		{"aligned", func(who string) (cohort.Count, error) {
			a, err := d.s.Aligned(ctx, who, AlignedQuestion{Who: women, Index: d.parse("condition.code:A00"), Now: now})
			return a.In, err
		}},
		{"match", func(who string) (cohort.Count, error) {
			a, err := d.s.Match(ctx, who, MatchQuestion{Design: Design{Groups: []Group{{Who: women}, {Who: d.parse("sex:female")}}, Now: now}, Save: "kept", Covariates: []cohort.Criterion{outcome, d.parse("condition.code:M00")}})
			return a.Controls, err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			told := cohort.Count{}
			for i := range b.N {
				var err error
				if told, err = c.ask(fmt.Sprint(b.N, i)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(told.Number), "told")
		})
	}
}
