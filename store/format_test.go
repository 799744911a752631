package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// The dictionary is part of the format: see dictionary.go.
func TestDictionaryIsPinned(t *testing.T) {
	const want = "d98b9e0dd0095895bee2bcf9f786d39ab49f8d7d9a7e5fe4cc8447b59d0e6a75"
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(dictionaryV1))); got != want {
		t.Errorf("dictionary v1 changed: %s", got)
	}
}

// asFormat makes the closed store in dir what a program of that format left.
func asFormat(t *testing.T, dir string, version int) {
	t.Helper()
	s := openAt(t, dir)
	defer s.Close()
	f, _, err := readFormat(s.db)
	if err != nil {
		t.Fatal(err)
	}
	f.Version = version
	b := s.db.NewBatch()
	if err := f.write(b); err != nil {
		t.Fatal(err)
	}
	if version == 1 { // kept no counts
		if err := b.DeleteRange([]byte{tagCount}, []byte{tagCount + 1}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		t.Fatal(err)
	}
}

func TestUpgradeFromFormat1(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	a := observation("a", "p1", 1)
	commit1(t, s, a, observation("b", "p1", 2), observation("c", "p2", 2), Write{Type: "Observation", ID: "c", Delete: true},
		Write{Type: "Patient", ID: "p1", Patient: "p1", Raw: []byte(`{"resourceType":"Patient"}`)})
	s.Close()
	asFormat(t, dir, 1)
	if _, err := Open(Options{Dir: dir, ReadOnly: true}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("an old store read-only: %v", err)
	}
	s = openAt(t, dir)
	if got := fmt.Sprint(s.Counts()); got != "map[Observation:2 Patient:1]" {
		t.Errorf("counts after the upgrade: %s", got)
	}
	if r, err := s.Get("Observation", "a"); err != nil || !bytes.Equal(r.Raw, a.Raw) {
		t.Errorf("after the upgrade: %v", err)
	}
	if f, _, err := readFormat(s.db); err != nil || f.Version != formatVersion {
		t.Errorf("format record %+v, %v", f, err)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	openAt(t, dir).Close()
	asFormat(t, dir, formatVersion+1)
	if _, err := Open(Options{Dir: dir, Now: clock()}); !errors.Is(err, ErrFormat) {
		t.Errorf("a newer format: %v", err)
	}
}
