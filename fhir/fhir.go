// Package fhir reads and writes FHIR R4. It splits what arrives into resources
// ([Read], [Walk]), looks at each once without decoding it ([Scan]), describes
// what a server must change as splices beside the received bytes ([Splice],
// [Apply]), maps a patient's resources to a timeline ([Mapper]), and writes the
// few resources Ember authors ([OutcomeJSON], [BundleResponse]).
//
// Its invariant: received bytes are never re-encoded. Outside the splices they
// stay what they were, and typed structs are views that are thrown away.
//
// Reading is tolerant: unusable input becomes an [Issue] that names the entry
// and the element, and everything else is kept. Issues and errors never contain
// values of patients.
package fhir

import (
	"errors"
	"fmt"
)

// Severities of issues, as in OperationOutcome.issue.severity.
const (
	// Fatal: the document could not be read to its end.
	Fatal = "fatal"
	// Error: the resource must not be stored or used.
	Error = "error"
	// Warning: one element was left out, the rest of the resource is used.
	Warning = "warning"
	// Information: nothing was lost.
	Information = "information"
)

// Issue is one thing that is wrong with what was read, in the terms of
// OperationOutcome.issue. Code is from FHIR's issue-type value set. Path names
// the element ("Bundle.entry[3].resource.onsetDateTime", "line 7: Patient.id").
type Issue struct{ Severity, Code, Path, Detail string }

// Refused reports whether any of the issues is an error, so that the resource
// they belong to must not be used.
func Refused(issues []Issue) bool {
	for i := range issues {
		if issues[i].Severity == Error || issues[i].Severity == Fatal {
			return true
		}
	}
	return false
}

// Errors of [Read] and [Walk]; the server maps them to 413.
var (
	// ErrTooLarge: a document or a line is longer than Limits.MaxBytes, or a
	// Bundle has more than Limits.MaxEntries entries.
	ErrTooLarge = errors.New("fhir: document exceeds the limit")
	// ErrBomb: compressed input expands more than Limits.MaxRatio times.
	ErrBomb = errors.New("fhir: compressed input expands beyond the limit")
)

// Errors of [Mapper.Bundle].
var (
	// ErrNoPatient: the Bundle has no Patient.
	ErrNoPatient = errors.New("fhir: the Bundle holds no Patient")
	// ErrManyPatients: the Bundle is about more than one patient.
	ErrManyPatients = errors.New("fhir: the Bundle holds more than one Patient")
)

// maxDepth is how deep a resource may be nested. Real resources stay below 40.
const maxDepth = 512

// Limits bound what is read. The zero value means the defaults.
type Limits struct {
	MaxBytes   int64 // decompressed bytes of one document (a Bundle) or one line; default 128 MiB
	MaxDepth   int   // nesting of one resource; default and maximum 512
	MaxEntries int   // entries of one Bundle; default 2,000,000
	MaxRatio   int64 // decompressed to compressed bytes, looked at beyond the first 8 MiB; default 250
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 128 << 20
	}
	if l.MaxDepth <= 0 || l.MaxDepth > maxDepth {
		l.MaxDepth = maxDepth
	}
	if l.MaxEntries <= 0 {
		l.MaxEntries = 2_000_000
	}
	if l.MaxRatio <= 0 {
		l.MaxRatio = 250
	}
	return l
}

func depthIssue(limit int) Issue {
	return Issue{Severity: Error, Code: "too-long", Detail: fmt.Sprintf("nested deeper than %d", limit)}
}
