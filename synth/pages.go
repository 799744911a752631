package synth

import (
	"context"
	"runtime"
	"slices"
	"sync"
)

// page is the resources of some patients in one buffer, so that a patient
// costs no allocation of its own.
type page struct {
	buf   []byte
	items []item
	last  int // where the last closed resource ends
}

type item struct {
	kind       string
	start, end int
}

func (p *page) reset() { p.buf, p.items, p.last = p.buf[:0], p.items[:0], 0 }

// close ends the resource that was appended to buf since the last close.
func (p *page) close(kind string) {
	p.items = append(p.items, item{kind, p.last, len(p.buf)})
	p.last = len(p.buf)
}

// hoist moves the items from number i on before those from number first on.
func (p *page) hoist(first, i int) {
	moved := slices.Clone(p.items[i:])
	copy(p.items[first+len(moved):], p.items[first:i])
	copy(p.items[first:], moved)
}

func (p *page) each(sink func(Resource) error) error {
	for _, it := range p.items {
		if err := sink(Resource{Type: it.kind, JSON: p.buf[it.start:it.end:it.end]}); err != nil {
			return err
		}
	}
	return nil
}

// perPage patients are made in one piece by one worker.
const perPage = 32

// pages makes all patients on all cores and calls each in the patients' order.
// At most two pages a core exist at once, whatever the number of patients.
func pages(ctx context.Context, opt Options, h *hospital, each func(*page) error) error {
	ctx, cancel := context.WithCancel(ctx)
	total := (opt.Patients + perPage - 1) / perPage
	workers := min(runtime.GOMAXPROCS(0), max(total, 1))
	type job struct {
		number int
		page   *page
		done   chan struct{}
	}
	ring := make([]job, 2*workers) // job i uses slot i mod len: bounded memory
	jobs := make(chan *job, len(ring))
	var wait sync.WaitGroup
	defer wait.Wait()
	defer close(jobs)
	defer cancel()
	for range workers {
		wait.Go(func() {
			m := newMaker(opt, h)
			for j := range jobs {
				j.page.reset()
				for i := j.number * perPage; i < min((j.number+1)*perPage, opt.Patients) && ctx.Err() == nil; i++ {
					m.patient(i, j.page)
				}
				j.done <- struct{}{}
			}
		})
	}
	send := func(number int) {
		j := &ring[number%len(ring)]
		if j.page == nil {
			j.page, j.done = &page{}, make(chan struct{}, 1)
		}
		j.number = number
		jobs <- j
	}
	for i := range min(total, len(ring)) {
		send(i)
	}
	for i := range total {
		j := &ring[i%len(ring)]
		<-j.done
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := each(j.page); err != nil {
			return err
		}
		if i+len(ring) < total {
			send(i + len(ring))
		}
	}
	return nil
}
