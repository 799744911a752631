// Package cache keeps bytes for a while: in memory, in Redis, or in memory over
// Redis.
//
// Everything in a cache can be lost at any moment and made again; so a cache that
// cannot be asked costs its caller a little time, never an answer. [Memory] is
// bounded in entries and bytes. [Redis] speaks to one server, to a master behind
// Sentinels, or to a Cluster, and stops asking for a while when it does not
// answer. [Layered] puts the one over the other.
//
// Invariant: what Get gives under a key is what was last Set under it and has not
// outlived its lifetime, or nothing. Keys go to Redis as they are, behind a
// prefix: they must not tell who a patient is, so hash before you ask. The
// conformance suite every cache passes is in cachetest.
package cache

import (
	"context"
	"errors"
	"time"
)

// Cache keeps values by key. All methods are safe for concurrent use.
type Cache interface {
	// Get returns the value, which must not be modified, or false. An error means that the cache
	// could not be asked: treat it as a miss, and as worth telling.
	Get(ctx context.Context, key string) ([]byte, bool, error)
	// Set keeps a copy of v for ttl, or until it is pushed out if ttl is 0.
	Set(ctx context.Context, key string, v []byte, ttl time.Duration) error
}

var (
	// ErrUnavailable: Redis did not answer in time, refused, or is not being
	// asked because it did so a moment ago.
	ErrUnavailable = errors.New("redis is not available")
	// ErrTooLarge: one value is larger than all the memory the cache may use.
	ErrTooLarge = errors.New("value is larger than the cache")
)
