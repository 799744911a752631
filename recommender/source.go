package recommender

import (
	"context"
	"math"

	"ember/learn"
)

// Source scores everything that could be ordered, from one point of view. The
// scores of different sources need not be comparable; higher speaks for the
// order. A source is fitted on training patients only, is immutable and safe
// for concurrent use, and gives the same scores for the same chart.
type Source interface {
	// Name is a stable word for the source, as Answer.Degraded names it.
	Name() string
	// Score writes a finite score per label of the want into into, whose
	// length is the number of labels; 0 where the source has nothing to say,
	// unless it says otherwise. The chart is read only and not kept. An error
	// means that into is to be ignored.
	Score(ctx context.Context, c *Chart, want Want, into []float32) error
}

// The columns of scores, in the order in which candidates carry them.
const (
	colHistory = iota
	colPopularity
	colSite
	colReason
	colCondition
	colAssociation
	colRidge
	colSimilar
	colText
	colCount
)

var columnNames = [colCount]string{"history", "popularity", "site", "reason", "condition", "association", "ridge", "similar", "text"}

// noHistory is the history score of what was never ordered: below any rate.
const noHistory = -9

func logit(p float64) float32 { return float32(learn.Logit(min(max(p, 2e-4), .995))) }

// logOdds of a score that is nearly a probability; below a floor all are alike.
func logOdds(p float32) float32 {
	p = min(max(p, 1e-3), .995)
	return float32(math.Log(float64(p / (1 - p))))
}

// sources are all sources of an artifact by column; nil where there is none.
type sources [colCount]Source
