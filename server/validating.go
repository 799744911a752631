package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"ember/fhir/validate"
	"ember/server/auth"
)

// Validator reports on resources; *validate.Validator is it.
type Validator interface {
	Validate(src []byte, now time.Time) []validate.Issue
}

// validateRoutes are FHIR's $validate.
func (s *Server) validateRoutes() []route {
	return []route{
		{http.MethodPost, "/fhir/{type}/$validate", 0, false, classData, s.validating(s.validateGiven)},
		{http.MethodGet, "/fhir/{type}/{id}/$validate", auth.Read, false, classData, s.validating(s.validateStored)},
	}
}

// validating is a handler that needs the validator; without one nothing is there.
func (s *Server) validating(h func(context.Context, *call) error) func(context.Context, *call) error {
	if s.deps.Validator == nil {
		return func(context.Context, *call) error { return ErrNotFound }
	}
	return h
}

// validateGiven is POST /fhir/{type}/$validate: a report on a resource, which is not
// stored. The status says that there is a report, not that all is well.
func (s *Server) validateGiven(_ context.Context, c *call) error {
	typ, err := c.typeParam()
	if err != nil {
		return err
	}
	if _, err := c.form(false); err != nil {
		return err
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return &Fault{Status: http.StatusBadRequest, Code: "required", Detail: "the resource is missing", Hint: "send it as the body"}
	}
	var head struct {
		ResourceType string `json:"resourceType"`
		Parameter    []struct {
			Name     string          `json:"name"`
			Resource json.RawMessage `json:"resource"`
		} `json:"parameter"`
	}
	_ = json.Unmarshal(body, &head) // what is no JSON is reported
	profile := c.r.URL.Query().Has("profile")
	if head.ResourceType == "Parameters" && typ != "Parameters" {
		var given json.RawMessage
		for _, p := range head.Parameter {
			profile = profile || p.Name == "profile"
			if p.Name == "resource" {
				given = p.Resource
			}
		}
		if given != nil { // else the Parameters themselves are looked at
			body = given
			_ = json.Unmarshal(body, &head)
		}
	}
	issues := s.deps.Validator.Validate(body, c.begun)
	if head.ResourceType != typ {
		issues = append(issues, validate.Issue{Severity: "error", Code: "invalid", Text: "the resource is not of the type in the path"})
	}
	return c.sendReport(issues, profile)
}

// validateStored is GET /fhir/{type}/{id}/$validate: a report on what is on record, as it
// is given to readers.
func (s *Server) validateStored(ctx context.Context, c *call) error {
	typ, id, err := c.typeAndID()
	if err != nil {
		return err
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	r, err := c.stored(ctx, typ, id, 0, false)
	if err != nil {
		return err
	}
	return c.sendReport(s.deps.Validator.Validate(bytes.TrimSpace(r.Body), c.begun), c.r.URL.Query().Has("profile"))
}

// reportIssue is one issue of a report; line and column are HL7's extensions for it.
type reportIssue struct {
	Extension []reportPlace `json:"extension,omitempty"`
	outcomeIssue
}

type reportPlace struct {
	URL string `json:"url"`
	At  int    `json:"valueInteger"`
}

const (
	lineURL   = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
	columnURL = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col"
)

// sendReport writes a report as an OperationOutcome.
func (c *call) sendReport(issues []validate.Issue, profile bool) error {
	report := struct {
		ResourceType string        `json:"resourceType"`
		Issue        []reportIssue `json:"issue"`
	}{ResourceType: "OperationOutcome"}
	for _, i := range issues {
		r := reportIssue{outcomeIssue: outcomeIssue{Severity: i.Severity, Code: i.Code, Details: &textOnly{i.Text}}}
		if i.Line > 0 {
			r.Extension = []reportPlace{{lineURL, i.Line}, {columnURL, i.Column}}
		}
		if i.Expression != "" {
			r.Expression = []string{i.Expression}
		}
		report.Issue = append(report.Issue, r)
	}
	if profile {
		report.Issue = append(report.Issue, reportIssue{outcomeIssue: outcomeIssue{Severity: "warning", Code: "not-supported", Details: &textOnly{"no profile is looked at, only the base specification"}}})
	}
	if len(report.Issue) == 0 {
		report.Issue = []reportIssue{{outcomeIssue: outcomeIssue{Severity: "information", Code: "informational", Details: &textOnly{"nothing is wrong by the base specification"}}}}
	}
	b, err := encode(report)
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b)
	return nil
}
