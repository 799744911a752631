package study

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"ember/cohort"
	"ember/index"
	"ember/record"
)

const attacker = "researcher"

// hospitalOf has 400 people; n of them have A00 and half of those B00 later, and a value.
// p0 is the only one who was born in 1901; she has A00, and B00 if that is her secret.
func hospitalOf(n int, secret bool) []index.Document {
	var docs []index.Document
	for i := range 400 {
		p := record.Person{ID: fmt.Sprint("p", i), Sex: record.Sex(1 + i%2), Born: record.Date{Year: int16(1950 + i%40), Month: 2, Day: 3}}
		events := []record.Event{condition("I10", 900)}
		if i >= 1 && i <= n || i == 0 {
			events = append(events, condition("A00", 800-i%7), value(6+float64(i%30)/10, "%", 805))
		}
		if i >= 1 && i <= n && i%2 == 0 {
			events = append(events, condition("B00", 700-7*(i%60)))
		}
		if i == 0 {
			p.Born.Year = 1901
			p.Sex = record.Female
			if secret {
				events = append(events, condition("B00", 500), value(13.9, "%", 801))
			}
		}
		events = append(events, condition("Z00", i%90)) // their last contact
		docs = append(docs, index.Document{Timeline: record.Timeline{Person: p, Events: events}})
	}
	return docs
}

// asks are all studies of some people, from an index event, to an outcome.
func (d *desk) asks(who, begin, outcome, test string) map[string]func() (any, error) {
	ctx := context.Background()
	design := Design{Groups: []Group{{Who: d.parse(who)}, {Who: d.parse("condition.code:I10 -condition.code:A00")}}, Index: d.maybe(begin), Now: now}
	design.Groups[1].Index = d.maybe("condition.code:I10")
	alone := design
	alone.Groups = alone.Groups[:1]
	return map[string]func() (any, error){
		"survival": func() (any, error) {
			return d.s.Survival(ctx, attacker, SurvivalQuestion{Design: alone, Outcome: d.maybe(outcome)})
		},
		"incidence": func() (any, error) {
			return d.s.Survival(ctx, attacker, SurvivalQuestion{Design: alone, Outcome: d.maybe(outcome), Death: Competes})
		},
		"log-rank": func() (any, error) {
			return d.s.Survival(ctx, attacker, SurvivalQuestion{Design: design, Outcome: d.maybe(outcome)})
		},
		"table": func() (any, error) {
			return d.s.Table(ctx, attacker, TableQuestion{Design: design, Rows: []cohort.Criterion{d.parse(outcome)}, Tests: []cohort.Criterion{d.parse(test)}, Top: 10})
		},
		"table, now": func() (any, error) {
			now := design
			now.Index, now.Groups = nil, []Group{{Who: d.parse(who)}}
			return d.s.Table(ctx, attacker, TableQuestion{Design: now, Rows: []cohort.Criterion{d.parse(outcome)}, Top: 10})
		},
		"values": func() (any, error) {
			return d.s.Values(ctx, attacker, ValuesQuestion{Design: alone, Tests: []cohort.Criterion{d.parse(test)}})
		},
		"periods": func() (any, error) {
			return d.s.Periods(ctx, attacker, PeriodsQuestion{Who: d.parse(who), Event: d.parse(outcome), By: "quarter", Now: now})
		},
		"aligned": func() (any, error) {
			return d.s.Aligned(ctx, attacker, AlignedQuestion{Who: d.parse(who), Index: d.parse(begin), Now: now})
		},
		"match": func() (any, error) {
			m, err := d.s.Match(ctx, attacker, MatchQuestion{Design: design, Save: "controls", Covariates: []cohort.Criterion{d.parse("condition.code:Z00 last 1m"), d.parse(outcome)}})
			m.Saved = cohort.Saved{Count: m.Saved.Count}
			return m, err
		},
	}
}

