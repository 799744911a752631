package aiaas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"ember/models"
)

// Vault seals the files of uploads.
type Vault interface {
	// Create makes a file, which must not be there; it is whole and on disk once
	// Close has returned nil.
	Create(path string) (io.WriteCloser, error)
	// Open opens a file that Create made.
	Open(path string) (SealedFile, error)
}

// SealedFile is an open file of a vault, safe for concurrent use.
type SealedFile interface {
	Content
	io.Closer
}

// ServiceOptions are what a service stands on. All are needed.
type ServiceOptions struct {
	Dir      string // of datasets, jobs and models; one service owns it
	Vault    Vault
	Families []Family
	Now      func() time.Time
	Code     string // version of the program, for manifests
	Key      []byte // for the hashes of subjects: the same for good, kept secret
	// Run does a job's work, in a process of its own or here (see [RunJob]), and
	// returns what RunJob returned. It ends soon after ctx.
	Run func(ctx context.Context, w Work, progress func(Progress)) (Outcome, error)
}

// Service keeps datasets, trains models on them, one job at a time, and serves
// what came of it. Datasets are sealed; a model's artifact is not, as that of
// any model. It is safe for concurrent use.
type Service struct {
	o        ServiceOptions
	registry *models.Registry
	jobs     *queue
	open     *shelf // loaded versions

	mu sync.Mutex // changes of datasets
}

// OpenService opens what the last one left. Jobs that waited or ran then are taken
// up by Start, or when another one is submitted or watched.
func OpenService(ctx context.Context, o ServiceOptions) (*Service, error) {
	for _, dir := range []string{"datasets", "jobs"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("aiaas: opening: %w", err)
		}
	}
	registry, err := models.Open(filepath.Join(o.Dir, "models"), o.Now)
	if err != nil {
		return nil, fmt.Errorf("aiaas: opening: %w", err)
	}
	s := &Service{o: o, registry: registry}
	s.open = newShelf(s.load)
	if err := errors.Join(s.clearUploads(), s.openShadows()); err != nil {
		return nil, err
	}
	if s.jobs, err = openQueue(ctx, filepath.Join(o.Dir, "jobs"), o.Now, s.work); err != nil {
		return nil, err
	}
	return s, nil
}

// Start takes up the jobs that wait.
func (s *Service) Start() { s.jobs.start() }

// Close stops the job that runs; it is taken up again by the next OpenService.
func (s *Service) Close() { s.jobs.close() }

// safeName holds for names of datasets and models: they are names of folders.
var safeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func checkName(what, name string) error {
	if !safeName.MatchString(name) {
		return fmt.Errorf("aiaas: the name of a %s must be 1 to 100 letters, digits, dots, underscores or dashes: %w", what, ErrInvalid)
	}
	return nil
}

// translated gives the registry's errors the names of this package.
func translated(err error) error {
	for from, to := range map[error]error{models.ErrNotFound: ErrNotFound, models.ErrExists: ErrExists, models.ErrServed: ErrBusy, models.ErrInvalid: ErrInvalid} {
		if errors.Is(err, from) {
			return fmt.Errorf("%w (%w)", err, to)
		}
	}
	return err
}

// putSealed writes a value as sealed JSON, in the place of what was there.
func (s *Service) putSealed(path string, v any) error {
	if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w, err := s.o.Vault.Create(path + ".new")
	if err != nil {
		return err
	}
	if err := errors.Join(json.NewEncoder(w).Encode(v), w.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (s *Service) getSealed(path string, v any) error {
	f, err := s.o.Vault.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return json.NewDecoder(io.NewSectionReader(f, 0, f.Size())).Decode(v)
}
