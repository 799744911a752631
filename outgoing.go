package ember

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"ember/ingest"
	"ember/notify"
	"ember/recommender"
	"ember/server"
	"ember/server/auth"
	"ember/store"
)

// telling finds out, for patients who have changed, what others have subscribed to.
type telling struct {
	*notify.Service              // nil: nobody can subscribe
	due             *store.Space // patients who have changed, until that was looked at
	seen            *store.Space // what was found the last time
	wake            chan struct{}
}

// lastTold is what was found for a patient the last time.
type lastTold struct {
	Codes []string        `json:"codes"` // recommended
	Above map[string]bool `json:"above"` // models whose threshold was reached
}

// openTelling takes up what was subscribed to.
func (a *App) openTelling(context.Context) (err error) {
	a.telling = telling{due: a.store.Space("to be told of"), seen: a.store.Space("told of"), wake: make(chan struct{}, 1)}
	if len(a.config.SubscriptionHosts) == 0 {
		return nil
	}
	ranges, err := parseRanges(a.config.SubscriptionRanges)
	if err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	topics := []string{notify.NewRecommendation}
	if len(a.config.Risks) > 0 {
		topics = append(topics, notify.RiskAboveThreshold)
	}
	a.telling.Service, err = notify.Open(notify.Options{
		Base: a.config.CDSBase + "/fhir", Topics: topics, Hosts: a.config.SubscriptionHosts, Private: a.config.SubscriptionPrivate, Ranges: ranges, Space: notifySpace{a.store.Space("subscriptions")},
		Now: a.config.Now, Log: a.config.Log, Record: a.recordTold, May: a.mayBeTold, Read: a.readTold,
	})
	if err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	return nil
}

// recordTold writes a delivery into the audit record before it is made.
func (a *App) recordTold(ctx context.Context, owner string, patients []string) error {
	entries := make([]auth.Entry, 0, len(patients))
	for _, p := range patients {
		entries = append(entries, auth.Entry{When: a.config.Now(), Principal: owner, Action: auth.ActionRead, Patient: "Patient/" + p, Resource: "Subscription", Outcome: strconv.Itoa(http.StatusOK)})
	}
	return a.audit.Record(ctx, entries...)
}

// mayBeTold reports whether who subscribed still has a token that could subscribe, and
// whether a patient's Consent allows it.
func (a *App) mayBeTold(owner, patient string) bool {
	if patient != "" {
		return !finder{a}.Refuses(patient)
	}
	return owner == auth.OwnerName || a.tokens != nil && slices.ContainsFunc(a.tokens.Named(owner), server.MaySubscribe)
}

// readTold is a patient's resource; nil where it is gone.
func (a *App) readTold(_ context.Context, patient string) (json.RawMessage, error) {
	r, err := a.store.Get("Patient", patient)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ingest.Served(r)
}

// changed remembers patients who have changed, before the follower says that it has seen
// them: nobody is missed by a crash.
func (a *App) changed(patients []string) error {
	if a.telling.Service == nil || !a.telling.Wanted(notify.NewRecommendation) && !a.telling.Wanted(notify.RiskAboveThreshold) {
		return nil
	}
	now := []byte(strconv.FormatInt(a.config.Now().UnixNano(), 36))
	pairs := make([]store.Pair, len(patients))
	for i, p := range patients {
		pairs[i] = store.Pair{Key: []byte(p), Value: now, Patient: p}
	}
	return a.telling.due.Put(pairs, false)
}

// followed has what changed looked at, now that it is in timelines and index.
func (a *App) followed() {
	if a.telling.Service == nil {
		return
	}
	select {
	case a.telling.wake <- struct{}{}:
	default:
	}
}

