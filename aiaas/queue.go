package aiaas

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// queue runs jobs one after the other, oldest first, and keeps them on disk: a
// job that ran when the process ended is run again, in the same folder.
type queue struct {
	dir  string
	now  func() time.Time
	work func(ctx context.Context, j Job, folder string, report func(func(*Job))) error

	mu      sync.Mutex
	jobs    map[string]*Job
	running string
	cancel  context.CancelCauseFunc // of the job that runs
	changed chan struct{}           // closed and made anew at each change
	wake    chan struct{}
	ctx     context.Context // of the queue's goroutine, which begins later
	stop    context.CancelFunc
	once    sync.Once
	started atomic.Bool
	ended   chan struct{}
}

var (
	errCancelled = errors.New("cancelled")
)

const jobFile, workFolder = "job.json", "work"

func openQueue(ctx context.Context, dir string, now func() time.Time, work func(context.Context, Job, string, func(func(*Job))) error) (*queue, error) {
	q := &queue{dir: dir, now: now, work: work, jobs: map[string]*Job{}, changed: make(chan struct{}), wake: make(chan struct{}, 1), ended: make(chan struct{})}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("aiaas: reading jobs: %w", err)
	}
	for _, e := range entries {
		if err := q.read(e.Name()); err != nil {
			return nil, fmt.Errorf("aiaas: reading job %s: %w", e.Name(), err)
		}
	}
	q.ctx, q.stop = context.WithCancel(ctx)
	return q, nil
}

// start begins to work; again does nothing.
func (q *queue) start() {
	q.once.Do(func() {
		q.started.Store(true)
		go q.run(q.ctx)
	})
}

// read takes up a job; one that ran waits again. A folder without a whole
// description was never acknowledged.
func (q *queue) read(id string) error {
	b, err := os.ReadFile(filepath.Join(q.dir, id, jobFile))
	if errors.Is(err, os.ErrNotExist) {
		return os.RemoveAll(filepath.Join(q.dir, id))
	}
	if err != nil {
		return err
	}
	j := new(Job)
	if err := json.Unmarshal(b, j); err != nil {
		return err
	}
	if j.State == Running {
		j.State, j.Stage, j.Share, j.Note, j.Left = Queued, "", 0, "", 0
	}
	q.jobs[id] = j
	return nil
}

// write keeps a job's description; the old one stays until the new one is whole.
func (q *queue) write(j *Job) error {
	b, err := json.Marshal(j)
	if err != nil {
		return err
	}
	path := filepath.Join(q.dir, j.ID, jobFile)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// tell wakes everybody who watches. q.mu is held.
func (q *queue) tell() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// add puts a job at the end.
func (q *queue) add(r JobRequest) (Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := 0
	for id := range q.jobs {
		if n, err := strconv.Atoi(id); err == nil {
			last = max(last, n)
		}
	}
	j := &Job{ID: strconv.Itoa(last + 1), Request: r, State: Queued, Created: q.now().UTC()}
	if err := os.MkdirAll(filepath.Join(q.dir, j.ID), 0o700); err != nil {
		return Job{}, fmt.Errorf("aiaas: keeping a job: %w", err)
	}
	if err := q.write(j); err != nil {
		return Job{}, fmt.Errorf("aiaas: keeping a job: %w", err)
	}
	q.jobs[j.ID] = j
	q.tell()
	q.hurry()
	return *j, nil
}

func (q *queue) hurry() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) list() []Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := make([]Job, 0, len(q.jobs))
	for _, j := range q.jobs {
		all = append(all, *j)
	}
	slices.SortFunc(all, func(a, b Job) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(len(b.ID), len(a.ID)), cmp.Compare(b.ID, a.ID))
	})
	return all
}

func (q *queue) get(id string) (Job, <-chan struct{}, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j, ok := q.jobs[id]
	if !ok {
		return Job{}, nil, fmt.Errorf("aiaas: job %.20q: %w", id, ErrNotFound)
	}
	return *j, q.changed, nil
}

// watch gives the job now and after each change, to its end.
func (q *queue) watch(ctx context.Context, id string) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		for {
			j, changed, err := q.get(id)
			if !yield(j, err) || err != nil || j.State.Final() {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				yield(j, ctx.Err())
				return
			}
		}
	}
}

// end cancels a job; one that runs is told to stop.
func (q *queue) end(id string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	j, ok := q.jobs[id]
	switch {
	case !ok:
		return fmt.Errorf("aiaas: job %.20q: %w", id, ErrNotFound)
	case j.State.Final():
		return fmt.Errorf("aiaas: job %s has ended: %w", id, ErrBusy)
	case q.running == id:
		q.cancel(errCancelled)
		return nil
	}
	return q.settle(j, errCancelled)
}

// settle writes how a job ended. q.mu is held.
func (q *queue) settle(j *Job, why error) error {
	j.Ended, j.Left = q.now().UTC(), 0
	switch {
	case errors.Is(why, errCancelled):
		j.State = Cancelled
	case why != nil:
		j.State, j.Error = Failed, why.Error()
	default:
		j.State, j.Share = Done, 1
	}
	q.tell()
	return errors.Join(q.write(j), os.RemoveAll(filepath.Join(q.dir, j.ID, workFolder)))
}

// run is the queue's goroutine.
func (q *queue) run(ctx context.Context) {
	defer close(q.ended)
	for {
		j := q.next(ctx)
		if j == nil {
			select {
			case <-q.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		q.one(ctx, j)
	}
}

func (q *queue) next(ctx context.Context) *Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	var first *Job
	for _, j := range q.jobs {
		if j.State == Queued && (first == nil || j.Created.Before(first.Created) || j.Created.Equal(first.Created) && j.ID < first.ID) {
			first = j
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return first
}

// one runs one job to its end, or to that of the service.
func (q *queue) one(ctx context.Context, j *Job) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q.mu.Lock()
	if j.State != Queued { // cancelled meanwhile
		q.mu.Unlock()
		return
	}
	j.State, j.Started = Running, q.now().UTC()
	q.running, q.cancel = j.ID, cancel
	copied := *j
	err := q.write(j)
	q.tell()
	q.mu.Unlock()
	folder := filepath.Join(q.dir, j.ID, workFolder)
	if err == nil {
		err = os.MkdirAll(folder, 0o700)
	}
	if err == nil {
		err = q.work(ctx, copied, folder, func(change func(*Job)) {
			q.mu.Lock()
			defer q.mu.Unlock()
			change(j)
			q.tell()
		})
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running, q.cancel = "", nil
	switch cause := context.Cause(ctx); {
	case err != nil && errors.Is(cause, errCancelled):
		err = errCancelled
	case err != nil && cause != nil: // the service ends: it is run again
		return
	}
	_ = q.settle(j, err) // what cannot be written now is run again by the next process
}

// close stops the job at hand and waits for it; nothing else is called any more.
func (q *queue) close() {
	q.stop()
	if q.started.Load() {
		<-q.ended
	}
}
