package eval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ember/learn"
	"ember/recommender"
	"ember/record"
)

func coded(s string) record.Code { return record.Code{System: "s", Value: s} }

// stays are patients of whom a condition at admission says what follows: one kind dies,
// one comes back, each has its own complication; now and then it is another.
func stays(n int) []record.Timeline {
	out := make([]record.Timeline, n)
	for i := range out {
		rng := rand.New(rand.NewPCG(9, uint64(i)))
		line := record.Timeline{Person: record.Person{ID: fmt.Sprint("s", i), Sex: record.Male, Born: record.Date{Year: int16(1940 + i%50)}}}
		kind := rng.IntN(4)
		follows := func(k int) bool { return rng.Float64() < map[bool]float64{true: .8, false: .1}[kind == k] }
		at := time.Date(2021, 3, 1, 8, 0, 0, 0, time.UTC).AddDate(0, 0, i%200)
		admit := func(id string, days int) {
			line.Encounters = append(line.Encounters, record.Encounter{ID: id, Class: "IMP", Start: at, End: at.AddDate(0, 0, days)})
		}
		see := func(k record.Kind, name string, when time.Time) {
			line.Events = append(line.Events, record.Event{Kind: k, Mode: record.Ordered, Concept: coded(name), Known: when, Source: fmt.Sprint(name, when)})
		}
		admit(fmt.Sprint("Encounter/", i), 4)
		see(record.Condition, fmt.Sprint("kind", kind), at.Add(time.Hour))
		see(record.Medication, fmt.Sprint("drug", kind), at.Add(30*time.Hour))
		if follows(0) {
			line.Person.Dead, line.Person.Died = true, at.AddDate(0, 0, 3)
		} else {
			complication := kind
			if rng.Float64() < .2 {
				complication = rng.IntN(5)
			}
			see(record.Condition, fmt.Sprint("complication", complication), at.AddDate(0, 0, 3))
			if follows(2) {
				at = at.AddDate(0, 0, 15)
				admit(fmt.Sprint("Encounter/again", i), 4)
			}
			see(record.Test, "check", at.AddDate(2, 0, 0))
		}
		line.Sort()
		out[i] = line
	}
	return out
}

func outcomeOptions() Options {
	opt := quick()
	opt.Folds, opt.Tasks = 3, []string{"T3-diagnoses", "T3-readmission", "T3-death"}
	return opt
}

func TestOutcomesAreFound(t *testing.T) {
	opt := outcomeOptions()
	asked := 0
	opt.Risks = func(_ context.Context, fitted []Moment, happened []bool, judged []Moment) ([]float64, error) {
		rate := map[float64][2]float64{} // by what the rule of the data is about
		about := func(m Moment) float64 {
			for k := range 4 {
				if m.Row[fmt.Sprintf("condition s|kind%d", k)] > 0 {
					return float64(k)
				}
			}
			return -1
		}
		for i, m := range fitted {
			r := rate[about(m)]
			r[1]++
			if happened[i] {
				r[0]++
			}
			rate[about(m)] = r
		}
		p := make([]float64, len(judged))
		for i, m := range judged {
			asked++
			r := rate[about(m)]
			p[i] = (r[0] + 1) / (r[1] + 2)
		}
		return p, nil
	}
	exported := map[string]int{}
	opt.Export = func(e Exported) error {
		for name, o := range e.Outcomes {
			exported[name]++
			if o.Happened && name == "T3-diagnoses" && len(o.Came) == 0 || o.Probability < 0 || o.Probability > 1 {
				t.Errorf("%s: %+v", name, o)
			}
		}
		return nil
	}
	rep := run(t, stays(400), opt)
	if len(rep.Tasks) != 3 {
		t.Fatalf("%d tasks", len(rep.Tasks))
	}
	for _, task := range rep.Tasks {
		best, _ := task.System("stack")
		none, _ := task.System("popularity")
		if best.Metrics["AP"].Value < none.Metrics["AP"].Value+.15 {
			t.Errorf("%s: stack %v, popularity %v", task.Task, best.Metrics["AP"], none.Metrics["AP"])
		}
		if !task.Risk {
			if task.Decisions > exported[task.Task] {
				t.Errorf("%s: %d decisions, %d exported", task.Task, task.Decisions, exported[task.Task])
			}
			continue
		}
		own, ok := task.System("risk model")
		if !ok || own.Metrics["AUROC"].Value < .7 || own.Calibration.ECEAbove5 > .12 || own.Metrics["AUROC"].Low > own.Metrics["AUROC"].Value {
			t.Errorf("%s: the site's own model %+v", task.Task, own)
		}
		if none.Metrics["AUROC"].Value > .6 || math.Abs(none.Over["AP"].Value) < 1e-9 || task.Decisions != exported[task.Task] || best.Calibration.Noise <= 0 {
			t.Errorf("%s: popularity %+v, %d of %d exported", task.Task, none, exported[task.Task], task.Decisions)
		}
	}
	if want := rep.Tasks[1].Decisions + rep.Tasks[2].Decisions; asked != want {
		t.Errorf("the site's own models were asked %d times, want %d", asked, want)
	}
	var text, page bytes.Buffer
	if err := rep.WriteTable(&text); err != nil || !strings.Contains(text.String(), "T3-death: ") || !strings.Contains(text.String(), "it happened in") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if err := rep.WriteHTML(&page); err != nil || strings.Contains(page.String(), "NaN") || !strings.Contains(page.String(), "T3-readmission") {
		t.Errorf("page: %v", err)
	}
}

