package ember

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"ember/bulk"
	"ember/fhir/deid"
	"ember/store"
)

// deidKey is where the key of de-identification lies, sealed, in a space of its own.
var deidKey = []byte("key")

func (a *App) deidSpace() *store.Space { return a.store.Space("deid") }

// mask makes who de-identifies, with the key in force.
func (a *App) mask(mode, base string, at time.Time) (bulk.Mask, error) {
	m, err := deid.ParseMode(mode)
	if err != nil {
		return nil, fmt.Errorf("ember: %w", err)
	}
	a.deiding.Lock()
	defer a.deiding.Unlock()
	key, found, err := a.deidSpace().Get(deidKey)
	if err == nil && !found {
		key, err = a.newDeidKey()
	}
	if err != nil {
		return nil, fmt.Errorf("ember: the key of de-identification: %w", err)
	}
	s, err := deid.New(deid.Options{Mode: m, Key: key, At: at, Base: base, Systems: a.config.DeidSystems})
	if err != nil {
		return nil, fmt.Errorf("ember: %w", err)
	}
	return s, nil
}

func (a *App) newDeidKey() ([]byte, error) {
	key := make([]byte, 32)
	rand.Read(key)
	return key, a.deidSpace().Put([]store.Pair{{Key: deidKey, Value: key}}, true)
}

// DeidKey names a key of de-identification.
type DeidKey struct {
	Key string `json:"key"` // as manifests name it
}

// RotateDeidKey makes a new key: what is de-identified from now on cannot be joined with
// what was before, nor with the ids here. The old key is gone.
func (a *App) RotateDeidKey(context.Context) (DeidKey, error) {
	a.deiding.Lock()
	_, err := a.newDeidKey()
	a.deiding.Unlock()
	if err != nil {
		return DeidKey{}, fmt.Errorf("ember: rotating the key of de-identification: %w", err)
	}
	m, err := a.mask(string(deid.Shifted), "", a.config.Now())
	if err != nil {
		return DeidKey{}, err
	}
	return DeidKey{m.Key()}, nil
}
