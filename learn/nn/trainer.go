package nn

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// trainer is a training run. Each thread has a replica and a range of the
// parameters; a step goes through phases that all threads finish together.
type trainer struct {
	m        *Model
	o        Options
	data     Data
	loss     *objective
	replicas []*replica
	ranges   [][]span // of the parameters, by thread
	norms    []float64
	update   *updater
	average  *averager
	best     [][]float32 // values at the best epoch
	waited   int         // epochs since
	epoch    int         // epochs done
	history  History

	order []int
	steps int // in an epoch
	began time.Time
	first int // step this run began with

	start []chan phase // one for each thread but the first
	done  sync.WaitGroup
}

// span is a part of a parameter.
type span struct{ param, lo, hi int }

// phase is a part of a step.
type phase int

const (
	learning phase = iota
	reducing
	updating
	repacking
)

func newTrainer(m *Model, data Data, o Options) (*trainer, error) {
	loss, err := m.checkData(data, &o)
	if err != nil {
		return nil, err
	}
	if o.Validation != nil {
		if _, err := m.checkData(*o.Validation, &o); err != nil {
			return nil, fmt.Errorf("nn: validation data: %w", err)
		}
	}
	o.Epochs, o.Threads = max(1, o.Epochs), max(1, o.Threads)
	if o.Batch == 0 {
		o.Batch = 32
	}
	t := &trainer{m: m, o: o, data: data, loss: loss, norms: make([]float64, o.Threads)}
	for _, p := range m.net.params {
		if p.plain != nil {
			p.turned = &panels{}
		}
	}
	m.repack()
	for range o.Threads {
		t.replicas = append(t.replicas, newReplica(m, loss, true))
	}
	t.ranges = divide(m.net.params, o.Threads)
	t.update = newUpdater(o.Optimizer, m.net.params)
	t.average = newAverager(&o, t.values(), len(m.net.params))
	t.steps = (data.X.Shape[0] + o.Batch - 1) / o.Batch
	t.order = make([]int, data.X.Shape[0])
	t.open()
	return t, nil
}

// values are the model's numbers: parameters, then the running means of the
// first replica, which are the model's once an epoch ends.
func (t *trainer) values() [][]float32 {
	var v [][]float32
	for _, p := range t.m.net.params {
		v = append(v, p.Value)
	}
	for _, p := range t.replicas[0].net.state {
		v = append(v, p.Value)
	}
	return v
}

// divide gives each thread a range of the parameters of about the same length.
func divide(params []*Param, threads int) [][]span {
	all := 0
	for _, p := range params {
		all += len(p.Value)
	}
	ranges := make([][]span, threads)
	at := 0
	for i, p := range params {
		for j := range threads {
			lo, hi := max(0, all*j/threads-at), min(len(p.Value), all*(j+1)/threads-at)
			if lo < hi {
				ranges[j] = append(ranges[j], span{i, lo, hi})
			}
		}
		at += len(p.Value)
	}
	return ranges
}

// open starts the threads but the first, which is the caller's.
func (t *trainer) open() {
	for i := 1; i < len(t.replicas); i++ {
		c := make(chan phase)
		t.start = append(t.start, c)
		go func() {
			for p := range c {
				t.run(p, i)
				t.done.Done()
			}
		}()
	}
}

func (t *trainer) close() {
	for _, c := range t.start {
		close(c)
	}
	for _, p := range t.m.net.params {
		p.turned = nil
	}
	t.m.repack()
}

// all runs a phase in all threads and waits for them.
func (t *trainer) all(p phase) {
	t.done.Add(len(t.start))
	for _, c := range t.start {
		c <- p
	}
	t.run(p, 0)
	t.done.Wait()
}

func (t *trainer) run(p phase, i int) {
	switch p {
	case learning:
		t.replicas[i].learn()
	case reducing:
		t.reduce(i)
	case updating:
		t.change(i)
	case repacking:
		for j := i; j < len(t.m.net.params); j += len(t.replicas) {
			t.m.net.params[j].repack()
		}
	}
}

// reduce adds the replicas' gradients, in their order, to the first's.
func (t *trainer) reduce(i int) {
	var square float64
	for _, s := range t.ranges[i] {
		sum := t.replicas[0].net.params[s.param].Grad[s.lo:s.hi]
		for _, r := range t.replicas[1:] {
			Add(sum, r.net.params[s.param].Grad[s.lo:s.hi], sum)
		}
		square += float64(Dot(sum, sum))
	}
	t.norms[i] = square
}

// change applies the gradients and clears them.
func (t *trainer) change(i int) {
	for _, s := range t.ranges[i] {
		t.update.apply(t.replicas[0].net.params[s.param], s.param, s.lo, s.hi)
		for _, r := range t.replicas {
			clear(r.net.params[s.param].Grad[s.lo:s.hi])
		}
		t.average.step(s.param, s.lo, s.hi)
	}
}

// discard clears all gradients: they are of no use.
func (t *trainer) discard() {
	for _, r := range t.replicas {
		ZeroGrad(r.net.params)
	}
}

func (t *trainer) oneEpoch(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(t.o.Seed, uint64(t.epoch)))
	for i := range t.order {
		t.order[i] = i
	}
	rng.Shuffle(len(t.order), func(i, j int) { t.order[i], t.order[j] = t.order[j], t.order[i] })
	var sum tally
	for step := range t.steps {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("nn: training: %w", err)
		}
		lo := step * t.o.Batch
		part, rate := t.oneStep(t.order[lo:min(len(t.order), lo+t.o.Batch)], t.epoch*t.steps+step)
		sum.add(part)
		t.tell(step, rate, sum)
	}
	loss, metric := sum.mean()
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return fmt.Errorf("nn: training: the loss is %g in epoch %d: lower the learning rate, or set clipnorm", loss, t.epoch+1)
	}
	t.history.Epochs = append(t.history.Epochs, Epoch{Score: Score{loss, metric}})
	return nil
}

