package ember_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"ember"
)

// TestUsedTokensSurviveARestart: a client's token is good for one call, also when the
// process that saw it is another one by now.
func TestUsedTokensSurviveARestart(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	config := testConfig(t.TempDir() + "/data")
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, set, 0o600); err != nil {
		t.Fatal(err)
	}
	config.CDSBase, config.CDSClients = "https://cds.example.org", []string{"https://ehr.example.org " + keys}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	now := config.Now()
	token, err := jwt.Signed(signer).Claims(map[string]any{"iss": "https://ehr.example.org", "aud": "https://cds.example.org/cds-services", "jti": "once", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	for run, want := range []int{200, 401} {
		app, err := ember.Open(context.Background(), config)
		if err != nil {
			t.Fatal(err)
		}
		face := httptest.NewServer(app.Handler())
		h := client{t, face.URL}
		if rep := h.ask("GET", "/cds-services", "", "Authorization: Bearer "+token); rep.status != want {
			t.Errorf("run %d: %d %s", run, rep.status, rep.body)
		}
		face.Close()
		if err := app.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
