package server

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"ember/server/auth"
)

type trustKey struct{}

// Trust marks the requests of a context as coming through a channel that only
// the owner of the data can open. They have every right.
func Trust(ctx context.Context) context.Context { return context.WithValue(ctx, trustKey{}, true) }

func trusted(ctx context.Context) bool { return ctx.Value(trustKey{}) != nil }

// admit finds out who calls and whether they may use the route.
func (c *call) admit(ctx context.Context) error {
	if c.route.public {
		return nil
	}
	who, err := c.identify(ctx)
	if err != nil {
		return err
	}
	c.who = who
	if who.Scoped() {
		return c.admitScoped(ctx)
	}
	if !who.Has(c.route.right) {
		return c.deny(ctx, "", "the right "+c.route.right.String()+" is missing",
			"give the token this right in the token file")
	}
	if who.Limited() && c.route.right&(auth.Write|auth.Search|auth.Models|auth.Cohorts|auth.Members) != 0 {
		return c.deny(ctx, "", "a token that is limited to some patients may not "+c.route.right.String(),
			"use a token without a list of patients")
	}
	return nil
}

func (c *call) identify(ctx context.Context) (auth.Principal, error) {
	if trusted(c.r.Context()) {
		return auth.Owner(), nil
	}
	clients := onHooks(c.route.pattern) && c.s.deps.CDS.Clients != nil
	if c.s.deps.Tokens == nil && c.s.deps.SMART.Issuers == nil && !clients {
		return c.local()
	}
	scheme, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return auth.Principal{}, &Fault{Status: http.StatusUnauthorized, Code: "login", Detail: "a token is needed",
			Hint: "send the header Authorization: Bearer TOKEN"}
	}
	if clients && auth.Signed(token) && !c.s.ofIssuer(token) {
		return c.signed(ctx, token)
	}
	if c.s.deps.Tokens != nil {
		who, err := c.s.deps.Tokens.Authenticate(token)
		if err == nil || c.s.deps.SMART.Issuers == nil {
			return who, err
		}
	}
	if c.s.deps.SMART.Issuers == nil {
		return auth.Principal{}, auth.ErrUnknown
	}
	return c.s.deps.SMART.Issuers.Verify(ctx, token)
}

// ofIssuer reports whether a signed token names an issuer of access tokens.
func (s *Server) ofIssuer(token string) bool {
	return s.deps.SMART.Issuers != nil && s.deps.SMART.Issuers.Knows(auth.IssuerOf(token))
}

// local is who calls where nobody has a token.
func (c *call) local() (auth.Principal, error) {
	if onHooks(c.route.pattern) && c.w.Header().Get("Access-Control-Allow-Origin") != "" {
		return c.localPage()
	}
	if err := auth.CheckLocal(c.r); err != nil {
		hint := "start the server with a token file to serve others"
		if onHooks(c.route.pattern) && c.r.Header.Get("Origin") != "" {
			hint = "add the page's origin to cds-origins; " + hint
		}
		return auth.Principal{}, &Fault{Status: http.StatusForbidden, Code: "forbidden", Detail: strings.TrimPrefix(err.Error(), "auth: "), Hint: hint}
	}
	return auth.Owner(), nil
}

// deny records the refusal and returns the 403.
func (c *call) deny(ctx context.Context, patient, detail, hint string) error {
	if err := c.audit(ctx, c.entry(actionOf(c.route), patient, "", http.StatusForbidden)); err != nil {
		return err
	}
	return &Fault{Status: http.StatusForbidden, Code: "forbidden", Detail: detail, Hint: hint}
}

// seePatient refuses a caller who may not see the patient, without looking
// whether there is one.
func (c *call) seePatient(ctx context.Context, patient string) error {
	if c.who.Sees(patient) {
		return nil
	}
	if c.who.Scoped() {
		return c.deny(ctx, patient, "the token is for another patient", "launch the app for this patient")
	}
	return c.deny(ctx, patient, "the token is limited to other patients", "add the patient to the token's line in the token file")
}

func actionOf(rt *route) auth.Action {
	switch {
	case rt.right == auth.Export:
		return auth.ActionExport
	case rt.class == classLoad:
		return auth.ActionLoad
	case rt.method == http.MethodDelete:
		return auth.ActionDelete
	case rt.right == auth.Write:
		return auth.ActionWrite
	case rt.right == auth.Recommend:
		return auth.ActionRecommend
	case rt.right == auth.Search:
		return auth.ActionSearch
	case rt.right == auth.Predict:
		return auth.ActionPredict
	case rt.right == auth.Models:
		return auth.ActionModels
	case rt.right&(auth.Cohorts|auth.Members) != 0:
		return auth.ActionCohort
	}
	return auth.ActionRead
}

