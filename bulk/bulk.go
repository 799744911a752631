package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ember/search"
	"ember/store"
)

// Options say what a service works with. All but Load, Client and Log must be there.
type Options struct {
	Store  *store.Store
	Search *search.Engine
	Dir    string // of the jobs; made if absent
	Now    func() time.Time
	// FileBytes is about how large a file grows before another is begun.
	FileBytes int64
	// Keep is how long what came of a job is kept.
	Keep time.Duration
	// PerCaller is how many jobs one caller may have that have not ended.
	PerCaller int
	// Refuses reports whether a patient's Consent keeps them out.
	Refuses func(patient string) bool
	// Members yields the patients of a group, each once; ErrNotFound for none such.
	Members func(ctx context.Context, group string) iter.Seq2[string, error]
	// Served is a resource as answers show it.
	Served func(store.Resource) ([]byte, error)
	// Mask makes who de-identifies what is released at a time from the server at base;
	// the mode is not "".
	Mask func(mode, base string, at time.Time) (Mask, error)
	// Ended is told of every job that has ended, before its files can be read; when it
	// fails, so does the job.
	Ended func(Job) error
	// Load stores NDJSON and reports what became of each line.
	Load func(ctx context.Context, body io.Reader, report func(Line)) error
	// Sources are the addresses that files may be imported from, by their beginnings.
	Sources []string
	Log     *slog.Logger
}

// Mask de-identifies. It is used by one goroutine at a time.
type Mask interface {
	// Resource appends what may be told of a resource; ok is false when nothing may.
	Resource(dst []byte, typ, id, patient string, body []byte) (out []byte, ok bool)
	// ID is what stands for an id.
	ID(typ, id string) string
	// Key names the key without telling it.
	Key() string
}

// Line is what became of a line of an import.
type Line struct {
	Status  int
	Outcome []byte // an OperationOutcome on one line, nil when there is nothing to say
}

// Service keeps jobs and runs them. It is safe for concurrent use.
type Service struct {
	opt Options

	mu      sync.Mutex
	jobs    map[string]*entry
	running string
	cancel  context.CancelFunc // of the job that runs
	held    int                // exports wait while it is not 0
	idle    chan struct{}      // closed and made anew when a job has stopped

	wake  chan struct{}
	stop  context.CancelFunc
	ended chan struct{}
}

// entry is a job with what is known of it while the process lives.
type entry struct {
	Job
	polls    float64 // that may be asked at once
	pollTime time.Time
	looked   uint64 // changes up to this one were looked at for who refuses now
}

// Open reads the jobs in the folder and takes up those that had not ended. Close it.
func Open(ctx context.Context, opt Options) (*Service, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{opt: opt, jobs: map[string]*entry{}, idle: make(chan struct{}), wake: make(chan struct{}, 1), ended: make(chan struct{})}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("bulk: opening: %w", err)
	}
	folders, err := os.ReadDir(opt.Dir)
	if err != nil {
		return nil, fmt.Errorf("bulk: opening: %w", err)
	}
	for _, f := range folders {
		if err := s.take(f.Name()); err != nil {
			return nil, fmt.Errorf("bulk: taking up job %.40q: %w", f.Name(), err)
		}
	}
	ctx, s.stop = context.WithCancel(ctx)
	go s.run(ctx)
	s.hurry()
	return s, nil
}

// Close stops what runs, which the next Open takes up again.
func (s *Service) Close() error {
	s.stop()
	<-s.ended
	return nil
}

// take takes up a job. A folder without a whole description was never acknowledged.
func (s *Service) take(id string) error {
	j, err := s.read(id)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, store.ErrCorrupt) {
		return os.RemoveAll(s.path(id))
	}
	if err != nil {
		return err
	}
	if j.State == Running {
		j.State = Queued
	}
	s.jobs[id] = &entry{Job: j}
	return nil
}

func (s *Service) path(parts ...string) string {
	return filepath.Join(append([]string{s.opt.Dir}, parts...)...)
}

func (s *Service) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// sweepEvery is how often expired jobs are looked for.
const sweepEvery = time.Minute

// run works until the context ends.
func (s *Service) run(ctx context.Context) {
	defer close(s.ended)
	timer := time.NewTicker(sweepEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.wake:
		}
		s.sweep()
		for s.step(ctx) {
		}
	}
}

// step runs the oldest job that waits, and reports whether there was one.
func (s *Service) step(ctx context.Context) bool {
	j, ctx, ok := s.begin(ctx)
	if !ok {
		return false
	}
	err := s.work(ctx, &j)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.cancel = "", nil
	close(s.idle)
	s.idle = make(chan struct{})
	e, there := s.jobs[j.ID]
	switch {
	case !there: // dropped while it ran
		_ = os.RemoveAll(s.path(j.ID))
		return true
	case ctx.Err() != nil && e.State == Queued: // to run again
		return true
	case ctx.Err() != nil:
		return false // the process stops
	}
	j.State, j.Ended = Done, s.opt.Now().UTC()
	j.Expires = j.Ended.Add(s.opt.Keep).Truncate(time.Second)
	if err != nil {
		s.fail(&j, err)
	}
	if err := s.opt.Ended(j); err != nil && j.State == Done {
		s.fail(&j, errors.New("bulk: the disclosure could not be recorded"))
	}
	if err := s.write(&j); err != nil {
		s.fail(&j, err)
	}
	e.Job = j
	return true
}

// fail removes the files and says why.
func (s *Service) fail(j *Job, err error) {
	s.opt.Log.Error("a bulk job failed", "job", j.ID, "cause", err.Error())
	for _, f := range j.files() {
		_ = os.Remove(s.path(j.ID, f.Name))
	}
	j.State, j.Problem = Failed, problem(err)
	j.Output, j.Deleted, j.Errors = nil, nil, nil
}

// begin picks a job.
func (s *Service) begin(ctx context.Context) (Job, context.Context, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first *entry
	for _, e := range s.jobs {
		if e.State == Queued && (s.held == 0 || e.Export == nil) && (first == nil || e.Created.Before(first.Created) || e.Created.Equal(first.Created) && e.ID < first.ID) {
			first = e
		}
	}
	if first == nil || ctx.Err() != nil {
		return Job{}, ctx, false
	}
	first.State = Running
	s.running = first.ID
	ctx, s.cancel = context.WithCancel(ctx)
	return first.Job, ctx, true
}

// work does a job from its beginning; what an earlier try left is removed.
func (s *Service) work(ctx context.Context, j *Job) error {
	if err := s.clean(j.ID); err != nil {
		return err
	}
	j.Output, j.Deleted, j.Errors, j.Refusing, j.Resources, j.Patients = nil, nil, nil, nil, 0, 0
	if j.Import != nil {
		return s.importAll(ctx, j)
	}
	return s.export(ctx, j)
}

// progress tells how far the job that runs is.
func (s *Service) progress(id string, read, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.jobs[id]; e != nil {
		e.Read, e.Total = read, total
	}
}
