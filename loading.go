package ember

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"ember/ingest"
	"ember/server/auth"
)

// LoadRequest names files and folders to load.
type LoadRequest struct {
	Paths []string `json:"paths"`
	Wait  bool     `json:"wait"` // until timelines and index have followed
}

// LoadSummary counts what a load came to.
type LoadSummary struct {
	Read      int         `json:"read"`
	Created   int         `json:"created"`
	Updated   int         `json:"updated"`
	Unchanged int         `json:"unchanged"`
	Deleted   int         `json:"deleted"`
	Refused   int         `json:"refused"`
	Seconds   float64     `json:"seconds"`
	Kinds     []IssueKind `json:"issues"` // most frequent first
}

// IssueKind counts issues that differ in their place only.
type IssueKind struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Detail   string `json:"detail"`
	Count    int    `json:"count"`
}

// tally counts outcomes while a load runs.
type tally struct {
	sum   LoadSummary
	kinds map[IssueKind]int
}

func (t *tally) add(o ingest.Outcome) {
	t.sum.Read++
	switch {
	case o.Status >= 400:
		t.sum.Refused++
	case o.Status == 204:
		t.sum.Deleted++
	case o.Unchanged:
		t.sum.Unchanged++
	case o.Status == 201:
		t.sum.Created++
	default:
		t.sum.Updated++
	}
	for _, i := range o.Issues {
		t.kinds[IssueKind{Severity: i.Severity, Code: i.Code, Detail: i.Detail}]++
	}
}

func (t *tally) summary() LoadSummary {
	s := t.sum
	s.Kinds = make([]IssueKind, 0, len(t.kinds))
	for k, n := range t.kinds {
		k.Count = n
		s.Kinds = append(s.Kinds, k)
	}
	slices.SortFunc(s.Kinds, func(a, b IssueKind) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Code, b.Code), cmp.Compare(a.Detail, b.Detail))
	})
	return s
}

// Load loads files and folders. issue, if any, hears of each issue.
func (a *App) Load(ctx context.Context, req LoadRequest, progress Progress, issue func(Issue)) (LoadSummary, error) {
	return a.load(ctx, req.Wait, progress, issue, func(report func(ingest.Outcome)) error {
		_, err := a.ingest.LoadPaths(ctx, req.Paths, report)
		return err
	})
}

// LoadStream loads what r holds, in any form that files may have.
func (a *App) LoadStream(ctx context.Context, r io.Reader, wait bool, progress Progress, issue func(Issue)) (LoadSummary, error) {
	return a.load(ctx, wait, progress, issue, func(report func(ingest.Outcome)) error {
		_, err := a.ingest.Load(ctx, r, "stdin", report)
		return err
	})
}

func (a *App) load(ctx context.Context, wait bool, progress Progress, issue func(Issue), run func(func(ingest.Outcome)) error) (LoadSummary, error) {
	began := a.config.Now()
	t := tally{kinds: map[IssueKind]int{}}
	err := run(func(o ingest.Outcome) {
		t.add(o)
		if t.sum.Read%1000 == 0 {
			progress("loading", t.sum.Read, 0)
		}
		for _, i := range o.Issues {
			if issue != nil {
				issue(Issue{Severity: i.Severity, Code: i.Code, Path: o.Document + ": " + firstOf(i.Path, o.Path), Detail: i.Detail})
			}
		}
	})
	progress("loading", t.sum.Read, 0)
	if err == nil && wait {
		err = a.waitIndexed(ctx, progress)
	}
	s := t.summary()
	s.Seconds = a.config.Now().Sub(began).Seconds()
	if err != nil {
		return s, fmt.Errorf("ember: loading stopped after %d resources: %w", s.Read, err)
	}
	return s, nil
}

// waitIndexed waits for the follower and shows how far it is.
func (a *App) waitIndexed(ctx context.Context, progress Progress) error {
	return a.ingest.WaitFor(ctx, func(done, total int) { progress("indexing patients", done, total) })
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// ReindexSummary says what a rebuild came to.
type ReindexSummary struct {
	Patients int     `json:"patients"`
	Seconds  float64 `json:"seconds"`
}

// Reindex rebuilds timelines and index from the stored resources.
func (a *App) Reindex(ctx context.Context, progress Progress) (ReindexSummary, error) {
	began := a.config.Now()
	n, err := a.ingest.Refresh()
	if err == nil {
		err = a.waitIndexed(ctx, progress)
	}
	return ReindexSummary{Patients: n, Seconds: a.config.Now().Sub(began).Seconds()}, err
}

// EraseRequest names the patient to erase, without "Patient/".
type EraseRequest struct {
	Patient string `json:"patient"`
}

// EraseSummary says that a patient was erased.
type EraseSummary struct {
	Erased bool `json:"erased"`
}

// Erase removes everything of a patient for good: resources with all versions,
// timeline, index, and from the similar patients of the version that serves.
// Models that learned from the patient keep what was fitted to all together,
// without id, until the next training.
func (a *App) Erase(ctx context.Context, patient string) (EraseSummary, error) {
	entry := auth.Entry{When: a.config.Now(), Principal: auth.OwnerName, Action: "erase", Patient: "Patient/" + patient, Outcome: auth.Begun}
	if err := a.audit.Record(ctx, entry); err != nil {
		return EraseSummary{}, err
	}
	a.erasing.Lock()      // nor risks that are being written
	a.responses.mu.Lock() // a response under way must not bring back what is erased
	done := a.bulk.Erasing()
	err := errors.Join(a.ingest.Erase(ctx, patient), done())
	a.responses.mu.Unlock()
	a.erasing.Unlock()
	if erased, _ := a.store.Erased(patient); erased { // also when clearing up after it failed
		a.forget(patient)
		a.kept.drop()
		a.scores.drop()
		if a.telling.Service != nil {
			err = errors.Join(err, a.telling.Forget(patient))
		}
		err = errors.Join(err, os.RemoveAll(a.config.path(partsFolder)))
		if _, dropErr := a.service.DropSubjects(ctx, a.subjectOf(patient)); dropErr != nil {
			err = errors.Join(err, dropErr)
		}
	}
	if err != nil {
		return EraseSummary{}, err
	}
	return EraseSummary{Erased: true}, nil
}
