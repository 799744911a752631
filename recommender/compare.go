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
	// Kept says whether what Served promised those patients was kept.
	Kept []Kept
}

// Kept compares what a version promised with what followed, on patients that it
// had not learned from, since it was trained: drift of calibration.
type Kept struct {
	Want      string `json:"want"`
	Decisions int    `json:"decisions"`
	// Ratio of the orders that came to the sum of the probabilities; 1 is kept.
	Ratio float64 `json:"ratio"`
	// Error is the expected calibration error where more than 5 % was promised.
	Error float64 `json:"error"`
}

// promises collects what was promised and whether it came.
type promises struct {
	decisions int
	p         []float64
	came      []bool
}

func (p *promises) kept(w Want) Kept {
	sum, orders := 0., 0.
	for i, v := range p.p {
		sum += v
		if p.came[i] {
			orders++
		}
	}
	return Kept{Want: w.String(), Decisions: p.decisions, Ratio: orders / max(sum, 1e-9), Error: learn.ECE(p.p, p.came, 15, .05)}
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
	var promised [wantEnd]promises
	err := r.samples(ctx, func(patient string, row int, s Sample) error {
		if c.Seen(patient) {
			return nil
		}
		for w := Treatments; w < wantEnd; w++ {
			m, ok := own[w][row]
			if !ok {
				continue
			}
			ap, total, err := c.Served.precision(ctx, s, w, &promised[w])
			if err != nil {
				return fmt.Errorf("recommender: comparing: %w", err)
			}
			if m.total == 0 { // says nothing of ranking
				continue
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
	for w := Treatments; w < wantEnd; w++ {
		if promised[w].decisions > 0 {
			c.Kept = append(c.Kept, promised[w].kept(w))
		}
	}
	c.Ranker = learn.Diff(best, served, group, r.opt.BootstrapReps, r.opt.Seed)
	c.Baseline = learn.Diff(base, served, group, r.opt.BootstrapReps, r.opt.Seed)
	return nil
}

// byRow are the decisions by row, as those that had orders were judged.
func (r *trainer) byRow(a *Artifact) (own [wantEnd]map[int]measured) {
	for _, rep := range a.report.Wants {
		w, _ := ParseWant(rep.Want)
		own[w] = map[int]measured{}
		n := 0
		for i := range r.decisions[w] {
			d := &r.decisions[w][i]
			if d.total == 0 {
				own[w][d.row] = measured{}
				continue
			}
			own[w][d.row] = measured{rep.best[n], rep.base[n], d.total}
			n++
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
// candidates of an answer, and how many orders there were. What it promised goes
// to promised.
func (a *Artifact) precision(ctx context.Context, s Sample, want Want, promised *promises) (ap float64, total int, err error) {
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
	z := k.calibrated(k.kind, &d, logits[k.kind])
	promised.decisions++
	for i := range z {
		promised.p, promised.came = append(promised.p, learn.Sigmoid(float64(z[i]))), append(promised.came, d.hit[i])
	}
	return averagePrecision(z, d.hit, len(missed)), total, nil
}
