package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"ember/fhir"
	"ember/server/auth"
	"ember/server/cds"
)

// Hooks answers CDS Hooks; *cds.Service is it.
type Hooks interface {
	Discovery() cds.Discovery
	// Begin starts the time for an answer, Answer returns when it ends.
	Begin(ctx context.Context) (context.Context, context.CancelFunc)
	Answer(ctx context.Context, r *cds.Request) (cds.Answer, error)
	// Feedback records what can be understood, and gives what could not.
	Feedback(ctx context.Context, service string, body []byte, sees func(patient string) bool) ([]cds.Outcome, []*cds.Problem, error)
}

// Clients knows systems that sign their own tokens; *auth.Clients is it.
type Clients interface {
	// Verify finds who signed a token for one of the audiences, or returns an
	// *auth.Refused.
	Verify(ctx context.Context, token string, audiences ...string) (auth.Principal, error)
}

// CDS is what the routes of CDS Hooks need. All is optional.
type CDS struct {
	Hooks Hooks // nil: the routes find nothing
	// Clients are asked about signed tokens on these routes. With them, nobody gets in
	// without a token, also where no token file is.
	Clients Clients
	// Base is the address that clients know this server by: what the audience of a
	// token begins with. Empty: what the request's Host says.
	Base string
	// Origins are the origins whose pages may call from a browser: "https://ehr.example",
	// without a port for any port, "*" for all.
	Origins []string
}

// hooksPath is what all routes of CDS Hooks begin with.
const hooksPath = "/cds-services"

func onHooks(pattern string) bool { return strings.HasPrefix(pattern, hooksPath) }

// mostHookBytes bounds the body of a hook.
const mostHookBytes = 20 << 20

// hooked is a handler that needs CDS Hooks.
func (s *Server) hooked(h func(context.Context, *call) error) func(context.Context, *call) error {
	if s.deps.CDS.Hooks == nil {
		return func(context.Context, *call) error { return ErrNotFound }
	}
	return h
}

// hookServices is GET /cds-services.
func (s *Server) hookServices(_ context.Context, c *call) error {
	if err := c.accept(plainJSON); err != nil {
		return err
	}
	body, err := encode(s.deps.CDS.Hooks.Discovery())
	if err != nil {
		return err
	}
	c.send(http.StatusOK, plainJSON, body)
	return nil
}

// hookBody is the body of a hook or of feedback.
func (c *call) hookBody() ([]byte, error) {
	if err := c.accept(plainJSON); err != nil {
		return nil, err
	}
	if _, err := c.form(false); err != nil {
		return nil, err
	}
	r, err := c.body(min(mostHookBytes, c.s.opt.Limits.BodyBytes))
	if err != nil {
		return nil, tooLargeHook(err)
	}
	defer r.Close()
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, tooLargeHook(err)
	}
	return body, nil
}

// hookQueue is how long a call of a service waits for a place: a part of its deadline.
const hookQueue = 100 * time.Millisecond

// shed answers a call that found no place: at once and without cards, as one that found
// no time. Nothing was read, so there is no access to record.
func (c *call) shed(err error) error {
	if f := faultOf(err); f.Code != "throttled" || c.s.deps.CDS.Hooks == nil {
		return err
	}
	c.s.metrics.hooks.shed(c.params.ByName("id"))
	service, _ := cds.ServiceOf(c.params.ByName("id"))
	body, err := encode(cds.Unchecked(service, uuid.NewString()))
	if err != nil {
		return err
	}
	c.send(http.StatusOK, plainJSON, body)
	return nil
}

func tooLargeHook(err error) error {
	if f := faultOf(err); f.Status == http.StatusRequestEntityTooLarge {
		f.Hint = "send at most 20 MB: prefetch fewer or later resources, or let fhirServer be read"
		return f
	}
	return err
}

// callHook is POST /cds-services/{id}.
func (s *Server) callHook(ctx context.Context, c *call) error {
	body, err := c.hookBody()
	if err != nil {
		return err
	}
	limited, cancel := s.deps.CDS.Hooks.Begin(ctx)
	defer cancel()
	if due, ok := limited.Deadline(); ok && c.waited > 0 { // it is the client that waited
		limited, cancel = context.WithDeadline(limited, due.Add(-c.waited))
		defer cancel()
	}
	req, err := cds.Read(c.params.ByName("id"), body)
	if err != nil {
		return err
	}
	if err := c.seePatient(ctx, req.Patient); err != nil {
		return err
	}
	if err := c.mayAdvise(ctx, req.Patient, true); err != nil {
		return err
	}
	answer, err := s.deps.CDS.Hooks.Answer(limited, req)
	if err != nil {
		s.metrics.hooks.failed(req)
		return err
	}
	out, err := encode(answer.Response)
	if err != nil {
		return err
	}
	if err := c.audit(ctx, c.entry(auth.ActionRecommend, req.Patient, "", http.StatusOK)); err != nil {
		return err
	}
	s.metrics.hooks.answered(req, &answer)
	c.send(http.StatusOK, plainJSON, out)
	return nil
}

