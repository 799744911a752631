package ember

import (
	"context"
	"io"
	"net/http"
	"slices"

	"ember/fhir"
	"ember/ingest"
	"ember/server"
)

type loader struct{ *App }

// Load implements server.Loader.
func (l loader) Load(ctx context.Context, body io.Reader, opt server.LoadOptions) (server.LoadResult, error) {
	name := "body"
	if opt.Form == server.Lines {
		name = "body.ndjson"
	}
	if opt.Answer != nil {
		ctx = ingest.WithAnswers(ctx, opt.Answer)
	}
	u := upload{opt: opt, name: name, unmet: true, patients: map[string]struct{}{}, result: server.LoadResult{Kind: server.Batch}}
	loaded, err := l.ingest.Load(ctx, body, name, u.outcome)
	if loaded.Transactions > 0 {
		u.result.Kind = server.Transaction
	}
	if err == nil {
		if err := u.refusal(loaded); err != nil {
			return u.result, err
		}
	}
	for _, r := range u.held {
		opt.Report(r)
	}
	if loaded.Single {
		u.result.Kind = server.Single
	}
	return u.result, translate(err)
}

// upload collects what became of a body.
type upload struct {
	opt      server.LoadOptions
	name     string
	result   server.LoadResult
	patients map[string]struct{}
	held     []server.EntryResult // of a document, until its kind is known
	refused  []server.Issue       // what is to be mended
	unmet    bool                 // nothing but conditions was the reason
	undone   []server.Issue       // refused because of something else
	kept     []server.Issue       // one for each entry that is stored
}

func (u *upload) outcome(o ingest.Outcome) {
	if o.Patient != "" {
		if _, seen := u.patients[o.Patient]; !seen {
			u.patients[o.Patient] = struct{}{}
			u.result.Patients = append(u.result.Patients, o.Patient)
		}
	}
	if o.Document != u.name {
		o.Path = o.Document + ": " + o.Path
		for i := range o.Issues {
			o.Issues[i].Path = o.Document + ": " + o.Issues[i].Path
		}
	}
	r := entryResult(o)
	if u.opt.Form == server.Lines { // of any number: the server counts them
		u.opt.Report(r)
		return
	}
	u.held = append(u.held, r)
	switch {
	case o.Status < 400:
		u.kept = append(u.kept, server.Issue{Severity: fhir.Information, Code: "informational", Path: o.Path, Detail: "stored"})
	case o.Status == http.StatusFailedDependency:
		u.undone = append(u.undone, r.Issues...)
	default:
		u.refused = append(u.refused, r.Issues...)
		u.unmet = u.unmet && o.Status == http.StatusPreconditionFailed
	}
}

// refusal is the answer to a document of which not all could be stored that
// belongs together, nil when the entries can answer for themselves.
func (u *upload) refusal(loaded ingest.Loaded) error {
	if u.opt.Form == server.Lines {
		return nil
	}
	f := server.Fault{Status: http.StatusUnprocessableEntity, Code: "invalid", Issues: u.refused}
	switch {
	case loaded.Aborted > 0:
		if u.unmet {
			f.Status = http.StatusPreconditionFailed
		}
		f.Hint = "nothing of the transaction was stored; mend the entries named and send it again"
	case loaded.Broken && len(u.kept) == 0:
		f = server.Fault{Status: http.StatusBadRequest, Code: "structure", Issues: u.refused, Hint: "nothing was stored; send it again, whole"}
	default:
		return nil
	}
	if len(u.kept) > 0 {
		f.Detail = "of several documents in one body, some were stored and some were not; each entry is named"
		f.Hint = "mend the entries named and send it again: what is stored already stays as it is"
		f.Issues = slices.Concat(u.refused, u.undone, u.kept)
	}
	return &f
}

func entryResult(o ingest.Outcome) server.EntryResult {
	issues := o.Issues
	for i := range issues {
		if issues[i].Path == "" {
			issues[i].Path = o.Path
		}
	}
	return server.EntryResult{Status: o.Status, Type: o.Type, ID: o.ID, Version: o.Version, Updated: o.Updated,
		Unchanged: o.Unchanged, Issues: issues, Body: o.Body}
}
