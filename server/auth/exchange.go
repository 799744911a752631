package auth

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Exchange makes tokens of authorization codes for an app that signs with a key of its own
// (private_key_jwt). It is safe for concurrent use.
type Exchange struct {
	// Client is the app's id, Launchers the FHIR base addresses whose servers may be asked.
	Client    string
	Launchers []string
	// Sign gives an assertion of the client for an audience.
	Sign func(client, audience string) (string, error)
}

// Token returns what the token endpoint of the server behind iss answers to a code with its
// verifier. The error is a [*Refused], or that of ctx.
func (x *Exchange) Token(ctx context.Context, iss string, form url.Values) ([]byte, error) {
	iss = strings.TrimRight(iss, "/")
	if !slices.ContainsFunc(x.Launchers, func(l string) bool { return strings.TrimRight(l, "/") == iss }) {
		return nil, &Refused{"this server may not launch the app", "have its address added to smart-launchers"}
	}
	client := newReader()
	body, err := readAddress(ctx, client, iss+"/.well-known/smart-configuration")
	var m Metadata
	if err == nil && json.Unmarshal(body, &m) != nil || err != nil || !safeAddress(m.Token) {
		return nil, unreached(ctx, "the SMART configuration of the server could not be read")
	}
	assertion, err := x.Sign(x.Client, m.Token)
	if err != nil {
		return nil, &Refused{"the app's key cannot sign", "see smart-app-key"}
	}
	ask := url.Values{"grant_type": {"authorization_code"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}
	for _, name := range [...]string{"code", "code_verifier", "redirect_uri"} {
		ask.Set(name, form.Get(name))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.Token, strings.NewReader(ask.Encode()))
	if err != nil {
		return nil, &Refused{"the token endpoint has no address", "see what the server says of itself"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if body, err = doJSON(client, req); err != nil {
		return nil, unreached(ctx, "the authorization server gave no token")
	}
	return body, nil
}

func unreached(ctx context.Context, why string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Refused{why, "launch the app again; if it happens again, see that this server can reach the authorization server, and that the key at /smart/jwks.json is registered there"}
}
