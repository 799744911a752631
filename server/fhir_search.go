package server

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ember/fhir"
	"ember/search"
	"ember/server/auth"
)

// findByURL is GET /fhir/{type}.
func (s *Server) findByURL(ctx context.Context, c *call) error {
	return c.find(ctx, c.r.URL.RawQuery)
}

// findByForm is POST /fhir/{type}/_search: parameters of the body and of the URL.
func (s *Server) findByForm(ctx context.Context, c *call) error {
	media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if c.r.Header.Get("Content-Type") != "" && (err != nil || media != "application/x-www-form-urlencoded") {
		return &Fault{Status: http.StatusUnsupportedMediaType, Code: "not-supported", Detail: "this Content-Type is not understood",
			Hint: "send the parameters as application/x-www-form-urlencoded"}
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(body))
	if c.r.URL.RawQuery != "" {
		text = c.r.URL.RawQuery + "&" + text
	}
	return c.find(ctx, text)
}

// find answers a search with one page.
func (c *call) find(ctx context.Context, text string) error {
	typ, err := c.typeParam()
	if err != nil {
		return err
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	b, err := c.searchset(ctx, typ, text)
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b)
	return nil
}

// query reads the parameters, or the cursor that stands for them.
func (c *call) query(typ, text string) (*search.Query, *search.Cursor, error) {
	if strings.Contains(text, "_cursor=") {
		v, err := url.ParseQuery(text)
		if err == nil && v.Get("_cursor") != "" {
			return c.s.deps.Finder.Resume(typ, v.Get("_cursor"))
		}
	}
	q, err := search.Parse(typ, text)
	if err != nil {
		return nil, nil, err
	}
	if len(q.Ignored) > 0 && strings.Contains(c.r.Header.Get("Prefer"), "handling=strict") {
		f := &Fault{Status: http.StatusBadRequest, Hint: "leave the parameter out, or send Prefer: handling=lenient; /fhir/metadata lists what is known"}
		for _, issue := range q.Ignored {
			issue.Severity = fhir.Error
			f.Issues = append(f.Issues, issue)
		}
		return nil, nil, f
	}
	return q, nil, nil
}

// scope is what of a search's answer the caller may see. A search over all patients
// needs the right to search; one that names patients only that to read.
func (c *call) scope(ctx context.Context, q *search.Query) (*search.Scope, error) {
	if c.who.Scoped() {
		return c.scopeOfScoped(ctx, q)
	}
	switch named := q.Patients(); {
	case c.who.Limited():
		return &search.Scope{Patients: c.who.Patients, Shared: nobodys}, nil
	case !c.who.Has(auth.Search) && len(named) > 0:
		return &search.Scope{Patients: named, Shared: nobodys}, nil
	case !c.who.Has(auth.Search) && nobodys(q.Type):
		return &search.Scope{Patients: []string{}, Shared: nobodys}, nil
	case !c.who.Has(auth.Search):
		return nil, c.deny(ctx, "", "the right search is missing for a search over all patients", "name a patient, as in patient=123, or give the token this right")
	case q.Plain() && (q.Type == "Patient" || nobodys(q.Type)):
		return nil, nil
	default: // who is named is asked about for their own care
		return &search.Scope{Hidden: func(patient string) bool {
			return !slices.Contains(named, patient) && c.s.deps.Finder.Refuses(patient)
		}}, nil
	}
}

// foundEntries are one audit entry for each patient of whom the answer shows
// something, or one when it shows nobody.
func (c *call) foundEntries(action auth.Action, typ string, page *Found) []auth.Entry {
	var entries []auth.Entry
	seen := map[string]bool{}
	for _, list := range [][]Resource{page.Matches, page.Included} {
		for i := range list {
			p := list[i].Patient
			if p == "" {
				p = patientOf(list[i].Type, list[i].ID)
			}
			if p != "" && !seen[p] {
				seen[p] = true
				entries = append(entries, c.entry(action, p, typ, http.StatusOK))
			}
		}
	}
	if len(entries) == 0 {
		entries = append(entries, c.entry(action, "", typ, http.StatusOK))
	}
	return entries
}

// base is the address of the FHIR interface as the client reached it.
func (c *call) base() string {
	if base := c.s.deps.SMART.Base; base != "" {
		return strings.TrimRight(base, "/")
	}
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host + "/fhir"
}

// answerEntry is find for an entry of a Bundle.
func (c *call) answerEntry(ctx context.Context, typ, text string) (status int, body []byte, issues []fhir.Issue) {
	b, err := c.searchset(ctx, typ, text)
	if err == nil {
		return http.StatusOK, b, nil
	}
	f := faultOf(err)
	if f.Detail != "" {
		issues = append(issues, fhir.Issue{Severity: fhir.Error, Code: f.Code, Detail: f.Detail})
	}
	return f.Status, nil, append(issues, f.Issues...)
}

