package server

import (
	"context"
	"net/http"
	"strings"

	"ember/cohort"
	"ember/server/auth"
)

// The routes here name patients. Each patient named has an audit entry of his own.

const (
	defaultMembers = 100
	mostMembers    = 1000
	exportPage     = 10_000
)

func (c *call) namedPatients(ctx context.Context, cohortName string, ids []string) error {
	resource := ""
	if cohortName != "" {
		resource = "Cohort/" + cohortName
	}
	entries := []auth.Entry{c.entry(auth.ActionCohort, "", resource, http.StatusOK)}
	for _, id := range ids {
		entries = append(entries, c.entry(auth.ActionCohort, id, resource, http.StatusOK))
	}
	return c.audit(ctx, entries...)
}

// cohortMembers is GET /v1/cohorts/{name}/members.
func (s *Server) cohortMembers(ctx context.Context, c *call) error {
	name, v := c.params.ByName("name"), c.r.URL.Query()
	after, _, err := one(v, "after")
	if err != nil {
		return err
	}
	limit, err := wholeNumber(v, "limit", defaultMembers, mostMembers)
	if err != nil {
		return err
	}
	ids, more, err := s.deps.Cohorts.Members(ctx, name, strings.TrimPrefix(after, "Patient/"), limit)
	if err != nil {
		return err
	}
	if err := c.namedPatients(ctx, name, ids); err != nil {
		return err
	}
	out := struct {
		Members []string `json:"members"`
		Next    string   `json:"next,omitempty"`
	}{Members: []string{}}
	for _, id := range ids {
		out.Members = append(out.Members, "Patient/"+id)
	}
	if more {
		out.Next = out.Members[len(ids)-1]
	}
	return c.answer(http.StatusOK, out)
}

type evidenceJSON struct {
	Source string    `json:"source"`
	Kind   string    `json:"kind"`
	Code   *codeJSON `json:"code,omitempty"`
	Text   string    `json:"text,omitempty"`
	Day    string    `json:"day,omitempty"`
	Value  *float64  `json:"value,omitempty"`
	Unit   string    `json:"unit,omitempty"`
	Step   string    `json:"step,omitempty"`
	Weight *float64  `json:"weight,omitempty"`
}

type reasonJSON struct {
	placeJSON
	Criterion string         `json:"criterion"`
	Denied    bool           `json:"denied"`
	Holds     bool           `json:"holds"`
	Evidence  []evidenceJSON `json:"evidence"`
}

type whyJSON struct {
	Patient string       `json:"patient"`
	Matches bool         `json:"matches"`
	Reasons []reasonJSON `json:"reasons"`
}

func whyOf(patient, text string, w cohort.Why) whyJSON {
	out := whyJSON{"Patient/" + patient, w.Matches, []reasonJSON{}}
	for _, r := range w.Reasons {
		one := reasonJSON{placeOf(r.Offset, r.Path, text), r.Text, r.Denied, r.Holds, []evidenceJSON{}}
		for _, e := range r.Evidence {
			ev := evidenceJSON{Source: e.Source, Kind: e.Kind, Text: e.Text, Day: e.Day, Value: e.Value, Unit: e.Unit, Step: e.Criteria, Weight: e.Weight}
			if !e.Code.Zero() {
				code := coded(e.Code)
				ev.Code = &code
			}
			one.Evidence = append(one.Evidence, ev)
		}
		out.Reasons = append(out.Reasons, one)
	}
	return out
}

// askWhy is POST /v1/cohorts/why.
func (s *Server) askWhy(ctx context.Context, c *call) error {
	q, asked, err := c.definition()
	if err != nil {
		return err
	}
	return c.why(ctx, q.Patient, "", q.Text, asked)
}

// memberWhy is GET /v1/cohorts/{name}/why?patient=….
func (s *Server) memberWhy(ctx context.Context, c *call) error {
	name := c.params.ByName("name")
	saved, err := s.deps.Cohorts.Show(name)
	if err != nil {
		return err
	}
	patient, _, err := one(c.r.URL.Query(), "patient")
	if err != nil {
		return err
	}
	criterion, err := cohort.Decode(saved.Definition)
	if err != nil {
		return err
	}
	return c.why(ctx, patient, name, "", cohort.Question{Criterion: criterion, Now: c.begun, Named: true})
}

func (c *call) why(ctx context.Context, patient, cohortName, text string, q cohort.Question) error {
	patient = strings.TrimPrefix(patient, "Patient/")
	if !logicalID.MatchString(patient) {
		return badParameter("patient", "an id, as in Patient/123")
	}
	w, err := c.s.deps.Cohorts.Why(ctx, q, patient)
	if err != nil {
		if aerr := c.audit(context.WithoutCancel(ctx), c.entry(auth.ActionCohort, patient, "", faultOf(err).Status)); aerr != nil {
			return aerr
		}
		return placed(err, text)
	}
	if err := c.namedPatients(ctx, cohortName, append([]string{patient}, cohort.Named(q.Criterion)...)); err != nil {
		return err
	}
	return c.answer(http.StatusOK, whyOf(patient, text, w))
}
