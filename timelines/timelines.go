// Package timelines keeps the one derived form of the hospital's data: each
// patient's events in order, compact, ready to be cut at any moment. It knows
// neither FHIR nor HTTP; who fills it rebuilds a timeline from the resources
// whenever a patient has changed.
//
// Its invariant: the bytes of a timeline are a function of the timeline alone.
// So [Version] of the same facts is the same in every process and every order
// of arrival, and nothing of a patient outlives the patient's own blob.
package timelines

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"sync"

	"ember/record"
)

// ErrNotFound is returned for a patient without a timeline.
var ErrNotFound = errors.New("timelines: no such patient")

// KV is the sealed key-value space that holds the timelines. Put and Delete are
// atomic; All gives every pair in an order of its own, without Patient.
type KV interface {
	Get(key []byte) (value []byte, ok bool, err error)
	Put(pairs []Pair) error
	Delete(keys [][]byte) error
	All() iter.Seq2[Pair, error]
}

// Pair is one key with its value. Patient names whose it is, so that the space
// can erase it with him.
type Pair struct {
	Key, Value []byte
	Patient    string
}

// Chart is a timeline with the version of its facts.
type Chart struct {
	record.Timeline
	Version string // 12 hex digits
}

// Timelines is safe for concurrent use; Put is to be called from one goroutine
// at a time.
type Timelines struct {
	kv     KV
	recent recent
}

var positionKey = []byte("position")

// New keeps timelines in kv and up to cached decoded ones in memory.
func New(kv KV, cached int) *Timelines {
	return &Timelines{kv: kv, recent: recent{limit: max(cached, 2)}}
}

// Get is the timeline of a patient as last put, or [ErrNotFound].
func (t *Timelines) Get(patient string) (Chart, error) {
	if c, ok := t.recent.get(patient); ok {
		return c, nil
	}
	epoch := t.recent.now()
	c, err := t.Read(patient)
	if err == nil {
		t.recent.put(patient, c, epoch)
	}
	return c, err
}

// Read is [Timelines.Get] for who reads many once: what is kept in memory stays there.
func (t *Timelines) Read(patient string) (Chart, error) {
	b, ok, err := t.kv.Get(key(patient))
	if err != nil {
		return Chart{}, fmt.Errorf("timelines: reading: %w", err)
	}
	if !ok {
		return Chart{}, ErrNotFound
	}
	timeline, err := Decode(b)
	if err != nil {
		return Chart{}, err
	}
	return Chart{timeline, version(b)}, nil
}

// Put forgets the removed timelines, replaces those given, and remembers
// position, the place in the change log up to which all timelines are true.
func (t *Timelines) Put(timelines []record.Timeline, removed []string, position uint64) error {
	pairs := make([]Pair, 0, len(timelines)+1)
	for _, tl := range timelines {
		pairs = append(pairs, Pair{Key: key(tl.Person.ID), Value: Encode(tl), Patient: tl.Person.ID})
	}
	pairs = append(pairs, Pair{Key: positionKey, Value: binary.BigEndian.AppendUint64(nil, position)})
	defer t.recent.drop(timelines, removed)
	if len(removed) > 0 {
		keys := make([][]byte, len(removed))
		for i, id := range removed {
			keys[i] = key(id)
		}
		if err := t.kv.Delete(keys); err != nil {
			return fmt.Errorf("timelines: removing: %w", err)
		}
	}
	if err := t.kv.Put(pairs); err != nil {
		return fmt.Errorf("timelines: writing: %w", err)
	}
	return nil
}

// Position is the one of the last Put, 0 for none.
func (t *Timelines) Position() (uint64, error) {
	b, ok, err := t.kv.Get(positionKey)
	if err != nil || !ok || len(b) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// All gives every timeline, decoded one at a time and not cached. It may be
// ranged over several times; a timeline put meanwhile may be seen or not. The
// error of one that is damaged comes with its patient's id, as far as that is
// known, and the others follow.
func (t *Timelines) All() iter.Seq2[record.Timeline, error] {
	return func(yield func(record.Timeline, error) bool) {
		for p, err := range t.kv.All() {
			var tl record.Timeline
			switch {
			case err != nil:
			case len(p.Key) == 0 || p.Key[0] != 't':
				continue
			default:
				if tl, err = Decode(p.Value); err != nil {
					tl = record.Timeline{Person: record.Person{ID: string(p.Key[1:])}}
				}
			}
			if !yield(tl, err) {
				return
			}
		}
	}
}

// ChartOf is a timeline that is not stored, with its version.
func ChartOf(t record.Timeline) Chart { return Chart{t, version(Encode(t))} }

func version(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:6])
}

func key(patient string) []byte { return append([]byte{'t'}, patient...) }

// recent holds the charts used last in two generations: when the young one is
// full it becomes the old one, and what was not used since is forgotten. A chart
// read before a drop is not kept after it: it may be the old one.
type recent struct {
	mu         sync.Mutex
	limit      int
	epoch      uint64
	young, old map[string]Chart
}

func (r *recent) now() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.epoch
}

func (r *recent) get(id string) (Chart, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.young[id]
	if ok {
		return c, true
	}
	if c, ok = r.old[id]; ok {
		r.insert(id, c)
	}
	return c, ok
}

func (r *recent) put(id string, c Chart, epoch uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch == epoch {
		r.insert(id, c)
	}
}

func (r *recent) insert(id string, c Chart) {
	if r.young == nil || len(r.young) >= r.limit/2 {
		r.old, r.young = r.young, make(map[string]Chart)
	}
	r.young[id] = c
}

func (r *recent) drop(timelines []record.Timeline, removed []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch++
	forget := func(id string) {
		delete(r.young, id)
		delete(r.old, id)
	}
	for _, t := range timelines {
		forget(t.Person.ID)
	}
	for _, id := range removed {
		forget(id)
	}
}
