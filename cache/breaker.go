package cache

import (
	"sync"
	"time"
)

// breaker keeps callers from waiting for something that does not answer. After a
// failure nobody asks for the length of pause; then one caller tries while the
// others still pass by, and its success or failure decides.
type breaker struct {
	pause time.Duration
	now   func() time.Time

	mu     sync.Mutex
	down   bool
	trying bool
	retry  time.Time
}

// allow says whether to ask; whoever is allowed must call done.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.down {
		return true
	}
	if b.trying || b.now().Before(b.retry) {
		return false
	}
	b.trying = true
	return true
}

// outcome of asking.
type outcome uint8

const (
	answered outcome = iota + 1
	failed
	abandoned // the caller went away: that says nothing
)

func (b *breaker) done(o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch o {
	case answered:
		b.down = false
	case failed:
		b.down = true
		b.retry = b.now().Add(b.pause)
	}
	b.trying = false
}

func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.down
}
