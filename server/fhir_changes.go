package server

import (
	"context"
	"strconv"
	"time"

	"ember/fhir"
	"ember/server/auth"
)

// historyOfAll is GET /fhir/_history.
func (s *Server) historyOfAll(ctx context.Context, c *call) error { return c.changes(ctx, "") }

// historyOfType is GET /fhir/{type}/_history.
func (s *Server) historyOfType(ctx context.Context, c *call) error {
	typ, err := c.typeParam()
	if err != nil {
		return err
	}
	return c.changes(ctx, typ)
}

// changes answers with versions of many resources, the latest first. Who refuses by Consent
// is left out.
func (c *call) changes(ctx context.Context, typ string) error {
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	v := c.r.URL.Query()
	ask, err := parseHistory(v)
	if err != nil {
		return err
	}
	before := uint64(0)
	if text := v.Get("_before"); text != "" {
		if before, err = strconv.ParseUint(text, 10, 64); err != nil || before == 0 {
			return badParameter("_before", "as the links of a page have it")
		}
	}
	var page Found
	old := false
	next, err := c.s.deps.Finder.Changes(ctx, typ, before, func(r Resource) bool {
		if old = r.Updated.Before(ask.since); old || len(page.Matches) >= ask.count {
			return false
		}
		if r.Patient == "" {
			r.Patient = patientOf(r.Type, r.ID)
		}
		if r.Patient == "" || !c.s.deps.Finder.Refuses(r.Patient) {
			page.Matches = append(page.Matches, r)
		}
		return true
	})
	if err != nil {
		return err
	}
	if err := c.audit(ctx, c.foundEntries(auth.ActionRead, typ, &page)...); err != nil {
		return err
	}
	at := c.base() + "/_history"
	if typ != "" {
		at = c.base() + "/" + typ + "/_history"
	}
	head := fhir.BundleHead{Type: "history", Total: -1, Timestamp: c.begun.UTC().Format(time.RFC3339), Self: at}
	if c.r.URL.RawQuery != "" {
		head.Self += "?" + v.Encode()
	}
	if next > 0 && !old && ask.count > 0 {
		v.Set("_before", strconv.FormatUint(next, 10))
		head.Next = at + "?" + v.Encode()
	}
	return c.sendVersions(head, page.Matches)
}
