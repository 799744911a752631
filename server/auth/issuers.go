package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The algorithms that access tokens may be signed with: never none, never a shared secret.
var accessAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512}

// longestToken is how long an access token may be, in bytes.
const longestToken = 16 << 10

// Issuers verifies access tokens of authorization servers. It is safe for concurrent use.
type Issuers struct {
	now func() time.Time
	all []*issuer
}

// issuer is an Issuer with what was read of it.
type issuer struct {
	Issuer
	reader
	keySet
	about about
	asked asked
}

// NewIssuers knows issuers, of [ParseIssuers].
func NewIssuers(issuers []Issuer, now func() time.Time) *Issuers {
	v := &Issuers{now: now}
	for _, one := range issuers {
		is := &issuer{Issuer: one, reader: reader{newReader()}}
		is.keySet.load = func(ctx context.Context) (jose.JSONWebKeySet, error) { return is.loadKeys(ctx, now()) }
		v.all = append(v.all, is)
	}
	return v
}

// Knows reports whether tokens of an issuer are accepted.
func (v *Issuers) Knows(issuer string) bool { return v.find(issuer) != nil }

func (v *Issuers) find(id string) *issuer {
	for _, is := range v.all {
		if is.ID == id {
			return is
		}
	}
	return nil
}

// claims are what is read of an access token, or of what an issuer says about one.
type claims struct {
	jwt.Claims
	Scope    words           `json:"scope"`
	Scp      words           `json:"scp"`
	Patient  string          `json:"patient"`
	ClientID string          `json:"client_id"`
	Azp      string          `json:"azp"`
	Active   bool            `json:"active"`
	all      map[string]any  // of rules
	Context  json.RawMessage `json:"fhirContext"`
}

// words are a list by spaces, or an array, as issuers write scopes in both ways.
type words string

// UnmarshalJSON reads either.
func (w *words) UnmarshalJSON(b []byte) error {
	var list []string
	if json.Unmarshal(b, &list) == nil {
		*w = words(strings.Join(list, " "))
		return nil
	}
	var text string
	err := json.Unmarshal(b, &text)
	*w = words(text)
	return err
}

// IssuerOf is the issuer that a signed token names, before anything is verified; "" for
// what is no such token.
func IssuerOf(token string) string {
	if len(token) > longestToken || !Signed(token) {
		return ""
	}
	parsed, err := jwt.ParseSigned(token, accessAlgorithms)
	if err != nil {
		return ""
	}
	var c jwt.Claims
	if parsed.UnsafeClaimsWithoutVerification(&c) != nil {
		return ""
	}
	return c.Issuer
}

// Verify finds who presents an access token and what its scopes let them do. The error is
// a [*Refused], or that of ctx.
func (v *Issuers) Verify(ctx context.Context, token string) (Principal, error) {
	if len(token) > longestToken {
		return Principal{}, &Refused{"the token is longer than 16 KiB", "ask for fewer scopes"}
	}
	if !Signed(token) {
		return v.introspected(ctx, token)
	}
	parsed, err := jwt.ParseSigned(token, accessAlgorithms)
	if err != nil {
		return Principal{}, &Refused{"the token is no JWT signed with RS, ES or PS and 256, 384 or 512", "none and shared secrets are never accepted"}
	}
	var c claims
	if parsed.UnsafeClaimsWithoutVerification(&c, &c.all) != nil {
		return Principal{}, &Refused{"the claims of the token cannot be read", "send iss, aud, exp, scope and patient as RFC 9068 and SMART have them"}
	}
	is := v.find(c.Issuer)
	if is == nil {
		return Principal{}, &Refused{"the issuer (iss) of the token is not one that this site allows", "have the issuer added to smart-issuers"}
	}
	h := parsed.Headers[0]
	if typ, ok := h.ExtraHeaders[jose.HeaderType].(string); ok && !strings.EqualFold(typ, "JWT") && !strings.EqualFold(strings.TrimPrefix(strings.ToLower(typ), "application/"), "at+jwt") {
		return Principal{}, &Refused{"the header's typ is neither JWT nor at+jwt", "send the access token, not another one"}
	}
	if err := is.check(&c, v.now()); err != nil {
		return Principal{}, err
	}
	key, err := is.key(ctx, v.now(), h, "smart-issuers")
	if err != nil {
		return Principal{}, err
	}
	var again jwt.Claims
	if err := parsed.Claims(key, &again); err != nil {
		return Principal{}, &Refused{"the signature of the token is not that of the issuer's key", "ask the issuer for a new token"}
	}
	return is.principal(&c), nil
}

