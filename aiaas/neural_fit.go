package aiaas

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ember/learn"
	"ember/learn/nn"
)

// parts is into how many parts subjects are dealt for a fit's own use: each
// network is fitted without one, by which it knows when to stop and how sure it
// may be. Fewer samples than smallest are not divided.
const (
	parts    = 6
	smallest = 60
)

// fit fits the recipe's networks, as many at a time as there are threads. Each
// runs on one thread, so the number of threads changes no bit.
func (r recipe) fit(ctx context.Context, d *Dataset, f Fitting) (*neural, error) {
	d, err := fittable(d)
	if err != nil {
		return nil, err
	}
	m := &neural{face: faceOf(r.name, d)}
	m.Weights = balance(d)
	if m.prep, err = r.prepare(d); err != nil {
		return nil, err
	}
	spec, err := r.spec(m.prep, d)
	if err != nil {
		return nil, err
	}
	m.Networks = max(1, r.members)
	m.nets = make([]*nn.Model, m.Networks)
	part := slices.Repeat([]int{-1}, d.Len())
	if d.Len() >= smallest {
		part = learn.KFold(d.Subject, parts)
	}
	told := &told{f: f, name: r.name, done: make([]float64, m.Networks)}
	held, z := make([][]int, m.Networks), make([][]float32, m.Networks)
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(max(1, f.Threads))
	turns := (m.Networks + max(1, f.Threads) - 1) / max(1, f.Threads)
	f.Budget /= time.Duration(turns) // of each network
	for k := range m.Networks {
		g.Go(func() (err error) {
			one := member{recipe: r, face: &m.face, prep: m.prep, d: d, k: k, f: f, stop: f.stop(), told: told}
			for i, p := range part {
				if p == k%parts {
					held[k] = append(held[k], i)
				} else {
					one.rows = append(one.rows, i)
				}
			}
			one.held = held[k]
			m.nets[k], z[k], err = one.fit(within, spec)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return m, m.calibrate(slices.Concat(z...), take(d.Labels, slices.Concat(held...)))
}

// member is the fit of one network.
type member struct {
	recipe
	face       *face
	prep       preparation
	d          *Dataset
	rows, held []int
	k          int
	f          Fitting
	stop       func() bool
	told       *told
}

// fit gives the network and its logits of the samples held out.
func (m *member) fit(ctx context.Context, spec nn.Spec) (*nn.Model, []float32, error) {
	seed := m.f.Seed*1009 + uint64(m.k)
	net, err := spec.Build(seed)
	if err != nil {
		return nil, nil, fmt.Errorf("aiaas: the network: %w", err)
	}
	train := m.d.Take(m.rows)
	x, err := m.prep.inputs(train)
	if err != nil {
		return nil, nil, err
	}
	o := m.options(len(m.rows))
	o.Seed, o.Threads, o.Loss = seed, 1, lossOf(m.d)
	if o.ClassWeights == nil {
		o.ClassWeights = m.face.Weights
	}
	data := nn.Data{X: x, Y: m.face.targets(train)}
	var hx nn.Tensor
	if len(m.held) > 0 {
		held := m.d.Take(m.held)
		if hx, err = m.prep.inputs(held); err != nil {
			return nil, nil, err
		}
		o.Validation = &nn.Data{X: hx, Y: m.face.targets(held)}
	} else {
		o.Patience = 0
	}
	if err := m.train(ctx, net, train, data, o); err != nil {
		return nil, nil, err
	}
	if len(m.held) == 0 {
		return net, nil, nil
	}
	z, err := logitsOf(ctx, net, hx)
	return net, z, err
}

// errSpent ends training when the budget is.
var errSpent = errors.New("the budget is spent")

// train runs all epochs, or as many as the budget allows; what a kept run has
// done is not done again.
func (m *member) train(ctx context.Context, net *nn.Model, d *Dataset, data nn.Data, o nn.Options) error {
	renew, err := m.renewal(d, data.X, o.Seed)
	if err != nil {
		return err
	}
	kept, err := m.kept(net, data, o)
	if err != nil {
		return err
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	first := true
	o.Progress = func(p nn.Progress) {
		m.told.tell(m.k, p, o.Validation != nil)
		if first && m.stop != nil && m.stop() {
			cancel()
		}
	}
	o.Checkpoint = func(c *nn.Checkpoint) error {
		first = false
		if err := kept.keep(c); err != nil {
			return err
		}
		if m.stop != nil && m.stop() {
			c.Settle()
			return errSpent
		}
		renew(c.Epoch)
		return ctx.Err()
	}
	if kept.from != nil {
		o.Resume, first = kept.from, false
	}
	renew(kept.epoch)
	_, err = nn.Fit(within, net, data, o)
	switch {
	case err == nil, errors.Is(err, errSpent), within.Err() != nil && ctx.Err() == nil:
		m.told.end(m.k)
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("aiaas: %s: %w", m.name, err)
}

// renewal draws the training inputs of the epoch after one; nothing where they
// are always the same.
func (m *member) renewal(d *Dataset, x nn.Tensor, seed uint64) (func(epoch int), error) {
	v, ok := m.prep.(varied)
	if !ok {
		return func(int) {}, nil
	}
	raw, err := v.raw(d)
	if err != nil {
		return nil, err
	}
	return func(epoch int) { v.vary(raw, x, seed, uint64(epoch)) }, nil
}

// told puts the networks' progress together.
type told struct {
	mu   sync.Mutex
	f    Fitting
	name string
	done []float64
	last float64
	left time.Duration // of the network that told last; the others are fitted beside or after it
}

func (t *told) tell(k int, p nn.Progress, validated bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done[k] = max(t.done[k], (float64(p.Epoch-1)+float64(p.Step)/float64(p.Steps))/float64(p.Epochs))
	t.left = p.Left
	note := ""
	if p.EpochEnd {
		note = fmt.Sprintf("loss %.4f after %d epochs", p.Loss, p.Epoch)
		if validated {
			note += fmt.Sprintf(", %.4f on samples held out", p.Validation.Loss)
		}
	}
	t.report(note)
}

func (t *told) end(k int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done[k] = 1
	t.report("")
}

// report passes progress on when there is some to see.
func (t *told) report(note string) {
	sum := 0.
	for _, v := range t.done {
		sum += v / float64(len(t.done))
	}
	if sum = min(sum, 1); sum < t.last+.005 && note == "" && sum < 1 {
		return
	}
	t.last = max(sum, t.last)
	t.f.report(Progress{Family: t.name, Done: t.last, Note: note, Left: t.left})
}
