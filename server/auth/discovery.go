package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Metadata is what an authorization server says of itself (OpenID Connect Discovery, RFC
// 8414), as far as it is used here or told to clients.
type Metadata struct {
	Issuer        string   `json:"issuer"`
	Authorize     string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Keys          string   `json:"jwks_uri"`
	Introspect    string   `json:"introspection_endpoint"`
	Revoke        string   `json:"revocation_endpoint"`
	Register      string   `json:"registration_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	Manage        string   `json:"management_endpoint"`
	Scopes        []string `json:"scopes_supported"`
	ResponseTypes []string `json:"response_types_supported"`
	GrantTypes    []string `json:"grant_types_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	AuthAlgs      []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	Capabilities  []string `json:"capabilities"`
}

// reader reads what issuers publish.
type reader struct{ client *http.Client }

// about is the description of an issuer, as it was read last.
type about struct {
	mu   sync.Mutex
	said *Metadata
	read time.Time
	next time.Time
	busy chan struct{} // closed when the reading under way ends; nil: there is none
}

var errDescription = errors.New("auth: the issuer gives no description of itself that names it as issuer")

// describe is what the issuer says of itself, read again after an hour. What was said
// before stands while it cannot be read. Its lock is never held while it reads.
func (is *issuer) describe(ctx context.Context, now time.Time) (Metadata, error) {
	a := &is.about
	a.mu.Lock()
	defer a.mu.Unlock()
	switch busy := a.busy; {
	case a.said != nil && (now.Sub(a.read) < keysLife || busy != nil):
	case busy != nil:
		a.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
		}
		a.mu.Lock()
	case !now.Before(a.next):
		a.busy, a.next = make(chan struct{}), now.Add(keysPause)
		a.mu.Unlock()
		m, err := is.discover(context.WithoutCancel(ctx))
		a.mu.Lock()
		if err == nil {
			a.said, a.read = &m, now
		}
		close(a.busy)
		a.busy = nil
	}
	if a.said == nil {
		return Metadata{}, errDescription
	}
	return *a.said, nil
}

// discover reads the description from where OpenID Connect has it, then from where RFC
// 8414 does, and then where SMART does.
func (is *issuer) discover(ctx context.Context) (m Metadata, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*keysTimeout)
	defer cancel()
	for _, address := range descriptions(is.ID) {
		body, err := readAddress(ctx, is.client, address)
		if err != nil {
			continue
		}
		m = Metadata{}
		if json.Unmarshal(body, &m) == nil && strings.TrimRight(m.Issuer, "/") == strings.TrimRight(is.ID, "/") && safeAddress(m.Keys) { // it comes from outside: never a file
			return m, nil
		}
	}
	return Metadata{}, errDescription
}

func descriptions(issuer string) []string {
	base := strings.TrimRight(issuer, "/")
	all := []string{base + "/.well-known/openid-configuration"}
	if u, err := url.Parse(base); err == nil {
		path := u.Path
		u.Path = "/.well-known/oauth-authorization-server" + path
		all = append(all, u.String())
		if path != "" {
			all = append(all, base+"/.well-known/oauth-authorization-server")
		}
	}
	return append(all, base+"/.well-known/smart-configuration")
}

// loadKeys reads the keys from where the setting, or the issuer itself, says.
func (is *issuer) loadKeys(ctx context.Context, now time.Time) (keys jose.JSONWebKeySet, err error) {
	from := is.Keys
	if from == "" {
		m, err := is.describe(ctx, now)
		if err != nil {
			return keys, err
		}
		from = m.Keys
	}
	return keysAt(ctx, is.client, from)
}

// Describe is what the first issuer says of itself, with what the settings say instead;
// false when there is none, or its description cannot be read and the settings do not say
// enough.
func (v *Issuers) Describe(ctx context.Context) (Metadata, bool) {
	for _, is := range v.all {
		m := Metadata{Issuer: is.ID}
		if is.Authorize == "" || is.Token == "" || is.Keys == "" {
			if said, err := is.describe(ctx, v.now()); err == nil {
				m = said
			}
		}
		m.Authorize, m.Token = first(is.Authorize, m.Authorize), first(is.Token, m.Token)
		if strings.Contains(is.Keys, "://") {
			m.Keys = is.Keys
		}
		if m.Authorize != "" && m.Token != "" {
			return m, true
		}
	}
	return Metadata{}, false
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Levels reports which levels of scopes can give anything.
func (v *Issuers) Levels() (patient, user, system bool) {
	for _, is := range v.all {
		patient = patient || is.Rights[PatientLevel] != 0
		user = user || is.Rights[UserLevel] != 0
		system = system || is.Rights[SystemLevel] != 0
	}
	return patient, user, system
}
