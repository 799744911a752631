package index

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"ember/record"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	bleveindex "github.com/blevesearch/bleve_index_api"
)

// noteKey names a note by what it is: a hash of patient, source and text. A
// changed text is another note, so what Bleve holds can be compared with what
// it should hold by keys alone.
type noteKey [16]byte

// note is a note as its patient's row knows it.
type note struct {
	key    noteKey
	source string
}

func keyOf(patient string, n *record.Note) noteKey {
	b := make([]byte, 0, len(patient)+len(n.Source)+len(n.Text)+2)
	b = append(append(b, patient...), 0)
	b = append(append(b, n.Source...), 0)
	sum := sha256.Sum256(append(b, n.Text...))
	return noteKey(sum[:16])
}

// notes is the text index of notes, kept by Bleve. One goroutine changes it;
// searching is safe at any time.
type notes struct {
	bleve  bleve.Index
	deep   bleveindex.Index
	mu     sync.RWMutex
	owners map[noteKey]uint32 // ordinal of the patient
	serial uint64             // batches written so far

	changes atomic.Uint64 // counts batches, for who reads beside the writer
	phrases phraseCache
}

var stampKey = []byte("ember.stamp")

const (
	batchNotes = 4000     // documents in one batch of Bleve
	batchBytes = 16 << 20 // bytes of text in one batch
)

// openNotes opens the notes in dir, makes them when create is set, or keeps
// them in memory when dir is "". Damaged files make Bleve return errors or
// panic: both come back as an error.
func openNotes(dir string, create bool) (n *notes, err error) {
	defer recovered("index: opening notes", &err)
	config := map[string]any{"numSnapshotsToKeep": 1, "bolt_timeout": "2s"}
	n = &notes{owners: map[noteKey]uint32{}}
	if create {
		mapping := bleve.NewIndexMapping()
		mapping.ScoringModel = bleveindex.BM25Scoring
		n.bleve, err = bleve.NewUsing(dir, mapping, scorch.Name, scorch.Name, config)
	} else {
		n.bleve, err = bleve.OpenUsing(dir, config)
	}
	if err != nil {
		return nil, fmt.Errorf("index: opening notes: %w", err)
	}
	if n.deep, err = n.bleve.Advanced(); err != nil {
		return nil, fmt.Errorf("index: opening notes: %w", err)
	}
	return n, nil
}

// close ends the notes; nil notes are closed already.
func (n *notes) close() error {
	if n == nil {
		return nil
	}
	if err := n.bleve.Close(); err != nil {
		return fmt.Errorf("index: closing notes: %w", err)
	}
	return nil
}

func recovered(doing string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: damaged (%T)", doing, r)
	}
}

// stamp is what the last batch left beside its notes: the position, and how many
// batches there have been. Two equal stamps mean the same notes, which positions
// alone do not: one may be applied under twice.
func (n *notes) stamp() (position, serial uint64, err error) {
	b, err := n.bleve.GetInternal(stampKey)
	if err != nil {
		return 0, 0, fmt.Errorf("index: reading notes: %w", err)
	}
	if len(b) != 16 {
		return 0, 0, nil
	}
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), nil
}

// write makes a batch durable, with the stamp.
func (n *notes) write(batch *bleveindex.Batch, position uint64) error {
	stamp := binary.BigEndian.AppendUint64(nil, position)
	batch.SetInternal(stampKey, binary.BigEndian.AppendUint64(stamp, n.serial+1))
	if err := n.deep.Batch(batch); err != nil {
		return fmt.Errorf("index: writing notes: %w", err)
	}
	n.serial++
	n.changes.Add(1)
	return nil
}

// noteChange is what one Apply does to the notes.
type noteChange struct {
	add  []*noteDocument
	drop []noteKey
}

func (c noteChange) empty() bool { return len(c.add)+len(c.drop) == 0 }

// apply makes the change durable, in several batches when it is large. All but
// the last keep the position there was.
func (n *notes) apply(c noteChange, before, position uint64) error {
	batch, size := bleveindex.NewBatch(), 0
	for _, key := range c.drop {
		batch.Delete(string(key[:]))
	}
	for _, d := range c.add {
		if len(batch.IndexOps) >= batchNotes || size >= batchBytes {
			if err := n.write(batch, before); err != nil {
				return err
			}
			batch, size = bleveindex.NewBatch(), 0
		}
		batch.Update(d)
		size += len(d.text.text)
	}
	return n.write(batch, position)
}

// own notes whose notes they are, after apply.
func (n *notes) own(ord uint32, have, had []note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, one := range had {
		if n.owners[one.key] == ord {
			delete(n.owners, one.key)
		}
	}
	for _, one := range have {
		n.owners[one.key] = ord
	}
}

// owner finds a note by its key in a view; ok is false for a note that the view
// does not have.
func (n *notes) owner(key noteKey, p people) (ord uint32, source string, ok bool) {
	n.mu.RLock()
	ord, ok = n.owners[key]
	n.mu.RUnlock()
	if !ok {
		return 0, "", false
	}
	for _, one := range p.at(ord).notes {
		if one.key == key {
			return ord, one.source, true
		}
	}
	return 0, "", false
}

// keys are the keys of all notes that Bleve holds.
func (n *notes) keys() (keys map[noteKey]bool, err error) {
	defer recovered("index: reading notes", &err)
	r, err := n.deep.Reader()
	if err != nil {
		return nil, fmt.Errorf("index: reading notes: %w", err)
	}
	defer r.Close()
	ids, err := r.DocIDReaderAll()
	if err != nil {
		return nil, fmt.Errorf("index: reading notes: %w", err)
	}
	defer ids.Close()
	keys = map[noteKey]bool{}
	for {
		id, err := ids.Next()
		if err != nil {
			return nil, fmt.Errorf("index: reading notes: %w", err)
		}
		if id == nil {
			return keys, nil
		}
		name, err := r.ExternalID(id)
		if err != nil || len(name) != len(noteKey{}) {
			return nil, fmt.Errorf("index: reading notes: a key of %d bytes", len(name))
		}
		keys[noteKey([]byte(name))] = true
	}
}

// reconcile drops notes of Bleve that no row knows and makes rows forget notes
// that Bleve lost, so that they are indexed when their patient comes again.
func (n *notes) reconcile(p people, position uint64) (people, error) {
	held, err := n.keys()
	if err != nil {
		return p, err
	}
	edit := p.edit()
	for ord := range p.n {
		row := *p.at(ord)
		kept := make([]note, 0, len(row.notes))
		for _, one := range row.notes {
			if held[one.key] {
				kept = append(kept, one)
				delete(held, one.key)
			}
		}
		if len(kept) < len(row.notes) {
			row.notes, row.sum = kept, 0
			edit.set(ord, row)
		}
		n.own(ord, kept, nil)
	}
	var c noteChange
	for key := range held {
		c.drop = append(c.drop, key)
	}
	if c.empty() {
		return edit.people, nil
	}
	return edit.people, n.apply(c, position, position)
}

// copyTo writes the notes of all rows to empty notes, without anything of those
// that were dropped.
func (n *notes) copyTo(ctx context.Context, to *notes, p people, position uint64) error {
	var c noteChange
	for ord := range p.n {
		row := p.at(ord)
		for _, one := range row.notes {
			text, err := n.text(one.key)
			if err != nil {
				return err
			}
			c.add = append(c.add, newNoteDocument(one.key, text))
		}
		to.own(ord, row.notes, nil)
		if len(c.add) < batchNotes {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := to.apply(c, 0, 0); err != nil {
			return err
		}
		c.add = c.add[:0]
	}
	return to.apply(c, 0, position)
}