// oneStep learns from the samples picked. Threads take consecutive parts.
func (t *trainer) oneStep(picks []int, step int) (sum tally, rate float64) {
	n := len(t.replicas)
	for i, r := range t.replicas {
		r.take(&t.data, picks[len(picks)*i/n:len(picks)*(i+1)/n])
		r.net.seed(t.o.Seed, uint64(step)<<10+uint64(i))
	}
	t.all(learning)
	for _, r := range t.replicas {
		sum.add(r.sum)
	}
	rate = t.update.rate() * t.o.Schedule.share(step, t.steps, t.steps*t.o.Epochs)
	if sum.weight == 0 {
		return sum, rate
	}
	t.all(reducing)
	var square float64
	for _, s := range t.norms {
		square += s
	}
	norm := math.Sqrt(square) / sum.weight
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		t.discard()
		return sum, rate
	}
	scale := 1 / sum.weight
	if t.o.ClipNorm > 0 && norm > t.o.ClipNorm {
		scale *= t.o.ClipNorm / norm
	}
	t.update.prepare(rate, scale)
	t.all(updating)
	t.all(repacking)
	t.mergeState()
	return sum, rate
}

// mergeState gives all replicas the mean of their running means, by samples.
func (t *trainer) mergeState() {
	all := 0
	for _, r := range t.replicas {
		all += r.samples
	}
	for i, p := range t.replicas[0].net.state {
		for j := range p.Value {
			var sum float64
			for _, r := range t.replicas {
				sum += float64(r.samples) * float64(r.net.state[i].Value[j])
			}
			for _, r := range t.replicas {
				r.net.state[i].Value[j] = float32(sum / float64(all))
			}
		}
	}
}

// tell reports a step.
func (t *trainer) tell(step int, rate float64, sum tally) {
	if t.o.Progress == nil {
		return
	}
	loss, metric := sum.mean()
	t.o.Progress(t.progress(step, rate, loss, metric))
}

func (t *trainer) progress(step int, rate, loss, metric float64) Progress {
	p := Progress{Epoch: t.epoch + 1, Epochs: t.o.Epochs, Step: step + 1, Steps: t.steps, Rate: rate,
		Loss: loss, Metric: metric, MetricName: t.loss.metricName()}
	if t.o.Now == nil {
		return p
	}
	now, done := t.o.Now(), t.epoch*t.steps+step
	if t.began.IsZero() { // the first step is slow: it makes the buffers
		t.began, t.first = now, done
	}
	if run := done - t.first; run > 0 {
		p.Left = time.Duration(float64(now.Sub(t.began)) / float64(run) * float64(t.steps*t.o.Epochs-done-1))
	}
	return p
}

// endEpoch measures, remembers the best, reports and saves.
func (t *trainer) endEpoch() error {
	t.epoch++
	t.copyState()
	t.average.epoch(t.epoch)
	e := &t.history.Epochs[t.epoch-1]
	if t.o.Validation != nil {
		e.Validation = t.validate()
		t.judge(e.Validation.Loss)
	}
	if t.o.Progress != nil {
		t.epoch--
		p := t.progress(t.steps-1, 0, e.Loss, e.Metric)
		t.epoch++
		p.EpochEnd, p.Validation = true, e.Validation
		t.o.Progress(p)
	}
	if t.o.Checkpoint != nil {
		return t.o.Checkpoint(&Checkpoint{Epoch: t.epoch, t: t})
	}
	return nil
}

// copyState makes the running means the model's.
func (t *trainer) copyState() {
	for i, p := range t.m.net.state {
		copy(p.Value, t.replicas[0].net.state[i].Value)
	}
}

// validate measures the model as it would be served: with averaged weights if
// they are averaged.
func (t *trainer) validate() Score {
	restore := t.average.swap(t.m)
	defer restore()
	return newReplica(t.m, t.loss, false).evaluate(*t.o.Validation, t.loss)
}

// judge keeps the best weights and stops when they stay the best too long.
func (t *trainer) judge(loss float64) {
	best := t.history.Best
	if best > 0 && !(loss < t.history.Epochs[best-1].Validation.Loss) {
		t.waited++
		t.history.Stopped = t.o.Patience > 0 && t.waited >= t.o.Patience && t.epoch < t.o.Epochs
		return
	}
	t.history.Best, t.waited = t.epoch, 0
	if t.o.Patience > 0 {
		restore := t.average.swap(t.m)
		t.best = snapshot(t.m.Params(), t.best)
		restore()
	}
}

// finish leaves the model with the best weights, or the averaged ones.
func (t *trainer) finish() {
	switch {
	case t.best != nil:
		for i, p := range t.m.Params() {
			copy(p.Value, t.best[i])
		}
	default:
		t.average.swap(t.m)
	}
}

// snapshot copies values, into memory of an earlier one if there is.
func snapshot(params []*Param, into [][]float32) [][]float32 {
	into = slices.Grow(into[:0], len(params))[:len(params)]
	for i, p := range params {
		into[i] = append(into[i][:0], p.Value...)
	}
	return into
}
