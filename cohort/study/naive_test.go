package study

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"testing"
	"time"

	"ember/cohort"
	"ember/index"
	"ember/record"
)

// plain looks at each patient's timeline in the plainest way there is. Days are numbers.
type plain struct{ record.Timeline }

const none = math.MinInt32

func dayOf(t time.Time) int {
	if t.IsZero() {
		return none
	}
	return int(math.Floor(float64(t.Unix()) / 86400))
}

// days are those of a condition, in order, each once.
func (p plain) days(code string) (out []int) {
	for _, e := range p.Events {
		if e.Kind == record.Condition && e.Concept.Value == code {
			at := e.Start
			if at.IsZero() {
				at = e.Known
			}
			out = append(out, dayOf(at))
		}
	}
	sort.Ints(out)
	return slices.Compact(out)
}

// contacts are the first and the last day on record.
func (p plain) contacts() (first, last int) {
	first, last = math.MaxInt32, none
	for _, e := range p.Events {
		first, last = min(first, dayOf(e.Known)), max(last, dayOf(e.Known), dayOf(e.Start))
	}
	for _, e := range p.Encounters {
		first, last = min(first, dayOf(e.Start)), max(last, dayOf(e.Start), dayOf(e.End))
	}
	return first, last
}

// follow is what becomes of a patient in a study from A00 to B00.
func (p plain) follow(after, lookback int, death Death, keep bool) (days int, event, in bool) {
	today := dayOf(now)
	start := none
	for _, d := range p.days("A00") {
		if d >= after && start == none {
			start = d
		}
	}
	first, last := p.contacts()
	dead := p.Person.Dead && !p.Person.Died.IsZero()
	died := dayOf(p.Person.Died)
	if start == none || start > today || dead && died < start || lookback > 0 && first > start-lookback {
		return 0, false, false
	}
	end, event := max(min(last, today), start), false
	if dead {
		end, event = died, death == IsOutcome
	}
	for _, d := range p.days("B00") {
		if d <= start {
			if !keep {
				return 0, false, false
			}
			continue
		}
		if d <= today && (!dead || d <= died) {
			return d - start, true, true
		}
		break
	}
	return end - start, event, true
}

// TestFollowUp compares who is followed, how long and until what.
func TestFollowUp(t *testing.T) {
	docs := people(11, 3000)
	d := newDesk(t, docs)
	for _, c := range []struct {
		after, lookback string
		death           Death
		keep            bool
	}{{"", "", Censors, false}, {"", "", IsOutcome, true}, {"2022-03-01", "90d", Censors, true}, {"2021-01-01", "", IsOutcome, false}, {"", "1y", Censors, false}, {"", "", Competes, true}} {
		q := SurvivalQuestion{Design: Design{Groups: []Group{{Who: d.parse("condition.code:A00")}}, Index: d.maybe("condition.code:A00"), After: c.after, Lookback: c.lookback, Now: now},
			Outcome: d.maybe("condition.code:B00"), Death: c.death, Keep: c.keep}
		arms, err := d.s.arms(context.Background(), "x", q.Design, true, inNone)
		if err != nil {
			t.Fatal(err)
		}
		follows, _, _, err := d.s.follow(context.Background(), arms[0], &q)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for i, ord := range arms[0].ords {
			got[arms[0].group.View.Patient(ord).ID] = fmt.Sprint(follows[i].Days, follows[i].Event)
		}
		after, lookback := none, 0
		if c.after != "" {
			at, _ := time.Parse(time.DateOnly, c.after)
			after = dayOf(at)
		}
		if c.lookback != "" {
			n, _ := cohort.Span(c.lookback, "")
			lookback = int(n)
		}
		want := map[string]string{}
		for _, doc := range docs {
			if days, event, in := (plain{doc.Timeline}).follow(after, lookback, c.death, c.keep); in {
				want[doc.Timeline.Person.ID] = fmt.Sprint(days, event)
			}
		}
		if len(want) < 200 || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: %d followed, want %d", c, len(got), len(want))
			for id, w := range want {
				if got[id] != w {
					t.Fatalf("%s: %s, want %s", id, got[id], w)
				}
			}
		}
	}
}

// group is a design's one group.
func (d *desk) group(design Design) *arm {
	d.Helper()
	arms, err := d.s.arms(context.Background(), "x", design, false, inAll)
	if err != nil {
		d.Fatal(err)
	}
	return arms[0]
}

