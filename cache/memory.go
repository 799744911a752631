package cache

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// entryOverhead is about what an entry takes beside key and value: list element,
// map slot, two headers.
const entryOverhead = 160

// Memory is a cache in this process. What was used longest ago is pushed out
// first when either bound is reached.
type Memory struct {
	limit int64
	now   func() time.Time

	mu   sync.Mutex
	lru  *simplelru.LRU[string, entry]
	size int64
}

type entry struct {
	value []byte
	until time.Time // zero: no end
}

var _ Cache = (*Memory)(nil)

// NewMemory makes a cache of at most so many entries and so many bytes, keys and
// bookkeeping included; values below 1 are taken as 1 entry and 1 MiB. now is the
// clock lifetimes are measured by.
func NewMemory(entries int, bytes int64, now func() time.Time) *Memory {
	if bytes < 1 {
		bytes = 1 << 20
	}
	m := &Memory{limit: bytes, now: now}
	// The error is for sizes below 1 alone.
	m.lru, _ = simplelru.NewLRU(max(entries, 1), func(k string, e entry) { m.size -= cost(k, e) })
	return m
}

func cost(key string, e entry) int64 { return int64(len(key)+len(e.value)) + entryOverhead }

// Get never fails.
func (m *Memory) Get(_ context.Context, key string) ([]byte, bool, error) {
	m.mu.Lock()
	e, ok := m.lru.Get(key)
	if ok && !e.until.IsZero() && !m.now().Before(e.until) {
		m.lru.Remove(key)
		ok = false
	}
	m.mu.Unlock()
	if !ok {
		return nil, false, nil
	}
	return e.value, true, nil
}

// Set fails only with ErrTooLarge; an older value of the key is gone then too.
func (m *Memory) Set(_ context.Context, key string, v []byte, ttl time.Duration) error {
	e := entry{value: append([]byte{}, v...)} // not nil when empty
	if ttl > 0 {
		e.until = m.now().Add(ttl)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lru.Remove(key)
	if cost(key, e) > m.limit {
		return fmt.Errorf("cache: keeping %d bytes of at most %d: %w", cost(key, e), m.limit, ErrTooLarge)
	}
	m.size += cost(key, e)
	m.lru.Add(key, e)
	for m.size > m.limit {
		m.lru.RemoveOldest()
	}
	return nil
}

// Size is how many entries there are and how many bytes they take.
func (m *Memory) Size() (entries int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lru.Len(), m.size
}