// check says in words what is wrong: an audience without a word costs an integrator a day.
func (is *issuer) check(c *claims, now time.Time) error {
	clock := "see that both clocks are right: here it is " + now.UTC().Format(time.RFC3339)
	switch {
	case !is.hears(c.Audience):
		return &Refused{"the token is for another audience (aud)", "the app must send aud=" + is.Audiences[0] + " when it asks for authorization, and the token must carry it"}
	case c.Expiry == nil:
		return &Refused{"the token never expires (exp)", "the issuer must let tokens expire"}
	case now.After(c.Expiry.Time().Add(leeway)):
		return &Refused{"the token has expired (exp)", "refresh it, and " + clock}
	case c.NotBefore != nil && c.NotBefore.Time().After(now.Add(leeway)), c.IssuedAt != nil && c.IssuedAt.Time().After(now.Add(leeway)):
		return &Refused{"the token was issued in the future (iat, nbf)", clock}
	}
	return nil
}

// hears reports whether an audience is this server's; a slash at the end makes no
// difference.
func (is *issuer) hears(aud jwt.Audience) bool {
	return slices.ContainsFunc(is.Audiences, func(a string) bool {
		return slices.ContainsFunc(aud, func(b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") })
	})
}

// principal is who has the claims, with what the issuer's rights leave of their scopes.
func (is *issuer) principal(c *claims) Principal {
	scopes, others := ParseScopes(string(c.Scope) + " " + string(c.Scp))
	patient := strings.TrimPrefix(c.Patient, "Patient/")
	p := Principal{Name: is.nameOf(c)}
	p.Grant, p.Rights, p.Patients = grant(scopes, patient, is.Rights)
	for _, r := range is.Rules {
		if r.meets(c, others) {
			p.Rights |= r.Rights
		}
	}
	return p
}

// nameOf is the client and the user as the audit record has them, and as what belongs to
// them is kept under: two of them never have one name.
func (is *issuer) nameOf(c *claims) string {
	client := c.ClientID
	if client == "" {
		client = c.Azp
	}
	name := "smart " + is.ID
	if client == "" && c.Subject == "" {
		return name
	}
	if name += " " + wordOf(client); c.Subject != "" {
		name += " " + wordOf(c.Subject)
	}
	return name
}

// longestWord is how long an id may stand in a name, in bytes.
const longestWord = 200

// wordOf is an id as one word: what would part or end it is written as in an URL, and what
// is too long ends with its hash.
func wordOf(id string) string {
	if id == "" || id == "-" {
		return map[string]string{"": "-", "-": "%2D"}[id]
	}
	var b strings.Builder
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c == 0x7f || c == '%' || c == '~' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	word := b.String()
	if len(word) <= longestWord {
		return word
	}
	sum := sha256.Sum256([]byte(id))
	return strings.ToValidUTF8(word[:longestWord-33], "") + "~" + hex.EncodeToString(sum[:16])
}

func (r *Rule) meets(c *claims, others []string) bool {
	switch r.Kind {
	case "scope":
		return slices.Contains(others, r.Value)
	case "client":
		return r.Value == c.ClientID || c.ClientID == "" && r.Value == c.Azp
	}
	switch v := c.all[r.Name].(type) {
	case string:
		return v == r.Value
	case []any:
		return slices.Contains(v, any(r.Value))
	case bool:
		return v && r.Value == "true"
	}
	return false
}
