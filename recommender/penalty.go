package recommender

import (
	"cmp"
	"context"

	"ember/learn"
)

// triedRows bounds the rows that penalties are compared on.
const triedRows = 600

// choosePenalty sets the ridge's penalty of each want to the one whose model
// without the first fold ranks that fold's orders best by average precision.
func (r *trainer) choosePenalty(ctx context.Context) error {
	for w := range r.penalty {
		r.penalty[w] = cmp.Or(r.opt.RidgePenalty, 150)
	}
	if r.opt.RidgePenalty > 0 {
		return nil
	}
	held := r.heldOut(0)
	if len(held) == 0 {
		return nil
	}
	r.shift(0, (*learn.Gram).Remove)
	defer r.shift(0, (*learn.Gram).Add)
	best, bestAP := r.penalty, [wantEnd]float64{}
	for i, penalty := range []float64{30, 150, 750, 4000} {
		r.report("choosing ridge penalty", i, 4)
		if err := ctx.Err(); err != nil {
			return err
		}
		for w := range r.penalty {
			r.penalty[w] = penalty
		}
		m, err := r.solve()
		if err != nil {
			return err
		}
		for w, ap := range r.ridgePrecision(m, held) {
			if ap > bestAP[w] {
				best[w], bestAP[w] = penalty, ap
			}
		}
	}
	r.penalty = best
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

// ridgePrecision is the mean average precision by want.
func (r *trainer) ridgePrecision(m *ridge, rows []*trainingRow) (mean [wantEnd]float64) {
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
		mean[w] = total / max(count, 1)
	}
	return mean
}
