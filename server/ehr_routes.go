package server

import (
	"context"
	"io"
	"net/http"

	"ember/server/auth"
)

// EHR is what the server needs of the client of an EHR.
type EHR interface {
	// Admits returns nil for the secret of the subscription; authorization is as for Notify.
	Admits(authorization string) error
	// Notify takes a notification of a subscription at the EHR; authorization is the header
	// of that name. When it returns nil the notification is safe. Its errors are *Fault.
	Notify(ctx context.Context, authorization string, body []byte) error
	// Keys is the public JWK Set that the EHR verifies Ember's requests for tokens with.
	Keys() ([]byte, error)
}

// ehrRoutes are what the EHR calls that Ember is a client of.
func (s *Server) ehrRoutes() []route {
	if s.deps.EHR == nil {
		gone := func(context.Context, *call) error { return ErrNotFound }
		return []route{{http.MethodPost, "/ehr/notifications", 0, true, classAsk, gone}, {http.MethodGet, "/ehr/jwks.json", 0, true, classProbe, gone}}
	}
	return []route{
		{http.MethodPost, "/ehr/notifications", 0, true, classAsk, s.notified},
		{http.MethodGet, "/ehr/jwks.json", 0, true, classProbe, s.ehrKeys},
	}
}

// notified takes a notification. Who sends it is known by the secret that it shows.
func (s *Server) notified(ctx context.Context, c *call) error {
	if c.r.Header.Get("Authorization") == "" {
		return &Fault{Status: http.StatusUnauthorized, Code: "login", Detail: "the secret of the subscription is needed", Hint: "send the header that stands in channel.header of the Subscription"}
	}
	// Of who does not know the secret nothing is read, kept or recorded.
	if err := s.deps.EHR.Admits(c.r.Header.Get("Authorization")); err != nil {
		return err
	}
	body, err := c.body(s.opt.Limits.BodyBytes)
	if err != nil {
		return err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	c.who = auth.Principal{Name: "ehr"}
	entry := c.entry(auth.ActionLoad, "", "", 0)
	entry.Outcome = auth.Begun
	if err := c.audit(ctx, entry); err != nil {
		return err
	}
	status := http.StatusOK
	if err = s.deps.EHR.Notify(ctx, c.r.Header.Get("Authorization"), b); err != nil {
		status = faultOf(err).Status
	}
	if aerr := c.audit(context.WithoutCancel(ctx), c.entry(auth.ActionLoad, "", "", status)); aerr != nil {
		return aerr
	}
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Server) ehrKeys(_ context.Context, c *call) error {
	b, err := s.deps.EHR.Keys()
	if err != nil {
		return err
	}
	c.send(http.StatusOK, "application/json", b)
	return nil
}
