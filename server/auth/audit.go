package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
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
	ActionPredict   Action = "predict"
	ActionModels    Action = "models"
	ActionCohort    Action = "cohort"
	ActionExport    Action = "export"
	ActionImport    Action = "import"
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

// linkForm is the first byte of a link in binary. It is no beginning of JSON,
// which is how links were kept before.
const linkForm = 1

// MarshalBinary is the link as bytes.
func (l Link) MarshalBinary() ([]byte, error) {
	b := append(make([]byte, 0, 192), linkForm)
	return append(l.Entry.appendBinary(b), l.Hash[:]...), nil
}

var errLink = errors.New("auth: this is no link of an audit record")

// UnmarshalBinary is the inverse of MarshalBinary. It reads links kept as JSON too.
func (l *Link) UnmarshalBinary(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		return json.Unmarshal(b, l)
	}
	if len(b) < 1+12+sha256.Size || b[0] != linkForm {
		return errLink
	}
	b = b[1:]
	e := &l.Entry
	e.When = time.Unix(int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint32(b[8:]))).UTC()
	b = b[12:]
	var action string
	for _, field := range [...]*string{&e.Principal, &action, &e.Patient, &e.Resource, &e.Outcome, &e.RequestID} {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return errLink
		}
		*field = string(b[used : used+int(n)])
		b = b[used+int(n):]
	}
	e.Action = Action(action)
	if copy(l.Hash[:], b) != len(l.Hash) || len(b) != len(l.Hash) {
		return errLink
	}
	return nil
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
