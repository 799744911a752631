package store

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Snapshot is everything stored at one moment, whatever is written later. It keeps
// what is replaced meanwhile from being removed from disk, so close it soon. It is
// safe for concurrent use.
type Snapshot struct {
	s    *Store
	snap *pebble.Snapshot
	at   time.Time
}

// Snapshot takes a snapshot between two commits.
func (s *Store) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := &Snapshot{s: s, snap: s.db.NewSnapshot()}
	if s.now != nil {
		n.at = s.now().UTC().Truncate(time.Millisecond)
		if n.at.Before(s.floor) { // a version in it may have been stamped so
			n.at = s.floor.Truncate(time.Millisecond)
		}
		s.floor = n.at.Add(time.Millisecond)
	}
	return n
}

// At is the moment, in whole milliseconds: what is in the snapshot was committed in
// that millisecond or before it, and what is committed later is stamped later.
func (n *Snapshot) At() time.Time { return n.at }

// Close releases the snapshot; nothing of it may be in use.
func (n *Snapshot) Close() error {
	if err := n.snap.Close(); err != nil {
		return fmt.Errorf("store: closing a snapshot: %w", err)
	}
	return nil
}

// Scan says what of a snapshot is read.
type Scan struct {
	// Types are those wanted; nil = all.
	Types []string
	// Patients are the logical ids of those whose resources are wanted, "" for what
	// is nobody's; nil = everything.
	Patients iter.Seq2[string, error]
	// Deleted: tombstones come too.
	Deleted bool
}

// Read yields the current versions in the snapshot, patient after patient, in an
// order that is the same each time. A resource and its bytes are valid until the
// next one. Memory does not grow with their number: one goroutine reads, opens and
// unpacks a little ahead of who iterates. A damaged resource is yielded as ErrCorrupt
// and the iteration goes on; after any other error it ends.
func (n *Snapshot) Read(ctx context.Context, what Scan) iter.Seq2[*Resource, error] {
	return func(yield func(*Resource, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		r := newAhead(ctx, n, what)
		go r.run()
		defer func() {
			stop()
			for range r.full { // ends when the goroutine has
			}
		}()
		for b := range r.full {
			for i := range b.list {
				if !yield(&b.list[i].Resource, b.list[i].err) {
					return
				}
			}
			if b.err != nil {
				yield(nil, b.err)
				return
			}
			r.free <- b
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

const (
	aheadBytes   = 512 << 10 // of a batch
	aheadBatches = 3
)

// batch is what is read ahead at once.
type batch struct {
	mem  []byte
	list []opened
	err  error // after the list
}

type opened struct {
	Resource
	err error
}

// ahead reads batches ahead.
type ahead struct {
	ctx        context.Context
	n          *Snapshot
	what       Scan
	types      map[string]string // names, kept once; with want: those wanted
	want       bool
	full, free chan *batch
	plain      []byte
	last       string // patient
}

func newAhead(ctx context.Context, n *Snapshot, what Scan) *ahead {
	r := &ahead{ctx: ctx, n: n, what: what, types: map[string]string{}, want: what.Types != nil,
		full: make(chan *batch, aheadBatches), free: make(chan *batch, aheadBatches)}
	for _, t := range what.Types {
		r.types[t] = t
	}
	for range aheadBatches {
		r.free <- &batch{mem: make([]byte, 0, aheadBytes)}
	}
	return r
}

// run ends when everything is read or the context ends.
func (r *ahead) run() {
	defer close(r.full)
	b := r.next()
	if b == nil {
		return
	}
	b, err := r.ranges(b)
	if b != nil {
		b.err = err
		r.send(b)
	}
}

// next is an empty batch, nil when the context ends.
func (r *ahead) next() *batch {
	select {
	case b := <-r.free:
		if b.mem, b.list = b.mem[:0], b.list[:0]; cap(b.mem) > 4*aheadBytes { // a large one was in it
			b.mem = make([]byte, 0, aheadBytes)
		}
		return b
	case <-r.ctx.Done():
		return nil
	}
}

func (r *ahead) send(b *batch) bool {
	select {
	case r.full <- b:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// ranges reads everything, or patient after patient.
func (r *ahead) ranges(b *batch) (*batch, error) {
	it, err := r.n.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{tagBlob}, UpperBound: []byte{tagBlob + 1}})
	if err != nil {
		return b, fmt.Errorf("store: reading a snapshot: %w", err)
	}
	defer it.Close()
	if r.what.Patients == nil {
		return r.rangeOf(it, b)
	}
	for patient, err := range r.what.Patients {
		if err != nil {
			return b, err
		}
		prefix := key1(nil, tagBlob, r.n.s.hash.patient(patient))
		it.SetBounds(prefix, after(prefix))
		if b, err = r.rangeOf(it, b); b == nil || err != nil {
			return b, err
		}
	}
	return b, nil
}

// rangeOf reads all the iterator has; the batch is nil when the context ended.
func (r *ahead) rangeOf(it *pebble.Iterator, b *batch) (*batch, error) {
	for ok := it.First(); ok; ok = it.Next() {
		sealed, err := it.ValueAndErr()
		if err != nil {
			return b, fmt.Errorf("store: reading a snapshot: %w", corruptOr(err))
		}
		if len(b.list) > 0 && len(b.mem)+8*len(sealed) > cap(b.mem) {
			if !r.send(b) {
				return nil, nil
			}
			if b = r.next(); b == nil {
				return nil, nil
			}
		}
		k := it.Key()
		r.add(b, sealed, hash(k[1:17]), hash(k[17:33]))
	}
	if err := it.Error(); err != nil {
		return b, fmt.Errorf("store: reading a snapshot: %w", corruptOr(err))
	}
	return b, r.ctx.Err()
}

// add opens one version into the batch, unless it is not wanted.
func (r *ahead) add(b *batch, sealed []byte, patient, ref hash) {
	var v version
	size := len(b.mem)
	var err error
	r.plain, b.mem, err = r.n.s.openInto(&v, r.plain, b.mem, sealed, patient, ref)
	if err != nil {
		b.mem = b.mem[:size]
		b.list = append(b.list, opened{err: fmt.Errorf("store: reading a snapshot: %w", corruptOr(err))})
		return
	}
	if v.deleted && !r.what.Deleted || !r.name(&v) {
		b.mem = b.mem[:size]
		return
	}
	b.list = append(b.list, opened{Resource: v.resource()})
}

// name fills in the names, and reports whether the type is wanted.
func (r *ahead) name(v *version) bool {
	typ, known := r.types[string(v.names.typ)]
	if !known {
		if r.want {
			return false
		}
		typ = string(v.names.typ)
		r.types[typ] = typ
	}
	if string(v.names.patient) != r.last {
		r.last = string(v.names.patient)
	}
	v.typ, v.id, v.patient = typ, string(v.names.id), r.last
	return true
}