// searchset is the page that answers a search, recorded.
func (c *call) searchset(ctx context.Context, typ, text string) ([]byte, error) {
	if c.s.deps.Finder == nil {
		return nil, ErrNotFound
	}
	if !typeName.MatchString(typ) {
		return nil, &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "the path holds no resource type"}
	}
	skip, own := 0, authoredType(typ)
	if own {
		var err error
		if text, skip, err = cutSkip(text); err != nil {
			return nil, err
		}
	}
	q, from, err := c.query(typ, text)
	if err != nil {
		return nil, err
	}
	q.SetBase(c.base() + "/")
	scope, err := c.scope(ctx, q)
	if err != nil {
		return nil, err
	}
	var page Found
	again := ""
	if own {
		page, again, err = c.findWithOwn(ctx, q, scope, from, skip)
	} else {
		page, err = c.s.deps.Finder.Find(ctx, q, scope, from)
	}
	if err != nil {
		return nil, err
	}
	if err := c.audit(ctx, c.foundEntries(auth.ActionSearch, q.Type, &page)...); err != nil {
		return nil, err
	}
	return c.page(q, &page, from != nil, again)
}

// page is a page as a searchset; again is the query of the next one, where no cursor is.
func (c *call) page(q *search.Query, page *Found, resumed bool, again string) ([]byte, error) {
	at := c.base() + "/" + q.Type
	head := fhir.BundleHead{Type: "searchset", Total: page.Total, Timestamp: c.begun.UTC().Format(time.RFC3339)}
	head.Self = at
	if resumed {
		head.Self += "?_cursor=" + url.QueryEscape(c.r.URL.Query().Get("_cursor"))
		head.First = cursorLink(at, page.First)
	} else if used := q.Used.Encode(); used != "" {
		head.Self += "?" + used
	}
	if !resumed {
		head.First = head.Self
	}
	if head.Next = cursorLink(at, page.Next); again != "" {
		head.Next = at + "?" + again
	}
	return c.writePage(head, page, subsetOf(q), pageIssues(q, page))
}

func cursorLink(at, cursor string) string {
	if cursor == "" {
		return ""
	}
	return at + "?_cursor=" + url.QueryEscape(cursor)
}

// pageIssues are what the client should know of how the page came about.
func pageIssues(q *search.Query, page *Found) []fhir.Issue {
	issues := slices.Clone(q.Ignored)
	if page.Cut {
		issues = append(issues, fhir.Issue{Severity: fhir.Warning, Code: "incomplete", Detail: "not everything that was to be included is"})
	}
	return issues
}

func (c *call) sendSearchset(head fhir.BundleHead, page *Found, shape func([]byte) []byte, issues []fhir.Issue) error {
	b, err := c.writePage(head, page, shape, issues)
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b)
	return nil
}

// writePage writes the entries: matches, then what is included, then the outcome.
func (c *call) writePage(head fhir.BundleHead, page *Found, shape func([]byte) []byte, issues []fhir.Issue) ([]byte, error) {
	var b bytes.Buffer
	i, n, m := 0, len(page.Matches), len(page.Included)
	base := c.base() + "/"
	err := fhir.BundleResponse(&b, head, func() (e fhir.BundleEntry, ok bool) {
		defer func() { i++ }()
		switch {
		case i < n:
			r := &page.Matches[i]
			return fhir.BundleEntry{FullURL: base + ref(r.Type, r.ID), Resource: shape(r.Body), Mode: "match"}, true
		case i < n+m:
			r := &page.Included[i-n]
			return fhir.BundleEntry{FullURL: base + ref(r.Type, r.ID), Resource: shape(r.Body), Mode: "include"}, true
		case i == n+m && len(issues) > 0:
			outcome := outcomeJSON((&Fault{Issues: issues}).issues())
			return fhir.BundleEntry{FullURL: "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceURL, outcome).String(), Resource: outcome, Mode: "outcome"}, true
		}
		return e, false
	})
	return b.Bytes(), err
}

// subsetOf is what _summary and _elements make of each resource.
func subsetOf(q *search.Query) func([]byte) []byte {
	switch {
	case len(q.Elements) > 0:
		return func(b []byte) []byte { return fhir.Elements(b, q.Elements) }
	case q.Summary == "true", q.Summary == "text", q.Summary == "data":
		return func(b []byte) []byte { return fhir.Summarized(b, q.Summary) }
	}
	return func(b []byte) []byte { return b }
}

// shaped is what _summary and _elements make of a resource that is read by its id.
func (c *call) shaped(typ string, body []byte, raw bool) ([]byte, error) {
	v := c.r.URL.Query()
	if raw || v.Get("_summary") == "" && v.Get("_elements") == "" {
		return body, nil
	}
	q, err := search.Parse(typ, url.Values{"_summary": v["_summary"], "_elements": v["_elements"]}.Encode())
	if err != nil {
		return nil, err
	}
	return subsetOf(q)(body), nil
}

// searchFault is the fault of a search that cannot be answered, nil for other errors.
func searchFault(err error) *Fault {
	var e *search.Error
	if !errors.As(err, &e) {
		return nil
	}
	status := http.StatusBadRequest
	if e.Code == "too-costly" {
		status = http.StatusUnprocessableEntity
	}
	return &Fault{Status: status, Code: e.Code, Detail: "the parameter " + safeName(e.Param) + ": " + e.Detail, Hint: e.Hint}
}

// safeName is a parameter's name as it may stand in a message.
func safeName(name string) string {
	if len(name) > 80 || strings.ContainsFunc(name, func(r rune) bool {
		return r != ' ' && r != '_' && r != '-' && r != '.' && r != ':' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return "of an unusual name"
	}
	return name
}

func interval(text string) (first, last int64, ok bool) {
	if i := strings.LastIndexByte(text, ' '); i > 10 { // an unescaped + before the zone
		text = text[:i] + "+" + text[i+1:]
	}
	return fhir.Interval([]byte(text))
}
