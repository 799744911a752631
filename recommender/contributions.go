package recommender

import (
	"math"

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

	owner   []int32  // by feature of the chart: fact, or ownReason+i, or ownPerson
	texts   []string // by fact, made when first needed
	whom    string
	reasons []Reason // room for those of the next items; it is the answer's
	sources []string
	events  []record.Event
	drafts  []record.Event
	visit   record.Encounter
	net     netGradient
}

// Owners that are no facts.
const (
	ownPerson = -1
	ownReason = -2 // minus the reason's number
)

func (w *contributions) begin(c *Chart, q *Query, visit record.Encounter) {
	w.events, w.drafts, w.visit = q.Past.Events(), q.Context, visit
	w.owner, w.net.patient = w.owner[:0], w.net.patient[:0]
	w.texts = append(w.texts[:0], make([]string, len(c.facts))...)
	w.whom, w.reasons, w.sources = "", nil, nil
}

// own finds, for every feature of the chart, which fact or reason it is of.
func (w *contributions) own(a *lexicon, c *Chart) {
	w.owner = w.owner[:0]
	for _, col := range c.x.Index {
		w.owner = append(w.owner, ownerOf(a, c, col))
	}
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
		if i, ok := c.place(id); ok {
			return int32(i)
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
	off := r.offsetBy(s.cand.labels[k])
	p := r.calibrate[r.kind][st].at(s.stacked[k] + s.net[k] + off) // what holds there: the sum stays a sum
	w.general = p.b + p.a*off
	if r.kind == byBaseline {
		w.baseline(s, k, p.a*s.stacked[k])
	} else {
		w.stack(s, l, want, k, r.stack, st, p.a)
	}
	if r.kind == byNetwork {
		w.network(s, l, want, k, r.network, p.a)
	}
	w.beginAtNew(s, k)
	return w
}

// beginAtNew gives what makes a continuation likelier than a new order to the
// earlier order: without it there would be nothing to continue. All candidates
// are told from how often they are newly ordered.
func (w *contributions) beginAtNew(s *scratch, k int) {
	if i, ok := s.position(k); ok && s.status[k].continues() {
		usual := s.cand.row(k)[colPopularity]
		w.fact[i] += w.general - usual
		w.general = usual
	}
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
	return s.chart.place(s.facts[k].concept)
}

// stack splits the stack's logit, source by source, from the average candidate.
func (w *contributions) stack(s *scratch, l *loaded, want Want, k int, st *stack, status status, scale float32) {
	in := s.input(k)
	w.general += scale * st.bias[status]
	own, hasOwn := s.position(k)
	var p parts
	for i, v := range in {
		weight := scale * st.weight[status][i]
		mean := st.mean[status][i]
		w.general += weight * mean
		part := weight * (v - mean)
		switch inputSource[i] {
		case colReason, colCondition, colAssociation:
			p.association[inputSource[i]-colReason] += part
		case colRidge:
			p.ridge += part
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
		}
	}
	w.allot(l, want, s.cand.labels[k], &s.chart, p)
}

// parts are what the sources that work by features give to one candidate: the
// three that share the table of associations, and the ridge.
type parts struct {
	association [3]float32 // by bit of loaded.looks
	ridge       float32
}

// allot divides each part among the owners of the features, in proportion to what
// each feature gave in the part's direction. The features are gone through twice:
// for the sums by sign and by which sources look at them, then to give.
func (w *contributions) allot(l *loaded, want Want, label uint32, c *Chart, p parts) {
	t := &l.why[want]
	association, ridge := t.of(t.association, label), t.of(t.ridge, label)
	var sums [2][8]float32
	var ridges [2]float32
	for _, col := range c.x.Index {
		v, r := association[col], ridge[col]
		sums[sign(v)][l.looks[col]] += v
		ridges[sign(r)] += r
	}
	var factor [2][8]float32
	for j, part := range p.association {
		s, total := sign(part), float32(0)
		for looks, sum := range sums[s] {
			total += sum * float32(looks>>j&1)
		}
		if total == 0 {
			w.general += part
			continue
		}
		for looks := range factor[s] {
			factor[s][looks] += part / total * float32(looks>>j&1)
		}
	}
	var ridgeFactor [2]float32
	if s := sign(p.ridge); ridges[s] != 0 {
		ridgeFactor[s] = p.ridge / ridges[s]
	} else {
		w.general += p.ridge
	}
	for i, col := range c.x.Index {
		v, r := association[col], ridge[col]
		if given := v*factor[sign(v)][l.looks[col]] + r*ridgeFactor[sign(r)]; given != 0 {
			w.give(w.owner[i], given)
		}
	}
}

// sign is 1 for what speaks against.
func sign(v float32) int { return int(math.Float32bits(v) >> 31) }

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
	w.general += scale * s.net[k]
	if n.shrink == 0 {
		return
	}
	t := &l.net[want]
	g := w.net.of(n, t, s, k)
	scale *= n.shrink
	perWeight := scale / stateWeight(&s.chart)
	give := func(to *float32, part float32) {
		*to += part
		w.general -= part
	}
	for i := range s.chart.facts {
		f := &s.chart.facts[i]
		give(&w.fact[i], perWeight*factWeight(f)*nn.Dot(g, t.concept[int(f.concept)*hidden1:(int(f.concept)+1)*hidden1]))
	}
	for i, r := range s.chart.reasons {
		give(&w.reason[i], perWeight*reasonWeight*nn.Dot(g, t.concept[int(r)*hidden1:(int(r)+1)*hidden1]))
	}
	for _, col := range s.chart.x.Index {
		if int(col) >= contextColumns {
			break
		}
		row := n.vectors.dim + int(col)
		give(&w.person, scale*nn.Dot(g, n.first.W.Value[row*hidden1:(row+1)*hidden1]))
	}
}

