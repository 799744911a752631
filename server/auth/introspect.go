package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	askedLife = 30 * time.Second // what an issuer said of a token is asked again after it
	mostAsked = 4096             // tokens of one issuer that are remembered, of good ones and of others
	// An issuer is asked about tokens that are not remembered so often at once, and a second:
	// who sends words by chance must not make this server a flood.
	questionsAtOnce  = 100
	questionsASecond = 20
)

// asked remembers for a moment what an issuer said of opaque tokens, by hashes under a key
// of this process. Tokens that are none do not crowd out those that are.
type asked struct {
	mu        sync.Mutex
	key       [sha256.Size]byte
	keyed     bool
	good, bad map[[sha256.Size]byte]answer
	left      float64 // questions
	since     time.Time
}

type answer struct {
	who   Principal
	err   *Refused
	until time.Time
}

// hash stands for a token.
func (a *asked) hash(token string) (h [sha256.Size]byte) {
	a.mu.Lock()
	if !a.keyed {
		rand.Read(a.key[:]) // never fails
		a.keyed = true
	}
	key := a.key
	a.mu.Unlock()
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(token))
	mac.Sum(h[:0])
	return h
}

func (a *asked) get(key [sha256.Size]byte, now time.Time) (answer, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	x, ok := a.good[key]
	if !ok {
		x, ok = a.bad[key]
	}
	return x, ok && now.Before(x.until)
}

func (a *asked) put(key [sha256.Size]byte, x answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.good, key)
	delete(a.bad, key)
	said := &a.good
	if x.err != nil {
		said = &a.bad
	}
	if *said == nil || len(*said) >= mostAsked {
		*said = map[[sha256.Size]byte]answer{}
	}
	(*said)[key] = x
}

// may reports whether the issuer may be asked once more now.
func (a *asked) may(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since.IsZero() {
		a.left = questionsAtOnce
	} else {
		a.left = min(questionsAtOnce, a.left+questionsASecond*max(0, now.Sub(a.since).Seconds()))
	}
	if a.since = now; a.left < 1 {
		return false
	}
	a.left--
	return true
}

// introspected asks the issuers that may be asked about a token that says nothing itself.
func (v *Issuers) introspected(ctx context.Context, token string) (Principal, error) {
	refused := &Refused{"the token is not known", "send an access token of an issuer that this site allows"}
	now := v.now()
	for _, is := range v.all {
		if is.Introspect == "" {
			continue
		}
		key := is.asked.hash(token)
		said, ok := is.asked.get(key, now)
		if !ok && !is.asked.may(now) {
			refused = &Refused{"the issuer is asked about too many unknown tokens now", "try again in a moment"}
			continue
		}
		if !ok {
			if said, ok = is.ask(ctx, token, now); ok {
				is.asked.put(key, said)
			}
		}
		if err := ctx.Err(); err != nil {
			return Principal{}, err
		}
		if said.err == nil {
			return said.who, nil
		}
		refused = said.err
	}
	return Principal{}, refused
}

// ask asks about a token; keep is false when what came is no word of the issuer.
func (is *issuer) ask(ctx context.Context, token string, now time.Time) (said answer, keep bool) {
	said.until = now.Add(askedLife)
	c, err := is.introspect(ctx, token)
	switch {
	case err != nil:
		said.err = &Refused{"the issuer could not be asked about the token", "see that this server can reach the address in introspect, and may ask"}
		return said, false
	case !c.Active:
		said.err = &Refused{"the issuer says that the token is not active", "ask the issuer for a new token"}
		return said, true
	case c.Issuer != "" && c.Issuer != is.ID:
		said.err = &Refused{"the issuer (iss) of the token is not one that this site allows", "have the issuer added to smart-issuers"}
		return said, true
	}
	if len(c.Audience) == 0 { // the issuer answers about tokens for who asks
		c.Audience = is.Audiences
	}
	if err := is.check(&c, now); err != nil {
		said.err = err.(*Refused)
		return said, true
	}
	if end := c.Expiry.Time().Add(leeway); end.Before(said.until) {
		said.until = end
	}
	said.who = is.principal(&c)
	return said, true
}

func (is *issuer) introspect(ctx context.Context, token string) (c claims, err error) {
	secret, err := os.ReadFile(is.Secret)
	if err != nil {
		return c, errJSON
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, is.Introspect, strings.NewReader(form.Encode()))
	if err != nil {
		return c, errAddress
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(is.Client), url.QueryEscape(strings.TrimSpace(string(secret))))
	body, err := doJSON(is.client, req)
	if err != nil {
		return c, err
	}
	if json.Unmarshal(body, &c) != nil || json.Unmarshal(body, &c.all) != nil {
		return c, errJSON
	}
	return c, nil
}
