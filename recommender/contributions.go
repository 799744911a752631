package recommender

import (
	"ember/learn/nn"
	"ember/record"
)

// contributions split one candidate's log odds into what each fact of the chart,
// each reason of the visit and each source gives. They sum to it by
// construction: what cannot be told apart stays in general.
type contributions struct {
	fact    []float32 // by fact of the chart
	reason  []float32 // by reason of the visit
	general float32   // how often it is ordered at all, and what has no better place
	person  float32   // age, sex, setting
	site    float32
	similar float32
	words   float32

	owner  []int32   // by feature of the chart: fact, or ownReason+i, or ownPerson
	share  []float32 // by feature
	texts  []string  // by fact, made when first needed
	events []record.Event
	drafts []record.Event
	visit  record.Encounter
	net    netGradient
}

// Owners that are no facts.
const (
	ownPerson = -1
	ownReason = -2 // minus the reason's number
)

func (w *contributions) begin(c *Chart, q *Query, visit record.Encounter) {
	w.events, w.drafts, w.visit = q.Past.Events(), q.Context, visit
	w.owner = w.owner[:0]
	w.texts = append(w.texts[:0], make([]string, len(c.facts))...)
}

// own finds, for every feature of the chart, which fact or reason it is of.
func (w *contributions) own(a *lexicon, c *Chart) {
	w.owner = w.owner[:0]
	for _, col := range c.x.Index {
		w.owner = append(w.owner, ownerOf(a, c, col))
	}
	w.share = append(w.share[:0], make([]float32, len(w.owner))...)
}

func ownerOf(a *lexicon, c *Chart, col uint32) int32 {
	if int(col) < contextColumns {
		return ownPerson
	}
	id := a.columns.concept[col]
	switch a.columns.variant[col] {
	case reason:
		for i, r := range c.reasons {
			if r == id {
				return ownReason - int32(i)
			}
		}
	case group:
		return memberOf(a, c, id)
	default:
		if f := c.find(id); f != nil {
			for i := range c.facts {
				if &c.facts[i] == f {
					return int32(i)
				}
			}
		}
	}
	return ownPerson
}

// memberOf is the most recent fact of a group.
func memberOf(a *lexicon, c *Chart, id uint32) int32 {
	best := int32(ownPerson)
	for i := range c.facts {
		for _, g := range a.vocabulary.concepts[c.facts[i].concept].groups {
			if g == id && (best < 0 || c.facts[i].last < c.facts[best].last) {
				best = int32(i)
			}
		}
	}
	return best
}

// split fills the contributions of candidate k. The sum is s.logits[k].
func (s *scratch) split(l *loaded, want Want, k int) *contributions {
	a, w := l.artifact, &s.why
	if len(w.owner) == 0 {
		w.own(a.lexicon, &s.chart)
	}
	w.fact = append(w.fact[:0], make([]float32, len(s.chart.facts))...)
	w.reason = append(w.reason[:0], make([]float32, len(s.chart.reasons))...)
	w.general, w.person, w.site, w.similar, w.words = 0, 0, 0, 0, 0
	r := &a.rankers[want]
	st := s.status[k]
	p := r.calibrate[r.kind][st]
	w.general = p.b
	if r.kind == byBaseline {
		w.baseline(s, k, p.a*s.stacked[k])
	} else {
		w.stack(s, l, want, k, r.stack, st, p.a)
	}
	if r.kind == byNetwork {
		w.network(s, l, want, k, r.network, p.a)
	}
	return w
}

// baseline gives all to the earlier order, or to popularity.
func (w *contributions) baseline(s *scratch, k int, z float32) {
	if i, ok := s.position(k); ok && s.cand.row(k)[colHistory] > noHistory {
		w.fact[i] += z
		return
	}
	w.general += z
}

