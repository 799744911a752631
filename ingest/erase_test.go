package ingest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ember/index"
	"ember/timelines"
)

func noteOf(patient, text string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":"%s"}
{"resourceType":"DocumentReference","id":"d-%[1]s","status":"current","subject":{"reference":"Patient/%[1]s"},"date":"2024-05-01T10:00:00Z","content":[{"attachment":{"contentType":"text/plain","data":"%s"}}]}`,
		patient, base64.StdEncoding.EncodeToString([]byte(text)))
}

// files gives those below dir that hold the text.
func files(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (h *hospital) finds(word string) int {
	h.Helper()
	r, err := h.index.Search(h.Context(), index.Query{Text: word})
	if err != nil {
		h.Fatal(err)
	}
	return r.Total
}

// TestErase looks for the words and the id of an erased patient in every file.
func TestErase(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	h.load(noteOf("zebrafinch", "keeps an axolotl") + "\n" + noteOf("other", "keeps a hamster"))
	h.wait()
	if err := h.index.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(files(t, dir+"/index", "axolotl")) == 0 {
		t.Fatal("the word was nowhere before: the test proves nothing")
	}
	if err := h.Erase(t.Context(), "zebrafinch"); err != nil {
		t.Fatal(err)
	}
	h.gone(dir)
}

// gone checks that nothing is left of the patient of TestErase.
func (h *hospital) gone(dir string) {
	h.Helper()
	if n := h.finds("axolotl"); n != 0 {
		h.Errorf("found %d", n)
	}
	if n := h.finds("hamster"); n != 1 {
		h.Errorf("the other patient is found %d times", n)
	}
	if _, err := h.Chart("zebrafinch"); !errors.Is(err, timelines.ErrNotFound) {
		h.Errorf("chart: %v", err)
	}
	for _, word := range []string{"axolotl", "zebrafinch"} {
		if left := files(h.TB.(*testing.T), dir, word); len(left) > 0 {
			h.Errorf("%s is in %s", word, strings.Join(left, ", "))
		}
	}
}

// TestErasedOfAMergeAfterCrash erases a record that was merged while no follower
// runs any more, as when the process dies right after the erasure: the record
// that stays must not keep what the erased one brought.
func TestErasedOfAMergeAfterCrash(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	h.load(patientReplacedBy("old", "new") + "\n" + `{"resourceType":"Patient","id":"new"}` + "\n" + allergyOf("a1", "old"))
	h.wait()
	h.undated("new", 1)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := h.Erase(ctx, "old"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a follower was there: %v", err)
	}
	if err := errors.Join(h.index.Close(), h.store.Close()); err != nil {
		t.Fatal(err)
	}
	h.store = nil
	again := open(t, dir)
	again.undated("new", 0)
	again.wait()
	if c, err := timelinesOf(again.store).Get("new"); err != nil || len(c.Undated) != 0 {
		t.Errorf("the timeline keeps %d undated facts, %v", len(c.Undated), err)
	}
}

// TestEraseAfterCrash erases in the store only, as when the process dies before
// the follower has heard of it.
func TestEraseAfterCrash(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	h.load(noteOf("zebrafinch", "keeps an axolotl") + "\n" + noteOf("other", "keeps a hamster"))
	h.wait()
	if err := errors.Join(h.Close(), h.index.Close()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(h.store.Erase(t.Context(), "zebrafinch"), h.store.Close()); err != nil {
		t.Fatal(err)
	}
	h.store = nil
	again := open(t, dir)
	again.wait()
	again.gone(dir)
}
