package eval

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"ember/cohort/features"
	"ember/learn"
	"ember/recommender"
	"ember/record"
)

// outcomeTask is an outcome with its ledger: of one that is ranked, or of a risk.
type outcomeTask struct {
	outcome
	ranked *ledger
	risk   *riskLedger
}

func newOutcomeTask(o outcome) *outcomeTask {
	if o.risk {
		return &outcomeTask{outcome: o, risk: newRiskLedger(o.name)}
	}
	return &outcomeTask{outcome: o, ranked: newLedger(task{name: o.name, kind: record.Condition, systems: append(slices.Clone(outcomeColumns), byStack), probable: []string{byStack}, ranker: byStack})}
}

func (t *outcomeTask) report(opt Options) (TaskReport, bool) {
	if t.risk != nil {
		return t.risk.report(opt)
	}
	if len(t.ranked.group) == 0 {
		return TaskReport{}, false
	}
	return t.ranked.report(opt), true
}

// outcomeRound is an outcome in one round: fitted to training patients, then asked of
// the others.
type outcomeRound struct {
	*outcomeTask
	opt    Options
	codes  []record.Code // labels
	of     map[string]uint32
	fitted []asked
	what   []Moment // of fitted, for a model of risks
	model  *outcomeModel
	stack  *outcomeStack
	choice *choice
	risks  riskChoice
	judged riskJudged
	last   time.Time // how long those that are judged were watched
}

// mostMoments bounds the decisions that outcomes are learned from.
const mostMoments = 20_000

// fitOutcomes fits all that is asked for. nil where there is too little of it.
func fitOutcomes(ctx context.Context, tasks []*outcomeTask, r round, a *recommender.Artifact, opt Options) ([]*outcomeRound, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	last, until := watchedUntil(r.train), watchedUntil(r.judged)
	var out []*outcomeRound
	for _, t := range tasks {
		o := &outcomeRound{outcomeTask: t, opt: opt, of: map[string]uint32{}, last: until}
		opt.Progress("outcomes: "+t.name, 0, 0)
		if err := o.gather(ctx, r.train, a, last); err != nil {
			return nil, err
		}
		ok, err := o.fit(ctx, a.Columns())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		if ok {
			out = append(out, o)
		}
	}
	return out, nil
}

// gather goes through the training patients.
func (o *outcomeRound) gather(ctx context.Context, lines iter.Seq[record.Timeline], a *recommender.Artifact, last time.Time) error {
	var closed [][]record.Code
	for line := range lines {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !judgeable(line) {
			continue
		}
		line = a.Named(line)
		m := momentsOf(line, last)
		for s := range recommender.Samples(line, o.opt.Landmarks) {
			came, before, ok := o.outcome.of(m, s)
			if !ok || len(o.fitted) == mostMoments {
				continue
			}
			d := o.asked(a, s)
			for _, c := range came {
				l, seen := o.of[c.Key()]
				if !seen {
					l = uint32(len(o.codes))
					o.of[c.Key()], o.codes = l, append(o.codes, c)
				}
				d.came = append(d.came, l)
			}
			slices.Sort(d.came)
			o.fitted, closed = append(o.fitted, d), append(closed, before)
			if o.outcome.risk && o.opt.Risks != nil {
				o.what = append(o.what, momentOf(s))
			}
		}
	}
	for i := range o.fitted { // the labels are all known only now
		o.fitted[i].closed = o.labels(closed[i])
	}
	return nil
}

func (o *outcomeRound) asked(a *recommender.Artifact, s recommender.Sample) asked {
	p := s.Past.Person()
	return asked{patient: p.ID, who: ageBand(s.Past) + " " + p.Sex.String(), x: a.Chart(s.Past, s.Visit).Features()}
}

func momentOf(s recommender.Sample) Moment {
	p := s.Past.Person()
	return Moment{Subject: p.ID, Row: features.Of(s.Past), Sex: p.Sex.String()}
}

