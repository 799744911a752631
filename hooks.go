package ember

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"ember/cache"
	"ember/fhir"
	"ember/recommender"
	"ember/recommender/feedback"
	"ember/recommender/safety"
	"ember/record"
	"ember/server"
	"ember/server/auth"
	"ember/server/cds"
	"ember/store"
	"ember/terms"
)

// Bounds of what CDS Hooks keeps in memory: tokens seen, what was dismissed, cards of
// an instance.
const (
	hookEntries = 1 << 20
	hookBytes   = 64 << 20
)

// openHooks makes what answers CDS Hooks, and sweeps cards whose time is over.
func (a *App) openHooks(ctx context.Context) (server.CDS, error) {
	c := a.config
	memory := cache.NewLayered(cache.NewMemory(hookEntries, hookBytes, c.Now), a.far)
	keep := &cardKeeper{cards: a.store.Space("cds cards"), outcomes: a.store.Space("cds outcomes"), now: c.Now, lifetime: c.CDSFeedback, responses: a.responses}
	service, err := cds.New(cds.Options{
		Base: c.CDSBase, Deadline: c.CDSDeadline, Cards: c.CDSCards, Suggestions: c.CDSSuggestions, Quiet: c.CDSQuiet, Lifetime: c.CDSFeedback,
		Days: c.CDSDays, Servers: c.CDSServers, Running: 2 * runtime.GOMAXPROCS(0), Secret: a.store.HMAC([]byte("cds cards")),
	}, cds.Deps{Reader: a.mapper, Charts: hookCharts{a}, Recommender: hookRecommender{answering{a}}, Rules: judging{a}, Memory: memory, Feedback: keep, Sentences: &a.sentences, Now: c.Now,
		Risks: a.risks()})
	if err != nil {
		return server.CDS{}, fmt.Errorf("ember: %w", err)
	}
	out := server.CDS{Hooks: service, Base: c.CDSBase, Origins: c.CDSOrigins}
	clients, err := auth.ParseClients(c.CDSClients)
	if err != nil {
		return server.CDS{}, fmt.Errorf("ember: %w", err)
	}
	if len(clients) > 0 {
		used := &usedTokens{space: a.store.Space("cds tokens"), far: memory, now: c.Now}
		if err := used.sweep(); err != nil {
			return server.CDS{}, fmt.Errorf("ember: sweeping tokens that were used: %w", err)
		}
		out.Clients = auth.NewClients(clients, auth.Recommend, used, c.Now)
	}
	a.outcomes = keep
	if err := keep.sweep(ctx); err != nil {
		c.Log.Error("old cards could not be swept", slog.Any("error", err))
	}
	return out, nil
}

// Outcomes yields what became of the recommendations that were given as cards: accepted,
// overridden, or ignored once the time for feedback is over.
func (a *App) Outcomes(ctx context.Context) iter.Seq2[cds.Outcome, error] {
	return a.outcomes.Outcomes(ctx)
}

type hookCharts struct{ *App }

// Chart implements cds.Charts.
func (h hookCharts) Chart(ctx context.Context, patient string) (cds.Chart, error) {
	chart, err := charts(h).Chart(ctx, patient)
	switch {
	case errors.Is(err, server.ErrNotFound), errors.Is(err, server.ErrGone):
		return cds.Chart{}, cds.ErrNoPatient
	case err != nil:
		return cds.Chart{}, err
	case chart.Timeline.Person.ReplacedBy != "":
		return cds.Chart{}, &cds.Problem{Status: 409, Code: "conflict", Path: "context.patientId", Detail: "this patient's record was merged into another", Hint: "ask for the record that replaces it"}
	}
	return cds.Chart{Timeline: chart.Timeline, Identifiers: h.identifiers(patient), Key: chart.Key, Version: chart.Version}, nil
}

// identifiers are those of a Patient as it is stored, "system|value".
func (a *App) identifiers(patient string) (all []string) {
	r, err := a.store.Get("Patient", patient)
	if err != nil {
		return nil
	}
	var h fhir.Header
	fhir.Scan(r.Raw, &h)
	for _, i := range h.Identifiers {
		all = append(all, string(i.System)+"|"+string(i.Value))
	}
	return all
}

