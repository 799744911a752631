package auth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysLife    = time.Hour // a key set is read again after it
	keysWorn    = 24 * keysLife
	keysPause   = 10 * time.Second
	keysTimeout = 2 * time.Second
	mostKeys    = 1 << 20 // bytes of a key set, or of a server's description
)

// keySet is the JWK Set of one issuer, as it was read last. Whoever finds that it must be
// read again reads it, without holding up others: who has a key goes on with it, and who
// has none waits for the reading under way.
type keySet struct {
	load func(ctx context.Context) (jose.JSONWebKeySet, error)

	mu     sync.Mutex
	keys   jose.JSONWebKeySet
	read   time.Time     // zero = never
	next   time.Time     // not read again before
	failed bool          // the last time
	busy   chan struct{} // closed when the reading under way ends; nil: there is none
}

// key is the public key that a header names; setting names what an operator sees to when
// there is none.
func (s *keySet) key(ctx context.Context, now time.Time, h jose.Header, setting string) (any, error) {
	s.mu.Lock()
	key, age := s.find(h), now.Sub(s.read)
	switch {
	case key != nil && (age < keysLife || s.busy != nil && age < keysWorn):
		s.mu.Unlock()
		return key, nil
	case s.busy != nil:
		busy := s.busy
		s.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		s.mu.Lock()
	case !now.Before(s.next):
		s.again(ctx, now)
	}
	defer s.mu.Unlock()
	if key := s.find(h); key != nil && now.Sub(s.read) < keysWorn {
		return key, nil
	}
	if s.failed {
		return nil, &Refused{"the JWK Set of the issuer could not be read", "see that this server can reach the address in " + setting + ", and that it gives a JWK Set"}
	}
	return nil, &Refused{"the JWK Set of the issuer has no key of this kid for this algorithm", "publish the key; the set is read again within seconds"}
}

// again reads the set. The lock is held when it begins and when it returns, not between;
// that the caller leaves does not end it, since others wait for it.
func (s *keySet) again(ctx context.Context, now time.Time) {
	s.busy, s.next = make(chan struct{}), now.Add(keysPause)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*keysTimeout)
	keys, err := s.load(ctx)
	cancel()
	s.mu.Lock()
	if s.failed = err != nil; err == nil {
		s.keys, s.read = keys, now
	}
	close(s.busy)
	s.busy = nil
}

// find is a public key that may verify what the header names.
func (s *keySet) find(h jose.Header) any {
	for _, k := range s.keys.Key(h.KeyID) {
		if k.Valid() && k.IsPublic() && (k.Use == "" || k.Use == "sig") && (k.Algorithm == "" || k.Algorithm == h.Algorithm) {
			return k.Key
		}
	}
	return nil
}

var (
	errKeys    = errors.New("auth: no JWK Set")
	errAddress = errors.New("auth: the address is read by https, or by http from this machine only")
	errJSON    = errors.New("auth: the address gives no JSON")
)

// newReader follows no redirects: they could lead anywhere.
func newReader() *http.Client {
	return &http.Client{Timeout: keysTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// safeAddress reports whether an address may be read: nobody between can change what it
// gives.
func safeAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" && Loopback(u.Hostname()))
}

// keysAt reads a JWK Set from an address or a file.
func keysAt(ctx context.Context, client *http.Client, from string) (keys jose.JSONWebKeySet, err error) {
	var body []byte
	if strings.Contains(from, "://") {
		body, err = readAddress(ctx, client, from)
	} else {
		body, err = os.ReadFile(from)
	}
	if err != nil {
		return keys, errKeys
	}
	return parseKeys(body)
}

// readAddress reads JSON. Its errors hold no address.
func readAddress(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	if !safeAddress(address) {
		return nil, errAddress
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errAddress
	}
	req.Header.Set("Accept", "application/json")
	return doJSON(client, req)
}

func doJSON(client *http.Client, req *http.Request) ([]byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, errJSON
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostKeys))
	if err != nil || resp.StatusCode != http.StatusOK || !json.Valid(body) {
		return nil, errJSON
	}
	return body, nil
}

// parseKeys takes the keys that are understood; one that is not must not lock out the
// rest.
func parseKeys(body []byte) (set jose.JSONWebKeySet, err error) {
	var raw struct{ Keys []json.RawMessage }
	if json.Unmarshal(body, &raw) != nil || raw.Keys == nil {
		return set, errKeys
	}
	for _, one := range raw.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(one, &k) != nil {
			continue
		}
		set.Keys = append(set.Keys, k.Public())
	}
	return set, nil
}
