package ehr

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertionLife is how long an assertion is good: SMART allows five minutes.
const assertionLife = 4 * time.Minute

// renewBefore is how long before its end a token is given up; of a short one, a quarter
// of its life.
const renewBefore = 30 * time.Second

// tokens keeps the one token at hand.
type tokens struct {
	turn     chan struct{} // one asks, the others wait for what comes
	mu       sync.Mutex
	token    string
	until    time.Time // used until then
	granted  []string
	endpoint string
	smart    SMART
}

// drop forgets a token that was refused.
func (t *tokens) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == token {
		t.token = ""
	}
}

func (t *tokens) current(now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == "" || !now.Before(t.until) {
		return ""
	}
	return t.token
}

// Token is an access token that is good for a while yet. It is asked for when there is
// none, by one caller at a time.
func (c *Client) Token(ctx context.Context) (string, error) {
	if token := c.tokens.current(c.opt.Now()); token != "" {
		return token, nil
	}
	select {
	case c.tokens.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-c.tokens.turn }()
	if token := c.tokens.current(c.opt.Now()); token != "" { // another caller got it meanwhile
		return token, nil
	}
	g, err := c.grant(ctx)
	if err != nil {
		return "", err
	}
	return g.Token, nil
}

// Granted are the scopes of the last token.
func (c *Client) Granted() []string {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	return slices.Clone(c.tokens.granted)
}

// grant is the answer of a token endpoint.
type grant struct {
	Token   string  `json:"access_token"`
	Type    string  `json:"token_type"`
	Expires float64 `json:"expires_in"`
	Scope   string  `json:"scope"`
	Error   string  `json:"error"`
}

func (c *Client) grant(ctx context.Context) (grant, error) {
	if err := c.findEndpoint(ctx); err != nil {
		return grant{}, err
	}
	var g grant
	began := c.opt.Now()
	for attempt := 1; ; attempt++ { // an assertion is good for one use: each attempt has its own
		var err error
		if g, err = c.requestToken(ctx, ""); err == nil {
			break
		}
		var f *Failure
		if !errors.As(err, &f) || !passing(f, false) || attempt >= c.opt.Attempts {
			return g, err
		}
		if err := c.opt.Wait(ctx, pause(f, attempt)); err != nil {
			return g, err
		}
	}
	life := time.Duration(g.Expires * float64(time.Second))
	if life <= 0 {
		life = 5 * time.Minute
	}
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	c.tokens.token, c.tokens.until = g.Token, began.Add(life-min(renewBefore, life/4))
	c.tokens.granted = strings.Fields(g.Scope)
	return g, nil
}

func (c *Client) findEndpoint(ctx context.Context) error {
	c.tokens.mu.Lock()
	known := c.tokens.endpoint != ""
	c.tokens.mu.Unlock()
	if known {
		return nil
	}
	s, err := c.Discover(ctx)
	if err != nil {
		return err
	}
	if _, err := c.allowed(s.TokenEndpoint); err != nil {
		return &Failure{Doing: "asking for a token", Why: err.Error()}
	}
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	c.tokens.endpoint, c.tokens.smart = s.TokenEndpoint, s
	return nil
}

// scopes are those set, else reading everything in the words of the EHR's version.
func (c *Client) scopes() []string {
	if len(c.opt.Scopes) > 0 {
		return c.opt.Scopes
	}
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	if slices.Contains(c.tokens.smart.Capabilities, "permission-v2") {
		return []string{"system/*.rs"}
	}
	return []string{"system/*.read"}
}

// assertion says who asks, for one use.
func (c *Client) assertion(audience string) (string, error) {
	return c.opt.Key.Assertion(c.opt.Client, audience, c.opt.Now())
}

// Assertion says who a client is to one audience, for one use within minutes (RFC 7523).
func (k *Key) Assertion(client, audience string, now time.Time) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.algorithm, Key: k.private},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", k.id))
	if err != nil {
		return "", errors.New("ehr: the key cannot sign")
	}
	id := make([]byte, 16)
	rand.Read(id) // never fails: crypto/rand ends the program instead
	return jwt.Signed(signer).Claims(jwt.Claims{Issuer: client, Subject: client, Audience: jwt.Audience{audience},
		Expiry: jwt.NewNumericDate(now.Add(assertionLife)), IssuedAt: jwt.NewNumericDate(now), ID: hex.EncodeToString(id)}).Serialize()
}

// requestToken asks the token endpoint once; an audience of "" is the endpoint's address.
func (c *Client) requestToken(ctx context.Context, audience string) (g grant, err error) {
	c.tokens.mu.Lock()
	endpoint := c.tokens.endpoint
	c.tokens.mu.Unlock()
	if audience == "" {
		audience = endpoint
	}
	assertion, err := c.assertion(audience)
	if err != nil {
		return g, err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {strings.Join(c.scopes(), " ")},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}
	q := request{doing: "asking for a token", method: http.MethodPost, address: endpoint, open: true, body: []byte(form.Encode()),
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
		final:  func(status int) bool { return status == http.StatusBadRequest || status == http.StatusUnauthorized }}
	resp, f := c.try(ctx, q, endpoint)
	if f != nil {
		return g, f
	}
	b, err := c.document(q, resp)
	if err != nil {
		return g, err
	}
	if json.Unmarshal(b, &g) != nil {
		return g, &Failure{Doing: q.doing, Status: resp.StatusCode, Why: "the answer is not that of a token endpoint"}
	}
	if g.Token == "" || resp.StatusCode != http.StatusOK {
		return g, refusedToken(resp.StatusCode, g.Error)
	}
	return g, nil
}

// refusedToken puts the words of OAuth into sentences.
func refusedToken(status int, code string) *Failure {
	f := &Failure{Doing: "asking for a token", Status: status, Why: "the EHR refused it"}
	for _, known := range []struct{ code, hint string }{
		{"invalid_client", "register the client id and the public key (ember ehr key) at the EHR; aud must be its token endpoint, and both clocks right"},
		{"invalid_scope", "set ehr-scopes to what the EHR registered for this client"},
		{"invalid_request", "the EHR may not know SMART Backend Services"},
		{"invalid_grant", "the EHR does not take the assertion: see the clocks and the key"},
		{"unauthorized_client", "have the EHR allow client_credentials for this client"},
		{"unsupported_grant_type", "the EHR does not give tokens for client_credentials"},
	} {
		if code == known.code {
			f.Why, f.Hint = "the EHR refused it with "+known.code, known.hint
		}
	}
	return f
}
