package ingest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"ember/fhir"
	"ember/search"
	"ember/store"
)

// Outcome is what became of one entry, line or resource.
type Outcome struct {
	Document string // file, or file in an archive
	Path     string // "Bundle.entry[3]", "line 7", "" for a document that is one resource
	Index    int
	Status   int // HTTP: 201 created, 200 updated or unchanged or read, 204 deleted, 4xx refused
	Type, ID string
	Patient  string // logical id of whose compartment it is in, "" = nobody's
	Version  uint64
	Updated  time.Time
	// Unchanged: these very bytes were stored already.
	Unchanged bool
	Issues    []fhir.Issue
	Body      []byte // what a GET entry asked for
}

// Loaded is what a load came to.
type Loaded struct {
	Bundles, Transactions, Entries int
	Aborted                        int  // transactions of which nothing was stored
	Single                         bool // the only document was one resource, without a Bundle around it
	Broken                         bool // the last document could not be read to its end
}

// batchSize and batchBytes bound what is committed at once outside transactions.
const (
	batchSize  = 4000
	batchBytes = 4 << 20
)

// Load stores what r holds: a Bundle, NDJSON, single resources, also compressed.
// report is called by one goroutine, once an entry is durable or refused. Of a
// transaction with a bad entry nothing is stored, and its good entries are
// reported with status 424. An error ends the load; what was reported before it
// stays stored.
func (in *Ingest) Load(ctx context.Context, r io.Reader, name string, report func(Outcome)) (Loaded, error) {
	defer in.loading()()
	l := in.loader(ctx, report)
	err := fhir.Read(ctx, r, name, in.opt.Limits, l.entry, l.end)
	return l.finish(err)
}

// LoadPaths loads files and folders; see [Ingest.Load] and [fhir.Walk].
func (in *Ingest) LoadPaths(ctx context.Context, paths []string, report func(Outcome)) (Loaded, error) {
	defer in.loading()()
	l := in.loader(ctx, report)
	err := fhir.Walk(ctx, paths, in.opt.Limits, l.entry, l.end)
	return l.finish(err)
}

// loading keeps the follower waiting until the function it returns is called.
func (in *Ingest) loading() func() {
	end := in.dirty.loading()
	return func() {
		end()
		in.notify()
	}
}

func (in *Ingest) loader(ctx context.Context, report func(Outcome)) *loader {
	if report == nil {
		report = func(Outcome) {}
	}
	return &loader{in: in, ctx: ctx, report: report, lines: links{bases: basesOf(ctx)}}
}

// loader carries one load. Bundles are staged whole, since their type may stand
// last and their entries refer to each other; lines are committed in batches.
type loader struct {
	in     *Ingest
	ctx    context.Context
	report func(Outcome)
	loaded Loaded
	ended  int // documents
	staged []staged
	batch  batch
	lines  links // of what stands in no Bundle
}

// staged is an entry of a Bundle that waits for the Bundle's end.
type staged struct {
	fhir.Entry // without Header; Raw is a copy
	typ, id    string
	issues     []fhir.Issue
}

func (l *loader) finish(err error) (Loaded, error) {
	if err == nil {
		err = l.flush()
	}
	return l.loaded, err
}

// entry takes what fhir.Read found.
func (l *loader) entry(e fhir.Entry, issues []fhir.Issue) error {
	if e.Raw == nil && e.Method == "" && len(issues) > 0 && !inBundle(e.Path) {
		l.report(Outcome{Document: e.Document, Path: e.Path, Index: e.Index, Status: http.StatusBadRequest, Issues: clone(issues)})
		return nil
	}
	l.loaded.Entries++
	if inBundle(e.Path) {
		l.stage(e, issues)
		return nil
	}
	return l.line(e, issues)
}

// inBundle reports whether an entry stood in a Bundle, itself perhaps a line.
func inBundle(path string) bool {
	if _, within, ok := strings.Cut(path, ": "); ok {
		path = within
	}
	return strings.HasPrefix(path, "Bundle")
}

func (l *loader) stage(e fhir.Entry, issues []fhir.Issue) {
	s := staged{Entry: e, issues: clone(issues)}
	if e.Header != nil {
		s.typ, s.id = e.Header.Type, e.Header.ID
	}
	s.Header = nil
	if e.Raw != nil {
		s.Raw = append([]byte(nil), e.Raw...)
	}
	l.staged = append(l.staged, s)
}

// line stores a resource that stands for itself.
func (l *loader) line(e fhir.Entry, issues []fhir.Issue) error {
	out := Outcome{Document: e.Document, Path: e.Path, Index: e.Index, Issues: clone(issues)}
	if e.Header != nil {
		out.Type, out.ID = e.Header.Type, e.Header.ID
	}
	if fhir.Refused(issues) || e.Header == nil {
		out.Status = http.StatusBadRequest
		l.report(out)
		return nil
	}
	g := search.GuardOf(l.ctx)
	w := l.in.writeAs(g, e.Header, l.batch.copy(e.Raw), out.ID, &l.lines, &out.Issues)
	switch {
	case g == nil:
		return l.add(w, out)
	case !l.in.allowed(g, &w, out.Path, out.ID == "", &out):
		l.report(out)
		return nil
	}
	return l.alone(w, out, "")
}