// words is an answer without what repeats the question.
func (d *desk) words(ask func() (any, error)) string {
	d.Helper()
	a, err := ask()
	if err != nil {
		return "error: " + err.Error()
	}
	b, err := json.Marshal(a)
	if err != nil {
		d.Fatal(err)
	}
	text := string(b)
	for _, with := range []string{` -age:\u003e100`, ` at age:\u003c100`} {
		text = strings.ReplaceAll(text, with, "")
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		d.Fatal(err)
	}
	quiet(v)
	b, err = json.Marshal(v)
	if err != nil {
		d.Fatal(err)
	}
	return string(b)
}

// quiet takes away what the words of a question were taken for, and its position in the
// log.
func quiet(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range []string{"Meant", "Warnings", "Position", "Index", "Outcome", "Event"} {
			delete(v, name)
		}
		for _, one := range v {
			quiet(one)
		}
	case []any:
		for _, one := range v {
			quiet(one)
		}
	}
}

// TestAttackByOneDescribedPerson asks each study twice: with and without a person who is
// known to be the only one born before 1902, left out by each part of the question. Both
// answers are the same, whatever her secret is and however large the cohort.
func TestAttackByOneDescribedPerson(t *testing.T) {
	a, b, c := "condition.code:A00", "condition.code:B00", "lab.code:4548-4"
	without := map[string][4]string{
		"who": {a + " -age:>100", a, b, c}, "index": {a, a + " at age<100", b, c},
		"outcome": {a, a, b + " at age<100", c}, "test": {a, a, b, c + " at age<100"},
	}
	for _, n := range []int{5, 9, 10, 11, 12, 20, 21, 22, 23, 24, 25, 40, 63} {
		for part, w := range without {
			for _, first := range []bool{true, false} {
				for _, secret := range []bool{true, false} {
					d := newDesk(t, hospitalOf(n, secret))
					with, left := d.asks(a, a, b, c), d.asks(w[0], w[1], w[2], w[3])
					for name := range with {
						x, y := with[name], left[name]
						if !first {
							x, y = y, x
						}
						if one, two := d.words(x), d.words(y); one != two {
							i := 0
							for i < min(len(one), len(two)) && one[i] == two[i] {
								i++
							}
							t.Fatalf("%d with it, secret %v, %s: without her by %s the answer is\n…%.300s\n, was\n…%.300s", n, secret, name, part, two[max(0, i-200):], one[max(0, i-200):])
						}
					}
				}
			}
		}
	}
}

// TestAttackByOneInsert asks before and after a patient is written, and another changed.
func TestAttackByOneInsert(t *testing.T) {
	for _, n := range []int{11, 12, 22, 24, 40} {
		d := newDesk(t, hospitalOf(n, false))
		asks := d.asks("condition.code:A00", "condition.code:A00", "condition.code:B00", "lab.code:4548-4")
		before := map[string]string{}
		for name, ask := range asks {
			before[name] = d.words(ask)
		}
		d.apply(hospitalOf(n, true)[0], index.Document{Timeline: record.Timeline{Person: record.Person{ID: "new", Sex: record.Male, Born: record.Date{Year: 1960}},
			Events: []record.Event{condition("I10", 900), condition("A00", 700), condition("B00", 300), value(9, "%", 700)}}})
		for name, ask := range asks {
			if after := d.words(ask); after != before[name] {
				t.Errorf("%d: %s after one insert is\n%s\n, was\n%s", n, name, after, before[name])
			}
		}
	}
}

// numbers are all counts of an answer, with their place.
func numbers(v any, at string, into map[string]cohort.Count) {
	switch v := v.(type) {
	case map[string]any:
		if n, ok := v["Number"].(float64); ok {
			into[at] = cohort.Count{Number: int(n), Suppressed: v["Suppressed"] == true}
			return
		}
		for name, one := range v {
			numbers(one, at+"."+name, into)
		}
	case []any:
		for i, one := range v {
			numbers(one, fmt.Sprint(at, "[", i, "]"), into)
		}
	}
}