// position is the chart's fact of a candidate.
func (s *scratch) position(k int) (int, bool) {
	if s.facts[k] == nil {
		return 0, false
	}
	lo, hi := 0, len(s.chart.facts)
	for lo < hi {
		m := (lo + hi) / 2
		if s.chart.facts[m].concept < s.facts[k].concept {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo, true
}

// stack splits the stack's logit, source by source, from the average candidate.
func (w *contributions) stack(s *scratch, l *loaded, want Want, k int, st *stack, status status, scale float32) {
	in := s.input(k)
	w.general += scale * st.bias[status]
	own, hasOwn := s.position(k)
	for i, v := range in {
		weight := scale * st.weight[status][i]
		mean := st.mean[status][i]
		w.general += weight * mean
		part := weight * (v - mean)
		switch inputSource[i] {
		case colHistory:
			if hasOwn {
				w.fact[own] += part
			} else {
				w.general += part
			}
		case colPopularity:
			w.general += part
		case colSite:
			w.site += part
		case colSimilar:
			w.similar += part
		case colText:
			w.words += part
		default:
			w.allot(l, want, s.cand.labels[k], i, &s.chart, part)
		}
	}
}

// allot divides the part of a source that works by features among their owners,
// in proportion to what each gave in the part's direction.
func (w *contributions) allot(l *loaded, want Want, label uint32, input int, c *Chart, part float32) {
	if part == 0 {
		return
	}
	var total float32
	table := l.why[want].of(input, label)
	uses := l.uses[inputSource[input]]
	for i, col := range c.x.Index {
		w.share[i] = 0
		if v := table[col]; (v > 0) == (part > 0) && v != 0 && (uses == nil || uses[col]) {
			w.share[i] = v
			total += v
		}
	}
	if total == 0 {
		w.general += part
		return
	}
	for i, v := range w.share {
		if v != 0 {
			w.give(w.owner[i], part*(v/total))
		}
	}
}

func (w *contributions) give(owner int32, part float32) {
	switch {
	case owner >= 0:
		w.fact[owner] += part
	case owner <= ownReason:
		w.reason[ownReason-owner] += part
	default:
		w.person += part
	}
}

// network splits what the network adds. It is piecewise linear, so that its
// gradient at the chart, times the chart, plus a constant, is it exactly.
func (w *contributions) network(s *scratch, l *loaded, want Want, k int, n *network, scale float32) {
	z := scale * s.net[k]
	w.general += z
	if n.shrink == 0 {
		return
	}
	g := w.net.of(n, l.artifact.lexicon.vocabulary.labels[want][s.cand.labels[k]], s.state, s.columns[k*netColumns:(k+1)*netColumns])
	scale *= n.shrink
	dim := n.vectors.dim
	total := stateWeight(&s.chart)
	for i := range s.chart.facts {
		f := &s.chart.facts[i]
		part := scale * factWeight(f) / total * nn.Dot(g[:dim], n.vectors.of(f.concept))
		w.fact[i] += part
		w.general -= part
	}
	for i, r := range s.chart.reasons {
		part := scale * reasonWeight / total * nn.Dot(g[:dim], n.vectors.of(r))
		w.reason[i] += part
		w.general -= part
	}
	for _, v := range g[dim:] {
		w.person += scale * v
		w.general -= scale * v
	}
}

// netGradient computes the gradient of the network's output by the patient's
// state. Its slices are reused.
type netGradient struct{ x, h1, h2, g1, grad []float32 }

// of returns the gradient by the embedding part, followed by the gradient times
// the value of each context column.
func (g *netGradient) of(n *network, concept uint32, state, columns []float32) []float32 {
	g.x = append(append(append(g.x[:0], state...), n.vectors.of(concept)...), columns...)
	g.h1 = forward(n.first, g.x, g.h1)
	g.h2 = forwardRectified(n.second, g.h1, g.h2)
	g.g1 = append(g.g1[:0], make([]float32, hidden1)...)
	for j, v := range g.h2 {
		if v > 0 {
			for i := range g.g1 {
				g.g1[i] += n.second.W.Value[i*hidden2+j] * n.last.W.Value[j]
			}
		}
	}
	for i, v := range g.h1 {
		if v <= 0 {
			g.g1[i] = 0
		}
	}
	g.grad = g.grad[:0]
	for i := range state {
		d := float32(0)
		if i < n.vectors.dim {
			d = nn.Dot(n.first.W.Value[i*hidden1:(i+1)*hidden1], g.g1)
		} else if state[i] != 0 {
			d = state[i] * nn.Dot(n.first.W.Value[i*hidden1:(i+1)*hidden1], g.g1)
		}
		g.grad = append(g.grad, d)
	}
	return g.grad
}

func forward(d *nn.Dense, x, into []float32) []float32 {
	into = append(into[:0], d.B.Value...)
	for i, v := range x {
		if v != 0 {
			nn.Axpy(v, d.W.Value[i*len(into):(i+1)*len(into)], into)
		}
	}
	return into
}

func forwardRectified(d *nn.Dense, x, into []float32) []float32 {
	into = append(into[:0], d.B.Value...)
	for i, v := range x {
		if v > 0 {
			nn.Axpy(v, d.W.Value[i*len(into):(i+1)*len(into)], into)
		}
	}
	return into
}
