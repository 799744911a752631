package recommender

import "context"

// popularity scores by how often a label is ordered where it is open, that is,
// where it would be new: overall, shrunk toward the share of all orders, and by
// setting, shrunk toward the overall rate. Scores are logits.
type popularity struct{ rate [wantEnd][settings][]float32 }

// Pseudo-counts, in samples.
const (
	popularityPrior = 20
	settingPrior    = 50
	sitePrior       = 60
)

// tally counts samples in which a label was open, and those in which it was
// ordered then.
type tally struct {
	samples float64
	closed  []float64 // of the samples, those in which the label was no new order
	hit     []float64
}

func newTally(n int) tally { return tally{closed: make([]float64, n), hit: make([]float64, n)} }

func (t *tally) add(v *vocabulary, r *trainingRow, w Want) {
	t.samples++
	for _, l := range r.labels[w] {
		t.hit[l]++
	}
	for i := range r.chart.facts {
		f := &r.chart.facts[i]
		k := &v.concepts[f.concept]
		if f.is&standing == 0 || k.label < 0 || WantOf(k.kind) != w {
			continue
		}
		t.closed[k.label]++
		if r.ordered(w, uint32(k.label)) {
			t.hit[k.label]--
		}
	}
}

func (t *tally) rate(l int, prior, weight float64) float64 {
	return (t.hit[l] + weight*prior) / (t.samples - t.closed[l] + weight)
}

// fitPopularity fits rates; orders are all orders of the training patients by
// label, those of no sample included: they make the prior.
func fitPopularity(v *vocabulary, rows []trainingRow, orders [wantEnd][]float64) *popularity {
	p := &popularity{}
	for w := Treatments; w < wantEnd; w++ {
		n := len(v.labels[w])
		all := newTally(n)
		var by [settings]tally
		for s := range by {
			by[s] = newTally(n)
		}
		for i := range rows {
			all.add(v, &rows[i], w)
			by[rows[i].chart.setting].add(v, &rows[i], w)
		}
		overall := overallRates(all, orders[w])
		for s := range by {
			p.rate[w][s] = make([]float32, n)
			for l := range n {
				p.rate[w][s][l] = logit(by[s].rate(l, overall[l], settingPrior))
			}
		}
	}
	return p
}

// overallRates are the rates of a tally, shrunk toward the share of all orders.
func overallRates(t tally, orders []float64) []float64 {
	var hits, total float64
	for l := range orders {
		hits += t.hit[l]
		total += orders[l]
	}
	rates := make([]float64, len(orders))
	for l := range rates {
		prior := hits / max(total, 1) * orders[l] / max(t.samples, 1)
		rates[l] = t.rate(l, min(prior, .9), popularityPrior)
	}
	return rates
}

// Name implements [Source].
func (*popularity) Name() string { return columnNames[colPopularity] }

// Score implements [Source].
func (p *popularity) Score(_ context.Context, c *Chart, want Want, into []float32) error {
	copy(into, p.rate[want][c.setting])
	return nil
}

// sitePopularity scores by how much more often the visit's site orders a label
// than all do: a shrunk log ratio, 0 at sites without training data.
type sitePopularity struct{ ratio [wantEnd][][]float32 }

func fitSites(v *vocabulary, rows []trainingRow, sites int) *sitePopularity {
	p := &sitePopularity{}
	for w := Treatments; w < wantEnd; w++ {
		n := len(v.labels[w])
		all := newTally(n)
		by := make([]tally, sites)
		for s := range by {
			by[s] = newTally(n)
		}
		for i := range rows {
			all.add(v, &rows[i], w)
			if s := rows[i].chart.site; s >= 0 {
				by[s].add(v, &rows[i], w)
			}
		}
		p.ratio[w] = make([][]float32, sites)
		for s := range by {
			p.ratio[w][s] = make([]float32, n)
			for l := range n {
				overall := all.rate(l, 0, 1)
				p.ratio[w][s][l] = logit(by[s].rate(l, overall, sitePrior)) - logit(overall)
			}
		}
	}
	return p
}

// Name implements [Source].
func (*sitePopularity) Name() string { return columnNames[colSite] }

// Score implements [Source].
func (p *sitePopularity) Score(_ context.Context, c *Chart, want Want, into []float32) error {
	if c.site < 0 {
		clear(into)
		return nil
	}
	copy(into, p.ratio[want][c.site])
	return nil
}
