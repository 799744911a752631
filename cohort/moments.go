package cohort

import (
	"context"
	"slices"
	"time"

	"ember/index"
)

// DayTable holds a day for each ordinal of a view; [index.NoDay] where there is none.
type DayTable []int32

// Moments gives the days on which a criterion comes true for each patient of a set: an
// event, one of several events under any, or the last step of a sequence. Where an event
// has a count, it is the day on which there are enough. Undated events have no moment.
// It calls take once for a patient who has any, days ascending and each once, from
// several goroutines at a time; take must not keep the days.
func (e *Engine) Moments(ctx context.Context, v index.View, q Question, within index.Set, take func(ord uint32, days []int32)) ([]Meaning, []Warning, error) {
	if err := e.Check(q.Criterion); err != nil {
		return nil, nil, err
	}
	p := &plan{e: e, ctx: ctx, v: v, now: q.Now, today: index.Day(q.Now)}
	var err error
	switch c := &q.Criterion; {
	case c.Sequence != nil:
		err = p.sequenceMoments(c, within, take)
	case c.Event != nil:
		err = p.eventMoments([]Criterion{*c}, within, take)
	case c.Any != nil:
		err = p.eventMoments(c.Any, within, take)
	default:
		err = noMoment(c)
	}
	return p.meant, p.warnings, err
}

func noMoment(c *Criterion) *Error {
	return c.at.fail("who is in the cohort belongs into its definition", "only an event, several events joined by or, and a sequence have a day")
}

// First is the first of the days of a criterion, for each patient of a set, that is not
// before from says.
func (e *Engine) First(ctx context.Context, v index.View, q Question, within index.Set, from func(ord uint32) int32) (DayTable, []Meaning, []Warning, error) {
	first := NewDayTable(v)
	meant, warnings, err := e.Moments(ctx, v, q, within, func(ord uint32, days []int32) {
		if at, _ := slices.BinarySearch(days, from(ord)); at < len(days) {
			first[ord] = days[at]
		}
	})
	return first, meant, warnings, err
}

// NewDayTable has no day for anybody.
func NewDayTable(v index.View) DayTable {
	d := make(DayTable, v.Ordinals())
	for i := range d {
		d[i] = index.NoDay
	}
	return d
}

func (p *plan) eventMoments(list []Criterion, within index.Set, take func(uint32, []int32)) error {
	leaves := make([]*leaf, len(list))
	var have []index.Set
	if len(list) > maxLeaves {
		return list[0].at.fail("use a value set", "at most %d events can be joined", maxLeaves)
	}
	for i := range list {
		if list[i].Event == nil {
			return noMoment(&list[i])
		}
		l, err := p.leaf(list[i].Event)
		if err != nil {
			return err
		}
		l.timed, l.plain = true, false
		leaves[i], have = l, append(have, l.have(p, within))
	}
	within = index.Union(have...)
	_, err := p.scan(leaves, 0, within, func() test {
		var days []int32
		var own []hit
		return func(ord uint32, hits []hit) bool {
			if !within.Contains(ord) {
				return false
			}
			days = days[:0]
			for bit, l := range leaves {
				own = own[:0]
				for _, h := range hits {
					if h.leaf&(1<<bit) != 0 && (l.ev.Age == nil || l.ofAge(p.v.Patient(ord), h.day)) {
						own = append(own, h)
					}
				}
				days = l.moments(own, days)
			}
			return handed(ord, days, take)
		}
	})
	return err
}

// moments adds the days on which there are as many events as asked for, within the time.
func (l *leaf) moments(hits []hit, days []int32) []int32 {
	for i := 0; i+l.count <= len(hits); i++ {
		if last := hits[i+l.count-1].day; l.span < 0 || last-hits[i].day <= l.span {
			days = append(days, last)
		}
	}
	return days
}

func handed(ord uint32, days []int32, take func(uint32, []int32)) bool {
	if len(days) == 0 {
		return false
	}
	slices.Sort(days)
	take(ord, slices.Compact(days))
	return true
}

func (p *plan) sequenceMoments(c *Criterion, within index.Set, take func(uint32, []int32)) error {
	n, err := p.sequenceNode(c)
	if err != nil {
		return err
	}
	s := n.(*sequence)
	for _, l := range s.leaves[:s.steps] {
		within = l.have(p, within)
	}
	_, err = p.scan(s.leaves, s.steps, within, func() test {
		var room []int
		var days []int32
		return func(ord uint32, hits []hit) bool {
			hits = s.ofAge(p, ord, hits)
			room, _ = s.reach(hits, room)
			days = days[:0]
			for j, from := range room[(s.steps-1)*len(hits):] {
				if from != 0 {
					days = append(days, hits[j].day)
				}
			}
			return handed(ord, days, take)
		}
	})
	return err
}

// AgeOn is the age of a patient in completed years on a day.
func AgeOn(who index.Patient, day int32) (years int, ok bool) { return who.Born.AgeAt(timeOf(day)) }

// Span is the length of a span of time such as "30d", "6w", "3m" or "1y" in days: months
// are 30.4375 and years 365.25 days, rounded down. The error says what is expected.
func Span(text, path string) (int32, error) {
	n, ok := days(text)
	if !ok {
		return 0, place{-1, path}.fail("write a number and d, w, m or y, as 30d or 1y", "this is no span of time")
	}
	return n, nil
}

// DayOf is a day written as YYYY-MM-DD. The error says what is expected.
func DayOf(text, path string) (int32, error) {
	day, ok := dayOf(text)
	if !ok {
		return 0, place{-1, path}.fail("write it as 2024-05-01", "this is no day")
	}
	return day, nil
}

// Bad is an error about a part of a request, at a path into it.
func Bad(path, hint, detail string) *Error {
	return &Error{Offset: -1, Path: path, Detail: detail, Hint: hint}
}

// TimeOf is midnight of a day, in UTC.
func TimeOf(day int32) time.Time { return timeOf(day) }

// Moving reports whether a criterion has days, as [Engine.Moments] gives them.
func (c *Criterion) Moving() bool {
	if c.Any != nil {
		return !slices.ContainsFunc(c.Any, func(o Criterion) bool { return o.Event == nil })
	}
	return c.Event != nil || c.Sequence != nil
}
