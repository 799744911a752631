package aiaas

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"ember/learn/nn"
)

// WaveCNN is filters over series of measurements.
func WaveCNN() Family { return waved("wave-cnn", 51, waveCNNSpec, .003, 60_000) }

// WaveLSTM is a long short-term memory over series, shortened by a convolution.
func WaveLSTM() Family {
	return waved("wave-lstm", 61, func(in []int) nn.Spec {
		return quick(waveStem(in).LSTM(48).Bidirectional().Dropout(.3))
	}, .003, 30_000)
}

// WaveGRU is gated recurrent units over series, shortened by a convolution.
func WaveGRU() Family {
	return waved("wave-gru", 62, func(in []int) nn.Spec {
		return quick(waveStem(in).GRU(48).Bidirectional().Dropout(.3))
	}, .003, 30_000)
}

// waveCNNSpec halves the series until few steps are left, and keeps their order
// for the end: when something happens can be what matters.
func waveCNNSpec(in []int) nn.Spec {
	s := nn.Input(in...)
	steps := in[0]
	for k, filters := range []int{24, 32, 32, 32, 32} {
		s = s.Conv1D(filters, 7-2*min(k, 2), "relu").Same()
		if steps >= 16 {
			s = s.MaxPool1D(2)
			steps /= 2
		}
		s = s.BatchNorm()
	}
	return quick(s.Flatten().Dropout(.3))
}

// waveStem leaves about a fourth of the steps.
func waveStem(in []int) nn.Spec {
	return nn.Input(in...).Conv1D(32, 7, "relu").Same().Strides(2).MaxPool1D(2).BatchNorm()
}

func waved(name string, rank int, design func(in []int) nn.Spec, rate float64, shown int) Family {
	return recipe{
		name: name, rank: rank, members: 2, accepts: acceptsWaves,
		prepare: func(d *Dataset) (preparation, error) {
			w, err := fitWaves(d)
			if err != nil { // not a *waves of nil
				return nil, err
			}
			return w, nil
		},
		design: func(p preparation) nn.Spec { return design(p.shape()) },
		options: func(samples int) nn.Options {
			return nn.Options{
				Epochs: epochsFor(samples, 10, 40, shown), Batch: 32, ClipNorm: 5,
				Optimizer: nn.Optimizer{Name: "adamw", Rate: rate, Decay: .01},
				Schedule:  nn.Schedule{Name: "cosine", Final: .02},
				Average:   "ema", AverageDecay: decayFor(samples, 32),
			}
		},
	}.family()
}

func acceptsWaves(d *Dataset) error {
	if len(d.Of(Waveforms)) != 1 {
		return errors.New("not one column of series")
	}
	return nil
}

// waves is a column of series as network inputs of one length and rate: each
// channel standardised by the fit's mean and spread, gaps at the mean, and where
// the fit saw gaps a channel beside that marks them.
type waves struct {
	Column string    `json:"column"`
	Rate   float64   `json:"rate,omitempty"` // 0 = a series is its length, however long
	Steps  int       `json:"steps"`
	Mean   []float64 `json:"mean"` // by channel
	SD     []float64 `json:"sd"`
	Gaps   bool      `json:"gaps,omitempty"`
}

// mostSteps is how many steps a series is brought to at most.
const mostSteps = 512

func fitWaves(d *Dataset) (*waves, error) {
	c := d.Of(Waveforms)[0]
	w := &waves{Column: c.Name}
	channels, lengths, seconds, rates := w.survey(c)
	if channels == 0 || lengths[len(lengths)-1] == 0 {
		return nil, fmt.Errorf("aiaas: %s: no series", d.Name)
	}
	w.Steps = min(max(lengths[len(lengths)*19/20], 4), mostSteps)
	if len(rates) == len(lengths) { // all known: one rate, so that a second is a second
		long := seconds[len(seconds)*19/20]
		w.Rate = rates[len(rates)/2]
		w.Steps = min(max(int(long*w.Rate+.5), 4), mostSteps)
		w.Rate = min(w.Rate, float64(w.Steps)/long)
	}
	w.Mean, w.SD = make([]float64, channels), make([]float64, channels)
	w.measure(c)
	return w, nil
}

// stretch brings series to another number of steps.
func (w *waves) stretch(steps int) {
	w.Rate *= float64(steps) / float64(w.Steps)
	w.Steps = steps
}

// survey is the greatest number of channels, and the lengths, durations and known
// rates, ascending.
func (w *waves) survey(c *Column) (channels int, lengths []int, seconds, rates []float64) {
	for i := range c.Series {
		s := &c.Series[i]
		if c.Absent(i) || len(s.Channels) == 0 || len(s.Channels[0]) == 0 {
			w.Gaps = true
			continue
		}
		channels = max(channels, len(s.Channels))
		lengths = append(lengths, len(s.Channels[0]))
		if s.Rate > 0 {
			rates, seconds = append(rates, s.Rate), append(seconds, float64(len(s.Channels[0]))/s.Rate)
		}
	}
	slices.Sort(lengths)
	slices.Sort(seconds)
	slices.Sort(rates)
	return channels, lengths, seconds, rates
}

