package nn

import "math/rand/v2"

// simpleCell is h = tanh(sum).
type simpleCell struct{}

func (*simpleCell) gates() int     { return 1 }
func (*simpleCell) apart() bool    { return false }
func (*simpleCell) reset(_, _ int) {}

func (*simpleCell) forward(r *recurrent, lo, n, _ int) {
	h := r.h[lo*r.units : (lo+n)*r.units]
	copy(h, r.sums[lo*r.units:])
	curved(h, level.tanh)
}

func (*simpleCell) backward(r *recurrent, lo, n, _ int, dh []float32) {
	h, d := r.h[lo*r.units:(lo+n)*r.units], r.sums[lo*r.units:(lo+n)*r.units]
	for i, v := range h {
		d[i] = dh[i] * (1 - v*v)
	}
	clear(dh)
}

// lstmCell has gates in the order input, forget, candidate, output (Hochreiter
// and Schmidhuber, 1997; forget gates by Gers, Schmidhuber and Cummins, 2000).
type lstmCell struct{ state, curved []float32 }

// remember sets the bias of the forget gates to one, so that a new layer keeps
// what it saw.
func remember(p *Param, _ *rand.Rand) {
	units := len(p.Value) / 4
	for i := units; i < 2*units; i++ {
		p.Value[i] = 1
	}
}

func (*lstmCell) gates() int  { return 4 }
func (*lstmCell) apart() bool { return false }

func (c *lstmCell) reset(rows, units int) {
	c.state, c.curved = resized(c.state, rows*units), resized(c.curved, rows*units)
}

func (c *lstmCell) forward(r *recurrent, lo, n, before int) {
	u := r.units
	for i := range n {
		at := (lo + i) * u
		active.lstm(r.sums[4*at:4*(at+u)], r.row(c.state, before, i), c.state[at:at+u], c.curved[at:at+u], r.h[at:at+u])
	}
}

func (c *lstmCell) backward(r *recurrent, lo, n, before int, dh []float32) {
	u := r.units
	for i := range n {
		at := (lo + i) * u
		active.lstmBack(r.sums[4*at:4*(at+u)], r.row(c.state, before, i), c.curved[at:at+u], dh[i*u:(i+1)*u], r.dc[i*u:(i+1)*u])
	}
	clear(dh)
}

// gruCell has gates in the order update, reset, candidate, and applies the reset
// gate to the recurrent sum (Cho et al., 2014, as in Keras' reset_after and in
// PyTorch).
type gruCell struct{}

func (*gruCell) gates() int     { return 3 }
func (*gruCell) apart() bool    { return true }
func (*gruCell) reset(_, _ int) {}

func (*gruCell) forward(r *recurrent, lo, n, before int) {
	u := r.units
	for i := range n {
		at := lo + i
		sums, again := r.sums[at*3*u:(at+1)*3*u], r.again[at*3*u:(at+1)*3*u]
		active.add(again[:2*u], sums[:2*u], sums[:2*u])
		active.sigmoid(sums[:2*u])
		candidate := sums[2*u:]
		for j, v := range again[2*u:] {
			candidate[j] += sums[u+j] * v
		}
		active.tanh(candidate)
		h, old := r.h[at*u:(at+1)*u], r.row(r.h, before, i)
		for j := range h {
			h[j] = candidate[j] + sums[j]*(old[j]-candidate[j])
		}
	}
}

func (*gruCell) backward(r *recurrent, lo, n, before int, dh []float32) {
	u := r.units
	for i := range n {
		at := lo + i
		sums, again := r.sums[at*3*u:(at+1)*3*u], r.again[at*3*u:(at+1)*3*u]
		old, d := r.row(r.h, before, i), dh[i*u:(i+1)*u]
		for j, g := range d {
			update, reset, candidate := sums[j], sums[u+j], sums[2*u+j]
			dc := g * (1 - update) * (1 - candidate*candidate)
			du := g * (old[j] - candidate) * update * (1 - update)
			dr := dc * again[2*u+j] * reset * (1 - reset)
			sums[j], sums[u+j], sums[2*u+j] = du, dr, dc
			again[j], again[u+j], again[2*u+j] = du, dr, dc*reset
			d[j] = g * update
		}
	}
}
