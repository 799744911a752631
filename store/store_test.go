package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// clock ticks a millisecond each time it is asked.
func clock() func() time.Time {
	var ticks atomic.Int64
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time { return start.Add(time.Duration(ticks.Add(1)) * time.Millisecond) }
}

func openAt(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func observation(id, patient string, n int) Write {
	raw := fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","subject":{"reference":"Patient/%s"},"valueQuantity":{"value":%d}}`, id, patient, n)
	return Write{Type: "Observation", ID: id, Patient: patient, Raw: []byte(raw)}
}

func commit1(t testing.TB, s *Store, w ...Write) []Result {
	t.Helper()
	r, err := s.Commit(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCommitAndRead(t *testing.T) {
	s := openAt(t, t.TempDir())
	a := observation("a", "p1", 1)
	a.Aside = []byte("splices")
	r := commit1(t, s, a)[0]
	if r != (Result{Version: 1, Created: true, Changed: true, Seq: 1}) {
		t.Fatalf("first write: %+v", r)
	}
	if r := commit1(t, s, a)[0]; r != (Result{Version: 1}) {
		t.Fatalf("same bytes again: %+v", r)
	}
	a2 := observation("a", "p1", 2)
	if r := commit1(t, s, a2)[0]; r != (Result{Version: 2, Changed: true, Seq: 2}) {
		t.Fatalf("other bytes: %+v", r)
	}
	got, err := s.Get("Observation", "a")
	if err != nil || !bytes.Equal(got.Raw, a2.Raw) || got.Aside != nil || got.Version != 2 || got.Patient != "p1" {
		t.Fatalf("Get: %+v, %v", got, err)
	}
	old, err := s.Version("Observation", "a", 1)
	if err != nil || !bytes.Equal(old.Raw, a.Raw) || !bytes.Equal(old.Aside, a.Aside) {
		t.Fatalf("Version 1: %+v, %v", old, err)
	}
	if !old.Updated.Before(got.Updated) {
		t.Errorf("version 1 of %v is not before version 2 of %v", old.Updated, got.Updated)
	}
	if _, err := s.Version("Observation", "a", 3); !errors.Is(err, ErrNotFound) {
		t.Errorf("version 3: %v", err)
	}
	if _, err := s.Get("Observation", "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("never written: %v", err)
	}
	h, err := s.History("Observation", "a")
	if err != nil || len(h) != 2 || h[0].Version != 2 || h[1].Version != 1 {
		t.Errorf("History: %+v, %v", h, err)
	}
}

func TestDeleteAndReturn(t *testing.T) {
	s := openAt(t, t.TempDir())
	a := observation("a", "p1", 1)
	commit1(t, s, a)
	gone := Write{Type: "Observation", ID: "a", Delete: true}
	if r := commit1(t, s, gone)[0]; r != (Result{Version: 2, Changed: true, Seq: 2}) {
		t.Fatalf("delete: %+v", r)
	}
	if r := commit1(t, s, gone)[0]; r != (Result{Version: 2}) {
		t.Fatalf("delete again: %+v", r)
	}
	if r := commit1(t, s, Write{Type: "Observation", ID: "never", Delete: true})[0]; r != (Result{}) {
		t.Fatalf("delete of nothing: %+v", r)
	}
	got, err := s.Get("Observation", "a")
	if !errors.Is(err, ErrGone) || !got.Deleted || got.Version != 2 || got.Raw != nil {
		t.Fatalf("Get of deleted: %+v, %v", got, err)
	}
	for r, err := range s.Patient("p1") {
		t.Errorf("Patient yields a deleted resource: %+v, %v", r, err)
	}
	if n := s.Counts()["Observation"]; n != 0 {
		t.Errorf("count after delete: %d", n)
	}
	if old, err := s.Version("Observation", "a", 1); err != nil || !bytes.Equal(old.Raw, a.Raw) {
		t.Errorf("version 1 after delete: %v", err)
	}
	if r := commit1(t, s, a)[0]; r != (Result{Version: 3, Created: true, Changed: true, Seq: 3}) {
		t.Fatalf("return: %+v", r)
	}
	var log []string
	for c, err := range s.Changes(0) {
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, fmt.Sprintf("%d %s/%s of %s deleted=%v", c.Seq, c.Type, c.ID, c.Patient, c.Deleted))
	}
	want := []string{"1 Observation/a of p1 deleted=false", "2 Observation/a of p1 deleted=true", "3 Observation/a of p1 deleted=false"}
	if fmt.Sprint(log) != fmt.Sprint(want) {
		t.Errorf("log %q, want %q", log, want)
	}
}

func TestSameResourceTwiceInABatch(t *testing.T) {
	s := openAt(t, t.TempDir())
	one, two := observation("a", "p1", 1), observation("a", "p1", 2)
	r := commit1(t, s, one, two, two, Write{Type: "Observation", ID: "a", Delete: true}, one)
	want := []Result{{1, true, true, 1, ""}, {2, false, true, 2, ""}, {2, false, false, 0, ""}, {3, false, true, 3, ""}, {4, true, true, 4, ""}}
	for i := range want {
		if r[i] != want[i] {
			t.Errorf("write %d: %+v, want %+v", i, r[i], want[i])
		}
	}
	h, err := s.History("Observation", "a")
	if err != nil || len(h) != 4 || !h[1].Deleted || !bytes.Equal(h[2].Raw, two.Raw) || !bytes.Equal(h[3].Raw, one.Raw) {
		t.Errorf("history: %+v, %v", h, err)
	}
	if n := s.Counts()["Observation"]; n != 1 {
		t.Errorf("count %d", n)
	}
}

func TestIfVersion(t *testing.T) {
	s := openAt(t, t.TempDir())
	a := observation("a", "p1", 1)
	a.IfVersion = Absent
	commit1(t, s, a)
	b := observation("b", "p1", 1)
	a2 := observation("a", "p1", 2)
	for _, want := range []uint64{2, Absent} {
		a2.IfVersion = want
		if _, err := s.Commit(context.Background(), []Write{b, a2}); !errors.Is(err, ErrConflict) {
			t.Errorf("IfVersion %d: %v", want, err)
		}
	}
	if _, err := s.Get("Observation", "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a batch with a conflict left something behind: %v", err)
	}
	a2.IfVersion = 1
	if r := commit1(t, s, a2)[0]; r.Version != 2 {
		t.Errorf("matching version: %+v", r)
	}
}

func TestKeys(t *testing.T) {
	s := openAt(t, t.TempDir())
	lookup := func(key string) string {
		t.Helper()
		r, err := s.Lookup([]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(r)
	}
	a := observation("a", "p1", 1)
	a.Keys = [][]byte{[]byte("mrn|1"), []byte("mrn|2"), []byte("mrn|1")}
	commit1(t, s, a)
	if got := lookup("mrn|1") + lookup("mrn|2") + lookup("mrn|3"); got != "[{Observation a}][{Observation a}][]" {
		t.Errorf("after the first write: %s", got)
	}
	a.Keys = [][]byte{[]byte("mrn|2"), []byte("mrn|3")}
	if r := commit1(t, s, a)[0]; r != (Result{Version: 1}) {
		t.Errorf("new keys, same bytes: %+v", r)
	}
	if got := lookup("mrn|1") + lookup("mrn|2") + lookup("mrn|3"); got != "[][{Observation a}][{Observation a}]" {
		t.Errorf("after new keys: %s", got)
	}
	b := observation("a", "p1", 2)
	b.Keys = [][]byte{[]byte("mrn|4")}
	commit1(t, s, b)
	if got := lookup("mrn|2") + lookup("mrn|3") + lookup("mrn|4"); got != "[][][{Observation a}]" {
		t.Errorf("after new bytes: %s", got)
	}
	commit1(t, s, Write{Type: "Observation", ID: "a", Delete: true})
	if got := lookup("mrn|4"); got != "[]" {
		t.Errorf("after delete: %s", got)
	}
}

func TestPatientScanAndReopen(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	want := map[string][]byte{}
	var writes []Write
	for i := range 700 {
		w := observation(fmt.Sprintf("o%d", i), fmt.Sprintf("p%d", i%7), i)
		writes = append(writes, w)
		if i%7 == 3 {
			want[w.ID] = w.Raw
		}
	}
	commit1(t, s, writes...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	n := 0
	for r, err := range s.Patient("p3") {
		if err != nil || !bytes.Equal(r.Raw, want[r.ID]) {
			t.Fatalf("%s: %v", r.ID, err)
		}
		n++
	}
	if n != len(want) {
		t.Errorf("%d resources of %d", n, len(want))
	}
	if s.Head() != 700 || s.Counts()["Observation"] != 700 {
		t.Errorf("head %d, counts %v", s.Head(), s.Counts())
	}
	patients := 0
	for _, err := range s.Patients() {
		if err != nil {
			t.Fatal(err)
		}
		patients++
	}
	seq, err := s.PatientSeq("p6")
	if patients != 7 || err != nil || seq != 700 {
		t.Errorf("%d patients; p6 last changed at %d, %v", patients, seq, err)
	}
	var seen uint64
	for c, err := range s.Changes(350) {
		if err != nil || c.Seq != 351+seen {
			t.Fatalf("change %d after %d others: %v", c.Seq, seen, err)
		}
		seen++
	}
	if seen != 350 {
		t.Errorf("%d changes after 350", seen)
	}
}

func TestMoveBetweenPatients(t *testing.T) {
	s := openAt(t, t.TempDir())
	commit1(t, s, observation("a", "p1", 1))
	commit1(t, s, observation("a", "p2", 1))
	for r := range s.Patient("p1") {
		t.Errorf("still with the former patient: %+v", r)
	}
	h, err := s.History("Observation", "a")
	if err != nil || len(h) != 2 || h[0].Patient != "p2" || h[1].Patient != "p1" {
		t.Errorf("history %+v, %v", h, err)
	}
	if v, err := s.Version("Observation", "a", 1); err != nil || v.Patient != "p1" {
		t.Errorf("version 1: %+v, %v", v, err)
	}
	if err := s.Erase(context.Background(), "p1"); err != nil {
		t.Fatal(err)
	}
	if h, err := s.History("Observation", "a"); err != nil || len(h) != 1 || h[0].Patient != "p2" {
		t.Errorf("history after erasing the former patient %+v, %v", h, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	commit1(t, s, observation("a", "p1", 1))
	if _, err := Open(Options{Dir: dir, Now: clock()}); !errors.Is(err, ErrLocked) {
		t.Errorf("second opener: %v", err)
	}
	s.Close()
	if _, err := Open(Options{Dir: dir, Now: clock(), Key: bytes.Repeat([]byte{7}, 32)}); !errors.Is(err, ErrKey) {
		t.Errorf("wrong key: %v", err)
	}
	if _, err := Open(Options{Dir: dir, Now: clock(), Key: []byte("short")}); !errors.Is(err, ErrKey) {
		t.Errorf("short key: %v", err)
	}
	key := filepath.Join(dir, "key")
	os.Chmod(key, 0o644)
	if _, err := Open(Options{Dir: dir, Now: clock()}); !errors.Is(err, ErrKey) {
		t.Errorf("key readable by others: %v", err)
	}
	os.Remove(key)
	if _, err := Open(Options{Dir: dir, Now: clock()}); !errors.Is(err, ErrKey) {
		t.Errorf("key file lost: %v", err)
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("a new key was made for an old store")
	}
}

func TestSpace(t *testing.T) {
	s := openAt(t, t.TempDir())
	a, b := s.Space("timelines"), s.Space("audit")
	big := bytes.Repeat([]byte("abc "), 1000)
	pairs := []Pair{{Key: []byte("p1"), Value: big, Patient: "p1"}, {Key: []byte("p2"), Value: nil}, {Key: []byte("p3"), Value: []byte("x")}}
	if err := a.Put(pairs, true); err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		if v, ok, err := a.Get(p.Key); err != nil || !ok || !bytes.Equal(v, p.Value) {
			t.Errorf("%s: %d bytes, %v, %v", p.Key, len(v), ok, err)
		}
	}
	if _, ok, err := b.Get([]byte("p1")); ok || err != nil {
		t.Errorf("the other space has it too: %v", err)
	}
	if err := a.Delete([][]byte{[]byte("p3"), []byte("never")}, false); err != nil {
		t.Fatal(err)
	}
	n := 0
	for p, err := range a.All() {
		if err != nil {
			t.Fatal(err)
		}
		n += len(p.Key) + len(p.Value)
	}
	if n != 4+len(big) {
		t.Errorf("All gives %d bytes", n)
	}
	if err := a.Clear(); err != nil {
		t.Fatal(err)
	}
	for p := range a.All() {
		t.Errorf("left after Clear: %s", p.Key)
	}
}

// TestMovedResourceLeavesAnEntry moves a resource from one patient to another
// and looks for both in the change log.
func TestMovedResourceLeavesAnEntry(t *testing.T) {
	s := openAt(t, t.TempDir())
	commit1(t, s, observation("1", "a", 1))
	if r := commit1(t, s, observation("1", "b", 1)); r[0].Left != "a" {
		t.Errorf("left %q", r[0].Left)
	}
	got := ""
	for c, err := range s.Changes(0) {
		if err != nil {
			t.Fatal(err)
		}
		got += fmt.Sprintf("%d %s %s/%s %t; ", c.Seq, c.Patient, c.Type, c.ID, c.Deleted)
	}
	if want := "1 a Observation/1 false; 2 a Observation/1 true; 3 b Observation/1 false; "; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}