// labels are those of codes that are labels, ascending.
func (o *outcomeRound) labels(codes []record.Code) (out []uint32) {
	for _, c := range codes {
		if l, ok := o.of[c.Key()]; ok {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return out
}

// fewestOutcomes of training patients are needed to fit to.
const fewestOutcomes = 10

// fit fits sources out of fold, the stack to them, and the sources to all.
func (o *outcomeRound) fit(ctx context.Context, columns int) (bool, error) {
	n, patients := 0, map[string]bool{}
	ids := make([]string, len(o.fitted))
	for i := range o.fitted {
		ids[i] = o.fitted[i].patient
		if len(o.fitted[i].came) > 0 {
			n++
			patients[ids[i]] = true
		}
	}
	if len(patients) < fewestOutcomes || n == len(o.fitted) && o.outcome.risk {
		return false, nil
	}
	const folds = 5
	fold := learn.KFold(ids, folds)
	penalty, err := choosePenalty(o.fitted, fold, columns, len(o.codes))
	if err != nil {
		return false, err
	}
	scores := make([][][]float32, len(o.fitted))
	for f := range folds {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		var in []asked
		for i := range o.fitted {
			if fold[i] != f {
				in = append(in, o.fitted[i])
			}
		}
		m, err := fitOutcome(in, columns, len(o.codes), penalty)
		if err != nil {
			return false, err
		}
		for i := range o.fitted {
			if fold[i] == f {
				scores[i] = m.scores(&o.fitted[i])
			}
		}
	}
	if o.stack, err = fitOutcomeStack(o.fitted, scores); err != nil {
		return false, err
	}
	o.settle(scores)
	o.model, err = fitOutcome(o.fitted, columns, len(o.codes), penalty)
	return true, err
}

// settle makes the choices on training patients.
func (o *outcomeRound) settle(scores [][][]float32) {
	if o.outcome.risk {
		o.risks = chooseRisk(o.fitted, scores, o.stack)
		o.outcomeTask.risk.chosen = append(o.outcomeTask.risk.chosen, o.risks.baseline)
		return
	}
	o.choice = newChoice(o.ranked.task)
	frequency := make([]int, len(o.codes))
	for i := range o.fitted {
		for _, l := range o.fitted[i].came {
			frequency[l]++
		}
		o.choice.add(o.scoring(&o.fitted[i], scores[i], 0))
	}
	o.choice.settle()
	o.ranked.begin(frequency, byStack, o.choice)
}

// scoring is the decision as the rankers of orders give it.
func (o *outcomeRound) scoring(a *asked, scores [][]float32, missed int) recommender.Scoring {
	s := recommender.Scoring{Scores: map[string][]float32{}}
	all := append(slices.Clone(scores), o.stack.logits(scores))
	for l := range o.codes {
		if has(a.closed, l) {
			continue
		}
		s.Labels = append(s.Labels, uint32(l))
		s.Kinds, s.New, s.Hit = append(s.Kinds, record.Condition), append(s.New, true), append(s.Hit, has(a.came, l))
		for k, name := range o.ranked.task.systems {
			s.Scores[name] = append(s.Scores[name], all[k][l])
		}
	}
	for range missed {
		s.Missed = append(s.Missed, recommender.Label{Kind: record.Condition})
	}
	return s
}

// ask asks the outcome of a decision that is judged.
func (o *outcomeRound) ask(a *recommender.Artifact, m *moments, s recommender.Sample, x *exporter, out *Exported) {
	m.last = o.last
	came, closed, ok := o.outcome.of(m, s)
	if !ok {
		return
	}
	d := o.asked(a, s)
	d.came, d.closed = o.labels(came), o.labels(closed)
	scores := o.model.scores(&d)
	x.came(out, o, came, d, scores)
	if o.outcome.risk {
		o.judged.add(o, s, len(came) > 0, scores)
		return
	}
	if o.ranked.add(s, o.scoring(&d, scores, len(came)-len(d.came)), o.choice) {
		x.measured(out, o.ranked)
	}
}

// end asks the site's own model of risks of all that was judged.
func (o *outcomeRound) end(ctx context.Context) error {
	if !o.outcome.risk || len(o.judged.happened) == 0 {
		return nil
	}
	if o.opt.Risks != nil {
		o.opt.Progress("fitting a model of risks: "+o.name, 0, 0)
		happened := make([]bool, len(o.fitted))
		for i := range o.fitted {
			happened[i] = len(o.fitted[i].came) > 0
		}
		p, err := o.opt.Risks(ctx, o.what, happened, o.judged.what)
		if err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		o.judged.p[served] = p
	}
	o.outcomeTask.risk.enter(&o.judged, o.risks.baseline)
	return nil
}
