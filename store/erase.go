package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Tombstone is what stands for a patient after erasure: a keyed hash of the id.
func (s *Store) Tombstone(patient string) [16]byte { return s.hash.patient(patient) }

// Erased tells whether the patient was erased at any time, also if resources
// have been written for the same id since.
func (s *Store) Erased(patient string) (bool, error) {
	_, found, err := s.ErasedAt(s.Tombstone(patient))
	return found, err
}

// ErasedAt is the place in the change log of the last erasure of the patient for
// whom a tombstone stands; ok is false if there was none. Where the place was not
// recorded it is the log's end.
func (s *Store) ErasedAt(tombstone [16]byte) (seq uint64, ok bool, err error) {
	v, found, err := s.get(nil, key1(nil, tagErased, tombstone))
	if err != nil {
		return 0, false, fmt.Errorf("store: looking for a tombstone: %w", err)
	}
	if found && len(v) != 8 {
		return s.Head(), true, nil
	}
	if found {
		seq = binary.BigEndian.Uint64(v)
	}
	return seq, found, nil
}

// Erase removes all that lies with the patient: every version of every resource,
// secondary keys, places in lists, entries of the change log, pairs of spaces that name the
// patient. What remains is a keyed hash of the id and one Change that says so.
// The removal is atomic and synced first; then the bytes are compacted out of the
// files, which ctx can interrupt: erasing again takes that up. Pointers and keys,
// which hold nothing but keyed hashes, leave the files as these are rewritten in
// time. Backups and checkpoints made before keep what they have.
func (s *Store) Erase(ctx context.Context, patient string) error {
	if patient == "" {
		return errors.New("store: erasing: no patient named")
	}
	err := s.writable()
	if err == nil {
		err = s.erase(ctx, s.hash.patient(patient), patient)
	}
	if err != nil {
		return fmt.Errorf("store: erasing a patient: %w", err)
	}
	return nil
}

func (s *Store) erase(ctx context.Context, patient hash, id string) error {
	spans, err := s.eraseTurn(ctx, patient, id)
	if err != nil {
		return err
	}
	if err := s.emptyLogs(); err != nil {
		return err
	}
	for _, span := range spans {
		if err := s.db.Compact(ctx, span[0], span[1], false); err != nil {
			return corruptOr(err)
		}
	}
	return nil
}

// emptyLogs makes the logs forget what is in them: after a flush nothing in those
// that were there before is needed any more, but the database keeps the files to
// use them again.
func (s *Store) emptyLogs() error {
	s.files.Lock()
	defer s.files.Unlock()
	logs, err := filepath.Glob(filepath.Join(databaseDir(s.dir), "*.log"))
	if err != nil {
		return err
	}
	if err := s.db.Flush(); err != nil {
		return err
	}
	for _, path := range logs {
		if err := os.Truncate(path, 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// erasure is the batch that removes a patient, in the making.
type erasure struct {
	commit
	patient hash
	id      string
	seqs    map[uint64]bool // entries of the log to remove
	blind   bool            // some version could not be read: look through the whole log
	spans   [][2][]byte     // to compact
}

// eraseTurn makes and syncs the batch while no other writer is at work.
func (s *Store) eraseTurn(ctx context.Context, patient hash, id string) ([][2][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.db.NewBatch()
	defer b.Close()
	e := erasure{patient: patient, id: id, seqs: map[uint64]bool{}}
	e.commit = commit{s: s, b: b, held: &s.held, seq: s.seq, counts: map[string]int64{}}
	defer e.held.reset()
	for _, step := range []func() error{e.blobs, e.history, e.pairs, e.entries, e.grave} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := step(); err != nil {
			return nil, err
		}
	}
	if err := e.apply(); err != nil {
		return nil, err
	}
	return e.spans, e.sync()
}

func (e *erasure) span(prefix []byte) { e.spans = append(e.spans, [2][]byte{prefix, after(prefix)}) }

func (e *erasure) dropRange(prefix []byte) error {
	e.span(prefix)
	return e.b.DeleteRange(prefix, after(prefix), nil)
}

// seen notes what must go with a version.
func (e *erasure) seen(v version, err error) {
	if err != nil {
		e.blind = true
		return
	}
	e.seqs[v.seq] = true
}

// blobs removes current versions, their pointers, markers and keys.
func (e *erasure) blobs() error {
	prefix := key1(nil, tagBlob, e.patient)
	it, err := e.s.prefix(prefix)
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		ref := hash(it.Key()[17:33])
		value, err := it.ValueAndErr()
		var v version
		if err == nil {
			v, err = e.s.openVersion(value, e.patient, ref)
		}
		e.seen(v, err)
		if err == nil && !v.deleted {
			e.counts[v.typ]--
		}
		if err := errors.Join(e.dropKeys(ref, v.keys, nil), e.delist(ref, v.listed), e.b.Delete(key1(nil, tagPointer, ref), nil)); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return corruptOr(err)
	}
	return e.dropRange(prefix)
}

// history removes older versions, also those of resources that moved away.
func (e *erasure) history() error {
	prefix := key1(nil, tagHistory, e.patient)
	it, err := e.s.prefix(prefix)
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		ref := hash(it.Key()[17:33])
		value, err := it.ValueAndErr()
		var v version
		if err == nil {
			v, err = e.s.openVersion(value, e.patient, ref)
		}
		e.seen(v, err)
		if err := e.b.Delete(key2(nil, tagMoved, ref, e.patient), nil); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return corruptOr(err)
	}
	return e.dropRange(prefix)
}

// pairs removes what other rooms registered for the patient.
func (e *erasure) pairs() error {
	prefix := key1(nil, tagOwner, e.patient)
	it, err := e.s.prefix(prefix)
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		key := key2(nil, tagSpace, hash(it.Key()[17:33]), hash(it.Key()[33:]))
		e.span(key)
		if err := e.b.Delete(key, nil); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return corruptOr(err)
	}
	return e.dropRange(prefix)
}

// entries rewrites the chunks of the log that speak of the patient.
func (e *erasure) entries() error {
	var last uint64
	for seq := range e.seqs {
		last = max(last, seq)
	}
	if e.blind {
		last = e.s.seq
	}
	for c, err := range e.s.chunks(0, last) {
		if err != nil {
			return err
		}
		kept := c.changes[:0:0]
		for _, entry := range c.changes {
			if !e.seqs[entry.Seq] && entry.Patient != e.id {
				kept = append(kept, entry)
			}
		}
		if len(kept) == len(c.changes) {
			continue
		}
		key := changeKey(nil, c.last)
		e.span(key)
		if err := e.b.Set(key, e.s.sealChunk(kept, c.last), nil); err != nil {
			return err
		}
	}
	return nil
}

// grave removes the record of the patient and says that there was one.
func (e *erasure) grave() error {
	record := key1(nil, tagPatient, e.patient)
	e.span(record)
	e.seq++
	e.log = append(e.log, Change{Seq: e.seq, Erased: true, Tombstone: e.patient})
	return errors.Join(e.b.Delete(record, nil), e.b.Set(key1(nil, tagErased, e.patient), binary.BigEndian.AppendUint64(nil, e.seq), nil))
}