// TestNoSmallNumber asks all studies of random hospitals: each number that is told is a
// multiple of 5 from 10 on, which stands for 11 to 12 at least.
func TestNoSmallNumber(t *testing.T) {
	for seed := range uint64(6) {
		d := newDesk(t, people(seed, 150+int(seed)*60))
		seen := 0
		for name, ask := range d.asks("condition.code:A00", "condition.code:A00", "condition.code:B00", "lab.code:4548-4") {
			var v any
			text := d.words(ask)
			if strings.HasPrefix(text, "error") {
				continue
			}
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				t.Fatal(err)
			}
			all := map[string]cohort.Count{}
			numbers(v, name, all)
			for at, n := range all {
				seen++
				if n.Suppressed && n.Number != 0 || !n.Suppressed && (n.Number < 10 || n.Number%5 != 0) {
					t.Errorf("%s: %+v", at, n)
				}
			}
		}
		if seen < 100 {
			t.Errorf("%d numbers seen", seen)
		}
	}
}

// TestCurvesAreCut: between two points lie 11 events, and 11 are at risk at each.
func TestCurvesAreCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 8))
	for range 300 {
		follows := make([]Follow, least+rng.IntN(120))
		for i := range follows {
			follows[i] = Follow{Days: rng.Int32N(400), Event: rng.IntN(3) > 0}
		}
		steps := KaplanMeier(follows)
		var c Curve
		c.tell(steps, cohort.Cells{})
		at := func(day int32) (risk, events int) {
			for _, f := range follows {
				if f.Days >= day {
					risk++
				}
				if f.Event && f.Days <= day {
					events++
				}
			}
			return risk, events
		}
		_, before := at(-1)
		for _, p := range c.Points[1:] {
			risk, events := at(p.Day)
			if risk < least || events-before < least {
				t.Fatalf("day %d: %d at risk, %d events since the last point", p.Day, risk, events-before)
			}
			before = events
		}
		for _, day := range []*int32{c.Median, c.MedianLow, c.MedianHigh} {
			if day != nil && *day > c.Until+7 {
				t.Errorf("day %d is told, until %d", *day, c.Until)
			}
		}
		for _, r := range c.AtRisk[1:] {
			if risk, _ := at(r.Day); risk < least != r.Count.Suppressed {
				t.Errorf("day %d: %d at risk, %+v", r.Day, risk, r.Count)
			}
			if last := c.Points[len(c.Points)-1]; (r.Curve == nil) != (r.Day > last.Day) {
				t.Errorf("day %d of %d: %v", r.Day, last.Day, r.Curve)
			}
		}
	}
}

// TestAttackByPeriods takes months from quarters and years, and these from the whole.
func TestAttackByPeriods(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	a := &arm{}
	for range 500 {
		months := map[int]int{}
		for range rng.IntN(30) {
			months[24000/12*12+rng.IntN(30)] = rng.IntN(40)
		}
		told := a.nested(months)
		for _, level := range [][2]int{{1, 3}, {3, 12}} {
			hidden, shown := map[int]int{}, map[int]bool{}
			for m, n := range months {
				k := m / level[0]
				if told[level[0]][k].Suppressed {
					hidden[m/level[1]] += n
				} else {
					shown[m/level[1]] = true
				}
			}
			for k, n := range hidden {
				if n > 0 && n < least && !told[level[1]][k].Suppressed {
					t.Fatalf("%d of period %d of %d months follow from the others: %v", n, k, level[1], months)
				}
			}
		}
		for length, list := range told {
			for k, c := range list {
				n := 0
				for m, one := range months {
					if m/length == k {
						n += one
					}
				}
				if !c.Suppressed && n < least {
					t.Fatalf("%d are told as %d", n, c.Number)
				}
			}
		}
	}
}