// netTable is what the network's first layer makes of every concept of a chart,
// and of every candidate.
type netTable struct{ concept, candidate []float32 }

func newNetTable(n *network, v *vocabulary) netTable {
	dim := n.vectors.dim
	t := netTable{concept: make([]float32, len(v.concepts)*hidden1), candidate: make([]float32, len(v.labels[n.want])*hidden1)}
	layer := func(from int) nn.Matrix {
		return nn.Mat(n.first.W.Value[from*hidden1:(from+dim)*hidden1], dim, hidden1)
	}
	nn.Gemm(nn.Mat(t.concept, len(v.concepts), hidden1), nn.Mat(n.vectors.flat, len(v.concepts), dim), layer(0))
	for l, id := range v.labels[n.want] {
		row := t.candidate[l*hidden1 : (l+1)*hidden1]
		copy(row, n.first.B.Value)
		nn.Gemm(nn.Mat(row, 1, hidden1), nn.Mat(n.vectors.of(id), 1, dim), layer(patientSize(dim)))
	}
	return t
}

// netGradient computes the gradient of the network's output by what goes into
// its first hidden layer. Its slices are reused; patient is kept for the answer.
type netGradient struct{ patient, h1, h2, g1 []float32 }

func (g *netGradient) of(n *network, t *netTable, s *scratch, k int) []float32 {
	if len(g.patient) == 0 {
		g.patient = append(g.patient, make([]float32, hidden1)...)
		accumulate(n.first, 0, s.state, g.patient)
	}
	label := int(s.cand.labels[k])
	g.h1 = append(g.h1[:0], g.patient...)
	nn.Axpy(1, t.candidate[label*hidden1:(label+1)*hidden1], g.h1)
	accumulate(n.first, patientSize(n.vectors.dim)+n.vectors.dim, s.columns[k*netColumns:(k+1)*netColumns], g.h1)
	g.h2 = append(g.h2[:0], n.second.B.Value...)
	for i, v := range g.h1 {
		if v > 0 {
			nn.Axpy(v, n.second.W.Value[i*hidden2:(i+1)*hidden2], g.h2)
		}
	}
	for j, v := range g.h2 { // from here on the gradient by the second layer
		g.h2[j] = 0
		if v > 0 {
			g.h2[j] = n.last.W.Value[j]
		}
	}
	g.g1 = append(g.g1[:0], make([]float32, hidden1)...)
	for i, v := range g.h1 {
		if v > 0 {
			g.g1[i] = nn.Dot(n.second.W.Value[i*hidden2:(i+1)*hidden2], g.h2)
		}
	}
	return g.g1
}

// accumulate adds the inputs, whose weights begin at a row, to into.
func accumulate(d *nn.Dense, row int, x, into []float32) {
	for i, v := range x {
		if v != 0 {
			nn.Axpy(v, d.W.Value[(row+i)*len(into):(row+i+1)*len(into)], into)
		}
	}
}
