package auth_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"ember/server/auth"
	"ember/server/auth/authtest"
)

const fhirBase = "https://ember.example.org/fhir"

func issuersOf(t testing.TB, idp *authtest.Server, now func() time.Time, options string, rules ...string) *auth.Issuers {
	t.Helper()
	idp.Now = now
	for i, r := range rules {
		rules[i] = idp.URL + " " + r
	}
	all, err := auth.ParseIssuers([]string{idp.URL + " " + options}, rules, fhirBase)
	if err != nil {
		t.Fatal(err)
	}
	return auth.NewIssuers(all, now)
}

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func TestIssuersAcceptGoodTokens(t *testing.T) {
	idp := authtest.New(t)
	v := issuersOf(t, idp, at(noon), "user=read,search", "scope=ember/cohorts cohorts", "claim.groups=quality members", "client=app-9 predict")
	for name, c := range map[string]struct {
		kid, alg string
		change   func(map[string]any)
		rights   auth.Rights
	}{
		"RS256": {"rsa", "RS256", nil, auth.Read | auth.Recommend}, "RS384": {"rsa", "RS384", nil, auth.Read | auth.Recommend}, "RS512": {"rsa", "RS512", nil, auth.Read | auth.Recommend},
		"PS256": {"rsa", "PS256", nil, auth.Read | auth.Recommend}, "PS512": {"rsa", "PS512", nil, auth.Read | auth.Recommend}, "ES256": {"ec", "ES256", nil, auth.Read | auth.Recommend},
		"several audiences": {"rsa", "RS256", func(c map[string]any) { c["aud"] = []string{"x", fhirBase + "/"} }, auth.Read | auth.Recommend},
		"scp as a list":     {"rsa", "RS256", func(c map[string]any) { c["scope"], c["scp"] = nil, []string{"patient/*.read", "x"} }, auth.Read | auth.Recommend},
		"a rule by scope":   {"rsa", "RS256", func(c map[string]any) { c["scope"] = "user/*.rs ember/cohorts" }, auth.Read | auth.Search | auth.Cohorts},
		"a rule by claim":   {"rsa", "RS256", func(c map[string]any) { c["groups"] = []string{"a", "quality"} }, auth.Read | auth.Recommend | auth.Members},
		"a rule by client":  {"rsa", "RS256", func(c map[string]any) { c["client_id"] = "app-9" }, auth.Read | auth.Recommend | auth.Predict},
		"clocks differ": {"rsa", "RS256", func(c map[string]any) {
			c["exp"], c["iat"] = noon.Add(-30*time.Second).Unix(), noon.Add(30*time.Second).Unix()
		}, auth.Read | auth.Recommend},
	} {
		claims := idp.Claims(fhirBase, "patient/Observation.rs", "p1")
		if c.change != nil {
			c.change(claims)
		}
		who, err := v.Verify(t.Context(), idp.Sign(c.kid, c.alg, claims))
		if err != nil || who.Rights != c.rights || !strings.Contains(who.Name, "user-1") {
			t.Errorf("%s: %+v %v", name, who, err)
		}
	}
}

