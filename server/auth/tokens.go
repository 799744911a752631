package auth

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUnknown is returned for a token that is not in the file.
var ErrUnknown = errors.New("auth: unknown token")

// Hash is what a token file holds for a token: its SHA-256 in hex. Tokens are
// long random strings, so neither salt nor stretching is needed.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

type entry struct {
	hash      [sha256.Size]byte
	principal Principal
}

// parseTokens reads a token file: one token a line, columns parted by tabs,
// empty lines and lines that begin with # skipped:
//
//	SHA-256 of the token in hex ⇥ principal ⇥ rights by commas ⇥ patients by commas (optional)
//
// The errors name the line and never what stands in it.
func parseTokens(r io.Reader) ([]entry, error) {
	var entries []entry
	seen := map[[sha256.Size]byte]bool{}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 16<<20)
	for line := 1; scanner.Scan(); line++ {
		text := strings.TrimSuffix(scanner.Text(), "\r")
		if strings.TrimSpace(text) == "" || strings.HasPrefix(text, "#") {
			continue
		}
		e, err := parseLine(text)
		if err != nil {
			return nil, fmt.Errorf("auth: token file, line %d: %w", line, err)
		}
		if seen[e.hash] {
			return nil, fmt.Errorf("auth: token file, line %d: this token stands there twice", line)
		}
		seen[e.hash] = true
		entries = append(entries, e)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("auth: reading token file: %w", err)
	}
	return entries, nil
}

func parseLine(text string) (e entry, err error) {
	cols := strings.Split(text, "\t")
	if len(cols) < 3 || len(cols) > 4 {
		return e, errors.New("want 3 or 4 columns parted by tabs: hash, principal, rights, patients")
	}
	n, err := hex.Decode(e.hash[:], []byte(padHex(cols[0])))
	if err != nil || n != sha256.Size || len(cols[0]) != 2*sha256.Size {
		return e, errors.New("the first column is not a SHA-256 in hex; make one by: printf %s TOKEN | sha256sum")
	}
	e.principal.Name = strings.TrimSpace(cols[1])
	if e.principal.Name == "" {
		return e, errors.New("the principal is empty")
	}
	if e.principal.Name == OwnerName {
		return e, errors.New("the principal " + OwnerName + " is taken: it is who needs no token")
	}
	if e.principal.Rights, err = ParseRights(cols[2]); err != nil {
		return e, err
	}
	if len(cols) == 4 {
		e.principal.Patients = []string{}
		for id := range strings.SplitSeq(cols[3], ",") {
			if id = strings.TrimPrefix(strings.TrimSpace(id), "Patient/"); id == "" {
				return e, errors.New("an empty patient; leave the fourth column out to allow every patient")
			}
			e.principal.Patients = append(e.principal.Patients, id)
		}
	}
	return e, nil
}

// padHex keeps hex.Decode inside its destination whatever the column holds.
func padHex(s string) string {
	if len(s) > 2*sha256.Size {
		return ""
	}
	return s
}

// checkEvery is how often the file's time of change is looked at.
const checkEvery = time.Second

// Tokens are the tokens of one file, read again when it changes. They are safe
// for concurrent use.
type Tokens struct {
	path    string
	now     func() time.Time
	entries atomic.Pointer[[]entry]
	next    atomic.Int64 // unix nanoseconds of the next look at the file

	mu      sync.Mutex // guards what follows, and reading the file
	read    time.Time
	changed time.Time
	size    int64
	problem atomic.Pointer[string]
}

// OpenTokens reads the token file. A file that others may write is refused.
func OpenTokens(path string, now func() time.Time) (*Tokens, error) {
	t := &Tokens{path: path, now: now}
	return t, t.Reload()
}

// Reload reads the file now. When the file cannot be understood the former
// tokens stay in force; when it is gone or others may write it, none does.
func (t *Tokens) Reload() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.reload()
	if err == nil {
		t.problem.Store(nil)
		return nil
	}
	text := err.Error()
	t.problem.Store(&text)
	return err
}

func (t *Tokens) reload() error {
	info, err := os.Stat(t.path)
	if err == nil && info.Mode().Perm()&0o022 != 0 {
		err = errors.New("the file may be written by others; chmod go-w it")
	}
	var content []byte
	if err == nil {
		content, err = os.ReadFile(t.path)
	}
	t.read = t.now()
	if err != nil {
		t.entries.Store(&[]entry{})
		t.changed = time.Time{}
		var pathError *fs.PathError
		if errors.As(err, &pathError) {
			err = pathError.Err
		}
		return fmt.Errorf("auth: opening the token file: %w", err)
	}
	t.changed, t.size = info.ModTime(), info.Size()
	entries, err := parseTokens(bytes.NewReader(content))
	if err != nil {
		return err
	}
	t.entries.Store(&entries)
	return nil
}

// Problem says in words why the file could not be read or understood the last
// time, "" when it could. It holds no token.
func (t *Tokens) Problem() string {
	if p := t.problem.Load(); p != nil {
		return *p
	}
	return ""
}

// Authenticate finds who presents the token, or returns [ErrUnknown]. Every
// token of the file is compared in constant time, so that how long it takes
// tells nothing. A changed file is read first, looked at no more than once a
// second.
func (t *Tokens) Authenticate(token string) (Principal, error) {
	t.refresh()
	hash := sha256.Sum256([]byte(token))
	found := -1
	entries := *t.entries.Load()
	for i := range entries {
		if subtle.ConstantTimeCompare(entries[i].hash[:], hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 || token == "" {
		return Principal{}, ErrUnknown
	}
	return entries[found].principal, nil
}

// Named are what the tokens of a name let their bearers do, as the file has them now.
func (t *Tokens) Named(name string) (all []Principal) {
	t.refresh()
	for _, e := range *t.entries.Load() {
		if e.principal.Name == name {
			all = append(all, e.principal)
		}
	}
	return all
}

func (t *Tokens) refresh() {
	now := t.now().UnixNano()
	next := t.next.Load()
	if now < next || !t.next.CompareAndSwap(next, now+int64(checkEvery)) {
		return
	}
	if t.stale() {
		_ = t.Reload() // kept in Problem
	}
}

// stale compares the file with what was read. A change within two seconds
// before the reading may have left the same time behind, so it is read again.
func (t *Tokens) stale() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	if err != nil {
		return true
	}
	return !info.ModTime().Equal(t.changed) || info.Size() != t.size ||
		info.Mode().Perm()&0o022 != 0 || t.read.Sub(t.changed).Abs() < 2*time.Second
}