// measure takes each channel's mean and spread, and sees whether there are gaps.
func (w *waves) measure(c *Column) {
	n := make([]float64, len(w.Mean))
	for i := range c.Series {
		if c.Absent(i) {
			continue
		}
		w.Gaps = w.Gaps || len(c.Series[i].Channels) < len(w.Mean)
		for ch, values := range c.Series[i].Channels {
			for _, v := range values {
				if v != v || math.IsInf(float64(v), 0) {
					w.Gaps = true
					continue
				}
				n[ch]++
				delta := float64(v) - w.Mean[ch]
				w.Mean[ch] += delta / n[ch]
				w.SD[ch] += delta * (float64(v) - w.Mean[ch])
			}
		}
	}
	for ch := range w.SD {
		if w.SD[ch] = math.Sqrt(w.SD[ch] / max(n[ch], 1)); !(w.SD[ch] > 1e-9*math.Abs(w.Mean[ch])) || w.SD[ch] == 0 {
			w.SD[ch] = 1
		}
	}
}

// width is the network's channels.
func (w *waves) width() int {
	if w.Gaps {
		return 2 * len(w.Mean)
	}
	return len(w.Mean)
}

func (w *waves) shape() []int { return []int{w.Steps, w.width()} }

func (w *waves) check() error {
	if w.Steps < 1 || w.Steps > 1<<16 || len(w.Mean) == 0 || len(w.Mean) != len(w.SD) {
		return errors.New("series of no size")
	}
	for _, sd := range w.SD {
		if !(sd > 0) {
			return errors.New("damaged spread")
		}
	}
	return nil
}

func (w *waves) inputs(d *Dataset) (nn.Tensor, error) {
	if err := needs(d, Waveforms, []string{w.Column}); err != nil {
		return nn.Tensor{}, err
	}
	c := d.Column(w.Column)
	x := nn.NewTensor(d.Len(), w.Steps, w.width())
	x.Lengths = make([]int, d.Len())
	for i := range d.Len() {
		s := Series{}
		if !c.Absent(i) {
			s = c.Series[i]
		}
		x.Lengths[i] = w.fill(s, x.Data[i*w.Steps*w.width():(i+1)*w.Steps*w.width()])
	}
	return x, nil
}

// fill writes a series step by step and gives the number of real steps; a series
// that is not there is one of gaps.
func (w *waves) fill(s Series, into []float32) int {
	length := 0
	if len(s.Channels) > 0 {
		length = len(s.Channels[0])
	}
	steps := w.Steps
	if w.Rate > 0 && s.Rate > 0 && length > 0 {
		steps = min(max(int(float64(length)/s.Rate*w.Rate+.5), 1), w.Steps)
	}
	span := float64(length) / float64(steps)
	if w.Rate > 0 && s.Rate > 0 {
		span = s.Rate / w.Rate
	}
	for ch := range w.Mean {
		for k := range steps {
			v := gap
			if ch < len(s.Channels) {
				v = portion(s.Channels[ch], float64(k)*span, float64(k+1)*span)
			}
			at := k*w.width() + ch
			if v == v {
				into[at] = float32(min(max((float64(v)-w.Mean[ch])/w.SD[ch], -20), 20))
			} else if w.Gaps {
				into[at+len(w.Mean)] = 1
			}
		}
	}
	return steps
}

// portion is the mean of the values from one place to another, between two
// neighbours where that is less than a step; NaN where all are gaps.
func portion(v []float32, from, to float64) float32 {
	if to-from < 1 {
		at := min(max((from+to)/2-.5, 0), float64(len(v)-1))
		i := int(at)
		a, b := v[i], v[min(i+1, len(v)-1)]
		switch t := float32(at) - float32(i); {
		case a != a && t > .5:
			return b
		case b != b && t <= .5:
			return a
		default:
			return a + t*(b-a)
		}
	}
	sum, n := 0., 0.
	for i := int(from + 1e-9); i < min(int(math.Ceil(to-1e-9)), len(v)); i++ {
		if x := float64(v[i]); !math.IsNaN(x) && !math.IsInf(x, 0) {
			sum, n = sum+x, n+1
		}
	}
	if n == 0 {
		return gap
	}
	return float32(sum / n)
}

// raw is what series are varied from.
func (w *waves) raw(d *Dataset) (nn.Tensor, error) { return w.inputs(d) }

// vary moves each series by a few steps and changes its strength and level a
// little, as another electrode would.
func (w *waves) vary(raw, x nn.Tensor, seed, stream uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x77617665^stream))
	width, channels := w.width(), len(w.Mean)
	for i := range raw.Shape[0] {
		from := raw.Data[i*w.Steps*width : (i+1)*w.Steps*width]
		into := x.Data[i*w.Steps*width : (i+1)*w.Steps*width]
		n := raw.Lengths[i]
		move := rng.IntN(2*(n/25)+1) - n/25
		strength, level := float32(math.Exp(.2*(rng.Float64()-.5))), float32(.2*(rng.Float64()-.5))
		for k := range n {
			old := from[min(max(k+move, 0), n-1)*width:]
			for c := range width {
				into[k*width+c] = old[c]
				if c < channels && !(w.Gaps && old[c+channels] == 1) {
					into[k*width+c] = strength*old[c] + level + .02*float32(rng.NormFloat64())
				}
			}
		}
	}
}
