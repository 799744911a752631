package ehr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, warn or fail
	Detail string `json:"detail"` // what was found, and what to change
}

// The states of a check.
const (
	ok   = "ok"
	warn = "warn"
	fail = "fail"
)

// Needs say what the EHR is to be good for.
type Needs struct {
	// Queries are what is searched for one patient, by name; {{context.patientId}} stands
	// for the id.
	Queries map[string]string
	// Level and Types are those of exports.
	Level string
	Types []string
	// Topic is what is to be subscribed to, "" = nothing.
	Topic string
	// Origin is that of Ember's pages, for CORS.
	Origin string
}

// The most that two clocks may differ: assertions live for minutes.
const (
	clockWarn = 10 * time.Second
	clockFail = 2 * time.Minute
)

// examination collects checks.
type examination struct {
	*Client
	needs  Needs
	checks []Check
}

func (x *examination) add(name, status, format string, args ...any) {
	x.checks = append(x.checks, Check{name, status, fmt.Sprintf(format, args...)})
}

// failed adds a check that found an error.
func (x *examination) failed(name string, err error) {
	x.add(name, fail, "%s", strings.TrimPrefix(err.Error(), "ehr: "))
}

// Examine looks at everything that Ember needs of a real EHR and says in words what to
// change. It changes nothing there: an export that it begins is given up at once.
func (c *Client) Examine(ctx context.Context, needs Needs) []Check {
	x := &examination{Client: c, needs: needs}
	m, found := x.metadata(ctx)
	x.cors(ctx)
	if x.smart(ctx) {
		x.token(ctx)
	}
	x.searches(ctx)
	if found {
		x.bulk(ctx, m)
		x.subscriptions(m)
	}
	return x.checks
}

func (x *examination) metadata(ctx context.Context) (Metadata, bool) {
	sent := x.opt.Now()
	b, header, err := x.get(ctx, request{doing: "reading the CapabilityStatement (metadata)", address: x.base + "/metadata", open: true})
	if err != nil {
		x.failed("metadata", err)
		return Metadata{}, false
	}
	x.clock(header, sent, x.opt.Now())
	var s capability
	if json.Unmarshal(b, &s) != nil || s.ResourceType != "CapabilityStatement" {
		x.add("metadata", fail, "the answer is no CapabilityStatement; see that the address is the base of a FHIR R4 server")
		return Metadata{}, false
	}
	m := s.metadata()
	switch {
	case !strings.HasPrefix(m.FHIRVersion, "4.0"):
		x.add("metadata", fail, "the server speaks FHIR %s, Ember reads R4 (4.0.1); use the EHR's R4 address", version(m.FHIRVersion))
	case len(m.Formats) > 0 && !slices.ContainsFunc(m.Formats, func(f string) bool { return strings.Contains(f, "json") }):
		x.add("metadata", fail, "the server does not list JSON among its formats; have it switched on")
	default:
		x.add("metadata", ok, "FHIR %s, %d types of resources", version(m.FHIRVersion), len(m.Types))
	}
	return m, true
}

// version keeps what is no version out of texts.
func version(v string) string {
	if len(v) > 16 || strings.Trim(v, "0123456789.-abcdefghijklmnopqrstuvwxyz") != "" || v == "" {
		return "of no version"
	}
	return v
}

func (x *examination) clock(h http.Header, sent, came time.Time) {
	there, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		x.add("clock", warn, "the server sends no Date: whether both clocks agree is not known; tokens depend on it")
		return
	}
	// The Date has whole seconds, and was set at some moment between the two.
	off := max(sent.Sub(there)-time.Second, there.Sub(came), 0)
	switch word := "behind"; {
	case off > clockWarn:
		if there.After(came) {
			word = "ahead of"
		}
		status := warn
		if off > clockFail {
			status = fail
		}
		x.add("clock", status, "the EHR's clock is about %s %s this one; set both by NTP, or tokens are taken for expired", (off + time.Second/2).Round(5*time.Second), word)
	default:
		x.add("clock", ok, "both clocks agree within %s", clockWarn)
	}
}

func (x *examination) cors(ctx context.Context) {
	if x.needs.Origin == "" {
		return
	}
	q := request{doing: "asking whether pages may read (CORS)", method: http.MethodOptions, address: x.base + "/metadata", open: true, final: func(int) bool { return true },
		header: map[string]string{"Origin": x.needs.Origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}}
	resp, err := x.ask(ctx, q)
	if err != nil {
		x.add("cors", warn, "%s", strings.TrimPrefix(err.Error(), "ehr: "))
		return
	}
	resp.Body.Close()
	switch allowed := resp.Header.Get("Access-Control-Allow-Origin"); {
	case resp.StatusCode >= 400:
		x.add("cors", warn, "the preflight is answered with %d; have OPTIONS answered without a token, or pages opened in the EHR cannot read its data", resp.StatusCode)
	case allowed != "*" && !strings.EqualFold(allowed, x.needs.Origin):
		x.add("cors", warn, "pages of %s may not read the EHR's data; have this origin allowed there", x.needs.Origin)
	case !strings.Contains(strings.ToLower(resp.Header.Get("Access-Control-Allow-Headers")), "authorization") && resp.Header.Get("Access-Control-Allow-Headers") != "*":
		x.add("cors", warn, "pages may not send the header Authorization; have it added to Access-Control-Allow-Headers")
	default:
		x.add("cors", ok, "pages of %s may read with a token", x.needs.Origin)
	}
}

