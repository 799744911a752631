package recommender

import (
	"math"

	"ember/learn"
	"ember/record"
)

// Inputs of the stack: the sources' columns, made alike in scale, and what the
// chart says about an earlier order.
const (
	inHistory = iota
	inHasHistory
	inPopularity
	inSite
	inReason
	inCondition
	inAssociation
	inRidge
	inSimilar
	inText
	inDuring // ordered during the visit
	inActive
	inCount
	inRecent
	stackInputs
)

// inputSource is the column each input comes from; history stands for what the
// chart says.
var inputSource = [stackInputs]int{colHistory, colHistory, colPopularity, colSite, colReason, colCondition,
	colAssociation, colRidge, colSimilar, colText, colHistory, colHistory, colHistory, colHistory}

// stackInput writes the inputs of one candidate; f is its fact in the chart, nil
// where it was never ordered.
func stackInput(scores []float32, f *fact, into []float32) {
	into = into[:stackInputs]
	clear(into)
	if h := scores[colHistory]; h > noHistory {
		into[inHistory], into[inHasHistory] = h, 1
	}
	into[inPopularity] = scores[colPopularity]
	into[inSite] = scores[colSite]
	into[inReason] = scores[colReason]
	into[inCondition] = 2 * scores[colCondition]
	into[inAssociation] = 2 * scores[colAssociation]
	into[inRidge] = scores[colRidge]
	into[inSimilar] = scores[colSimilar]
	into[inText] = 2 * scores[colText]
	if f == nil || f.is&drafted != 0 {
		return
	}
	if f.is&inVisit != 0 {
		into[inDuring] = 1
	}
	if f.is&active != 0 {
		into[inActive] = 1
	}
	into[inCount] = float32(math.Log1p(float64(f.count)))
	into[inRecent] = float32(math.Exp(-float64(f.last) / 30))
}

// status tells continued orders from new ones, and procedures from the rest:
// they are given and recorded in different ways, so each has its own weights.
type status uint8

const (
	isNew status = iota
	isContinue
	procedure // added to either
	statuses  = 2 * procedure
)

// continues reports whether an order of the status continues an earlier one.
func (s status) continues() bool { return s%procedure == isContinue }

func (s status) String() string {
	if s.continues() {
		return "continue"
	}
	return "new"
}

func statusOf(k record.Kind, f *fact) status {
	s := isNew
	if f != nil && f.is&standing != 0 {
		s = isContinue
	}
	if k == record.Procedure {
		s += procedure
	}
	return s
}

// stack is a logistic regression over the sources for each status. Weights are float32 so that fitting and serving agree.
type stack struct {
	weight [statuses][stackInputs]float32
	bias   [statuses]float32
	// mean are the inputs of an average candidate: reasons are told from there.
	mean [statuses][stackInputs]float32
}

func (s *stack) logit(st status, in []float32) float32 {
	z := s.bias[st]
	w := &s.weight[st]
	for i, v := range in[:stackInputs] {
		z += w[i] * v
	}
	return z
}

// stackPenalty keeps weights small where samples are few.
const stackPenalty = 3

// fitStack fits the regressions; a status without a single order keeps weight
// on history and popularity alone, so that it is never worse than they are.
func fitStack(pairs *pairs, keep func(fold uint8) bool) (*stack, error) {
	s := &stack{}
	for st := isNew; st < statuses; st++ {
		x, y, w := pairs.of(st, keep)
		if positives(y) < 5 {
			s.weight[st][inHistory], s.weight[st][inPopularity] = 1, 1
			if st.continues() {
				s.weight[st][inPopularity] = 0
			}
			continue
		}
		fit, err := learn.FitLogistic(x, stackInputs, y, w, stackPenalty)
		if err != nil {
			return nil, err
		}
		for i, v := range fit.W {
			s.weight[st][i] = float32(v)
		}
		s.bias[st] = float32(fit.Bias)
		s.mean[st] = meanInput(x, w)
	}
	return s, nil
}

func positives(y []float64) int {
	n := 0
	for _, v := range y {
		if v > 0 {
			n++
		}
	}
	return n
}

func meanInput(x []float32, w []float64) (mean [stackInputs]float32) {
	var sum [stackInputs]float64
	var total float64
	for i, weight := range w {
		total += weight
		for k, v := range x[i*stackInputs : (i+1)*stackInputs] {
			sum[k] += weight * float64(v)
		}
	}
	for k := range mean {
		mean[k] = float32(sum[k] / max(total, 1))
	}
	return mean
}

// baselineLogit is version 0, the best simple baseline: how often such an order
// is repeated where it was given before, else how often it is ordered where it
// is open.
func baselineLogit(scores []float32) float32 {
	if h := scores[colHistory]; h > noHistory {
		return h
	}
	return scores[colPopularity]
}