type hookRecommender struct{ answering }

// Recommend implements cds.Recommender.
func (h hookRecommender) Recommend(ctx context.Context, q recommender.Query) (recommender.Answer, error) {
	if h.served.engine.Load() == nil {
		return recommender.Answer{}, cds.ErrNoModel
	}
	return h.answering.Recommend(ctx, q)
}

// judging is the safety rules, with the site's own names of drugs where a model has
// learned them.
type judging struct{ *App }

// Judge implements cds.Rules. No verdict goes out that the rules did not finish.
func (j judging) Judge(past record.Past, facts, orders []record.Event) (out cds.Judgement, err error) {
	defer func() {
		if recover() != nil { // what it says may name the patient
			out, err = cds.Judgement{}, recommender.ErrRules
		}
	}()
	if engine := j.served.engine.Load(); engine != nil {
		past, facts = engine.Named(past, facts)
		_, orders = engine.Named(past, orders)
	}
	patient := j.rules.Prepare(past, facts)
	out = cds.Judgement{Unchecked: patient.Unchecked(), Checks: j.rules.Checks(), Version: j.rules.Version(), Verdicts: make([]cds.Verdict, len(orders))}
	for i := range orders {
		e := &orders[i]
		var drug terms.Drug
		if e.Kind == record.Medication {
			drug = j.terms.DrugOfConcept(e.Concept)
		}
		v := &out.Verdicts[i]
		v.Findings, v.Unchecked = j.rules.Check(patient, safety.Order{Drug: drug, Event: e, Code: e.Concept, Kind: e.Kind})
	}
	return out, nil
}

// cardKeeper keeps cards and what became of them in sealed spaces of the store; both are
// erased with the patient.
type cardKeeper struct {
	cards, outcomes *store.Space
	now             func() time.Time
	lifetime        time.Duration
	responses       *responses // what ranking learns from
}

// Show implements cds.Feedback. Cards are on disk when anything later is.
func (k *cardKeeper) Show(ctx context.Context, cards []cds.Shown) error {
	pairs := make([]store.Pair, len(cards))
	for i := range cards {
		value, err := json.Marshal(cards[i])
		if err != nil {
			return fmt.Errorf("ember: keeping a card: %w", err)
		}
		pairs[i] = store.Pair{Key: []byte(cards[i].Card), Value: value, Patient: cards[i].Patient}
	}
	if err := k.cards.Put(pairs, false); err != nil {
		return err
	}
	for i := range cards {
		if answer, ok := taught(&cards[i]); ok {
			if err := k.responses.Keep(ctx, answer); err != nil {
				return err
			}
		}
	}
	return nil
}

// taught is a card as ranking learns from it: a list that was shown whole, and without
// exploration. Cards of the rules teach nothing.
func taught(card *cds.Shown) (feedback.Answer, bool) {
	if card.Service == cds.Safety || card.Service == cds.Risk {
		return feedback.Answer{}, false
	}
	a := feedback.Answer{ID: card.Card, Patient: card.Patient, At: card.At, Want: card.Offers[0].Want, Model: card.Model, Listed: len(card.Offers)}
	for _, o := range card.Offers {
		a.Items = append(a.Items, feedback.Item{Kind: o.Kind, System: o.Concept.System, Code: o.Concept.Value, Probability: o.Probability, Propensity: 1, Shown: true})
	}
	return a, true
}

// overrides are the reasons of ranking's feedback for those of cards.
var overrides = map[string]string{"action-completed": "already-done", "cds-not-applicable": "not-indicated", "patient-contraindication": "contraindicated",
	"action-unsuccessful": "prefer-other", "recipient-disagrees-evidence": "not-indicated", "patient-refuses": "patient-declined", "wrong-time-workflow": "later"}

