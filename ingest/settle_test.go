package ingest

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"ember/fhir"
	"ember/index"
	"ember/store"
	"ember/terms"
	"ember/timelines"
)

// memory is a place for timelines.
type memory map[string][]byte

func (m memory) Get(key []byte) ([]byte, bool, error) {
	v, ok := m[string(key)]
	return v, ok, nil
}

func (m memory) Put(pairs []timelines.Pair) error {
	for _, p := range pairs {
		m[string(p.Key)] = p.Value
	}
	return nil
}

func (m memory) Delete(keys [][]byte) error {
	for _, k := range keys {
		delete(m, string(k))
	}
	return nil
}

func (m memory) All() iter.Seq2[timelines.Pair, error] {
	return func(yield func(timelines.Pair, error) bool) {
		for k, v := range m {
			if !yield(timelines.Pair{Key: []byte(k), Value: v}, nil) {
				return
			}
		}
	}
}

// settling is an Ingest whose follower has stopped: what is not settled at once
// stays so. An allergy waits for the patient with urn:mrn|1.
type settling struct {
	*testing.T
	*Ingest
	options store.Options
	tick    func() // at each look at the clock
}

func openSettling(t *testing.T) *settling {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &settling{T: t, options: store.Options{Dir: dir + "/store", KeyFile: dir + "/key", Now: time.Now}, tick: func() {}}
	x, err := index.Open(index.Options{Dir: dir + "/index"})
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { s.tick(); return time.Now() }
	s.Ingest, err = Open(t.Context(), Options{Store: s.store(false), Mapper: fhir.NewMapper(tt), Timelines: timelines.New(memory{}, 10), Index: x, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(x.Close(), s.opt.Store.Close()); err != nil {
			t.Error(err)
		}
	})
	allergy := `{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient?identifier=urn:mrn|1"},"code":{"text":"penicillin"}}`
	if _, err := s.Put(t.Context(), "AllergyIntolerance", "a1", []byte(allergy), Condition{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *settling) store(readOnly bool) *store.Store {
	s.Helper()
	opt := s.options
	opt.ReadOnly = readOnly
	out, err := store.Open(opt)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// reopen goes on with the same store, opened again.
func (s *settling) reopen(readOnly bool) {
	s.Helper()
	if err := s.opt.Store.Close(); err != nil {
		s.Fatal(err)
	}
	s.opt.Store = s.store(readOnly)
}

func (s *settling) belongsTo(when, want string) {
	s.Helper()
	if r, err := s.opt.Store.Get("AllergyIntolerance", "a1"); err != nil || r.Patient != want {
		s.Errorf("%s: the allergy belongs to %q, want %q: %v", when, r.Patient, want, err)
	}
}

const waitedFor = `{"resourceType":"Patient","id":"p1","identifier":[{"system":"urn:mrn","value":"1"}]}`

// TestSettlingIsNotCutOff cancels the request once its write is stored: who waits
// for it is settled all the same.
func TestSettlingIsNotCutOff(t *testing.T) {
	s := openSettling(t)
	s.belongsTo("before", "")
	ctx, cancel := context.WithCancel(t.Context())
	s.tick = cancel // the clock is read after the commit
	if _, err := s.Put(ctx, "Patient", "p1", []byte(waitedFor), Condition{}); err != nil {
		t.Fatal(err)
	}
	if ctx.Err() == nil {
		t.Fatal("the request was not cancelled: the test proves nothing")
	}
	s.belongsTo("after", "p1")
}

// TestSettlingThatFailsIsTakenUpLater fails it by a store that takes no writes.
func TestSettlingThatFailsIsTakenUpLater(t *testing.T) {
	s := openSettling(t)
	w := store.Write{Type: "Patient", ID: "p1", Patient: "p1", Raw: []byte(waitedFor), Keys: [][]byte{identifierKey("Patient", "urn:mrn", "1")}}
	if _, err := s.opt.Store.Commit(t.Context(), []store.Write{w}); err != nil {
		t.Fatal(err)
	}
	s.reopen(true)
	s.settleWaiting(t.Context(), keysOf(nil, &w))
	s.reopen(false)
	s.belongsTo("when settling failed", "")
	if len(s.unsettled) != 1 {
		t.Errorf("%d keys are left to settle", len(s.unsettled))
	}
	if err := s.settleLeft(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.belongsTo("after settling again", "p1")
}
