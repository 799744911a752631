package cds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// What is read of a client's FHIR server for one answer.
const (
	mostPages     = 5        // beyond the first, of one query
	mostPageBytes = 20 << 20 // of one answer
	mostBytes     = 48 << 20 // of all answers together
	mostAtOnce    = 4        // queries
	// fetchShare is the part of the deadline that reading may take; the rest is for
	// thinking about what came.
	fetchShare = .6
)

var (
	errNotAllowed = errors.New("cds: the address is not one of the FHIR servers that this site allows")
	errNoAnswer   = errors.New("cds: the client's FHIR server gave no resource")
)

// newClient follows no redirects: they could lead anywhere.
func newClient() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: 2 * time.Second}).DialContext, TLSHandshakeTimeout: 2 * time.Second,
			MaxIdleConnsPerHost: 16, MaxConnsPerHost: 64, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10},
	}
}

// checkServer refuses a setting that is no base address of a FHIR server.
func checkServer(base string) error {
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("cds: %q is no base address of a FHIR server, as https://ehr.example.org/fhir", base)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("cds: the base address of a FHIR server holds nothing but scheme, host and path")
	}
	return nil
}

// allowed is the setting that lets an address be read, "" when none does. Scheme, host
// and port must be the same, and the path must begin with the setting's.
func (s *Service) allowed(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || strings.Contains(u.Path, "..") {
		return ""
	}
	i := slices.IndexFunc(s.opt.Servers, func(base string) bool {
		b, err := url.Parse(base)
		path := strings.TrimRight(u.Path, "/") + "/"
		return err == nil && strings.EqualFold(b.Scheme, u.Scheme) && strings.EqualFold(b.Host, u.Host) && strings.HasPrefix(path, strings.TrimRight(b.Path, "/")+"/")
	})
	if i < 0 {
		return ""
	}
	return s.opt.Servers[i]
}

// queries are what the prefetch lacks and its further pages, as far as they may be read
// from the client's FHIR server.
func (s *Service) queries(r *Request, c *collection) (todo []page) {
	missing := c.missing(r)
	switch {
	case r.server == "":
	case s.allowed(r.server) == "":
		if len(missing)+len(c.refs) > 0 {
			c.note("the client's FHIR server is not one that this site allows to read")
		}
	default:
		for _, key := range missing {
			if key != "encounter" || r.Encounter != "" {
				todo = append(todo, page{key, r.server + "/" + r.fill(template(key, 0)), true})
			}
		}
		for _, ref := range c.refs {
			todo = append(todo, page{"", r.server + "/" + ref, true})
		}
	}
	return append(todo, c.next...)
}

// fetch reads queries as far as they come in time. What does not is noted.
func (s *Service) fetch(ctx context.Context, r *Request, c *collection, todo []page) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(fetchShare*float64(s.opt.Deadline)))
	defer cancel()
	pages := make([][]json.RawMessage, len(todo))
	whole := make([]error, len(todo))
	var g errgroup.Group
	g.SetLimit(mostAtOnce)
	var left atomic.Int64
	left.Store(mostBytes)
	for i, p := range todo {
		budget := mostPages
		if p.first {
			budget++
		}
		g.Go(func() error {
			pages[i], whole[i] = s.pages(ctx, r, p.url, budget, &left)
			return nil
		})
	}
	_ = g.Wait() // the functions give no errors
	for i, p := range todo {
		c.fetched(p, pages[i], whole[i])
	}
}

// fetched takes what came for a query.
func (c *collection) fetched(p page, pages []json.RawMessage, err error) {
	what := name(p.key)
	if p.key == "" {
		what = "an order that is referred to"
	}
	for _, raw := range pages {
		if isBundle(raw) {
			c.bundle(what, raw)
			continue
		}
		typ := c.typeOf(raw)
		r := resource{raw: raw, typ: typ, id: c.header.ID}
		if ref := r.typ + "/" + r.id; p.key == "" && slices.Contains(c.refs, ref) {
			c.draft("the order", r)
			continue
		}
		c.add(r)
	}
	switch {
	case err != nil && p.first && len(pages) == 0:
		c.note(what + " could not be read from the client's FHIR server")
	case err != nil:
		c.note(what + ": further pages could not be read")
		c.answered[p.key] = true
	default:
		c.answered[p.key] = true
	}
}

// missing are the prefetch keys that the client did not answer.
func (c *collection) missing(r *Request) []string {
	var keys []string
	for _, key := range r.offer.keysAt(r.hook) {
		if !c.answered[key] {
			keys = append(keys, key)
		}
	}
	return keys
}

// fill puts the context into a template.
func (r *Request) fill(query string) string {
	return strings.NewReplacer("{{context.patientId}}", url.QueryEscape(r.Patient), "{{context.encounterId}}", url.QueryEscape(r.Encounter)).Replace(query)
}

// pages reads an address and the pages that follow it, most of them, while bytes are left.
func (s *Service) pages(ctx context.Context, r *Request, address string, most int, left *atomic.Int64) (all []json.RawMessage, err error) {
	for ; address != ""; most-- {
		if most == 0 {
			return all, errNoAnswer
		}
		raw, next, err := s.get(ctx, r, address, left)
		if err != nil {
			return all, err
		}
		all = append(all, raw)
		address = next
	}
	return all, nil
}

// get reads one resource. The token is sent to allowed addresses only.
func (s *Service) get(ctx context.Context, r *Request, address string, left *atomic.Int64) (raw json.RawMessage, next string, err error) {
	if r.server != "" { // links may be relative
		if b, err := url.Parse(r.server + "/"); err == nil {
			if u, err := b.Parse(address); err == nil {
				address = u.String()
			}
		}
	}
	if left.Load() <= 0 {
		return nil, "", errNoAnswer
	}
	if s.allowed(address) == "" || r.server == "" || s.allowed(r.server) != s.allowed(address) {
		return nil, "", errNotAllowed
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, "", errNotAllowed
	}
	req.Header.Set("Accept", "application/fhir+json")
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, "", errNoAnswer // its text holds the address
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, "", errNoAnswer
	}
	body, err := io.ReadAll(&budgeted{io.LimitReader(resp.Body, mostPageBytes+1), left})
	if err != nil || len(body) > mostPageBytes {
		return nil, "", errNoAnswer
	}
	return resourceIn(body)
}

// budgeted reads while bytes are left for all who read for one answer.
type budgeted struct {
	from io.Reader
	left *atomic.Int64
}

// Read implements io.Reader.
func (b *budgeted) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.left.Add(-int64(n)) < 0 {
		return n, errNoAnswer
	}
	return n, err
}

// resourceIn refuses what is no resource, such as a page for people.
func resourceIn(body []byte) (raw json.RawMessage, next string, err error) {
	if !json.Valid(body) {
		return nil, "", errNoAnswer
	}
	switch typ, _ := text(member(body, "resourceType")); typ {
	case "", "OperationOutcome":
		return nil, "", errNoAnswer
	case "Bundle":
		next, _ = entries(body, func(int, json.RawMessage, string) {})
	}
	return body, next, nil
}
