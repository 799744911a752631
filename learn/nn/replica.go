package nn

// replica is a network with gradients and buffers of its own that takes a part
// of each batch.
type replica struct {
	net     *network
	head    Layer // before a loss that does not include it, or nil
	loss    *objective
	x       Tensor
	lengths []int
	y, w    []float32
	grad    Tensor
	sum     tally
	samples int
}

func newReplica(m *Model, l *objective, train bool) *replica {
	net, _, err := m.spec.build(&builder{shared: m.net, grads: train})
	if err != nil {
		panic("nn: a spec that made a model makes none: " + err.Error())
	}
	r := &replica{net: net, loss: l}
	if m.head != "" && l.head != m.head {
		r.head = m.headLayer()
	}
	return r
}

// take copies the samples of the given numbers.
func (r *replica) take(d *Data, picks []int) {
	n := len(picks)
	wide, targets := size(d.X.Shape[1:]), size(d.Y.Shape[1:])
	r.samples = n
	r.x.Shape = append(append(r.x.Shape[:0], n), d.X.Shape[1:]...)
	r.x.Data, r.y = resized(r.x.Data, n*wide), resized(r.y, n*targets)
	r.x.Lengths, r.w = nil, r.w[:0]
	for i, p := range picks {
		copy(r.x.Data[i*wide:], d.X.Data[p*wide:(p+1)*wide])
		copy(r.y[i*targets:], d.Y.Data[p*targets:(p+1)*targets])
		if d.Weights != nil {
			r.w = append(r.w, d.Weights[p])
		}
	}
	if d.X.Lengths != nil {
		r.lengths = resized(r.lengths, n)
		for i, p := range picks {
			r.lengths[i] = d.X.Lengths[p]
		}
		r.x.Lengths = r.lengths
	}
}

// learn runs forward and backward; gradients add up, not divided by the weight.
func (r *replica) learn() {
	r.sum = tally{}
	if r.samples == 0 {
		return
	}
	z := r.forward(true)
	grad := r.grad.like(z, z.Last())
	r.sum = r.loss.apply(z, r.y, r.weights(), grad.Data)
	if r.head != nil {
		grad = r.head.Backward(grad)
	}
	r.net.backward(grad)
}

func (r *replica) forward(train bool) Tensor {
	z := r.net.forward(r.x, train)
	if r.head != nil {
		lengths := z.Lengths
		z = r.head.Forward(z, train)
		z.Lengths = lengths
	}
	return z
}

func (r *replica) weights() []float32 {
	if len(r.w) == 0 {
		return nil
	}
	return r.w
}

// evaluate measures all data.
func (r *replica) evaluate(d Data, l *objective) Score {
	var sum tally
	var picks []int
	n := d.X.Shape[0]
	for i := 0; i < n; i += block {
		picks = picks[:0]
		for j := i; j < min(n, i+block); j++ {
			picks = append(picks, j)
		}
		r.take(&d, picks)
		sum.add(l.apply(r.forward(false), r.y, r.weights(), nil))
	}
	loss, metric := sum.mean()
	return Score{loss, metric}
}
