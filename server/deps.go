package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"ember/cohort"
	"ember/cohort/study"
	"ember/fhir"
	"ember/recommender"
	"ember/recommender/feedback"
	"ember/record"
	"ember/server/auth"
	"ember/server/cds"
)

// Deps is what the server needs of the other rooms. All but Tokens and the model
// service must be there. Everything is called by many goroutines at once.
type Deps struct {
	Loader      Loader
	Writer      Writer
	Resources   Resources
	Charts      Charts
	Bundles     Bundles
	Recommender Recommender
	Searcher    Searcher
	Health      Health
	Auditor     auth.Auditor

	// Feedback keeps answers that are responded to; without it none are.
	Feedback Feedback
	// Finder finds resources by search; without it the routes of search find nothing.
	Finder Finder
	// Views gives what views are run over; without it their route finds nothing.
	Views Views
	// Models is the model service, Embedder what gives vectors; without them their
	// routes find nothing.
	Models   Models
	Embedder Embedder

	// Cohorts answers definitions of cohorts; without it its routes find nothing.
	Cohorts Cohorts
	// Studies answers what is asked of cohorts after their count; without it its routes
	// find nothing.
	Studies Studies
	// Bulk moves data by the file; without it its routes find nothing.
	Bulk Bulk
	// CohortModels makes data sets of cohorts; without it its routes find nothing.
	CohortModels CohortModels
	// CDS is CDS Hooks; without it its routes find nothing.
	CDS CDS
	// Validator reports on resources; without it $validate is not there.
	Validator Validator
	// Sentences gives the drafts of $recommend a dosage; without it they have none.
	Sentences cds.Sentences

	// Risks tells risks of patients; without it its route finds nothing.
	Risks Risks
	// Notifier keeps subscriptions of others; without it Subscription is a type like any other.
	Notifier Notifier
	// EHR takes notifications of an EHR; without it its routes find nothing.
	EHR EHR
	// SMART is what SMART on FHIR needs; without it there are no access tokens.
	SMART SMART

	// Tokens knows the callers. Nil: only requests to this machine's own name
	// are served, with every right.
	Tokens Authenticator
	Clock  func() time.Time
	// Log takes the access log and the causes of internal errors.
	Log *slog.Logger
}

// Validate reports everything that is missing at once.
func (d Deps) Validate() error {
	var errs []error
	for _, dep := range []struct {
		name    string
		missing bool
	}{
		{"Loader", d.Loader == nil}, {"Writer", d.Writer == nil}, {"Resources", d.Resources == nil},
		{"Charts", d.Charts == nil}, {"Bundles", d.Bundles == nil}, {"Recommender", d.Recommender == nil},
		{"Searcher", d.Searcher == nil}, {"Health", d.Health == nil}, {"Auditor", d.Auditor == nil},
		{"Clock", d.Clock == nil}, {"Log", d.Log == nil},
	} {
		if dep.missing {
			errs = append(errs, fmt.Errorf("server: %s is missing", dep.name))
		}
	}
	return errors.Join(errs...)
}

// Authenticator finds who presents a token.
type Authenticator interface {
	// Authenticate returns [auth.ErrUnknown] for a token nobody has.
	Authenticate(token string) (auth.Principal, error)
}

// Form is the form of a body that is loaded.
type Form uint8

// The forms of bodies.
const (
	// Document is one JSON document: a Bundle, or a single resource.
	Document Form = iota + 1
	// Lines is NDJSON, one resource a line, of any length.
	Lines
)

// LoadOptions says what is loaded and who hears of it.
type LoadOptions struct {
	Form Form
	// Report is called once for each entry or line in their order, by one
	// goroutine. For a transaction in a document it is called only when all
	// were stored. It
	// never blocks.
	Report func(EntryResult)
	// Answer answers the searches among the entries.
	Answer func(ctx context.Context, typ, query string) (status int, body []byte, issues []fhir.Issue)
}

// Issue is one thing that is wrong with what was received, or was left out.
type Issue = fhir.Issue

// Loader stores what a body holds.
type Loader interface {
	// Load returns when everything reported as stored is durable. In a batch,
	// and in lines, bad entries are reported and the good ones kept; a
	// transaction with a bad entry returns a *Fault and keeps none. An error
	// while reading the body ends the load: what was reported before is kept.
	Load(ctx context.Context, body io.Reader, opt LoadOptions) (LoadResult, error)
}

