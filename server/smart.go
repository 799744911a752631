package server

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"ember/server/auth"
)

// Issuers knows authorization servers; *auth.Issuers is it.
type Issuers interface {
	// Knows reports whether tokens of an issuer are accepted.
	Knows(issuer string) bool
	// Verify finds who presents an access token, or returns an *auth.Refused.
	Verify(ctx context.Context, token string) (auth.Principal, error)
	// Describe is what clients are told of the server that authorizes them; false when it
	// is not known.
	Describe(ctx context.Context) (auth.Metadata, bool)
	// Levels are the levels of scopes that can give anything.
	Levels() (patient, user, system bool)
}

// SMART is what SMART on FHIR needs. All is optional.
type SMART struct {
	// Issuers verify access tokens. With them nobody gets in without a token, also where no
	// token file is.
	Issuers Issuers
	// Base is the FHIR base address that clients know this server by. Empty: what the
	// request's Host says.
	Base string
	// Origins are the origins whose pages may call from a browser: "https://app.example",
	// without a port for any port, "*" for all.
	Origins []string
	// App is the page that shows recommendations.
	App App
}

// smartRoutes are how clients find the server that authorizes them.
func (s *Server) smartRoutes() []route {
	return []route{
		{http.MethodGet, "/.well-known/smart-configuration", 0, true, classProbe, s.smartConfiguration},
		{http.MethodGet, "/fhir/.well-known/smart-configuration", 0, true, classProbe, s.smartConfiguration},
	}
}

// smartConfiguration is what SMART App Launch 2 has clients read first.
type smartConfiguration struct {
	Issuer        string   `json:"issuer,omitempty"`
	Keys          string   `json:"jwks_uri,omitempty"`
	Authorize     string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	AuthAlgs      []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	GrantTypes    []string `json:"grant_types_supported"`
	Register      string   `json:"registration_endpoint,omitempty"`
	Scopes        []string `json:"scopes_supported,omitempty"`
	ResponseTypes []string `json:"response_types_supported,omitempty"`
	Manage        string   `json:"management_endpoint,omitempty"`
	Introspect    string   `json:"introspection_endpoint,omitempty"`
	Revoke        string   `json:"revocation_endpoint,omitempty"`
	UserInfo      string   `json:"userinfo_endpoint,omitempty"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	Capabilities  []string `json:"capabilities"`
}

// smartConfiguration is GET /.well-known/smart-configuration.
func (s *Server) smartConfiguration(ctx context.Context, c *call) error {
	if s.deps.SMART.Issuers == nil {
		return &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "no authorization server is set up here",
			Hint: "smart-issuers in the configuration names those whose tokens are accepted"}
	}
	m, ok := s.deps.SMART.Issuers.Describe(ctx)
	if !ok {
		f := faultOf(ErrUnready)
		f.Detail, f.Hint = "what the authorization server says of itself could not be read", "see that this server can reach the issuer in smart-issuers, or set authorize= and token= there"
		return f
	}
	return c.sendJSON(http.StatusOK, smartConfiguration{
		Issuer: m.Issuer, Keys: m.Keys, Authorize: m.Authorize, Token: m.Token, AuthMethods: m.AuthMethods, AuthAlgs: m.AuthAlgs,
		GrantTypes: orElse(m.GrantTypes, "authorization_code"), Register: m.Register, Scopes: m.Scopes, ResponseTypes: orElse(m.ResponseTypes, "code"),
		Manage: m.Manage, Introspect: m.Introspect, Revoke: m.Revoke, UserInfo: m.UserInfo,
		Challenges: orElse(m.Challenges, "S256"), Capabilities: s.smartCapabilities(&m)})
}

// smartCapabilities are what this server does, and what the authorization server says that
// it does: launches, kinds of clients, contexts. Nothing is said for it that it does not
// say, but what follows from its methods.
func (s *Server) smartCapabilities(m *auth.Metadata) []string {
	patient, user, system := s.deps.SMART.Issuers.Levels()
	all := []string{}
	add := func(has bool, names ...string) {
		for _, name := range names {
			if has && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	add(patient, "permission-patient")
	add(user || system, "permission-user")
	add(true, "permission-v1", "permission-v2")
	add(slices.Contains(m.AuthMethods, "private_key_jwt"), "client-confidential-asymmetric")
	add(slices.Contains(m.AuthMethods, "client_secret_basic"), "client-confidential-symmetric")
	add(slices.Contains(m.AuthMethods, "none"), "client-public")
	for _, name := range m.Capabilities {
		add(!strings.HasPrefix(name, "permission-") || name == "permission-offline" || name == "permission-online", name)
	}
	return all
}

func orElse(list []string, one string) []string {
	if len(list) == 0 {
		return []string{one}
	}
	return list
}

// smartPath reports whether pages of smart-origins may call a path.
func smartPath(path string) bool {
	return path == "/fhir" || strings.HasPrefix(path, "/fhir/") || strings.HasPrefix(path, "/v1/") || path == "/.well-known/smart-configuration"
}

// pageOrigin lets a page of an allowed origin read the answer, and answers what its browser
// asks before it sends anything; true when that was it.
func (s *Server) pageOrigin(w http.ResponseWriter, r *http.Request) bool {
	if s.deps.SMART.Issuers == nil || len(s.deps.SMART.Origins) == 0 || !smartPath(r.URL.Path) {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !originIn(s.deps.SMART.Origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "ETag, Location, Last-Modified, X-Request-Id, WWW-Authenticate, Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, If-Match, If-None-Match, If-None-Exist, Prefer")
	h.Set("Access-Control-Max-Age", "600")
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// security is what the CapabilityStatement says of SMART, nil where there is none.
func (s *Server) security(ctx context.Context) *capabilitySecurity {
	if s.deps.SMART.Issuers == nil {
		return nil
	}
	out := &capabilitySecurity{CORS: len(s.deps.SMART.Origins) > 0, Description: "access tokens of SMART App Launch 2; scopes of versions 1 and 2"}
	out.Service = []codeableConcept{{Coding: []coding{{System: "http://terminology.hl7.org/CodeSystem/restful-security-service", Code: "SMART-on-FHIR", Display: "SMART-on-FHIR"}}, Text: "OAuth2 using SMART-on-FHIR profile"}}
	m, ok := s.deps.SMART.Issuers.Describe(ctx)
	if !ok {
		return out
	}
	uris := extension{URL: "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"}
	for _, x := range [...]struct{ name, uri string }{{"authorize", m.Authorize}, {"token", m.Token}, {"register", m.Register}, {"manage", m.Manage}, {"introspect", m.Introspect}, {"revoke", m.Revoke}} {
		if x.uri != "" {
			uris.Extension = append(uris.Extension, extension{URL: x.name, URI: x.uri})
		}
	}
	out.Extension = []extension{uris}
	return out
}

type capabilitySecurity struct {
	Extension   []extension       `json:"extension,omitempty"`
	CORS        bool              `json:"cors"`
	Service     []codeableConcept `json:"service"`
	Description string            `json:"description"`
}

type extension struct {
	Extension []extension `json:"extension,omitempty"`
	URL       string      `json:"url"`
	URI       string      `json:"valueUri,omitempty"`
}

type codeableConcept struct {
	Coding []coding `json:"coding"`
	Text   string   `json:"text,omitempty"`
}

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}
