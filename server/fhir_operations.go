package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ember/fhir"
	"ember/search"
	"ember/server/auth"
)

// everything is GET or POST /fhir/Patient/{id}/$everything.
func (s *Server) everything(ctx context.Context, c *call) error {
	typ, id, err := c.typeAndID()
	if err != nil {
		return err
	}
	if typ != "Patient" {
		return &Fault{Status: http.StatusNotFound, Code: "not-supported", Detail: "this operation is there for patients only", Hint: "GET /fhir/Patient/{id}/$everything"}
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	if err := c.seePatient(ctx, id); err != nil {
		return err
	}
	given, err := c.inputs("")
	if err != nil {
		return err
	}
	ask, err := parseEverything(given.Values)
	if err != nil {
		return err
	}
	if err := c.nothingOf(ctx, typ, auth.CanSearch, "search"); err != nil {
		return err
	}
	ask.Shared = nobodys
	if c.who.Scoped() {
		ask.Only = c.lists([]string{id}).Only
	}
	page, err := s.deps.Finder.Everything(ctx, id, ask)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if c.who.Scoped() && page.Total == 0 {
		status = http.StatusNotFound // as for nobody: that there is a patient is not told either
	}
	if err := c.audit(ctx, c.entry(auth.ActionRead, id, "Patient/"+id+"/$everything", status)); err != nil {
		return err
	}
	if status == http.StatusNotFound {
		return ErrNotFound
	}
	at := c.base() + "/Patient/" + id + "/$everything"
	v := given.Values
	head := fhir.BundleHead{Type: "searchset", Total: page.Total, Timestamp: c.begun.UTC().Format(time.RFC3339), Self: withQuery(at, v)}
	if page.Next != "" {
		v.Set("_cursor", page.Next)
		head.Next = withQuery(at, v)
	}
	v.Del("_cursor")
	head.First = withQuery(at, v)
	return c.sendSearchset(head, &page, func(b []byte) []byte { return b }, nil)
}

func withQuery(at string, v url.Values) string {
	if len(v) == 0 {
		return at
	}
	return at + "?" + v.Encode()
}

func parseEverything(v url.Values) (ask search.Everything, err error) {
	ask.Cursor = v.Get("_cursor")
	if text := v.Get("_count"); text != "" {
		if ask.Count, err = strconv.Atoi(text); err != nil || ask.Count < 0 {
			return ask, badParameter("_count", "a number from 0")
		}
	}
	var ok bool
	if ask.Since, ok = sinceParam(v.Get("_since")); !ok {
		return ask, badParameter("_since", "an instant, as in 2024-05-01T12:00:00Z")
	}
	ask.Start, ask.End = fhir.Earliest, fhir.Latest
	if text := v.Get("start"); text != "" {
		if ask.Start, _, ok = interval(text); !ok {
			return ask, badParameter("start", "a date, as in 2024-05-01")
		}
	}
	if text := v.Get("end"); text != "" {
		if _, ask.End, ok = interval(text); !ok {
			return ask, badParameter("end", "a date, as in 2024-05-01")
		}
	}
	for _, text := range v["_type"] {
		for typ := range strings.SplitSeq(text, ",") {
			if !typeName.MatchString(typ) {
				return ask, badParameter("_type", "names of types by commas, as in Condition,Observation")
			}
			ask.Types = append(ask.Types, typ)
		}
	}
	return ask, nil
}

// lastN is GET or POST /fhir/Observation/$lastn: the latest results of each code.
func (s *Server) lastN(ctx context.Context, c *call) error {
	typ, err := c.typeParam()
	if err != nil {
		return err
	}
	if typ != "Observation" {
		return &Fault{Status: http.StatusNotFound, Code: "not-supported", Detail: "this operation is there for observations only", Hint: "GET /fhir/Observation/$lastn"}
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	given, err := c.inputs("")
	if err != nil {
		return err
	}
	v := given.Values
	self := withQuery(c.base()+"/Observation/$lastn", v)
	most := 1
	if text := v.Get("max"); text != "" {
		if most, err = strconv.Atoi(text); err != nil || most < 1 {
			return badParameter("max", "a number from 1")
		}
	}
	v.Del("max")
	q, err := search.Parse(typ, v.Encode())
	if err != nil {
		return err
	}
	q.SetBase(c.base() + "/")
	if len(q.Patients()) == 0 {
		return &Fault{Status: http.StatusBadRequest, Code: "required", Detail: "a patient is missing", Hint: "name one, as in $lastn?patient=123&category=laboratory"}
	}
	scope, err := c.scope(ctx, q)
	if err != nil {
		return err
	}
	q.LastOfEach = most
	page, err := s.deps.Finder.Find(ctx, q, scope, nil)
	if err != nil {
		return err
	}
	if err := c.audit(ctx, c.foundEntries(auth.ActionSearch, typ, &page)...); err != nil {
		return err
	}
	head := fhir.BundleHead{Type: "searchset", Total: len(page.Matches), Timestamp: c.begun.UTC().Format(time.RFC3339),
		Self: self}
	return c.sendSearchset(head, &page, subsetOf(q), pageIssues(q, &page))
}
