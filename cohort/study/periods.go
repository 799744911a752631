package study

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ember/cohort"
	"ember/index"
)

// PeriodsQuestion asks in which months, quarters or years the patients of a cohort had
// something.
type PeriodsQuestion struct {
	Who   cohort.Criterion
	Event cohort.Criterion
	By    string // month, quarter or year
	Now   time.Time
	Named bool // as of a design
}

// Periods is the answer.
type Periods struct {
	Told
	Event   []cohort.Meaning
	Periods []Period
}

// Period is one month, quarter or year.
type Period struct {
	Label    string // "2024-05", "2024-Q2", "2024"
	New      cohort.Count
	Patients cohort.Count // who had it then, for the first time or again
}

// perPeriod is how many months a period has, by its name.
var perPeriod = map[string]int{"month": 1, "quarter": 3, "year": 12}

// byMonth is what the guard keeps: numbers by the months since 1800.
type byMonth struct {
	New map[int]int            // by month
	Any map[string]map[int]int // by name of the period, by its number
}

// maxPeriods bounds the periods of an answer; the latest are given.
const maxPeriods = 600

// Periods answers a principal.
func (s *Service) Periods(ctx context.Context, principal string, q PeriodsQuestion) (Periods, error) {
	if perPeriod[q.By] == 0 {
		return Periods{}, cohort.Bad("by", "write month, quarter or year", "this is no period")
	}
	arms, err := s.arms(ctx, principal, Design{Groups: []Group{{Who: q.Who}}, Now: q.Now, Named: q.Named}, false, inAll)
	if err != nil {
		return Periods{}, within("who", err)
	}
	a := arms[0]
	if err := s.settle(principal, q.Now, a); err != nil {
		return Periods{}, err
	}
	out := Periods{Told: a.told}
	months := make([][]int32, a.group.View.Ordinals())
	today := index.Day(q.Now)
	out.Event, _, err = s.engine.Moments(ctx, a.group.View, cohort.Question{Criterion: q.Event, Now: q.Now}, a.set, func(ord uint32, days []int32) {
		for _, day := range days {
			if m := monthOf(day); day <= today && (len(months[ord]) == 0 || months[ord][len(months[ord])-1] != m) {
				months[ord] = append(months[ord], m)
			}
		}
	})
	if err != nil {
		return Periods{}, at("event", err)
	}
	sample := &cohort.Sheet{}
	for _, ord := range a.ords {
		if len(months[ord]) > 0 {
			row := make([]uint64, len(months[ord]))
			for i, m := range months[ord] {
				row[i] = uint64(m)
			}
			sample.Add(ord, row...)
		}
	}
	var whole byMonth
	if err := s.cohorts.Once(principal, q.Now, "periods", sample, &whole, func(cohort.Cells) (any, error) { return monthly(a.ords, months), nil }); err != nil {
		return Periods{}, err
	}
	out.tell(whole, q.By, a)
	return out, nil
}

// monthOf is the number of a month since 1800.
func monthOf(day int32) int32 {
	t := cohort.TimeOf(day)
	return int32((t.Year()-1800)*12 + int(t.Month()) - 1)
}

func monthly(ords []uint32, months [][]int32) byMonth {
	w := byMonth{New: map[int]int{}, Any: map[string]map[int]int{}}
	for name, length := range perPeriod {
		any := map[int]int{}
		for _, ord := range ords {
			last := -1
			for _, m := range months[ord] {
				if p := int(m) / length; p != last {
					any[p]++
					last = p
				}
			}
		}
		w.Any[name] = any
	}
	for _, ord := range ords {
		if len(months[ord]) > 0 {
			w.New[int(months[ord][0])]++
		}
	}
	return w
}

// tell gives the periods from the first to the last that has anybody to show.
func (p *Periods) tell(w byMonth, by string, a *arm) {
	length := perPeriod[by]
	any := w.Any[by]
	first, last := -1, -1
	for k, n := range any {
		if n >= least {
			if first < 0 || k < first {
				first = k
			}
			last = max(last, k)
		}
	}
	if first < 0 {
		return
	}
	first = max(first, last-maxPeriods+1)
	fresh := a.nested(w.New)[length]
	for k := first; k <= last; k++ {
		c, ok := fresh[k]
		if !ok {
			c.Suppressed = true
		}
		label := label(k, length)
		p.Periods = append(p.Periods, Period{label, c, a.counted("period\x00"+label, any[k])})
	}
}

func label(k, length int) string {
	year, in := 1800+k*length/12, k*length%12
	switch length {
	case 1:
		return fmt.Sprintf("%d-%02d", year, in+1)
	case 3:
		return fmt.Sprintf("%d-Q%d", year, in/3+1)
	}
	return fmt.Sprint(year)
}

// nested tells the numbers of months, quarters and years such that none of them follows
// from the others: what is hidden within a quarter or a year is nobody or 11 and more.
func (a *arm) nested(months map[int]int) map[int]map[int]cohort.Count {
	out := map[int]map[int]cohort.Count{}
	sums := map[int]map[int]int{1: months, 3: {}, 12: {}}
	for m, n := range months {
		sums[3][m/3] += n
		sums[12][m/12] += n
	}
	for _, level := range []struct{ length, within int }{{1, 3}, {3, 12}, {12, 1 << 20}} {
		told := map[int]cohort.Count{}
		groups := map[int][]int{}
		for k := range sums[level.length] {
			up := k * level.length / level.within
			groups[up] = append(groups[up], k)
		}
		for up, keys := range groups {
			slices.Sort(keys)
			parts := make([]int, len(keys))
			for i, k := range keys {
				parts[i] = sums[level.length][k]
			}
			for i, c := range a.group.Cells.Parts(fmt.Sprint("new\x00", level.length, "\x00", up), parts) {
				told[keys[i]] = c
			}
		}
		out[level.length] = told
	}
	return out
}
