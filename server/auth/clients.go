package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Refused is a token that was understood and is not accepted. Its texts hold nothing of
// the token.
type Refused struct{ Why, Hint string }

// Error is why.
func (r *Refused) Error() string { return "auth: " + r.Why }

// Client is a system that signs its own tokens.
type Client struct {
	Issuer string // what iss must be, to the letter
	// Keys is the address of the client's JWK Set, which jku must be when it is there,
	// or the path of a file with it.
	Keys string
}

// ParseClients reads clients as "ISSUER KEYS", keys being an https address (http on this
// machine only) or a file.
func ParseClients(lines []string) ([]Client, error) {
	var clients []Client
	for i, line := range lines {
		issuer, keys, ok := strings.Cut(strings.TrimSpace(line), " ")
		keys = strings.TrimSpace(keys)
		if !ok || keys == "" {
			return nil, fmt.Errorf("auth: client %d: want ISSUER and the address or file of its JWK Set, parted by a space", i+1)
		}
		if u, err := url.Parse(keys); err == nil && strings.Contains(keys, "://") && u.Scheme != "https" && (u.Scheme != "http" || !Loopback(u.Hostname())) {
			return nil, fmt.Errorf("auth: client %d: a JWK Set is read by https, by http from this machine only, or from a file", i+1)
		}
		if slices.ContainsFunc(clients, func(c Client) bool { return c.Issuer == issuer }) {
			return nil, fmt.Errorf("auth: client %d: this issuer stands there twice", i+1)
		}
		clients = append(clients, Client{issuer, keys})
	}
	return clients, nil
}

// Nonces keeps what must not be seen twice, over restarts too.
type Nonces interface {
	Get(ctx context.Context, key string) ([]byte, bool, error)
	Set(ctx context.Context, key string, v []byte, ttl time.Duration) error
}

// The algorithms that tokens may be signed with: never none, never a shared secret.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.ES256, jose.ES384}

const (
	leeway      = time.Minute    // between the clocks of two systems
	longestLife = 24 * time.Hour // of a token that a client signs for one call
)

// Clients verifies the tokens of clients that sign them by keys of their own, as CDS
// Hooks has it. It is safe for concurrent use.
type Clients struct {
	now    func() time.Time
	nonces Nonces
	rights Rights
	sets   map[string]*clientKeys // by issuer

	mu    sync.Mutex      // of using
	using map[string]bool // keys of nonces that are being looked up and kept
}

// clientKeys are the keys of one client.
type clientKeys struct {
	keySet
	from string
}

// NewClients knows clients, who get rights.
func NewClients(clients []Client, rights Rights, nonces Nonces, now func() time.Time) *Clients {
	c := &Clients{now: now, nonces: nonces, rights: rights, sets: map[string]*clientKeys{}, using: map[string]bool{}}
	reader := newReader()
	for _, client := range clients {
		c.sets[client.Issuer] = &clientKeys{from: client.Keys, keySet: keySet{load: func(ctx context.Context) (jose.JSONWebKeySet, error) {
			return keysAt(ctx, reader, client.Keys)
		}}}
	}
	return c
}

// Knows reports whether tokens of an issuer are the business of these clients.
func (c *Clients) Knows(issuer string) bool { return c.sets[issuer] != nil }

// Signed reports whether a token has the form of a signed one.
func Signed(token string) bool { return strings.Count(token, ".") == 2 }

