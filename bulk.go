package ember

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"ember/bulk"
	"ember/cohort"
	"ember/fhir"
	"ember/ingest"
	"ember/server/auth"
	"ember/store"
)

// openBulk wires exports and imports to store, search and ingest.
func (a *App) openBulk(ctx context.Context) (err error) {
	a.bulk, err = bulk.Open(context.WithoutCancel(ctx), bulk.Options{
		Store: a.store, Search: a.search, Dir: a.config.path("bulk"), Now: a.config.Now,
		FileBytes: a.config.BulkFile, Keep: a.config.BulkKeep, PerCaller: a.config.BulkJobs,
		Refuses: finder{a}.Refuses, Members: a.groupMembers, Served: ingest.Served,
		Mask: a.mask, Ended: a.disclosed, Load: a.importLines, Sources: a.config.ImportSources, Log: a.config.Log,
	})
	if err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	a.onClose(a.bulk.Close)
	return nil
}

// disclosed records what an export gave away, and whose, or what an import brought.
func (a *App) disclosed(j bulk.Job) error {
	e := auth.Entry{When: j.Ended, Principal: j.Principal, Action: auth.ActionExport, Outcome: "200", RequestID: j.ID}
	if j.State != bulk.Done {
		e.Outcome = "500"
	}
	e.Resource = fmt.Sprintf("$export/%s: %d patients, %d resources", j.ID, j.Patients, j.Resources)
	if j.Import != nil {
		e.Action, e.Resource = auth.ActionImport, fmt.Sprintf("$import/%s: %d resources", j.ID, j.Resources)
	} else if j.Export.Mode != "" {
		e.Resource += ", " + j.Export.Mode
	}
	return a.audit.Record(context.Background(), e)
}

// mostNested bounds groups within groups.
const mostNested = 4

// groupMembers yields the patients of a stored Group, or of a saved cohort of that name.
func (a *App) groupMembers(ctx context.Context, group string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		seen := map[string]bool{}
		err := a.storedMembers(group, mostNested, seen)
		if errors.Is(err, store.ErrNotFound) {
			a.cohortMembers(ctx, group, yield)
			return
		}
		if err != nil {
			yield("", translateBulk(err))
			return
		}
		for _, id := range sortedKeys(seen) {
			if !yield(id, nil) {
				return
			}
		}
	}
}

// cohortMembers yields page after page of a saved cohort. Names of cohorts may hold _,
// which ids may not: there it is written -.
func (a *App) cohortMembers(ctx context.Context, name string, yield func(string, error) bool) {
	name, err := a.cohortOf(name)
	for after, more := "", true; more && err == nil; {
		var ids []string
		if ids, more, err = a.cohorts.Members(ctx, name, after, savedPart); err != nil {
			break
		}
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
			after = id
		}
	}
	if err != nil {
		yield("", translateBulk(err))
	}
}

// cohortOf is the name of a saved cohort by its id as a Group.
func (a *App) cohortOf(id string) (string, error) {
	names, err := a.kept.Names()
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(names, func(name string) bool { return strings.ReplaceAll(name, "_", "-") == id || name == id })
	if i < 0 {
		return "", cohort.ErrNotFound
	}
	return names[i], nil
}

func translateBulk(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) || errors.Is(err, cohort.ErrNotFound) {
		return bulk.ErrNotFound
	}
	return err
}

func sortedKeys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// storedMembers collects the active members of a stored Group, and of groups in it.
func (a *App) storedMembers(id string, depth int, seen map[string]bool) error {
	r, err := a.store.Get("Group", id)
	if err != nil {
		return err
	}
	body, err := ingest.Served(r)
	if err != nil {
		return err
	}
	var g struct {
		Member []struct {
			Inactive bool
			Entity   struct{ Reference string }
		}
	}
	if err := json.Unmarshal(body, &g); err != nil {
		return fmt.Errorf("ember: the members of a Group cannot be read: %w", err)
	}
	for _, m := range g.Member {
		ref := fhir.ParseReference(m.Entity.Reference)
		switch {
		case m.Inactive || ref.Kind != fhir.Relative:
		case ref.Type == "Patient":
			seen[ref.ID] = true
		case ref.Type == "Group" && depth > 0:
			if err := a.storedMembers(ref.ID, depth-1, seen); err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrGone) {
				return err
			}
		}
	}
	return nil
}

// importLines stores lines as POST /fhir does.
func (a *App) importLines(ctx context.Context, body io.Reader, report func(bulk.Line)) error {
	_, err := a.ingest.Load(ctx, body, "import.ndjson", func(o ingest.Outcome) {
		l := bulk.Line{Status: o.Status}
		if o.Status >= 400 {
			l.Outcome = outcomeLine(o)
		}
		report(l)
	})
	return err
}

// outcomeLine is what was wrong with a line.
func outcomeLine(o ingest.Outcome) []byte {
	type issue struct {
		Severity    string   `json:"severity"`
		Code        string   `json:"code"`
		Diagnostics string   `json:"diagnostics"`
		Expression  []string `json:"expression,omitempty"`
	}
	out := struct {
		ResourceType string  `json:"resourceType"`
		Issue        []issue `json:"issue"`
	}{ResourceType: "OperationOutcome"}
	for _, i := range o.Issues {
		one := issue{i.Severity, i.Code, i.Detail, nil}
		if path := i.Path; path != "" || o.Path != "" {
			if path == "" {
				path = o.Path
			}
			one.Expression = []string{path}
		}
		out.Issue = append(out.Issue, one)
	}
	if len(out.Issue) == 0 {
		out.Issue = []issue{{"error", "processing", "the line was refused", nil}}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil
	}
	return b
}
