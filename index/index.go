// Package index answers which patients match: postings by concept (patient,
// day, value), concepts and notes by words, vectors by likeness, fused by rank.
//
// [Index] takes whole patients by [Index.Apply] and gives immutable [View]s;
// [Index.Search] answers a text. Each patient's contribution is replaced as a
// whole, so that it always equals what the last timeline says. Numbers are
// dense inside: concepts and patients as uint32, days as int32.
//
// It knows nothing about FHIR and not why one searches. Its invariant: what it
// has saved is never ahead of the position it reports when opened, so feeding
// it again from there makes it whole. Everything in it can be rebuilt; files
// that are damaged, missing or made otherwise give an empty index that says why.
//
// Nothing in its folder is sealed, neither ids and postings nor the notes, which
// lie in Bleve with their text: keep the folder on an encrypted volume.
package index

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"ember/record"
)

// ErrClosed is returned by what is called after Close.
var ErrClosed = errors.New("index: closed")

// Options says where an index lies and what is in it. The zero Options is an
// index in memory without notes.
type Options struct {
	// Dir is the folder of the index, made when absent; "" keeps everything
	// in memory.
	Dir string
	// Notes are indexed when set.
	Notes bool
	// Fingerprint names what documents are made by: versions of the term
	// tables, of the mapping, of the encoder behind the vectors. An index
	// made under another fingerprint starts empty.
	Fingerprint string
}

// Document is everything that is indexed of one patient.
type Document struct {
	Timeline record.Timeline
	Notes    []record.Note
	// Vector is the patient as a vector of any length above 0; nil = none.
	// All vectors of an index have as many numbers.
	Vector []float32
}

// Index is an index that is open. Apply, Flush, Purge, Reset and Close exclude
// each other; everything else may go on beside them from many goroutines.
type Index struct {
	opt     Options
	state   atomic.Pointer[state]
	rebuilt string
	saved   atomic.Uint64

	write   sync.Mutex // held while the state is replaced
	settled *sync.Cond // on write: a merge in the background has ended
	merging int        // layers that the background is merging, from the oldest
	tasks   sync.WaitGroup
	closed  bool
	dirty   bool // differs from what is saved
	dim     int  // numbers of a vector; 0 = none seen
	retired *notes
	counts  []uint32
}

// Open opens the index in opt.Dir. When there is none, or it is damaged, of
// another format or fingerprint, it comes empty with position 0 and
// [Index.Rebuilt] says why. The error is for a folder that cannot be used at all.
func Open(opt Options) (*Index, error) {
	x := &Index{opt: opt}
	x.settled = sync.NewCond(&x.write)
	if opt.Dir != "" {
		if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("index: opening: %w", err)
		}
		s, dim, reason := x.load()
		if reason == "" {
			x.dim = dim
			x.state.Store(s)
			x.saved.Store(s.position)
			x.sweep(s.notesName)
			return x, nil
		}
		x.rebuilt = reason
	}
	if err := x.renew(); err != nil {
		return nil, err
	}
	return x, nil
}

// empty is the state of an index that nothing was fed to, with new files for
// the notes.
func (x *Index) empty() (*state, error) {
	s := &state{concepts: newConcepts(), ordinals: ordinalsOf(people{})}
	s.lazy()
	if !x.opt.Notes {
		return s, nil
	}
	var err error
	s.notes, s.notesName, err = x.createNotes()
	return s, err
}

func (x *Index) createNotes() (n *notes, name string, err error) {
	path := ""
	if x.opt.Dir != "" {
		name = x.freeNotesName()
		path = filepath.Join(x.opt.Dir, name)
	}
	n, err = openNotes(path, true)
	return n, name, err
}

// renew replaces what is in the folder by an empty index: the new notes are
// complete on disk before the snapshot that names them takes the place of the
// old one; only then do the old notes go.
func (x *Index) renew() error {
	s, err := x.empty()
	if err != nil {
		return err
	}
	if err := x.save(s); err != nil {
		return err
	}
	x.dim, x.dirty = 0, false
	x.state.Store(s)
	x.sweep(s.notesName)
	return nil
}

// Rebuilt says why the index was found empty when it was opened; "" when it was
// opened as it had been left.
func (x *Index) Rebuilt() string { return x.rebuilt }

// View is the index as of now.
func (x *Index) View() View { return View{x.state.Load()} }

// Position is the position of the last Apply; after Open, the one from which
// the documents have to be fed again.
func (x *Index) Position() uint64 { return x.state.Load().position }

// Reset empties the index and sets its position to 0. Views taken before go on
// to answer.
func (x *Index) Reset() error {
	x.write.Lock()
	defer x.write.Unlock()
	if x.closed {
		return ErrClosed
	}
	x.await()
	old := x.state.Load()
	if err := x.renew(); err != nil {
		return err
	}
	return x.retire(old)
}

// Purge writes all notes anew, so that no word of removed notes is on disk any
// more, makes the cells of vectors anew of who is left, and saves the index. Erasing a
// patient is Apply and Purge. It costs as much as indexing the notes and setting the
// vectors did, and Apply waits for it.
func (x *Index) Purge(ctx context.Context) error {
	x.write.Lock()
	defer x.write.Unlock()
	if x.closed {
		return ErrClosed
	}
	x.await()
	s := x.state.Load()
	layers, divided := redivide(s.layers) // a centre may be little more than who was erased
	s = s.next(layers, s.people, s.position)
	s.cells, x.dirty = divided, true
	x.state.Store(s)
	if s.notes == nil {
		return x.flush()
	}
	fresh, name, err := x.createNotes()
	if err != nil {
		return err
	}
	if err := s.notes.copyTo(ctx, fresh, s.people, s.position); err != nil {
		return errors.Join(fmt.Errorf("index: purging: %w", err), fresh.close())
	}
	n := s.next(s.layers, s.people, s.position)
	n.notes, n.notesName = fresh, name
	x.state.Store(n)
	x.dirty = true
	if err := x.flush(); err != nil {
		return err
	}
	x.sweep(name)
	return x.retire(s)
}

// retire keeps the notes of a state open for who still reads them, until the
// next are retired.
func (x *Index) retire(s *state) error {
	last := x.retired
	x.retired = s.notes
	return last.close()
}

// Close saves the index and ends it, waiting for what runs in the background.
func (x *Index) Close() error {
	err := x.Flush()
	if errors.Is(err, ErrClosed) {
		return nil
	}
	x.write.Lock()
	x.closed = true
	x.write.Unlock()
	x.tasks.Wait()
	return errors.Join(err, x.retired.close(), x.state.Load().notes.close())
}

// Stats are sizes of the index.
type Stats struct {
	Patients, Concepts, Notes int
	Postings                  int    // rows, those of replaced patients included until they are merged away
	Layers                    int    // segments that a reader looks at
	Position                  uint64 // of the last Apply
	Saved                     uint64 // position of the last Flush
}

// Stats gives sizes as of now.
func (x *Index) Stats() Stats {
	s := x.state.Load()
	st := Stats{Patients: s.all().Len(), Concepts: int(s.concepts.len()), Layers: len(s.layers), Position: s.position, Saved: x.saved.Load()}
	for _, l := range s.layers {
		st.Postings += len(l.rows)
	}
	if s.notes != nil {
		s.notes.mu.RLock()
		st.Notes = len(s.notes.owners)
		s.notes.mu.RUnlock()
	}
	return st
}
