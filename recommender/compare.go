package recommender

import (
	"context"
	"fmt"

	"ember/learn"
)

// Comparison is what is being trained against a version that serves, decision by
// decision, on patients whom neither has learned from: the served version has not
// seen them, and the new one's scores of them are out of fold.
type Comparison struct {
	Served *Artifact
	// Seen tells whether Served has learned from a patient.
	Seen func(patient string) bool

	// What Train found: how many such patients had orders, and the differences in
	// average precision of the new ranker and the new baseline from Served.
	Patients         int
	Ranker, Baseline learn.Estimate
}

// measured is a decision's average precision out of fold.
type measured struct {
	best, base float64
	total      int // orders that the vocabulary knows
}

// compare fills the comparison that was asked for. It says nothing to the
// artifact, which depends on the data alone.
func (r *trainer) compare(ctx context.Context, a *Artifact) error {
	c := r.opt.Against
	if c == nil {
		return nil
	}
	r.report("comparing with what serves", 0, 0)
	own := r.byRow(a)
	var best, base, served []float64
	var group []int
	err := r.samples(ctx, func(patient string, row int, s Sample) error {
		if c.Seen(patient) {
			return nil
		}
		for w := Treatments; w < wantEnd; w++ {
			m, ok := own[w][row]
			if !ok {
				continue
			}
			ap, total, err := c.Served.precision(ctx, s, w)
			if err != nil {
				return fmt.Errorf("recommender: comparing: %w", err)
			}
			known := float64(m.total) / float64(total) // orders beyond the vocabulary are missed
			best, base, served = append(best, m.best*known), append(base, m.base*known), append(served, ap)
			ordinal := int(r.data.rows[row].patient)
			if len(group) == 0 || group[len(group)-1] != ordinal {
				c.Patients++
			}
			group = append(group, ordinal)
		}
		return nil
	})
	if err != nil || len(group) == 0 {
		return err
	}
	c.Ranker = learn.Diff(best, served, group, r.opt.BootstrapReps, r.opt.Seed)
	c.Baseline = learn.Diff(base, served, group, r.opt.BootstrapReps, r.opt.Seed)
	return nil
}

// byRow are the decisions that had orders, by row, as they were judged.
func (r *trainer) byRow(a *Artifact) (own [wantEnd]map[int]measured) {
	for _, rep := range a.report.Wants {
		w, _ := ParseWant(rep.Want)
		own[w] = map[int]measured{}
		n := 0
		for i := range r.decisions[w] {
			if d := &r.decisions[w][i]; d.total > 0 {
				own[w][d.row] = measured{rep.best[n], rep.base[n], d.total}
				n++
			}
		}
	}
	return own
}

// samples goes through the timelines again for the samples that became rows.
func (r *trainer) samples(ctx context.Context, each func(patient string, row int, s Sample) error) error {
	row, ordinal := 0, int32(0)
	for t := range r.seq {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !trainable(t.Person) {
			continue
		}
		n := int32(0)
		for s := range Samples(t, r.opt.Landmarks) {
			n++
			if row == len(r.data.rows) || r.data.rows[row].patient != ordinal || r.data.rows[row].sample != n {
				continue
			}
			if err := each(t.Person.ID, row, s); err != nil {
				return err
			}
			row++
		}
		ordinal++
	}
	return nil
}

// precision is the average precision of the ranker that serves, over the
// candidates of an answer, and how many orders there were.
func (a *Artifact) precision(ctx context.Context, s Sample, want Want) (ap float64, total int, err error) {
	d, logits, missed, err := a.decide(ctx, s, want, false)
	if err != nil {
		return 0, 0, err
	}
	k := &a.rankers[want]
	total = len(missed)
	for _, h := range d.hit {
		if h {
			total++
		}
	}
	return averagePrecision(k.calibrated(k.kind, &d, logits[k.kind]), d.hit, len(missed)), total, nil
}
