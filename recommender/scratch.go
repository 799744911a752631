package recommender

import (
	"cmp"
	"slices"

	"ember/learn"
	"ember/record"
)

// scratch is the working space of one answer, pooled: nothing in it survives
// the answer.
type scratch struct {
	charter charter
	chart   Chart
	cached  candidates
	cand    *candidates
	facts   []*fact   // by candidate
	status  []status  // by candidate
	stacked []float32 // the stack's logits
	net     []float32 // what the network adds, already shrunk
	logits  []float32 // calibrated
	keys    []float32 // what they are put in order by: logits and preferences
	order   []int     // candidates, best first
	inputs  []float32 // stackInputs per candidate
	state   []float32
	labels  []int32
	columns []float32
	best    []uint32
	why     contributions
	loaded  *loaded
}

// begin resolves the query's past.
func (s *scratch) begin(l *loaded, q *Query) {
	visit, _ := q.Past.Visit()
	s.loaded = l
	s.charter.fill(&s.chart, l.artifact.lexicon, q.Past, visit, q.Context)
	l.artifact.lexicon.featurise(&s.chart)
	s.why.begin(&s.chart, q, visit)
}

// must are labels that have to be candidates: the one to explain.
func (s *scratch) must(a *Artifact, q *Query) []uint32 {
	v := a.lexicon.vocabulary
	if q.Explain.Zero() {
		return nil
	}
	for l := range v.labels[q.Want] {
		if means(q.Explain, v.label(q.Want, uint32(l)).code) {
			return []uint32{uint32(l)}
		}
	}
	return nil
}

// means reports whether a question names an order; a code without a system
// names the first order that has it.
func means(asked, code record.Code) bool {
	return asked.Value == code.Value && (asked.System == "" || asked.System == code.System)
}

func (s *scratch) explains(a *Artifact, q *Query, k int) bool {
	return !q.Explain.Zero() && means(q.Explain, a.lexicon.vocabulary.label(q.Want, s.cand.labels[k]).code)
}

// depth is how many candidates to put in order: the items and some that rules
// may take out; all when one is to be explained.
func (s *scratch) depth(q *Query) int {
	if !q.Explain.Zero() {
		return len(s.cand.labels)
	}
	return min(q.Limit+24, len(s.cand.labels))
}

// rank scores all candidates in one batch and orders the best.
func (s *scratch) rank(a *Artifact, want Want, least int) {
	s.findFacts(a.lexicon.vocabulary, want)
	n := len(s.cand.labels)
	s.stacked = slices.Grow(s.stacked[:0], n)[:n]
	s.net = slices.Grow(s.net[:0], n)[:n]
	s.logits = slices.Grow(s.logits[:0], n)[:n]
	s.inputs = slices.Grow(s.inputs[:0], n*stackInputs)[:n*stackInputs]
	clear(s.net)
	k := &a.rankers[want]
	for i := range n {
		in := s.input(i)
		stackInput(s.cand.row(i), s.facts[i], in)
		if k.kind == byBaseline {
			s.stacked[i] = baselineLogit(s.cand.row(i))
		} else {
			s.stacked[i] = k.stack.logit(s.status[i], in)
		}
	}
	if k.kind == byNetwork {
		s.runNetwork(k.network)
	}
	for i := range n {
		s.logits[i] = k.calibrate[k.kind][s.status[i]].of(s.stacked[i] + s.net[i] + k.offsetBy(s.cand.labels[i]))
	}
	s.keys = append(s.keys[:0], s.logits...)
	if prefer := a.prefer[want]; prefer != nil {
		for i, l := range s.cand.labels {
			s.keys[i] += prefer[l]
		}
	}
	s.sort(least)
}

func (s *scratch) input(i int) []float32 { return s.inputs[i*stackInputs : (i+1)*stackInputs] }

// findFacts walks candidates and facts together; both are in the order of
// concepts.
func (s *scratch) findFacts(v *vocabulary, want Want) {
	s.facts = slices.Grow(s.facts[:0], len(s.cand.labels))[:len(s.cand.labels)]
	s.status = slices.Grow(s.status[:0], len(s.cand.labels))[:len(s.cand.labels)]
	at := 0
	for k, l := range s.cand.labels {
		id := v.labels[want][l]
		for at < len(s.chart.facts) && s.chart.facts[at].concept < id {
			at++
		}
		s.facts[k] = nil
		if at < len(s.chart.facts) && s.chart.facts[at].concept == id {
			s.facts[k] = &s.chart.facts[at]
		}
		s.status[k] = statusOf(v.concepts[id].kind, s.facts[k])
	}
}

// sort puts the best in order, at least so many of them; all when that is few
// short of all.
func (s *scratch) sort(least int) {
	n := len(s.logits)
	s.order = s.order[:0]
	if least < n/2 {
		s.best = top(s.keys, least, s.best[:0])
		for _, k := range s.best {
			s.order = append(s.order, int(k))
		}
	}
	if len(s.order) < least {
		s.sortAll()
	}
}

func (s *scratch) sortAll() {
	s.order = s.order[:0]
	for k := range s.logits {
		s.order = append(s.order, k)
	}
	slices.SortFunc(s.order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.keys[b], s.keys[a]), a-b)
	})
}

func (s *scratch) runNetwork(n *network) {
	count := len(s.cand.labels)
	s.state = slices.Grow(s.state[:0], patientSize(n.vectors.dim))[:patientSize(n.vectors.dim)]
	patientState(n.vectors, &s.chart, s.state)
	s.labels = slices.Grow(s.labels[:0], count)[:count]
	s.columns = slices.Grow(s.columns[:0], count*netColumns)[:count*netColumns]
	for i, l := range s.cand.labels {
		s.labels[i] = int32(l)
		netInput(s.input(i), s.status[i], s.stacked[i], s.columns[i*netColumns:(i+1)*netColumns])
	}
	if n.split.Score(s.state, s.labels, s.columns, s.net) != nil {
		clear(s.net) // sizes are ours: cannot happen
	}
	for i := range s.net {
		s.net[i] *= n.shrink
	}
}

// item is a candidate, still without reasons: a blocked one needs none.
func (s *scratch) item(l *loaded, q *Query, k int) Item {
	c := l.artifact.lexicon.vocabulary.label(q.Want, s.cand.labels[k])
	return Item{
		Code: c.code, Kind: c.kind,
		Status:      s.status[k].String(),
		Probability: learn.Sigmoid(float64(s.logits[k])),
		Similar:     similarOf(int(s.cand.received[k]), s.cand.similar),
		Preference:  float64(s.keys[k] - s.logits[k]),
	}
}
