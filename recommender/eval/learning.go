package eval

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"ember/learn"
	"ember/recommender"
	"ember/terms"
)

// inShare places a patient between 0 and 1 by a hash, so that a smaller share is
// part of a larger one.
func inShare(id string) float64 {
	h := sha256.Sum256([]byte("ember-v1:share:" + id))
	return float64(binary.BigEndian.Uint64(h[:])>>11) / (1 << 53)
}

// learning trains again on each share and judges the same patients. A share too
// small to train on is left out.
func (r *Report) learning(ctx context.Context, rounds []round, t *terms.Terms, opt Options, tasks []task) error {
	shares := slices.Clone(opt.Shares)
	slices.Sort(shares)
	for _, share := range shares {
		opt.Progress("learning curve", int(100*share), 100)
		few := slices.Clone(rounds)
		for i := range few {
			few[i].train = only(few[i].train, func(id string) bool { return inShare(id) < share })
		}
		ledgers, err := judge(ctx, few, t, opt, tasks, nil, &exporter{}, newHoldings())
		if errors.Is(err, recommender.ErrNoDecisions) {
			continue
		}
		if err != nil {
			return err
		}
		for _, l := range ledgers {
			r.learned(l, share, opt)
		}
	}
	for i := range r.Tasks {
		task := &r.Tasks[i]
		if s, ok := task.System("neural"); ok && len(task.Learning) > 0 {
			task.Learning = append(task.Learning, LearningPoint{1, s.Metrics["AP"], task.ToBeat})
		}
	}
	return nil
}

func (r *Report) learned(l *ledger, share float64, opt Options) {
	for i := range r.Tasks {
		if task := &r.Tasks[i]; task.Task == l.task.name && len(l.group) > 0 {
			task.Learning = append(task.Learning, LearningPoint{share,
				learn.Mean(l.values["neural"][0], l.group, opt.BootstrapReps, opt.Seed), learn.Mean(l.best[0], l.group, opt.BootstrapReps, opt.Seed)})
		}
	}
}
