package recommender

import (
	"math"

	"ember/learn"
)

// platt is a calibration of logits that keeps them additive: A·logit + B.
type platt struct{ a, b float32 }

func (p platt) of(z float32) float32 { return p.a*z + p.b }

// calibration is a line and, where that is worth it on other folds, one that is bent at
// bendKnots after it. At any logit it is a line, so that contributions add up.
type calibration struct {
	line platt
	bend []platt // pieces: before, between and after the knots; nil = none
}

// bendKnots are probabilities as log odds: most candidates lie below the first.
var bendKnots = [...]float32{-3.8918, -2.9444, -2.1972, -1.3863, -.6190, 0, .8473} // .02 .05 .1 .2 .35 .5 .7

// at is the line that holds at a logit.
func (c *calibration) at(z float32) platt {
	if c.bend == nil {
		return c.line
	}
	v := c.line.of(z)
	i := 0
	for i < len(bendKnots) && v >= bendKnots[i] {
		i++
	}
	p := c.bend[i]
	return platt{p.a * c.line.a, p.a*c.line.b + p.b}
}

func (c *calibration) of(z float32) float32 { return c.at(z).of(z) }

// fitPlatt is the identity where there is too little to fit, or where scores
// point the wrong way: a calibration never reorders within a status.
func fitPlatt(scores []float64, labels []bool) platt {
	hits := 0
	for _, l := range labels {
		if l {
			hits++
		}
	}
	if hits < 10 || hits == len(labels) {
		return platt{1, 0}
	}
	c, err := learn.FitPlatt(scores, labels)
	if err != nil || c.A <= 0 {
		return platt{1, 0}
	}
	return platt{float32(c.A), float32(c.B)}
}

// Logits are counted in cells of this width, within these bounds.
const (
	cellsPerUnit = 32
	cellBound    = 16
	cells        = 2 * cellBound * cellsPerUnit
)

// counted are how many logits lie in each cell, and how many of those were ordered.
type counted struct{ n, hits []float64 }

func newCounted() counted { return counted{make([]float64, cells), make([]float64, cells)} }

func (c counted) add(z float32, hit bool) {
	i := max(0, min(int((z+cellBound)*cellsPerUnit), cells-1))
	c.n[i]++
	if hit {
		c.hits[i]++
	}
}

// without is the difference of counts.
func (c counted) without(o counted) counted {
	out := newCounted()
	for i := range c.n {
		out.n[i], out.hits[i] = c.n[i]-o.n[i], c.hits[i]-o.hits[i]
	}
	return out
}

// bendPenalty draws slopes to 1, bendLeast orders are needed to bend at all.
const (
	bendPenalty = 10
	bendLeast   = 50
)

// bend fits to the logits after the line, by fold. It is nil unless bends fitted to the
// other folds foretell each fold better than the line alone does.
func fitBend(byFold []counted) []platt {
	z, knots := make([]float64, cells), make([]float64, len(bendKnots))
	for i := range z {
		z[i] = (float64(i)+.5)/cellsPerUnit - cellBound
	}
	for i, k := range bendKnots {
		knots[i] = float64(k)
	}
	all, hits := newCounted(), 0.
	for _, f := range byFold {
		for i := range f.n {
			all.n[i], all.hits[i] = all.n[i]+f.n[i], all.hits[i]+f.hits[i]
			hits += f.hits[i]
		}
	}
	if hits < bendLeast {
		return nil
	}
	var bent, line float64
	for _, f := range byFold {
		rest := all.without(f)
		bent += learn.FitBend(z, rest.n, rest.hits, knots, bendPenalty).Loss(z, f.n, f.hits)
		line += (*learn.Bend)(nil).Loss(z, f.n, f.hits)
	}
	if !(bent < line) {
		return nil
	}
	b := learn.FitBend(z, all.n, all.hits, knots, bendPenalty)
	pieces := make([]platt, len(knots)+1)
	for i := range pieces {
		at := math.Inf(-1)
		if i > 0 {
			at = knots[i-1]
		}
		slope, intercept := b.Line(at)
		pieces[i] = platt{float32(slope), float32(intercept)}
	}
	return pieces
}

// calibrations fits one per status over all candidates, not only those kept for
// fitting the stack.
func (o *outputs) calibrations(decisions []decision, kind rankerKind) (c [statuses]calibration) {
	folds := 0
	for i := range decisions {
		folds = max(folds, int(decisions[i].fold)+1)
	}
	for st := isNew; st < statuses; st++ {
		var scores []float64
		var labels []bool
		each := func(do func(d *decision, z float32, hit bool)) {
			for i := range decisions {
				d := &decisions[i]
				for k, z := range o.logits[kind][i] {
					if d.status[k] == st {
						do(d, z, d.hit[k])
					}
				}
			}
		}
		each(func(_ *decision, z float32, hit bool) {
			scores, labels = append(scores, float64(z)), append(labels, hit)
		})
		c[st].line = fitPlatt(scores, labels)
		byFold := make([]counted, folds)
		for f := range byFold {
			byFold[f] = newCounted()
		}
		each(func(d *decision, z float32, hit bool) { byFold[d.fold].add(c[st].line.of(z), hit) })
		c[st].bend = fitBend(byFold)
	}
	return c
}

// encode writes a calibration, decodeCalibration reads it.
func (c *calibration) encode(e *encoder) {
	e.f32(c.line.a)
	e.f32(c.line.b)
	e.u32(uint32(len(c.bend)))
	for _, p := range c.bend {
		e.f32(p.a)
		e.f32(p.b)
	}
}

func decodeCalibration(d *decoder) calibration {
	c := calibration{line: platt{d.f32(), d.f32()}}
	if n := d.length(8); n > 0 {
		d.ask(n == len(bendKnots)+1)
		for range n {
			c.bend = append(c.bend, platt{d.f32(), d.f32()})
		}
	}
	return c
}
