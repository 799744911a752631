package aiaas

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// shelf holds the loaded versions, those used last. It is safe for concurrent use.
type shelf struct {
	load func(name, version string) (*loaded, error)

	mu      sync.Mutex
	turn    uint64
	open    map[string]*slot // by name/version
	served  map[string]string
	shadows map[string]*shadow // by name
}

// slot is a version that is loaded once, by the first who asks.
type slot struct {
	once sync.Once
	l    *loaded
	err  error
	used uint64
}

// mostOpen bounds the versions kept loaded.
const mostOpen = 32

func newShelf(load func(name, version string) (*loaded, error)) *shelf {
	return &shelf{load: load, open: map[string]*slot{}, served: map[string]string{}, shadows: map[string]*shadow{}}
}

// get is a loaded version.
func (s *shelf) get(name, version string) (*loaded, error) {
	key := name + "/" + version
	s.mu.Lock()
	e := s.open[key]
	if e == nil {
		e = new(slot)
		s.open[key] = e
		s.trim()
	}
	s.turn++
	e.used = s.turn
	s.mu.Unlock()
	e.once.Do(func() { e.l, e.err = s.load(name, version) })
	if e.err != nil {
		s.forget(key, e) // the next one tries again
	}
	return e.l, e.err
}

func (s *shelf) forget(key string, e *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[key] == e {
		delete(s.open, key)
	}
}

// trim drops what was used longest ago. Who uses it still may go on. s.mu is held.
func (s *shelf) trim() {
	for len(s.open) > mostOpen {
		oldest, used := "", s.turn+1
		for key, e := range s.open {
			if e.used < used && e.used > 0 {
				oldest, used = key, e.used
			}
		}
		delete(s.open, oldest)
	}
}

func (s *shelf) drop(name, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, name+"/"+version)
}

// serves remembers what serves, "" forgets it.
func (s *shelf) serves(name, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version == "" {
		delete(s.served, name)
		return
	}
	s.served[name] = version
}

func (s *shelf) servedOf(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served[name]
}

// loaded is a version that answers. Calls that come while others are being
// answered are answered together.
type loaded struct {
	about Serving
	model Model

	mu      sync.Mutex
	waiting []*asked
	samples int // waiting
	workers int
}

type asked struct {
	ctx  context.Context
	d    *Dataset
	done chan answered
}

type answered struct {
	p   []float32
	err error
}

func newLoaded(about Serving, m Model) *loaded { return &loaded{about: about, model: m} }

// Samples answered together, and how many may wait. With fewer than
// enoughTogether for each worker another would only make the batches smaller.
const (
	enoughTogether = 12
	mostTogether   = 256
	mostWaiting    = 100_000
)

// predict answers for d, together with others who ask at the same time.
func (l *loaded) predict(ctx context.Context, d *Dataset) ([]float32, error) {
	c := &asked{ctx, d, make(chan answered, 1)}
	l.mu.Lock()
	if l.samples > 0 && l.samples+d.Len() > mostWaiting {
		l.mu.Unlock()
		return nil, fmt.Errorf("aiaas: %s: too many samples wait for an answer: %w", l.about.Name, ErrBusy)
	}
	l.waiting, l.samples = append(l.waiting, c), l.samples+d.Len()
	if l.workers < runtime.GOMAXPROCS(0) && l.samples > l.workers*enoughTogether {
		l.workers++
		go l.answer()
	}
	l.mu.Unlock()
	select {
	case a := <-c.done:
		return a.p, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// answer is a worker: it ends when nobody waits.
func (l *loaded) answer() {
	for {
		runtime.Gosched() // those whose requests are being read come along
		batch := l.next()
		if batch == nil {
			return
		}
		l.together(batch)
	}
}

// next takes the calls that come first and fit together.
func (l *loaded) next() []*asked {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = slices.DeleteFunc(l.waiting, func(c *asked) bool {
		gone := c.ctx.Err() != nil
		if gone {
			l.samples -= c.d.Len()
		}
		return gone
	})
	if len(l.waiting) == 0 {
		l.workers--
		return nil
	}
	n, samples := 0, 0
	for _, c := range l.waiting {
		if n > 0 && (samples+c.d.Len() > mostTogether || !joinable(l.waiting[0].d, c.d)) {
			break
		}
		n, samples = n+1, samples+c.d.Len()
	}
	batch := slices.Clone(l.waiting[:n])
	l.waiting, l.samples = slices.Delete(l.waiting, 0, n), l.samples-samples
	return batch
}

// together answers a batch; where that fails, each alone, so that one bad call
// spoils no other.
func (l *loaded) together(batch []*asked) {
	if len(batch) > 1 {
		parts := make([]*Dataset, len(batch))
		for i, c := range batch {
			parts[i] = c.d
		}
		d := joined(parts)
		if p, err := l.safely(context.WithoutCancel(batch[0].ctx), d); err == nil {
			m := len(p) / d.Len()
			for _, c := range batch {
				n := c.d.Len() * m
				c.done <- answered{p: p[:n:n]}
				p = p[n:]
			}
			return
		}
	}
	for _, c := range batch {
		p, err := l.safely(c.ctx, c.d)
		c.done <- answered{p, err}
	}
}

var errPanicked = errors.New("aiaas: the model failed")

// safely turns a panic of a model into an error: a sample nobody thought of must
// not end the process. What it panicked with may hold values and is dropped.
func (l *loaded) safely(ctx context.Context, d *Dataset) (p []float32, err error) {
	defer func() {
		if recover() != nil {
			p, err = nil, errPanicked
		}
	}()
	p, err = l.model.Predict(ctx, d)
	if err == nil && (d.Len() == 0 || len(p)%d.Len() != 0) {
		err = errPanicked
	}
	return p, err
}

// joinable reports whether two datasets can be joined.
func joinable(a, b *Dataset) bool {
	return a.Task == b.Task && slices.EqualFunc(a.Columns, b.Columns, func(x, y Column) bool { return x.Name == y.Name && x.Kind == y.Kind })
}

// joined is the samples of all, in order, without labels.
func joined(parts []*Dataset) *Dataset {
	out := &Dataset{Name: parts[0].Name, Task: parts[0].Task, Columns: make([]Column, len(parts[0].Columns))}
	for _, d := range parts {
		out.Subject = append(out.Subject, d.Subject...)
		out.Places = append(out.Places, d.Places...)
	}
	for k := range out.Columns {
		c := &out.Columns[k]
		c.Name, c.Kind = parts[0].Columns[k].Name, parts[0].Columns[k].Kind
		gaps := slices.ContainsFunc(parts, func(d *Dataset) bool { return d.Columns[k].Missing != nil })
		for _, d := range parts {
			from := &d.Columns[k]
			c.Number, c.Text = append(c.Number, from.Number...), append(c.Text, from.Text...)
			c.Image, c.Series = append(c.Image, from.Image...), append(c.Series, from.Series...)
			if !gaps {
				continue
			}
			if from.Missing == nil {
				c.Missing = append(c.Missing, make([]bool, d.Len())...)
			} else {
				c.Missing = append(c.Missing, from.Missing...)
			}
		}
	}
	return out
}
