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
	// ByTime fits to what was known until four fifths of the decisions had come,
	// and judges the rest, of the same and of other patients.
	ByTime bool
	// External, when set, are the timelines to judge on, from elsewhere: all
	// others are fitted to. It is gone through several times.
	External iter.Seq[record.Timeline]
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
	// Export, when set, is handed every decision, those that are only fitted to
	// as well. The argument is not kept.
	Export func(Exported) error
	// Risks, when set, fits a model of risks as the site would have it to what was
	// known and whether it happened, and asks it of the judged: probabilities.
	Risks func(ctx context.Context, fitted []Moment, happened []bool, judged []Moment) ([]float64, error)
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
	tasks, outcomes, err := tasksOf(opt.Tasks)
	if err != nil {
		return Report{}, err
	}
	for _, share := range opt.Shares {
		if !(share > 0 && share < 1) {
			return Report{}, fmt.Errorf("eval: a share of %g of the patients to train on is not between 0 and 1", share)
		}
	}
	if opt.External != nil && (opt.Folds > 1 || opt.ByTime) || opt.ByTime && opt.Folds > 1 {
		return Report{}, errors.New("eval: folds, a split by time and another site's data exclude each other")
	}
	parts := split(timelines, opt)
	rep := Report{Seed: opt.Seed, Folds: max(1, opt.Folds), BySite: opt.BySite, ByTime: opt.ByTime, External: opt.External != nil, Cut: parts.cut, Patients: parts.patients}
	e := exporter{to: opt.Export, ordinals: map[string]int{}}
	held := newHoldings()
	ledgers, err := judge(ctx, parts.rounds, t, opt, tasks, outcomes, &e, held)
	if err != nil {
		return Report{}, err
	}
	if err := e.rest(parts); err != nil {
		return Report{}, err
	}
	for i, l := range ledgers {
		if len(l.group) == 0 {
			continue
		}
		opt.Progress("bootstrap", i, len(ledgers))
		rep.Tasks = append(rep.Tasks, l.report(opt))
	}
	for _, o := range outcomes {
		opt.Progress("bootstrap: "+o.name, 0, 0)
		if one, ok := o.report(opt); ok {
			rep.Tasks = append(rep.Tasks, one)
		}
	}
	if len(rep.Tasks) == 0 {
		return Report{}, ErrNoSamples
	}
	rep.Coverage = held.report(opt)
	return rep, rep.learning(ctx, parts.rounds, t, opt, tasks)
}

// judge fits and judges, round by round.
func judge(ctx context.Context, rounds []round, t *terms.Terms, opt Options, tasks []task, outcomes []*outcomeTask, e *exporter, h *holdings) ([]*ledger, error) {
	ledgers := make([]*ledger, len(tasks))
	for i := range tasks {
		ledgers[i] = newLedger(tasks[i])
	}
	for f, r := range rounds {
		opt.Progress("fold", f, len(rounds))
		if err := judgeRound(ctx, r, t, opt, ledgers, outcomes, e, h); err != nil {
			return nil, fmt.Errorf("eval: fold %d: %w", f+1, err)
		}
	}
	return ledgers, nil
}

func judgeRound(ctx context.Context, r round, t *terms.Terms, opt Options, ledgers []*ledger, outcomes []*outcomeTask, e *exporter, h *holdings) error {
	choices := make([]*choice, len(ledgers))
	for i := range choices {
		choices[i] = newChoice(ledgers[i].task)
	}
	train := opt.Train
	train.FoldsBySite = opt.BySite
	train.Simple = train.Simple || len(ledgers) == 0 // outcomes need its columns only
	train.OutOfFold = func(s recommender.Scoring) {
		for _, c := range choices {
			c.add(s)
		}
	}
	a, err := recommender.Train(ctx, r.train, t, train, opt.Progress)
	if err != nil {
		return err
	}
	for i, c := range choices {
		c.settle()
		ledgers[i].begin(a.Frequencies(c.task.want), rankerOf(a, c.task.want), c)
	}
	e.names = a.Named
	j := judging{artifact: a, ledgers: ledgers, choices: choices, fold: r.fold, export: e, held: h}
	if j.outcomes, err = fitOutcomes(ctx, outcomes, r, a, opt); err != nil {
		return err
	}
	n := 0
	for line := range r.judged {
		if err := j.patient(ctx, line, r.counts, opt.Landmarks); err != nil {
			return err
		}
		n++
		opt.Progress("judging", n, 0)
	}
	for _, o := range j.outcomes {
		if err := o.end(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rankerOf is the ranker of a want that would serve.
func rankerOf(a *recommender.Artifact, w recommender.Want) string {
	for _, r := range a.Report().Wants {
		if r.Want == w.String() {
			return r.Ranker
		}
	}
	return ""
}

// judging is one fitted artifact before the patients it is judged on.
type judging struct {
	artifact *recommender.Artifact
	ledgers  []*ledger
	choices  []*choice
	outcomes []*outcomeRound
	fold     int
	export   *exporter
	held     *holdings
}

func (j *judging) patient(ctx context.Context, line record.Timeline, counts func(recommender.Sample) bool, landmarks []time.Duration) error {
	if !judgeable(line) {
		return nil
	}
	line = j.artifact.Named(line)
	m := momentsOf(line, time.Time{}) // each outcome says how long was watched
	for s := range recommender.Samples(line, landmarks) {
		if !counts(s) {
			continue
		}
		if err := j.decision(ctx, m, s); err != nil {
			return err
		}
	}
	return nil
}

// judgeable leaves out who refused and whose record was merged into another.
func judgeable(line record.Timeline) bool {
	return !line.Person.OptOut && line.Person.ReplacedBy == ""
}

func (j *judging) decision(ctx context.Context, m *moments, s recommender.Sample) error {
	out := j.export.begin(s, j.fold)
	for _, w := range []recommender.Want{recommender.Treatments, recommender.Tests} {
		if !slices.ContainsFunc(j.ledgers, func(l *ledger) bool { return l.task.want == w }) || j.artifact.Labels(w) == 0 {
			continue
		}
		scoring, err := j.artifact.Score(ctx, s, w)
		if err != nil {
			return err
		}
		j.held.add(s.Past.Person().ID, scoring)
		j.export.score(out, j.artifact, scoring)
		for i, l := range j.ledgers {
			if l.task.want == w {
				if l.add(s, scoring, j.choices[i]) {
					j.export.measured(out, l)
				}
			}
		}
	}
	for _, o := range j.outcomes {
		o.ask(j.artifact, m, s, j.export, out)
	}
	return j.export.end(out)
}
