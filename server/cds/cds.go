// Package cds answers CDS Hooks 2.0 and 3.0: it describes its services, reads what a
// client sends (context, prefetch, drafts), reads what is missing from the client's
// own FHIR server or from Ember's store, asks the recommender and the safety rules,
// and builds cards. It knows no HTTP routes, tokens or audit: server mounts it.
//
// Its invariants: an answer never comes later than the deadline; what a client sends
// is used for its answer and never stored; nothing on a card was made up: what could
// not be read or checked is said; errors name the place and never a value.
package cds

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"ember/fhir"
	"ember/recommender"
	"ember/recommender/safety"
	"ember/record"
)

// Options are the settings of a [Service]. The zero value works: every zero stands for
// the default named beside it.
type Options struct {
	// Base is the address clients know this server by, "https://cds.example.org".
	// Empty: cards carry no links.
	Base string
	// Deadline is when an answer is given, empty if need be: 400 ms after the whole
	// request was read.
	Deadline time.Duration
	// Cards is how many cards one hook instance gets from all services; those of the
	// safety rules are not counted: 3.
	Cards int
	// Suggestions is how many suggestions a card has: 5.
	Suggestions int
	// Least is the probability below which nothing is suggested: 0.05.
	Least float64
	// Quiet is how long a suggestion that was accepted or overridden is not made again
	// for the patient: 24 h. Below 0: it is made again at once.
	Quiet time.Duration
	// Lifetime is how long feedback to a card is taken: 30 days.
	Lifetime time.Duration
	// Days makes prefetch templates ask for so many days back, by the relative dates
	// of version 3; 0: they ask for the latest resources, as every client can.
	Days int
	// Servers are the base addresses of the clients' FHIR servers that may be read.
	Servers []string
	// Running is how many answers are computed at once; others wait for their turn
	// within the deadline: 8.
	Running int
	// Secret makes the ids of cards unguessable.
	Secret []byte
}

func (o Options) withDefaults() Options {
	fill(&o.Deadline, 400*time.Millisecond)
	fill(&o.Cards, 3)
	fill(&o.Suggestions, 5)
	fill(&o.Least, .05)
	fill(&o.Quiet, 24*time.Hour)
	fill(&o.Lifetime, 30*24*time.Hour)
	fill(&o.Running, 8)
	return o
}

func fill[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Reader maps one patient's Bundle; *fhir.Mapper is it.
type Reader interface {
	Bundle(ctx context.Context, raw io.Reader) (record.Timeline, []fhir.Issue, error)
}

// Chart is what Ember's own store holds of a patient.
type Chart struct {
	Timeline record.Timeline
	// Identifiers of the patient, "system|value".
	Identifiers []string
	// Key and Version are for the recommender's cache.
	Key, Version string
}

// Charts opens the charts of Ember's own store.
type Charts interface {
	// Chart returns [ErrNoPatient] for a patient who is not on record.
	Chart(ctx context.Context, patient string) (Chart, error)
}

// ErrNoPatient is returned by [Charts] for a patient who is not on record.
var ErrNoPatient = errors.New("cds: no such patient")

// Recommender answers what would be ordered next.
type Recommender interface {
	Recommend(ctx context.Context, q recommender.Query) (recommender.Answer, error)
}

// ErrNoModel is returned by [Recommender] as long as nothing was trained.
var ErrNoModel = errors.New("cds: no model yet")

// Rules judge orders for a patient by the safety rules.
type Rules interface {
	// Judge gives a verdict for each order. facts are what is being done at the
	// moment: drafts, and what is being entered. It needs no model.
	Judge(past record.Past, facts, orders []record.Event) (Judgement, error)
}

// Judgement is what the rules say about orders.
type Judgement struct {
	Verdicts []Verdict // one an order
	// Unchecked says in words what of the patient no rule can see.
	Unchecked []string
	Checks    []string
	Version   string
}

// Verdict is what the rules say about one order.
type Verdict struct {
	Findings  []safety.Finding // gravest first
	Unchecked string           // why it could not be checked, "" = it was
}

// Memory keeps bytes for a while and may lose them; keys hold no identifiers.
type Memory interface {
	Get(ctx context.Context, key string) ([]byte, bool, error)
	Set(ctx context.Context, key string, v []byte, ttl time.Duration) error
}

// Feedback keeps which cards were shown and what became of them, durably and sealed.
type Feedback interface {
	// Show remembers cards so that feedback can be joined to them.
	Show(ctx context.Context, cards []Shown) error
	// Card is a card that was shown; false when there is none, or its time is over.
	Card(ctx context.Context, id string) (Shown, bool, error)
	// Record keeps outcomes. The same outcome again changes nothing.
	Record(ctx context.Context, outcomes []Outcome) error
}

// Outcomes yields what became of recommendations, for who learns from it.
type Outcomes interface {
	Outcomes(ctx context.Context) iter.Seq2[Outcome, error]
}

// Sentence is an order sentence of a drug: what is most often written about its dose.
type Sentence struct {
	Text       string
	Orders, Of int // orders that say so, and all orders of the drug
}

// Sentences knows the order sentences of the site.
type Sentences interface {
	// Sentence is the most frequent one for a drug, of adults; false when there is none
	// that could be vouched for.
	Sentence(c record.Code) (Sentence, bool)
}

// Deps is what a [Service] needs; all must be there but Sentences and Client. Everything is called
// by many goroutines at once.
type Deps struct {
	Reader      Reader
	Charts      Charts
	Recommender Recommender
	Rules       Rules
	Memory      Memory
	Feedback    Feedback
	// Risks says how likely outcomes are. Nil: there is no such service.
	Risks Risks
	// Sentences gives drafts a dosage. Nil: they have none.
	Sentences Sentences
	// Client reads the clients' FHIR servers. Nil: one with sensible limits.
	Client *http.Client
	Now    func() time.Time
	Log    *slog.Logger
}

// Service answers hooks. It is safe for concurrent use.
type Service struct {
	opt     Options
	deps    Deps
	running chan struct{}
	pace    atomic.Int64 // nanoseconds that an answer takes, of late
	space   uuid.UUID
	client  *http.Client
}

// New makes a service.
func New(opt Options, deps Deps) (*Service, error) {
	opt = opt.withDefaults()
	for _, base := range opt.Servers {
		if err := checkServer(base); err != nil {
			return nil, err
		}
	}
	s := &Service{opt: opt, deps: deps, running: make(chan struct{}, opt.Running), client: deps.Client}
	s.space = uuid.NewSHA1(uuid.NameSpaceURL, opt.Secret)
	if s.client == nil {
		s.client = newClient()
	}
	return s, nil
}
