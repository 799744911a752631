package ember_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"ember/store"
)

// quiet is progress that nobody watches.
func quiet(string, int, int) {}

// damage writes something else over the timeline of a patient.
func damage(t *testing.T, dir, patient string) {
	t.Helper()
	s, err := store.Open(store.Options{Dir: filepath.Join(dir, "store"), KeyFile: filepath.Join(dir, "key"), Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	bad := store.Pair{Key: []byte("t" + patient), Value: []byte("no timeline"), Patient: patient}
	if err := errors.Join(s.Space("timelines").Put([]store.Pair{bad}, true), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestTrainingLeavesDamagedTimelinesOut: counted, named by key, and mended.
func TestTrainingLeavesDamagedTimelinesOut(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	dir := trainedDir(t)
	damage(t, dir, "rare-1")
	h := open(t, testConfig(dir))
	before, err := h.Models()
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.Train(context.Background(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Damaged) != 1 || strings.Contains(s.Damaged[0], "rare") || s.Patients != before[0].Patients-1 {
		t.Errorf("left out %q, trained on %d of %d", s.Damaged, s.Patients, before[0].Patients)
	}
	h.ready()
	if s, err = h.Train(context.Background(), quiet); err != nil || len(s.Damaged) != 0 || s.Patients != before[0].Patients {
		t.Errorf("not mended: %+v %v", s, err)
	}
}
