package nn

import (
	"fmt"
	"math/rand/v2"
)

// Dropout zeroes elements with a chance while training and scales the others up
// so that the mean stays; otherwise it passes its input on.
type Dropout struct {
	chance  float64
	rng     *rand.Rand
	pcg     *rand.PCG // of rng, when the model seeds it
	keep    []float32
	trained bool
	y, dx   Tensor
}

// NewDropout draws from rng, which nothing else should share; chance is in [0,1).
func NewDropout(chance float64, rng *rand.Rand) *Dropout { return &Dropout{chance: chance, rng: rng} }

// Forward drops while training.
func (d *Dropout) Forward(x Tensor, train bool) Tensor {
	if d.trained = train && d.chance > 0; !d.trained {
		return x
	}
	y := d.y.like(x, x.Last())
	d.keep = resized(d.keep, len(x.Data))
	for i, v := range x.Data {
		d.keep[i] = 0
		if d.rng.Float64() >= d.chance {
			d.keep[i] = float32(1 / (1 - d.chance))
		}
		y.Data[i] = v * d.keep[i]
	}
	return y
}

// Backward passes on what was kept.
func (d *Dropout) Backward(dy Tensor) Tensor {
	if !d.trained {
		return dy
	}
	dx := d.dx.like(d.y, d.y.Last())
	for i, g := range dy.Data {
		dx.Data[i] = g * d.keep[i]
	}
	return dx
}

// Params is empty.
func (d *Dropout) Params() []*Param { return nil }

// OutShape is the input's shape.
func (d *Dropout) OutShape(in []int) ([]int, error) { return in, nil }

func (d *Dropout) seed(a, b uint64) {
	if d.pcg != nil {
		d.pcg.Seed(a, b)
	}
}

func makeDropout(_ *builder, s LayerSpec, _ []int) (Layer, error) {
	if !(s.Rate >= 0 && s.Rate < 1) {
		return nil, fmt.Errorf("rate %g is not in [0,1)", s.Rate)
	}
	pcg := rand.NewPCG(0, 0)
	return &Dropout{chance: s.Rate, rng: rand.New(pcg), pcg: pcg}, nil
}
