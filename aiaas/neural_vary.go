package aiaas

import (
	"math"
	"math/rand/v2"
)

// variation is how much training images differ from the originals from epoch to
// epoch. Each is drawn evenly between its bounds on both sides.
type variation struct {
	Shift float64 `json:"shift,omitempty"` // share of the side
	Turn  float64 `json:"turn,omitempty"`  // degrees
	Scale float64 `json:"scale,omitempty"` // logarithm
	Shear float64 `json:"shear,omitempty"`
	Flip  bool    `json:"flip,omitempty"`  // left and right, half of the time
	Gamma float64 `json:"gamma,omitempty"` // logarithm
	Shade float64 `json:"shade,omitempty"` // brightness that rises over the image in some direction
	Blur  float64 `json:"blur,omitempty"`  // chance to be blurred or sharpened
	Noise float64 `json:"noise,omitempty"` // largest deviation
	Erase float64 `json:"erase,omitempty"` // chance that a patch is covered
}

// usualVariation is what other devices, postures and exposures do to an image.
// Flips are left out: left is not right in a body.
var usualVariation = variation{Shift: .08, Turn: 10, Scale: .1, Gamma: .3, Blur: .3, Noise: .03, Shade: .2, Erase: .2}

// varying draws images; one serves one goroutine.
type varying struct {
	variation
	high, wide, channels int
	rng                  *rand.Rand
	scratch              []float32
	curve                [257]float32
}

func newVarying(p *pictures, seed, stream uint64) *varying {
	return &varying{
		variation: p.Vary, high: p.Height, wide: p.Width, channels: p.Channels,
		rng: rand.New(rand.NewPCG(seed, 0x76617279^stream)), scratch: make([]float32, p.Height*p.Width*p.Channels),
	}
}

// between is evenly from -bound to bound.
func (w *varying) between(bound float64) float64 { return bound * (2*w.rng.Float64() - 1) }

// draw makes a varied image of one.
func (w *varying) draw(from, into []float32) {
	w.move(from, into)
	w.expose(into)
	if w.rng.Float64() < w.Blur {
		w.soften(into, float32(w.rng.Float64()*1.5-.5))
	}
	noise := float32(w.rng.Float64() * w.Noise)
	for i := range into {
		into[i] += noise * (w.rng.Float32() + w.rng.Float32() + w.rng.Float32() - 1.5) * 2 // near a normal one of deviation 1
	}
	if w.rng.Float64() < w.Erase {
		w.cover(into)
	}
}

// move turns, scales, shears and shifts, with pixels between four neighbours and
// the border repeated.
func (w *varying) move(from, into []float32) {
	turn, scale, shear := w.between(w.Turn)*math.Pi/180, math.Exp(w.between(w.Scale)), w.between(w.Shear)
	dx, dy := w.between(w.Shift)*float64(w.wide), w.between(w.Shift)*float64(w.high)
	flip := w.Flip && w.rng.Float64() < .5
	sin, cos := math.Sincos(turn)
	sin, cos = sin/scale, cos/scale
	midX, midY := float64(w.wide-1)/2, float64(w.high-1)/2
	for y := range w.high {
		v := float64(y) - midY
		for x := range w.wide {
			u := float64(x) - midX
			if flip {
				u = -u
			}
			sx := min(max(float32(cos*u-sin*v+shear*v+midX+dx), 0), float32(w.wide-1))
			sy := min(max(float32(sin*u+cos*v+midY+dy), 0), float32(w.high-1))
			x0, y0 := int(sx), int(sy)
			fx, fy := sx-float32(x0), sy-float32(y0)
			x1, y1 := min(x0+1, w.wide-1), min(y0+1, w.high-1)
			for c := range w.channels {
				at := func(x, y int) float32 { return from[(y*w.wide+x)*w.channels+c] }
				top := at(x0, y0) + fx*(at(x1, y0)-at(x0, y0))
				low := at(x0, y1) + fx*(at(x1, y1)-at(x0, y1))
				into[(y*w.wide+x)*w.channels+c] = top + fy*(low-top)
			}
		}
	}
}

// expose bends the scale of grey and lays a shade over the image. Brightness and
// contrast themselves are undone by standardising.
func (w *varying) expose(m []float32) {
	gamma := math.Exp(w.between(w.Gamma))
	for i := range w.curve {
		w.curve[i] = float32(math.Pow(float64(min(i, 255))/255, gamma))
	}
	strength, angle := w.between(w.Shade), w.rng.Float64()*2*math.Pi
	sin, cos := math.Sincos(angle)
	for y := range w.high {
		for x := range w.wide {
			shade := float32(strength * (cos*(float64(x)/float64(w.wide)-.5) + sin*(float64(y)/float64(w.high)-.5)))
			for c := range w.channels {
				i := (y*w.wide+x)*w.channels + c
				at := min(max(m[i], 0), 1) * 255
				k := int(at)
				m[i] = w.curve[k] + (at-float32(k))*(w.curve[k+1]-w.curve[k]) + shade
			}
		}
	}
}

// soften mixes an image with its blurred self; a negative share sharpens.
func (w *varying) soften(m []float32, share float32) {
	row := w.wide * w.channels
	pass := func(from, into []float32, step, steps int) {
		for i := range from {
			a, b := from[max(i-step, 0)], from[min(i+step, len(from)-1)]
			if k := i / step % steps; k == 0 {
				a = from[i]
			} else if k == steps-1 {
				b = from[i]
			}
			into[i] = .25*a + .5*from[i] + .25*b
		}
	}
	blurred := make([]float32, len(m))
	pass(m, w.scratch, w.channels, w.wide)
	pass(w.scratch, blurred, row, w.high)
	for i, v := range blurred {
		m[i] += share * (v - m[i])
	}
}

// cover lays a grey patch over up to a third of the side.
func (w *varying) cover(m []float32) {
	high, wide := 1+w.rng.IntN(max(1, w.high/3)), 1+w.rng.IntN(max(1, w.wide/3))
	y0, x0 := w.rng.IntN(w.high-high+1), w.rng.IntN(w.wide-wide+1)
	grey := w.rng.Float32()
	for y := y0; y < y0+high; y++ {
		line := m[(y*w.wide+x0)*w.channels : (y*w.wide+x0+wide)*w.channels]
		for i := range line {
			line[i] = grey
		}
	}
}
