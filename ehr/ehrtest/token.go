package ehrtest

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issued is a token that was given.
type issued struct {
	until  time.Time
	client string
}

func (s *Server) known(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[token]
	return ok && s.opt.Now().Before(t.until)
}

// Expire ends every token that was given.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

func (s *Server) smart(w http.ResponseWriter, r *http.Request) {
	if s.misbehave("smart", w) {
		return
	}
	if s.fault().NoSMART || len(s.opt.Clients) == 0 {
		outcome(w, http.StatusNotFound, "not-found")
		return
	}
	base := "http://" + r.Host
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"issuer": base + "/fhir", "jwks_uri": base + "/jwks", "token_endpoint": base + "/token", "authorization_endpoint": base + "/authorize",
		"grant_types_supported": []string{"client_credentials", "authorization_code"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS384", "ES384"},
		"scopes_supported":                                 []string{"system/*.rs", "system/Subscription.crud"},
		"capabilities":                                     []string{"client-confidential-asymmetric", "permission-v2", "launch-ehr", "sso-openid-connect"},
	})
}

// keys are the EHR's own: those it signs its calls of hooks with.
func (s *Server) keys(w http.ResponseWriter, r *http.Request) {
	if s.fault().NoKeys {
		http.NotFound(w, r)
		return
	}
	keys, err := s.signer.Keys()
	if err != nil {
		outcome(w, http.StatusInternalServerError, "exception")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(keys)
}

// token gives tokens to who signs an assertion, once each.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	s.count("token")
	if s.misbehave("token", w) {
		return
	}
	refuse := func(code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": "a text"})
	}
	if r.ParseForm() != nil || r.PostForm.Get("grant_type") != "client_credentials" {
		refuse("unsupported_grant_type")
		return
	}
	if r.PostForm.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || r.PostForm.Get("scope") == "" {
		refuse("invalid_request")
		return
	}
	f := s.fault()
	audience := "http://" + r.Host + "/token"
	if f.Audience != "" {
		audience = f.Audience
	}
	client, ok := s.verify(r.PostForm.Get("client_assertion"), audience, s.opt.Now().Add(f.Skew))
	if !ok {
		refuse("invalid_client")
		return
	}
	id := make([]byte, 16)
	rand.Read(id)
	token := hex.EncodeToString(id)
	s.mu.Lock()
	s.tokens[token] = issued{s.opt.Now().Add(s.opt.Life), client}
	s.mu.Unlock()
	scope := r.PostForm.Get("scope")
	if f.Scopes != "" {
		scope = f.Scopes
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "bearer", "expires_in": s.opt.Life.Seconds(), "scope": scope})
}

// verify checks an assertion as SMART Backend Services has it.
func (s *Server) verify(assertion, audience string, now time.Time) (client string, ok bool) {
	parsed, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.RS384, jose.ES384})
	if err != nil || len(parsed.Headers) != 1 || parsed.Headers[0].ExtraHeaders[jose.HeaderType] != "JWT" {
		return "", false
	}
	var c jwt.Claims
	if parsed.UnsafeClaimsWithoutVerification(&c) != nil {
		return "", false
	}
	var set jose.JSONWebKeySet
	if json.Unmarshal(s.opt.Clients[c.Issuer], &set) != nil {
		return "", false
	}
	keys := set.Key(parsed.Headers[0].KeyID)
	if len(keys) != 1 || parsed.Claims(keys[0].Key, &c) != nil {
		return "", false
	}
	if c.Subject != c.Issuer || len(c.Audience) != 1 || c.Audience[0] != audience || c.ID == "" || c.Expiry == nil ||
		now.After(c.Expiry.Time()) || c.Expiry.Time().After(now.Add(5*time.Minute)) {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jti[c.Issuer+" "+c.ID] {
		return "", false
	}
	s.jti[c.Issuer+" "+c.ID] = true
	return c.Issuer, true
}
