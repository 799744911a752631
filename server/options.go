package server

import (
	"errors"
	"fmt"
	"time"
)

// Options are the server's settings. The zero value works: every zero in
// Limits and Timeouts stands for the default named beside it.
type Options struct {
	Limits   Limits
	Timeouts Timeouts
	// ReadyLag is the most changes that the index may be behind while /readyz
	// still says ready; 0: it must have caught up.
	ReadyLag uint64
}

// Limits bound what one request and all requests together may take.
type Limits struct {
	// BodyBytes bounds a body that is one JSON document, after decompression: 128 MiB.
	BodyBytes int64
	// StreamBytes bounds an NDJSON body, after decompression: 64 GiB.
	StreamBytes int64
	// HeaderBytes bounds the request's header: 64 KiB.
	HeaderBytes int
	// CompressFrom is the size from which an answer is compressed for a
	// client that accepts gzip: 1 KiB.
	CompressFrom int
	// Loads is how many loads run at once: 4.
	Loads int
	// Asks is how many recommendations and searches run at once: 64.
	Asks int
	// Hooks is how many calls of CDS services run at once: 32.
	Hooks int
	// Requests is how many reads and writes of single resources run at once: 64.
	Requests int
	// Probes is how many requests for health, metrics and the like run at once: 32.
	Probes int
	// PerPrincipal is how many requests one caller may have in flight: 128.
	PerPrincipal int
}

// Timeouts bound how long things may take.
type Timeouts struct {
	// Header: until the request's header has come: 10 s.
	Header time.Duration
	// Idle: between two requests of one connection: 2 min.
	Idle time.Duration
	// Stall: a body that brings nothing, or an answer that nobody takes: 60 s.
	Stall time.Duration
	// Ask: one recommendation, search, read or write: 30 s.
	Ask time.Duration
	// Load: one load: 1 h.
	Load time.Duration
	// Wait: /readyz?wait=index: 60 s.
	Wait time.Duration
	// Queue: waiting for a free place before 503: 1 s.
	Queue time.Duration
	// Stop: requests in flight may take this long after the stop began: 30 s.
	Stop time.Duration
}

func (o Options) withDefaults() Options {
	l, t := &o.Limits, &o.Timeouts
	fill(&l.BodyBytes, 128<<20)
	fill(&l.StreamBytes, 64<<30)
	fill(&l.HeaderBytes, 64<<10)
	fill(&l.CompressFrom, 1<<10)
	fill(&l.Loads, 4)
	fill(&l.Asks, 64)
	fill(&l.Hooks, 32)
	fill(&l.Requests, 64)
	fill(&l.Probes, 32)
	fill(&l.PerPrincipal, 128)
	fill(&t.Header, 10*time.Second)
	fill(&t.Idle, 2*time.Minute)
	fill(&t.Stall, time.Minute)
	fill(&t.Ask, 30*time.Second)
	fill(&t.Load, time.Hour)
	fill(&t.Wait, time.Minute)
	fill(&t.Queue, time.Second)
	fill(&t.Stop, 30*time.Second)
	return o
}

func fill[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Validate reports every negative setting at once.
func (o Options) Validate() error {
	l, t := o.Limits, o.Timeouts
	var errs []error
	for _, v := range []struct {
		name  string
		value int64
	}{
		{"Limits.BodyBytes", l.BodyBytes}, {"Limits.StreamBytes", l.StreamBytes},
		{"Limits.HeaderBytes", int64(l.HeaderBytes)}, {"Limits.CompressFrom", int64(l.CompressFrom)},
		{"Limits.Loads", int64(l.Loads)}, {"Limits.Asks", int64(l.Asks)},
		{"Limits.Requests", int64(l.Requests)}, {"Limits.Probes", int64(l.Probes)}, {"Limits.Hooks", int64(l.Hooks)},
		{"Limits.PerPrincipal", int64(l.PerPrincipal)},
		{"Timeouts.Header", int64(t.Header)}, {"Timeouts.Idle", int64(t.Idle)},
		{"Timeouts.Stall", int64(t.Stall)}, {"Timeouts.Ask", int64(t.Ask)},
		{"Timeouts.Load", int64(t.Load)}, {"Timeouts.Wait", int64(t.Wait)},
		{"Timeouts.Queue", int64(t.Queue)}, {"Timeouts.Stop", int64(t.Stop)},
	} {
		if v.value < 0 {
			errs = append(errs, fmt.Errorf("%s is negative", v.name))
		}
	}
	return errors.Join(errs...)
}
