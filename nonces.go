package ember

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"

	"ember/server/auth"
	"ember/store"
)

// usedTokens remembers tokens that are good for one call, by hashes: in a sealed space, so
// that none is good again after a restart, and in Redis where there is one, so that none is
// good at another server.
type usedTokens struct {
	space *store.Space
	far   auth.Nonces
	now   func() time.Time
	kept  atomic.Int64 // since the last sweep
}

// sweepTokens is after how many tokens those that have expired are forgotten.
const sweepTokens = 50_000

// Get implements auth.Nonces. A memory that cannot be read takes every token for used.
func (u *usedTokens) Get(ctx context.Context, key string) ([]byte, bool, error) {
	until, found, err := u.space.Get([]byte(key))
	if err != nil {
		return nil, true, err
	}
	if found && len(until) == 8 && u.now().Unix() <= int64(binary.BigEndian.Uint64(until)) {
		return until, true, nil
	}
	return u.far.Get(ctx, key)
}

// Set implements auth.Nonces: it is on disk when it returns.
func (u *usedTokens) Set(ctx context.Context, key string, v []byte, ttl time.Duration) error {
	until := binary.BigEndian.AppendUint64(nil, uint64(u.now().Add(ttl).Unix()))
	if err := u.space.Put([]store.Pair{{Key: []byte(key), Value: until}}, true); err != nil {
		return err
	}
	if u.kept.Add(1) >= sweepTokens {
		u.kept.Store(0)
		if err := u.sweep(); err != nil {
			return err
		}
	}
	_ = u.far.Set(ctx, key, v, ttl) // it may lose everything at any time
	return nil
}

// sweep forgets what has expired.
func (u *usedTokens) sweep() error {
	var old [][]byte
	for pair, err := range u.space.All() {
		if err != nil {
			return err
		}
		if len(pair.Value) != 8 || u.now().Unix() > int64(binary.BigEndian.Uint64(pair.Value)) {
			old = append(old, pair.Key)
		}
	}
	if len(old) == 0 {
		return nil
	}
	return u.space.Delete(old, false)
}
