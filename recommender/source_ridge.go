package recommender

import (
	"context"

	"ember/learn"
)

// ridge scores by a multi-output linear model over all features (with the
// patient's earlier orders among them it is an EASE with side information).
// Scores are log odds of its outputs, which are nearly probabilities.
type ridge struct{ model [wantEnd]*learn.Ridge }

// Name implements [Source].
func (*ridge) Name() string { return columnNames[colRidge] }

// Score implements [Source].
func (s *ridge) Score(_ context.Context, c *Chart, want Want, into []float32) error {
	m := s.model[want]
	if m == nil {
		clear(into)
		return nil
	}
	m.Predict(c.x, into)
	for l, v := range into {
		into[l] = logOdds(v)
	}
	return nil
}
