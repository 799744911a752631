package server

import (
	"regexp"

	"github.com/goccy/go-json"

	"ember/fhir"
)

type outcome struct {
	ResourceType string         `json:"resourceType"`
	Issue        []outcomeIssue `json:"issue"`
}

type outcomeIssue struct {
	Severity    string    `json:"severity"`
	Code        string    `json:"code"`
	Details     *textOnly `json:"details,omitempty"`
	Diagnostics string    `json:"diagnostics,omitempty"`
	Location    []string  `json:"location,omitempty"`
	Expression  []string  `json:"expression,omitempty"`
}

type textOnly struct {
	Text string `json:"text"`
}

// simplePath is what may stand as FHIRPath in an issue's expression.
var simplePath = regexp.MustCompile(`^[A-Za-z]+(\[\d+\])?(\.[A-Za-z]+(\[\d+\])?)*$`)

// newOutcomeIssue has the detail as text and the hint as diagnostics. A path
// that is no FHIRPath ("line 7") becomes a location.
func newOutcomeIssue(issue fhir.Issue, hint string) outcomeIssue {
	o := outcomeIssue{Severity: issue.Severity, Code: issue.Code, Diagnostics: hint}
	if o.Severity == "" {
		o.Severity = "error"
	}
	if o.Code == "" {
		o.Code = "processing"
	}
	if issue.Detail != "" {
		o.Details = &textOnly{issue.Detail}
	}
	switch {
	case issue.Path == "":
	case simplePath.MatchString(issue.Path):
		o.Expression = []string{issue.Path}
	default:
		o.Location = []string{issue.Path}
	}
	return o
}

func newOutcome(issues []fhir.Issue) *outcome {
	o := &outcome{ResourceType: "OperationOutcome"}
	for _, issue := range issues {
		o.Issue = append(o.Issue, newOutcomeIssue(issue, ""))
	}
	return o
}

// outcomeJSON is an OperationOutcome; issues must not be empty.
func outcomeJSON(issues []outcomeIssue) []byte {
	b, err := encode(outcome{"OperationOutcome", issues})
	if err != nil {
		return []byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}`)
	}
	return b
}

// encode is JSON as clients outside of HTML pages expect it: < stays <.
func encode(v any) ([]byte, error) {
	return json.MarshalWithOption(v, json.DisableHTMLEscape())
}