// TestAttackByFacets compares the table with the facets of the same cohort: where both tell a
// number, it is the same, so that neither adds to the other.
func TestAttackByFacets(t *testing.T) {
	for seed := range uint64(5) {
		d := newDesk(t, people(seed, 300))
		q := cohort.Question{Criterion: d.parse("condition.code:A00"), Now: now}
		f, err := d.cohorts.Facets(context.Background(), attacker, q)
		if err != nil {
			t.Fatal(err)
		}
		table, err := d.s.Table(context.Background(), attacker, TableQuestion{Design: Design{Groups: []Group{{Who: q.Criterion}}, Now: now}, Rows: []cohort.Criterion{d.parse("condition.code:B00")}, Top: 20})
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]cohort.Count{}
		for _, r := range table.Rows {
			told[r.Section+"|"+r.Label] = r.Cells[0].Count
		}
		seen := 0
		for _, c := range f.Facets.Conditions {
			seen++
			if got := told["condition|"+c.Code.Value]; got != c.Count {
				t.Errorf("%s: %+v in the table, %+v in the facets", c.Label, got, c.Count)
			}
			if c.Code.Value == "B00" && told["asked|condition.code:B00"] != c.Count {
				t.Errorf("asked for: %+v, %+v in the facets", told["asked|condition.code:B00"], c.Count)
			}
		}
		for _, c := range f.Facets.Sexes {
			if got := told["sex|"+c.Label]; got != c.Count {
				t.Errorf("%s: %+v in the table, %+v in the facets", c.Label, got, c.Count)
			}
		}
		if seen < 3 {
			t.Errorf("%d conditions", seen)
		}
	}
}

// TestAttackByAttrition looks for a step that takes few away.
func TestAttackByAttrition(t *testing.T) {
	for n := range 40 {
		d := newDesk(t, hospitalOf(n, true))
		a, err := d.s.Attrition(context.Background(), attacker, cohort.Question{Criterion: d.parse("condition.code:I10 -condition.code:A00 -condition.code:B00 age:<100"), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		whole := a.Steps[0].Count.Number
		for i, s := range a.Steps[1:] {
			before := a.Steps[i].Count
			if s.Count.Suppressed || s.Count.Number != before.Number && before.Number-s.Count.Number < 10 || s.Left.Suppressed != (before.Number-s.Count.Number < least) {
				t.Errorf("%d: %+v after %+v", n, s, before)
			}
		}
		if got := a.Steps[2].Count.Number; n+1 < least && got != whole {
			t.Errorf("%d have A00: %d without them, %d with", n+1, got, whole)
		}
	}
}

// TestAttackByMatching: who is in a cohort of controls is told by nothing but the right to see
// members.
func TestAttackByMatching(t *testing.T) {
	d := newDesk(t, hospitalOf(60, true))
	asks := d.asks("condition.code:A00", "condition.code:A00", "condition.code:B00", "lab.code:4548-4")
	if text := d.words(asks["match"]); strings.HasPrefix(text, "error") {
		t.Fatal(text)
	}
	if n := len(d.kept.members["controls"]); n < 40 {
		t.Fatalf("%d controls", n)
	}
	one := strings.TrimPrefix(d.kept.members["controls"][0], "p")
	count := func(text string) cohort.Count {
		a, err := d.cohorts.Count(context.Background(), attacker, cohort.Question{Criterion: d.parse(text), Now: now})
		if err != nil {
			t.Fatal(one, err)
		}
		return a.Count
	}
	if all, but := count("cohort:controls"), count("cohort:controls -age:>100"); all != but {
		t.Errorf("%+v, %+v", all, but)
	}
	if got := count("cohort:controls age:>100"); !got.Suppressed {
		t.Errorf("%+v", got)
	}
}

// TestAttackByWhoIsLeftOut takes those who are studied, and those who are left out, from the
// whole.
func TestAttackByWhoIsLeftOut(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	for range 2000 {
		parts := make([]int, 5)
		whole, shown := 0, 0
		for i := range parts {
			parts[i] = rng.IntN([]int{3, 12, 40}[rng.IntN(3)])
			whole += parts[i]
		}
		var a arm
		a.divide(parts)
		hidden := 0
		for i, c := range []cohort.Count{a.told.In, a.told.NoIndex, a.told.Early, a.told.Several, a.told.Prior} {
			switch {
			case c.Suppressed:
				hidden += parts[i]
			case i > 0 && parts[i] < least:
				t.Fatalf("%v: %+v", parts, c)
			default:
				shown += c.Number
			}
		}
		// What is left of the whole is nobody but for rounding, or 11 and more.
		if left := whole - shown; left > 5*3 && hidden < least {
			t.Fatalf("%v: %d are left, %d hidden", parts, left, hidden)
		}
		if n := a.told.In.Number; !a.told.In.Suppressed && n < 10 {
			t.Fatalf("%v: %d", parts, n)
		}
	}
}
