package recommender

import (
	"context"
	"slices"

	"ember/learn"
)

// rankerKind says which scorer ranks.
type rankerKind uint8

const (
	// byBaseline is version 0: repeat rate and popularity.
	byBaseline rankerKind = iota
	byStack
	byNetwork
	rankerKinds
)

var rankerNames = [rankerKinds]string{"baseline", "stack", "neural"}

// ranker turns candidates into logits and probabilities. Every kind up to its
// own is there, so that what loses can still be shown beside what serves.
type ranker struct {
	kind      rankerKind
	stack     *stack
	network   *network               // nil without one
	off       [rankerKinds][]float32 // by label, added before calibration; nil = none
	calibrate [rankerKinds][statuses]calibration
	conformal [rankerKinds]thresholds
	profile   *profile // never nil
}

// rank fits the ranker of one want from its out-of-fold decisions.
func (r *trainer) rank(ctx context.Context, a *Artifact, w Want) error {
	decisions := r.decisions[w]
	a.rankers[w] = ranker{stack: &stack{}, profile: &profile{}}
	for kind := range a.rankers[w].conformal {
		a.rankers[w].conformal[kind] = noThresholds()
	}
	if len(decisions) == 0 {
		return nil
	}
	r.report("fitting ranker for "+w.String(), 0, 0)
	pairs := makePairs(decisions)
	out, share, err := r.crossStack(pairs, decisions)
	if err != nil {
		return err
	}
	k := &a.rankers[w]
	whole, err := fitStack(pairs, func(uint8) bool { return true })
	if err != nil {
		return err
	}
	k.stack = whole.blend(share)
	if !r.opt.Simple {
		if k.network, err = r.crossNetwork(ctx, a, w, out); err != nil {
			return err
		}
	}
	for kind := byBaseline; kind < rankerKinds; kind++ {
		k.calibrate[kind] = out.calibrations(decisions, kind)
		k.offset(kind, decisions, out, len(r.data.lexicon.vocabulary.labels[w]), r.opt.Folds)
		k.conformal[kind] = k.conform(kind, decisions, out.logits[kind])
	}
	a.report.Wants = append(a.report.Wants, r.judge(a, w, out))
	k.profile = r.profile(w)
	r.observe(a, w, out)
	return nil
}

// outputs are out-of-fold logits of every decision's candidates, by ranker.
type outputs struct {
	logits [rankerKinds][][]float32
}

// crossStack scores each decision by a stack fitted without its fold: the
// sources' scores are out of fold already, so these logits are as those of
// patients never seen. How much of the stack a fold keeps is chosen on the other
// folds; share is the choice on all.
func (r *trainer) crossStack(p *pairs, decisions []decision) (out *outputs, share [statuses]float32, err error) {
	out = &outputs{}
	for k := range out.logits {
		out.logits[k] = make([][]float32, len(decisions))
	}
	byFold := make([]*stack, r.opt.Folds)
	for f := range byFold {
		if byFold[f], err = fitStack(p, func(g uint8) bool { return int(g) != f }); err != nil {
			return nil, share, err
		}
	}
	tried := tryShares(decisions, byFold)
	for f, s := range byFold {
		s = s.blend(tried.best(f))
		for i := range decisions {
			if int(decisions[i].fold) == f {
				out.logits[byBaseline][i], out.logits[byStack][i] = stackLogits(s, &decisions[i])
			}
		}
	}
	copy(out.logits[byNetwork], out.logits[byStack])
	return out, tried.best(-1), nil
}

func stackLogits(s *stack, d *decision) (baseline, stacked []float32) {
	var in [stackInputs]float32
	baseline, stacked = make([]float32, len(d.hit)), make([]float32, len(d.hit))
	for k := range d.hit {
		stackInput(d.cand.row(k), d.facts[k], in[:])
		stacked[k] = s.logit(d.status[k], in[:])
		baseline[k] = baselineLogit(d.cand.row(k))
	}
	return baseline, stacked
}

