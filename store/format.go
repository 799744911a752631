package store

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// formatVersion is what this program writes. A change to anything that lies on
// disk raises it and adds a row to upgrades.
const formatVersion = 3

// format is the one record that is not sealed: what is needed to read the rest.
type format struct {
	Version   int    `json:"version"`
	MasterID  string `json:"master"` // id of the master key that wraps the data key
	DataID    string `json:"data"`
	Wrapped   []byte `json:"wrapped"`
	CreatedBy string `json:"createdBy,omitempty"`
}

// upgrades[v] takes a store of format v to v+1 within the batch; the record with
// the new version is written by the same batch, so that an upgrade happens whole
// or not at all.
func upgrades() map[int]func(*Store, *pebble.Batch) error {
	return map[int]func(*Store, *pebble.Batch) error{
		1: (*Store).upgradeCounts,                           // 2 counts resources by type as they are written
		2: func(*Store, *pebble.Batch) error { return nil }, // 3 has lists; who writes fills them
	}
}

func formatKey() []byte { return []byte{tagFormat} }

// readFormat reports found=false on an empty database.
func readFormat(db *pebble.DB) (f format, found bool, err error) {
	v, closer, err := db.Get(formatKey())
	if errors.Is(err, pebble.ErrNotFound) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	defer closer.Close()
	if err := json.Unmarshal(v, &f); err != nil {
		return f, false, fmt.Errorf("format record: %w", ErrCorrupt)
	}
	return f, true, nil
}

func (f format) write(b *pebble.Batch) error {
	v, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return b.Set(formatKey(), v, nil)
}

// newFormat makes a data key and wraps it.
func newFormat(master []byte) (format, []byte, error) {
	data := make([]byte, keySize)
	if _, err := rand.Read(data); err != nil {
		return format{}, nil, err
	}
	wrapped, err := wrap(master, data)
	return format{Version: formatVersion, MasterID: keyID(master), DataID: keyID(data), Wrapped: wrapped}, data, err
}

// unlock gives the data key, or ErrKey with the ids of both keys.
func (f format) unlock(master []byte) ([]byte, error) {
	if f.Version < 1 || f.Version > formatVersion {
		return nil, fmt.Errorf("format %d, and this program reads 1 to %d: %w", f.Version, formatVersion, ErrFormat)
	}
	if got := keyID(master); got != f.MasterID {
		return nil, fmt.Errorf("the store was sealed under key %s, the one given is %s: %w", f.MasterID, got, ErrKey)
	}
	return unwrap(master, f.Wrapped, f.DataID)
}

// upgrade brings an older store to formatVersion, one synced step at a time.
func (s *Store) upgrade(f format) error {
	for f.Version < formatVersion {
		step, ok := upgrades()[f.Version]
		if !ok {
			return fmt.Errorf("no way from format %d: %w", f.Version, ErrFormat)
		}
		if s.readOnly {
			return fmt.Errorf("format %d must be upgraded to %d, which needs a writer: %w", f.Version, formatVersion, ErrReadOnly)
		}
		if err := s.upgradeStep(f, step); err != nil {
			return fmt.Errorf("upgrading from format %d: %w", f.Version, err)
		}
		f.Version++
	}
	return nil
}

func (s *Store) upgradeStep(f format, step func(*Store, *pebble.Batch) error) error {
	b := s.db.NewBatch()
	defer b.Close()
	if err := step(s, b); err != nil {
		return err
	}
	f.Version++
	if err := f.write(b); err != nil {
		return err
	}
	return b.Commit(pebble.Sync)
}
