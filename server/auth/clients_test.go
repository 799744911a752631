package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"ember/cache"
	"ember/server/auth"
)

const (
	issuer   = "https://ehr.example/"
	audience = "https://cds.example.org/cds-services/treatments"
)

// ehr signs tokens and publishes its keys.
type ehr struct {
	*httptest.Server
	keys  map[string]any // kid → private key
	reads atomic.Int32
	down  atomic.Bool
}

func newEHR(t testing.TB) *ehr {
	t.Helper()
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e := &ehr{keys: map[string]any{"ES256": p256, "ES384": p384, "RS256": r, "RS384": r}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		e.reads.Add(1)
		if e.down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		var set jose.JSONWebKeySet
		for kid, k := range e.keys {
			key := jose.JSONWebKey{Key: k, KeyID: kid, Use: "sig"}
			set.Keys = append(set.Keys, key.Public())
		}
		b, _ := json.Marshal(set)
		// A key that nobody here understands must not lock out the others.
		_, _ = w.Write([]byte(strings.Replace(string(b), `"keys":[`, `"keys":[{"kty":"OKP2","kid":"new"},`, 1)))
	}))
	t.Cleanup(e.Close)
	return e
}

// token is a good one but for what change does to its claims and header.
func (e *ehr) token(t testing.TB, alg string, change func(claims map[string]any, header map[jose.HeaderKey]any)) string {
	t.Helper()
	claims := map[string]any{"iss": issuer, "aud": audience, "exp": noon.Add(5 * time.Minute).Unix(), "iat": noon.Unix(), "jti": rand.Text()}
	header := map[jose.HeaderKey]any{"typ": "JWT", "kid": alg, "jku": e.URL}
	if change != nil {
		change(claims, header)
	}
	opt := &jose.SignerOptions{ExtraHeaders: header}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: e.keys[alg]}, opt)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func (e *ehr) clients(now func() time.Time) *auth.Clients {
	return auth.NewClients([]auth.Client{{Issuer: issuer, Keys: e.URL}}, auth.Recommend, cache.NewMemory(100, 1<<20, now), now)
}