// smart looks at the SMART configuration; it reports whether a token can be asked for.
func (x *examination) smart(ctx context.Context) bool {
	s, err := x.Discover(ctx)
	switch {
	case err != nil && x.opt.Client == "":
		x.add("smart", warn, "there is no SMART configuration, and no ehr-client is set: the EHR is asked without tokens")
		return false
	case err != nil:
		x.failed("smart", err)
		return false
	}
	x.jwks(ctx, s)
	if _, err := x.allowed(s.TokenEndpoint); err != nil {
		x.add("smart", fail, "the token endpoint cannot be used: %s", err)
		return false
	}
	var lacks []string
	if len(s.GrantTypes) > 0 && !slices.Contains(s.GrantTypes, "client_credentials") {
		lacks = append(lacks, "the grant client_credentials")
	}
	if len(s.AuthMethods) > 0 && !slices.Contains(s.AuthMethods, "private_key_jwt") {
		lacks = append(lacks, "private_key_jwt")
	}
	if k := x.opt.Key; k != nil && len(s.Algorithms) > 0 && !slices.Contains(s.Algorithms, string(k.algorithm)) {
		lacks = append(lacks, string(k.algorithm)+" (the algorithm of ehr-key)")
	}
	switch {
	case len(lacks) > 0:
		x.add("smart", fail, "the EHR does not list %s; have SMART Backend Services switched on there", strings.Join(lacks, ", "))
	case !slices.Contains(s.Capabilities, "client-confidential-asymmetric"):
		x.add("smart", warn, "capabilities do not list client-confidential-asymmetric; backend services may not be switched on")
	default:
		x.add("smart", ok, "backend services by private_key_jwt")
	}
	return x.opt.Client != ""
}

// jwks reads the keys that the EHR signs its own tokens with.
func (x *examination) jwks(ctx context.Context, s SMART) {
	if s.Keys == "" {
		x.add("jwks", warn, "the SMART configuration names no jwks_uri: identity tokens of the EHR cannot be verified")
		return
	}
	b, _, err := x.get(ctx, request{doing: "reading the EHR's JWK Set", address: s.Keys, open: true, header: map[string]string{"Accept": "application/json"}})
	if err != nil {
		x.failed("jwks", err)
		return
	}
	var set struct {
		Keys []struct{ Kty, Kid string }
	}
	switch {
	case json.Unmarshal(b, &set) != nil || len(set.Keys) == 0:
		x.add("jwks", fail, "jwks_uri gives no keys; have the EHR publish its public keys there")
	case slices.ContainsFunc(set.Keys, func(k struct{ Kty, Kid string }) bool { return k.Kid == "" }):
		x.add("jwks", warn, "a key has no kid: which one signed cannot be told; have each named")
	default:
		x.add("jwks", ok, "%d keys", len(set.Keys))
	}
}

// token asks for one, and finds out whether another audience would have been taken.
func (x *examination) token(ctx context.Context) {
	_, err := x.Token(ctx)
	if err == nil {
		x.add("token", ok, "given for aud = the token endpoint")
		x.scoped()
		return
	}
	var f *Failure
	if errors.As(err, &f) && strings.Contains(f.Why, "invalid_client") {
		x.tokens.mu.Lock()
		s := x.tokens.smart
		x.tokens.mu.Unlock()
		for _, other := range []struct{ name, audience string }{{"the issuer", s.Issuer}, {"the base of the FHIR server", x.base}, {"the token endpoint with a slash", s.TokenEndpoint + "/"}} {
			if other.audience == "" {
				continue
			}
			if _, err := x.requestToken(ctx, other.audience); err == nil {
				x.add("token", fail, "the EHR takes aud = %s, not its token endpoint as SMART has it; have that changed there", other.name)
				return
			}
		}
	}
	x.failed("token", err)
}

// reads are the types that Ember makes something of.
var reads = []string{"Patient", "Condition", "Observation", "MedicationRequest", "AllergyIntolerance", "Encounter", "Procedure"}

