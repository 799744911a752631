package store

import (
	"encoding/binary"
	"fmt"
	"maps"

	"github.com/cockroachdb/pebble/v2"
)

// Counts is how many resources there are of each type, tombstones excluded.
func (s *Store) Counts() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := maps.Clone(s.counts)
	maps.DeleteFunc(out, func(_ string, n int64) bool { return n == 0 })
	return out
}

func countKey(typ string) []byte { return append([]byte{tagCount}, typ...) }

func (c *commit) writeCounts() error {
	for typ, delta := range c.counts {
		if delta == 0 {
			continue
		}
		v := binary.AppendVarint(nil, c.s.counts[typ]+delta)
		if err := c.b.Set(countKey(typ), v, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) loadCounts() error {
	it, err := s.prefix([]byte{tagCount})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		n, size := binary.Varint(it.Value())
		if size <= 0 {
			return fmt.Errorf("count of %s: %w", it.Key()[1:], ErrCorrupt)
		}
		s.counts[string(it.Key()[1:])] = n
	}
	return it.Error()
}

// upgradeCounts counts what a store of format 1 holds.
func (s *Store) upgradeCounts(b *pebble.Batch) error {
	counts := map[string]int64{}
	for v, err := range s.versions([]byte{tagBlob}) {
		if err != nil {
			return err
		}
		if !v.deleted {
			counts[v.typ]++
		}
	}
	for typ, n := range counts {
		if err := b.Set(countKey(typ), binary.AppendVarint(nil, n), nil); err != nil {
			return err
		}
	}
	return nil
}
