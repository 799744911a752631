package auth

import (
	"context"
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
	mostAsked = 4096             // tokens of one issuer that are remembered
)

// asked remembers for a moment what an issuer said of opaque tokens, by their hashes.
type asked struct {
	mu   sync.Mutex
	said map[[sha256.Size]byte]answer
}

type answer struct {
	who   Principal
	err   *Refused
	until time.Time
}

func (a *asked) get(key [sha256.Size]byte, now time.Time) (answer, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	x, ok := a.said[key]
	return x, ok && now.Before(x.until)
}

func (a *asked) put(key [sha256.Size]byte, x answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.said == nil || len(a.said) >= mostAsked {
		a.said = map[[sha256.Size]byte]answer{}
	}
	a.said[key] = x
}

// introspected asks the issuers that may be asked about a token that says nothing itself.
func (v *Issuers) introspected(ctx context.Context, token string) (Principal, error) {
	refused := &Refused{"the token is not known", "send an access token of an issuer that this site allows"}
	key, now := sha256.Sum256([]byte(token)), v.now()
	for _, is := range v.all {
		if is.Introspect == "" {
			continue
		}
		said, ok := is.asked.get(key, now)
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
