package synth

import (
	"math"
	"math/rand/v2"
)

// rng is one stream of randomness, seeded by what it is for, so that a patient
// never depends on another. Draws are made from PCG's bits here and not by the
// standard library's distributions, which may change between Go versions.
type rng struct{ src rand.PCG }

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (r *rng) seed(seed, stream, index uint64) {
	a := mix(seed ^ mix(stream))
	r.src.Seed(mix(a^index), mix(a+mix(index+1)))
}

// float is uniform in [0, 1).
func (r *rng) float() float64 { return float64(r.src.Uint64()>>11) / (1 << 53) }

// chance is true with probability p.
func (r *rng) chance(p float64) bool { return r.float() < p }

// below is uniform in 0 … n-1.
func (r *rng) below(n int) int { return int(r.float() * float64(n)) }

// between is uniform in [lo, hi).
func (r *rng) between(lo, hi float64) float64 { return lo + (hi-lo)*r.float() }

// normal is standard normal, by Box and Muller.
func (r *rng) normal() float64 {
	return math.Sqrt(-2*math.Log(1-r.float())) * math.Cos(2*math.Pi*r.float())
}

// exp is exponential with mean 1.
func (r *rng) exp() float64 { return -math.Log(1 - r.float()) }

// lognormal has median 1.
func (r *rng) lognormal(sigma float64) float64 { return math.Exp(sigma * r.normal()) }

// pick draws an index with probability proportional to its weight, -1 when all
// weights are zero.
func (r *rng) pick(weights []float64) int {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	if sum <= 0 {
		return -1
	}
	x := r.float() * sum
	last := -1
	for i, w := range weights {
		if w <= 0 {
			continue
		}
		last = i
		if x -= w; x < 0 {
			return i
		}
	}
	return last
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// id is a resource id in the shape of a UUID: a function of its arguments only.
type id [36]byte

func newID(seed, owner, number uint64) (u id) {
	a := mix(mix(seed^0x656d626572) ^ mix(owner) + number)
	b := mix(mix(a^seed) + mix(owner^0x6964)*3 + mix(number))
	a = a&^(0xf<<12) | 4<<12 // version and variant bits of RFC 9562
	b = b&^(3<<62) | 2<<62
	const hex = "0123456789abcdef"
	at := 0
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			u[at] = '-'
			at++
		}
		w := a
		if i >= 16 {
			w = b
		}
		u[at] = hex[w>>(60-4*(i%16))&15]
		at++
	}
	return u
}

func logit(p float64) float64 {
	p = min(.995, max(.005, p))
	return math.Log(p / (1 - p))
}
