package cds

import (
	"net/http"
)

// Problem is a request that cannot be answered. Its texts hold no values of patients.
type Problem struct {
	Status int
	Code   string // of FHIR's issue-type value set
	Path   string // where in the request, "context.patientId"; "" = the whole
	Detail string
	Hint   string
}

// Error is the detail with its path.
func (p *Problem) Error() string {
	if p.Path == "" {
		return "cds: " + p.Detail
	}
	return "cds: " + p.Path + ": " + p.Detail
}

func badRequest(code, path, detail, hint string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: code, Path: path, Detail: detail, Hint: hint}
}
