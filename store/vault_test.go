package store_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"ember/store"
)

func sealed(t *testing.T, v *store.Vault, path string, content []byte) {
	t.Helper()
	w, err := v.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for part := range chunks(content, 7919) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func chunks(b []byte, n int) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			k := min(n, len(b))
			if !yield(b[:k]) {
				return
			}
			b = b[k:]
		}
	}
}

func unsealed(v *store.Vault, path string) ([]byte, error) {
	f, err := v.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
}

func vault(t *testing.T) *store.Vault {
	t.Helper()
	v, err := store.OpenVault(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVaultGivesBackWhatWasPutIn(t *testing.T) {
	v := vault(t)
	for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 3 * 64 << 10, 200_000} {
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(i * 31 >> 3)
		}
		path := filepath.Join(t.TempDir(), "f")
		sealed(t, v, path, content)
		if got, err := unsealed(v, path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if size > 100 && bytes.Contains(raw, content[:64]) {
			t.Errorf("%d bytes lie open on disk", size)
		}
	}
}

// TestVaultRefusesWhatWasTamperedWith: every way of changing a file is found, at
// the latest when it is read.
func TestVaultRefusesWhatWasTamperedWith(t *testing.T) {
	v := vault(t)
	const piece = 64<<10 + 28
	content := bytes.Repeat([]byte("wave"), 50_000)
	whole := filepath.Join(t.TempDir(), "f")
	sealed(t, v, whole, content)
	raw, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	swap := func(b []byte) []byte {
		out := append([]byte{}, b[:24]...)
		out = append(out, b[24+piece:24+2*piece]...)
		out = append(out, b[24:24+piece]...)
		return append(out, b[24+2*piece:]...)
	}
	for name, bad := range map[string][]byte{
		"empty": {}, "cut within a piece": raw[:len(raw)-5], "cut after a piece": raw[:24+piece], "swapped pieces": swap(raw),
		"longer": append(append([]byte{}, raw...), 0), "changed": flip(raw, 24+piece+100), "another head": flip(raw, 12), "no file of a vault": flip(raw, 0),
	} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := unsealed(v, path); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other, err := store.OpenVault(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unsealed(other, whole); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("another key: %v", err)
	}
}

func flip(b []byte, at int) []byte {
	c := append([]byte{}, b...)
	c[at] ^= 1
	return c
}
