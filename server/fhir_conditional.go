package server

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"ember/server/auth"
)

// condition is the search that a conditional update or delete carries.
func (c *call) condition() (string, error) {
	v, err := url.ParseQuery(c.r.URL.RawQuery)
	if err == nil {
		v.Del("_format")
		v.Del("_pretty")
	}
	if err != nil || len(v) == 0 {
		return "", &Fault{Status: http.StatusBadRequest, Code: "required", Detail: "the condition is missing",
			Hint: "name what is meant, as in ?identifier=system|value, or put the id into the path"}
	}
	return v.Encode(), nil
}

// updateWhere is PUT /fhir/{type}?condition.
func (s *Server) updateWhere(ctx context.Context, c *call) error {
	typ, err := c.typeParam()
	if err != nil {
		return err
	}
	where, err := c.condition()
	if err != nil {
		return err
	}
	version, err := parseIfMatch(c.r.Header.Get("If-Match"))
	if err != nil {
		return err
	}
	return c.put(ctx, Write{Type: typ, Where: where, IfVersion: version})
}

// removeWhere is DELETE /fhir/{type}?condition.
func (s *Server) removeWhere(ctx context.Context, c *call) error {
	typ, err := c.typeParam()
	if err != nil {
		return err
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	where, err := c.condition()
	if err != nil {
		return err
	}
	if err := c.auditBegun(ctx, "", typ); err != nil {
		return err
	}
	done, err := s.deps.Writer.DeleteWhere(ctx, typ, where)
	status := http.StatusNoContent
	if err != nil {
		status = faultOf(err).Status
	}
	if aerr := c.audit(context.WithoutCancel(ctx), c.entry(auth.ActionDelete, done.Patient, ref(typ, done.ID), status)); aerr != nil {
		return aerr
	}
	if err != nil {
		return err
	}
	if done.Version > 0 {
		c.w.Header()["Etag"] = []string{etag(done.Version)}
	}
	c.send(status, fhirJSON, nil)
	return nil
}

// ifAbsent reports whether If-None-Match asks for a write only where nothing is.
func ifAbsent(header string) bool { return strings.TrimSpace(header) == "*" }
