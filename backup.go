package ember

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ember/store"
)

// BackupRequest names the file to write.
type BackupRequest struct {
	Path string `json:"path"`
}

// BackupSummary says what was written.
type BackupSummary struct {
	Path    string  `json:"path"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// storePart is the store's backup within ours; models follow as they lie.
const storePart = "store.tar"

// Backup writes resources and models to one file, which gets its name when it
// is whole. The key is not in it.
func (a *App) Backup(ctx context.Context, req BackupRequest, progress Progress) (BackupSummary, error) {
	began := a.config.Now()
	part := req.Path + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return BackupSummary{}, fmt.Errorf("%w: backup: %w", errUsage, err)
	}
	err = a.backup(ctx, f, progress)
	if err == nil {
		err = f.Sync()
	}
	size, serr := f.Seek(0, io.SeekEnd)
	if err = errors.Join(err, serr, f.Close()); err == nil {
		err = os.Rename(part, req.Path)
	}
	if err != nil {
		return BackupSummary{}, errors.Join(fmt.Errorf("ember: backup: %w", err), os.Remove(part))
	}
	return BackupSummary{Path: req.Path, Bytes: size, Seconds: a.config.Now().Sub(began).Seconds()}, nil
}

func (a *App) backup(ctx context.Context, w io.Writer, progress Progress) error {
	spool, err := os.CreateTemp(a.config.Data, backupSpool)
	if err != nil {
		return err
	}
	defer func() {
		spool.Close()
		os.Remove(spool.Name())
	}()
	progress("copying the store", 0, 0)
	if err := a.store.Backup(ctx, spool); err != nil {
		return err
	}
	t := tar.NewWriter(w)
	if err := addFile(t, spool.Name(), storePart); err != nil {
		return err
	}
	progress("copying models", 0, 0)
	for _, part := range backedUp {
		if err := a.addFolder(t, a.config.path(filepath.FromSlash(part))); err != nil {
			return err
		}
	}
	return t.Close()
}

// backedUp are the folders that a backup holds as they lie: models, and what the
// model service keeps, but for its jobs. Its datasets are sealed.
var backedUp = []string{"models", serviceFolder + "/datasets", serviceFolder + "/models"}

// addFolder adds the files of a folder, none if it is absent. What is half written
// begins with a dot and is left out.
func (a *App) addFolder(t *tar.Writer, root string) error {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		rel, err := filepath.Rel(a.config.Data, path)
		if err != nil {
			return err
		}
		return addFile(t, path, filepath.ToSlash(rel))
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func addFile(t *tar.Writer, path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// Restore fills an empty data directory from a backup. Timelines and index are
// rebuilt at the next start. The key file is not in the backup and has to be put
// in place.
func Restore(ctx context.Context, config Config, r io.Reader) error {
	for _, part := range []string{"store", "index", "models", serviceFolder} {
		if entries, err := os.ReadDir(config.path(part)); err == nil && len(entries) > 0 {
			return fmt.Errorf("ember: restoring: %s holds data already", config.path(part))
		}
	}
	if err := os.MkdirAll(config.Data, 0o700); err != nil {
		return fmt.Errorf("ember: restoring: %w", err)
	}
	t := tar.NewReader(r)
	found := false
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) && found {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("ember: restoring: %w", err)
		}
		if h.Name == storePart {
			found = true
			err = store.Restore(t, config.path("store"))
		} else {
			err = restoreFile(t, config.Data, h.Name)
		}
		if err != nil {
			return fmt.Errorf("ember: restoring %s: %w", h.Name, err)
		}
	}
}

// restoreFile writes a file below dir; names that lead out of it are refused.
func restoreFile(r io.Reader, dir, name string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(filepath.FromSlash(name)), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