// What is asked of a decision: what happened within the horizon and is known to have or
// not to have.
func TestWhatCameOfADecision(t *testing.T) {
	start := time.Date(2022, 1, 10, 8, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	stay := func(id string, from, to int) record.Encounter {
		return record.Encounter{ID: id, Class: "IMP", Start: day(from), End: day(to)}
	}
	sick := func(name string, at time.Time) record.Event {
		return record.Event{Kind: record.Condition, Concept: coded(name), Known: at}
	}
	of := func(o outcome, line record.Timeline, last time.Time) (names []string, asked bool) {
		line.Sort()
		s := slices.Collect(recommender.Samples(line, recommender.EvaluationLandmarks()))[0]
		came, _, asked := o.of(momentsOf(line, last), s)
		for _, c := range came {
			names = append(names, c.Value)
		}
		return names, asked
	}
	diagnoses, back, dies := allOutcomes()[0], allOutcomes()[1], allOutcomes()[2]
	one := record.Timeline{Encounters: []record.Encounter{stay("a", 0, 5)}}
	with := func(more ...record.Encounter) record.Timeline {
		line := one
		line.Encounters = append(slices.Clone(one.Encounters), more...)
		return line
	}
	dead := func(at time.Time) record.Timeline {
		line := one
		line.Person.Dead, line.Person.Died = true, at
		return line
	}
	ill := one
	ill.Events = []record.Event{sick("old", day(-9)), sick("old", day(3)), sick("new", day(3)), sick("late", day(300)), sick("beyond", day(400))}
	for name, c := range map[string]struct {
		outcome
		line  record.Timeline
		last  time.Time
		want  string
		asked bool
	}{
		"diagnoses within a year that are new":         {diagnoses, ill, day(800), "new late", true},
		"a year that was not watched":                  {diagnoses, ill, day(200), "new late", false},
		"back within 30 days":                          {back, with(stay("b", 20, 25)), day(800), "happened", true},
		"back within 30 days, though not watched":      {back, with(stay("b", 20, 25)), day(25), "happened", true},
		"back after 30 days":                           {back, with(stay("b", 60, 65)), day(800), "", true},
		"moved to another ward":                        {back, with(stay("b", 5, 9)), day(800), "", true},
		"not back, not watched":                        {back, one, day(20), "", false},
		"who died in the stay is not readmitted":       {back, dead(day(4)), day(800), "", false},
		"death in the stay":                            {dies, dead(day(4)), day(800), "happened", true},
		"death on the day of its end, by day":          {dies, dead(day(5).Truncate(24 * time.Hour)), day(800), "happened", true},
		"death a month later":                          {dies, dead(day(35)), day(800), "", true},
		"a death without a day ends what is on record": {dies, dead(time.Time{}), day(800), "happened", true},
	} {
		got, asked := of(c.outcome, c.line, c.last)
		if strings.Join(got, " ") != c.want || asked != c.asked {
			t.Errorf("%s: %v, asked %t; want %q, %t", name, got, asked, c.want, c.asked)
		}
	}
}

// What is known of a judged patient after the decision changes nothing that is said
// before it.
func TestOutcomesDoNotSeeTheFuture(t *testing.T) {
	said := func(change bool) (p []float64) {
		opt := outcomeOptions()
		opt.Tasks, opt.Folds = []string{"T3-death"}, 1
		lines := stays(200)
		if change {
			for i := range lines {
				if learn.Fold(lines[i].Person.ID) != learn.Test {
					continue
				}
				visits := lines[i].Encounters
				lines[i].Person.Dead, lines[i].Person.Died = false, time.Time{}
				late := record.Event{Kind: record.Condition, Concept: coded("kind0"), Known: visits[len(visits)-1].Start.AddDate(0, 0, 3)}
				lines[i].Events = append(slices.Clone(lines[i].Events), late)
				lines[i].Sort()
			}
		}
		opt.Export = func(e Exported) error {
			if o, ok := e.Outcomes["T3-death"]; ok {
				p = append(p, o.Probability)
			}
			return nil
		}
		if _, err := Run(context.Background(), slices.Values(lines), tables(t), opt); err != nil && !errors.Is(err, ErrNoSamples) { // nobody dies then
			t.Fatal(err)
		}
		return p
	}
	as, changed := said(false), said(true)
	if len(as) < 20 || !slices.Equal(as, changed) {
		t.Errorf("%d probabilities, after a change of the future %d:\n%v\n%v", len(as), len(changed), as, changed)
	}
}
