package recommender

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"ember/recommender/safety"
	"ember/record"
	"ember/terms"
)

// Checker is what an engine needs of the safety rules; *safety.Checker is it.
type Checker interface {
	Prepare(p record.Past, context []record.Event) *safety.Patient
	Check(p *safety.Patient, o safety.Order) (findings []safety.Finding, unchecked string)
	Checks() []string
	Version() string
}

// Drugs says what a drug is; *terms.Terms is it.
type Drugs interface {
	DrugOfConcept(record.Code) terms.Drug
}

// Engine answers queries from an artifact, which can be swapped while it
// answers. It is safe for concurrent use.
type Engine struct {
	current atomic.Pointer[loaded]
	terms   Drugs
	rules   Checker
	cache   Cache
	pool    sync.Pool // *scratch
}

// New makes an engine. cache may be nil.
func New(a *Artifact, t *terms.Terms, rules *safety.Checker, cache Cache) *Engine {
	return newEngine(a, t, rules, cache)
}

func newEngine(a *Artifact, t Drugs, rules Checker, cache Cache) *Engine {
	e := &Engine{terms: t, rules: rules, cache: cache}
	e.pool.New = func() any { return new(scratch) }
	e.Swap(a)
	return e
}

// Swap makes later answers come from another artifact. Answers under way keep
// the one they began with; cached candidates of other versions are not used.
func (e *Engine) Swap(a *Artifact) {
	e.current.Store(load(a, e.terms))
}

// Artifact is the one that answers now.
func (e *Engine) Artifact() *Artifact { return e.current.Load().artifact }

// ErrWant is returned for a query without a valid want.
var ErrWant = errors.New("recommender: want is neither treatments nor tests")

// ErrRules means that the safety rules failed and with them the answer.
var ErrRules = errors.New("recommender: a safety rule failed")

const defaultLimit = 10

// Recommend answers a query. The error is the context's, or that of a rule: a
// failing rule fails the answer, a failing source or cache does not.
func (e *Engine) Recommend(ctx context.Context, q Query) (Answer, error) {
	if q.Want == 0 || q.Want >= wantEnd {
		return Answer{}, ErrWant
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, err
	}
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	l := e.current.Load()
	a := l.artifact
	ans := Answer{At: q.Past.At(), Want: q.Want, Model: ModelRef{a.Name, a.Version},
		Rules: e.rules.Version(), IntendedUse: IntendedUse}
	a.names.query(&q)
	s := e.pool.Get().(*scratch)
	defer e.pool.Put(s)
	s.begin(l, &q)
	if why := a.abstain(&q, &s.chart); why != "" {
		ans.Abstained, ans.AbstainReason = true, why
		return ans, nil
	}
	degraded, err := e.candidates(ctx, l, &q, s)
	if err != nil {
		return Answer{}, fmt.Errorf("recommender: candidates: %w", err)
	}
	ans.Degraded = degraded
	s.watching(l, q.Want) // also those that are too unlike to answer
	if why := a.unlike(s.cand); why != "" {
		ans.Abstained, ans.AbstainReason = true, why
		return ans, nil
	}
	s.rank(a, q.Want, s.depth(&q))
	ans.Sets = a.rankers[q.Want].sets(s.logits)
	ans.Checks = e.rules.Checks()
	if err := e.present(ctx, l, &q, s, &ans); err != nil {
		return Answer{}, err
	}
	return ans, nil
}

// day is what cached candidates are good for.
const day = 24 * time.Hour

// candidates fills s.cand from the cache or the sources and names what failed.
func (e *Engine) candidates(ctx context.Context, l *loaded, q *Query, s *scratch) (degraded []string, err error) {
	a := l.artifact
	cached := e.cache != nil && q.Key != "" && len(q.Context) == 0 && q.Explain.Zero()
	var key string
	if cached {
		key = l.prefix + strconv.Itoa(int(q.Want)) + ":" + strconv.FormatInt(q.Past.At().Unix()/86400, 10) + ":" + q.DataVersion + ":" + q.Key
		b, ok, err := e.cache.Get(ctx, key)
		switch {
		case err != nil:
			degraded = append(degraded, "cache")
		case ok && s.cached.unpack(b, a.Labels(q.Want)) == nil:
			s.cand = &s.cached
			return namesOf(s.cand.degraded, degraded), nil
		}
	}
	if s.cand, err = a.all.propose(ctx, a.lexicon.vocabulary, &s.chart, q.Want, false, s.must(a, q)...); err != nil {
		return nil, err
	}
	if cached && s.cand.degraded == 0 {
		if err := e.cache.Set(ctx, key, s.cand.pack(), day); err != nil && !slices.Contains(degraded, "cache") {
			degraded = append(degraded, "cache")
		}
	}
	return namesOf(s.cand.degraded, degraded), nil
}