// Verify finds who signed a token for one of the audiences: the exact addresses that are
// being called. A token is good for one call. The error is a [*Refused], or that of ctx.
func (c *Clients) Verify(ctx context.Context, token string, audiences ...string) (Principal, error) {
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return Principal{}, &Refused{"the token is no JWT signed with RS256, RS384, ES256 or ES384", "sign it with one of these; none and shared secrets are never accepted"}
	}
	var claims jwt.Claims
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return Principal{}, &Refused{"the claims of the token cannot be read", "send iss, aud, exp, iat and jti as RFC 7519 has them"}
	}
	set := c.sets[claims.Issuer]
	if set == nil {
		return Principal{}, &Refused{"the issuer (iss) of the token is not one that this site allows", "have the issuer and its JWK Set added to cds-clients"}
	}
	header := parsed.Headers[0]
	if err := checkHeader(header, set.from); err != nil {
		return Principal{}, err
	}
	if err := c.checkClaims(&claims, audiences); err != nil {
		return Principal{}, err
	}
	key, err := set.key(ctx, c.now(), header, "cds-clients")
	if err != nil {
		return Principal{}, err
	}
	if err := parsed.Claims(key, &claims); err != nil {
		return Principal{}, &Refused{"the signature of the token is not that of the key it names", "sign with the key whose kid the header has"}
	}
	if err := c.once(ctx, &claims); err != nil {
		return Principal{}, err
	}
	return Principal{Name: "client " + claims.Issuer, Rights: c.rights}, nil
}

func checkHeader(h jose.Header, from string) error {
	if typ, ok := h.ExtraHeaders[jose.HeaderType].(string); ok && !strings.EqualFold(typ, "JWT") {
		return &Refused{"the header's typ is not JWT", "send typ JWT"}
	}
	if h.KeyID == "" {
		return &Refused{"the header has no kid", "name the key of your JWK Set that signed the token"}
	}
	if jku, ok := h.ExtraHeaders["jku"]; ok && jku != from && strings.Contains(from, "://") {
		return &Refused{"the header's jku is not the address that this site allows for the issuer", "have the address changed in cds-clients"}
	}
	return nil
}

// checkClaims says in words what is wrong: an audience without a word costs an
// integrator a day.
func (c *Clients) checkClaims(claims *jwt.Claims, audiences []string) error {
	now := c.now()
	switch {
	case !slices.ContainsFunc(audiences, claims.Audience.Contains):
		return &Refused{"the token is for another audience (aud)", "aud must be the address that is called: " + strings.Join(audiences, " or ")}
	case claims.Expiry == nil || claims.IssuedAt == nil || claims.ID == "":
		return &Refused{"the token lacks exp, iat or jti", "send all three"}
	case now.After(claims.Expiry.Time().Add(leeway)):
		return &Refused{"the token has expired (exp)", "make a token for each call, and see that both clocks are right: here it is " + now.UTC().Format(time.RFC3339)}
	case claims.IssuedAt.Time().After(now.Add(leeway)), claims.NotBefore != nil && claims.NotBefore.Time().After(now.Add(leeway)):
		return &Refused{"the token was issued in the future (iat, nbf)", "see that both clocks are right: here it is " + now.UTC().Format(time.RFC3339)}
	case claims.Expiry.Time().After(now.Add(longestLife)):
		return &Refused{"the token lives for too long (exp)", "let it expire within minutes; a day is the most"}
	}
	return nil
}

// once refuses a token that was seen before. What is kept is a hash. Of the same token
// sent twice at a time one is refused at once, so that nobody waits for a disk.
func (c *Clients) once(ctx context.Context, claims *jwt.Claims) error {
	sum := sha256.Sum256([]byte(claims.Issuer + "\x00" + claims.ID))
	key := "jti/" + hex.EncodeToString(sum[:])
	again := &Refused{"the token was used before (jti)", "make a token for each call"}
	if !c.begin(key) {
		return again
	}
	defer c.end(key)
	if _, seen, _ := c.nonces.Get(ctx, key); seen {
		return again
	}
	if c.nonces.Set(ctx, key, []byte{1}, claims.Expiry.Time().Sub(c.now())+2*leeway) != nil {
		return &Refused{"that the token is used could not be remembered", "see to the disk of this server; a new token will do then"}
	}
	return nil
}

func (c *Clients) begin(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.using[key] {
		return false
	}
	c.using[key] = true
	return true
}

func (c *Clients) end(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.using, key)
}
