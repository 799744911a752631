package ember

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"sync"

	"ember/models"
	"ember/recommender"
)

// tombstones keep patients who have refused, or were erased, since the training
// out of the similar patients of the version that serves. They are not written
// down: the store knows who was erased, the index who refuses.
type tombstones struct {
	mu       sync.Mutex
	artifact *recommender.Artifact // as it was trained
	ordinal  map[[16]byte]int32    // of those it compares others with
	gone     map[int32]struct{}
}

// lay begins anew with an artifact: with those who are gone since its training.
func (a *App) lay(artifact *recommender.Artifact, m models.Manifest, dir string) error {
	learned, err := readPeople(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // an earlier program wrote none
		return err
	}
	trained, err := strconv.ParseUint(m.Data.Version, 10, 64)
	if err != nil {
		trained = 0
	}
	t := &a.tombstones
	t.mu.Lock()
	defer t.mu.Unlock()
	ordinals, gone := map[[16]byte]int32{}, map[int32]struct{}{}
	for _, ordinal := range artifact.Neighbours() {
		if int(ordinal) >= len(learned) {
			break
		}
		ordinals[learned[ordinal]] = ordinal
		at, erased, err := a.store.ErasedAt(learned[ordinal])
		if err != nil {
			return err
		}
		if erased && at > trained {
			gone[ordinal] = struct{}{}
		}
	}
	t.artifact, t.ordinal, t.gone = artifact, ordinals, gone
	view := a.index.View()
	for ordinal := range view.OptedOut().All() {
		t.bury(a.store.Tombstone(view.Patient(ordinal).ID))
	}
	return nil
}

// answerBy makes the artifact answer, without those who are gone.
func (a *App) answerBy() {
	t := &a.tombstones
	t.mu.Lock()
	defer t.mu.Unlock()
	artifact := t.artifact.Without(slices.Collect(maps.Keys(t.gone)))
	if engine := a.served.engine.Load(); engine != nil {
		engine.Swap(artifact)
		return
	}
	a.served.engine.Store(a.engineOf(artifact))
}

// bury reports whether the patient was among those others are compared with until
// now; the caller holds the lock.
func (t *tombstones) bury(grave [16]byte) bool {
	ordinal, known := t.ordinal[grave]
	if _, gone := t.gone[ordinal]; !known || gone {
		return false
	}
	t.gone[ordinal] = struct{}{}
	return true
}

// forget keeps patients out of the similar ones from now on.
func (a *App) forget(patients ...string) {
	if a.buryAll(patients) {
		a.answerBy()
	}
}

func (a *App) buryAll(patients []string) (changed bool) {
	t := &a.tombstones
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range patients {
		changed = t.bury(a.store.Tombstone(p)) || changed
	}
	return changed
}
