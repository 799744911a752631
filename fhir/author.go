package fhir

import (
	"encoding/json"
	"fmt"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// Encode writes a resource that Ember authors. The models write mandatory-looking
// objects that are not there ("medicationReference":{}); Encode drops everything
// empty, which FHIR does not allow anywhere, and refuses what is then no valid
// resource. Required codes must be set by the author: the models cannot leave
// them out. It is not for resources that were received.
func Encode(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("fhir: encoding %T: %w", v, err)
	}
	out, _ := prune(make([]byte, 0, len(raw)), &cursor{b: raw})
	var h Header
	if Refused(Scan(out, &h)) {
		return nil, fmt.Errorf("fhir: encoding %T: not a resource", v)
	}
	return out, nil
}

// prune appends the value at the cursor without empty strings, objects, arrays
// and nulls, and reports whether anything is left.
func prune(dst []byte, c *cursor) ([]byte, bool) {
	start := len(dst)
	i := skipSpace(c.b, c.i)
	if i >= len(c.b) {
		return dst, false
	}
	some := false
	switch c.b[i] {
	case '{':
		dst = append(dst, '{')
		for k := c.open(); k != nil; k = c.next() {
			before := len(dst)
			if some {
				dst = append(dst, ',')
			}
			dst = append(append(append(dst, '"'), appendQuoted(nil, string(k))...), '"', ':')
			kept := false
			if dst, kept = prune(dst, c); kept {
				some = true
			} else {
				dst = dst[:before]
			}
		}
		dst = append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for ok := c.first(); ok; ok = c.more() {
			before := len(dst)
			if some {
				dst = append(dst, ',')
			}
			kept := false
			if dst, kept = prune(dst, c); kept {
				some = true
			} else {
				dst = dst[:before]
			}
		}
		dst = append(dst, ']')
	default:
		raw := c.raw()
		if some = len(raw) > 0 && string(raw) != "null" && string(raw) != `""`; some {
			dst = append(dst, raw...)
		}
	}
	if !some {
		return dst[:start], false
	}
	return dst, true
}

// OutcomeJSON is an OperationOutcome with the issues, or with one that says all
// is well when there is none. Codes that FHIR does not know become "processing".
func OutcomeJSON(issues []Issue) []byte {
	out, err := Encode(outcomeOf(issues))
	if err != nil { // strings and codes always encode
		return []byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}`)
	}
	return out
}

func outcomeOf(issues []Issue) fhir.OperationOutcome {
	if len(issues) == 0 {
		issues = []Issue{{Severity: Information, Code: "informational", Detail: "all ok"}}
	}
	o := fhir.OperationOutcome{Issue: make([]fhir.OperationOutcomeIssue, len(issues))}
	for i, issue := range issues {
		o.Issue[i] = fhir.OperationOutcomeIssue{Severity: severity(issue.Severity), Code: issueType(issue.Code)}
		if issue.Detail != "" {
			o.Issue[i].Diagnostics = &issue.Detail
		}
		if issue.Path != "" {
			o.Issue[i].Expression = []string{issue.Path}
		}
	}
	return o
}

func severity(s string) fhir.IssueSeverity {
	v := fhir.IssueSeverityError
	_ = v.UnmarshalJSON([]byte(s))
	return v
}

func issueType(s string) fhir.IssueType {
	v := fhir.IssueTypeProcessing
	_ = v.UnmarshalJSON([]byte(s))
	return v
}