func TestClients(t *testing.T) {
	e := newEHR(t)
	c := e.clients(func() time.Time { return noon })
	for _, alg := range []string{"RS256", "RS384", "ES256", "ES384"} {
		who, err := c.Verify(t.Context(), e.token(t, alg, nil), audience)
		if err != nil || who.Name != "client "+issuer || who.Rights != auth.Recommend {
			t.Errorf("%s: %+v, %v", alg, who, err)
		}
	}
	if n := e.reads.Load(); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
	many := e.token(t, "ES384", func(claims map[string]any, _ map[jose.HeaderKey]any) { claims["aud"] = []string{"x", audience} })
	if _, err := c.Verify(t.Context(), many, "https://other", audience); err != nil {
		t.Error(err)
	}
	set := func(name string, v any) func(map[string]any, map[jose.HeaderKey]any) {
		return func(claims map[string]any, _ map[jose.HeaderKey]any) {
			if claims[name] = v; v == nil {
				delete(claims, name)
			}
		}
	}
	head := func(name jose.HeaderKey, v any) func(map[string]any, map[jose.HeaderKey]any) {
		return func(_ map[string]any, header map[jose.HeaderKey]any) {
			if header[name] = v; v == nil {
				delete(header, name)
			}
		}
	}
	for name, bad := range map[string]struct{ token, words string }{
		"another audience":  {e.token(t, "ES384", set("aud", "https://cds.example.org/cds-services/treatments/")), audience},
		"no audience":       {e.token(t, "ES384", set("aud", nil)), "aud"},
		"a prefix":          {e.token(t, "ES384", set("aud", "https://cds.example.org")), "aud"},
		"another issuer":    {e.token(t, "ES384", set("iss", "https://evil.example")), "iss"},
		"no issuer":         {e.token(t, "ES384", set("iss", nil)), "iss"},
		"expired":           {e.token(t, "ES384", set("exp", noon.Add(-2*time.Minute).Unix())), "expired"},
		"without end":       {e.token(t, "ES384", set("exp", nil)), "exp"},
		"living for years":  {e.token(t, "ES384", set("exp", noon.AddDate(1, 0, 0).Unix())), "too long"},
		"of the future":     {e.token(t, "ES384", set("iat", noon.Add(time.Hour).Unix())), "future"},
		"without issue":     {e.token(t, "ES384", set("iat", nil)), "iat"},
		"without a nonce":   {e.token(t, "ES384", set("jti", nil)), "jti"},
		"another jku":       {e.token(t, "ES384", head("jku", "https://evil.example/keys")), "jku"},
		"no kid":            {e.token(t, "ES384", head("kid", nil)), "kid"},
		"an unknown kid":    {e.token(t, "ES384", head("kid", "x")), "kid"},
		"a key of another":  {e.token(t, "ES384", head("kid", "RS384")), ""},
		"another typ":       {e.token(t, "ES384", head("typ", "at+jwt")), "typ"},
		"none":              {unsigned(t, e), "none"},
		"no signature":      {strings.TrimRight(e.token(t, "ES384", nil), "-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"), ""},
		"a shared secret":   {shared(t), "shared"},
		"another signature": {forged(t, e), "signature"},
		"no JWT":            {"a.b.c", "JWT"},
	} {
		var refused *auth.Refused
		if who, err := c.Verify(t.Context(), bad.token, audience); !errors.As(err, &refused) || !strings.Contains(refused.Why+" "+refused.Hint, bad.words) || who.Name != "" {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

// unsigned is a token that says alg none.
func unsigned(t testing.TB, e *ehr) string {
	parts := strings.Split(e.token(t, "ES384", nil), ".")
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT","kid":"ES384"}`)) + "." + parts[1] + "."
}

func shared(t testing.TB) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS384, Key: make([]byte, 48)}, &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"kid": "ES384"}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := jwt.Signed(signer).Claims(map[string]any{"iss": issuer, "aud": audience, "exp": noon.Add(time.Minute).Unix(), "iat": noon.Unix(), "jti": "x"}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// forged has the claims of one token and the signature of another.
func forged(t testing.TB, e *ehr) string {
	a, b := strings.Split(e.token(t, "ES384", nil), "."), strings.Split(e.token(t, "ES384", nil), ".")
	return a[0] + "." + a[1] + "." + b[2]
}

func TestClientsRefuseReplays(t *testing.T) {
	e := newEHR(t)
	c := e.clients(func() time.Time { return noon })
	token := e.token(t, "ES256", nil)
	var good atomic.Int32
	done := make(chan struct{})
	for range 8 {
		go func() {
			if _, err := c.Verify(t.Context(), token, audience); err == nil {
				good.Add(1)
			}
			done <- struct{}{}
		}()
	}
	for range 8 {
		<-done
	}
	if good.Load() != 1 {
		t.Errorf("a token was good for %d calls", good.Load())
	}
}

// TestClientsRotateKeys: a new key is found within seconds, an old one works while the
// address is down, and a flood of unknown keys does not become a flood of reads.
func TestClientsRotateKeys(t *testing.T) {
	e, now := newEHR(t), noon
	c := e.clients(func() time.Time { return now })
	verify := func(alg string, header string) error {
		_, err := c.Verify(t.Context(), e.token(t, alg, func(_ map[string]any, h map[jose.HeaderKey]any) { h["kid"] = header }), audience)
		return err
	}
	if err := verify("ES256", "ES256"); err != nil {
		t.Fatal(err)
	}
	fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e.keys["new-key"] = fresh
	e.keys["ES256"] = fresh
	for range 20 {
		if verify("ES256", "new-key") == nil {
			t.Fatal("known before it was read")
		}
	}
	if n := e.reads.Load(); n != 1 {
		t.Errorf("%d reads", n)
	}
	now = now.Add(11 * time.Second)
	if err := verify("ES256", "new-key"); err != nil {
		t.Error(err)
	}
	e.down.Store(true)
	now = now.Add(2 * time.Minute)
	if err := verify("ES256", "new-key"); err != nil {
		t.Errorf("while the address is down: %v", err)
	}
}

func TestParseClients(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, []byte(`{"keys":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, ok := range map[string]bool{
		"https://a https://a/jwks": true, "https://a  " + file: true, "https://a http://localhost:1/jwks": true,
		"https://a http://b/jwks": false, "https://a": false, "": false, "https://a ftp://b": false,
	} {
		if _, err := auth.ParseClients([]string{line}); (err == nil) != ok {
			t.Errorf("%q: %v", line, err)
		}
	}
	if _, err := auth.ParseClients([]string{"https://a https://a/1", "https://a https://a/2"}); err == nil {
		t.Error("an issuer twice")
	}
}

func FuzzVerify(f *testing.F) {
	e := newEHR(f)
	c := e.clients(func() time.Time { return noon })
	f.Add(e.token(f, "ES256", nil))
	f.Add("a.b.c")
	good := map[string]bool{}
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := c.Verify(t.Context(), token, audience); err == nil {
			if good[token] {
				t.Error("twice")
			}
			good[token] = true
		}
	})
}
