package store

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// damage flips a bit of the sealed current version, behind the store's back.
func damage(t *testing.T, s *Store, w Write) {
	t.Helper()
	key := key2(nil, tagBlob, s.hash.patient(w.Patient), s.hash.ref(w.Type, w.ID))
	v, found, err := s.get(nil, key)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	v[len(v)-1] ^= 1
	if err := s.db.Set(key, v, pebble.Sync); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedResource(t *testing.T) {
	s := openAt(t, t.TempDir())
	a, b, c := observation("a", "p1", 1), observation("b", "p1", 2), observation("c", "p1", 3)
	commit1(t, s, a, b, c)
	damage(t, s, b)

	_, err := s.Get("Observation", "b")
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "Observation/b") {
		t.Errorf("Get of damaged: %v", err)
	}
	if r, err := s.Get("Observation", "a"); err != nil || !bytes.Equal(r.Raw, a.Raw) {
		t.Errorf("its neighbour: %v", err)
	}
	good, bad := 0, 0
	for _, err := range s.Patient("p1") {
		switch {
		case err == nil:
			good++
		case errors.Is(err, ErrCorrupt) && strings.Contains(err.Error(), "Observation/b"):
			bad++
		default:
			t.Errorf("scan: %v", err)
		}
	}
	if good != 2 || bad != 1 {
		t.Errorf("scan gives %d good, %d damaged", good, bad)
	}
	b2 := observation("b", "p1", 4)
	if r := commit1(t, s, b2)[0]; r.Version != 2 {
		t.Errorf("writing over damage: %+v", r)
	}
	if r, err := s.Get("Observation", "b"); err != nil || !bytes.Equal(r.Raw, b2.Raw) {
		t.Errorf("after writing over it: %v", err)
	}
}

func TestSealedValuesCannotBeExchanged(t *testing.T) {
	s := openAt(t, t.TempDir())
	a, b := observation("a", "p1", 1), observation("b", "p2", 2)
	commit1(t, s, a, b)
	key := func(w Write) []byte {
		return key2(nil, tagBlob, s.hash.patient(w.Patient), s.hash.ref(w.Type, w.ID))
	}
	v, _, err := s.get(nil, key(a))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Set(key(b), v, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("Observation", "b"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("one resource's bytes under another's name: %v", err)
	}
}

func TestEraseOfDamaged(t *testing.T) {
	s := openAt(t, t.TempDir())
	a, b := observation("a", "p1", 1), observation("b", "p2", 2)
	commit1(t, s, a, b)
	damage(t, s, a)
	if err := s.Erase(context.Background(), "p1"); err != nil {
		t.Fatal(err)
	}
	for c, err := range s.Changes(0) {
		if err != nil || c.Patient == "p1" {
			t.Errorf("log after erasure: %+v, %v", c, err)
		}
	}
	if _, err := s.Get("Observation", "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after erasure: %v", err)
	}
}