// TestProfile compares ages, sexes and concepts, now and by an index day.
func TestProfile(t *testing.T) {
	docs := people(12, 2000)
	d := newDesk(t, docs)
	for _, indexed := range []string{"", "condition.code:B00"} {
		for _, baseline := range []string{"", "200d"} {
			design := Design{Groups: []Group{{Who: d.parse("condition.code:A00")}}, Index: d.maybe(indexed), Baseline: baseline, Now: now}
			a := d.group(design)
			got, err := d.s.profile(context.Background(), "x"+indexed+baseline, a, design)
			if err != nil {
				t.Fatal(err)
			}
			n, ages, concepts, sexesOf := 0, []float64{}, map[string]int{}, make([]int, 4)
			for _, doc := range docs {
				p := plain{doc.Timeline}
				if len(p.days("A00")) == 0 {
					continue
				}
				at := dayOf(now)
				died := dayOf(p.Person.Died)
				if dead := p.Person.Dead && died != none; dead && indexed == "" {
					at = died
				}
				if indexed != "" {
					b := p.days("B00")
					if len(b) == 0 || b[0] > at || p.Person.Dead && died != none && died < b[0] {
						continue
					}
					at = b[0]
				}
				n++
				if age, ok := p.Person.Born.AgeAt(time.Unix(int64(at)*86400, 0).UTC()); ok {
					ages = append(ages, float64(age))
				}
				sexesOf[slices.Index(sexes, p.Person.Sex)]++
				for _, code := range []string{"A00", "B00", "C00"} {
					if slices.ContainsFunc(p.days(code), func(day int) bool {
						return indexed == "" || day <= at && (baseline == "" || day >= at-200)
					}) {
						concepts[code]++
					}
				}
			}
			mean, deviation := moments(ages)
			if got.N != n || got.Ages.N != len(ages) || !slices.Equal(got.Sexes, sexesOf) {
				t.Errorf("%q: %d %d %v, want %d %d %v", indexed, got.N, got.Ages.N, got.Sexes, n, len(ages), sexesOf)
			}
			close(t, "age", got.Ages.Mean, mean, 1e-9)
			close(t, "age", got.Ages.Deviation, deviation, 1e-9)
			for _, c := range got.Concepts {
				if c.Kind == record.Condition && c.N != concepts[c.Value] {
					t.Errorf("%q %q %s: %d, want %d", indexed, baseline, c.Value, c.N, concepts[c.Value])
				}
			}
		}
	}
}

// TestMeasure compares the latest values, in one unit, and what becomes of the units.
func TestMeasure(t *testing.T) {
	docs := people(13, 2500)
	d := newDesk(t, docs)
	for _, indexed := range []string{"", "condition.code:B00"} {
		design := Design{Groups: []Group{{Who: d.parse("condition.code:A00")}}, Index: d.maybe(indexed), Now: now}
		a := d.group(design)
		got, _, err := d.s.measure(context.Background(), "x"+indexed, a, d.parse("lab.code:4548-4"), design)
		if err != nil {
			t.Fatal(err)
		}
		byID := map[string]record.Timeline{}
		for _, doc := range docs {
			byID[doc.Timeline.Person.ID] = doc.Timeline
		}
		var values []float64
		unusable, units := 0, map[string]int{}
		for _, ord := range a.ords {
			p := byID[a.group.View.Patient(ord).ID]
			last, v, raw, any, seen := none, 0., float32(0), false, map[string]bool{}
			for _, e := range p.Events {
				day := dayOf(e.Known)
				if e.Kind != record.Test || indexed != "" && day > int(a.index[ord]) {
					continue
				}
				any = true
				seen[e.Unit] = true
				value := e.Value
				switch e.Unit {
				case "mmol/mol":
					value = .09148*value + 2.152
				case "furlong":
					continue
				}
				if day > last || day == last && float32(e.Value) >= raw {
					last, v, raw = day, value, float32(e.Value)
				}
			}
			for u := range seen {
				units[u]++
			}
			if last != none {
				values = append(values, v)
			} else if any {
				unusable++
			}
		}
		mean, deviation := moments(values)
		if got.Unit != "%" || got.Spread.N != len(values) || got.Unusable != unusable || len(values) < 100 || unusable < least {
			t.Errorf("%q: %+v, want %d and %d", indexed, got.Spread, len(values), unusable)
		}
		close(t, "mean", got.Spread.Mean, mean, 1e-5)
		close(t, "deviation", got.Spread.Deviation, deviation, 1e-5)
		state := map[string]cohort.UnitState{"%": cohort.Stored, "": cohort.Stored, "mmol/mol": cohort.Converted, "furlong": cohort.Unusable}
		for _, u := range got.Units {
			if u.N != units[u.Unit] || u.State != state[u.Unit] {
				t.Errorf("%q: %+v, want %d", u.Unit, u, units[u.Unit])
			}
		}
		sum := 0
		for _, n := range got.Bins {
			sum += n
		}
		if sum != len(values) || len(got.Units) != 4 {
			t.Errorf("%d in bins, %d units", sum, len(got.Units))
		}
	}
}

