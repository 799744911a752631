// Package eval measures recommendation quality on a site's own data by one
// protocol: the decisions of [recommender.Samples], models fitted without the
// patients they are judged on, full ranking, and paired intervals over patients
// against the best single baseline.
//
// [Run] does it all and returns a [Report], which marshals to JSON and writes
// itself as a table.
//
// Its invariant: a choice (of the baseline to beat, of a threshold) is made on
// training patients only; test patients are scored once.
package eval

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"ember/learn"
	"ember/recommender"
	"ember/record"
	"ember/terms"
)

// Options say what to measure. The zero value is one split by patient: 70 % to
// fit on, 20 % to judge on, by the fixed hash of the patient's id.
type Options struct {
	// Folds above 1 judges every patient once, in so many parts; BySite keeps
	// the patients of a hospital together.
	Folds  int
	BySite bool
	// Tasks by name; nil = all that have samples.
	Tasks []string
	Seed  uint64
	// BootstrapReps are the resamples behind each interval; 0 = 10,000.
	BootstrapReps int
	// Landmarks are the moments of stays to judge at; nil = those of the
	// protocol.
	Landmarks []time.Duration
	// Shares of the patients to train on once more, for a learning curve: above
	// 0 and below 1. Each costs as much as the rest in proportion.
	Shares []float64
	// Train are the options of training; the seed above is used.
	Train recommender.TrainOptions
	// Progress may be nil.
	Progress func(stage string, done, total int)
}

func (o Options) withDefaults() Options {
	if o.BootstrapReps <= 0 {
		o.BootstrapReps = 10_000
	}
	if o.Landmarks == nil {
		o.Landmarks = recommender.EvaluationLandmarks()
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	o.Train.Seed = o.Seed
	return o
}

// ErrNoSamples means that no decision with orders could be judged.
var ErrNoSamples = errors.New("eval: no decisions to judge")

// Run fits and judges. The timelines are gone through several times per part and
// must come in the same order each time.
func Run(ctx context.Context, timelines iter.Seq[record.Timeline], t *terms.Terms, opt Options) (Report, error) {
	opt = opt.withDefaults()
	tasks, err := tasksOf(opt.Tasks)
	if err != nil {
		return Report{}, err
	}
	for _, share := range opt.Shares {
		if !(share > 0 && share < 1) {
			return Report{}, fmt.Errorf("eval: a share of %g of the patients to train on is not between 0 and 1", share)
		}
	}
	part := split(timelines, opt)
	rep := Report{Seed: opt.Seed, Folds: max(1, opt.Folds), BySite: opt.BySite, Patients: len(part.of)}
	ledgers, err := judge(ctx, timelines, t, opt, part, tasks, 1)
	if err != nil {
		return Report{}, err
	}
	for i, l := range ledgers {
		if len(l.group) == 0 {
			continue
		}
		opt.Progress("bootstrap", i, len(ledgers))
		rep.Tasks = append(rep.Tasks, l.report(opt))
	}
	if len(rep.Tasks) == 0 {
		return Report{}, ErrNoSamples
	}
	return rep, rep.learning(ctx, timelines, t, opt, part, tasks)
}

// judge fits to a share of the training patients and judges all others, part by
// part.
func judge(ctx context.Context, timelines iter.Seq[record.Timeline], t *terms.Terms, opt Options, part parts, tasks []task, share float64) ([]*ledger, error) {
	ledgers := make([]*ledger, len(tasks))
	for i := range tasks {
		ledgers[i] = newLedger(tasks[i])
	}
	for f := range part.folds {
		opt.Progress("fold", f, part.folds)
		train := func(id string) bool { return part.of[id] != f && (share >= 1 || inShare(id) < share) }
		if err := judgeFold(ctx, timelines, t, opt, part, f, train, ledgers); err != nil {
			return nil, fmt.Errorf("eval: fold %d: %w", f+1, err)
		}
	}
	return ledgers, nil
}

// parts say in which fold a patient is judged, -1 for never.
type parts struct {
	of    map[string]int
	folds int
}

func split(timelines iter.Seq[record.Timeline], opt Options) parts {
	var ids, groups []string
	for t := range timelines {
		ids = append(ids, t.Person.ID)
		group := t.Person.ID
		if opt.BySite {
			group = siteOf(&t)
		}
		groups = append(groups, group)
	}
	p := parts{of: make(map[string]int, len(ids)), folds: 1}
	if opt.Folds > 1 {
		p.folds = opt.Folds
		for i, f := range learn.KFold(groups, opt.Folds) {
			p.of[ids[i]] = f
		}
		return p
	}
	for i, id := range ids {
		p.of[id] = -1
		if learn.Fold(groups[i]) == learn.Test {
			p.of[id] = 0
		}
	}
	return p
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

func judgeFold(ctx context.Context, timelines iter.Seq[record.Timeline], t *terms.Terms, opt Options, p parts, fold int, trains func(id string) bool, ledgers []*ledger) error {
	choices := make([]*choice, len(ledgers))
	for i := range choices {
		choices[i] = newChoice(ledgers[i].task)
	}
	train := opt.Train
	train.FoldsBySite = opt.BySite
	train.OutOfFold = func(s recommender.Scoring) {
		for _, c := range choices {
			c.add(s)
		}
	}
	a, err := recommender.Train(ctx, only(timelines, trains), t, train, opt.Progress)
	if err != nil {
		return err
	}
	for i, c := range choices {
		c.settle()
		ledgers[i].begin(a, c)
	}
	n := 0
	for line := range only(timelines, func(id string) bool { return p.of[id] == fold }) {
		if err := judgePatient(ctx, a, line, opt, ledgers, choices); err != nil {
			return err
		}
		n++
		opt.Progress("judging", n, 0)
	}
	return nil
}

func judgePatient(ctx context.Context, a *recommender.Artifact, line record.Timeline, opt Options, ledgers []*ledger, choices []*choice) error {
	if line.Person.OptOut || line.Person.ReplacedBy != "" {
		return nil
	}
	for s := range recommender.Samples(line, opt.Landmarks) {
		for _, w := range []recommender.Want{recommender.Treatments, recommender.Tests} {
			if !slices.ContainsFunc(ledgers, func(l *ledger) bool { return l.task.want == w }) || a.Labels(w) == 0 {
				continue
			}
			scoring, err := a.Score(ctx, s, w)
			if err != nil {
				return err
			}
			for i, l := range ledgers {
				if l.task.want == w {
					l.add(s, scoring, choices[i])
				}
			}
		}
	}
	return nil
}
