package store

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// manifest is the last file of a backup: without it the backup is cut off.
type manifest struct {
	Format int               `json:"format"`
	Head   uint64            `json:"head"`
	Files  map[string]string `json:"files"` // SHA-256 by name
}

const manifestName = "MANIFEST.ember.json"

// Checkpoint makes dir, which must not exist, a store of its own that holds what
// this one holds now, synced. It costs little: files are linked, not copied, if
// dir is on the same volume. The master key is not in it: open it with
// Options.Key or KeyFile, best ReadOnly. Bytes erased later live on in it.
func (s *Store) Checkpoint(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return fmt.Errorf("store: checkpoint into %s: %w", dir, ErrNotEmpty)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("store: checkpoint: %w", err)
	}
	s.files.Lock()
	defer s.files.Unlock()
	if err := s.db.Checkpoint(databaseDir(dir), pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("store: checkpoint into %s: %w", dir, corruptOr(err))
	}
	return nil
}

// Backup writes a consistent copy of the store to w, as a tar archive, while
// reads and writes go on. What it holds is sealed; the master key is not in it,
// so keep the key elsewhere, or the backup cannot be read.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	if err := s.backup(ctx, w); err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, w io.Writer) error {
	tmp, err := os.MkdirTemp(s.dir, "backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	dir := filepath.Join(tmp, "copy")
	head := s.Head()
	if err := s.Checkpoint(dir); err != nil {
		return err
	}
	m := manifest{Format: formatVersion, Head: head, Files: map[string]string{}}
	t := tar.NewWriter(w)
	names, err := filesIn(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if m.Files[name], err = addFile(t, dir, name); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(text))}); err != nil {
		return err
	}
	_, err = t.Write(text)
	return errors.Join(err, t.Close())
}

// filesIn lists the files of a store's directory by name relative to it.
func filesIn(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	sort.Strings(names)
	return names, err
}

func addFile(t *tar.Writer, dir, name string) (string, error) {
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()}); err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(t, sum), f)
	return hex.EncodeToString(sum.Sum(nil)), err
}

// Restore unpacks a backup into dir, which must be empty or absent, and checks
// that it is whole and as it was written; it needs no key. On failure nothing is
// left in dir.
func Restore(r io.Reader, dir string) error {
	if err := restore(r, dir); err != nil {
		return fmt.Errorf("store: restoring into %s: %w", dir, err)
	}
	return nil
}

func restore(r io.Reader, dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return ErrNotEmpty
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(parent, ".restore-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := unpack(r, tmp); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return errors.Join(os.Rename(tmp, dir), syncDir(parent))
}

// unpack writes and checks the files of an archive.
func unpack(r io.Reader, dir string) error {
	sums := map[string]string{}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err != nil {
			return fmt.Errorf("the backup is cut off or no backup at all: %w (%v)", ErrCorrupt, err)
		}
		if h.Name == manifestName {
			return verify(t, sums)
		}
		if !filepath.IsLocal(h.Name) || !strings.HasPrefix(h.Name, "db/") || h.Typeflag != tar.TypeReg {
			return fmt.Errorf("the backup names a file outside the store: %w", ErrCorrupt)
		}
		if sums[h.Name], err = unpackFile(t, filepath.Join(dir, filepath.FromSlash(h.Name))); err != nil {
			return err
		}
	}
}

func unpackFile(r io.Reader, path string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), r)
	if err != nil {
		err = fmt.Errorf("%w (%v)", ErrCorrupt, err)
	}
	err = errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path)))
	return hex.EncodeToString(sum.Sum(nil)), err
}

func verify(r io.Reader, sums map[string]string) error {
	var m manifest
	if err := json.NewDecoder(r).Decode(&m); err != nil {
		return fmt.Errorf("manifest of the backup: %w (%v)", ErrCorrupt, err)
	}
	if m.Format > formatVersion {
		return fmt.Errorf("backup of format %d: %w", m.Format, ErrFormat)
	}
	for name, want := range m.Files {
		if sums[name] != want {
			return fmt.Errorf("%s is missing or not what was backed up: %w", name, ErrCorrupt)
		}
	}
	if len(sums) != len(m.Files) {
		return fmt.Errorf("the backup holds files its manifest does not name: %w", ErrCorrupt)
	}
	return nil
}