// TestMonths compares numbers by month, quarter and year.
func TestMonths(t *testing.T) {
	docs := people(14, 1500)
	d := newDesk(t, docs)
	a := d.group(Design{Groups: []Group{{Who: d.parse("condition.code:A00")}}, Now: now})
	months := make([][]int32, a.group.View.Ordinals())
	if _, _, err := d.s.engine.Moments(context.Background(), a.group.View, cohort.Question{Criterion: d.parse("condition.code:A00 or condition.code:B00"), Now: now}, a.set, func(ord uint32, days []int32) {
		for _, day := range days {
			if m := monthOf(day); len(months[ord]) == 0 || months[ord][len(months[ord])-1] != m {
				months[ord] = append(months[ord], m)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	got := monthly(a.ords, months)
	fresh, any := map[string]int{}, map[string]int{}
	for _, doc := range docs {
		p := plain{doc.Timeline}
		if len(p.days("A00")) == 0 {
			continue
		}
		days := slices.Sorted(slices.Values(append(p.days("A00"), p.days("B00")...)))
		seen := map[string]bool{}
		for i, day := range days {
			at := time.Unix(int64(day)*86400, 0).UTC()
			if i == 0 {
				fresh[at.Format("2006-01")]++
			}
			seen[at.Format("2006-01")] = true
			seen[fmt.Sprintf("%d-Q%d", at.Year(), (int(at.Month())+2)/3)] = true
			seen[at.Format("2006")] = true
		}
		for k := range seen {
			any[k]++
		}
	}
	for m, n := range got.New {
		if fresh[label(m, 1)] != n {
			t.Errorf("%s: %d, want %d", label(m, 1), n, fresh[label(m, 1)])
		}
	}
	count := 0
	for name, list := range got.Any {
		for k, n := range list {
			count++
			if any[label(k, perPeriod[name])] != n {
				t.Errorf("%s: %d, want %d", label(k, perPeriod[name]), n, any[label(k, perPeriod[name])])
			}
		}
	}
	if count != len(any) {
		t.Errorf("%d periods, want %d", count, len(any))
	}
}

// TestAround compares the windows around an index event.
func TestAround(t *testing.T) {
	docs := people(15, 2500)
	d := newDesk(t, docs)
	design := Design{Groups: []Group{{Who: d.parse("condition.code:A00")}}, Index: d.maybe("condition.code:A00"), Now: now}
	a := d.group(design)
	got, err := a.around(context.Background(), design)
	if err != nil {
		t.Fatal(err)
	}
	var observed, with [len(windows)]int
	for _, doc := range docs {
		p := plain{doc.Timeline}
		start, today := p.days("A00"), dayOf(now)
		dead, died := p.Person.Dead && !p.Person.Died.IsZero(), dayOf(p.Person.Died)
		if len(start) == 0 || start[0] > today || dead && died < start[0] {
			continue
		}
		first, last := p.contacts()
		last = min(last, today)
		if dead {
			last = died
		}
		for i, w := range windows {
			if first > start[0]+int(w[0]) || last < start[0]+int(w[1]) {
				continue
			}
			observed[i]++
			if slices.ContainsFunc(p.days("B00"), func(day int) bool { return day >= start[0]+int(w[0]) && day <= start[0]+int(w[1]) }) {
				with[i]++
			}
		}
	}
	if got.Observed != observed {
		t.Errorf("observed %v, want %v", got.Observed, observed)
	}
	for _, c := range got.Concepts {
		if c.Value == "B00" && c.N != with {
			t.Errorf("%v, want %v", c.N, with)
		}
	}
	if slices.Max(with[:]) < 50 {
		t.Errorf("too few to tell: %v", with)
	}
}

// TestSequenceBegins: time begins with the last step of a sequence.
func TestSequenceBegins(t *testing.T) {
	doc := func(id string, events ...record.Event) index.Document {
		return index.Document{Timeline: record.Timeline{Person: record.Person{ID: id}, Events: events}}
	}
	d := newDesk(t, []index.Document{
		doc("a", condition("A00", 100), condition("B00", 90), condition("B00", 80)),
		doc("b", condition("A00", 100), condition("B00", 40), condition("A00", 35), condition("B00", 30)),
		doc("c", condition("B00", 100), condition("A00", 50)),
		doc("e", condition("C00", 70), condition("C00", 60), condition("C00", 58)),
	})
	v := d.x.View()
	for text, want := range map[string]map[string]int{
		"condition.code:A00 then condition.code:B00 within 30d": {"a": 90, "b": 30},
		"condition.code:A00 then condition.code:B00":            {"a": 90, "b": 40},
		"condition.code:C00 x2 within 5d":                       {"e": 58},
		"condition.code:C00 x2":                                 {"e": 60},
		"condition.code:A00 or condition.code:C00":              {"a": 100, "b": 100, "c": 50, "e": 70},
		"condition.code:B00 since 2024-04-15":                   {"b": 40},
	} {
		first, _, _, err := d.s.engine.First(context.Background(), v, cohort.Question{Criterion: d.parse(text), Now: now}, v.Everybody(), func(uint32) int32 { return math.MinInt32 + 1 })
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for ord, day := range first {
			if day != index.NoDay {
				got[v.Patient(uint32(ord)).ID] = int(index.Day(now) - day)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