// Kind says what a loaded document turned out to be.
type Kind uint8

// The kinds of documents.
const (
	// Batch: a batch Bundle, or one that only carries resources (collection,
	// searchset, history, document, message), or lines.
	Batch Kind = iota + 1
	// Transaction: all or none.
	Transaction
	// Single: one resource without a Bundle around it.
	Single
)

// LoadResult is what a load came to beyond what was reported by entry.
type LoadResult struct {
	Kind Kind
	// Patients are the logical ids of the patients whose data was touched,
	// each once: what the audit record names.
	Patients []string
}

// EntryResult is the outcome of one entry of a Bundle or one line.
type EntryResult struct {
	// Status is the HTTP status of this entry: 201 created, 200 updated or
	// unchanged or read, 204 deleted, 4xx refused.
	Status  int
	Type    string
	ID      string
	Version uint64    // 0 = none
	Updated time.Time // zero = none
	// Unchanged: these very bytes were stored already; nothing was written.
	Unchanged bool
	// Issues are faults and warnings; their paths name the entry.
	Issues []fhir.Issue
	// Body is the resource that a GET entry asked for, nil otherwise.
	Body []byte
}

// Write is one resource to store.
type Write struct {
	Type string
	ID   string // "" = the writer assigns one
	Body []byte // as received
	// IfVersion is the version that must be the current one; 0 = any.
	IfVersion uint64
	// IfAbsent: nothing may be there, or only what was deleted.
	IfAbsent bool
	// Where is a search: the one resource that meets it is updated, or one is created
	// when there is none. "" = by ID.
	Where string
	// IfNoneExist is a search: when one resource meets it, nothing is written
	// and that one is the result. "" = always write.
	IfNoneExist string
}

// Written is what became of a write.
type Written struct {
	ID      string
	Version uint64
	Updated time.Time
	Patient string // logical id of the patient it belongs to, "" = nobody
	Created bool
	Issues  []fhir.Issue // warnings
}

// Writer writes and deletes single resources, durably when it returns.
type Writer interface {
	// Put creates or updates. A body that is no such resource, or whose type
	// or id is another than asked for, is refused with a *Fault; a version
	// that is not the current one with ErrVersion.
	Put(ctx context.Context, w Write) (Written, error)
	// Delete marks as deleted. What never was returns ErrNotFound; what is
	// deleted already is no error.
	Delete(ctx context.Context, typ, id string, ifVersion uint64) (Written, error)
	// DeleteWhere deletes the one resource that meets a search; that there is none is
	// no error, and more than one a *Fault.
	DeleteWhere(ctx context.Context, typ, where string) (Written, error)
}

// Resource is one stored resource.
type Resource struct {
	Type, ID string
	Patient  string // logical id of the patient it belongs to, "" = nobody
	Version  uint64
	Updated  time.Time
	Body     []byte // not modified by the server
	Deleted  bool   // a version of a history that says so, without Body
}

// Resources reads stored resources.
type Resources interface {
	// Read returns the version asked for, 0 = the current one; with raw the
	// bytes as they were received, else with what the server had to change.
	// It returns ErrNotFound, or ErrGone for a deleted version.
	Read(ctx context.Context, typ, id string, version uint64, raw bool) (Resource, error)
}

// Chart is what is on record for one patient up to the last write.
type Chart struct {
	Timeline record.Timeline
	// Version changes whenever the patient's data does.
	Version string
	// Key stands for the patient in cache keys without naming them.
	Key string
}

// Charts opens patients' charts.
type Charts interface {
	// Chart holds every write that was acknowledged before the call. It
	// returns ErrNotFound for a patient who is not on record.
	Chart(ctx context.Context, patient string) (Chart, error)
}

// Bundles reads a posted Bundle of one patient without storing it.
type Bundles interface {
	// Bundle returns the patient's timeline and what could not be understood,
	// or a *Fault when there is no patient, or more than one.
	Bundle(ctx context.Context, body io.Reader) (record.Timeline, []fhir.Issue, error)
}

// Recommender answers what would be ordered next.
type Recommender interface {
	// Recommend returns ErrUnready when there is no model yet.
	Recommend(ctx context.Context, q recommender.Query) (recommender.Answer, error)
	Watched
	// Learned is what feedback taught what answers, or ErrUnready.
	Learned() (feedback.Learned, error)
	// Card is the model card of what answers, or ErrUnready.
	Card() (recommender.Card, error)
}

