package eval

import (
	"slices"

	"ember/learn"
	"ember/recommender"
)

// metrics that are means over decisions, in the order of the table.
var metricNames = []string{"AP", "Jaccard", "F1", "recall@10", "P@5", "NDCG@10", "MRR", "rare recall@10"}

// ledger holds every decision's figures for one task.
type ledger struct {
	task     task
	patients map[string]int
	group    []int
	values   map[string][][]float64 // by system, then metric
	best     [][]float64            // of the baseline chosen in the fold
	chosen   []string               // by fold
	rankers  []string
	orders   int
	missed   int
	p        map[string]*probabilities
	rare     []float64 // weight by label of the fold's vocabulary
	rareMiss float64
}

// probabilities of everything that could have been ordered, decisions without
// orders included.
type probabilities struct {
	p   []float64
	hit []bool
}

func newLedger(t task) *ledger {
	return &ledger{task: t, patients: map[string]int{}, values: map[string][][]float64{},
		best: make([][]float64, len(metricNames)), p: map[string]*probabilities{}}
}

// calibrated are the systems whose scores are log odds.
func calibrated() []string { return []string{"baseline", "stack", "neural"} }

func (l *ledger) begin(a *recommender.Artifact, c *choice) {
	l.chosen = append(l.chosen, c.baseline)
	l.rare, l.rareMiss = learn.InverseFrequency(a.Frequencies(l.task.want))
	for _, w := range a.Report().Wants {
		if w.Want == l.task.want.String() {
			l.rankers = append(l.rankers, w.Ranker)
		}
	}
}

func (l *ledger) add(patient string, s recommender.Scoring, c *choice) {
	v := l.task.view(s)
	for _, name := range calibrated() {
		l.calibrate(name, v.of(s, name), v.relevant)
	}
	if v.orders() == 0 {
		return
	}
	group, ok := l.patients[patient]
	if !ok {
		group = len(l.patients)
		l.patients[patient] = group
	}
	l.group = append(l.group, group)
	l.orders += v.orders()
	l.missed += v.missed
	for _, name := range recommender.Systems() {
		m := l.measure(v.of(s, name), &v, c.threshold[name])
		if l.values[name] == nil {
			l.values[name] = make([][]float64, len(metricNames))
		}
		for i, x := range m {
			l.values[name][i] = append(l.values[name][i], x)
			if name == c.baseline {
				l.best[i] = append(l.best[i], x)
			}
		}
	}
}

// measure is in the order of metricNames.
func (l *ledger) measure(scores []float32, v *view, threshold float32) []float64 {
	r := learn.NewRanking(scores, v.relevant, v.missed)
	d := learn.Decide(scores, v.relevant, v.missed, threshold)
	weight := make([]float64, len(v.labels))
	for i, label := range v.labels {
		weight[i] = l.rare[label]
	}
	return []float64{r.AveragePrecision(), d.Jaccard(), d.F1(), r.Recall(10), r.Precision(5), r.NDCG(10), r.ReciprocalRank(),
		r.WeightedRecall(10, weight, l.rareMiss)}
}

func (l *ledger) calibrate(name string, logits []float32, relevant []uint32) {
	if l.p[name] == nil {
		l.p[name] = &probabilities{}
	}
	b := l.p[name]
	for i, z := range logits {
		_, hit := slices.BinarySearch(relevant, uint32(i))
		b.p = append(b.p, learn.Sigmoid(float64(z)))
		b.hit = append(b.hit, hit)
	}
}

func (l *ledger) report(opt Options) TaskReport {
	rep := TaskReport{Task: l.task.name, Decisions: len(l.group), Patients: len(l.patients),
		OrdersPerDecision: float64(l.orders) / float64(len(l.group)), OutOfVocabulary: float64(l.missed) / float64(l.orders),
		Baselines: l.chosen, Rankers: l.rankers}
	for _, name := range recommender.Systems() {
		s := SystemReport{System: name, Metrics: map[string]learn.Estimate{}, Over: map[string]learn.Estimate{}}
		for i, m := range metricNames {
			s.Metrics[m] = learn.Mean(l.values[name][i], l.group, opt.BootstrapReps, opt.Seed)
			s.Over[m] = learn.Diff(l.values[name][i], l.best[i], l.group, opt.BootstrapReps, opt.Seed)
		}
		if p := l.p[name]; p != nil {
			s.Calibration = &Calibration{ECE: learn.ECE(p.p, p.hit, 15, -1), ECEAbove5: learn.ECE(p.p, p.hit, 15, .05), Brier: learn.Brier(p.p, p.hit)}
		}
		rep.Systems = append(rep.Systems, s)
	}
	return rep
}
