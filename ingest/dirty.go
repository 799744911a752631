package ingest

import (
	"sync"
	"time"
)

// dirty is the set of patients whose timeline is older than their resources.
// A patient leaves it only when a new timeline has been put.
type dirty struct {
	now func() time.Time

	mu      sync.Mutex
	waiting map[string]struct{}
	working map[string]struct{} // taken by the round at hand
	failed  map[string]struct{} // could not be rebuilt
	flights map[*flight]struct{}
	first   time.Time // of the oldest mark in waiting
	last    time.Time // of the youngest, or of the end of a load after it
	loads   int       // that are running
}

// flight is a commit that has begun and is not marked yet. The follower must
// not claim to have seen the log beyond where the oldest began.
type flight struct{ head uint64 }

func (d *dirty) begin(head uint64) *flight {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.flights == nil {
		d.flights = map[*flight]struct{}{}
	}
	f := &flight{head}
	d.flights[f] = struct{}{}
	return f
}

func (d *dirty) land(f *flight, patients ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.flights, f)
	d.add(patients)
}

func (d *dirty) mark(patients ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.add(patients)
}

func (d *dirty) add(patients []string) {
	for _, p := range patients {
		if p == "" {
			continue
		}
		d.last = d.now()
		if len(d.waiting) == 0 {
			d.first = d.last
			d.waiting = map[string]struct{}{}
		}
		d.waiting[p] = struct{}{}
	}
}

func (d *dirty) has(patient string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, waiting := d.waiting[patient]
	_, working := d.working[patient]
	_, failed := d.failed[patient]
	return waiting || working || failed
}

// none reports whether every timeline is as young as its resources.
func (d *dirty) none() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waiting)+len(d.working)+len(d.failed) == 0
}

func (d *dirty) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waiting) + len(d.working)
}

func (d *dirty) anyWaiting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waiting) > 0
}

// loading begins a load; call what it returns at the load's end. While a load
// runs, no patient counts as quiet: its next lines may be about any of them.
func (d *dirty) loading() (end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loads++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.loads--
		d.last = d.now()
	}
}

// due tells how long to wait until the waiting patients should be taken:
// until they have been quiet, but not for longer than patience.
func (d *dirty) due(quiet, patience time.Duration) (wait time.Duration, any bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == 0 {
		return 0, false
	}
	now := d.now()
	wait = patience - now.Sub(d.first)
	if d.loads == 0 {
		wait = min(wait, quiet-now.Sub(d.last))
	}
	return max(0, wait), true
}

// reach is how far in the log a round could come now, given its head: commits
// under way hold it back.
func (d *dirty) reach(head uint64) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	for f := range d.flights {
		head = min(head, f.head)
	}
	return head
}

// take moves all waiting patients to the round at hand and says up to where in
// the log that round will be true, given the log's head before the call.
func (d *dirty) take(head uint64) (patients []string, upTo uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for f := range d.flights {
		head = min(head, f.head)
	}
	d.working, d.waiting = d.waiting, nil
	for p := range d.working {
		patients = append(patients, p)
	}
	return patients, head
}

// join adds patients to the round at hand.
func (d *dirty) join(patients []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range patients {
		d.working[p] = struct{}{}
	}
}

// settled takes patients out of the round at hand: they have been put.
func (d *dirty) settled(patients []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range patients {
		delete(d.working, p)
	}
}

// done ends the round at hand; with failed, its patients wait again.
func (d *dirty) done(failed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if failed {
		for p := range d.working {
			d.add([]string{p})
		}
	}
	d.working = nil
}
