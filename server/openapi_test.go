package server_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"ember/recommender"
	"ember/server"
)

// TestOpenAPI holds the document to the live routes, in both directions, and
// to the rules of OpenAPI 3.1.
func TestOpenAPI(t *testing.T) {
	h := open(t, server.Options{}, nil)
	w := h.do("GET /openapi.json", "")
	want(t, w, 200)
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %s", doc.OpenAPI)
	}
	var described []string
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			described = append(described, method+" "+path)
			if op.OperationID == "" || op.Summary == "" {
				t.Errorf("%s %s has no operationId or summary", method, path)
			}
		}
	}
	live := h.Routes()
	slices.Sort(described)
	slices.Sort(live)
	if !slices.Equal(live, described) {
		t.Errorf("routes  %v\ndescribed %v", live, described)
	}
	for _, line := range live {
		if w := h.do(strings.NewReplacer("{type}", "Patient", "{id}", "p1", "{vid}", "1").Replace(line), ""); w.Code == 405 || strings.Contains(w.Body.String(), "nothing at this path") {
			t.Errorf("%s is described and does not answer: %d", line, w.Code)
		}
	}
}

// TestAnswersMeetTheirSchemas checks real answers against the document.
func TestAnswersMeetTheirSchemas(t *testing.T) {
	h := open(t, server.Options{}, nil)
	doc, err := openapi3.NewLoader().LoadFromData(h.do("GET /openapi.json", "").Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	h.answer.Explained = &recommender.Explanation{Rank: 3, Outcome: "ranked below the limit", Item: h.answer.Items[0]}
	for line, schema := range map[string]string{
		"GET /v1/patients/p1/recommendations?want=tests&explain=1": "Recommendation",
		"GET /v1/search?q=x":                  "SearchResults",
		"GET /v1/status":                      "Status",
		"GET /readyz":                         "Readiness",
		"GET /nothing":                        "OperationOutcome",
		"GET /fhir/Patient/a%20b":             "OperationOutcome",
		"POST /v1/recommendations?want=tests": "Recommendation",
	} {
		body := ""
		if strings.HasPrefix(line, "POST") {
			body = patient
		}
		w := h.do(line, body)
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		ref := doc.Components.Schemas[schema]
		if err := ref.Value.VisitJSON(v); err != nil {
			t.Errorf("%s is no %s: %v", line, schema, err)
		}
		checkFields(t, line, ref, v)
	}
}

// checkFields finds fields of an answer that its schema does not name.
func checkFields(t *testing.T, at string, ref *openapi3.SchemaRef, v any) {
	t.Helper()
	s := ref.Value
	switch v := v.(type) {
	case map[string]any:
		if s.AdditionalProperties.Schema != nil {
			return
		}
		for name, value := range v {
			p := s.Properties[name]
			if p == nil {
				t.Errorf("%s: the field %s is not described", at, name)
				continue
			}
			checkFields(t, at+"."+name, p, value)
		}
	case []any:
		for _, value := range v {
			checkFields(t, at, s.Items, value)
		}
	}
}
