package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"ember/aiaas"
	"ember/cohort"
	"ember/fhir"
	"ember/server/auth"
)

// What the interfaces in Deps return, wrapped or plain, so that the answer has
// the right status. Anything else becomes 500.
var (
	// ErrNotFound: there is no such resource, version or patient. 404.
	ErrNotFound = errors.New("server: not found")
	// ErrGone: it was deleted. 410.
	ErrGone = errors.New("server: deleted")
	// ErrVersion: If-Match names another version than the current one. 412.
	ErrVersion = errors.New("server: another version is current")
	// ErrConflict: somebody else wrote at the same time. 409.
	ErrConflict = errors.New("server: conflicting write")
	// ErrTooLarge: the body, or an entry in it, is over a limit. 413.
	ErrTooLarge = errors.New("server: too large")
	// ErrUnready: what is asked for is not there yet, such as a model. 503.
	ErrUnready = errors.New("server: not ready")
)

// Fault is an error with its place in HTTP and FHIR. Its texts hold no values
// of patients.
type Fault struct {
	Status int
	// Code is from FHIR's issue-type value set: "not-found", "value", ….
	Code   string
	Detail string // what is wrong
	Path   string // where, "Bundle.entry[3].resource.status"; "" = the whole
	Hint   string // what to do
	// Issues say more, entry by entry; they stand beside Detail when that is
	// set and in its place when not.
	Issues     []fhir.Issue
	RetryAfter time.Duration // 0 = not worth it
	token      bool          // a token was sent, and it is at fault
}

// Error is the detail with its path.
func (f *Fault) Error() string {
	if f.Path == "" {
		return "server: " + f.Detail
	}
	return "server: " + f.Path + ": " + f.Detail
}

// issues are the fault as issues of an OperationOutcome; never empty.
func (f *Fault) issues() []outcomeIssue {
	var all []outcomeIssue
	if f.Detail != "" || len(f.Issues) == 0 {
		all = append(all, newOutcomeIssue(fhir.Issue{Severity: fhir.Error, Code: f.Code, Path: f.Path, Detail: f.Detail}, f.Hint))
	}
	for _, issue := range f.Issues {
		all = append(all, newOutcomeIssue(issue, ""))
	}
	return all
}

// faultOf maps every error to its status and outcome: the one place where that
// happens.
func faultOf(err error) *Fault {
	var fault *Fault
	var tooLarge *http.MaxBytesError
	var refused *auth.Refused
	switch {
	case errors.As(err, &fault):
		copied := *fault
		return &copied
	case problemFault(err) != nil:
		return problemFault(err)
	case errors.As(err, &refused):
		return &Fault{Status: http.StatusUnauthorized, Code: "login", Detail: refused.Why, Hint: refused.Hint, token: true}
	case errors.Is(err, ErrNotFound):
		return &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "not found",
			Hint: "nothing was stored under this type and id, or it is another tenant's"}
	case errors.Is(err, ErrGone):
		return &Fault{Status: http.StatusGone, Code: "deleted", Detail: "deleted",
			Hint: "earlier versions are under _history/{vid}"}
	case errors.Is(err, ErrVersion):
		return &Fault{Status: http.StatusPreconditionFailed, Code: "conflict", Detail: "the version in If-Match is not the current one",
			Hint: "read the resource again and repeat the change on what you got"}
	case errors.Is(err, ErrConflict):
		return &Fault{Status: http.StatusConflict, Code: "conflict", Detail: "somebody else wrote at the same time", Hint: "send it again"}
	case errors.Is(err, fhir.ErrNoPatient):
		return &Fault{Status: http.StatusUnprocessableEntity, Code: "required", Path: "Bundle", Detail: "the Bundle holds no Patient",
			Hint: "send the Patient and what is known of them in one Bundle"}
	case errors.Is(err, fhir.ErrManyPatients):
		return &Fault{Status: http.StatusUnprocessableEntity, Code: "multiple-matches", Path: "Bundle", Detail: "the Bundle is about more than one patient",
			Hint: "send one patient at a time; POST /fhir stores any number"}
	case errors.Is(err, fhir.ErrBroken), errors.Is(err, io.ErrUnexpectedEOF):
		return &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "the body is no JSON, or ended too early", Hint: "send it again, whole"}
	case errors.Is(err, ErrTooLarge), errors.Is(err, fhir.ErrTooLarge), errors.Is(err, fhir.ErrBomb), errors.As(err, &tooLarge):
		return &Fault{Status: http.StatusRequestEntityTooLarge, Code: "too-long", Detail: "the body is over the limit",
			Hint: "send smaller Bundles, or NDJSON as application/fhir+ndjson, which has no such limit"}
	case errors.Is(err, ErrNoVector):
		return &Fault{Status: http.StatusUnprocessableEntity, Code: "value", Path: "input", Detail: "nothing is known of an input, so it has no place", Hint: "send other words, or a code that patients have"}
	case feedbackFault(err) != nil:
		return feedbackFault(err)
	case searchFault(err) != nil:
		return searchFault(err)
	case cohortFault(err) != nil:
		return cohortFault(err)
	case serviceFault(err) != nil:
		return serviceFault(err)
	case errors.Is(err, ErrUnready):
		return &Fault{Status: http.StatusServiceUnavailable, Code: "transient", Detail: "what this needs is not ready yet",
			Hint: "/readyz and /v1/status say what is missing", RetryAfter: 5 * time.Second}
	case errors.Is(err, auth.ErrUnknown):
		return &Fault{Status: http.StatusUnauthorized, Code: "login", Detail: "the token is not known", token: true,
			Hint: "the token file holds the SHA-256 of each token; the header is Authorization: Bearer TOKEN"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Fault{Status: http.StatusRequestTimeout, Code: "timeout", Detail: "the body stopped coming", Hint: "send it again"}
	case errors.Is(err, context.DeadlineExceeded):
		return &Fault{Status: http.StatusServiceUnavailable, Code: "timeout", Detail: "the time for this request is over",
			Hint: "ask again later", RetryAfter: time.Second}
	case errors.Is(err, context.Canceled):
		return &Fault{Status: statusGone, Code: "timeout", Detail: "the client left, or the server stops"}
	}
	return &Fault{Status: http.StatusInternalServerError, Code: "exception", Detail: "internal error"}
}

