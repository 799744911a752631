package bulk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const jobFile = "job"

// read opens a job's description.
func (s *Service) read(id string) (j Job, err error) {
	f, err := s.opt.Store.Vault().Open(s.path(id, jobFile))
	if err != nil {
		return j, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		return j, err
	}
	return j, json.Unmarshal(b, &j)
}

// write keeps a job's description; the old one stays until the new one is whole.
func (s *Service) write(j *Job) error {
	b, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("bulk: keeping a job: %w", err)
	}
	path := s.path(j.ID, jobFile)
	_ = os.Remove(path + ".new") // of a try that was cut
	f, err := s.opt.Store.Vault().Create(path + ".new")
	if err != nil {
		return fmt.Errorf("bulk: keeping a job: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("bulk: keeping a job: %w", err)
	}
	return nil
}

// clean removes all files of a job but its description.
func (s *Service) clean(id string) error {
	files, err := os.ReadDir(s.path(id))
	for _, f := range files {
		if f.Name() != jobFile {
			err = errors.Join(err, os.Remove(s.path(id, f.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("bulk: beginning a job: %w", err)
	}
	return nil
}

// Start puts a job at the end: an Export or an Import of the principal's, begun with
// the URL. It returns when the job is kept, or ErrBusy.
func (s *Service) Start(j Job) (Job, error) {
	var random [16]byte
	rand.Read(random[:])
	j.ID, j.State, j.Created = hex.EncodeToString(random[:]), Queued, s.opt.Now().UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := 0
	for _, e := range s.jobs {
		if e.Principal == j.Principal && !e.State.Final() {
			mine++
		}
	}
	if mine >= s.opt.PerCaller {
		return Job{}, ErrBusy
	}
	if err := os.Mkdir(s.path(j.ID), 0o700); err != nil {
		return Job{}, fmt.Errorf("bulk: keeping a job: %w", err)
	}
	if err := s.write(&j); err != nil {
		return Job{}, err
	}
	s.jobs[j.ID] = &entry{Job: j}
	s.hurry()
	return j, nil
}

// Get is a job.
func (s *Service) Get(id string) (Job, error) {
	if err := s.withdrawn(id); err != nil {
		return Job{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(id)
	if err != nil {
		return Job{}, err
	}
	return e.Job, nil
}

// find is Get without its lock.
func (s *Service) find(id string) (*entry, error) {
	e := s.jobs[id]
	if e == nil || e.expired(s.opt.Now()) {
		return nil, ErrNotFound
	}
	return e, nil
}

func (e *entry) expired(now time.Time) bool { return e.State.Final() && !now.Before(e.Expires) }

// How often a job may be asked about while it runs.
const (
	pollsAtOnce   = 20
	pollsASecond  = 4
	pollHint      = time.Second // Wait of who asks as they should
	pollPunishing = 2 * time.Second
)

// Poll is Get for who waits: wait is after what time to ask again, and early that this
// was asked too soon.
func (s *Service) Poll(id string) (j Job, wait time.Duration, early bool, err error) {
	if err := s.withdrawn(id); err != nil {
		return Job{}, 0, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(id)
	if err != nil || e.State.Final() {
		if err == nil {
			j = e.Job
		}
		return j, 0, false, err
	}
	now := s.opt.Now()
	if e.pollTime.IsZero() {
		e.polls = pollsAtOnce
	} else {
		e.polls = min(pollsAtOnce, e.polls+pollsASecond*now.Sub(e.pollTime).Seconds())
	}
	e.pollTime = now
	if e.polls < 1 {
		return e.Job, pollPunishing, true, nil
	}
	e.polls--
	return e.Job, pollHint, false, nil
}

// Drop ends a job and removes what came of it.
func (s *Service) Drop(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(id); err != nil {
		return err
	}
	return s.drop(id)
}

// drop is Drop with the lock held. The folder of what runs is removed when it has
// stopped.
func (s *Service) drop(id string) error {
	delete(s.jobs, id)
	if s.running == id {
		s.cancel()
		_ = os.Remove(s.path(id, jobFile)) // so that it is not taken up again
		return nil
	}
	if err := os.RemoveAll(s.path(id)); err != nil {
		return fmt.Errorf("bulk: removing a job: %w", err)
	}
	return nil
}

// Erasing stops the export that runs and holds back all others until done is called,
// which removes every file that was written: somebody is erased who may be in them.
// What was stopped begins anew.
func (s *Service) Erasing() (done func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held++
	for s.running != "" {
		if e := s.jobs[s.running]; e != nil && e.Export == nil {
			break
		} else if e != nil {
			e.State = Queued
		}
		s.cancel()
		idle := s.idle
		s.mu.Unlock()
		<-idle
		s.mu.Lock()
	}
	return s.erased
}

func (s *Service) erased() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
	s.hurry()
	var errs []error
	for id, e := range s.jobs {
		if e.Export != nil && e.State.Final() {
			errs = append(errs, s.drop(id))
		}
	}
	return errors.Join(errs...)
}

// sweep removes what has expired.
func (s *Service) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opt.Now()
	for id, e := range s.jobs {
		if e.expired(now) {
			if err := s.drop(id); err != nil {
				s.opt.Log.Error("an expired bulk job stays", "job", id, "cause", err.Error())
			}
		}
	}
}

// Content is the bytes of a file.
type Content interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// HasGroup returns ErrNotFound when there is no such group.
func (s *Service) HasGroup(ctx context.Context, group string) error {
	for _, err := range s.opt.Members(ctx, group) {
		return err
	}
	return nil
}

// File opens one file of a job that is done. Close it.
func (s *Service) File(id, name string) (Content, File, error) {
	j, err := s.Get(id)
	if err != nil {
		return nil, File{}, err
	}
	if j.State != Done {
		return nil, File{}, ErrUnfinished
	}
	name = strings.TrimSuffix(name, ".ndjson")
	for _, f := range j.files() {
		if f.Name == name {
			sealed, err := s.opt.Store.Vault().Open(s.path(id, f.Name))
			if errors.Is(err, os.ErrNotExist) {
				err = ErrNotFound
			}
			if err != nil {
				return nil, File{}, err
			}
			return sealed, f, nil
		}
	}
	return nil, File{}, ErrNotFound
}
