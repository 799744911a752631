package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ember/server/auth"
	"ember/server/auth/authtest"
)

// TestNamesTellCallersApart: what belongs to one caller is kept under their name, so no two
// have the same.
func TestNamesTellCallersApart(t *testing.T) {
	idp := authtest.New(t)
	v := issuersOf(t, idp, func() time.Time { return noon }, "")
	long := strings.Repeat("x", 300)
	seen := map[string]string{}
	for _, who := range [][2]string{{"app", "lee"}, {"app", ""}, {"", "app"}, {"app lee", ""}, {"", "app lee"}, {"app_lee", ""}, {"app\tlee", ""}, {"app%20lee", ""}, {"-", "app"}, {"app", "-"}, {"", ""},
		{long, ""}, {long + "1", ""}, {long + "2", ""}, {long[:167] + "~", ""}, {"é", ""}, {"e\u0301", ""}} {
		c := idp.Claims(fhirBase, "patient/*.rs", "p1")
		c["client_id"], c["sub"] = who[0], who[1]
		p, err := v.Verify(t.Context(), idp.Sign("rsa", "RS256", c))
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := seen[p.Name]; taken {
			t.Errorf("%q is the name of %.40q and of %s", p.Name, who, other)
		}
		seen[p.Name] = fmt.Sprintf("%.40q", who)
		if strings.ContainsAny(p.Name, "\t\n") || len(p.Name) > 500 {
			t.Errorf("%q", p.Name)
		}
	}
}

// TestFloodOfUnknownTokens: an issuer is asked about so many only, is not asked twice about
// one, and good tokens are remembered all the while.
func TestFloodOfUnknownTokens(t *testing.T) {
	idp := authtest.New(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	count := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		idp.Config.Handler.ServeHTTP(w, r)
	})
	front := httptest.NewServer(count)
	defer front.Close()
	now := noon
	v := issuersOf(t, idp, func() time.Time { return now }, "introspect="+front.URL+"/introspect client=ember secret="+secret)
	good := idp.Opaque(idp.Claims(fhirBase, "patient/*.rs", "p1"))
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	told := 0
	for i := range 500 {
		_, err := v.Verify(t.Context(), fmt.Sprint("guess-", i))
		var refused *auth.Refused
		if !errors.As(err, &refused) {
			t.Fatal(err)
		}
		if strings.Contains(refused.Why, "too many") {
			told++
		}
	}
	if n := calls.Load(); n != 100 || told != 401 {
		t.Errorf("asked %d times, %d told to wait", n, told)
	}
	for range 3 {
		if _, err := v.Verify(t.Context(), "guess-1"); err == nil || !strings.Contains(err.Error(), "active") {
			t.Error(err)
		}
		if _, err := v.Verify(t.Context(), good); err != nil {
			t.Error(err)
		}
	}
	if n := calls.Load(); n != 100 {
		t.Errorf("asked %d times", n)
	}
	now = now.Add(time.Second)
	other := idp.Opaque(idp.Claims(fhirBase, "patient/*.rs", "p2"))
	if _, err := v.Verify(t.Context(), other); err != nil {
		t.Errorf("a second later: %v", err)
	}
}
