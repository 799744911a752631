package ember_test

import (
	"context"
	"testing"
)

// TestVectorsFollowTheVersion: after a rollback, and after serving a version that
// has no embeddings, the index's vectors are those of what serves.
func TestVectorsFollowTheVersion(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	h := openTrained(t)
	const patient = "rare-1"
	vector := func() []float32 {
		t.Helper()
		h.ready()
		v, err := h.Vector(patient)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	check := func(when string) []float32 {
		t.Helper()
		v := vector()
		if got, ok := h.Likeness(patient, v); !ok || got < .9999 {
			t.Errorf("%s: the index has another vector: %v %v", when, got, ok)
		}
		return v
	}
	if _, err := h.Reindex(context.Background(), quiet); err != nil {
		t.Fatal(err)
	}
	first := check("at first")
	h.load(others(0, 70))
	h.ready()
	if _, err := h.Train(context.Background(), quiet); err != nil {
		t.Fatal(err)
	}
	check("after a training")
	got, ok := h.Likeness(patient, first)
	t.Log("likeness of the vectors before and after:", got, ok)
	if !ok || got > .9999 {
		t.Fatal("the training changes no vector: the test proves nothing")
	}
	if _, err := h.Rollback(); err != nil {
		t.Fatal(err)
	}
	check("after a rollback")
	if err := h.Bare("bare"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Promote("bare", false); err != nil {
		t.Fatal(err)
	}
	if v := vector(); v != nil {
		t.Error("a version without embeddings goes on with those of the one before it")
	}
	if _, ok := h.Likeness(patient, first); ok {
		t.Error("the index keeps vectors that no version makes")
	}
}
