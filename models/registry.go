package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// newPrefix begins what is being written or thrown away: never a name.
const newPrefix = ".new-"

// Registry keeps models in a directory. It is safe for concurrent use by one
// process.
type Registry struct {
	dir string
	now func() time.Time
	mu  sync.Mutex // changes of the directory
}

// Open opens the registry in dir, making it if there is none, and clears away
// what a process that died left half-written.
func Open(dir string, now func() time.Time) (*Registry, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("models: opening: %w", err)
	}
	r := &Registry{dir: dir, now: now}
	names, err := r.Names()
	if err != nil {
		return nil, err
	}
	for _, name := range append(names, "") {
		left, err := filepath.Glob(filepath.Join(dir, name, newPrefix+"*"))
		for _, path := range left {
			err = errors.Join(err, os.RemoveAll(path))
		}
		if err != nil {
			return nil, fmt.Errorf("models: clearing away: %w", err)
		}
	}
	return r, nil
}

func wrap(doing, name, version string, err error) error {
	if err == nil {
		return nil
	}
	if version != "" {
		name += "/" + version
	}
	return fmt.Errorf("models: %s %s: %w", doing, name, err)
}

func (r *Registry) path(name, version string) string { return filepath.Join(r.dir, name, version) }

// Names lists the models there are, sorted.
func (r *Registry) Names() ([]string, error) {
	names, err := folders(r.dir)
	return names, wrap("listing", "all", "", err)
}

// folders lists the folders with a safe name; none if dir is absent.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && safeName.MatchString(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out, err
}

// Create makes a version: write puts the files of the artifact into an empty
// folder, which becomes the version once all of it is on disk. If m.Version is
// empty the version is the next whole number, from 1. If m.Parent is set it must
// exist. On any error, also of write, there is no version.
func (r *Registry) Create(name string, m Manifest, write func(dir string) error) (Manifest, error) {
	m, err := r.create(name, m, write)
	return m, wrap("creating", name, m.Version, err)
}

func (r *Registry) create(name string, m Manifest, write func(dir string) error) (Manifest, error) {
	if err := checkName("name", name); err != nil {
		return m, err
	}
	if m.Parent != "" {
		if _, err := r.Manifest(name, m.Parent); err != nil {
			return m, fmt.Errorf("its parent: %w", err)
		}
	}
	if err := os.MkdirAll(r.path(name, ""), 0o700); err != nil {
		return m, err
	}
	tmp, err := os.MkdirTemp(r.path(name, ""), newPrefix)
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(tmp) // gone under this name if all went well
	if err := write(tmp); err != nil {
		return m, err
	}
	if m.Files, err = digest(tmp, true); err != nil {
		return m, err
	}
	if len(m.Files) == 0 {
		return m, fmt.Errorf("no file was written: %w", ErrInvalid)
	}
	return r.settle(name, m, tmp)
}

// settle gives the version its name and its place.
func (r *Registry) settle(name string, m Manifest, tmp string) (Manifest, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.Name, m.Created = name, r.now().UTC()
	if m.Version == "" {
		version, err := r.next(name)
		if err != nil {
			return m, err
		}
		m.Version = version
	}
	if err := m.validate(); err != nil {
		return m, err
	}
	dir := r.path(name, m.Version)
	if _, err := os.Lstat(dir); err == nil {
		return m, ErrExists
	}
	if err := writeJSON(filepath.Join(tmp, manifestFile), m); err != nil {
		return m, err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return m, err
	}
	return m, errors.Join(syncPath(r.path(name, "")), syncPath(r.dir))
}

// next is one above the highest number that is or was promoted or is there.
func (r *Registry) next(name string) (string, error) {
	versions, err := folders(r.path(name, ""))
	if err != nil {
		return "", err
	}
	promoted, err := r.promotions(name)
	if err != nil {
		return "", err
	}
	for _, p := range promoted {
		versions = append(versions, p.Version)
	}
	last := 0
	for _, v := range versions {
		if n, err := strconv.Atoi(v); err == nil {
			last = max(last, n)
		}
	}
	return strconv.Itoa(last + 1), nil
}

// List gives the versions of a model, oldest first; none if there is no such
// model. A version whose manifest is damaged is left out and named by the error;
// the others are given all the same.
func (r *Registry) List(name string) ([]Manifest, error) {
	if err := checkName("name", name); err != nil {
		return nil, wrap("listing", name, "", err)
	}
	versions, err := folders(r.path(name, ""))
	var out []Manifest
	var errs []error
	for _, v := range versions {
		m, err := readManifest(r.path(name, v), name, v)
		if errors.Is(err, ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("version %s: %w", v, err))
			continue
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Manifest) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.Version, b.Version)
	})
	return out, wrap("listing", name, "", errors.Join(append(errs, err)...))
}

// Manifest reads what is known of a version, without looking at its files.
func (r *Registry) Manifest(name, version string) (Manifest, error) {
	err := errors.Join(checkName("name", name), checkName("version", version))
	if err != nil {
		return Manifest{}, wrap("reading", name, version, err)
	}
	m, err := readManifest(r.path(name, version), name, version)
	return m, wrap("reading", name, version, err)
}

// Path gives the folder of a version after comparing every file with its
// checksum; ErrCorrupt names the first that differs. Nothing in it may be changed.
func (r *Registry) Path(name, version string) (string, error) {
	m, err := r.Manifest(name, version)
	if err != nil {
		return "", err
	}
	dir := r.path(name, version)
	if err := verify(dir, m); err != nil {
		return "", wrap("opening", name, version, err)
	}
	return dir, nil
}

// Verify is Path for who only wants to know.
func (r *Registry) Verify(name, version string) error {
	_, err := r.Path(name, version)
	return err
}

// Lineage is the version, its parent, that one's parent and so on, as far as they
// are still there.
func (r *Registry) Lineage(name, version string) ([]Manifest, error) {
	m, err := r.Manifest(name, version)
	if err != nil {
		return nil, err
	}
	out := []Manifest{m}
	seen := map[string]bool{version: true}
	for m.Parent != "" && !seen[m.Parent] {
		seen[m.Parent] = true
		m, err = r.Manifest(name, m.Parent)
		if errors.Is(err, ErrNotFound) {
			break
		}
		if err != nil {
			return out, err
		}
		out = append(out, m)
	}
	return out, nil
}

// Delete removes a version that does not serve.
func (r *Registry) Delete(name, version string) error {
	return wrap("deleting", name, version, r.delete(name, version))
}

func (r *Registry) delete(name, version string) error {
	if err := errors.Join(checkName("name", name), checkName("version", version)); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	promoted, err := r.promotions(name)
	if err != nil {
		return err
	}
	if len(promoted) > 0 && promoted[len(promoted)-1].Version == version {
		return ErrServed
	}
	dir := r.path(name, version)
	if _, err := os.Lstat(dir); err != nil {
		return ErrNotFound
	}
	tmp, err := os.MkdirTemp(r.path(name, ""), newPrefix)
	if err != nil {
		return err
	}
	err = os.Rename(dir, filepath.Join(tmp, version)) // from here on it is not listed
	return errors.Join(err, os.RemoveAll(tmp), syncPath(r.path(name, "")))
}
