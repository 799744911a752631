package eval

import (
	"fmt"
	"math"
	"slices"

	"ember/learn"
)

// asked is one decision of which an outcome is asked, by labels and columns of the
// training patients.
type asked struct {
	patient string
	who     string // age band and sex
	x       learn.Row
	came    []uint32 // ascending
	closed  []uint32 // was on record before and is not asked for, ascending
}

// outcomeColumns are the sources of an outcome, in the order of what the stack is fitted
// to; each is in log odds.
var outcomeColumns = []string{"popularity", "age and sex", "association", "similar", "ridge"}

// The systems beside the sources: served is the site's own model of risks.
const (
	byStack = "stack"
	served  = "risk model"
)

// outcomeModel is every source, fitted to decisions.
type outcomeModel struct {
	n      int // labels
	rate   []float32
	by     map[string][]float32
	table  *learn.Association
	near   *learn.Neighbours
	fitted []asked
	ridge  *learn.Ridge
}

// Pseudo-counts of the sources of outcomes, in decisions, and how many of the most
// similar are looked at.
const (
	outcomePrior      = 20
	outcomeNeighbours = 100
)

// fitOutcome fits all sources to decisions with columns features and n labels.
func fitOutcome(of []asked, columns, n int, penalty float64) (*outcomeModel, error) {
	m := &outcomeModel{n: n, fitted: of}
	x, y := make([]learn.Row, len(of)), make([]learn.Row, len(of))
	for i := range of {
		x[i], y[i] = of[i].x, learn.Row{Index: of[i].came}
	}
	m.countRates(of)
	var err error
	if m.table, err = learn.FitAssociation(x, y, columns, n, outcomePrior, 1); err != nil {
		return nil, fmt.Errorf("fitting associations: %w", err)
	}
	if m.near, err = learn.NewNeighbours(x, columns); err != nil {
		return nil, fmt.Errorf("indexing decisions: %w", err)
	}
	if m.ridge, err = learn.FitRidge(x, y, columns, n, penalty); err != nil {
		return nil, fmt.Errorf("fitting ridge: %w", err)
	}
	return m, nil
}

// countRates counts where a label is asked for: overall, and by age and sex, shrunk
// toward that.
func (m *outcomeModel) countRates(of []asked) {
	hit, open, all := make([]float64, m.n), make([]float64, m.n), 0.
	by, seen := map[string][]float64{}, map[string]float64{}
	for l := range open {
		open[l] = float64(len(of))
	}
	for i := range of {
		w := of[i].who
		if by[w] == nil {
			by[w] = make([]float64, m.n)
		}
		seen[w]++
		for _, l := range of[i].came {
			hit[l]++
			by[w][l]++
			all++
		}
		for _, l := range of[i].closed {
			open[l]--
		}
	}
	m.rate, m.by = make([]float32, m.n), map[string][]float32{}
	rate := make([]float64, m.n)
	for l := range rate {
		rate[l] = (hit[l] + .5) / (open[l] + 1)
		m.rate[l] = float32(learn.Logit(rate[l]))
	}
	for w := range by {
		m.by[w] = make([]float32, m.n)
		for l := range rate {
			m.by[w][l] = float32(learn.Logit((by[w][l] + outcomePrior*rate[l]) / (seen[w] + outcomePrior)))
		}
	}
}

// scores are those of every source, source by source.
func (m *outcomeModel) scores(a *asked) [][]float32 {
	own := m.by[a.who]
	if own == nil {
		own = m.rate
	}
	ridge := make([]float32, m.n)
	m.ridge.Predict(a.x, ridge)
	for l, v := range ridge {
		ridge[l] = float32(learn.Logit(max(1e-4, min(float64(v), 1-1e-4))))
	}
	return [][]float32{m.rate, own, m.associated(a), m.similar(a), ridge}
}

// associated adds to the rates the mean log ratio of what is on record.
func (m *outcomeModel) associated(a *asked) []float32 {
	out := slices.Clone(m.rate)
	if len(a.x.Index) == 0 {
		return out
	}
	scale := 1 / float32(len(a.x.Index))
	var absent float32
	for _, c := range a.x.Index {
		none := m.table.Absent[c]
		absent += scale * none
		for k := m.table.Start[c]; k < m.table.Start[c+1]; k++ {
			out[m.table.Output[k]] += scale * (m.table.Ratio[k] - none)
		}
	}
	for l := range out {
		out[l] += absent
	}
	return out
}

