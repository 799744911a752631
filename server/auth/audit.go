package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// Action is what was done to patient data.
type Action string

// The actions that are recorded.
const (
	ActionRead      Action = "read"
	ActionWrite     Action = "write"
	ActionDelete    Action = "delete"
	ActionLoad      Action = "load"
	ActionRecommend Action = "recommend"
	ActionSearch    Action = "search"
)

// Begun is the Outcome of the entry that is recorded before something is
// changed; a second entry with the status follows.
const Begun = "begun"

// Entry is one access to patient data. It says who and whose, never what was
// in it.
type Entry struct {
	When      time.Time
	Principal string
	Action    Action
	Patient   string // "Patient/123", "" when unknown or nobody's
	Resource  string // "Observation/123", "" when it was no single one
	Outcome   string // HTTP status, or Begun
	RequestID string
}

// Auditor keeps the record of accesses.
type Auditor interface {
	// Record keeps the entries, all or none, before it returns: an access
	// whose entry cannot be kept does not happen. The entries belong to the
	// caller again once it has returned. It is called by many goroutines.
	Record(ctx context.Context, entries ...Entry) error
}

// Link is one entry in a chain: Hash covers the entry and the link before it,
// so that nothing can be changed, left out or moved without breaking what
// follows.
type Link struct {
	Entry Entry
	Hash  [sha256.Size]byte
}

// Chain makes and verifies links by HMAC-SHA-256 under a key, so that whoever
// can write the record but lacks the key cannot make it whole again. The zero
// hash stands before the first link. A Chain is safe for concurrent use.
type Chain struct{ key []byte }

// NewChain is a chain under the key, which is copied.
func NewChain(key []byte) *Chain { return &Chain{key: append([]byte(nil), key...)} }

// Next is the link that holds e and follows the link with the hash prev.
func (c *Chain) Next(prev [sha256.Size]byte, e Entry) Link {
	mac := hmac.New(sha256.New, c.key)
	mac.Write(prev[:])
	mac.Write(e.appendBinary(nil))
	link := Link{Entry: e}
	mac.Sum(link.Hash[:0])
	return link
}

// Verify checks that links follow prev without a break and returns the last
// hash. The error names the first place that does not fit.
func (c *Chain) Verify(prev [sha256.Size]byte, links []Link) ([sha256.Size]byte, error) {
	for i, link := range links {
		want := c.Next(prev, link.Entry).Hash
		if !hmac.Equal(want[:], link.Hash[:]) {
			return prev, fmt.Errorf("auth: the audit record is broken at link %d", i)
		}
		prev = link.Hash
	}
	return prev, nil
}

// appendBinary is the entry as bytes, each field with its length, so that no
// two entries have the same ones.
func (e Entry) appendBinary(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(e.When.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(e.When.Nanosecond()))
	for _, s := range [...]string{e.Principal, string(e.Action), e.Patient, e.Resource, e.Outcome, e.RequestID} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// Memory is an Auditor that keeps a chain in memory: for tests and for servers
// that keep nothing. It grows without bound.
type Memory struct {
	chain *Chain
	mu    sync.Mutex
	links []Link
	head  [sha256.Size]byte
}

// NewMemory is an empty record chained under the key.
func NewMemory(key []byte) *Memory { return &Memory{chain: NewChain(key)} }

// Record keeps the entries; it never fails.
func (m *Memory) Record(_ context.Context, entries ...Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		link := m.chain.Next(m.head, e)
		m.links, m.head = append(m.links, link), link.Hash
	}
	return nil
}

// Links is a copy of everything recorded so far, oldest first.
func (m *Memory) Links() []Link {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Link(nil), m.links...)
}

var (
	_ Auditor = (*Memory)(nil)
)
