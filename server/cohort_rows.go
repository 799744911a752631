package server

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"time"

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

// exportCohort is GET /v1/cohorts/{name}/export?format=group|csv: all members, as a
// FHIR Group or a column of ids.
func (s *Server) exportCohort(ctx context.Context, c *call) error {
	name := c.params.ByName("name")
	format, _, err := one(c.r.URL.Query(), "format")
	if err != nil {
		return err
	}
	if format == "" {
		format = "group"
	}
	if format != "group" && format != "csv" {
		return badParameter("format", "group or csv")
	}
	saved, err := s.deps.Cohorts.Show(name)
	if err != nil {
		return err
	}
	var ids []string
	for more, after := true, ""; more; {
		var page []string
		if page, more, err = s.deps.Cohorts.Members(ctx, name, after, exportPage); err != nil {
			return err
		}
		if ids = append(ids, page...); len(page) > 0 {
			after = page[len(page)-1]
		}
	}
	if err := c.namedPatients(ctx, name, ids); err != nil {
		return err
	}
	if format == "csv" {
		return c.sendColumn(name, ids)
	}
	body, err := groupOf(saved, ids)
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, body)
	return nil
}

func (c *call) sendColumn(name string, ids []string) error {
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{{"patient"}}
	for _, id := range ids {
		rows = append(rows, []string{id})
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	c.w.Header()["Content-Disposition"] = []string{`attachment; filename="` + name + `.csv"`}
	c.send(http.StatusOK, "text/csv; charset=utf-8", []byte(b.String()))
	return nil
}

// groupOf is a FHIR Group of persons, as R4 has it. The definition is its text and an
// extension's value, since characteristics cannot say it.
func groupOf(s cohort.Saved, ids []string) ([]byte, error) {
	type reference struct {
		Reference string `json:"reference"`
	}
	type member struct {
		Entity reference `json:"entity"`
	}
	type extension struct {
		URL         string `json:"url"`
		ValueString string `json:"valueString"`
	}
	group := struct {
		ResourceType string            `json:"resourceType"`
		ID           string            `json:"id,omitempty"`
		Meta         map[string]string `json:"meta"`
		Extension    []extension       `json:"extension"`
		Identifier   []map[string]any  `json:"identifier"`
		Active       bool              `json:"active"`
		Type         string            `json:"type"`
		Actual       bool              `json:"actual"`
		Name         string            `json:"name"`
		Quantity     int               `json:"quantity"`
		Member       []member          `json:"member,omitempty"`
	}{
		ResourceType: "Group", Meta: map[string]string{"lastUpdated": s.Made.Format(time.RFC3339)},
		Extension:  []extension{{"urn:ember:cohort-definition", s.Text}},
		Identifier: []map[string]any{{"system": "urn:ember:cohort", "value": s.Name}},
		Active:     true, Type: "person", Actual: true, Name: s.Name, Quantity: len(ids),
	}
	if id := strings.ReplaceAll(s.Name, "_", "-"); logicalID.MatchString(id) {
		group.ID = id
	}
	for _, id := range ids {
		group.Member = append(group.Member, member{reference{"Patient/" + id}})
	}
	return json.Marshal(group)
}