// similar is the rate among the most similar decisions of other patients.
func (m *outcomeModel) similar(a *asked) []float32 {
	near := m.near.Nearest(a.x, outcomeNeighbours, func(i int) bool { return m.fitted[i].patient == a.patient })
	sum := make([]float64, m.n)
	total := 0.
	for _, n := range near {
		total += float64(n.Similarity)
		for _, l := range m.fitted[n.Row].came {
			sum[l] += float64(n.Similarity)
		}
	}
	weight := 1.
	if len(near) > 0 {
		weight = 5 * total / float64(len(near))
	}
	out := make([]float32, m.n)
	for l := range out {
		out[l] = float32(learn.Logit((sum[l] + weight*learn.Sigmoid(float64(m.rate[l]))) / (total + weight)))
	}
	return out
}

// outcomeStack is a logistic regression over the sources' log odds.
type outcomeStack struct{ fit *learn.Logistic }

// mostOutcomePairs bounds what the stack is fitted to.
const mostOutcomePairs = 300_000

// fitOutcomeStack fits to scores that are out of fold.
func fitOutcomeStack(of []asked, scores [][][]float32) (*outcomeStack, error) {
	d := len(outcomeColumns)
	var x []float32
	var y, w []float64
	total := 0
	for i := range of {
		total += len(scores[i][0]) - len(of[i].closed)
	}
	every := total/mostOutcomePairs + 1
	positives := 0
	for i := range of {
		for l := range scores[i][0] {
			if has(of[i].closed, l) {
				continue
			}
			hit, weight := has(of[i].came, l), 1.
			if !hit && every > 1 {
				if (i+l)%every != 0 {
					continue
				}
				weight = float64(every)
			}
			for k := range d {
				x = append(x, scores[i][k][l])
			}
			y, w = append(y, 0), append(w, weight)
			if hit {
				y[len(y)-1] = 1
				positives++
			}
		}
	}
	if positives < 5 {
		fit := &learn.Logistic{W: make([]float64, d)}
		fit.W[0] = 1
		return &outcomeStack{fit}, nil
	}
	fit, err := learn.FitLogistic(x, d, y, w, 3)
	if err != nil {
		return nil, fmt.Errorf("fitting stack: %w", err)
	}
	return &outcomeStack{fit}, nil
}

func (s *outcomeStack) logits(scores [][]float32) []float32 {
	out := make([]float32, len(scores[0]))
	in := make([]float32, len(scores))
	for l := range out {
		for k := range in {
			in[k] = scores[k][l]
		}
		out[l] = float32(s.fit.Logit(in))
	}
	return out
}

func has(sorted []uint32, l int) bool {
	_, ok := slices.BinarySearch(sorted, uint32(l))
	return ok
}

// outcomePenalties are tried for the ridge, the best by the loss of the first fold.
var outcomePenalties = []float64{30, 150, 750, 4000}

// choosePenalty fits without the first fold and asks it.
func choosePenalty(of []asked, fold []int, columns, n int) (float64, error) {
	var in, out []asked
	for i := range of {
		if fold[i] == 0 {
			out = append(out, of[i])
		} else {
			in = append(in, of[i])
		}
	}
	best, least := outcomePenalties[1], math.Inf(1)
	if len(in) == 0 || len(out) == 0 {
		return best, nil
	}
	x, y := make([]learn.Row, len(in)), make([]learn.Row, len(in))
	for i := range in {
		x[i], y[i] = in[i].x, learn.Row{Index: in[i].came}
	}
	p := make([]float32, n)
	for _, penalty := range outcomePenalties {
		m, err := learn.FitRidge(x, y, columns, n, penalty)
		if err != nil {
			return 0, fmt.Errorf("fitting ridge: %w", err)
		}
		loss := 0.
		for i := range out {
			m.Predict(out[i].x, p)
			for l, v := range p {
				if has(out[i].came, l) {
					v--
				}
				loss += float64(v) * float64(v)
			}
		}
		if loss < least {
			best, least = penalty, loss
		}
	}
	return best, nil
}