// teach hands outcomes of cards to ranking.
func (k *cardKeeper) teach(ctx context.Context, outcomes []cds.Outcome) error {
	said := map[string][]feedback.Response{}
	at := map[string]time.Time{}
	for i := range outcomes {
		o := &outcomes[i]
		if o.Service == cds.Safety || o.Service == cds.Risk || o.Outcome == cds.Ignored { // nobody said anything
			continue
		}
		r := feedback.Response{System: o.Concept.System, Code: o.Concept.Value, Outcome: feedback.Outcome(o.Outcome)}
		if o.Outcome == cds.Overridden && o.Reason.Value != "" {
			if r.Reason = overrides[o.Reason.Value]; r.Reason == "" {
				r.Reason = "other"
			}
		}
		said[o.Card], at[o.Card] = append(said[o.Card], r), o.At
	}
	for card, responses := range said {
		var gone *server.Fault // the patient is not on record here, or not any more: nothing to learn
		if err := k.responses.Respond(ctx, card, at[card], responses); err != nil && !(errors.As(err, &gone) && gone.Status == http.StatusNotFound) {
			return err
		}
	}
	return nil
}

// Card implements cds.Feedback.
func (k *cardKeeper) Card(_ context.Context, id string) (card cds.Shown, found bool, err error) {
	value, found, err := k.cards.Get([]byte(id))
	if err != nil || !found {
		return card, false, err
	}
	return card, true, json.Unmarshal(value, &card)
}

// Record implements cds.Feedback. Outcomes are on disk when it returns; the same one
// again takes the place of itself.
func (k *cardKeeper) Record(ctx context.Context, outcomes []cds.Outcome) error {
	pairs := make([]store.Pair, len(outcomes))
	for i := range outcomes {
		o := &outcomes[i]
		value, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("ember: keeping an outcome: %w", err)
		}
		key := o.Card + "|" + o.Recommendation + "|" + o.Outcome + "|" + hex.EncodeToString([]byte(o.At.UTC().Format(time.RFC3339Nano)))
		pairs[i] = store.Pair{Key: []byte(key), Value: value, Patient: o.Patient}
	}
	if err := k.outcomes.Put(pairs, true); err != nil {
		return err
	}
	return k.teach(ctx, outcomes)
}

// Outcomes implements cds.Outcomes.
func (k *cardKeeper) Outcomes(ctx context.Context) iter.Seq2[cds.Outcome, error] {
	return func(yield func(cds.Outcome, error) bool) {
		for pair, err := range k.outcomes.All() {
			var o cds.Outcome
			if err == nil {
				err = json.Unmarshal(pair.Value, &o)
			}
			if err == nil {
				err = ctx.Err()
			}
			if !yield(o, err) || ctx.Err() != nil {
				return
			}
		}
	}
}

// sweep forgets cards whose time is over; those without feedback were ignored.
func (k *cardKeeper) sweep(ctx context.Context) error {
	told := map[string]bool{}
	for pair, err := range k.outcomes.All() {
		if err != nil {
			return err
		}
		told[string(pair.Key[:min(len(pair.Key), uuidLength)])] = true
	}
	var old [][]byte
	var ignored []cds.Outcome
	now := k.now().UTC()
	for pair, err := range k.cards.All() {
		if err != nil {
			return err
		}
		var card cds.Shown
		if err := json.Unmarshal(pair.Value, &card); err != nil {
			return err
		}
		if now.Sub(card.At) <= k.lifetime {
			continue
		}
		old = append(old, pair.Key)
		if !told[card.Card] {
			ignored = append(ignored, card.Ignored(card.At.Add(k.lifetime))...)
		}
	}
	if len(ignored) > 0 {
		if err := k.Record(ctx, ignored); err != nil {
			return err
		}
	}
	if len(old) == 0 {
		return nil
	}
	return k.cards.Delete(old, true)
}

// uuidLength is that of a UUID as text.
const uuidLength = 36

var (
	_ cds.Feedback = (*cardKeeper)(nil)
	_ cds.Outcomes = (*cardKeeper)(nil)
)
