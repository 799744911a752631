package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// holds tells which files under dir contain the bytes.
func holds(t *testing.T, dir string, what []byte) []string {
	t.Helper()
	names, err := filesIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(b, what) {
			out = append(out, n)
		}
	}
	return out
}

func TestErase(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	var writes []Write
	for i := range 300 {
		w := observation(fmt.Sprintf("o%d", i), fmt.Sprintf("p%d", i%3), i)
		w.Keys = [][]byte{fmt.Appendf(nil, "key %d", i%3)}
		writes = append(writes, w)
	}
	commit1(t, s, writes...)
	commit1(t, s, observation("o0", "p0", 1000), Write{Type: "Observation", ID: "o3", Delete: true})
	sp := s.Space("timelines")
	if err := sp.Put([]Pair{{Key: []byte("p0"), Value: []byte("chart"), Patient: "p0"}, {Key: []byte("p1"), Value: []byte("chart"), Patient: "p1"}}, true); err != nil {
		t.Fatal(err)
	}
	ref := s.hash.ref("Observation", "o0")
	blob, _, err := s.get(nil, key2(nil, tagBlob, s.hash.patient("p0"), ref))
	if err != nil {
		t.Fatal(err)
	}
	old, _, err := s.get(nil, historyKey(nil, s.hash.patient("p0"), ref, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Flush(); err != nil { // so that the bytes are in tables too
		t.Fatal(err)
	}
	if len(holds(t, dir, blob[20:60])) == 0 || len(holds(t, dir, old[20:60])) == 0 {
		t.Fatal("the sealed bytes are not in the files before erasure: the check below would prove nothing")
	}
	before := s.Head()
	if err := s.Erase(context.Background(), "p0"); err != nil {
		t.Fatal(err)
	}

	for _, sealed := range [][]byte{blob, old} {
		deadline := time.Now().Add(5 * time.Second) // the database removes old files in the background
		left := holds(t, dir, sealed[20:60])
		for len(left) > 0 && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
			left = holds(t, dir, sealed[20:60])
		}
		if len(left) > 0 {
			t.Errorf("sealed bytes of the erased patient are still in %v", left)
		}
	}
	for r, err := range s.Patient("p0") {
		t.Errorf("Patient: %+v, %v", r, err)
	}
	if _, err := s.History("Observation", "o0"); !errors.Is(err, ErrNotFound) {
		t.Errorf("History: %v", err)
	}
	if refs, err := s.Lookup([]byte("key 0")); len(refs) > 0 || err != nil {
		t.Errorf("Lookup: %v, %v", refs, err)
	}
	if _, ok, err := sp.Get([]byte("p0")); ok || err != nil {
		t.Errorf("pair of the erased patient: %v, %v", ok, err)
	}
	if _, ok, err := sp.Get([]byte("p1")); !ok || err != nil {
		t.Errorf("pair of another patient: %v, %v", ok, err)
	}
	n, marks := 0, 0
	for c, err := range s.Changes(0) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Patient == "p0" {
			t.Errorf("log: %+v", c)
		}
		if c.Erased {
			marks++
			if c.Tombstone != s.Tombstone("p0") || c.Seq != before+1 {
				t.Errorf("mark of erasure: %+v", c)
			}
			continue
		}
		n++
	}
	if n != 200 || marks != 1 {
		t.Errorf("%d changes and %d marks in the log", n, marks)
	}
	for p, err := range s.Patients() {
		if p == "p0" || err != nil {
			t.Errorf("Patients: %s, %v", p, err)
		}
	}
	if got := s.Counts()["Observation"]; got != 200 {
		t.Errorf("count %d", got)
	}
	if e, err := s.Erased("p0"); !e || err != nil {
		t.Errorf("Erased(p0): %v, %v", e, err)
	}
	if e, err := s.Erased("p1"); e || err != nil {
		t.Errorf("Erased(p1): %v, %v", e, err)
	}
	if r := commit1(t, s, writes[0])[0]; r.Version != 1 || !r.Created {
		t.Errorf("a new life after erasure: %+v", r)
	}
	s.Close()
	s = openAt(t, dir)
	if r, err := s.Get("Observation", "o1"); err != nil || !bytes.Equal(r.Raw, writes[1].Raw) {
		t.Errorf("another patient's after reopening: %v", err)
	}
}

func TestNothingInTheClear(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	w := observation("MARKOBS", "MARKPATIENT", 1)
	w.Keys, w.Aside = [][]byte{[]byte("MARKKEY")}, []byte("MARKASIDE")
	commit1(t, s, w, observation("MARKOTHER", "MARKPATIENT", 2))
	if err := s.Space("x").Put([]Pair{{Key: []byte("MARKPAIR"), Value: []byte("MARKVALUE"), Patient: "MARKPATIENT"}}, true); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if left := holds(t, dir, []byte("MARK")); len(left) > 0 {
		t.Errorf("in the clear in %v", left)
	}
}

// Erasing, writing and checkpointing at once: every checkpoint is whole, and a
// store that comes up afterwards has what was acknowledged.
func TestEraseBesideOthers(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "s"))
	stop := make(chan struct{})
	done := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				done <- n
				return
			default:
				commit1(t, s, observation(fmt.Sprint("stays", n), "stays", n), observation(fmt.Sprint("goes", n), "goes", n))
				n++
			}
		}
	}()
	for i := range 5 {
		if err := s.Erase(context.Background(), "goes"); err != nil {
			t.Fatal(err)
		}
		cp := filepath.Join(dir, fmt.Sprint("cp", i))
		head := s.Head()
		if err := s.Checkpoint(cp); err != nil {
			t.Fatal(err)
		}
		c, err := Open(Options{Dir: cp, KeyFile: filepath.Join(dir, "s", "key"), ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Check(t.Context()); err != nil || got.Damaged != nil || c.Head() < head {
			t.Errorf("checkpoint %d: %+v, %v, head %d of %d", i, got, err, c.Head(), head)
		}
		c.Close()
	}
	close(stop)
	n := <-done
	s.Close()
	s = openAt(t, filepath.Join(dir, "s"))
	for i := range n {
		if _, err := s.Get("Observation", fmt.Sprint("stays", i)); err != nil {
			t.Errorf("stays%d: %v", i, err)
		}
	}
}
