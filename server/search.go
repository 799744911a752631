package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"ember/record"
	"ember/server/auth"
)

const (
	defaultHits = 20
	mostWords   = 1000
)

// search is GET /v1/search.
func (s *Server) search(ctx context.Context, c *call) error {
	q, err := parseSearch(c.r.URL.Query())
	if err != nil {
		return err
	}
	if err := c.accept(plainJSON); err != nil {
		return err
	}
	if err := c.maySearchText(ctx, &q); err != nil {
		return err
	}
	results, err := s.deps.Searcher.Search(ctx, q)
	if err != nil {
		return err
	}
	if err := c.audit(ctx, c.searchEntries(&results)...); err != nil {
		return err
	}
	c.send(http.StatusOK, plainJSON, appendHits(nil, q, &results))
	return nil
}

// maySearchText holds a search in words to what scopes allow: over everything of the
// patients that they are about, since a word may stand anywhere.
func (c *call) maySearchText(ctx context.Context, q *SearchQuery) error {
	if !c.who.Scoped() {
		return nil
	}
	patients := []string{""} // who is not named: everybody
	if c.who.Limited() {
		q.Patients, patients = c.who.Patients, c.who.Patients
	}
	for _, p := range patients {
		if err := c.mayAdvise(ctx, p, true); err != nil {
			return err
		}
	}
	return nil
}

// searchEntries are one entry for each patient the answer names, or one when
// it names nobody.
func (c *call) searchEntries(r *SearchResults) []auth.Entry {
	seen := map[string]bool{}
	var entries []auth.Entry
	add := func(patient, source string) {
		if patient != "" && !seen[patient] {
			seen[patient] = true
			entries = append(entries, c.entry(auth.ActionSearch, patient, source, http.StatusOK))
		}
	}
	for _, hit := range r.Notes {
		add(hit.Patient, hit.Source)
	}
	for _, hit := range r.Patients {
		add(hit.Patient, "")
	}
	if len(entries) == 0 {
		entries = append(entries, c.entry(auth.ActionSearch, "", "", http.StatusOK))
	}
	return entries
}

// parseSearch reads q, limit and kind.
func parseSearch(v url.Values) (q SearchQuery, err error) {
	if q.Text, _, err = one(v, "q"); err != nil {
		return q, err
	}
	q.Text = strings.TrimSpace(q.Text)
	if q.Text == "" || len(q.Text) > mostWords || !utf8.ValidString(q.Text) {
		return q, badParameter("q", "1 to 1000 bytes of UTF-8, as in q=heart+failure")
	}
	if q.Limit, err = parseLimit(v); err != nil {
		return q, err
	}
	if v.Get("limit") == "" {
		q.Limit = defaultHits
	}
	kind, _, err := one(v, "kind")
	if err != nil {
		return q, err
	}
	q.Kinds, err = kindsOf(kind)
	return q, err
}

// kindsOf parses a list of event kinds by commas.
func kindsOf(text string) ([]record.Kind, error) {
	if text == "" {
		return nil, nil
	}
	var kinds []record.Kind
	for name := range strings.SplitSeq(text, ",") {
		k, ok := record.ParseKind(name)
		if !ok {
			return nil, badParameter("kind", "names of kinds by commas: condition, finding, medication, procedure, test, allergy, immunization, family-history, plan")
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// appendHits is the JSON of the results.
func appendHits(b []byte, q SearchQuery, r *SearchResults) []byte {
	b = text(b, `{"query":`, q.Text)
	b = append(b, `,"total":`...)
	b = strconv.AppendInt(b, int64(r.Total), 10)
	b = array(b, `,"concepts":`, len(r.Concepts), func(b []byte, i int) []byte {
		hit := &r.Concepts[i]
		b = appendCode(b, `{"code":`, hit.Code)
		b = text(b, `,"kind":`, hit.Kind.String())
		b = append(b, `,"patients":`...)
		return append(strconv.AppendInt(b, int64(hit.Patients), 10), '}')
	})
	b = array(b, `,"patients":`, len(r.Patients), func(b []byte, i int) []byte {
		hit := &r.Patients[i]
		b = text(b, `{"patient":`, "Patient/"+hit.Patient)
		b = number(b, `,"score":`, hit.Score)
		return append(texts(b, `,"why":`, hit.Why), '}')
	})
	b = array(b, `,"notes":`, len(r.Notes), func(b []byte, i int) []byte {
		hit := &r.Notes[i]
		b = text(b, `{"source":`, hit.Source)
		b = text(b, `,"patient":`, "Patient/"+hit.Patient)
		b = number(b, `,"score":`, hit.Score)
		return append(text(b, `,"fragment":`, hit.Fragment), '}')
	})
	return append(texts(b, `,"degraded":`, r.Degraded), '}')
}
