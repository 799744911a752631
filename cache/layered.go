package cache

import (
	"context"
	"errors"
	"time"
)

// nearLife bounds how long a value found in Redis is kept in memory: how much of
// its lifetime is left is not asked for.
const nearLife = time.Minute

// Layered is memory over Redis: what memory has is not asked of Redis, what Redis
// has is kept in memory too. When Redis fails, memory goes on alone.
type Layered struct {
	near *Memory
	far  *Redis
}

var _ Cache = (*Layered)(nil)

// NewLayered puts near over far. far nil is memory alone.
func NewLayered(near *Memory, far *Redis) *Layered { return &Layered{near: near, far: far} }

// Get asks memory, then Redis. The error of a failing Redis is passed on with the
// miss, so that the caller can say what it went without.
func (l *Layered) Get(ctx context.Context, key string) ([]byte, bool, error) {
	v, ok, err := l.near.Get(ctx, key)
	if ok || l.far == nil {
		return v, ok, err
	}
	v, ok, err = l.far.Get(ctx, key)
	if err != nil || !ok {
		return nil, false, err
	}
	if err := l.near.Set(ctx, key, v, nearLife); err != nil && !errors.Is(err, ErrTooLarge) {
		return v, true, err
	}
	return v, true, nil
}

// Set writes to both. It fails if Redis fails; memory has the value then.
func (l *Layered) Set(ctx context.Context, key string, v []byte, ttl time.Duration) error {
	err := l.near.Set(ctx, key, v, ttl)
	if l.far == nil {
		return err
	}
	if far := l.far.Set(ctx, key, v, ttl); far != nil {
		return far
	}
	if errors.Is(err, ErrTooLarge) { // Redis has it
		return nil
	}
	return err
}

// Degraded names the layers that do not answer at present; nil when all is well.
func (l *Layered) Degraded() []string {
	if l.far != nil && l.far.Degraded() {
		return []string{"redis"}
	}
	return nil
}

// Close closes what the layers have open.
func (l *Layered) Close() error {
	if l.far == nil {
		return nil
	}
	return l.far.Close()
}