// cohortFault is the fault of an error about a cohort, nil for others. Its texts hold
// no word that was asked for.
func cohortFault(err error) *Fault {
	var bad *cohort.Error
	switch {
	case errors.As(err, &bad):
		path := bad.Path
		if bad.Offset >= 0 {
			path = "text"
		}
		return &Fault{Status: http.StatusBadRequest, Code: "value", Path: path, Detail: bad.Detail, Hint: bad.Hint}
	case errors.Is(err, cohort.ErrUnnamed):
		return &Fault{Status: http.StatusForbidden, Code: "forbidden", Detail: "the definition names a patient, for which the right members is missing",
			Hint: "ask for likeness to a saved cohort, like:@NAME, or give the token the right members"}
	case errors.Is(err, cohort.ErrBudget):
		return &Fault{Status: http.StatusTooManyRequests, Code: "throttled", Detail: "this caller has asked for as many different cohorts as may be asked for in a day",
			Hint: "go on tomorrow; cohort-questions in the configuration says how many there are", RetryAfter: time.Hour}
	case errors.Is(err, cohort.ErrNotFound):
		return &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "not found", Hint: "GET /v1/cohorts lists what is saved"}
	}
	return nil
}

// serviceFault is the fault of an error of the model service, nil for others. Its
// texts hold names of files and columns, and no values.
func serviceFault(err error) *Fault {
	for _, m := range [...]struct {
		is     error
		status int
		code   string
	}{{aiaas.ErrNotFound, http.StatusNotFound, "not-found"}, {aiaas.ErrExists, http.StatusConflict, "duplicate"}, {aiaas.ErrBusy, http.StatusConflict, "conflict"},
		{aiaas.ErrRefused, http.StatusConflict, "business-rule"}, {aiaas.ErrInvalid, http.StatusBadRequest, "value"}} {
		if errors.Is(err, m.is) {
			return &Fault{Status: m.status, Code: m.code, Detail: strings.TrimPrefix(strings.TrimPrefix(err.Error(), "ember: "), "aiaas: ")}
		}
	}
	return nil
}

var (
	reference = regexp.MustCompile(`\b([A-Z][A-Za-z]+)/[A-Za-z0-9.\-]+`)
	quoted    = regexp.MustCompile(`"[^"]*"`)
)

// scrub takes ids and quoted values out of an error's text before it is logged.
func scrub(text string) string {
	return quoted.ReplaceAllString(reference.ReplaceAllString(text, "$1/…"), `"…"`)
}
