package ember

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"ember/recommender"
	"ember/recommender/feedback"
	"ember/server"
	"ember/store"
	"ember/timelines"
)

// responses keep answers that were shown and what was done with them in a sealed
// space of the store, each with its patient, so that it is erased with them.
type responses struct {
	space *store.Space
	mu    sync.Mutex // one response at a time
}

// responsesSpace is the space's name.
const responsesSpace = "feedback"

// keptResponses is how long an answer is kept.
const keptResponses = 400 * 24 * time.Hour

func newResponses(s *store.Store) *responses { return &responses{space: s.Space(responsesSpace)} }

// Keep implements server.Feedback. An answer that is lost in a crash before anybody
// responded teaches nothing, so it is not waited for.
func (r *responses) Keep(_ context.Context, a feedback.Answer) error { return r.put(a, false) }

func (r *responses) put(a feedback.Answer, sync bool) error {
	b, err := a.Marshal()
	if err == nil {
		err = r.space.Put([]store.Pair{{Key: []byte(a.ID), Value: b, Patient: a.Patient}}, sync)
	}
	if err != nil {
		return fmt.Errorf("ember: keeping an answer: %w", err)
	}
	return nil
}

// Find implements server.Feedback.
func (r *responses) Find(_ context.Context, id string) (feedback.Answer, error) {
	b, ok, err := r.space.Get([]byte(id))
	if err != nil {
		return feedback.Answer{}, fmt.Errorf("ember: reading an answer: %w", err)
	}
	if !ok {
		return feedback.Answer{}, &server.Fault{Status: 404, Code: "not-found", Path: "answer", Detail: "no such answer is kept",
			Hint: "ask for the recommendation with feedback=true, and send the id of the answer"}
	}
	return feedback.Parse(b)
}

// Respond implements server.Feedback.
func (r *responses) Respond(ctx context.Context, id string, at time.Time, said []feedback.Response) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, err := r.Find(ctx, id)
	if err != nil {
		return err
	}
	if err := a.Respond(at, said); err != nil {
		return err
	}
	return r.put(a, true)
}

// forget drops the answers of before a moment, and those about patients who are
// not on record any more.
func (r *responses) forget(before time.Time, onRecord func(patient string) bool) error {
	var old [][]byte
	for pair, err := range r.space.All() {
		if err != nil {
			return err
		}
		if a, err := feedback.Parse(pair.Value); err != nil || a.At.Before(before) || !onRecord(a.Patient) {
			old = append(old, pair.Key)
		}
	}
	if len(old) == 0 {
		return nil
	}
	return r.space.Delete(old, false)
}

// onRecord reports whether a patient is; who cannot be read is.
func (a *App) onRecord(patient string) bool {
	_, err := a.ingest.Chart(patient)
	return !errors.Is(err, timelines.ErrNotFound)
}

// exploration draws whether to explore: from a keyed hash, so that nobody can
// guess it and the same question of the same day gets the same answer.
func (a answering) exploration(q *recommender.Query) *recommender.Exploration {
	day := q.Past.At().UTC().Format(time.DateOnly)
	h := a.store.HMAC([]byte("explore\x00" + q.Key + "\x00" + q.DataVersion + "\x00" + q.Want.String() + "\x00" + day))
	return &recommender.Exploration{Rate: a.config.Explore, Draw: float64(binary.BigEndian.Uint64(h)>>11) / (1 << 53)}
}

// feedback are the answers to learn from: those of patients who are still there
// and may be learned from.
func (c *child) feedback() (out []feedback.Answer, err error) {
	may := map[string]bool{}
	for pair, err := range c.store.Space(responsesSpace).All() {
		if err != nil {
			return nil, fmt.Errorf("ember: reading feedback: %w", err)
		}
		a, err := feedback.Parse(pair.Value)
		if err != nil {
			return nil, fmt.Errorf("ember: %w", err)
		}
		if a.Responded.IsZero() {
			continue
		}
		if _, known := may[a.Patient]; !known {
			chart, err := c.timelines.Get(a.Patient)
			if err != nil && !errors.Is(err, timelines.ErrNotFound) && !damaged(err) {
				return nil, fmt.Errorf("ember: reading feedback: %w", err)
			}
			may[a.Patient] = err == nil && recommender.Trainable(chart.Timeline.Person)
		}
		if may[a.Patient] {
			out = append(out, a)
		}
	}
	return out, nil
}
