package recommender

import (
	"context"
	"math/rand/v2"
	"slices"

	"ember/learn/nn"
)

// netPair is one candidate of one decision, as the network trains on it.
type netPair struct {
	decision, candidate int32
	weight              float32
}

// Training of the network.
const (
	netEpochs = 4
	netBatch  = 256
	netRate   = 2e-3
	netDecay  = 1e-2
	netMean   = .999 // weights serve as a mean over steps, which is steadier and better calibrated
	netGroups = 2    // parts for the network's own out-of-fold logits
	netHard   = 30   // candidates the stack puts first that are always trained on
	netEvery  = 8    // one in so many of the others, with that weight
)

// crossNetwork fits the network: once per group of folds without it, for logits
// of patients that neither it nor its embeddings have seen, from which shrink is chosen, and once on all.
// nil without embeddings or with too few orders.
func (r *trainer) crossNetwork(ctx context.Context, a *Artifact, w Want, out *outputs) (*network, error) {
	decisions := r.decisions[w]
	if r.vectors == nil || countHits(decisions) < 200 {
		return nil, nil
	}
	raw := make([][]float32, len(decisions)) // the network's part alone
	group := func(i int) int { return int(decisions[i].fold) % netGroups }
	for g := range netGroups {
		if r.partial[g] == nil {
			var err error
			if r.partial[g], err = r.embed(ctx, func(f int) bool { return f%netGroups != g }); err != nil {
				return nil, err
			}
		}
		if r.partial[g] == nil {
			return nil, nil
		}
	}
	r.report("training network for "+w.String(), 0, 0)
	var all *network
	err := parallel(netGroups+1, func(g int) (err error) {
		if g == netGroups {
			all, err = r.fitNetwork(ctx, w, r.vectors, out.logits[byStack], func(int) bool { return true })
			return err
		}
		n, err := r.fitNetwork(ctx, w, r.partial[g], out.logits[byStack], func(i int) bool { return group(i) != g })
		if err != nil {
			return err
		}
		for i := range decisions {
			if group(i) == g {
				raw[i] = n.alone(&r.data.rows[decisions[i].row].chart, &decisions[i], out.logits[byStack][i])
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for g := range netGroups { // each group's shrink is chosen on the others
		shrink := r.chooseShrink(w, out, raw, func(i int) bool { return group(i) != g })
		for i := range decisions {
			if group(i) == g {
				out.logits[byNetwork][i] = plus(out.logits[byStack][i], raw[i], shrink)
			}
		}
	}
	all.shrink = r.chooseShrink(w, out, raw, func(int) bool { return true })
	return all, nil
}

func countHits(decisions []decision) int {
	n := 0
	for i := range decisions {
		n += decisions[i].total - decisions[i].missed
	}
	return n
}

func plus(a, b []float32, scale float32) []float32 {
	out := slices.Clone(a)
	for i, v := range b {
		out[i] += scale * v
	}
	return out
}

// alone is what the network by itself adds, unshrunk.
func (n *network) alone(c *Chart, d *decision, stacked []float32) []float32 {
	full := *n
	full.shrink = 1
	return plus(full.logits(c, d, stacked), stacked, -1)
}

// chooseShrink is the share of the network with the best mean average precision
// on the decisions to look at; ties go to less.
func (r *trainer) chooseShrink(w Want, out *outputs, raw [][]float32, look func(i int) bool) float32 {
	best, bestAP := float32(0), -1.
	for _, s := range []float32{0, .25, .5, .75, 1} {
		var sum float64
		for i := range r.decisions[w] {
			d := &r.decisions[w][i]
			if d.total > 0 && look(i) {
				sum += averagePrecision(plus(out.logits[byStack][i], raw[i], s), d.hit, d.missed)
			}
		}
		if sum > bestAP*(1+1e-9) {
			best, bestAP = s, sum
		}
	}
	return best
}

// fitNetwork trains on some of the decisions, starting from the stack alone.
func (r *trainer) fitNetwork(ctx context.Context, w Want, v *vectors, stacked [][]float32, keep func(i int) bool) (*network, error) {
	dim := v.dim
	rng := rand.New(rand.NewPCG(r.opt.Seed, uint64(w)))
	n := &network{vectors: v, want: w,
		first:  nn.NewDense(patientSize(dim)+dim+netColumns, hidden1, rng),
		second: nn.NewDense(hidden1, hidden2, rng),
		last:   nn.NewDense(hidden2, 1, rng),
	}
	clear(n.last.W.Value)
	t := netTrainer{r: r, net: n, stacked: stacked, decisions: r.decisions[w],
		pairs: netPairs(r.decisions[w], stacked, keep), states: make([][]float32, len(r.decisions[w]))}
	for i := range t.decisions {
		if keep(i) {
			t.states[i] = make([]float32, patientSize(dim))
			patientState(v, &r.data.rows[t.decisions[i].row].chart, t.states[i])
		}
	}
	if err := t.train(r.opt.Parts, func() error { return t.run(ctx, rng) }); err != nil {
		return nil, err
	}
	return n, n.seal(r.data.lexicon)
}

// netPairs are the orders, the candidates the stack puts first, and a share of
// the rest with the weight of all.
func netPairs(decisions []decision, stacked [][]float32, keep func(i int) bool) []netPair {
	var out []netPair
	for i := range decisions {
		if !keep(i) {
			continue
		}
		d := &decisions[i]
		hard := make([]bool, len(d.hit))
		for _, k := range top(stacked[i], netHard, nil) {
			hard[k] = true
		}
		for k, hit := range d.hit {
			switch {
			case hit || hard[k]:
				out = append(out, netPair{int32(i), int32(k), 1})
			case mix(uint64(d.row), uint64(k))%netEvery == 0:
				out = append(out, netPair{int32(i), int32(k), netEvery})
			}
		}
	}
	return out
}

type netTrainer struct {
	r         *trainer
	net       *network
	decisions []decision
	stacked   [][]float32
	states    [][]float32
	pairs     []netPair
}

func (t *netTrainer) run(ctx context.Context, rng *rand.Rand) error {
	model, err := nn.NewSequential([]int{t.net.first.In()}, t.net.first, nn.ReLU(), t.net.second, nn.ReLU(), t.net.last)
	if err != nil {
		return err
	}
	adam := nn.Adam{Rate: netRate, Decay: netDecay, Clip: 1}
	mean := nn.NewMean(model.Params(), netMean)
	defer mean.Store()
	width := t.net.first.In()
	x := nn.NewTensor(netBatch, width)
	residual, y, weight := make([]float32, netBatch), make([]float32, netBatch), make([]float32, netBatch)
	grad := make([]float32, netBatch)
	for epoch := range netEpochs {
		if err := ctx.Err(); err != nil {
			return err
		}
		adam.Rate = netRate * (1 - float64(epoch)/netEpochs)
		rng.Shuffle(len(t.pairs), func(i, j int) { t.pairs[i], t.pairs[j] = t.pairs[j], t.pairs[i] })
		for at := 0; at < len(t.pairs); at += netBatch {
			batch := t.pairs[at:min(len(t.pairs), at+netBatch)]
			n := len(batch)
			for i, p := range batch {
				residual[i], y[i] = t.fill(p, x.Data[i*width:(i+1)*width])
				weight[i] = p.weight
			}
			out := model.Forward(nn.Of(x.Data[:n*width], n, width), true)
			for i, v := range out.Data {
				residual[i] += v
			}
			if _, err := nn.BCE(residual[:n], y[:n], weight[:n], grad[:n]); err != nil {
				return err
			}
			nn.ZeroGrad(model.Params())
			model.Backward(nn.Of(grad[:n], n, 1))
			adam.Step(model.Params())
			mean.Step()
		}
	}
	return nil
}

// fill writes the network's input of a pair and returns the stack's logit, to
// which the network adds, and the target.
func (t *netTrainer) fill(p netPair, x []float32) (residual, y float32) {
	d := &t.decisions[p.decision]
	k := int(p.candidate)
	dim := t.net.vectors.dim
	n := copy(x, t.states[p.decision])
	v := t.r.data.lexicon.vocabulary
	n += copy(x[n:n+dim], t.net.vectors.of(v.labels[t.net.want][d.cand.labels[k]]))
	var in [stackInputs]float32
	stackInput(d.cand.row(k), d.facts[k], in[:])
	residual = t.stacked[p.decision][k]
	netInput(in[:], d.status[k], residual, x[n:])
	if d.hit[k] {
		y = 1
	}
	return residual, y
}
