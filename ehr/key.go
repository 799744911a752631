package ehr

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Key is a private key that signs for a client: RS384 or ES384, which are what every EHR
// must take. It never shows itself.
type Key struct {
	private   crypto.Signer
	algorithm jose.SignatureAlgorithm
	id        string
}

var errKey = errors.New("ehr: the key file holds no private key for RS384 (RSA of 2048 bits or more) or ES384 (P-384), as JWK, JWK Set or PEM")

// NewKey makes a key for ES384, and the file that ReadKey reads.
func NewKey() (*Key, []byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("ehr: making a key: %w", err)
	}
	k, err := newKey(private, "")
	if err != nil {
		return nil, nil, err
	}
	file, err := json.MarshalIndent(jose.JSONWebKey{Key: private, KeyID: k.id, Algorithm: string(k.algorithm), Use: "sig"}, "", "  ")
	return k, append(file, '\n'), err
}

// ReadKey reads a private key from the content of a file: a JWK, the first key that can
// sign of a JWK Set, or PEM. Its errors hold nothing of it.
func ReadKey(file []byte) (*Key, error) {
	if block, _ := pem.Decode(file); block != nil {
		return readPEM(block)
	}
	var set struct{ Keys []jose.JSONWebKey }
	if json.Unmarshal(file, &set) == nil {
		for _, k := range set.Keys {
			if key, err := ofJWK(k); err == nil {
				return key, nil
			}
		}
	}
	var one jose.JSONWebKey
	if json.Unmarshal(file, &one) != nil {
		return nil, errKey
	}
	return ofJWK(one)
}

func ofJWK(k jose.JSONWebKey) (*Key, error) {
	private, ok := k.Key.(crypto.Signer)
	if !ok || k.IsPublic() || k.Use != "" && k.Use != "sig" {
		return nil, errKey
	}
	return newKey(private, k.KeyID)
}

func readPEM(block *pem.Block) (*Key, error) {
	if any, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if private, ok := any.(crypto.Signer); ok {
			return newKey(private, "")
		}
	}
	if private, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return newKey(private, "")
	}
	if private, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return newKey(private, "")
	}
	return nil, errKey
}

// newKey names a key without a name by its thumbprint (RFC 7638).
func newKey(private crypto.Signer, id string) (*Key, error) {
	k := &Key{private: private, id: id}
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if p.N.BitLen() < 2048 {
			return nil, errKey
		}
		k.algorithm = jose.RS384
	case *ecdsa.PrivateKey:
		if p.Curve != elliptic.P384() {
			return nil, errKey
		}
		k.algorithm = jose.ES384
	default:
		return nil, errKey
	}
	if k.id == "" {
		print, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, errKey
		}
		k.id = base64.RawURLEncoding.EncodeToString(print)
	}
	return k, nil
}

// Public is the JWK Set to register at the EHR, or to publish.
func (k *Key) Public() ([]byte, error) {
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.private.Public(), KeyID: k.id, Algorithm: string(k.algorithm), Use: "sig"}}})
}
