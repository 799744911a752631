package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Absent as Write.IfVersion: write only if there is nothing, or only a
// tombstone, under the reference.
const Absent = math.MaxUint64

// Write is one resource to store, or to delete.
type Write struct {
	Type, ID string
	// Patient in whose compartment the resource lies; "" belongs to nobody.
	// A resource that moves to another patient leaves its older versions with the
	// former one. Ignored on Delete.
	Patient string
	Raw     []byte // kept byte for byte
	Aside   []byte // opaque bytes beside Raw; a change of them is a change of the resource
	Delete  bool   // leaves a tombstone; the versions before it can still be read
	// Keys are what Lookup finds the resource by, instead of those it had. Only
	// keyed hashes of them are stored.
	Keys [][]byte
	// Index is where Scan finds the resource, instead of where it stood.
	Index     Index
	IfVersion uint64 // 0: any; else the current version must be this, or ErrConflict
}

// Result of one write.
type Result struct {
	Version uint64 // current version after the commit; 0: deleted what was never there
	Created bool   // there was nothing, or a tombstone
	Changed bool   // false: the same bytes were there already, nothing was written
	Seq     uint64 // place in the change log; 0 if not Changed
	Left    string // the patient whose the resource was before, when it moved from one
}

// Commit writes all or nothing and returns when it is synced, with one result
// per write, in their order. Several writes of one resource in a batch take
// effect in order. A resource whose Raw, Aside and Patient are those of its
// current version is left alone; if only its Keys or its Index differ, they are replaced
// without a new version. What is committed can be read a moment before it is
// synced; the change log shows it only after.
func (s *Store) Commit(ctx context.Context, writes []Write) ([]Result, error) {
	results, err := s.commit(ctx, writes)
	if err != nil {
		return nil, fmt.Errorf("store: committing %d writes: %w", len(writes), err)
	}
	return results, nil
}

func (s *Store) commit(ctx context.Context, writes []Write) ([]Result, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	epoch := s.epoch.Load()
	todo, err := s.prepare(ctx, writes)
	if err != nil {
		return nil, err
	}
	b := s.db.NewBatchWithSize(batchSize(todo))
	defer b.Close()
	c := &commit{
		s: s, b: b, held: &s.held, nobody: s.hash.patient(""),
		pending: make(map[hash]*pending, len(todo)), patients: map[hash]*patientChange{}, counts: map[string]int64{},
	}
	results, err := c.turn(todo, epoch)
	if err != nil {
		return nil, err
	}
	return results, c.sync()
}

// batchSize is about what the batch will hold, so that it grows but once.
func batchSize(todo []prepared) int {
	n := 4 << 10
	for i := range todo {
		n += len(todo[i].packed) + len(todo[i].keys)*40 + len(todo[i].lists)*90 + 220
	}
	return n
}

// commit is one batch in the making.
type commit struct {
	s        *Store
	b        *pebble.Batch
	now      time.Time
	seq      uint64 // last number given out, by this batch or before it
	fresh    bool   // no batch was applied since the writes were prepared
	applied  bool   // the batch holds something and is visible
	packer   packer
	nobody   hash
	pending  map[hash]*pending
	patients map[hash]*patientChange
	counts   map[string]int64 // differences
	held     *ordered         // not in b yet; touched in this writer's turn alone
	log      []Change
	key, val []byte // scratch
}

// turn is the part only one writer does at a time. It applies the batch without
// waiting for the disk.
func (c *commit) turn(todo []prepared, epoch uint64) ([]Result, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	defer c.held.reset()
	c.now, c.seq, c.fresh = c.s.now().UTC(), c.s.seq, c.s.epoch.Load() == epoch
	if c.now.Before(c.s.floor) {
		c.now = c.s.floor
	}
	results := make([]Result, len(todo))
	for i := range todo {
		var err error
		if results[i], err = c.write(&todo[i]); err != nil {
			return nil, fmt.Errorf("%s/%s: %w", todo[i].Type, todo[i].ID, err)
		}
	}
	return results, c.apply()
}

// sync waits until the batch, and everything before it, is on disk. A batch that
// wrote nothing still waits for what it found to be there already.
func (c *commit) sync() error {
	s := c.s
	switch {
	case c.applied:
		if err := c.b.SyncWait(); err != nil {
			return err
		}
	case s.durable.Load() < c.seq:
		if err := s.db.LogData(nil, pebble.Sync); err != nil {
			return err
		}
	}
	for {
		old := s.durable.Load()
		if old >= c.seq || s.durable.CompareAndSwap(old, c.seq) {
			return nil
		}
	}
}

// pending is what this batch has already written of a resource.
type pending struct {
	pointer
	how    byte
	packed []byte
	keys   []hash
	listed
}

type patientChange struct {
	id  string
	seq uint64
}

// Sync returns when everything that can be read now is on disk. Whoever keeps
// something derived from the store elsewhere calls it before making that durable,
// so that it never outlives what it was derived from.
func (s *Store) Sync() error {
	if s.readOnly {
		return nil
	}
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		return fmt.Errorf("store: syncing: %w", err)
	}
	return nil
}
