package recommender

import (
	"context"

	"ember/learn"
)

// triedRows bounds the rows that penalties are compared on.
const triedRows = 600

// choosePenalty sets the ridge's penalty to the one whose model without the
// first fold ranks that fold's orders best by average precision, over all wants.
func (r *trainer) choosePenalty(ctx context.Context) error {
	if r.opt.RidgePenalty > 0 {
		return nil
	}
	r.opt.RidgePenalty = 150
	held := r.heldOut(0)
	if len(held) == 0 {
		return nil
	}
	r.shift(0, (*learn.Gram).Remove)
	defer r.shift(0, (*learn.Gram).Add)
	best, bestAP := r.opt.RidgePenalty, 0.
	for i, penalty := range []float64{30, 150, 750, 4000} {
		r.report("choosing ridge penalty", i, 4)
		if err := ctx.Err(); err != nil {
			return err
		}
		r.opt.RidgePenalty = penalty
		m, err := r.solve()
		if err != nil {
			return err
		}
		if ap := r.ridgePrecision(m, held); ap > bestAP {
			best, bestAP = penalty, ap
		}
	}
	r.opt.RidgePenalty = best
	return nil
}

// heldOut are rows of a fold, evenly.
func (r *trainer) heldOut(fold int) []*trainingRow {
	var all []*trainingRow
	for i := range r.data.rows {
		if int(r.data.rows[i].fold) == fold {
			all = append(all, &r.data.rows[i])
		}
	}
	every := len(all)/triedRows + 1
	held := all[:0]
	for i := 0; i < len(all); i += every {
		held = append(held, all[i])
	}
	return held
}

// ridgePrecision is the sum over wants of the mean average precision.
func (r *trainer) ridgePrecision(m *ridge, rows []*trainingRow) float64 {
	var sum float64
	for w, n := range r.data.lexicon.vocabulary.sizes() {
		if m.model[w] == nil {
			continue
		}
		scores := make([]float32, n)
		total, count := 0., 0.
		for _, row := range rows {
			if len(row.labels[w]) > 0 {
				m.model[w].Predict(row.chart.x, scores)
				total += learn.NewRanking(scores, row.labels[w], 0).AveragePrecision()
				count++
			}
		}
		sum += total / max(count, 1)
	}
	return sum
}
