package ember

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"

	"ember/server/auth"
	"ember/store"
)

// auditLog keeps every access to patient data as a chain of hashes in a sealed
// space of the store. Entries about changes are synced before the change; those
// about reads are on disk when anything later is, at most a second.
type auditLog struct {
	space *store.Space
	chain *auth.Chain

	mu   sync.Mutex
	next uint64
	head [sha256.Size]byte
	buf  []store.Pair
}

var auditHead = []byte("head")

// openAudit takes up the chain where it ended.
func openAudit(s *store.Store) (*auditLog, error) {
	a := &auditLog{space: s.Space("audit"), chain: auth.NewChain(s.HMAC([]byte("audit chain")))}
	b, ok, err := a.space.Get(auditHead)
	if err != nil {
		return nil, fmt.Errorf("ember: opening the audit record: %w", err)
	}
	if ok && len(b) == 8+sha256.Size {
		a.next = binary.BigEndian.Uint64(b)
		copy(a.head[:], b[8:])
	}
	return a, nil
}

// Record implements auth.Auditor.
func (a *auditLog) Record(ctx context.Context, entries ...auth.Entry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	pairs, head, sync := a.buf[:0], a.head, false
	for i, e := range entries {
		link := a.chain.Next(head, e)
		head = link.Hash
		value, err := link.MarshalBinary()
		if err != nil {
			return fmt.Errorf("ember: recording an access: %w", err)
		}
		pairs = append(pairs, store.Pair{Key: auditKey(a.next + uint64(i)), Value: value})
		sync = sync || e.Outcome == auth.Begun
	}
	next := a.next + uint64(len(entries))
	pairs = append(pairs, store.Pair{Key: auditHead, Value: append(binary.BigEndian.AppendUint64(nil, next), head[:]...)})
	if err := a.space.Put(pairs, sync); err != nil {
		return fmt.Errorf("ember: recording an access: %w", err)
	}
	a.next, a.head, a.buf = next, head, pairs
	return nil
}

// verify reads the whole record and checks the chain; it returns its length.
func (a *auditLog) verify() (int, error) {
	a.mu.Lock()
	end := a.next
	a.mu.Unlock()
	var prev [sha256.Size]byte
	for i := range end {
		b, ok, err := a.space.Get(auditKey(i))
		if err != nil {
			return int(i), fmt.Errorf("ember: audit entry %d: %w", i, err)
		}
		var link auth.Link
		if !ok || link.UnmarshalBinary(b) != nil {
			return int(i), fmt.Errorf("ember: audit entry %d is missing or damaged", i)
		}
		if prev, err = a.chain.Verify(prev, []auth.Link{link}); err != nil {
			return int(i), fmt.Errorf("ember: audit entry %d: %w", i, err)
		}
	}
	return int(end), nil
}

func auditKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte("e"), n) }
