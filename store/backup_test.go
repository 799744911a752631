package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestBackupAndRestore(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "a"))
	for i := range 50 {
		commit1(t, s, observation(fmt.Sprintf("o%d", i), "p", i))
	}
	var tar bytes.Buffer
	var wg sync.WaitGroup
	wg.Go(func() { // online: writes go on
		for i := 50; i < 80; i++ {
			commit1(t, s, observation(fmt.Sprintf("o%d", i), "p", i))
		}
	})
	if err := s.Backup(context.Background(), &tar); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if left, _ := filepath.Glob(filepath.Join(dir, "a", "backup-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	back := filepath.Join(dir, "b")
	if err := Restore(bytes.NewReader(tar.Bytes()), back); err != nil {
		t.Fatal(err)
	}
	if err := Restore(bytes.NewReader(tar.Bytes()), back); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("restoring over a store: %v", err)
	}
	if _, err := Open(Options{Dir: back, Now: clock()}); !errors.Is(err, ErrKey) {
		t.Errorf("a restored store opens without the key: %v", err)
	}
	r, err := Open(Options{Dir: back, Now: clock(), KeyFile: filepath.Join(dir, "a", "key")})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range 50 {
		w := observation(fmt.Sprintf("o%d", i), "p", i)
		if got, err := r.Get("Observation", w.ID); err != nil || !bytes.Equal(got.Raw, w.Raw) {
			t.Errorf("%s: %v", w.ID, err)
		}
	}
	if r.Head() < 50 {
		t.Errorf("head %d", r.Head())
	}
}

func TestRestoreRefusesDamage(t *testing.T) {
	s := openAt(t, t.TempDir())
	commit1(t, s, observation("a", "p", 1))
	var tar bytes.Buffer
	if err := s.Backup(context.Background(), &tar); err != nil {
		t.Fatal(err)
	}
	whole := tar.Bytes()
	flipped := bytes.Clone(whole)
	at := bytes.Index(flipped, []byte("wrapped")) // inside a file, not in a header
	if at < 0 {
		t.Fatal("the format record is not in the backup")
	}
	flipped[at] ^= 1
	cases := map[string][]byte{
		"empty": nil, "no tar": []byte("this is no backup"), "cut in half": whole[:len(whole)/2],
		"manifest missing": whole[:len(whole)-4096], "bit flipped": flipped,
	}
	for name, data := range cases {
		dir := filepath.Join(t.TempDir(), "x")
		if err := Restore(bytes.NewReader(data), dir); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: left something in the directory", name)
		}
	}
}

func TestCheckpointReadOnly(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "a"))
	commit1(t, s, observation("a", "p", 1))
	cp := filepath.Join(dir, "cp")
	if err := s.Checkpoint(cp); err != nil {
		t.Fatal(err)
	}
	if err := s.Checkpoint(cp); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a second checkpoint into the same place: %v", err)
	}
	commit1(t, s, observation("b", "p", 1))
	r, err := Open(Options{Dir: cp, KeyFile: filepath.Join(dir, "a", "key"), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Get("Observation", "a"); err != nil {
		t.Error(err)
	}
	if _, err := r.Get("Observation", "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("written after the checkpoint: %v", err)
	}
	if _, err := r.Commit(context.Background(), []Write{observation("c", "p", 1)}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Commit: %v", err)
	}
	if err := r.Space("x").Put([]Pair{{Key: []byte("k")}}, true); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Put: %v", err)
	}
	if err := r.Erase(context.Background(), "p"); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Erase: %v", err)
	}
	if _, err := Open(Options{Dir: filepath.Join(dir, "nothing"), ReadOnly: true}); err == nil {
		t.Error("a directory that is not there opens read-only")
	}
}
