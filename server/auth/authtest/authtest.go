// Package authtest is a small authorization server for tests: it launches apps, gives
// tokens by authorization code with PKCE (S256), and publishes its keys, as SMART App Launch
// 2 has it. Whoever asks is let in; it is no server for anybody else.
package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Server is an authorization server. Its address is the issuer.
type Server struct {
	*httptest.Server
	// Now is its clock; Audience what apps must ask for by aud, "" = anything.
	Now      func() time.Time
	Audience string
	// Patient is whom a standalone launch is about.
	Patient string
	// Reads counts how often its keys were read; Answer, if set, takes the place of what is
	// read at a path of /jwks or /.well-known/….
	Reads  atomic.Int64
	Answer atomic.Pointer[http.HandlerFunc]

	t       testing.TB
	mu      sync.Mutex
	keys    map[string]crypto.Signer // by kid
	codes   map[string]code
	opaque  map[string]map[string]any
	clients map[string]jose.JSONWebKeySet
	n       int
}

// code is what an authorization code stands for.
type code struct{ client, redirect, challenge, scope, patient, aud string }

// New starts a server that ends with the test. It has a key "rsa" and a key "ec".
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, Now: time.Now, keys: map[string]crypto.Signer{}, codes: map[string]code{}, opaque: map[string]map[string]any{}, clients: map[string]jose.JSONWebKeySet{}}
	s.Rotate("rsa")
	s.Rotate("ec")
	mux := http.NewServeMux()
	for path, h := range map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": s.describe, "/.well-known/smart-configuration": s.describe, "/jwks": s.jwks,
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if f := s.Answer.Load(); f != nil {
				(*f)(w, r)
				return
			}
			h(w, r)
		})
	}
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /introspect", s.introspect)
	s.Server = httptest.NewServer(pages(mux))
	t.Cleanup(s.Close)
	return s
}

// pages lets pages of any origin call, as apps in browsers do.
func pages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "*")
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Rotate makes a new key under a kid, of RSA when it begins with "rsa" and of an elliptic
// curve otherwise.
func (s *Server) Rotate(kid string) {
	s.t.Helper()
	var key crypto.Signer
	var err error
	if strings.HasPrefix(kid, "rsa") {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[kid] = key
}

// Drop withdraws a key.
func (s *Server) Drop(kid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, kid)
}

// Public is a public key of the server.
func (s *Server) Public(kid string) crypto.PublicKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[kid].Public()
}

// Allow knows a client that signs its assertions with keys (private_key_jwt).
func (s *Server) Allow(client string, keys jose.JSONWebKeySet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[client] = keys
}

// Claims are those of a good token for an hour with scopes, and a patient unless "".
func (s *Server) Claims(audience, scope, patient string) map[string]any {
	now := s.Now()
	c := map[string]any{"iss": s.URL, "aud": audience, "sub": "user-1", "client_id": "app-1", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "scope": scope}
	if patient != "" {
		c["patient"] = patient
	}
	return c
}

// Sign is a token of the claims, signed by the key of a kid with an algorithm.
func (s *Server) Sign(kid, alg string, claims map[string]any) string {
	s.t.Helper()
	s.mu.Lock()
	key := s.keys[kid]
	s.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", kid))
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// Token is a good token.
func (s *Server) Token(audience, scope, patient string) string {
	s.t.Helper()
	return s.Sign("rsa", "RS256", s.Claims(audience, scope, patient))
}

// Opaque is a token that says nothing itself and is asked about at /introspect.
func (s *Server) Opaque(claims map[string]any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	token := "opaque-" + strconv.Itoa(s.n)
	s.opaque[token] = maps.Clone(claims)
	return token
}

// Launch is the value of launch that an EHR hands to an app for a patient.
func (s *Server) Launch(patient string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(patient))
}

func (s *Server) describe(w http.ResponseWriter, _ *http.Request) {
	s.json(w, http.StatusOK, map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token", "jwks_uri": s.URL + "/jwks", "introspection_endpoint": s.URL + "/introspect",
		"grant_types_supported": []string{"authorization_code", "client_credentials"}, "response_types_supported": []string{"code"},
		"code_challenge_methods_supported": []string{"S256"}, "token_endpoint_auth_methods_supported": []string{"none", "private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS384", "ES384"},
		"scopes_supported": []string{"launch", "launch/patient", "patient/*.rs", "user/*.rs", "system/*.rs"},
		"capabilities":     []string{"launch-ehr", "launch-standalone", "context-ehr-patient", "context-standalone-patient", "client-public", "client-confidential-asymmetric"},
	})
}

