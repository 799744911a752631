package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"ember/fhir"
	"ember/server/auth"
)

// mostIssues bounds how many refused lines an answer names.
const mostIssues = 1000

// load is POST /fhir: a Bundle, a single resource, or lines.
func (s *Server) load(ctx context.Context, c *call) error {
	form, err := c.form(true)
	if err != nil {
		return err
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	limit := s.opt.Limits.BodyBytes
	if form == Lines {
		limit = s.opt.Limits.StreamBytes
	}
	body, err := c.body(limit)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := c.auditBegun(ctx, "", ""); err != nil {
		return err
	}
	t := tally{form: form, mayRead: c.who.Has(auth.Read)}
	result, err := s.deps.Loader.Load(ctx, body, LoadOptions{Form: form, Report: t.report, Answer: c.answerEntry})
	status := t.status(result.Kind)
	if err != nil {
		status = faultOf(err).Status
	}
	if err := c.auditLoad(context.WithoutCancel(ctx), &t, result.Patients, status); err != nil {
		return err
	}
	if err != nil {
		return t.broken(err)
	}
	return c.sendLoad(&t, result.Kind)
}

// auditLoad has one entry for each patient whose data came, and one for each
// resource that a GET entry read.
func (c *call) auditLoad(ctx context.Context, t *tally, patients []string, status int) error {
	var entries []auth.Entry
	for _, p := range patients {
		entries = append(entries, c.entry(auth.ActionLoad, p, "", status))
	}
	if len(patients) == 0 {
		entries = append(entries, c.entry(auth.ActionLoad, "", "", status))
	}
	for i := range t.entries {
		if e := &t.entries[i]; e.Body != nil {
			entries = append(entries, c.entry(auth.ActionRead, patientOf(e.Type, e.ID), ref(e.Type, e.ID), e.Status))
		}
	}
	return c.audit(ctx, entries...)
}

// tally collects what a load reports: everything for a document, counts and
// the first issues for lines.
type tally struct {
	form    Form
	mayRead bool // GET entries are answered
	entries []EntryResult
	issues  []fhir.Issue
	hidden  int // issues beyond mostIssues

	received, created, updated, unchanged, deleted, refused int
}

func (t *tally) report(e EntryResult) {
	if e.Body != nil && !t.mayRead {
		e = EntryResult{Status: http.StatusForbidden, Issues: []Issue{{Severity: fhir.Error, Code: "forbidden",
			Detail: "the right read is missing for a GET entry"}}}
	}
	t.received++
	switch {
	case e.Status >= 400:
		t.refused++
	case e.Unchanged:
		t.unchanged++
	case e.Status == http.StatusCreated:
		t.created++
	case e.Status == http.StatusNoContent:
		t.deleted++
	default:
		t.updated++
	}
	if t.form == Document {
		t.entries = append(t.entries, e)
		return
	}
	for _, issue := range e.Issues {
		if len(t.issues) < mostIssues {
			t.issues = append(t.issues, issue)
		} else {
			t.hidden++
		}
	}
}

// status is that of the whole answer.
func (t *tally) status(kind Kind) int {
	switch {
	case kind == Single && len(t.entries) == 1:
		return t.entries[0].Status
	case kind != Single && t.form == Lines && t.received > 0 && t.refused == t.received:
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

// broken is err with what was kept before it.
func (t *tally) broken(err error) error {
	stored := t.received - t.refused
	if stored == 0 {
		return err
	}
	f := faultOf(err)
	if f.Status == http.StatusInternalServerError {
		return fmt.Errorf("%w (after %d entries)", err, stored)
	}
	f.Issues = append(f.Issues, fhir.Issue{Severity: fhir.Information, Code: "informational", Detail: strconv.Itoa(stored) + " entries before this were stored; sending them again changes nothing"})
	return f
}

func (c *call) sendLoad(t *tally, kind Kind) error {
	switch {
	case kind == Single && len(t.entries) == 1:
		return c.sendSingle(t.entries[0])
	case t.form == Lines:
		return c.sendLines(t)
	}
	b, err := bundleResponse(kind, t.entries)
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b)
	return nil
}

// sendSingle tells that a body without a Bundle was taken as what it is.
func (c *call) sendSingle(e EntryResult) error {
	if e.Status >= 400 {
		return entryFault(e)
	}
	c.setVersion(e.Type, e.ID, e.Version, e.Updated)
	issues := append([]fhir.Issue{{Severity: fhir.Information, Code: "informational", Detail: "one resource was stored under the address in Location; a Bundle or NDJSON is what this path expects, PUT /fhir/{type}/{id} takes single resources"}}, e.Issues...)
	return c.sendOutcome(e.Status, issues)
}

func entryFault(e EntryResult) error {
	if len(e.Issues) == 0 {
		return &Fault{Status: e.Status, Code: "processing", Detail: "the resource was refused"}
	}
	return &Fault{Status: e.Status, Issues: e.Issues}
}

func (c *call) sendOutcome(status int, issues []fhir.Issue) error {
	b, err := encode(newOutcome(issues))
	if err != nil {
		return err
	}
	c.send(status, fhirJSON, b)
	return nil
}

type parameters struct {
	ResourceType string      `json:"resourceType"`
	Parameter    []parameter `json:"parameter"`
}

type parameter struct {
	Name     string   `json:"name"`
	Value    *int     `json:"valueInteger,omitempty"`
	Resource *outcome `json:"resource,omitempty"`
}

// sendLines answers lines with counts, and an outcome when there are issues.
func (c *call) sendLines(t *tally) error {
	if t.hidden > 0 {
		t.issues = append(t.issues, fhir.Issue{Severity: fhir.Information, Code: "informational", Detail: strconv.Itoa(t.hidden) + " more issues are not listed"})
	}
	if t.status(Batch) != http.StatusOK {
		return &Fault{Status: t.status(Batch), Code: "processing", Detail: "no line could be stored", Issues: t.issues,
			Hint: "send one FHIR resource a line"}
	}
	p := parameters{ResourceType: "Parameters"}
	for _, count := range []struct {
		name  string
		value int
	}{
		{"received", t.received}, {"created", t.created}, {"updated", t.updated}, {"unchanged", t.unchanged}, {"refused", t.refused},
	} {
		p.Parameter = append(p.Parameter, parameter{Name: count.name, Value: &count.value})
	}
	if len(t.issues) > 0 {
		p.Parameter = append(p.Parameter, parameter{Name: "outcome", Resource: newOutcome(t.issues)})
	}
	b, err := encode(p)
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b)
	return nil
}

var errKind = errors.New("server: the loader did not say what it loaded")

// bundleResponse has one response for each entry, in their order.
func bundleResponse(kind Kind, entries []EntryResult) ([]byte, error) {
	head := fhir.BundleHead{Total: -1}
	switch kind {
	case Transaction:
		head.Type = "transaction-response"
	case Batch:
		head.Type = "batch-response"
	default:
		return nil, errKind
	}
	var b bytes.Buffer
	err := fhir.BundleResponse(&b, head, func() (e fhir.BundleEntry, ok bool) {
		if len(entries) == 0 {
			return e, false
		}
		e = responseOf(&entries[0])
		entries = entries[1:]
		return e, true
	})
	return b.Bytes(), err
}

func responseOf(e *EntryResult) fhir.BundleEntry {
	r := fhir.BundleEntry{Resource: e.Body, Status: strconv.Itoa(e.Status)}
	if text := http.StatusText(e.Status); text != "" {
		r.Status += " " + text
	}
	if e.Version > 0 {
		r.Location, r.ETag = location(e.Type, e.ID, e.Version), etag(e.Version)
	}
	if !e.Updated.IsZero() {
		r.LastModified = e.Updated.UTC().Format(time.RFC3339Nano)
	}
	if len(e.Issues) > 0 {
		r.Outcome = outcomeJSON((&Fault{Issues: e.Issues}).issues())
	}
	return r
}

func location(typ, id string, version uint64) string {
	return typ + "/" + id + "/_history/" + strconv.FormatUint(version, 10)
}

func etag(version uint64) string { return `W/"` + strconv.FormatUint(version, 10) + `"` }
