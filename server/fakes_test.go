package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ember/cohort"
	"ember/cohort/study"
	"ember/fhir"
	"ember/recommender"
	"ember/recommender/feedback"
	"ember/recommender/safety"
	"ember/record"
	"ember/server"
	"ember/server/auth"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fake is all rooms in memory.
type fake struct {
	mu        sync.Mutex
	stored    map[string][]server.Resource // ref → versions
	asked     recommender.Query
	query     server.SearchQuery
	err       error // what every call returns, when set
	auditErr  error
	block     chan struct{} // when set, Recommend and Load wait for it
	entered   chan struct{}
	lag       uint64
	answer    recommender.Answer
	timeline  record.Timeline
	entries   []auth.Entry
	panicWith any
	kept      map[string]feedback.Answer
	// brokenView: a view finds a damaged resource behind the others.
	brokenView bool
}

func newFake() *fake {
	return &fake{stored: map[string][]server.Resource{}, answer: exampleAnswer(), entered: make(chan struct{}, 100),
		timeline: record.Timeline{Person: record.Person{ID: "p1"}}}
}

func exampleAnswer() recommender.Answer {
	return recommender.Answer{
		Model: recommender.ModelRef{Name: "baseline", Version: "0"}, Rules: "r1", IntendedUse: "Decision support.", Sets: []recommender.Set{{Coverage: .9, Probability: .05, Size: 12}},
		Checks: []string{"allergy", "interaction", "duplicate", "condition"},
		Items: []recommender.Item{
			{Code: record.Code{System: record.RxNorm, Value: "5487", Display: "hydrochlorothiazide"}, Kind: record.Medication, Status: "new", Probability: .83,
				Reasons: []recommender.Reason{{Text: "hypertension < 5 years", Weight: 1.2, Sources: []string{"Condition/c1"}}},
				Similar: recommender.Similar{N: 50, Received: new(34)}},
			{Code: record.Code{System: record.RxNorm, Value: "29046", Display: "lisinopril"}, Kind: record.Medication, Status: "continue", Probability: .1,
				Similar: recommender.Similar{N: 50, Received: new(7)}},
		},
		Blocked: []recommender.Blocked{{Code: record.Code{System: record.RxNorm, Value: "723", Display: "amoxicillin"}, Kind: record.Medication, Status: "new", Probability: .4,
			Findings: []safety.Finding{{Rule: "allergy/penicillin", Tier: "block", Text: "allergy to penicillin", Source: "label", References: []string{"AllergyIntolerance/a1"}}}}},
	}
}

