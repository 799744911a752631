package ingest_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"ember/record"
)

// TestRevector gives patients other vectors while their charts stay clean, and takes
// nobody's vector for an older one.
func TestRevector(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	var model atomic.Int64
	model.Store(1)
	h.SetEncoder(func(tl record.Timeline) []float32 {
		if tl.Person.ID == "p1" && model.Load() == 3 {
			panic("bad")
		}
		return []float32{float32(model.Load()), float32(len(tl.Events)), 1}
	})
	h.load(pat + "\n" + cond + "\n" + strings.ReplaceAll(pat, "1\"", "2\""))
	h.wait()
	like := func(model, events float32) (ids []string) {
		for _, n := range h.index.View().Nearest([]float32{model, events, 1}, 2, nil) {
			if n.Score > .99999 {
				ids = append(ids, n.ID)
			}
		}
		return ids
	}
	if got := like(1, 1); len(got) != 1 || got[0] != "p1" {
		t.Fatalf("by the first model: %v", got)
	}
	model.Store(2)
	if n, err := h.Revector("two"); n != 2 || err != nil {
		t.Fatalf("%d patients, %v", n, err)
	}
	if !h.Settled("p1") || !h.Settled("p2") {
		t.Error("charts are made anew for vectors")
	}
	h.load(strings.ReplaceAll(cond, "1\"", "2\"")) // overtakes
	h.wait()
	if got := like(2, 1); len(got) != 2 || h.index.VectorsBy() != "two" {
		t.Errorf("by the second model: %v, %q", got, h.index.VectorsBy())
	}
	model.Store(3)
	if _, err := h.Revector("three"); err != nil {
		t.Fatal(err)
	}
	h.wait()
	if a, b := like(2, 1), like(3, 1); len(a) != 1 || a[0] != "p1" || len(b) != 1 || b[0] != "p2" {
		t.Errorf("who cannot be encoded has %v, the other %v", a, b)
	}
}