// tellOthers sends notifications and finds what there is to tell, until ctx ends.
func (a *App) tellOthers(ctx context.Context) {
	if a.telling.Service == nil {
		return
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		a.telling.Run(ctx)
	}()
	defer func() { <-sent }()
	for ctx.Err() == nil {
		if err := a.lookAtDue(ctx); err != nil && ctx.Err() == nil {
			a.config.Log.Error("what others have subscribed to could not be found; it is tried again", "error", err)
		}
		timer := time.NewTimer(30 * time.Second)
		select {
		case <-a.telling.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// lookAtDue looks at every patient who has changed.
func (a *App) lookAtDue(ctx context.Context) error {
	var due []store.Pair
	for pair, err := range a.telling.due.All() {
		if err != nil {
			return err
		}
		due = append(due, pair)
	}
	for _, pair := range due {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.tell(ctx, string(pair.Key)); err != nil {
			return err
		}
		now, found, err := a.telling.due.Get(pair.Key)
		if err != nil {
			return err
		}
		if found && string(now) == string(pair.Value) { // not changed again meanwhile
			if err := a.telling.due.Delete([][]byte{pair.Key}, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell publishes what is new about a patient. Who refuses use beyond their own care is
// told about to nobody.
func (a *App) tell(ctx context.Context, patient string) error {
	chart, err := a.ingest.Chart(patient)
	if err != nil {
		if _, gerr := a.store.Get("Patient", patient); gerr != nil {
			return nil // gone, or merged away
		}
		return err
	}
	if chart.Timeline.Person.OptOut || chart.Timeline.Person.ReplacedBy != "" {
		return nil
	}
	var before lastTold
	value, found, err := a.telling.seen.Get([]byte(patient))
	if err == nil && found {
		err = json.Unmarshal(value, &before)
	}
	if err != nil {
		return err
	}
	now, now2 := lastTold{Codes: before.Codes, Above: map[string]bool{}}, a.config.Now()
	var events []notify.Event
	if a.telling.Wanted(notify.NewRecommendation) && a.served.engine.Load() != nil {
		answer, err := (answering{a}).Recommend(ctx, recommender.Query{Past: chart.Timeline.Live(now2), Want: recommender.Treatments, Limit: toldItems})
		if err != nil {
			return err
		}
		now.Codes = newOnes(answer)
		if slices.ContainsFunc(now.Codes, func(c string) bool { return !slices.Contains(before.Codes, c) }) {
			events = append(events, notify.Event{Topic: notify.NewRecommendation, Patient: patient, At: now2})
		}
	}
	if a.telling.Wanted(notify.RiskAboveThreshold) {
		risen, err := a.risen(ctx, patient, before.Above, now.Above)
		if err != nil {
			return err
		}
		events = append(events, risen...)
	}
	if value, err = json.Marshal(now); err != nil {
		return err
	}
	// First the events: after a crash in between something is told twice, and nothing lost.
	if err := a.telling.Publish(events...); err != nil {
		return err
	}
	return a.telling.seen.Put([]store.Pair{{Key: []byte(patient), Value: value, Patient: patient}}, false)
}

// toldItems is how far down a list a recommendation is news, toldLeast how probable it
// has to be.
const (
	toldItems = 5
	toldLeast = .05
)

// newOnes are the orders of an answer that would be new, and that no rule warns of.
func newOnes(a recommender.Answer) []string {
	codes := []string{}
	for _, i := range a.Items {
		if i.Status != "continue" && i.Probability >= toldLeast && len(i.Warnings) == 0 {
			codes = append(codes, i.Code.System+"|"+i.Code.Value)
		}
	}
	slices.Sort(codes)
	return codes
}

// notifySpace is a sealed space as subscriptions want it.
type notifySpace struct{ *store.Space }

// Put implements notify.Space.
func (s notifySpace) Put(pairs []notify.Pair, sync bool) error {
	out := make([]store.Pair, len(pairs))
	for i, p := range pairs {
		out[i] = store.Pair{Key: p.Key, Value: p.Value, Patient: p.Patient}
	}
	return s.Space.Put(out, sync)
}

// All implements notify.Space.
func (s notifySpace) All() iter.Seq2[notify.Pair, error] {
	return func(yield func(notify.Pair, error) bool) {
		for p, err := range s.Space.All() {
			if !yield(notify.Pair{Key: p.Key, Value: p.Value}, err) {
				return
			}
		}
	}
}

// parseRanges reads ranges of addresses.
func parseRanges(texts []string) (all []netip.Prefix, err error) {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, errors.New("subscription-ranges: is no range of addresses, as 10.20.0.0/16")
		}
		all = append(all, p.Masked())
	}
	return all, nil
}
