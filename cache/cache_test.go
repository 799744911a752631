package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"ember/cache"
	"ember/cache/cachetest"
)

// hands is a clock the test moves.
type hands struct {
	mu sync.Mutex
	at time.Time
}

func newHands() *hands { return &hands{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (h *hands) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hands) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

func TestMemory(t *testing.T) {
	cachetest.Run(t, func(*testing.T) cachetest.Subject {
		h := newHands()
		return cachetest.Subject{Cache: cache.NewMemory(1000, 8<<20, h.now), Advance: h.advance}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	ctx, h := t.Context(), newHands()
	m := cache.NewMemory(1000, 100_000, h.now)
	for i := range 500 {
		if err := m.Set(ctx, fmt.Sprint("k", i), make([]byte, 1000), 0); err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.Get(ctx, "k0"); err != nil { // used all the time: stays
			t.Fatal(err)
		}
	}
	n, size := m.Size()
	if size > 100_000 || n < 80 {
		t.Errorf("%d entries of %d bytes", n, size)
	}
	if _, ok, _ := m.Get(ctx, "k0"); !ok {
		t.Error("what was used last is gone")
	}
	if _, ok, _ := m.Get(ctx, "k1"); ok {
		t.Error("what was used longest ago is there")
	}
	if err := m.Set(ctx, "k0", make([]byte, 200_000), 0); !errors.Is(err, cache.ErrTooLarge) {
		t.Errorf("a value larger than the cache: %v", err)
	}
	if _, ok, _ := m.Get(ctx, "k0"); ok {
		t.Error("the older value outlived the refusal of the newer")
	}
	few := cache.NewMemory(3, 1<<20, h.now)
	for i := range 10 {
		if err := few.Set(ctx, fmt.Sprint(i), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	if n, size := few.Size(); n != 3 || size > 600 {
		t.Errorf("%d entries of %d bytes in a cache of 3", n, size)
	}
}

func TestLayeredOfMemoryAlone(t *testing.T) {
	cachetest.Run(t, func(*testing.T) cachetest.Subject {
		h := newHands()
		return cachetest.Subject{Cache: cache.NewLayered(cache.NewMemory(1000, 8<<20, h.now), nil), Advance: h.advance}
	})
}

func ExampleMemory() {
	clock := func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
	c := cache.NewMemory(10_000, 64<<20, clock)
	ctx := context.TODO()
	if err := c.Set(ctx, "candidates:1f9a", []byte("packed"), time.Hour); err != nil {
		fmt.Println(err)
	}
	v, ok, err := c.Get(ctx, "candidates:1f9a")
	fmt.Println(string(v), ok, err)
	// Output: packed true <nil>
}

func BenchmarkMemoryGet(b *testing.B) {
	m := cache.NewMemory(1000, 8<<20, time.Now)
	if err := m.Set(b.Context(), "k", make([]byte, 4096), time.Hour); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, ok, err := m.Get(b.Context(), "k"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
