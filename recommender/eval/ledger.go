package eval

import (
	"slices"

	"ember/learn"
	"ember/recommender"
)

// metrics that are means over decisions, in the order of the table.
var metricNames = []string{"AP", "Jaccard", "F1", "recall@10", "P@5", "NDCG@10", "MRR", "rare recall@10",
	"recall@5", "recall@20", "P@10", "NDCG@5", "NDCG@20"}

// depths are how deep the curve of recall goes.
const depths = 20

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
	recall   map[string]*[depths]float64 // sums of recall within the first 1, 2, …
	strata   [][]string                  // by decision, in the order of stratifiers
	rare     []float64                   // weight by label of the fold's vocabulary
	rareMiss float64
}

// probabilities of everything that could have been ordered, decisions without
// orders included.
type probabilities struct {
	logits []float32
	hit    []bool
}

func newLedger(t task) *ledger {
	return &ledger{task: t, patients: map[string]int{}, values: map[string][][]float64{},
		best: make([][]float64, len(metricNames)), p: map[string]*probabilities{}, recall: map[string]*[depths]float64{}}
}

// begin begins a round with how often training patients had each label, and who serves.
func (l *ledger) begin(frequency []int, ranker string, c *choice) {
	l.chosen = append(l.chosen, c.baseline)
	l.rare, l.rareMiss = learn.InverseFrequency(frequency)
	l.rankers = append(l.rankers, ranker)
}

// add enters a decision; false = it had no orders of the task, so that only its
// probabilities count.
func (l *ledger) add(sample recommender.Sample, s recommender.Scoring, c *choice) bool {
	v := l.task.view(s)
	for _, name := range l.task.probable {
		l.calibrate(name, v.of(s, name), v.relevant)
	}
	if v.orders() == 0 {
		return false
	}
	patient := sample.Past.Person().ID
	group, ok := l.patients[patient]
	if !ok {
		group = len(l.patients)
		l.patients[patient] = group
	}
	l.strata = append(l.strata, strataOf(sample))
	l.group = append(l.group, group)
	l.orders += v.orders()
	l.missed += v.missed
	for _, name := range l.task.systems {
		m := l.measure(name, v.of(s, name), &v, c.threshold[name])
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
	return true
}

func probability(logit float32) float64 { return learn.Sigmoid(float64(logit)) }

// measure is in the order of metricNames.
func (l *ledger) measure(system string, scores []float32, v *view, threshold float32) []float64 {
	r := learn.NewRanking(scores, v.relevant, v.missed)
	d := learn.Decide(scores, v.relevant, v.missed, threshold)
	weight := make([]float64, len(v.labels))
	for i, label := range v.labels {
		weight[i] = l.rare[label]
	}
	if l.recall[system] == nil {
		l.recall[system] = new([depths]float64)
	}
	for k := range depths {
		l.recall[system][k] += r.Recall(k + 1)
	}
	return []float64{r.AveragePrecision(), d.Jaccard(), d.F1(), r.Recall(10), r.Precision(5), r.NDCG(10), r.ReciprocalRank(),
		r.WeightedRecall(10, weight, l.rareMiss), r.Recall(5), r.Recall(20), r.Precision(10), r.NDCG(5), r.NDCG(20)}
}

func (l *ledger) calibrate(name string, logits []float32, relevant []uint32) {
	if l.p[name] == nil {
		l.p[name] = &probabilities{}
	}
	b := l.p[name]
	for i, z := range logits {
		_, hit := slices.BinarySearch(relevant, uint32(i))
		b.logits = append(b.logits, z)
		b.hit = append(b.hit, hit)
	}
}

func (l *ledger) report(opt Options) TaskReport {
	rep := TaskReport{Task: l.task.name, Decisions: len(l.group), Patients: len(l.patients),
		OrdersPerDecision: float64(l.orders) / float64(len(l.group)), OutOfVocabulary: float64(l.missed) / float64(l.orders),
		Baselines: l.chosen, Rankers: l.rankers}
	for _, name := range l.task.systems {
		s := SystemReport{System: name, Metrics: map[string]learn.Estimate{}, Over: map[string]learn.Estimate{}}
		for i, m := range metricNames {
			s.Metrics[m] = learn.Mean(l.values[name][i], l.group, opt.BootstrapReps, opt.Seed)
			s.Over[m] = learn.Diff(l.values[name][i], l.best[i], l.group, opt.BootstrapReps, opt.Seed)
		}
		if r := l.recall[name]; r != nil {
			for _, sum := range r {
				s.Recall = append(s.Recall, sum/float64(len(l.group)))
			}
		}
		if p := l.p[name]; p != nil {
			s.Calibration = p.calibration(opt.Seed)
		}
		rep.Systems = append(rep.Systems, s)
	}
	rep.ToBeat = learn.Mean(l.best[0], l.group, opt.BootstrapReps, opt.Seed)
	rep.Subgroups = l.subgroups(opt)
	return rep
}

// calibration is what the probabilities are worth over everything that could have
// been ordered.
func (b *probabilities) calibration(seed uint64) *Calibration {
	p := make([]float64, len(b.logits))
	for i, z := range b.logits {
		p[i] = probability(z)
	}
	c := &Calibration{ECE: learn.ECE(p, b.hit, bins, -1), ECEAbove5: learn.ECE(p, b.hit, bins, .05), Noise: learn.ECENoise(p, bins, .05, seed), Brier: learn.Brier(p, b.hit), Bins: binsOf(p, b.hit)}
	c.AUROC, _ = learn.AUROC(b.logits, b.hit)
	c.PrecisionRecall, _ = learn.Thresholds(b.logits, b.hit, 100)
	return c
}

// bins of a reliability diagram, as the protocol has them.
const bins = 15

func binsOf(p []float64, hit []bool) (out []Bin) {
	var all [bins]Bin
	for i, v := range p {
		b := &all[min(int(v*bins), bins-1)]
		b.N++
		b.Probability += v
		if hit[i] {
			b.Rate++
		}
	}
	for _, b := range all {
		if b.N > 0 {
			b.Probability, b.Rate = b.Probability/float64(b.N), b.Rate/float64(b.N)
			out = append(out, b)
		}
	}
	return out
}
