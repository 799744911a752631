package store

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Change is one entry of the change log.
type Change struct {
	Seq               uint64
	Type, ID, Patient string
	// Deleted: the resource is deleted, or no longer the Patient's.
	Deleted bool
	// Erased: everything of one patient is gone, the id of the patient too.
	// Type, ID and Patient are empty; Tombstone is what Store.Tombstone gives
	// for the patient that was erased.
	Erased    bool
	Tombstone [16]byte
}

const (
	chunkChanges  = 1024 // entries in one chunk of the log at most
	changeDeleted = 1
	changeErased  = 2
)

// Head is the sequence number of the last synced change; 0 in an empty store.
func (s *Store) Head() uint64 { return s.durable.Load() }

// Changes yields the changes after a sequence number, in order, up to what Head
// was when the iteration began. Numbers may be missing where a patient was
// erased. After an error nothing more is yielded.
func (s *Store) Changes(after uint64) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		head := s.Head()
		if after >= head {
			return
		}
		for chunk, err := range s.chunks(after+1, head) {
			if err != nil {
				yield(Change{}, fmt.Errorf("store: reading the change log: %w", err))
				return
			}
			for _, c := range chunk.changes {
				if c.Seq > after && c.Seq <= head && !yield(c, nil) {
					return
				}
			}
		}
	}
}

// ChangesBefore yields the changes before a sequence number, 0 for all that are durable,
// the latest first. After an error nothing more is yielded.
func (s *Store) ChangesBefore(before uint64) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		if head := s.Head(); before == 0 || before > head {
			before = head + 1
		}
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tagChange}, UpperBound: []byte{tagChange + 1}})
		if err != nil {
			yield(Change{}, fmt.Errorf("store: reading the change log: %w", err))
			return
		}
		defer it.Close()
		ok := it.SeekGE(changeKey(nil, before)) // the chunk that holds it
		if !ok {
			ok = it.Last()
		}
		for ; ok; ok = it.Prev() {
			value, err := it.ValueAndErr()
			var changes []Change
			if err == nil {
				changes, err = s.openChunk(value, binary.BigEndian.Uint64(it.Key()[1:]))
			}
			if err != nil {
				yield(Change{}, fmt.Errorf("store: reading the change log: %w", corruptOr(err)))
				return
			}
			for _, c := range slices.Backward(changes) {
				if c.Seq < before && !yield(c, nil) {
					return
				}
			}
		}
		if err := it.Error(); err != nil {
			yield(Change{}, fmt.Errorf("store: reading the change log: %w", err))
		}
	}
}

// chunk is one record of the log: changes up to its last sequence number.
type chunk struct {
	last    uint64
	changes []Change
}

// chunks yields those that may hold changes from first to last.
func (s *Store) chunks(first, last uint64) iter.Seq2[chunk, error] {
	return func(yield func(chunk, error) bool) {
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: changeKey(nil, first), UpperBound: []byte{tagChange + 1}})
		if err != nil {
			yield(chunk{}, err)
			return
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			value, err := it.ValueAndErr()
			if err != nil {
				yield(chunk{}, corruptOr(err))
				return
			}
			c := chunk{last: binary.BigEndian.Uint64(it.Key()[1:])}
			c.changes, err = s.openChunk(value, c.last)
			if !yield(c, err) || err != nil || c.last >= last {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(chunk{}, corruptOr(err))
		}
	}
}

func chunkBound(last uint64, how byte) []byte {
	return append(changeKey(nil, last), how)
}

func (s *Store) sealChunk(changes []Change, last uint64) []byte {
	var body []byte
	var before uint64
	for _, c := range changes {
		body = binary.AppendUvarint(body, c.Seq-before)
		before = c.Seq
		body = c.append(body)
	}
	how, packed := s.codec.pack(nil, body)
	return s.seal.seal([]byte{how}, packed, chunkBound(last, how))
}

func (c Change) append(dst []byte) []byte {
	switch {
	case c.Erased:
		return append(append(dst, changeErased), c.Tombstone[:]...)
	case c.Deleted:
		dst = append(dst, changeDeleted)
	default:
		dst = append(dst, 0)
	}
	for _, s := range []string{c.Type, c.ID, c.Patient} {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

func (s *Store) openChunk(value []byte, last uint64) ([]Change, error) {
	if len(value) == 0 {
		return nil, fmt.Errorf("chunk %d: %w", last, ErrCorrupt)
	}
	packed, err := s.seal.open(nil, value[1:], chunkBound(last, value[0]))
	if err != nil {
		return nil, fmt.Errorf("chunk %d: %w", last, err)
	}
	body, err := s.codec.unpack(value[0], packed)
	if err != nil {
		return nil, fmt.Errorf("chunk %d: %w", last, err)
	}
	var out []Change
	var seq uint64
	for r := (reader{b: body}); len(r.b) > 0; {
		seq += r.uvarint()
		out = append(out, r.change(seq))
		if r.bad {
			return nil, fmt.Errorf("chunk %d: %w", last, ErrCorrupt)
		}
	}
	return out, nil
}

func (r *reader) change(seq uint64) Change {
	c := Change{Seq: seq}
	flags := r.byte()
	if flags&changeErased != 0 {
		c.Erased = true
		copy(c.Tombstone[:], r.take(16))
		return c
	}
	c.Deleted = flags&changeDeleted != 0
	c.Type, c.ID, c.Patient = string(r.bytes()), string(r.bytes()), string(r.bytes())
	return c
}
