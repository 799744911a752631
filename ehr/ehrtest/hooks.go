package ehrtest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Signer signs an EHR's calls of CDS services.
type Signer struct {
	// Issuer is who the EHR says it is.
	Issuer string
	once   sync.Once
	key    *ecdsa.PrivateKey
	err    error
}

func (g *Signer) private() (*ecdsa.PrivateKey, error) {
	g.once.Do(func() { g.key, g.err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader) })
	return g.key, g.err
}

// Keys is the JWK Set that the calls are verified with.
func (g *Signer) Keys() ([]byte, error) {
	key, err := g.private()
	if err != nil {
		return nil, err
	}
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "hooks", Algorithm: string(jose.ES384), Use: "sig"}}})
}

// Token is a token for one call of an address.
func (g *Signer) Token(audience string, now time.Time) (string, error) {
	key, err := g.private()
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "hooks"))
	if err != nil {
		return "", err
	}
	id := make([]byte, 16)
	rand.Read(id)
	return jwt.Signed(signer).Claims(jwt.Claims{Issuer: g.Issuer, Audience: jwt.Audience{audience}, Expiry: jwt.NewNumericDate(now.Add(time.Minute)), IssuedAt: jwt.NewNumericDate(now), ID: hex.EncodeToString(id)}).Serialize()
}

// Call calls a CDS service as an EHR does: signed, for exactly that address.
func (g *Signer) Call(ctx context.Context, client *http.Client, service string, request any, now time.Time) (status int, body []byte, err error) {
	b, err := json.Marshal(request)
	if err != nil {
		return 0, nil, err
	}
	token, err := g.Token(service, now)
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, service, bytes.NewReader(b))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("ehrtest: calling a hook: %w", err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}
