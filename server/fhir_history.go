package server

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"ember/fhir"
	"ember/search"
	"ember/server/auth"
)

// history is GET /fhir/{type}/{id}/_history.
func (s *Server) history(ctx context.Context, c *call) error {
	typ, id, err := c.typeAndID()
	if err != nil {
		return err
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	ask, err := parseHistory(c.r.URL.Query())
	if err != nil {
		return err
	}
	if err := c.nothingOf(ctx, typ, auth.CanRead, "read"); err != nil {
		return err
	}
	versions, err := s.deps.Finder.History(ctx, typ, id)
	if err != nil {
		return err
	}
	seen := versions[:0:0]
	for _, v := range versions {
		if v.Patient == "" {
			v.Patient = patientOf(typ, id)
		}
		if c.maySee(&v, auth.CanRead) {
			seen = append(seen, v)
		}
	}
	status := http.StatusOK
	if len(seen) == 0 {
		status = http.StatusForbidden
	}
	if err := c.audit(ctx, c.entry(auth.ActionRead, versions[0].Patient, ref(typ, id), status)); err != nil {
		return err
	}
	if len(seen) == 0 {
		return ErrNotFound
	}
	return c.sendHistory(typ, id, seen, ask)
}

type historyQuery struct {
	count, skip int
	since       time.Time
}

func parseHistory(v url.Values) (q historyQuery, err error) {
	q.count = search.DefaultCount
	if text := v.Get("_count"); text != "" {
		if q.count, err = strconv.Atoi(text); err != nil || q.count < 0 {
			return q, badParameter("_count", "a number from 0")
		}
		q.count = min(q.count, search.MostCount)
	}
	if text := v.Get("_skip"); text != "" {
		if q.skip, err = strconv.Atoi(text); err != nil || q.skip < 0 {
			return q, badParameter("_skip", "as the links of a page have it")
		}
	}
	var ok bool
	if q.since, ok = sinceParam(v.Get("_since")); !ok {
		return q, badParameter("_since", "an instant, as in 2024-05-01T12:00:00Z")
	}
	return q, nil
}

// sendHistory writes a page of the versions of a resource.
func (c *call) sendHistory(typ, id string, versions []Resource, ask historyQuery) error {
	n := len(versions)
	for n > 0 && versions[n-1].Updated.Before(ask.since) {
		n--
	}
	versions = versions[:n]
	at := c.base() + "/" + ref(typ, id) + "/_history"
	head := fhir.BundleHead{Type: "history", Total: n, Timestamp: c.begun.UTC().Format(time.RFC3339), Self: at}
	if c.r.URL.RawQuery != "" {
		head.Self += "?" + c.r.URL.Query().Encode()
	}
	begin := min(ask.skip, n)
	end := min(begin+ask.count, n)
	if end < n && ask.count > 0 {
		v := c.r.URL.Query()
		v.Set("_skip", strconv.Itoa(end))
		head.Next = at + "?" + v.Encode()
	}
	return c.sendVersions(head, versions[begin:end])
}

// sendVersions writes a history, each version with the request that made it.
func (c *call) sendVersions(head fhir.BundleHead, versions []Resource) error {
	var b bytes.Buffer
	i := 0
	err := fhir.BundleResponse(&b, head, func() (e fhir.BundleEntry, ok bool) {
		if i >= len(versions) {
			return e, false
		}
		e = c.historyEntry(&versions[i])
		i++
		return e, true
	})
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b.Bytes())
	return nil
}

func (c *call) historyEntry(r *Resource) fhir.BundleEntry {
	e := fhir.BundleEntry{FullURL: c.base() + "/" + ref(r.Type, r.ID), Resource: r.Body, Method: http.MethodPut, URL: ref(r.Type, r.ID),
		Status: "200 OK", ETag: etag(r.Version), LastModified: r.Updated.UTC().Format(time.RFC3339Nano)}
	switch {
	case r.Deleted:
		e.Method, e.Status, e.Resource = http.MethodDelete, "204 No Content", nil
	case r.Version == 1:
		e.Status = "201 Created"
	}
	return e
}
