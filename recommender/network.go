package recommender

import (
	"fmt"
	"math/rand/v2"

	"ember/learn/nn"
)

// network is the neural scorer: a network over the patient's state, the
// candidate's embedding and the stack's inputs, whose output is added to the
// stack's logit. shrink, chosen on patients the network has not seen, holds it
// back: at 0 the stack is alone. Immutable and safe for concurrent use.
type network struct {
	first, second, last *nn.Dense
	split               *nn.SplitMLP
	vectors             *vectors
	want                Want
	shrink              float32
}

// Sizes of the network.
const (
	hidden1 = 48
	hidden2 = 24
	// netColumns are the stack's inputs, the status and the stack's logit.
	netColumns = stackInputs + 2
)

func patientSize(dim int) int { return dim + contextColumns }

// patientState writes the network's view of a chart: the mean of its concepts'
// embeddings, weighted by recency, and its context columns as zeros and ones. The
// mean's weights are kept in into's order by factWeight.
func patientState(v *vectors, c *Chart, into []float32) {
	clear(into)
	total := stateWeight(c)
	for i := range c.facts {
		nn.Axpy(factWeight(&c.facts[i])/total, v.of(c.facts[i].concept), into[:v.dim])
	}
	for _, r := range c.reasons {
		nn.Axpy(reasonWeight/total, v.of(r), into[:v.dim])
	}
	for _, col := range c.x.Index {
		if int(col) >= contextColumns {
			break
		}
		into[v.dim+int(col)] = 1
	}
}

const reasonWeight = 2

// factWeight is the weight of a fact in the patient's state: 1 now, half after
// half a year, never below a tenth.
func factWeight(f *fact) float32 { return max(.1, 180/(180+f.last)) }

// stateWeight is the sum of the weights, never below 1.
func stateWeight(c *Chart) float32 {
	total := reasonWeight * float32(len(c.reasons))
	for i := range c.facts {
		total += factWeight(&c.facts[i])
	}
	return max(1, total)
}

// netInput writes the network's columns of one candidate.
func netInput(in []float32, st status, stacked float32, into []float32) {
	copy(into[:stackInputs], in[:stackInputs])
	for i := range into[:stackInputs] {
		into[i] *= .5
	}
	into[stackInputs] = float32(st % procedure)
	into[stackInputs+1] = stacked / 4
}

// seal splits the first layer for serving.
func (n *network) seal(a *lexicon) error {
	ids := a.vocabulary.labels[n.want]
	flat := make([]float32, 0, len(ids)*n.vectors.dim)
	for _, id := range ids {
		flat = append(flat, n.vectors.of(id)...)
	}
	var err error
	n.split, err = nn.NewSplitMLP(n.first, n.second, n.last, patientSize(n.vectors.dim), nn.Mat(flat, len(ids), n.vectors.dim))
	if err != nil {
		return fmt.Errorf("recommender: splitting network: %w", err)
	}
	return nil
}

// logits adds the network to the stack's logits of a decision.
func (n *network) logits(c *Chart, d *decision, stacked []float32) []float32 {
	var in [stackInputs]float32
	state := make([]float32, patientSize(n.vectors.dim))
	patientState(n.vectors, c, state)
	labels := make([]int32, len(stacked))
	columns := make([]float32, len(stacked)*netColumns)
	for k := range stacked {
		stackInput(d.cand.row(k), d.facts[k], in[:])
		netInput(in[:], d.status[k], stacked[k], columns[k*netColumns:(k+1)*netColumns])
		labels[k] = int32(d.cand.labels[k])
	}
	out := make([]float32, len(stacked))
	if n.split.Score(state, labels, columns, out) != nil {
		return stacked // sizes are ours: cannot happen
	}
	for k := range out {
		out[k] = stacked[k] + n.shrink*out[k]
	}
	return out
}

func (n *network) encode(e *encoder) {
	e.f32(n.shrink)
	for _, l := range n.layers() {
		e.f32s(l.W.Value)
		e.f32s(l.B.Value)
	}
}

func decodeNetwork(d *decoder, a *lexicon, v *vectors, w Want) *network {
	n := &network{want: w, vectors: v, shrink: d.f32()}
	d.ask(v != nil)
	if d.err != nil {
		return nil
	}
	dim := v.dim
	for _, l := range []struct {
		to      **nn.Dense
		in, out int
	}{{&n.first, patientSize(dim) + dim + netColumns, hidden1}, {&n.second, hidden1, hidden2}, {&n.last, hidden2, 1}} {
		layer := nn.NewDense(l.in, l.out, rand.New(rand.NewPCG(0, 0)))
		d.ask(copy(layer.W.Value, d.f32s()) == l.in*l.out)
		d.ask(copy(layer.B.Value, d.f32s()) == l.out)
		*l.to = layer
	}
	if d.err == nil {
		d.err = n.seal(a)
	}
	return n
}
