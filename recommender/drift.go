package recommender

import (
	"math"
	"slices"
	"sync/atomic"
)

// What is watched of the decisions that are asked about: who is asked about, how
// much is known, and how like training it is. Probabilities are not: those of
// training are out of fold and less sure than what serves.
const (
	ofAge = iota
	ofSetting
	ofKnown   // concepts in the chart
	ofUnknown // share of events that training never saw
	ofLikeness
	watched
)

var watchedNames = [watched]string{"age", "setting", "known", "unknown", "likeness"}

// tenths are the bins of what is watched: tenths of training for likeness, fixed
// bands for the rest.
const tenths = 10

// profile says how the decisions of training are spread over the bins: what the
// decisions of today are compared with.
type profile struct {
	shares [watched][tenths]float32
	edges  [tenths - 1]float32 // of likeness
}

// place is the bin of a decision for each thing that is watched.
func (p *profile) place(c *Chart, nearest float32) (bins [watched]uint8) {
	at := func(of int, bin int) { bins[of] = uint8(min(bin, tenths-1)) }
	at(ofAge, band(float32(c.age), 0, 18, 40, 65, 80))
	at(ofSetting, int(c.setting))
	at(ofKnown, band(float32(len(c.facts)), 1, 5, 10, 20, 40, 80, 160))
	at(ofUnknown, band(unknownShare(c), 1e-6, .02, .05, .1, .2, .5))
	at(ofLikeness, band(nearest, p.edges[:]...))
	return bins
}

// unknownShare is how much of what is on record training never saw.
func unknownShare(c *Chart) float32 {
	known := 0
	for i := range c.facts {
		known += int(c.facts[i].count)
	}
	return float32(c.unknown) / float32(max(1, known+c.unknown))
}

// profile is that of the out-of-fold decisions of a want.
func (r *trainer) profile(w Want) *profile {
	p := &profile{}
	var near []float32
	for i := range r.decisions[w] {
		near = append(near, r.decisions[w][i].cand.nearest)
	}
	if len(near) == 0 {
		return p
	}
	sorted := slices.Sorted(slices.Values(near))
	for i := range p.edges {
		p.edges[i] = sorted[(i+1)*len(sorted)/tenths]
	}
	for i := range r.decisions[w] {
		c := &r.data.rows[r.decisions[w][i].row].chart
		for of, bin := range p.place(c, near[i]) {
			p.shares[of][bin] += 1 / float32(len(near))
		}
	}
	return p
}

// watch counts the decisions asked about since an artifact began to answer. It is
// safe for concurrent use.
type watch struct {
	bins  [watched][tenths]atomic.Uint64
	total atomic.Uint64
}

func (w *watch) add(bins [watched]uint8) {
	for of, bin := range bins {
		w.bins[of][bin].Add(1)
	}
	w.total.Add(1)
}

// Drift is by how much the decisions asked about differ from those of training.
type Drift struct {
	Want Want
	Of   string
	// Index is the population stability index (Siddiqi, 2006): above 0.1 worth a
	// look, above 0.25 a shift. It says nothing before some hundred decisions.
	Index     float64
	Decisions uint64
}

// Drift is that since the artifact began to answer.
func (e *Engine) Drift() (all []Drift) {
	l := e.current.Load()
	for w := Treatments; w < wantEnd; w++ {
		n := l.watch[w].total.Load()
		p := l.artifact.rankers[w].profile
		for of, name := range watchedNames {
			d := Drift{Want: w, Of: name, Decisions: n}
			for bin := range tenths {
				d.Index += stability(float64(p.shares[of][bin]), l.watch[w].bins[of][bin].Load(), n)
			}
			all = append(all, d)
		}
	}
	return all
}

// stability is one bin's part of the index; empty bins count as half a decision.
func stability(expected float64, count, total uint64) float64 {
	if total == 0 || expected == 0 && count == 0 {
		return 0
	}
	least := .5 / float64(total)
	was, is := max(expected, least), max(float64(count)/float64(total), least)
	return (is - was) * math.Log(is/was)
}

func (p *profile) encode(e *encoder) {
	for of := range p.shares {
		e.f32s(p.shares[of][:])
	}
	e.f32s(p.edges[:])
}

func decodeProfile(d *decoder) *profile {
	p := &profile{}
	for of := range p.shares {
		d.ask(copy(p.shares[of][:], d.f32s()) == tenths)
	}
	d.ask(copy(p.edges[:], d.f32s()) == tenths-1)
	return p
}

// watching counts a decision that was ranked.
func (s *scratch) watching(l *loaded, want Want) {
	p := l.artifact.rankers[want].profile
	l.watch[want].add(p.place(&s.chart, s.cand.nearest))
}
