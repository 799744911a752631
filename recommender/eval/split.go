package eval

import (
	"iter"
	"slices"
	"time"

	"ember/learn"
	"ember/recommender"
	"ember/record"
)

// round is what is fitted to and what is judged then. Decisions that do not count
// are passed over.
type round struct {
	fold   int
	train  iter.Seq[record.Timeline]
	judged iter.Seq[record.Timeline]
	counts func(recommender.Sample) bool
}

// parts are the rounds of a run, and the decisions that no round judges.
type parts struct {
	rounds   []round
	patients int
	cut      time.Time // of a split by time
	rest     iter.Seq[record.Timeline]
	resting  func(recommender.Sample) bool
	moments  []time.Duration
}

func every(recommender.Sample) bool { return true }

func split(timelines iter.Seq[record.Timeline], opt Options) parts {
	p := parts{resting: every, moments: opt.Landmarks}
	switch {
	case opt.External != nil:
		p.rounds = []round{{0, timelines, opt.External, every}}
		p.rest = timelines
		for range timelines {
			p.patients++
		}
		for range opt.External {
			p.patients++
		}
	case opt.ByTime:
		p.byTime(timelines)
	default:
		p.byPatient(timelines, opt)
	}
	return p
}

// byPatient deals patients, or those of a site together, to folds; of one fold
// only, those in the test part of the fixed hash are judged.
func (p *parts) byPatient(timelines iter.Seq[record.Timeline], opt Options) {
	var ids, groups []string
	for t := range timelines {
		ids = append(ids, t.Person.ID)
		group := t.Person.ID
		if opt.BySite {
			group = siteOf(&t)
		}
		groups = append(groups, group)
	}
	folds, of := 1, make(map[string]int, len(ids))
	if opt.Folds > 1 {
		folds = opt.Folds
		for i, f := range learn.KFold(groups, folds) {
			of[ids[i]] = f
		}
	} else {
		for i, id := range ids {
			of[id] = -1
			if learn.Fold(groups[i]) == learn.Test {
				of[id] = 0
			}
		}
	}
	p.patients = len(ids)
	for f := range folds {
		p.rounds = append(p.rounds, round{f,
			only(timelines, func(id string) bool { return of[id] != f }),
			only(timelines, func(id string) bool { return of[id] == f }), every})
	}
	p.rest = only(timelines, func(id string) bool { return of[id] < 0 })
}

// trainShare of the decisions come before the cut of a split by time.
const trainShare = .8

// byTime fits to what was known before the cut, as it was known then.
func (p *parts) byTime(timelines iter.Seq[record.Timeline]) {
	var at []time.Time
	for t := range timelines {
		p.patients++
		for s := range recommender.Samples(t, p.moments) {
			at = append(at, s.Past.At())
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	if len(at) > 0 {
		p.cut = at[int(trainShare*float64(len(at)))]
	}
	early := func(yield func(record.Timeline) bool) {
		for t := range timelines {
			if t = until(t, p.cut); len(t.Encounters) > 0 && !yield(t) {
				return
			}
		}
	}
	after := func(s recommender.Sample) bool { return !s.Past.At().Before(p.cut) }
	p.rounds = []round{{0, early, timelines, after}}
	p.rest, p.resting = timelines, func(s recommender.Sample) bool { return !after(s) }
}

// until is a timeline as it was at the cut, without the encounters that were not
// over then: what was ordered in them was not known yet.
func until(t record.Timeline, cut time.Time) record.Timeline {
	past := t.Before(cut)
	t.Person, t.Events, t.Undated = past.Person(), past.Events(), nil
	encounters := t.Encounters
	t.Encounters = nil
	for _, e := range encounters {
		if e.Start.Before(cut) && !e.End.After(cut) {
			t.Encounters = append(t.Encounters, e)
		}
	}
	return t
}

// siteOf is the first site a patient was at.
func siteOf(t *record.Timeline) string {
	for _, e := range t.Encounters {
		if e.Site != "" {
			return e.Site
		}
	}
	return t.Person.ID
}

// only are the timelines of some patients.
func only(timelines iter.Seq[record.Timeline], keep func(id string) bool) iter.Seq[record.Timeline] {
	return func(yield func(record.Timeline) bool) {
		for t := range timelines {
			if keep(t.Person.ID) && !yield(t) {
				return
			}
		}
	}
}