// hookFeedback is POST /cds-services/{id}/feedback.
func (s *Server) hookFeedback(ctx context.Context, c *call) error {
	body, err := c.hookBody()
	if err != nil {
		return err
	}
	outcomes, wrong, err := s.deps.CDS.Hooks.Feedback(ctx, c.params.ByName("id"), body, c.who.Sees)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	var entries []auth.Entry
	for _, o := range outcomes {
		if !seen[o.Patient] {
			seen[o.Patient] = true
			entries = append(entries, c.entry(auth.ActionRecommend, o.Patient, "", http.StatusOK))
		}
	}
	if len(entries) > 0 {
		if err := c.audit(ctx, entries...); err != nil {
			return err
		}
	}
	s.metrics.hooks.fedBack(outcomes)
	if len(wrong) > 0 {
		f := &Fault{Status: wrong[0].Status, Code: wrong[0].Code, Hint: wrong[0].Hint}
		for _, p := range wrong {
			f.Issues = append(f.Issues, fhir.Issue{Severity: fhir.Error, Code: p.Code, Path: p.Path, Detail: p.Detail + "; " + p.Hint + "; the other entries were recorded"})
		}
		return f
	}
	out, err := encode(struct {
		Recorded int `json:"recorded"`
	}{len(outcomes)})
	if err != nil {
		return err
	}
	c.send(http.StatusOK, plainJSON, out)
	return nil
}

// problemFault is the fault of a problem of CDS Hooks, nil for others.
func problemFault(err error) *Fault {
	var p *cds.Problem
	if !errors.As(err, &p) {
		return nil
	}
	return &Fault{Status: p.Status, Code: p.Code, Path: p.Path, Detail: p.Detail, Hint: p.Hint}
}

// signed is who signed the token of a call of a hook.
func (c *call) signed(ctx context.Context, token string) (auth.Principal, error) {
	base := strings.TrimRight(c.s.deps.CDS.Base, "/")
	if base == "" {
		scheme := "http://"
		if c.r.TLS != nil {
			scheme = "https://"
		}
		base = scheme + c.r.Host
	}
	address := base + c.r.URL.Path
	audiences := []string{address}
	if service, ok := strings.CutSuffix(address, "/feedback"); ok {
		audiences = append(audiences, service) // the specification leaves open which of both is meant
	}
	return c.s.deps.CDS.Clients.Verify(ctx, token, audiences...)
}

// allowOrigin lets a page of an allowed origin read the answer. It reports whether it
// does.
func (c *call) allowOrigin() bool {
	h := c.w.Header()
	h.Add("Vary", "Origin")
	origin := c.r.Header.Get("Origin")
	if origin == "" || !originIn(c.s.deps.CDS.Origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "X-Request-Id, WWW-Authenticate, Retry-After")
	return true
}

// originIn compares scheme, host and, where the setting has one, the port.
func originIn(origins []string, origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	for _, allowed := range origins {
		if allowed == "*" || strings.EqualFold(allowed, origin) || strings.EqualFold(allowed, u.Scheme+"://"+u.Hostname()) {
			return true
		}
	}
	return false
}

// headersFor are those that a page of an allowed origin may send: what the specification
// needs, and what else it asks for, as clients send headers of their own.
func headersFor(asked string) string {
	allowed := "Authorization, Content-Type, Accept"
	if len(asked) > 1000 {
		return allowed
	}
	for name := range strings.SplitSeq(asked, ",") {
		name = strings.TrimSpace(name)
		if headerName.MatchString(name) && !strings.Contains(strings.ToLower(allowed), strings.ToLower(name)) {
			allowed += ", " + name
		}
	}
	return allowed
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// preflight is OPTIONS on the routes of CDS Hooks: what a browser asks before it sends
// anything, without a token.
func (s *Server) preflight(_ context.Context, c *call) error {
	h := c.w.Header()
	if own := c.s.overlaps.of(c.r.URL.Path); own != nil {
		h.Set("Allow", strings.Join(own.methods, ", "))
	}
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", headersFor(c.r.Header.Get("Access-Control-Request-Headers")))
		h.Set("Access-Control-Max-Age", "600")
		if c.r.Header.Get("Access-Control-Request-Private-Network") == "true" {
			h.Set("Access-Control-Allow-Private-Network", "true")
		}
		h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	}
	c.send(http.StatusNoContent, plainJSON, nil)
	return nil
}

// localPage is the owner, who calls through a page of an allowed origin in a browser on
// this machine.
func (c *call) localPage() (auth.Principal, error) {
	r := c.r.Clone(c.r.Context())
	for _, name := range []string{"Origin", "Sec-Fetch-Site"} {
		r.Header.Del(name)
	}
	if err := auth.CheckLocal(r); err != nil {
		return auth.Principal{}, &Fault{Status: http.StatusForbidden, Code: "forbidden", Detail: strings.TrimPrefix(err.Error(), "auth: "),
			Hint: "start the server with a token file to serve others"}
	}
	return auth.Owner(), nil
}