// calibrated are the logits of a decision after calibration.
func (k *ranker) calibrated(kind rankerKind, d *decision, logits []float32) []float32 {
	out := make([]float32, len(logits))
	for i, z := range logits {
		out[i] = k.calibrate[kind][d.status[i]].of(z)
	}
	return out
}

// judge compares the rankers on the out-of-fold decisions that had orders and
// chooses the one to serve: the network if it is above the stack, the stack if
// it is above the baseline, else the baseline.
func (r *trainer) judge(a *Artifact, w Want, out *outputs) WantReport {
	k := &a.rankers[w]
	var ap [rankerKinds][]float64
	var group []int
	for i := range r.decisions[w] {
		d := &r.decisions[w][i]
		if d.total == 0 {
			continue
		}
		group = append(group, int(r.data.rows[d.row].patient))
		for kind := byBaseline; kind < rankerKinds; kind++ {
			z := k.calibrated(kind, d, out.logits[kind][i])
			ap[kind] = append(ap[kind], averagePrecision(z, d.hit, d.missed))
		}
	}
	estimate := func(v []float64) learn.Estimate { return learn.Mean(v, group, r.opt.BootstrapReps, r.opt.Seed) }
	rep := WantReport{Want: w.String(), AP: map[string]learn.Estimate{}, group: group}
	for kind := byBaseline; kind < rankerKinds; kind++ {
		rep.AP[rankerNames[kind]] = estimate(ap[kind])
	}
	best := byBaseline
	if rep.AP["stack"].Value > rep.AP["baseline"].Value {
		best = byStack
	}
	if k.network != nil && k.network.shrink > 0 && rep.AP["neural"].Value > rep.AP[rankerNames[best]].Value {
		best = byNetwork
	}
	k.kind = best
	rep.Ranker = rankerNames[best]
	rep.Difference = learn.Diff(ap[best], ap[byBaseline], group, r.opt.BootstrapReps, r.opt.Seed)
	rep.best, rep.base = ap[best], ap[byBaseline]
	rep.Subgroups = r.subgroups(w, rep.best, rep.base)
	rep.ECE = r.expectedError(w, k, out)
	return rep
}

// expectedError is the expected calibration error of the chosen ranker where it
// gives more than 5 %, in 15 bins, out of fold.
func (r *trainer) expectedError(w Want, k *ranker, out *outputs) float64 {
	var p []float64
	var hit []bool
	for i := range r.decisions[w] {
		d := &r.decisions[w][i]
		for j, z := range k.calibrated(k.kind, d, out.logits[k.kind][i]) {
			p, hit = append(p, learn.Sigmoid(float64(z))), append(hit, d.hit[j])
		}
	}
	return learn.ECE(p, hit, 15, .05)
}

// averagePrecision ranks by score and counts missed orders as never found.
func averagePrecision(scores []float32, hit []bool, missed int) float64 {
	var relevant []uint32
	for i, h := range hit {
		if h {
			relevant = append(relevant, uint32(i))
		}
	}
	return learn.NewRanking(scores, relevant, missed).AveragePrecision()
}

// summarise pools the wants into the one difference that a gate decides by.
func (r *trainer) summarise(a *Artifact) {
	var best, base []float64
	var group []int
	for _, rep := range a.report.Wants {
		best, base = append(best, rep.best...), append(base, rep.base...)
		group = append(group, rep.group...)
	}
	a.report.Difference = learn.Diff(best, base, group, r.opt.BootstrapReps, r.opt.Seed)
	a.report.Patients, a.report.Samples = r.data.patients, len(r.data.rows)
	a.report.Columns = r.data.lexicon.columns.n
	a.report.People, a.report.Sites = r.represented(), len(r.data.lexicon.siteNames)
	for i := range a.report.Wants {
		a.report.Wants[i].best, a.report.Wants[i].base, a.report.Wants[i].group = nil, nil, nil
	}
	slices.SortFunc(a.report.Wants, func(x, y WantReport) int { return len(x.Want) - len(y.Want) })
}