// entry is an audit entry of this request; patient is a logical id.
func (c *call) entry(action auth.Action, patient, resource string, status int) auth.Entry {
	e := auth.Entry{When: c.begun, Principal: c.who.Name, Action: action, Resource: resource,
		Outcome: strconv.Itoa(status), RequestID: c.id}
	if patient != "" {
		e.Patient = "Patient/" + patient
	}
	return e
}

// audit records entries, or fails closed.
func (c *call) audit(ctx context.Context, entries ...auth.Entry) error {
	if err := c.s.deps.Auditor.Record(ctx, entries...); err != nil {
		c.s.deps.Log.Error("audit failed", "request", c.id, "route", c.route.pattern, "cause", scrub(err.Error()))
		return &Fault{Status: http.StatusServiceUnavailable, Code: "transient", Detail: "the access could not be recorded, so it is refused",
			Hint: "see to the audit record (disk full?); sending the same again later is harmless", RetryAfter: 5 * time.Second}
	}
	c.recorded = true
	return nil
}

// auditFailure records an access that came to nothing.
func (c *call) auditFailure(ctx context.Context, err error) error {
	patient := ""
	if strings.HasPrefix(c.route.pattern, "/v1/patients/") {
		if id, err := c.idParam(); err == nil {
			patient = id
		}
	}
	return c.audit(ctx, c.entry(actionOf(c.route), patient, "", faultOf(err).Status))
}

// auditBegun records that a change begins; nothing is changed when it fails.
func (c *call) auditBegun(ctx context.Context, patient, resource string) error {
	e := c.entry(actionOf(c.route), patient, resource, 0)
	e.Outcome = auth.Begun
	return c.audit(ctx, e)
}

// looked records that a resource is about to be shown.
func (c *call) looked(ctx context.Context, resource string) error {
	return c.audit(ctx, c.entry(actionOf(c.route), "", resource, http.StatusOK))
}

// changed records a change before it is made, and what came of it: status, or
// that of the error.
func (c *call) changed(ctx context.Context, resource string, status int, do func() error) error {
	if err := c.auditBegun(ctx, "", resource); err != nil {
		return err
	}
	err := do()
	if err != nil {
		status = faultOf(err).Status
	}
	if aerr := c.audit(context.WithoutCancel(ctx), c.entry(actionOf(c.route), "", resource, status)); aerr != nil {
		return aerr
	}
	return err
}

// enter takes a place for the request and returns how to give it back.
func (c *call) enter(ctx context.Context) (leave func(), err error) {
	done, err := c.enterCaller()
	if err != nil {
		return nil, err
	}
	free, err := c.s.take(ctx, c.route.class)
	if err != nil {
		done()
		return nil, err
	}
	return func() { free(); done() }, nil
}

// take takes a place of the class, waiting a little for one.
func (s *Server) take(ctx context.Context, of class) (leave func(), err error) {
	slots := s.slots[of]
	leave = func() { <-slots }
	select {
	case slots <- struct{}{}:
		return leave, nil
	default:
	}
	wait := s.opt.Timeouts.Queue
	if of == classHook {
		wait = min(wait, hookQueue)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case slots <- struct{}{}:
		return leave, nil
	case <-timer.C:
		return nil, &Fault{Status: http.StatusServiceUnavailable, Code: "throttled", Detail: "too many requests of this kind are running",
			Hint: "send fewer at once", RetryAfter: s.opt.Timeouts.Queue}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// enterCaller counts the caller's requests in flight. The owner is not counted.
func (c *call) enterCaller() (leave func(), err error) {
	if c.who.Name == "" || c.who.Name == auth.OwnerName {
		return func() {}, nil
	}
	v, _ := c.s.callers.LoadOrStore(c.who.Name, new(atomic.Int64))
	n := v.(*atomic.Int64)
	if n.Add(1) > int64(c.s.opt.Limits.PerPrincipal) {
		n.Add(-1)
		return nil, &Fault{Status: http.StatusTooManyRequests, Code: "throttled", Detail: "this caller has too many requests in flight",
			Hint: fmt.Sprintf("keep at most %d open at once", c.s.opt.Limits.PerPrincipal), RetryAfter: time.Second}
	}
	return func() { n.Add(-1) }, nil
}