func TestIssuersRefuseBadTokens(t *testing.T) {
	idp, other := authtest.New(t), authtest.New(t)
	other.Now = at(noon)
	v := issuersOf(t, idp, at(noon), "")
	with := func(key string, value any) string {
		c := idp.Claims(fhirBase, "patient/*.rs", "p1")
		if c[key] = value; value == nil {
			delete(c, key)
		}
		return idp.Sign("rsa", "RS256", c)
	}
	good := idp.Token(fhirBase, "patient/*.rs", "p1")
	parts := strings.Split(good, ".")
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	foreign := other.Claims(fhirBase, "patient/*.rs", "p1")
	foreign["iss"] = idp.URL
	for name, bad := range map[string]struct{ token, words string }{
		"wrong aud without a word":  {with("aud", "https://other.example.org"), "another audience (aud)"},
		"no aud":                    {with("aud", nil), "aud"},
		"another issuer":            {other.Token(fhirBase, "patient/*.rs", "p1"), "iss"},
		"another's key":             {other.Sign("rsa", "RS256", foreign), "signature"},
		"expired":                   {with("exp", noon.Add(-2*time.Minute).Unix()), "expired"},
		"never expires":             {with("exp", nil), "exp"},
		"not yet":                   {with("nbf", noon.Add(2*time.Minute).Unix()), "future"},
		"of the future":             {with("iat", noon.Add(time.Hour).Unix()), "future"},
		"a patient that is no text": {with("patient", 7), "claims"},
		"none":                      {header(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".", "none"},
		"HS256 with the public key": {confused(t, idp), "shared"},
		"no signature":              {parts[0] + "." + parts[1] + ".", ""},
		"other claims":              {parts[0] + "." + header(`{"iss":"`+idp.URL+`","aud":"`+fhirBase+`","exp":9999999999,"scope":"system/*.cruds"}`) + "." + parts[2], "signature"},
		"an unknown kid":            {unknownKid(t, idp, other), "kid"},
		"an id token":               {strings.Join([]string{header(`{"alg":"RS256","typ":"logout+jwt","kid":"rsa"}`), parts[1], parts[2]}, "."), "typ"},
		"huge":                      {with("scope", strings.Repeat("patient/Observation.rs ", 5000)), "16 KiB"},
		"a critical extension":      {header(`{"alg":"RS256","kid":"rsa","crit":["b64"],"b64":false}`) + "." + parts[1] + "." + parts[2], ""},
		"nonsense":                  {"a.b.c", "JWT"},
		"opaque":                    {"something", "not known"},
	} {
		var refused *auth.Refused
		who, err := v.Verify(t.Context(), bad.token)
		if !errors.As(err, &refused) || !strings.Contains(refused.Why+" "+refused.Hint, bad.words) || who.Name != "" || who.Rights != 0 {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		if err != nil && len(bad.token) > 8 && strings.Contains(err.Error(), bad.token[:8]) {
			t.Errorf("%s: the error holds the token", name)
		}
	}
}

// confused is signed with HMAC by the public key, as who mistakes one for the other lets pass.
func confused(t *testing.T, idp *authtest.Server) string {
	der, err := x509.MarshalPKIXPublicKey(idp.Public("rsa"))
	if err != nil {
		t.Fatal(err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, (&jose.SignerOptions{}).WithHeader("kid", "rsa"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(idp.Claims(fhirBase, "system/*.cruds", "p1")).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func unknownKid(t *testing.T, idp, other *authtest.Server) string {
	other.Rotate("rsa-unknown")
	c := other.Claims(fhirBase, "patient/*.rs", "p1")
	c["iss"] = idp.URL
	return other.Sign("rsa-unknown", "RS256", c)
}

// TestKeysAreReadAsideOfOthers: while an issuer's keys are slow to come, tokens of known keys
// are verified at once; a rotated key is found within seconds, once for everybody.
func TestKeysAreReadAsideOfOthers(t *testing.T) {
	idp := authtest.New(t)
	now := noon
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	v := issuersOf(t, idp, clock, "jwks="+idp.URL+"/jwks")
	if _, err := v.Verify(t.Context(), idp.Token(fhirBase, "patient/*.rs", "p1")); err != nil {
		t.Fatal(err)
	}
	idp.Rotate("rsa-new")
	fresh := idp.Sign("rsa-new", "RS256", idp.Claims(fhirBase, "patient/*.rs", "p1"))
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	hold := make(chan struct{})
	var slow http.HandlerFunc = func(w http.ResponseWriter, r *http.Request) { <-hold; http.NotFound(w, r) }
	idp.Answer.Store(&slow)
	waiting := make(chan error, 4)
	for range 4 {
		go func() {
			_, err := v.Verify(t.Context(), fresh)
			waiting <- err
		}()
	}
	time.Sleep(20 * time.Millisecond) // until somebody reads
	for range 50 {
		begun := time.Now()
		if _, err := v.Verify(t.Context(), idp.Token(fhirBase, "patient/*.rs", "p1")); err != nil || time.Since(begun) > time.Second {
			t.Fatalf("held up: %v after %v", err, time.Since(begun))
		}
	}
	close(hold)
	for range 4 {
		if err := <-waiting; err == nil {
			t.Error("known before it was read")
		}
	}
	idp.Answer.Store(nil)
	if _, err := v.Verify(t.Context(), fresh); err == nil {
		t.Error("read again at once")
	}
	mu.Lock()
	now = now.Add(11 * time.Second)
	mu.Unlock()
	if _, err := v.Verify(t.Context(), fresh); err != nil {
		t.Errorf("a rotated key: %v", err)
	}
	if n := idp.Reads.Load(); n != 2 {
		t.Errorf("%d reads", n)
	}
}

// TestKeysThatCannotBeRead: whatever an issuer's address gives, the token is refused with
// words, and keys known before hold for a day.
func TestKeysThatCannotBeRead(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"HTML": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>sign in</html>")) },
		"404":  http.NotFound,
		"an endless answer": func(w http.ResponseWriter, _ *http.Request) {
			for range 2 << 10 {
				_, _ = w.Write(make([]byte, 1<<10))
			}
		},
		"no keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) },
		"another's name": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"https://evil.example","jwks_uri":"https://evil.example/jwks"}`))
		},
		"a file for an URL": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"http://` + r.Host + `","jwks_uri":"/etc/passwd"}`))
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/jwks", http.StatusFound)
		},
		"an unsafe key place": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"http://` + r.Host + `","jwks_uri":"http://203.0.113.1/jwks"}`))
		},
	} {
		idp := authtest.New(t)
		now := noon
		v := issuersOf(t, idp, func() time.Time { return now }, "")
		idp.Answer.Store(&answer)
		var refused *auth.Refused
		if _, err := v.Verify(t.Context(), idp.Token(fhirBase, "patient/*.rs", "p1")); !errors.As(err, &refused) || !strings.Contains(refused.Why, "JWK Set") {
			t.Errorf("%s: %v", name, err)
		}
		idp.Answer.Store(nil)
		now = now.Add(time.Minute)
		if _, err := v.Verify(t.Context(), idp.Token(fhirBase, "patient/*.rs", "p1")); err != nil {
			t.Errorf("%s, mended: %v", name, err)
		}
		idp.Answer.Store(&answer)
		now = now.Add(2 * time.Hour)
		if _, err := v.Verify(t.Context(), idp.Token(fhirBase, "patient/*.rs", "p1")); err != nil {
			t.Errorf("%s, two hours later: %v", name, err)
		}
		now = now.Add(24 * time.Hour)
		if _, err := v.Verify(t.Context(), idp.Token(fhirBase, "patient/*.rs", "p1")); err == nil {
			t.Errorf("%s: keys are believed for more than a day", name)
		}
	}
}

func TestIntrospection(t *testing.T) {
	idp := authtest.New(t)
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "s3cret\n")
	now := noon
	v := issuersOf(t, idp, func() time.Time { return now }, "introspect="+idp.URL+"/introspect client=ember secret="+secret)
	good := idp.Claims(fhirBase, "patient/Observation.rs", "p1")
	token := idp.Opaque(good)
	for range 3 {
		if who, err := v.Verify(t.Context(), token); err != nil || len(who.Grant) != 1 || who.Patients[0] != "p1" {
			t.Fatalf("%+v %v", who, err)
		}
	}
	huge := idp.Claims(fhirBase, strings.Repeat("patient/Observation.rs ", 5000), "p1")
	if who, err := v.Verify(t.Context(), idp.Opaque(huge)); err != nil || len(who.Grant) > 1000 {
		t.Errorf("%d permissions, %v", len(who.Grant), err)
	}
	for name, change := range map[string]func(map[string]any){
		"aud": func(c map[string]any) { c["aud"] = "https://other.example.org" }, "expired": func(c map[string]any) { c["exp"] = noon.Add(-time.Hour).Unix() },
		"iss": func(c map[string]any) { c["iss"] = "https://evil.example" }, "exp": func(c map[string]any) { delete(c, "exp") },
	} {
		c := idp.Claims(fhirBase, "patient/*.rs", "p1")
		change(c)
		if _, err := v.Verify(t.Context(), idp.Opaque(c)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.Verify(t.Context(), "opaque-unknown"); err == nil || !strings.Contains(err.Error(), "active") {
		t.Errorf("unknown: %v", err)
	}
	now = noon.Add(2 * time.Hour)
	if _, err := v.Verify(t.Context(), token); err == nil {
		t.Error("a token outlives its end")
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), "another"); err == nil || !strings.Contains(err.Error(), "could not be asked") {
		t.Errorf("without a secret: %v", err)
	}
}

func TestParseScopes(t *testing.T) {
	for word, want := range map[string]auth.Scope{
		"patient/Observation.read":  {Level: auth.PatientLevel, Type: "Observation", Can: auth.CanRead | auth.CanSearch},
		"user/*.write":              {Level: auth.UserLevel, Type: "*", Can: auth.CanCreate | auth.CanUpdate | auth.CanDelete},
		"system/Patient.*":          {Level: auth.SystemLevel, Type: "Patient", Can: auth.CanCreate | auth.CanRead | auth.CanUpdate | auth.CanDelete | auth.CanSearch},
		"patient/Observation.cruds": {Level: auth.PatientLevel, Type: "Observation", Can: auth.CanCreate | auth.CanRead | auth.CanUpdate | auth.CanDelete | auth.CanSearch},
		"patient/Observation.rs?category=http://x|laboratory": {Level: auth.PatientLevel, Type: "Observation", Can: auth.CanRead | auth.CanSearch, Where: "category=http://x|laboratory"},
	} {
		if got, _ := auth.ParseScopes(word); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v", word, got)
		}
	}
	for _, word := range []string{"patient/Observation", "patient/Observation.", "patient/Observation.sr", "patient/Observation.rr", "patient/observation.rs", "patient/Obs ervation.rs", "Patient/Observation.rs",
		"patient/.rs", "patient/**.rs", "patient/Observation.read?category=x", "patient/Observation.rs?", "patient/Observation.rx", "practitioner/*.rs", "patient/Observation.READ", "/", "patient/*.rs/x"} {
		if got, _ := auth.ParseScopes(word); len(got) != 0 {
			t.Errorf("%q grants %+v", word, got)
		}
	}
	if got, others := auth.ParseScopes("openid  launch/patient patient/*.rs ember/x"); len(got) != 1 || len(others) != 3 {
		t.Errorf("%v %v", got, others)
	}
}

func FuzzParseScopes(f *testing.F) {
	f.Add("patient/Observation.rs?category=a|b user/*.read")
	f.Fuzz(func(t *testing.T, text string) {
		scopes, _ := auth.ParseScopes(text)
		for _, s := range scopes {
			if s.Level == 0 || s.Can == 0 || s.Type == "" || !strings.Contains(text, s.Type) {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestParseIssuers(t *testing.T) {
	for line, ok := range map[string]bool{
		"https://a": true, "https://a aud=https://b,https://c jwks=/etc/keys.json patient=read user=none": true, "http://localhost:1 system=read,search": true,
		"http://a": false, "": false, "https://a jwks=http://b": false, "https://a what=x": false, "https://a user=cohorts": false, "https://a user=all": false,
		"https://a introspect=https://b": false, "https://a aud": false, "ftp://a": false,
	} {
		if _, err := auth.ParseIssuers([]string{line}, nil, fhirBase); (err == nil) != ok {
			t.Errorf("%q: %v", line, err)
		}
	}
	if _, err := auth.ParseIssuers([]string{"https://a"}, nil, ""); err == nil {
		t.Error("without an audience")
	}
	if _, err := auth.ParseIssuers([]string{"https://a", "https://a"}, nil, fhirBase); err == nil {
		t.Error("an issuer twice")
	}
	for rule, ok := range map[string]bool{"https://a scope=x/y cohorts": true, "* client=app predict,models": true, "* claim.role=admin admin": true,
		"https://b scope=x cohorts": false, "https://a scope=x nothing": false, "https://a scope cohorts": false, "https://a where=x cohorts": false} {
		if _, err := auth.ParseIssuers([]string{"https://a"}, []string{rule}, fhirBase); (err == nil) != ok {
			t.Errorf("%q: %v", rule, err)
		}
	}
}
