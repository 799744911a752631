// Package study answers what a researcher asks of cohorts after their count: survival,
// table one, matched controls, values of tests, counts by period, attrition, and what
// happens around an event.
//
// Statistics ([KaplanMeier], [LogRank], [Logistic], [Match]) are pure functions. A [Service]
// finds the patients by [cohort.Service], makes a table of them, and tells numbers of it.
// Its invariant: every number it tells passed the guard of cohorts: tables that differ in
// five patients or fewer get one answer, cells of 0 to 10 are not told, others are
// rounded; it reads no clock.
package study

import (
	"context"
	"fmt"
	"math"
	"time"

	"ember/cohort"
	"ember/index"
)

// Service answers studies of cohorts. It is safe for concurrent use.
type Service struct {
	cohorts *cohort.Service
	engine  *cohort.Engine
}

// New is a service on the cohorts of another.
func New(c *cohort.Service) *Service { return &Service{c, c.Engine()} }

// Group is one cohort of a study.
type Group struct {
	Name  string // "" = its place, from 1
	Who   cohort.Criterion
	Index *cohort.Criterion // what its time begins with; nil = the design's
}

// Design says who is studied and from when on.
type Design struct {
	Groups []Group
	// Index is what time begins with: the first day it comes true, not before After.
	// Nil: time begins on After for everybody who is on record then.
	Index *cohort.Criterion
	After string // a day, "2020-01-01"; "" = any
	// Lookback is how long a patient must have been on record before the index day,
	// as "1y"; "" = not at all.
	Lookback string
	// Baseline is how long before the index day something counts as had, as "1y"; "" =
	// ever before. The index day itself is in.
	Baseline string
	Now      time.Time
	Named    bool // whoever asks may name patients, see [cohort.Question]
}

// question is a criterion asked in a design.
func (d *Design) question(c cohort.Criterion) cohort.Question {
	return cohort.Question{Criterion: c, Now: d.Now, Named: d.Named}
}

// overlap says what becomes of who is in several groups.
type overlap uint8

const (
	inAll   overlap = iota // they count in each
	inNone                 // they are left out
	inFirst                // they count in the first
)

// maxGroups bounds the groups of a study.
const maxGroups = 8

// least is the least number of patients that is told.
const least = 11

// Told is what is said of one group.
type Told struct {
	Name   string
	Answer cohort.Answer
	// Index says what the words of the index event were taken for.
	Index []cohort.Meaning
	// In is how many of the cohort are in the study.
	In cohort.Count
	// NoIndex had no index event, Early were not on record long enough before it, or not
	// then, Several are in more than one group and thus in none, Prior had the outcome
	// by the index day.
	NoIndex, Early, Several, Prior cohort.Count
}

// arm is a group with its patients and their index days.
type arm struct {
	told  Told
	group cohort.Group
	ords  []uint32 // who is studied
	index cohort.DayTable
	set   index.Set
	place string // "groups[0]"

	baseline int32 // days, -1 = ever
	// left are who is studied, and who is left out: without an index day, not on record
	// long enough, in several groups, with the outcome before.
	left [5][]uint32
	n    int // who is studied, as the guard keeps it
}

// SideError is an error about one group, or another part of the request.
type SideError struct {
	Part string // "groups[1]", "groups[1].index", "outcome"
	Err  error
}

// Error is the part and the error.
func (e *SideError) Error() string { return "study: " + e.Part + ": " + e.Err.Error() }

// Unwrap is the error.
func (e *SideError) Unwrap() error { return e.Err }

func at(part string, err error) error {
	if err == nil {
		return nil
	}
	return &SideError{part, err}
}

// arms finds the patients of a design. When timed, an index day is needed.
func (s *Service) arms(ctx context.Context, principal string, d Design, timed bool, several overlap) ([]*arm, error) {
	if len(d.Groups) == 0 || len(d.Groups) > maxGroups {
		return nil, cohort.Bad("groups", "", fmt.Sprintf("1 to %d groups are expected here", maxGroups))
	}
	after, lookback, baseline := int32(math.MinInt32), int32(0), int32(-1)
	var err error
	if d.After != "" {
		if after, err = cohort.DayOf(d.After, "after"); err != nil {
			return nil, err
		}
	}
	if d.Lookback != "" {
		if lookback, err = cohort.Span(d.Lookback, "lookback"); err != nil {
			return nil, err
		}
	}
	if d.Baseline != "" {
		if baseline, err = cohort.Span(d.Baseline, "baseline"); err != nil {
			return nil, err
		}
	}
	arms := make([]*arm, len(d.Groups))
	for i, g := range d.Groups {
		a := &arm{place: fmt.Sprintf("groups[%d]", i), baseline: baseline}
		if a.group, err = s.cohorts.Group(ctx, principal, d.question(g.Who)); err != nil {
			return nil, at(a.place, err)
		}
		a.told = Told{Name: g.Name, Answer: a.group.Answer}
		if a.told.Name == "" {
			a.told.Name = fmt.Sprint(i + 1)
		}
		arms[i] = a
	}
	for _, a := range arms {
		a.set = a.group.Set
	}
	separate(arms, several)
	for i, a := range arms {
		if err := s.begin(ctx, a, d, d.Groups[i].Index, after, lookback, timed); err != nil {
			return nil, err
		}
	}
	return arms, nil
}

