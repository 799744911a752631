package ember

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ember/aiaas"
	"ember/cohort"
	"ember/server"
	"ember/store"
)

// scoreShelf keeps what models said of patients, sealed: a head for each model names the
// version and the space of its scores, a pair each that is erased with the patient. The
// scores of another version come into another space, so that those of two are never mixed.
// Those used last are in memory too.
type scoreShelf struct {
	store   *store.Store
	serving func(model string) string // the version that serves, "" = none

	mu     sync.Mutex
	recent map[string]map[string]cohort.PatientScore // by space
	ids    int                                       // in all of recent
}

type scoreHead struct {
	Space, Version, Outcome string
}

type scorePair struct {
	Value  float64   `json:"v"`
	At     time.Time `json:"t"`
	Source string    `json:"s"`
}

func (k *scoreShelf) heads() *store.Space { return k.store.Space("scores") }

func (k *scoreShelf) of(space string) *store.Space { return k.store.Space("score/" + space) }

// put keeps the scores of a version: beside those that it gave before, in the place of
// those of another.
func (k *scoreShelf) put(v aiaas.Serving, outcome string, all []server.Foretold) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	had, err := k.head(v.Name)
	if err != nil && !errors.Is(err, cohort.ErrNotFound) {
		return err
	}
	head := had
	if had.Space == "" || had.Version != v.Version {
		var random [spaceName / 2]byte
		if _, err := rand.Read(random[:]); err != nil {
			return fmt.Errorf("ember: storing scores: %w", err)
		}
		head = scoreHead{hex.EncodeToString(random[:]), v.Version, outcome}
	}
	for part := range slices.Chunk(all, savedPart) {
		pairs := make([]store.Pair, len(part))
		for i, f := range part {
			raw, err := json.Marshal(scorePair{f.Value, f.At.UTC(), f.Resource})
			if err != nil {
				return fmt.Errorf("ember: storing scores: %w", err)
			}
			pairs[i] = store.Pair{Key: []byte(f.Patient), Value: raw, Patient: f.Patient}
		}
		if err := k.of(head.Space).Put(pairs, false); err != nil {
			return err
		}
	}
	k.forget()
	raw, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("ember: storing scores: %w", err)
	}
	if err := k.heads().Put([]store.Pair{{Key: []byte(v.Name), Value: raw}}, true); err != nil {
		return err
	}
	if had.Space == "" || had.Space == head.Space {
		return nil
	}
	return k.of(had.Space).Clear()
}

func (k *scoreShelf) head(model string) (h scoreHead, err error) {
	raw, ok, err := k.heads().Get([]byte(model))
	switch {
	case err != nil:
		return h, err
	case !ok:
		return h, cohort.ErrNotFound
	case json.Unmarshal(raw, &h) != nil:
		return h, store.ErrCorrupt
	}
	return h, nil
}

// drop forgets what is in memory: somebody was erased.
func (k *scoreShelf) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget()
}

func (k *scoreShelf) forget() {
	clear(k.recent)
	k.ids = 0
}

func (k *scoreShelf) about(model string, h scoreHead) cohort.Scored {
	return cohort.Scored{Model: model, Version: h.Version, Outcome: h.Outcome, Serving: k.serving(model)}
}

// Scored implements cohort.Scorer.
func (k *scoreShelf) Scored() ([]cohort.Scored, error) {
	var all []cohort.Scored
	for p, err := range k.heads().All() {
		if err != nil {
			return nil, err
		}
		h, err := k.head(string(p.Key))
		if err != nil {
			return nil, err
		}
		all = append(all, k.about(string(p.Key), h))
	}
	slices.SortFunc(all, func(a, b cohort.Scored) int { return cmp.Compare(a.Model, b.Model) })
	return all, nil
}

// Scores implements cohort.Scorer.
func (k *scoreShelf) Scores(ctx context.Context, model string) (cohort.Scored, map[string]cohort.PatientScore, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h, err := k.head(model)
	if err != nil {
		return cohort.Scored{}, nil, err
	}
	if scores, ok := k.recent[h.Space]; ok {
		return k.about(model, h), scores, nil
	}
	scores := map[string]cohort.PatientScore{}
	for p, err := range k.of(h.Space).All() {
		if err != nil {
			return cohort.Scored{}, nil, err
		}
		if len(scores)%savedPart == 0 && ctx.Err() != nil {
			return cohort.Scored{}, nil, ctx.Err()
		}
		var s scorePair
		if json.Unmarshal(p.Value, &s) != nil {
			return cohort.Scored{}, nil, store.ErrCorrupt
		}
		scores[string(p.Key)] = cohort.PatientScore{Value: s.Value, At: s.At, Source: s.Source}
	}
	if k.ids+len(scores) > maxRecent {
		k.forget()
	}
	k.recent[h.Space] = scores
	k.ids += len(scores)
	return k.about(model, h), scores, nil
}

var _ cohort.Scorer = (*scoreShelf)(nil)