// alone commits a write whose version condition may fail it.
func (l *loader) alone(w store.Write, out Outcome, at string) error {
	if err := l.flush(); err != nil {
		return err
	}
	outs := []Outcome{out}
	err := l.in.commit(l.ctx, []store.Write{w}, outs)
	if isConflict(err) {
		outs[0].refuse(http.StatusPreconditionFailed, "conflict", out.Path+at, "the current version is another")
		err = nil
	}
	if err == nil {
		l.report(outs[0])
	}
	return err
}

// add puts a write into the batch and commits it when it is full.
func (l *loader) add(w store.Write, out Outcome) error {
	l.batch.add(w, out)
	if len(l.batch.writes) >= batchSize || l.batch.bytes >= batchBytes {
		return l.flush()
	}
	return nil
}

// flush commits the batch and reports it.
func (l *loader) flush() error {
	if len(l.batch.writes) == 0 {
		return nil
	}
	err := l.in.commit(l.ctx, l.batch.writes, l.batch.outcomes)
	if err == nil {
		for _, out := range l.batch.outcomes {
			l.report(out)
		}
	}
	l.batch.reset()
	return err
}

// end is called after the last entry of each document.
func (l *loader) end(s fhir.Summary) error {
	l.ended++
	l.loaded.Single, l.loaded.Broken = !s.Bundle && s.Entries == 1 && l.ended == 1, s.Broken
	if !s.Bundle {
		return l.flush()
	}
	l.loaded.Bundles++
	b := bundle{loader: l, kind: s.Type, entries: l.staged, broken: s.Broken}
	l.staged = nil
	if err := l.flush(); err != nil {
		return err
	}
	if s.Type == "transaction" {
		l.loaded.Transactions++
	}
	return b.load()
}

// batch is what will be committed together. Its memory is used again after a
// commit, which keeps nothing of it.
type batch struct {
	writes   []store.Write
	outcomes []Outcome
	bytes    int
	arena    []byte // copies of the lines
}

// copy keeps raw until the next reset. When the arena is full a larger one takes
// its place; what lies in the old one stays valid.
func (b *batch) copy(raw []byte) []byte {
	if len(b.arena)+len(raw) > cap(b.arena) {
		b.arena = make([]byte, 0, max(2*cap(b.arena), len(raw), 64<<10))
	}
	at := len(b.arena)
	b.arena = append(b.arena, raw...)
	return b.arena[at:len(b.arena):len(b.arena)]
}

func (b *batch) add(w store.Write, out Outcome) {
	b.writes = append(b.writes, w)
	b.outcomes = append(b.outcomes, out)
	b.bytes += len(w.Raw)
}

func (b *batch) reset() {
	clear(b.writes)
	clear(b.outcomes)
	b.writes, b.outcomes, b.bytes = b.writes[:0], b.outcomes[:0], 0
	if b.arena = b.arena[:0]; cap(b.arena) > 2*batchBytes {
		b.arena = nil // after one very long line
	}
}

// commit stores the writes, tells the follower, and completes the outcomes.
func (in *Ingest) commit(ctx context.Context, writes []store.Write, outcomes []Outcome) error {
	flight := in.dirty.begin(in.opt.Store.Head())
	results, err := in.opt.Store.Commit(ctx, writes)
	if err != nil {
		in.dirty.land(flight)
		return err
	}
	var touched []string
	var arrived []keyed
	var shared []int
	now := in.opt.Now()
	for i, r := range results {
		w, out := &writes[i], &outcomes[i]
		out.Version, out.Unchanged, out.Updated = r.Version, !r.Changed, now
		out.Status = status(w, r)
		arrived = keysOf(arrived, w) // of unchanged ones too: sending again mends
		if !r.Changed {
			continue
		}
		if w.Patient != "" || r.Left != "" || w.Delete {
			touched = append(touched, w.Patient, r.Left)
		}
		if w.Patient == "" || w.Type == "Patient" {
			shared = append(shared, i)
		}
	}
	touched = append(touched, in.touchedByShared(writes, shared)...)
	in.dirty.mark(touched...)
	in.settleWaiting(ctx, arrived)
	in.dirty.land(flight)
	in.notify()
	return nil
}

func status(w *store.Write, r store.Result) int {
	switch {
	case w.Delete:
		return http.StatusNoContent
	case r.Created:
		return http.StatusCreated
	}
	return http.StatusOK
}

func (in *Ingest) notify() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

func clone(issues []fhir.Issue) []fhir.Issue {
	if len(issues) == 0 {
		return nil
	}
	return append([]fhir.Issue(nil), issues...)
}

func refused(code, path, detail string) []fhir.Issue {
	return []fhir.Issue{{Severity: fhir.Error, Code: code, Path: path, Detail: detail}}
}

// isConflict reports whether err is a version conflict.
func isConflict(err error) bool { return errors.Is(err, store.ErrConflict) }