// separate takes from a group who is in another one too.
func separate(arms []*arm, several overlap) {
	for i, a := range arms {
		for j, b := range arms {
			if several == inNone && i != j || several == inFirst && j < i {
				a.set = a.set.AndNot(b.group.Set)
			}
		}
		a.left[3] = a.group.Set.AndNot(a.set).Slice()
	}
}

// begin finds the index days of a group and keeps who may be studied from then on.
func (s *Service) begin(ctx context.Context, a *arm, d Design, own *cohort.Criterion, after, lookback int32, timed bool) error {
	from := a.set
	event, part := d.Index, "index"
	if own != nil {
		event, part = own, a.place+".index"
	}
	v, today := a.group.View, index.Day(d.Now)
	switch {
	case event != nil:
		first, meant, _, err := s.engine.First(ctx, v, cohort.Question{Criterion: *event, Now: d.Now}, from, func(uint32) int32 { return after })
		if err != nil {
			return at(part, err)
		}
		a.index, a.told.Index = first, meant
	case after > math.MinInt32:
		a.index = cohort.NewDayTable(v)
		for ord := range from.All() {
			a.index[ord] = after
		}
	case timed:
		return cohort.Bad("index", "as index drug:metformin, or a day in after", "say when time begins")
	}
	a.ords = make([]uint32, 0, from.Len())
	for ord := range from.All() {
		if a.index != nil {
			who, day := v.Patient(ord), a.index[ord]
			died, dead := cohort.Died(who, d.Now)
			switch {
			case day == index.NoDay || day > today:
				a.left[1] = append(a.left[1], ord)
				continue
			case int64(who.First) > int64(day)-int64(lookback) && (lookback > 0 || event == nil), who.Last < day && event == nil, dead && died < day, who.First == index.NoDay:
				a.left[2] = append(a.left[2], ord)
				continue
			}
		}
		a.ords = append(a.ords, ord)
	}
	a.set = index.NewSet(a.ords...)
	return ctx.Err()
}

// settle counts who is studied and who is left out, as the guard keeps it, and says so.
func (s *Service) settle(principal string, now time.Time, arms ...*arm) error {
	for _, a := range arms {
		a.left[0] = a.ords
		sample := &cohort.Sheet{}
		for part, ords := range a.left {
			for _, ord := range ords {
				sample.Add(ord, uint64(part))
			}
		}
		var parts []int
		if err := s.cohorts.Once(principal, now, "arm", sample, &parts, func(cohort.Cells) (any, error) {
			for _, ords := range a.left {
				parts = append(parts, len(ords))
			}
			return parts, nil
		}); err != nil {
			return err
		}
		a.n = parts[0]
		a.divide(parts)
	}
	return nil
}

// divide says who is studied and who is left out. Where 1 to 10 left out are not told, they
// count as studied, as with any complement.
func (a *arm) divide(parts []int) {
	told := []*cohort.Count{&a.told.In, &a.told.NoIndex, &a.told.Early, &a.told.Several, &a.told.Prior}
	hidden := 0
	for i, n := range parts[1:] {
		*told[i+1] = a.group.Cells.Of(fmt.Sprint("left out\x00", i), n, math.MaxInt32)
		if n < least {
			hidden += n
		}
	}
	if hidden >= least {
		hidden = 0
	}
	a.told.In = a.group.Cells.Of("studied", parts[0]+hidden, math.MaxInt32)
}

// window are the days on which something counts as had: to the index day, or all where
// time has no beginning.
func (a *arm) window(ord uint32) (first, last int32) {
	if a.index == nil {
		return math.MinInt32, math.MaxInt32
	}
	if a.baseline < 0 {
		return math.MinInt32 + 1, a.index[ord] // not those without a day
	}
	return a.index[ord] - a.baseline, a.index[ord]
}

// counted is a number of the patients who are studied.
func (a *arm) counted(label string, n int) cohort.Count {
	return a.group.Cells.Of(label, n, a.n)
}

// sample is the table of the group's patients and their index days.
func (a *arm) sample() *cohort.Sheet {
	sample := &cohort.Sheet{}
	for _, ord := range a.ords {
		day := int32(0)
		if a.index != nil {
			day = a.index[ord]
		}
		sample.Add(ord, uint64(uint32(day)), uint64(a.baseline+1))
	}
	return sample
}

// id stands for the cohort of a group, in whatever place it is named: for the members that
// the guard holds to be those, so that it is the same for cohorts nearby.
func (a *arm) id() uint64 {
	id, n := uint64(a.group.Set.Len()), 0
	for ord := range a.group.Set.All() {
		if id = id*1_000_003 + uint64(ord); n == 64 {
			break
		}
		n++
	}
	return id
}

// significant rounds to so many significant digits.
func significant(v float64, digits int) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	scale := math.Pow(10, float64(digits-1)-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

// decimals rounds to so many places.
func decimals(v float64, places int) float64 {
	scale := math.Pow(10, float64(places))
	return math.Round(v*scale) / scale
}

// place is a part of a request.
func place(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// within renames the first group of an error's place.
func within(part string, err error) error {
	if side, ok := err.(*SideError); ok && side.Part == "groups[0]" { //nolint:errorlint // it is made here, unwrapped
		return at(part, side.Err)
	}
	return err
}
