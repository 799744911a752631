package recommender

// simple is the stack that is the best simple baseline: repeat rates for what is
// continued, popularity for what is new.
func simple() *stack {
	s := &stack{}
	for st := range statuses {
		if st.continues() {
			s.weight[st][inHistory] = 1
		} else {
			s.weight[st][inPopularity] = 1
		}
	}
	return s
}

// blend moves the stack toward the simple one, status by status: with share 1 it
// stays, with 0 nothing of it is left. Sums of logits are logits, so that it is
// a stack again.
func (s *stack) blend(share [statuses]float32) *stack {
	out, base := *s, simple()
	for st := range statuses {
		a := share[st]
		out.bias[st] = a*s.bias[st] + (1-a)*base.bias[st]
		for i := range stackInputs {
			out.weight[st][i] = a*s.weight[st][i] + (1-a)*base.weight[st][i]
		}
	}
	return &out
}

// steps are the shares of the stack that are tried: none, a quarter, … all.
const steps = 5

func shareOf(step int) float32 { return float32(step) / (steps - 1) }

// keeping says how well each share of the stack ranks, as sums of average
// precision by status, share and fold.
type keeping [statuses][steps][]float64

// tryShares ranks the orders of each status among the candidates of that status;
// each decision is scored by the stack of its own fold.
func tryShares(decisions []decision, byFold []*stack) *keeping {
	var t keeping
	for st := range statuses {
		for k := range steps {
			t[st][k] = make([]float64, len(byFold))
			var share [statuses]float32
			share[st] = shareOf(k)
			blended := make([]*stack, len(byFold))
			for f, s := range byFold {
				blended[f] = s.blend(share)
			}
			for i := range decisions {
				f := decisions[i].fold
				t[st][k][f] += decisions[i].precisionWithin(st, blended[f])
			}
		}
	}
	return &t
}

// best is, for each status, the share that ranks best on all folds but one (-1 =
// on all). Ties go to the simple side, so that with little data the stack is the
// baseline.
func (t *keeping) best(but int) (share [statuses]float32) {
	for st := range statuses {
		bestAP := -1.
		for k := range steps {
			var sum float64
			for f, ap := range t[st][k] {
				if f != but {
					sum += ap
				}
			}
			if sum > bestAP*(1+1e-6) {
				share[st], bestAP = shareOf(k), sum
			}
		}
	}
	return share
}

// precisionWithin is the average precision among the candidates of one status, 0
// when none of them was ordered.
func (d *decision) precisionWithin(st status, s *stack) float64 {
	some := false
	for k, hit := range d.hit {
		some = some || hit && d.status[k] == st
	}
	if !some {
		return 0
	}
	var scores []float32
	var hit []bool
	var in [stackInputs]float32
	for k := range d.hit {
		if d.status[k] == st {
			stackInput(d.cand.row(k), d.facts[k], in[:])
			scores, hit = append(scores, s.logit(st, in[:])), append(hit, d.hit[k])
		}
	}
	return averagePrecision(scores, hit, 0)
}
