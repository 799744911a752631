package nn

import (
	"math"
	"math/rand/v2"
)

// glorot draws a matrix evenly from ±√(6/(inputs+outputs)), as Keras does
// (Glorot and Bengio, 2010). Of kernels the window counts on both sides.
func glorot(p *Param, rng *rand.Rand) {
	n := len(p.Shape)
	window := size(p.Shape[:n-2])
	limit := math.Sqrt(6 / float64(window*(p.Shape[n-2]+p.Shape[n-1])))
	for i := range p.Value {
		p.Value[i] = float32(limit * (2*rng.Float64() - 1))
	}
}

// orthogonal draws units × n·units so that each block of units columns is
// orthogonal (Saxe et al., 2014): recurrent signals keep their length. Many units
// are nearly so when drawn one by one, and exactly would take minutes.
func orthogonal(p *Param, rng *rand.Rand) {
	units := p.Shape[0]
	if units > 512 {
		for i := range p.Value {
			p.Value[i] = float32(rng.NormFloat64() / math.Sqrt(float64(units)))
		}
		return
	}
	for block := range p.Shape[1] / units {
		rows := make([][]float64, units)
		for i := range rows {
			rows[i] = orthogonalTo(rows[:i], units, rng)
			for j, v := range rows[i] {
				p.Value[i*p.Shape[1]+block*units+j] = float32(v)
			}
		}
	}
}

// orthogonalTo draws a vector of length 1 orthogonal to the rows.
func orthogonalTo(rows [][]float64, n int, rng *rand.Rand) []float64 {
	v := make([]float64, n)
	for {
		for i := range v {
			v[i] = rng.NormFloat64()
		}
		for range 2 { // the second time against rounding
			for _, r := range rows {
				var along float64
				for i := range v {
					along += v[i] * r[i]
				}
				for i := range v {
					v[i] -= along * r[i]
				}
			}
		}
		var square float64
		for _, x := range v {
			square += x * x
		}
		if square < 1e-12 {
			continue
		}
		for i := range v {
			v[i] /= math.Sqrt(square)
		}
		return v
	}
}

// ones draws ones.
func ones(p *Param, _ *rand.Rand) {
	for i := range p.Value {
		p.Value[i] = 1
	}
}

// near0 draws from ±.05 evenly, as Keras does for tables.
func near0(p *Param, rng *rand.Rand) {
	for i := range p.Value {
		p.Value[i] = float32(.1*rng.Float64() - .05)
	}
}
