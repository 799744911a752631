package cohort_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ember/cohort"
	"ember/index"
	"ember/record"
	"ember/terms"
)

// scores are of one version each.
type scores map[string]struct {
	version, serving string
	of               map[string]cohort.PatientScore
}

func (s scores) Scored() (all []cohort.Scored, _ error) {
	for name, one := range s {
		all = append(all, cohort.Scored{Model: name, Version: one.version, Outcome: "life:dead within 1y", Serving: one.serving})
	}
	return all, nil
}

func (s scores) Scores(_ context.Context, name string) (cohort.Scored, map[string]cohort.PatientScore, error) {
	one, ok := s[name]
	if !ok {
		return cohort.Scored{}, nil, cohort.ErrNotFound
	}
	return cohort.Scored{Model: name, Version: one.version, Outcome: "life:dead within 1y", Serving: one.serving}, one.of, nil
}

// scored is an engine over people p0 to p4, of whom p4 refuses; p3 has no score.
func scored(t *testing.T) *cohort.Engine {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var docs []index.Document
	for i := range 5 {
		docs = append(docs, person(i, record.Female, 1950, "I10"))
	}
	docs[4].Timeline.Person.OptOut = true
	if err := x.Apply(docs, nil, 1); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	of := map[string]cohort.PatientScore{"gone": {Value: .9, At: at}}
	for i, v := range []float64{.1, .3, .8, -1, .9} {
		if v >= 0 {
			of[docs[i].Timeline.Person.ID] = cohort.PatientScore{Value: v, At: at, Source: "RiskAssessment/r" + docs[i].Timeline.Person.ID}
		}
	}
	s := scores{"deaths": {"2", "3", of}}
	return cohort.New(cohort.Options{Index: x, Terms: tt, Scores: s, Timeline: func(_ context.Context, id string) (record.Timeline, error) {
		for i := range docs {
			if docs[i].Timeline.Person.ID == id {
				return docs[i].Timeline, nil
			}
		}
		return record.Timeline{}, cohort.ErrNotFound
	}})
}

func TestScoresAreCriteria(t *testing.T) {
	e := scored(t)
	for text, want := range map[string]string{
		"score:deaths":              "p0 p1 p2",
		"score:deaths>0.3":          "p2",
		"score:deaths >= 0.3":       "p1 p2",
		"score:deaths:0.1..0.3":     "p0 p1",
		"score:deaths<=0.1 age:>20": "p0",
		"-score:deaths>0.3":         "p0 p1 p3", // whoever has no score does not match
		"score:deaths>0.2<0.5":      "p1",
	} {
		c, err := cohort.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		back, err := cohort.Parse(cohort.Print(c))
		if err != nil || jsonOf(t, back) != jsonOf(t, c) {
			t.Errorf("%s is printed as %s, %v", text, cohort.Print(c), err)
		}
		if back, err = cohort.Decode([]byte(jsonOf(t, c))); err != nil || cohort.Print(back) != cohort.Print(c) {
			t.Errorf("%s: its JSON is read as %s, %v", text, cohort.Print(back), err)
		}
		m, err := e.Match(t.Context(), cohort.Question{Criterion: c, Now: now})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var got []string
		for ord := range m.Set.All() {
			got = append(got, m.View.Patient(ord).ID)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
		if len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0].Detail, "version 2") {
			t.Errorf("%s: nothing says that another version serves: %v", text, m.Warnings)
		}
	}
}

func TestWhyTellsScores(t *testing.T) {
	e := scored(t)
	c, _ := cohort.Parse("score:deaths>0.3")
	for id, want := range map[string]bool{"p2": true, "p0": false} {
		w, err := e.Why(t.Context(), cohort.Question{Criterion: c, Now: now}, id)
		if err != nil || w.Matches != want || len(w.Reasons[0].Evidence) != 1 {
			t.Fatalf("%s: %+v, %v", id, w, err)
		}
		ev := w.Reasons[0].Evidence[0]
		if ev.Kind != "score" || ev.Source != "RiskAssessment/r"+id || !strings.HasPrefix(ev.Text, "deaths version 2") || ev.Day != "2026-11-01T08:00:00Z" || ev.Value == nil {
			t.Errorf("%s: %+v", id, ev)
		}
	}
	if w, err := e.Why(t.Context(), cohort.Question{Criterion: c, Now: now}, "p3"); err != nil || w.Matches || len(w.Reasons[0].Evidence) != 0 {
		t.Errorf("without a score: %+v, %v", w, err)
	}
	if _, err := e.Why(t.Context(), cohort.Question{Criterion: c, Now: now}, "p4"); !errors.Is(err, cohort.ErrNotFound) {
		t.Errorf("who refuses: %v", err)
	}
}

func TestScoresThatCannotBeAskedFor(t *testing.T) {
	e := scored(t)
	for text, want := range map[string]struct {
		at   int
		hint string
	}{
		"age:>20 score:death>0.3":     {8, "did you mean deaths?"},
		"score:deaths>30":             {0, "0 to 1"},
		"score:deaths<0":              {0, "0 to 1"},
		"score:deaths>0.3%":           {12, "0 to 1"},
		"score:deaths>":               {13, "number"},
		"score:>0.3":                  {6, "score:WORD"},
		"score:deaths:0.5..0.2":       {0, "turn the ends round"},
		"condition:x then score:d>.1": {17, "events are"},
	} {
		c, err := cohort.Parse(text)
		if err == nil {
			_, err = e.Match(t.Context(), cohort.Question{Criterion: c, Now: now})
		}
		var bad *cohort.Error
		if !errors.As(err, &bad) || bad.Offset != want.at || !strings.Contains(bad.Hint, want.hint) {
			t.Errorf("%s: %+v", text, err)
		}
	}
	c, _ := cohort.Parse("score:deaths>0.3")
	index, label := cohort.Event{Kind: "encounter"}, cohort.Criterion{Life: "dead"}
	_, _, err := cohort.Draw(t.Context(), e, cohort.Sampling{Cohort: c, Index: &index, Label: &label, Horizon: "1y"}, now, func(record.Past) int { return 0 })
	if !errors.Is(err, cohort.ErrInvalid) {
		t.Errorf("a score as of a moment: %v", err)
	}
}