func (f *fake) wait(ctx context.Context) error {
	f.mu.Lock()
	block, err, p := f.block, f.err, f.panicWith
	f.mu.Unlock()
	if p != nil {
		panic(p)
	}
	if block != nil {
		f.entered <- struct{}{}
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (f *fake) DeleteWhere(context.Context, string, string) (server.Written, error) {
	return server.Written{}, f.err
}

func (f *fake) Put(ctx context.Context, w server.Write) (server.Written, error) {
	if err := f.wait(ctx); err != nil {
		return server.Written{}, err
	}
	var head struct{ ResourceType, ID string }
	if err := json.Unmarshal(w.Body, &head); err != nil {
		return server.Written{}, &server.Fault{Status: 400, Code: "structure", Detail: "no JSON"}
	}
	if head.ResourceType != w.Type {
		return server.Written{}, &server.Fault{Status: 400, Code: "value", Path: w.Type, Detail: "another resourceType than in the path"}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := w.ID
	if id == "" {
		id = "new" + strconv.Itoa(len(f.stored))
	}
	versions := f.stored[w.Type+"/"+id]
	if w.IfVersion > 0 && w.IfVersion != uint64(len(versions)) {
		return server.Written{}, fmt.Errorf("writing: %w", server.ErrVersion)
	}
	r := server.Resource{Type: w.Type, ID: id, Version: uint64(len(versions) + 1), Updated: now, Body: w.Body}
	if w.Type != "Patient" && w.Type != "Organization" && w.Type != "Binary" {
		r.Patient = "p1"
	}
	f.stored[w.Type+"/"+id] = append(versions, r)
	return server.Written{ID: id, Version: r.Version, Updated: now, Patient: r.Patient, Created: len(versions) == 0}, nil
}

func (f *fake) Delete(ctx context.Context, typ, id string, ifVersion uint64) (server.Written, error) {
	if err := f.wait(ctx); err != nil {
		return server.Written{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	versions := f.stored[typ+"/"+id]
	if len(versions) == 0 {
		return server.Written{}, server.ErrNotFound
	}
	if ifVersion > 0 && ifVersion != uint64(len(versions)) {
		return server.Written{}, server.ErrVersion
	}
	f.stored[typ+"/"+id] = append(versions, server.Resource{Type: typ, ID: id})
	return server.Written{ID: id, Version: uint64(len(versions) + 1)}, nil
}

func (f *fake) Read(ctx context.Context, typ, id string, version uint64, raw bool) (server.Resource, error) {
	if err := f.wait(ctx); err != nil {
		return server.Resource{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	versions := f.stored[typ+"/"+id]
	if version == 0 {
		version = uint64(len(versions))
	}
	if version == 0 || version > uint64(len(versions)) {
		return server.Resource{}, fmt.Errorf("reading: %w", server.ErrNotFound)
	}
	r := versions[version-1]
	if r.Body == nil {
		return server.Resource{}, server.ErrGone
	}
	if !raw {
		r.Body = append([]byte(" "), r.Body...)
	}
	return r, nil
}

// Load takes lines, or a Bundle whose entries are in "entry".
func (f *fake) Load(ctx context.Context, body io.Reader, opt server.LoadOptions) (server.LoadResult, error) {
	if err := f.wait(ctx); err != nil {
		return server.LoadResult{}, err
	}
	if opt.Form == server.Lines {
		lines := bufio.NewScanner(body)
		for n := 1; lines.Scan(); n++ {
			if !json.Valid(lines.Bytes()) {
				opt.Report(server.EntryResult{Status: 400, Issues: []fhir.Issue{{Severity: "error", Code: "structure", Path: "line " + strconv.Itoa(n), Detail: "no JSON"}}})
				continue
			}
			opt.Report(server.EntryResult{Status: 201, Type: "Patient", ID: strconv.Itoa(n), Version: 1})
		}
		return server.LoadResult{Kind: server.Batch, Patients: []string{"p1", "p2"}}, lines.Err()
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return server.LoadResult{}, fmt.Errorf("loading: %w", err)
	}
	var doc struct {
		ResourceType, Type, ID string
		Entry                  []struct {
			Resource json.RawMessage
			Get      string // a GET entry of this id
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return server.LoadResult{}, &server.Fault{Status: 400, Code: "structure", Detail: "the document ends too early"}
	}
	if doc.ResourceType != "Bundle" {
		opt.Report(server.EntryResult{Status: 201, Type: doc.ResourceType, ID: "x1", Version: 1, Updated: now})
		return server.LoadResult{Kind: server.Single}, nil
	}
	kind := server.Batch
	if doc.Type == "transaction" {
		kind = server.Transaction
	}
	for i := range doc.Entry {
		if id := doc.Entry[i].Get; id != "" {
			opt.Report(server.EntryResult{Status: 200, Type: "Patient", ID: id, Version: 1, Updated: now, Body: []byte(`{"resourceType":"Patient","id":"` + id + `"}`)})
			continue
		}
		if !strings.Contains(string(doc.Entry[i].Resource), "resourceType") {
			issue := fhir.Issue{Severity: "error", Code: "structure", Path: fmt.Sprintf("Bundle.entry[%d].resource", i), Detail: "no resourceType"}
			if kind == server.Transaction {
				return server.LoadResult{}, &server.Fault{Status: 400, Issues: []fhir.Issue{issue}}
			}
			opt.Report(server.EntryResult{Status: 400, Issues: []fhir.Issue{issue}})
			continue
		}
		opt.Report(server.EntryResult{Status: 201, Type: "Patient", ID: strconv.Itoa(i), Version: 1, Updated: now})
	}
	return server.LoadResult{Kind: kind, Patients: []string{"p1"}}, nil
}

func (f *fake) Chart(ctx context.Context, patient string) (server.Chart, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return server.Chart{}, f.err
	}
	if patient != f.timeline.Person.ID {
		return server.Chart{}, server.ErrNotFound
	}
	return server.Chart{Timeline: f.timeline, Version: "v7", Key: "k"}, nil
}

func (f *fake) Bundle(ctx context.Context, body io.Reader) (record.Timeline, []fhir.Issue, error) {
	b, err := io.ReadAll(body)
	if err != nil {
		return record.Timeline{}, nil, err
	}
	if !bytes.Contains(b, []byte(`"Patient"`)) {
		return record.Timeline{}, nil, &server.Fault{Status: 422, Code: "required", Path: "Bundle", Detail: "no Patient"}
	}
	return f.timeline, []fhir.Issue{{Severity: "warning", Code: "value", Path: "Bundle.entry[0].resource", Detail: "unknown"}}, nil
}

func (f *fake) Recommend(ctx context.Context, q recommender.Query) (recommender.Answer, error) {
	f.mu.Lock()
	f.asked = q
	f.mu.Unlock()
	answer := f.answer
	if q.Explore != nil {
		answer.Shown = &feedback.Answer{Want: q.Want.String(), Listed: 1, Items: []feedback.Item{
			{Kind: record.Medication, System: record.RxNorm, Code: "5487", Shown: true, Propensity: 1},
			{Kind: record.Medication, System: record.RxNorm, Code: "29046"}}}
	}
	return answer, f.wait(ctx)
}

func (f *fake) Search(ctx context.Context, q server.SearchQuery) (server.SearchResults, error) {
	f.mu.Lock()
	f.query = q
	f.mu.Unlock()
	return server.SearchResults{Total: 3,
		Concepts: []server.ConceptHit{{Code: record.Code{System: record.LOINC, Value: "4548-4"}, Kind: record.Test, Patients: 3}},
		Patients: []server.PatientHit{{Patient: "p1", Score: 1}, {Patient: "p2", Score: .5}},
		Notes:    []server.NoteHit{{Source: "DocumentReference/d1", Patient: "p1", Score: 1, Fragment: "…"}}}, f.wait(ctx)
}

func (f *fake) State(context.Context) server.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return server.State{Open: true, IndexLag: f.lag, Versions: map[string]string{"model": "0"}}
}

func (f *fake) WaitIndex(ctx context.Context) error {
	if err := f.wait(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lag = 0
	return nil
}

func (f *fake) Record(_ context.Context, entries ...auth.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.auditErr != nil {
		return f.auditErr
	}
	f.entries = append(f.entries, entries...)
	return nil
}

// audited is the record so far, one "principal action patient resource outcome" a line.
func (f *fake) audited() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	for _, e := range f.entries {
		fmt.Fprintf(&b, "%s %s %s %s %s\n", e.Principal, e.Action, dash(e.Patient), dash(e.Resource), e.Outcome)
	}
	return b.String()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// tokens gives each principal its own name as token.
type tokens map[string]auth.Principal

func (t tokens) Authenticate(token string) (auth.Principal, error) {
	p, ok := t[token]
	if !ok {
		return p, auth.ErrUnknown
	}
	return p, nil
}

// house is a server over fakes.
type house struct {
	*fake
	*server.Server
	log *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func open(t testing.TB, opt server.Options, who server.Authenticator) house {
	t.Helper()
	return openWith(t, opt, who, nil)
}

// openWith is open with cohorts.
func openWith(t testing.TB, opt server.Options, who server.Authenticator, cohorts server.Cohorts) house {
	t.Helper()
	return openDeps(t, opt, newFake(), func(d *server.Deps) {
		if d.Tokens, d.Cohorts = who, cohorts; cohorts != nil {
			d.Studies = study.New(cohorts.(*cohort.Service))
		}
	})
}

// openDeps is open over the fake, with other dependencies where the test needs them.
func openDeps(t testing.TB, opt server.Options, f *fake, change func(*server.Deps)) house {
	t.Helper()
	log := new(lockedBuffer)
	d := server.Deps{Loader: f, Writer: f, Resources: f, Charts: f, Bundles: f, Recommender: f, Searcher: f, Views: f,
		Feedback: f, Health: f, Auditor: f, Clock: func() time.Time { return now },
		Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	change(&d)
	s, err := server.New(opt, d)
	if err != nil {
		t.Fatal(err)
	}
	return house{f, s, log}
}

// do sends "METHOD path" with headers as "Name: value".
func (h house) do(line, body string, headers ...string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(line, " ")
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req := httptest.NewRequest(method, path, r)
	req.Host = "localhost:8080"
	if body != "" {
		req.Header.Set("Content-Type", "application/fhir+json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// outcome checks that the answer is an OperationOutcome and returns its words.
func outcome(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/fhir+json" {
		t.Errorf("Content-Type %q, want FHIR", got)
	}
	var o struct {
		ResourceType string
		Issue        []struct {
			Severity, Code, Diagnostics string
			Details                     struct{ Text string }
			Expression, Location        []string
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil || o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 {
		t.Fatalf("status %d, no OperationOutcome: %s (%v)", w.Code, w.Body, err)
	}
	var words []string
	for _, i := range o.Issue {
		if i.Severity == "" || i.Code == "" {
			t.Errorf("issue without severity or code: %s", w.Body)
		}
		words = append(words, i.Details.Text, i.Diagnostics, strings.Join(i.Expression, " "), strings.Join(i.Location, " "))
	}
	return strings.Join(words, " | ")
}

func want(t testing.TB, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if status >= 400 {
		outcome(t, w)
	}
}

var errBroken = errors.New(`disk: cannot read "Zaphod" of Patient/zaphod-1`)

var (
	_ http.Handler         = (*server.Server)(nil)
	_ server.Authenticator = tokens(nil)
)

func (f *fake) Card() (recommender.Card, error) {
	return recommender.Card{Name: "baseline", Version: "0", Parts: []recommender.Part{{Title: "Purpose", Attributes: []recommender.Attribute{{Name: "Intended use", Text: "Decision support."}}}}}, nil
}

func (f *fake) Calibration() []recommender.Kept {
	return []recommender.Kept{{Want: "tests", Decisions: 90, Ratio: 1.25, Error: .02}}
}

func (f *fake) Learned() (feedback.Learned, error) {
	order := func(code string) feedback.Order {
		return feedback.Order{Want: "treatments", Kind: record.Medication, Code: record.Code{System: record.RxNorm, Value: code}}
	}
	l := feedback.Learned{Answers: 300, Accepted: 5, Believed: true, Preferences: []feedback.Preference{{Order: order("5487"), Shift: -1, Shown: 40}, {Order: order("29046"), Shift: .1, Shown: 10}}}
	l.Value.Value, l.Value.High = 1, 1.5
	return l, nil
}

func (f *fake) Keep(_ context.Context, a feedback.Answer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil {
		f.kept = map[string]feedback.Answer{}
	}
	f.kept[a.ID] = a
	return f.err
}

func (f *fake) Find(_ context.Context, id string) (feedback.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.kept[id]
	if !ok {
		return a, server.ErrNotFound
	}
	return a, nil
}

func (f *fake) Respond(ctx context.Context, id string, at time.Time, said []feedback.Response) error {
	a, err := f.Find(ctx, id)
	if err == nil {
		err = a.Respond(at, said)
	}
	if err == nil {
		err = f.Keep(ctx, a)
	}
	return err
}

func (f *fake) Drift() []recommender.Drift {
	return []recommender.Drift{{Want: recommender.Tests, Of: "age", Index: .125, Decisions: 500}}
}
