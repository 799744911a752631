package ember

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"ember/cohort"
	"ember/record"
	"ember/store"
	"ember/timelines"
)

// openCohorts wires the engine of cohorts to index, timelines and store.
func (a *App) openCohorts(context.Context) error {
	keeper := &cohortKeeper{store: a.store, recent: map[string][]string{}}
	a.kept = keeper
	a.scores = &scoreShelf{store: a.store, recent: map[string]map[string]cohort.PatientScore{}, serving: func(model string) string {
		v, err := a.service.Version(model, "")
		if err != nil {
			return ""
		}
		return v.Version
	}}
	var err error
	a.cohorts, err = cohort.NewService(cohort.Options{Index: a.index, Terms: a.terms, Timeline: a.timelineOf, Scores: a.scores, Book: cohortBook{a.store.Space("cohort questions")},
		Epsilon: a.config.CohortEpsilon, Secret: a.store.HMAC([]byte("cohort noise"))}, a.config.CohortQuestions, keeper, keeper)
	return err
}

// cohortBook keeps what was told of cohorts in a sealed space. It is on disk with the audit
// entry of the answer, which is synced after it and before the answer leaves.
type cohortBook struct{ space *store.Space }

// Put implements cohort.Book.
func (b cohortBook) Put(key string, value []byte) error {
	return b.space.Put([]store.Pair{{Key: []byte(key), Value: value}}, false)
}

// All implements cohort.Book.
func (b cohortBook) All() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for p, err := range b.space.All() {
			if !yield(p.Value, err) {
				return
			}
		}
	}
}

// Drop implements cohort.Book.
func (b cohortBook) Drop(keys []string) error {
	all := make([][]byte, len(keys))
	for i, k := range keys {
		all[i] = []byte(k)
	}
	return b.space.Delete(all, false)
}

// timelineOf is the timeline of a patient up to the last write.
func (a *App) timelineOf(_ context.Context, patient string) (record.Timeline, error) {
	chart, err := a.ingest.Chart(patient)
	if errors.Is(err, timelines.ErrNotFound) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) {
		return record.Timeline{}, cohort.ErrNotFound
	}
	return chart.Timeline, err
}

// cohortKeeper keeps saved cohorts in the store. A head begins with the name of the
// space that holds its members, a pair each that is erased with the patient; a cohort
// that is saved anew gets another space, so that it is there whole or as it was.
// The members of those used last are in memory too.
type cohortKeeper struct {
	store *store.Store

	mu     sync.Mutex
	recent map[string][]string // by space
	ids    int                 // in all of recent
}

// maxRecent is how many ids are kept in memory.
const maxRecent = 2_000_000

// drop forgets what is in memory: somebody was erased.
func (k *cohortKeeper) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.recent)
	k.ids = 0
}

const (
	spaceName = 16 // bytes that name a space of members
	savedPart = 10_000
)

func (k *cohortKeeper) heads() *store.Space { return k.store.Space("cohorts") }

func (k *cohortKeeper) members(space string) *store.Space { return k.store.Space("cohort/" + space) }

// Save implements cohort.Keeper.
func (k *cohortKeeper) Save(name string, head []byte, members []string) error {
	var random [spaceName / 2]byte
	if _, err := rand.Read(random[:]); err != nil {
		return fmt.Errorf("ember: saving a cohort: %w", err)
	}
	space := hex.EncodeToString(random[:])
	for len(members) > 0 {
		part := members[:min(len(members), savedPart)]
		members = members[len(part):]
		pairs := make([]store.Pair, len(part))
		for i, id := range part {
			pairs[i] = store.Pair{Key: []byte(id), Patient: id}
		}
		if err := k.members(space).Put(pairs, false); err != nil {
			return err
		}
	}
	old, _, err := k.read(name)
	if err != nil && !errors.Is(err, cohort.ErrNotFound) {
		return err
	}
	if err := k.heads().Put([]store.Pair{{Key: []byte(name), Value: append([]byte(space), head...)}}, true); err != nil {
		return err
	}
	if old == "" {
		return nil
	}
	return k.members(old).Clear()
}

func (k *cohortKeeper) read(name string) (space string, head []byte, err error) {
	b, ok, err := k.heads().Get([]byte(name))
	switch {
	case err != nil:
		return "", nil, err
	case !ok:
		return "", nil, cohort.ErrNotFound
	case len(b) < spaceName:
		return "", nil, store.ErrCorrupt
	}
	return string(b[:spaceName]), b[spaceName:], nil
}

// Head implements cohort.Keeper.
func (k *cohortKeeper) Head(name string) ([]byte, error) {
	_, head, err := k.read(name)
	return head, err
}

// Members implements cohort.Keeper.
func (k *cohortKeeper) Members(ctx context.Context, name string) ([]string, error) {
	space, _, err := k.read(name)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	ids, ok := k.recent[space]
	k.mu.Unlock()
	if ok {
		return slices.Clone(ids), nil
	}
	for p, err := range k.members(space).All() {
		if err != nil {
			return nil, err
		}
		if len(ids)%savedPart == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		ids = append(ids, string(p.Key))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ids+len(ids) > maxRecent {
		clear(k.recent)
		k.ids = 0
	}
	if _, ok := k.recent[space]; !ok {
		k.recent[space] = ids
		k.ids += len(ids)
	}
	return slices.Clone(ids), nil
}

// Names implements cohort.Shelf.
func (k *cohortKeeper) Names() ([]string, error) {
	var names []string
	for p, err := range k.heads().All() {
		if err != nil {
			return nil, err
		}
		names = append(names, string(p.Key))
	}
	return names, nil
}

// Delete implements cohort.Shelf.
func (k *cohortKeeper) Delete(name string) error {
	space, _, err := k.read(name)
	if err != nil {
		return err
	}
	if err := k.heads().Delete([][]byte{[]byte(name)}, true); err != nil {
		return err
	}
	return k.members(space).Clear()
}

var (
	_ cohort.Keeper = (*cohortKeeper)(nil)
	_ cohort.Shelf  = (*cohortKeeper)(nil)
)