// scoped compares what was granted with what is needed.
func (x *examination) scoped() {
	needed := x.needs.Types
	if len(needed) == 0 {
		needed = reads
	}
	granted := x.Granted()
	var lacks []string
	for _, typ := range needed {
		if !slices.ContainsFunc(granted, func(s string) bool { return grants(s, typ, "r") && grants(s, typ, "s") }) {
			lacks = append(lacks, "system/"+typ+".rs")
		}
	}
	if x.needs.Topic != "" && !slices.ContainsFunc(granted, func(s string) bool { return grants(s, "Subscription", "c") }) {
		lacks = append(lacks, "system/Subscription.crud")
	}
	switch {
	case len(granted) == 0:
		x.add("scopes", warn, "the answer with the token names no scopes: what may be read is not known")
	case len(lacks) > 0:
		x.add("scopes", fail, "not granted: %s; have them registered for this client, and set ehr-scopes if it is not empty", strings.Join(lacks, " "))
	default:
		x.add("scopes", ok, "everything that is needed may be read")
	}
}

// grants reports whether a scope of version 1 or 2 lets a system do one of c, r, u, d, s
// with every resource of a type.
func grants(scope, typ, what string) bool {
	rest, found := strings.CutPrefix(scope, "system/")
	if !found {
		return false
	}
	of, may, found := strings.Cut(rest, ".")
	if !found || of != "*" && of != typ || strings.Contains(may, "?") {
		return false
	}
	switch may {
	case "*":
		return true
	case "read":
		return what == "r" || what == "s"
	case "write":
		return what == "c" || what == "u" || what == "d"
	}
	return strings.Contains(may, what)
}

// searches asks what hooks ask, for one patient of the EHR.
func (x *examination) searches(ctx context.Context) {
	if len(x.needs.Queries) == 0 {
		return
	}
	b, err := x.bundle(ctx, "searching for a patient", x.base+"/Patient?_count=1")
	if err != nil {
		x.failed("search", err)
		return
	}
	patient := b.first("Patient")
	if patient == "" {
		x.add("search", warn, "no patient can be found by Patient?_count=1: the searches of the prefetch could not be tried")
		return
	}
	var bad []string
	var first error
	for _, name := range slices.Sorted(maps.Keys(x.needs.Queries)) {
		query := x.needs.Queries[name]
		if strings.Contains(query, "encounterId") {
			continue
		}
		query = strings.ReplaceAll(query, "{{context.patientId}}", url.QueryEscape(patient))
		if !strings.Contains(query, "?") {
			query = "Patient?_id=" + url.QueryEscape(patient)
		}
		got, err := x.bundle(ctx, "searching "+name, x.base+"/"+query)
		if err == nil && got.next() != "" {
			if _, aerr := x.allowed(got.next()); aerr != nil {
				err = fmt.Errorf("its next page cannot be read: %w", aerr)
			}
		}
		if err != nil {
			bad = append(bad, name)
			if first == nil {
				first = err
			}
		}
	}
	if len(bad) > 0 {
		x.add("search", fail, "not answered: %s (%s); have these searches switched on, or cards rest on incomplete data", strings.Join(bad, ", "), strings.TrimPrefix(first.Error(), "ehr: "))
		return
	}
	x.add("search", ok, "%d searches of the prefetch are answered", len(x.needs.Queries))
}

// bulk begins an export and gives it up.
func (x *examination) bulk(ctx context.Context, m Metadata) {
	if !slices.ContainsFunc(m.Operations, func(o string) bool { return strings.HasSuffix(o, "export") }) {
		x.add("bulk", warn, "the CapabilityStatement lists no operation export")
	}
	w := &pull{Pulls: &Pulls{Client: x.Client, Memory: noMemory{}}, want: Export{Level: x.needs.Level, Types: x.needs.Types}}
	w.state.Run = &run{Since: x.opt.Now().UTC().Format(time.RFC3339)}
	if err := w.kickOff(ctx); err != nil {
		x.failed("bulk", err)
		return
	}
	resp, err := x.ask(ctx, request{doing: "giving the export up", method: http.MethodDelete, address: w.state.Run.Status, once: true})
	if err != nil {
		x.add("bulk", warn, "an export begins, but cannot be given up by DELETE: exports that are not wanted any more stay at the EHR")
		return
	}
	resp.Body.Close()
	x.add("bulk", ok, "an export begins and can be given up")
}

func (x *examination) subscriptions(m Metadata) {
	sub := m.Types["Subscription"]
	switch {
	case !sub.Can("create"):
		status := warn
		if x.needs.Topic != "" {
			status = fail
		}
		x.add("subscription", status, "the EHR takes no Subscription: changes come only by the next export (ehr-pull)")
	case len(m.Topics) == 0:
		x.add("subscription", warn, "Subscriptions are taken, but the CapabilityStatement lists no topics: ask the EHR's vendor for their addresses")
	case x.needs.Topic != "" && !slices.Contains(m.Topics, x.needs.Topic):
		x.add("subscription", fail, "the EHR does not list the topic of ehr-topic; it lists %s", strings.Join(m.Topics, " "))
	default:
		x.add("subscription", ok, "topics: %s", strings.Join(m.Topics, " "))
	}
}

// noMemory keeps nothing.
type noMemory struct{}

// Get implements Memory.
func (noMemory) Get([]byte) ([]byte, bool, error) { return nil, false, nil }

// Put implements Memory.
func (noMemory) Put(_, _ []byte, _ bool) error { return nil }
