package cohort_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"ember/cohort"
	"ember/index"
	"ember/record"
	"ember/terms"
)

// lives are timelines to draw from.
type lives []record.Timeline

func (l lives) engine(t *testing.T) *cohort.Engine {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	docs := make([]index.Document, len(l))
	for i := range l {
		l[i].Sort()
		docs[i].Timeline = l[i]
	}
	if err := x.Apply(docs, nil, 1); err != nil {
		t.Fatal(err)
	}
	return cohort.New(cohort.Options{Index: x, Terms: tt, Timeline: func(_ context.Context, id string) (record.Timeline, error) {
		for i := range l {
			if l[i].Person.ID == id {
				return l[i], nil
			}
		}
		return record.Timeline{}, cohort.ErrNotFound
	}})
}

func sampling(t *testing.T, text string) cohort.Sampling {
	t.Helper()
	s, err := cohort.DecodeSampling([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	again, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = cohort.DecodeSampling(again); err != nil {
		t.Fatalf("%s: %v", again, err)
	}
	return s
}

// seen is what a test looks at of a past.
func seen(p record.Past) string {
	var b strings.Builder
	fmt.Fprint(&b, p.Person().Dead)
	for _, e := range p.Events() {
		fmt.Fprint(&b, " ", e.Source, e.End.IsZero())
	}
	for _, v := range p.Encounters() {
		fmt.Fprint(&b, " ", v.ID, v.End.IsZero())
	}
	return b.String()
}

// draw is the samples as "patient@hours:outcome", hours since 2024, and what was left out.
func draw(t *testing.T, l lives, text string) (string, cohort.Drawn) {
	t.Helper()
	samples, drawn, err := cohort.Draw(context.Background(), l.engine(t), sampling(t, text), now, seen)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var all []string
	for _, s := range samples {
		what := fmt.Sprint(s.Outcome)
		if !math.IsNaN(s.Value) {
			what = fmt.Sprintf("%.2f", s.Value)
		}
		all = append(all, fmt.Sprintf("%s@%g:%s", s.Patient, s.At.Sub(year).Hours(), what))
	}
	return strings.Join(all, " "), drawn
}

var year = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func hour(h float64) time.Time { return year.Add(time.Duration(h * float64(time.Hour))) }

func stay(id string, from, to float64) record.Encounter {
	v := record.Encounter{ID: "Encounter/" + id, Class: "IMP", Start: hour(from)}
	if to > 0 {
		v.End = hour(to)
	}
	return v
}

func icd(source, code string, at float64) record.Event {
	return record.Event{Kind: record.Condition, Concept: record.Code{System: record.ICD10CM, Value: code, Display: "sickness " + code}, Known: hour(at), Source: source}
}

func value(source string, v, at float64) record.Event {
	return record.Event{Kind: record.Test, Concept: record.Code{System: record.LOINC, Value: "2160-0", Display: "creatinine"}, Value: v, HasValue: true, Unit: "mg/dL", Known: hour(at), Source: source}
}

// ward of five: a is readmitted after 10 days, b after 60, c not; d dies in the first
// stay; e's stay is short.
func wardOfFive() lives {
	born := record.Date{Year: 1960, Month: 1, Day: 1}
	l := lives{
		{Person: record.Person{ID: "a", Born: born}, Encounters: []record.Encounter{stay("a1", 0, 72), stay("a2", 72+240, 400)}, Events: []record.Event{icd("a-late", "N17", 30)}},
		{Person: record.Person{ID: "b", Born: born}, Encounters: []record.Encounter{stay("b1", 0, 48), stay("b2", 48+1440, 1600)}},
		{Person: record.Person{ID: "c", Born: born}, Encounters: []record.Encounter{stay("c1", 0, 100)}, Events: []record.Event{icd("c-early", "E11", 5), value("c1", 1, 10), value("c2", 3, 50), value("c3", 9, 90)}},
		{Person: record.Person{ID: "d", Born: born, Dead: true, Died: hour(40)}, Encounters: []record.Encounter{stay("d1", 0, 41)}},
		{Person: record.Person{ID: "e", Born: born}, Encounters: []record.Encounter{stay("e1", 0, 12)}, Events: []record.Event{icd("e", "E11", 6000)}},
	}
	return l
}

func TestDraw(t *testing.T) {
	for text, want := range map[string]string{
		// Readmitted within 30 days of the end of a stay; the second stays count too.
		`{"index":"encounter:IMP","from":"end","label":"encounter:IMP","horizon":"30d"}`:                 "a@72:true b@48:false c@100:false e@12:false",
		`{"index":"encounter:IMP","from":"end","which":"last","label":"encounter:IMP","horizon":"30d"}`:  "a@400:false b@1600:false c@100:false e@12:false",
		`{"index":"encounter:IMP","from":"end","which":"every","label":"encounter:IMP","horizon":"90d"}`: "a@72:true a@400:false b@48:true b@1600:false c@100:false e@12:false",
		// Death in the stay at 24 hours: e's stay is over by then.
		`{"index":"encounter:*","which":"every","after":"24h","label":"life:dead","horizon":"stay"}`: "a@24:false a@336:false b@24:false b@1512:false c@24:false d@24:true",
		// As far as was known then: a's diagnosis comes at 30 hours.
		`{"index":"encounter:*","after":"24h","label":"condition.code:N17","horizon":"2d"}`:                                "a@24:true b@24:false c@24:false d@24:false",
		`{"index":"encounter:*","after":"36h","cohort":"-condition.code:N17","label":"condition.code:N17","horizon":"2d"}`: "b@36:false c@36:false d@36:false",
		`{"index":"encounter:*","after":"24h","cohort":"condition.code:E11","label":"life:dead","horizon":"stay"}`:         "c@24:false",
		// The data end after 250 days: who has not the outcome by then is censored.
		`{"day":"2024-01-02","cohort":"age:>60","label":"condition.code:E11 or life:dead","horizon":"1y"}`: "d@24:true e@24:true",
		// The next value, in another unit.
		`{"index":"encounter:*","after":"24h","next":"lab:creatinine","horizon":"30d"}`:                                                                      "c@24:3.00",
		`{"index":"lab:creatinine","which":"every","next":{"event":{"kind":"test","text":"creatinine","value":{"above":2,"unit":"mg/dL"}}},"horizon":"30d"}`: "c@10:3.00 c@50:9.00",
	} {
		if got, _ := draw(t, wardOfFive(), text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	_, d := draw(t, wardOfFive(), `{"index":"encounter:*","which":"every","after":"24h","label":"life:dead","horizon":"stay"}`)
	if d.Patients != 5 || d.Moments != 7 || d.Over != 1 || d.Outcomes != 1 || d.Samples != 6 {
		t.Errorf("%+v", d)
	}
	// Watched to the own last record, a stay of which nothing follows is censored.
	got, d := draw(t, wardOfFive(), `{"index":"encounter:IMP","from":"end","label":"encounter:IMP","horizon":"30d","observed":"patient"}`)
	if got != "a@72:true b@48:false e@12:false" || d.Censored != 1 {
		t.Errorf("%s, %+v", got, d)
	}
}

// TestDrawDoesNotLookAhead adds what comes after the moment to every life, and takes
// its end away: what a moment shows must not change.
func TestDrawDoesNotLookAhead(t *testing.T) {
	const text = `{"index":"encounter:IMP","after":"24h","cohort":"-condition.code:N17","label":"life:dead","horizon":"stay"}`
	rows := func(l lives) map[string]string {
		samples, _, err := cohort.Draw(context.Background(), l.engine(t), sampling(t, text), now, seen)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, s := range samples {
			out[s.Patient] = s.Row
		}
		return out
	}
	before := rows(wardOfFive())
	later := wardOfFive()
	for i := range later {
		later[i].Events = append(later[i].Events, icd("later", "N17", 25), value("later", 7, 26))
		later[i].Person.Dead, later[i].Person.Died = true, hour(5000)
		later[i].Encounters = append(later[i].Encounters, stay("later", 4000, 4100))
	}
	after := rows(later)
	for id, row := range before {
		if after[id] != row {
			t.Errorf("%s: %s before, %s after", id, row, after[id])
		}
	}
	if len(before) != 4 || before["c"] != "false c-earlytrue c1true Encounter/c1true" {
		t.Errorf("%q", before)
	}
}

func TestSamplingThatCannotBe(t *testing.T) {
	e := wardOfFive().engine(t)
	for text, want := range map[string]string{
		`{"label":"life:dead","horizon":"1y"}`:                                                          "index",
		`{"index":"encounter:*","day":"2024-01-01","label":"life:dead","horizon":"1y"}`:                 "index",
		`{"day":"2024-13-01","label":"life:dead","horizon":"1y"}`:                                       "day",
		`{"index":"encounter:*","horizon":"1y"}`:                                                        "label",
		`{"index":"encounter:*","label":"life:dead"}`:                                                   "horizon",
		`{"index":"condition:x","label":"life:dead","horizon":"stay"}`:                                  "horizon",
		`{"index":"encounter:*","label":"life:dead","horizon":"soon"}`:                                  "horizon",
		`{"index":"encounter:*","which":"frist","label":"life:dead","horizon":"1y"}`:                    "did you mean first",
		`{"index":"encounter:*","after":"x","label":"life:dead","horizon":"1y"}`:                        "after",
		`{"index":"age:>5","label":"life:dead","horizon":"1y"}`:                                         "index",
		`{"index":"encounter:*","label":"conditon:x","horizon":"1y"}`:                                   "did you mean condition",
		`{"index":"encounter:*","label":"sex:male","horizon":"1y"}`:                                     "put it into the cohort",
		`{"index":"encounter:*","label":"life:dead","horizon":"1y","cohort":"note:fever"}`:              "as of a moment",
		`{"index":"encounter:*","label":"life:dead","horizon":"1y","cohort":"like:p1"}`:                 "as of a moment",
		`{"index":"encounter:*","label":"life:dead","horizon":"1y","cohrt":"sex:male"}`:                 "did you mean cohort",
		`{"index":"encounter:*","label":{"life":"dead"},"horizon":"1y","cohort":{"all":[{"sxe":"x"}]}}`: "cohort.all[0]",
	} {
		s, err := cohort.DecodeSampling([]byte(text))
		if err == nil {
			_, _, err = cohort.Draw(context.Background(), e, s, now, seen)
		}
		var bad *cohort.Error
		if !errors.As(err, &bad) || !strings.Contains(bad.Path+" "+bad.Detail+" "+bad.Hint, want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
