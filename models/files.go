package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const manifestFile = "manifest.json"

// digest gives the checksum of every file under dir but the manifest. Anything
// that is neither file nor folder is refused. With sync it also makes the files
// and folders durable.
func digest(dir string, sync bool) (map[string]string, error) {
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case d.IsDir():
			if sync {
				return syncPath(path)
			}
			return nil
		case name == manifestFile:
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is neither a file nor a folder: %w", name, ErrInvalid)
		}
		sums[name], err = sumFile(path, sync)
		return err
	})
	return sums, err
}

func sumFile(path string, sync bool) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	if sync {
		err = f.Sync()
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// writeJSON replaces path in one step and makes it durable.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), newPrefix)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncPath(filepath.Dir(path))
}

// readManifest reads a version's manifest and checks that it is that version's.
func readManifest(dir, name, version string) (Manifest, error) {
	var m Manifest
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		if _, missing := os.Stat(dir); errors.Is(missing, fs.ErrNotExist) {
			return m, ErrNotFound
		}
		return m, fmt.Errorf("manifest cannot be read (%v): %w", err, ErrCorrupt)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("manifest is no manifest: %w", ErrCorrupt)
	}
	if m.Name != name || m.Version != version || len(m.Files) == 0 {
		return m, fmt.Errorf("manifest is of another version: %w", ErrCorrupt)
	}
	return m, nil
}

// verify compares the files of a version with its manifest.
func verify(dir string, m Manifest) error {
	sums, err := digest(dir, false)
	if err != nil {
		return fmt.Errorf("%w (%v)", ErrCorrupt, err)
	}
	for name, want := range m.Files {
		switch got, ok := sums[name]; {
		case !ok:
			return fmt.Errorf("%s is missing: %w", name, ErrCorrupt)
		case got != want:
			return fmt.Errorf("%s is not what was written: %w", name, ErrCorrupt)
		}
	}
	if len(sums) != len(m.Files) {
		return fmt.Errorf("there are files the manifest does not name: %w", ErrCorrupt)
	}
	return nil
}
