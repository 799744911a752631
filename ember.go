// Package ember is the whole: [Open] wires the rooms around one data directory,
// and [App] is what the program and its commands use. It decides nothing: what
// an answer is, is decided in the rooms.
//
// One data directory is one tenant and is opened by one process. Commands reach
// that process through a socket in the directory ([App.Serve] makes it).
package ember

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"ember/aiaas"
	"ember/bulk"
	"ember/cache"
	"ember/cohort"
	"ember/cohort/study"
	"ember/ehr"
	"ember/fhir"
	"ember/fhir/validate"
	"ember/index"
	"ember/ingest"
	"ember/models"
	"ember/recommender/safety"
	"ember/search"
	"ember/server"
	"ember/server/auth"
	"ember/store"
	"ember/terms"
	"ember/timelines"
)

// ErrKey: the key file is missing, unreadable, or not the one the data was
// sealed with.
var ErrKey = store.ErrKey

// ErrLocked: another process has the data directory open.
var ErrLocked = store.ErrLocked

// chartsCached is how many decoded timelines are kept in memory.
const chartsCached = 4096

// App is one open data directory. It is safe for concurrent use; Close it once.
type App struct {
	config     Config
	terms      *terms.Terms
	mapper     *fhir.Mapper
	rules      *safety.Checker
	store      *store.Store
	timelines  *timelines.Timelines
	index      *index.Index
	ingest     *ingest.Ingest
	search     *search.Engine
	models     *models.Registry
	service    *aiaas.Service
	cohorts    *cohort.Service
	kept       *cohortKeeper
	scores     *scoreShelf
	bulk       *bulk.Service
	deiding    sync.Mutex // guards making the key of de-identification
	cache      *cache.Layered
	far        *cache.Redis // nil: memory alone
	outcomes   *cardKeeper
	ehr        *ehr.Client // nil: no EHR is asked
	pulls      *ehr.Pulls
	telling    telling
	tokens     *auth.Tokens  // nil: there is no token file
	follower   *ehr.Follower // nil: no topic is subscribed to
	sentences  sentences
	closers    []func() error
	audit      *auditLog
	responses  *responses
	erasing    sync.RWMutex // read-locked by who writes what was computed of patients before
	shadow     shadowing
	served     served
	tombstones tombstones
	server     *server.Server
	training   sync.Mutex  // one training or evaluation at a time
	serving    atomic.Bool // others wait for answers while it trains
}

// Open opens the data directory, making it if there is none, and starts
// following what the last process had not finished.
func Open(ctx context.Context, config Config) (*App, error) {
	config = config.withDefaults()
	if err := config.Validate(); err != nil {
		return nil, err
	}
	a := &App{config: config}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	for _, step := range []func(context.Context) error{a.openTokens, a.openTerms, a.openStore, a.sweep, a.openIndex, a.openModels, a.openShadow, a.openService, a.openTelling, a.openIngest, a.openCohorts, a.openBulk, a.openEHR, a.openServer} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) openTokens(context.Context) (err error) {
	if a.config.TokenFile == "" {
		return nil
	}
	if a.tokens, err = auth.OpenTokens(a.config.TokenFile, a.config.Now); err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	return nil
}

func (a *App) openTerms(context.Context) (err error) {
	if a.terms, err = terms.Load(a.config.TermsDir); err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	if a.rules, err = safety.New(a.terms, a.config.RulesDir); err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	a.mapper = fhir.NewMapper(a.terms)
	return nil
}

func (a *App) openStore(context.Context) (err error) {
	if err := os.MkdirAll(a.config.Data, 0o700); err != nil {
		return fmt.Errorf("ember: making the data directory: %w", err)
	}
	a.store, err = store.Open(store.Options{Dir: a.config.path("store"), KeyFile: a.config.keyFile(), Now: a.config.Now, CacheBytes: a.config.StoreCache})
	if err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	a.onClose(a.store.Close)
	a.timelines = timelines.New(timelineSpace{a.store.Space("timelines")}, chartsCached)
	a.responses = newResponses(a.store)
	a.audit, err = openAudit(a.store)
	return err
}

func (a *App) openIndex(context.Context) (err error) {
	a.index, err = index.Open(index.Options{Dir: a.config.path("index"), Notes: true, Fingerprint: a.terms.Version() + "/" + fhir.MapperVersion})
	if err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	a.onClose(a.index.Close)
	if why := a.index.Rebuilt(); why != "" {
		a.config.Log.Info("the index is built anew", "why", why)
	}
	return nil
}

func (a *App) openIngest(ctx context.Context) (err error) {
	a.search = a.engine()
	a.ingest, err = ingest.Open(context.WithoutCancel(ctx), ingest.Options{
		Store: a.store, Mapper: a.mapper, Timelines: a.timelines, Index: a.index, Search: a.search, Now: a.config.Now,
		Limits: fhir.Limits{MaxBytes: a.config.MaxBody}, Refused: func(patients []string) { a.forget(patients...) },
		Changed: a.changed, Followed: a.followed, Bases: a.config.bases(),
	})
	if err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	a.onClose(a.ingest.Close)
	a.ingest.SetEncoder(a.served.encode)
	if by := a.served.vectorsBy(); by != "" && by != a.index.VectorsBy() { // the last process ended before they were made
		if _, err := a.ingest.Revector(by); err != nil {
			return fmt.Errorf("ember: %w", err)
		}
	}
	return nil
}

func (a *App) openServer(ctx context.Context) (err error) {
	var tokens server.Authenticator
	if a.tokens != nil {
		tokens = a.tokens
	}
	hooks, err := a.openHooks(ctx)
	if err != nil {
		return err
	}
	validator, err := validate.New()
	if err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	var door server.EHR
	if a.ehr != nil {
		door = ehrDoor{a}
	}
	smart, err := a.openSMART()
	if err != nil {
		return err
	}
	var risks server.Risks
	if chosen, ok := a.risks().(risking); ok {
		risks = chosen
	}
	var notifier server.Notifier
	if a.telling.Service != nil {
		notifier = a.telling.Service
	}
	a.server, err = server.New(server.Options{
		Limits:   server.Limits{BodyBytes: a.config.MaxBody, Loads: a.config.MaxLoads, Asks: a.config.MaxRequests, Requests: a.config.MaxRequests, PerPrincipal: a.config.MaxRequests},
		ReadyLag: a.config.ReadyLag,
	}, server.Deps{
		Loader: loader{a}, Writer: writer{a}, Resources: resources{a}, Charts: charts{a}, Bundles: a.mapper,
		Recommender: answering{a}, Searcher: searcher{a}, Health: health{a}, Auditor: a.audit, Tokens: tokens,
		Feedback: a.responses, Models: modelDoor{a.service, a}, Embedder: embedder{a}, Finder: finder{a}, Cohorts: a.cohorts, Studies: study.New(a.cohorts), CohortModels: cohortModels{a}, CDS: hooks, SMART: smart, Sentences: &a.sentences, Views: views{a}, Bulk: a.bulk, EHR: door,
		Notifier: notifier, Risks: risks,
		Validator: validator,
		Clock:     a.config.Now, Log: a.config.Log,
	})
	if err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	return nil
}

func (a *App) onClose(f func() error) { a.closers = append(a.closers, f) }

// Close stops the follower and closes everything, last opened first.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}
