package recommender

import (
	"context"
	"fmt"

	"ember/record"
)

// Scoring is what every system says about one decision: the sources alone, the
// usual baselines, and the rankers. Evaluation compares them; serving does not
// use it.
type Scoring struct {
	Patient int // ordinal in training, -1 elsewhere
	Want    Want
	Kinds   []record.Kind // by candidate
	New     []bool        // by candidate: neither active nor ordered in the window
	Hit     []bool        // by candidate, where the orders are known
	Labels  []uint32      // by candidate: its index in the vocabulary
	// Missed are orders that were not among the candidates.
	Missed []Label
	// Scores are by system, then candidate. Those of rankers are logits.
	Scores map[string][]float32
	// Ranker is the system that serves, and In whether a candidate's score of it
	// is in the set of each level, by rising coverage; nil for decisions of
	// training.
	Ranker string
	In     map[float64][]bool
}

// The systems that are neither sources nor rankers.
const (
	carryOver = "carry-over"
	frequency = "personal frequency"
)

// Systems are the names in Scoring.Scores, baselines first, rankers last.
func Systems() []string {
	return []string{"popularity", "reason popularity", carryOver, frequency, "association", "similar", "baseline", "ridge", "stack", "neural"}
}

// Score is what every system says about a sample, over all labels.
func (a *Artifact) Score(ctx context.Context, s Sample, want Want) (Scoring, error) {
	if want == 0 || want >= wantEnd {
		return Scoring{}, fmt.Errorf("recommender: scoring: invalid want %d", want)
	}
	d, logits, missed, err := a.decide(ctx, s, want, true)
	if err != nil {
		return Scoring{}, fmt.Errorf("recommender: scoring: %w", err)
	}
	out := a.scoring(&d, logits)
	out.Patient, out.Missed = -1, missed
	k := &a.rankers[want]
	out.Ranker, out.In = rankerNames[k.kind], k.conformal[k.kind].within(out.Scores[rankerNames[k.kind]])
	return out, nil
}

// decide scores a sample by every ranker, with full over all labels, else over
// the candidates as when an answer is made. missed are orders that are not there.
func (a *Artifact) decide(ctx context.Context, s Sample, want Want, full bool) (d decision, logits [rankerKinds][]float32, missed []Label, err error) {
	c := a.Chart(s.Past, s.Visit)
	v := a.lexicon.vocabulary
	cand, err := a.all.propose(ctx, v, c, want, full)
	if err != nil {
		return d, logits, nil, err
	}
	d = decision{want: want, cand: cand, hit: make([]bool, len(cand.labels))}
	d.resolve(v, c)
	for _, l := range s.Labels {
		if WantOf(l.Kind) != want {
			continue
		}
		place, found := 0, false
		if i, ok := v.labelIndex(l.Kind, l.Code); ok {
			place, found = cand.find(i)
		}
		if found {
			d.hit[place] = true
		} else {
			missed = append(missed, l)
		}
	}
	k := &a.rankers[want]
	logits[byBaseline], logits[byStack] = stackLogits(k.stack, &d)
	logits[byNetwork] = logits[byStack]
	if k.network != nil {
		logits[byNetwork] = k.network.logits(c, &d, logits[byStack])
	}
	for kind, by := range k.off {
		if by != nil {
			logits[kind] = plus(logits[kind], offsetsOf(by, cand.labels), 1)
		}
	}
	return d, logits, missed, nil
}

func (a *Artifact) scoring(d *decision, logits [rankerKinds][]float32) Scoring {
	n := len(d.cand.labels)
	out := Scoring{Want: d.want, Hit: d.hit, Labels: d.cand.labels, Kinds: make([]record.Kind, n), New: make([]bool, n), Scores: map[string][]float32{}}
	for i, l := range d.cand.labels {
		out.Kinds[i] = a.lexicon.vocabulary.label(d.want, l).kind
		out.New[i] = !d.status[i].continues()
	}
	column := func(of func(row []float32, f *fact) float32) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = of(d.cand.row(i), d.facts[i])
		}
		return s
	}
	out.Scores["popularity"] = column(func(r []float32, _ *fact) float32 { return r[colPopularity] })
	out.Scores["reason popularity"] = column(func(r []float32, _ *fact) float32 { return r[colPopularity] + r[colReason] })
	out.Scores["association"] = column(func(r []float32, _ *fact) float32 { return r[colPopularity] + r[colAssociation] })
	out.Scores["similar"] = column(func(r []float32, _ *fact) float32 { return r[colSimilar] })
	out.Scores["ridge"] = column(func(r []float32, _ *fact) float32 { return r[colRidge] })
	out.Scores[carryOver] = column(func(r []float32, f *fact) float32 {
		if f != nil && f.is&(inVisit|inPrevious) != 0 {
			return 20 + r[colPopularity]
		}
		return r[colPopularity]
	})
	out.Scores[frequency] = column(func(r []float32, f *fact) float32 {
		if f != nil {
			return 20*float32(f.count) + r[colPopularity]
		}
		return r[colPopularity]
	})
	k := &a.rankers[d.want]
	for kind := byBaseline; kind < rankerKinds; kind++ {
		out.Scores[rankerNames[kind]] = k.calibrated(kind, d, logits[kind])
	}
	return out
}

// observe hands the out-of-fold decisions to who asked for them.
func (r *trainer) observe(a *Artifact, w Want, out *outputs) {
	if r.opt.OutOfFold == nil {
		return
	}
	for i := range r.decisions[w] {
		d := &r.decisions[w][i]
		var logits [rankerKinds][]float32
		for kind := range logits {
			logits[kind] = out.logits[kind][i]
		}
		s := a.scoring(d, logits)
		row := &r.data.rows[d.row]
		s.Patient = int(row.patient)
		for _, l := range row.labels[w] {
			if _, ok := d.cand.find(l); !ok {
				c := a.lexicon.vocabulary.label(w, l)
				f := row.chart.find(a.lexicon.vocabulary.labels[w][l])
				s.Missed = append(s.Missed, Label{Kind: c.kind, Code: c.code, Continue: statusOf(c.kind, f).continues()})
			}
		}
		r.opt.OutOfFold(s)
	}
}
