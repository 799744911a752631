package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"ember/cohort"
	"ember/index"
	"ember/record"
	"ember/server"
	"ember/terms"
)

// shelf keeps saved cohorts in memory.
type shelf struct {
	heads   map[string][]byte
	members map[string][]string
}

func (s shelf) Save(name string, head []byte, members []string) error {
	s.heads[name], s.members[name] = head, members
	return nil
}

func (s shelf) Head(name string) ([]byte, error) {
	if h, ok := s.heads[name]; ok {
		return h, nil
	}
	return nil, cohort.ErrNotFound
}

func (s shelf) Members(_ context.Context, name string) ([]string, error) { return s.members[name], nil }

func (s shelf) Names() (names []string, err error) {
	for name := range s.heads {
		names = append(names, name)
	}
	return names, nil
}

func (s shelf) Delete(name string) error { delete(s.heads, name); return nil }

// withCohorts is a server over 30 people with a condition and a value.
func withCohorts(t *testing.T, budget int) house {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	timelines := map[string]record.Timeline{}
	var docs []index.Document
	for i := range 30 {
		tl := record.Timeline{Person: record.Person{ID: fmt.Sprint("p", i), Sex: record.Female, Born: record.Date{Year: int16(1940 + i)}}, Events: []record.Event{
			{Kind: record.Condition, Concept: record.Code{System: record.ICD10CM, Value: "E11", Display: "Diabetes"}, Known: now.AddDate(-1, 0, 0), Source: fmt.Sprint("Condition/", i)},
			{Kind: record.Test, Concept: record.Code{System: record.LOINC, Value: "4548-4", Display: "HbA1c"}, Known: now.AddDate(0, -1, 0), Value: 6 + float64(i%5), HasValue: true, Unit: "%", Source: fmt.Sprint("Observation/", i)}}}
		timelines[tl.Person.ID] = tl
		docs = append(docs, index.Document{Timeline: tl})
	}
	if err := x.Apply(docs, nil, 1); err != nil {
		t.Fatal(err)
	}
	kept := shelf{map[string][]byte{}, map[string][]string{}}
	service, err := cohort.NewService(cohort.Options{Index: x, Terms: tt, Timeline: func(_ context.Context, id string) (record.Timeline, error) {
		if tl, ok := timelines[id]; ok {
			return tl, nil
		}
		return record.Timeline{}, cohort.ErrNotFound
	}}, budget, kept, kept)
	if err != nil {
		t.Fatal(err)
	}
	return openWith(t, server.Options{}, nil, service)
}

// TestCohortAnswersMeetTheirSchemas checks real answers against the document.
func TestCohortAnswersMeetTheirSchemas(t *testing.T) {
	h := withCohorts(t, 100)
	doc, err := openapi3.NewLoader().LoadFromData(h.do("GET /openapi.json", "").Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ line, body, schema string }{
		{"POST /v1/cohorts/count", `{"text":"condition:diabetes lab:HbA1c>7 lab:nosuchthing"}`, "CohortAnswer"},
		{"POST /v1/cohorts/facets", `{"text":"condition:diabetes"}`, "CohortAnswer"},
		{"POST /v1/cohorts/compare", `{"a":{"text":"condition:diabetes"},"b":{"text":"lab:HbA1c<9"}}`, "CohortComparison"},
		{"POST /v1/cohorts/compare", `{"a":{"text":"condition:diabetes"},"b":{"text":"lab:"}}`, "OperationOutcome"},
		{"POST /v1/cohorts", `{"name":"a","definition":{"all":[{"event":{"kind":"condition","under":"E11"}},{"sequence":[{"event":{"kind":"condition"}},{"event":{"kind":"test"},"within":"3y"}]}]}}`, "SavedCohort"},
		{"GET /v1/cohorts", "", "SavedCohorts"},
		{"GET /v1/cohorts/a", "", "SavedCohort"},
		{"GET /v1/cohorts/a?rerun=true", "", "SavedCohort"},
		{"GET /v1/cohorts/a/members?limit=3", "", "CohortMembers"},
		{"GET /v1/cohorts/a/why?patient=Patient/p3", "", "CohortWhy"},
		{"POST /v1/cohorts/why", `{"patient":"p4","text":"condition:diabetes -lab:HbA1c>9 age:>20"}`, "CohortWhy"},
		{"GET /v1/cohorts/names?q=diab", "", "CohortNames"},
		{"GET /v1/cohorts/a/export", "", "Resource"},
		{"POST /v1/cohorts/count", `{"text":"nonsense"}`, "OperationOutcome"},
	} {
		w := h.do(c.line, c.body)
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v: %s", c.line, err, w.Body)
		}
		ref := doc.Components.Schemas[c.schema]
		if err := ref.Value.VisitJSON(v); err != nil {
			t.Errorf("%s is no %s: %v", c.line, c.schema, err)
		}
		if c.schema != "Resource" {
			checkFields(t, c.line, ref, v)
		}
	}
}

// TestCohortRequests holds statuses to what was sent.
func TestCohortRequests(t *testing.T) {
	h := withCohorts(t, 2)
	for _, c := range []struct {
		line, body string
		status     int
		says       string
	}{
		{"POST /v1/cohorts/count", `{"text":"condition:diabetes"}`, 200, `"count":30,"suppressed":false`},
		{"POST /v1/cohorts/count", `{"text":"lab:HbA1c>9"}`, 200, `"count":null,"suppressed":true`},
		{"POST /v1/cohorts/count", `{"text":"lab:HbA1c>7"}`, 429, "as many different cohorts"},
		{"POST /v1/cohorts/count", `{"text":"condition.under:E11"}`, 200, `"count":30`},
		{"POST /v1/cohorts/count", `{"text":""}`, 400, "the definition is empty"},
		{"POST /v1/cohorts/count", `nonsense`, 400, ""},
		{"POST /v1/cohorts/compare", `{"a":{"text":"condition:diabetes"},"b":{"text":"condition:diabetes sex:femal"}}`, 400, `"b.text:20"`},
		{"POST /v1/cohorts/compare", `{"a":{"definition":{"sex":"x"}},"b":{"text":"sex:femal"}}`, 400, `"a.definition.sex"`},
		{"POST /v1/cohorts/why", `{"patient":"a b","text":"sex:female"}`, 400, "patient"},
		{"POST /v1/cohorts/why", `{"patient":"nobody","text":"sex:female"}`, 404, ""},
		{"GET /v1/cohorts/none", "", 404, "not found"},
		{"DELETE /v1/cohorts/none", "", 404, "not found"},
		{"GET /v1/cohorts/none?rerun=perhaps", "", 400, "rerun"},
	} {
		if w := h.do(c.line, c.body); w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s: %d %s", c.line, c.body, w.Code, w.Body)
		}
	}
	if w := h.do("POST /v1/cohorts/count", "condition:diabetes", "Content-Type: text/plain; charset=utf-8"); w.Code != 200 || !strings.Contains(w.Body.String(), `"count":30`) {
		t.Errorf("as plain text: %d %s", w.Code, w.Body)
	}
}
