package nn

// averager keeps a mean of the weights: exponential over steps (ema), or plain
// over epochs (swa; Izmailov et al., 2018).
type averager struct {
	kind   string
	decay  float32
	from   int
	count  int         // epochs in the mean of swa
	params int         // how many of the weights are parameters; the others are running means
	live   [][]float32 // the weights, which training changes
	values [][]float32 // their mean
}

func newAverager(o *Options, live [][]float32, params int) *averager {
	a := &averager{kind: o.Average, decay: float32(o.AverageDecay), from: max(1, o.AverageFrom), live: live, params: params}
	if a.decay == 0 {
		a.decay = .999
	}
	if a.kind != "" {
		for _, v := range live {
			a.values = append(a.values, append([]float32(nil), v...))
		}
	}
	return a
}

// step follows a change of elements lo:hi of parameter i.
func (a *averager) step(i, lo, hi int) {
	if a.kind == "ema" {
		approach(a.values[i][lo:hi], a.live[i][lo:hi], 1-a.decay)
	}
}

// approach moves mean towards live by a share of the way.
func approach(mean, live []float32, share float32) {
	for j, v := range live {
		mean[j] += share * (v - mean[j])
	}
}

// epoch follows the end of an epoch.
func (a *averager) epoch(n int) {
	switch {
	case a.kind == "swa" && n >= a.from:
		a.count++
		for i, v := range a.live {
			approach(a.values[i], v, 1/float32(a.count))
		}
	case a.kind == "swa" && a.count == 0: // not begun: as the weights are
		for i, v := range a.live {
			copy(a.values[i], v)
		}
	case a.kind == "ema": // running means of batches are means already
		for i, v := range a.live[a.params:] {
			copy(a.values[a.params+i], v)
		}
	}
}

// swap gives the model the averaged weights until the function it returns gives
// it the live ones back.
func (a *averager) swap(m *Model) (restore func()) {
	if a.kind == "" {
		return func() {}
	}
	live := snapshot(m.Params(), nil)
	put := func(values [][]float32) {
		for i, p := range m.Params() {
			copy(p.Value, values[i])
		}
		m.repack()
	}
	put(a.values)
	return func() { put(live) }
}

// Mean is the exponential mean of parameters over the steps of a training that is
// not [Fit]'s; its first steps weigh alike. It serves one goroutine.
type Mean struct {
	params []*Param
	decay  float64
	steps  int
	values [][]float32
}

// NewMean keeps the mean of params; each step weighs decay times as much as the
// next.
func NewMean(params []*Param, decay float64) *Mean {
	m := &Mean{params: params, decay: decay, values: make([][]float32, len(params))}
	for i, p := range params {
		m.values[i] = make([]float32, len(p.Value))
	}
	return m
}

// Step follows a change of the parameters.
func (m *Mean) Step() {
	m.steps++
	share := float32(max(1-m.decay, 1/float64(m.steps)))
	for i, p := range m.params {
		approach(m.values[i], p.Value, share)
	}
}

// Store makes the mean the parameters' value; without a step it does nothing.
func (m *Mean) Store() {
	for i, p := range m.params {
		if m.steps > 0 {
			copy(p.Value, m.values[i])
		}
	}
}
