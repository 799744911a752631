package ember_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"ember"
	"ember/index"
	"ember/record"
	"ember/store"
	"ember/terms"
	"ember/timelines"
)

// TestAnotherMapperMakesAllAnew opens what a program left that knew the same terms
// but mapped otherwise: here, to timelines with nothing in them.
func TestAnotherMapperMakesAllAnew(t *testing.T) {
	dir := t.TempDir()
	app, err := ember.Open(context.Background(), testConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	lines := `{"resourceType":"Patient","id":"p1"}` + "\n" + `{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"text":"Gout"},"recordedDate":"2024-01-05"}` + "\n"
	if _, err := app.LoadStream(context.Background(), strings.NewReader(lines), true, quiet, nil); err != nil {
		t.Fatal(err)
	}
	if err := app.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Dir: filepath.Join(dir, "store"), KeyFile: filepath.Join(dir, "key"), Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	old := store.Pair{Key: []byte("tp1"), Patient: "p1", Value: timelines.Encode(record.Timeline{Person: record.Person{ID: "p1"}})}
	head := s.Head()
	if err := errors.Join(s.Space("timelines").Put([]store.Pair{old}, true), s.Close()); err != nil {
		t.Fatal(err)
	}
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(index.Options{Dir: filepath.Join(dir, "index"), Notes: true, Fingerprint: tt.Version()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(x.Apply(nil, nil, head), x.Flush(), x.Close()); err != nil {
		t.Fatal(err)
	}
	h := open(t, testConfig(dir))
	h.ready()
	if n, err := h.Events("p1"); err != nil || n != 1 {
		t.Errorf("%d events, %v: the timeline of the other mapper is kept", n, err)
	}
}