// namesOf adds the names of failed sources.
func namesOf(bits uint16, names []string) []string {
	for col, name := range columnNames {
		if bits&(1<<col) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// present turns the ranked candidates into items and blocked ones: rules after
// ranking, before display.
func (e *Engine) present(ctx context.Context, l *loaded, q *Query, s *scratch, ans *Answer) error {
	pt, err := e.prepare(q)
	if err != nil {
		return err
	}
	if pt != nil {
		ans.Unchecked = append(ans.Unchecked, pt.Unchecked()...)
	}
	ans.Items = make([]Item, 0, min(q.Limit, len(s.cand.labels)))
	rank := 0
	for ; ; rank++ {
		if rank == len(s.order) && rank < len(s.logits) {
			s.sortAll() // the rules left fewer than were put in order
		}
		if rank >= len(s.order) {
			break
		}
		k := s.order[rank]
		explained := s.explains(l.artifact, q, k)
		done := len(ans.Items) >= q.Limit
		if done && (q.Explain.Zero() || ans.Explained != nil) {
			break
		}
		if done && !explained {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		v, err := e.check(l, q, s, pt, k)
		if err != nil {
			return err
		}
		if v.unchecked != "" && !slices.Contains(ans.Unchecked, v.unchecked) {
			ans.Unchecked = append(ans.Unchecked, v.unchecked)
		}
		item := s.item(l, q, k)
		item.Warnings = v.findings
		if !v.blocked || explained {
			item.Reasons = s.reasons(l, q.Want, k)
		}
		switch {
		case v.blocked && !done:
			ans.Blocked = append(ans.Blocked, Blocked{Code: item.Code, Kind: item.Kind, Status: item.Status, Probability: item.Probability, Findings: v.findings})
		case !v.blocked && !done:
			ans.Items = append(ans.Items, item)
		}
		if explained {
			ans.Explained = explain(item, rank+1, q.Limit, v.blocked, v.findings)
		}
	}
	if !q.Explain.Zero() && ans.Explained == nil {
		ans.Explained = unknownOrder(q.Explain)
	}
	if q.Explore != nil {
		return e.explore(ctx, l, q, s, pt, rank, ans)
	}
	return nil
}

// prepare resolves the patient for the rules.
func (e *Engine) prepare(q *Query) (pt *safety.Patient, err error) {
	defer failing(&err)
	return e.rules.Prepare(q.Past, q.Context), nil
}

// failing turns a panic of the rules into an error: no answer goes out that they
// did not finish judging. What they panicked with may name the patient and is
// dropped.
func failing(err *error) {
	if recover() != nil {
		*err = ErrRules
	}
}

// verdict is what the rules say of one candidate.
type verdict struct {
	findings  []safety.Finding
	unchecked string // what of it could not be checked, "" = nothing
	blocked   bool
}

// check applies the rules to one candidate.
func (e *Engine) check(l *loaded, q *Query, s *scratch, pt *safety.Patient, k int) (v verdict, err error) {
	defer failing(&err)
	words := l.artifact.lexicon.vocabulary
	id := words.labels[q.Want][s.cand.labels[k]]
	c := &words.concepts[id]
	v.findings, v.unchecked = e.rules.Check(pt, safety.Order{Drug: l.drugs[id], Continue: s.status[k].continues(), Code: c.code, Kind: c.kind})
	v.blocked = slices.ContainsFunc(v.findings, func(f safety.Finding) bool { return f.Tier == "block" })
	return v, nil
}
