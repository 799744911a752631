package eval

import (
	"slices"

	"ember/learn"
	"ember/recommender"
)

// choice is what is settled on training patients: the single baseline to beat
// and each system's threshold. Every decision it sees was scored by models
// fitted without its patient.
type choice struct {
	task      task
	ap        map[string]float64
	n         int
	decisions map[string][]short
	baseline  string
	threshold map[string]float32
}

// short is a decision reduced to the scores that a threshold might choose.
type short struct {
	scores   []float32
	relevant []uint32
	missed   int
}

// chosen bounds the candidates a threshold may choose per decision.
const chosen = 40

func newChoice(t task) *choice {
	return &choice{task: t, ap: map[string]float64{}, decisions: map[string][]short{}, threshold: map[string]float32{}}
}

// rankers are no single baselines.
func isBaseline(system string) bool {
	return system != "stack" && system != "neural" && system != served
}

func (c *choice) add(s recommender.Scoring) {
	v := c.task.view(s)
	if v.orders() == 0 {
		return
	}
	c.n++
	for _, name := range c.task.systems {
		scores := v.of(s, name)
		c.ap[name] += learn.NewRanking(scores, v.relevant, v.missed).AveragePrecision()
		c.decisions[name] = append(c.decisions[name], shorten(scores, v.relevant, v.orders()))
	}
}

func shorten(scores []float32, relevant []uint32, orders int) short {
	order := learn.Order(scores)
	var d short
	for i, k := range order[:min(len(order), chosen)] {
		d.scores = append(d.scores, scores[k])
		if _, ok := slices.BinarySearch(relevant, uint32(k)); ok {
			d.relevant = append(d.relevant, uint32(i))
		}
	}
	d.missed = orders - len(d.relevant)
	return d
}

// settle picks the baseline with the highest mean average precision and, for
// each system, the threshold with the highest mean Jaccard index.
func (c *choice) settle() {
	c.baseline = "popularity"
	for _, name := range c.task.systems {
		if isBaseline(name) && c.ap[name] > c.ap[c.baseline] {
			c.baseline = name
		}
		ds := c.decisions[name]
		c.threshold[name], _ = learn.BestThreshold(grid(ds), len(ds), func(i int, t float32) learn.Confusion {
			return learn.Decide(ds[i].scores, ds[i].relevant, ds[i].missed, t)
		}, learn.Confusion.Jaccard)
	}
	c.decisions = nil
}

// grid are up to 50 quantiles of the scores.
func grid(ds []short) []float32 {
	var all []float32
	for i := range ds {
		all = append(all, ds[i].scores...)
	}
	if len(all) == 0 {
		return []float32{0}
	}
	slices.Sort(all)
	out := make([]float32, 0, 50)
	for i := range 50 {
		out = append(out, all[i*len(all)/50])
	}
	return slices.Compact(out)
}
