package server

import (
	"context"
	"net/http"
	"net/url"
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
	results, err := s.deps.Searcher.Search(ctx, q)
	if err != nil {
		return err
	}
	if err := c.audit(ctx, c.searchEntries(&results)...); err != nil {
		return err
	}
	return c.sendJSON(http.StatusOK, newSearchAnswer(q, &results))
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

type searchAnswer struct {
	Query    string          `json:"query"`
	Total    int             `json:"total"`
	Concepts []conceptAnswer `json:"concepts"`
	Patients []patientAnswer `json:"patients"`
	Notes    []noteAnswer    `json:"notes"`
	Degraded []string        `json:"degraded"`
}

type conceptAnswer struct {
	Code     codeAnswer `json:"code"`
	Kind     string     `json:"kind"`
	Patients int        `json:"patients"`
}

type patientAnswer struct {
	Patient string   `json:"patient"`
	Score   float64  `json:"score"`
	Why     []string `json:"why"`
}

type noteAnswer struct {
	Source   string  `json:"source"`
	Patient  string  `json:"patient"`
	Score    float64 `json:"score"`
	Fragment string  `json:"fragment"`
}

func newSearchAnswer(q SearchQuery, r *SearchResults) searchAnswer {
	a := searchAnswer{Query: q.Text, Total: r.Total, Degraded: list(r.Degraded),
		Concepts: make([]conceptAnswer, len(r.Concepts)),
		Patients: make([]patientAnswer, len(r.Patients)),
		Notes:    make([]noteAnswer, len(r.Notes))}
	for i, hit := range r.Concepts {
		a.Concepts[i] = conceptAnswer{newCode(hit.Code), hit.Kind.String(), hit.Patients}
	}
	for i, hit := range r.Patients {
		a.Patients[i] = patientAnswer{"Patient/" + hit.Patient, hit.Score, list(hit.Why)}
	}
	for i, hit := range r.Notes {
		a.Notes[i] = noteAnswer{hit.Source, "Patient/" + hit.Patient, hit.Score, hit.Fragment}
	}
	return a
}