// Watched says how what answers fares; nothing when there is no model yet.
type Watched interface {
	// Drift says how the decisions asked about differ from those of training.
	Drift() []recommender.Drift
	// Calibration says what was kept of its promises when a newer version was
	// last compared with it.
	Calibration() []recommender.Kept
}

// Searcher searches over all patients.
type Searcher interface {
	Search(ctx context.Context, q SearchQuery) (SearchResults, error)
}

// SearchQuery is a search in words.
type SearchQuery struct {
	Text  string
	Kinds []record.Kind // empty = all
	Limit int           // most hits of each sort
	// Patients, if not nil, are the only ones who are looked at, and counted.
	Patients []string
}

// SearchResults are hits, best first.
type SearchResults struct {
	Concepts []ConceptHit
	Patients []PatientHit
	Notes    []NoteHit
	Total    int // patients in all
	// Degraded names what could not be searched.
	Degraded []string
}

// ConceptHit is a coded concept whose words match.
type ConceptHit struct {
	Code     record.Code
	Kind     record.Kind
	Patients int
}

// PatientHit is a patient with what spoke for them.
type PatientHit struct {
	Patient string // logical id
	Score   float64
	Why     []string
}

// NoteHit is a note whose words match.
type NoteHit struct {
	Source   string // reference of the resource
	Patient  string // logical id
	Score    float64
	Fragment string
}

// Cohorts is what the server needs of cohorts; *cohort.Service is it.
type Cohorts interface {
	CohortCoder
	CohortCounter
	CohortComparer
	CohortSaver
	CohortShelf
	CohortRows
}

// CohortCounter tells numbers that isolate nobody, and what can be asked for.
type CohortCounter interface {
	Count(ctx context.Context, principal string, q cohort.Question) (cohort.Answer, error)
	Facets(ctx context.Context, principal string, q cohort.Question) (cohort.Answer, error)
	Names(prefix string, limit int) []cohort.Name
}

// CohortComparer lays two cohorts side by side.
type CohortComparer interface {
	Compare(ctx context.Context, principal string, a, b cohort.Question) (cohort.Comparison, error)
}

// CohortSaver saves cohorts and compares them with today.
type CohortSaver interface {
	Save(ctx context.Context, principal, name string, q cohort.Question) (cohort.Saved, error)
	Rerun(ctx context.Context, principal, name string, now time.Time, named bool) (cohort.Change, error)
}

// CohortShelf knows what is saved.
type CohortShelf interface {
	List() ([]cohort.Saved, error)
	Show(name string) (cohort.Saved, error)
	Delete(name string) error
}

// CohortRows names patients.
type CohortRows interface {
	Members(ctx context.Context, name, after string, limit int) (ids []string, more bool, err error)
	Why(ctx context.Context, q cohort.Question, patient string) (cohort.Why, error)
}

// Studies is what the server needs of studies; *study.Service is it.
type Studies interface {
	StudyOfTime
	StudyOfGroups
	StudyOfMany
}

// StudyOfTime follows patients.
type StudyOfTime interface {
	Survival(ctx context.Context, principal string, q study.SurvivalQuestion) (study.Survival, error)
	Periods(ctx context.Context, principal string, q study.PeriodsQuestion) (study.Periods, error)
	Aligned(ctx context.Context, principal string, q study.AlignedQuestion) (study.Aligned, error)
}

// StudyOfGroups compares cohorts.
type StudyOfGroups interface {
	Table(ctx context.Context, principal string, q study.TableQuestion) (study.Table, error)
	Match(ctx context.Context, principal string, q study.MatchQuestion) (study.Matched, error)
}

// StudyOfMany describes one cohort.
type StudyOfMany interface {
	Values(ctx context.Context, principal string, q study.ValuesQuestion) (study.Values, error)
	Attrition(ctx context.Context, principal string, q cohort.Question) (study.Attrition, error)
}

// Health tells the state of the whole.
type Health interface {
	State(ctx context.Context) State
	// WaitIndex returns when everything written before the call is indexed,
	// or with the error of ctx.
	WaitIndex(ctx context.Context) error
}

// State is the state of the whole at one moment.
type State struct {
	Open     bool   // the store is open
	IndexLag uint64 // changes stored and not yet indexed
	// Versions of everything an answer rests on, by name: ember, data, model,
	// rules, terms, …
	Versions map[string]string
	// Degraded names what does not work as it should, in words without PHI.
	Degraded []string
}
