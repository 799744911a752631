package ingest

import (
	"errors"
	"fmt"
	"time"

	"ember/timelines"
)

// The follower makes so many vectors at a time, and rests in between: who waits for an
// answer goes before.
const (
	vectorPart = 32
	vectorRest = time.Millisecond
)

// vectors are new vectors on their way into the index.
type vectors struct {
	by   string
	left []string // patients who have none yet
	made map[string][]float32
}

// Revector gives every patient a new vector by the encoder, in the background, and tells
// how many there are. Timelines stay as they are, charts are read as before, and the
// index takes all vectors up at once, with by for what made them. A call while an earlier
// one is under way takes its place.
func (in *Ingest) Revector(by string) (patients int, err error) {
	v := &vectors{by: by, made: map[string][]float32{}}
	for p, err := range in.opt.Store.Patients() {
		if err != nil {
			return 0, fmt.Errorf("ingest: listing patients: %w", err)
		}
		v.left = append(v.left, p)
	}
	patients = len(v.left)
	in.mu.Lock()
	in.vectors = v
	in.mu.Unlock()
	in.notify()
	return patients, nil
}

// revectoring is what is under way; nil for nothing.
func (in *Ingest) revectoring() *vectors {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.vectors
}

// encodePart makes some vectors, and hands all of them to the index when they are there.
// Only the follower calls it.
func (in *Ingest) encodePart(v *vectors) error {
	n := min(vectorPart, len(v.left))
	for _, p := range v.left[:n] {
		if vec, ok := in.encode(p); ok {
			v.made[p] = vec
		}
	}
	if v.left = v.left[n:]; len(v.left) > 0 {
		return nil
	}
	err := in.opt.Index.SetVectors(v.by, v.made)
	in.mu.Lock()
	if in.vectors == v { // else another has taken its place
		in.vectors = nil
	}
	in.mu.Unlock()
	if err != nil {
		return fmt.Errorf("ingest: vectors: %w", err)
	}
	return nil
}

// encode is the vector of a patient; ok is false for one without a timeline that can be
// read: the index keeps what it has until the timeline is made anew.
func (in *Ingest) encode(patient string) (vec []float32, ok bool) {
	var err error
	defer func() { ok = ok && err == nil }()
	defer recovered(&err)
	encode := in.encoder.Load()
	if encode == nil || *encode == nil {
		return nil, true
	}
	chart, err := in.opt.Timelines.Read(patient)
	if errors.Is(err, timelines.ErrFormat) {
		in.dirty.mark(patient)
	}
	if err != nil {
		return nil, false
	}
	return (*encode)(chart.Timeline), true
}

// overtaken takes patients out of what is under way: they have just been indexed with
// vectors of their own.
func (in *Ingest) overtaken(patients []string) {
	v := in.revectoring()
	if v == nil {
		return
	}
	for _, p := range patients {
		delete(v.made, p)
	}
}
