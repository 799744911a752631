package recommender

import (
	"context"

	"ember/recommender/feedback"
	"ember/recommender/safety"
)

// Exploration says that an answer is shown to a person who will say what they did
// with it, and whether something else than the last item may be shown for once,
// to learn what is made of it. Only what no rule has anything to say about, and
// every rule could check, is ever shown so.
type Exploration struct {
	// Rate of answers whose last item gives way, 0 to 1. Draw, in [0, 1), decides; the
	// caller draws so that the same question of the same day gets the same answer.
	Rate, Draw float64
}

// beyond is how many candidates after the list can take the last item's place.
const beyond = 5

// explore names what was shown and what could have been, and lets one of the
// candidates after the list take the last item's place if it is drawn. rank is
// the first that is not in the list.
func (e *Engine) explore(ctx context.Context, l *loaded, q *Query, s *scratch, pt *safety.Patient, rank int, ans *Answer) error {
	var others []int
	if len(ans.Items) == q.Limit && ans.Explained == nil {
		var err error
		if others, err = e.others(ctx, l, q, s, pt, rank); err != nil {
			return err
		}
	}
	shown := &feedback.Answer{Want: q.Want.String(), Model: ans.Model.Version, At: ans.At, Listed: len(ans.Items)}
	for i := range ans.Items {
		shown.Items = append(shown.Items, shownItem(&ans.Items[i], 1))
	}
	for _, k := range others {
		item := s.item(l, q, k)
		shown.Items = append(shown.Items, shownItem(&item, 0))
	}
	if rate := min(1, q.Explore.Rate); rate > 0 && len(others) > 0 {
		last := len(ans.Items) - 1
		shown.Items[last].Propensity = 1 - rate
		for i := range others {
			shown.Items[last+1+i].Propensity = rate / float64(len(others))
		}
		if q.Explore.Draw < rate {
			drawn := min(int(q.Explore.Draw/rate*float64(len(others))), len(others)-1)
			item := s.item(l, q, others[drawn])
			item.Reasons, item.Explored = s.reasons(l, q.Want, others[drawn]), true
			ans.Items[last] = item
			shown.Items[last].Shown, shown.Items[last+1+drawn].Shown = false, true
		}
	}
	ans.Shown = shown
	return nil
}

func shownItem(x *Item, propensity float64) feedback.Item {
	return feedback.Item{Kind: x.Kind, System: x.Code.System, Code: x.Code.Value, Probability: x.Probability, Propensity: propensity, Shown: propensity > 0}
}

// others are the candidates after the list that no rule says anything about, as
// many as are put in order anyway.
func (e *Engine) others(ctx context.Context, l *loaded, q *Query, s *scratch, pt *safety.Patient, rank int) (clean []int, err error) {
	for ; rank < len(s.order) && len(clean) < beyond; rank++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, err := e.check(l, q, s, pt, s.order[rank])
		if err != nil {
			return nil, err
		}
		if len(v.findings) == 0 && v.unchecked == "" {
			clean = append(clean, s.order[rank])
		}
	}
	return clean, nil
}