func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) {
	s.Reads.Add(1)
	s.mu.Lock()
	var set jose.JSONWebKeySet
	for kid, key := range s.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"})
	}
	s.mu.Unlock()
	s.json(w, http.StatusOK, set)
}

// authorize lets everybody in and sends them back with a code. Without PKCE nobody is.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case err != nil || back.Host == "":
		http.Error(w, "redirect_uri", http.StatusBadRequest)
		return
	case q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("state") == "":
		http.Error(w, "response_type=code, state and code_challenge by S256 are needed", http.StatusBadRequest)
		return
	case s.Audience != "" && q.Get("aud") != s.Audience:
		http.Error(w, "aud must be "+s.Audience, http.StatusBadRequest)
		return
	}
	c := code{q.Get("client_id"), q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("scope"), "", q.Get("aud")}
	if launch := q.Get("launch"); launch != "" {
		patient, err := base64.RawURLEncoding.DecodeString(launch)
		if err != nil {
			http.Error(w, "launch", http.StatusBadRequest)
			return
		}
		c.patient = string(patient)
	} else if strings.Contains(" "+c.scope+" ", " launch/patient ") {
		c.patient = s.Patient
	}
	s.mu.Lock()
	s.n++
	name := "code-" + strconv.Itoa(s.n)
	s.codes[name] = c
	s.mu.Unlock()
	v := back.Query()
	v.Set("code", name)
	v.Set("state", q.Get("state"))
	back.RawQuery = v.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// token exchanges a code, once, or gives a token to a client that signed its assertion.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		s.refuse(w, "invalid_request")
		return
	}
	f := r.PostForm
	client, signed := s.asserted(f)
	switch {
	case f.Get("client_assertion") != "" && !signed:
		s.refuse(w, "invalid_client")
	case f.Get("grant_type") == "client_credentials" && signed:
		s.grant(w, code{client: client, scope: f.Get("scope"), aud: s.Audience})
	case f.Get("grant_type") == "authorization_code":
		s.mu.Lock()
		c, ok := s.codes[f.Get("code")]
		delete(s.codes, f.Get("code"))
		s.mu.Unlock()
		sum := sha256.Sum256([]byte(f.Get("code_verifier")))
		if !signed {
			client = f.Get("client_id")
		}
		if !ok || c.redirect != f.Get("redirect_uri") || c.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || c.client != client {
			s.refuse(w, "invalid_grant")
			return
		}
		s.grant(w, c)
	default:
		s.refuse(w, "unsupported_grant_type")
	}
}

// asserted is the client that signed an assertion (RFC 7523).
func (s *Server) asserted(f url.Values) (client string, ok bool) {
	if f.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return "", false
	}
	parsed, err := jwt.ParseSigned(f.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS384, jose.ES384})
	if err != nil {
		return "", false
	}
	var c jwt.Claims
	if parsed.UnsafeClaimsWithoutVerification(&c) != nil {
		return "", false
	}
	s.mu.Lock()
	keys := s.clients[c.Issuer]
	s.mu.Unlock()
	for _, k := range keys.Key(parsed.Headers[0].KeyID) {
		if parsed.Claims(k.Key, &c) == nil && c.Issuer == c.Subject && c.ID != "" && c.Audience.Contains(s.URL+"/token") && c.Expiry != nil && c.Expiry.Time().After(s.Now()) {
			return c.Issuer, true
		}
	}
	return "", false
}

func (s *Server) grant(w http.ResponseWriter, c code) {
	claims := s.Claims(c.aud, c.scope, c.patient)
	claims["client_id"] = c.client
	out := map[string]any{"access_token": s.Sign("rsa", "RS256", claims), "token_type": "Bearer", "expires_in": 3600, "scope": c.scope}
	if c.patient != "" {
		out["patient"] = c.patient
	}
	s.json(w, http.StatusOK, out)
}

func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	_, secret, ok := r.BasicAuth()
	if !ok || secret == "" || r.ParseForm() != nil {
		s.json(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	s.mu.Lock()
	claims := s.opaque[r.PostForm.Get("token")]
	s.mu.Unlock()
	if claims == nil {
		s.json(w, http.StatusOK, map[string]bool{"active": false})
		return
	}
	out := maps.Clone(claims)
	out["active"] = true
	s.json(w, http.StatusOK, out)
}

func (s *Server) refuse(w http.ResponseWriter, why string) {
	s.json(w, http.StatusBadRequest, map[string]string{"error": why})
}

func (s *Server) json(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
