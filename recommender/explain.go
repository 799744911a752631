package recommender

import (
	"fmt"

	"ember/recommender/safety"
	"ember/record"
)

func explain(item Item, rank, limit int, blocked bool, findings []safety.Finding) *Explanation {
	x := &Explanation{Item: item, Rank: rank}
	switch {
	case blocked:
		x.Outcome, x.Blocked = "blocked by a safety rule", findings
	case rank > limit:
		x.Outcome = fmt.Sprintf("not among the first %d: its probability has rank %d", limit, rank)
	default:
		x.Outcome = "recommended"
	}
	return x
}

func unknownOrder(c record.Code) *Explanation {
	return &Explanation{Item: Item{Code: c}, Outcome: "not known: no patient of the training data was ordered it"}
}
