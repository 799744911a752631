package aiaas

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"ember/models"
)

// Submit queues a training. What can be said about the request at once is said
// at once.
func (s *Service) Submit(r JobRequest) (Job, error) {
	if err := checkName("model", r.Model); err != nil {
		return Job{}, err
	}
	if _, err := s.kept(r.Dataset); err != nil {
		return Job{}, err
	}
	if _, err := (Work{Request: r}).families(s.o.Families); err != nil {
		return Job{}, err
	}
	if r.Seconds < 0 || r.Folds < 0 || r.Folds == 1 || r.Threads < 0 {
		return Job{}, fmt.Errorf("aiaas: seconds and threads must not be negative, folds must be 2 or more: %w", ErrInvalid)
	}
	defer s.jobs.start()
	return s.jobs.add(r)
}

// Jobs are all jobs, newest first.
func (s *Service) Jobs() []Job { return s.jobs.list() }

// Job is one of them.
func (s *Service) Job(id string) (Job, error) {
	j, _, err := s.jobs.get(id)
	return j, err
}

// Cancel ends a job that waits or runs; one that has ended is ErrBusy.
func (s *Service) Cancel(id string) error { return s.jobs.end(id) }

// Watch gives a job now and whenever it changes, until it has ended.
func (s *Service) Watch(ctx context.Context, id string) iter.Seq2[Job, error] {
	s.jobs.start()
	return s.jobs.watch(ctx, id)
}

// work does one job: it has it run, makes a version of what came of it, and lets
// it serve where it may.
func (s *Service) work(ctx context.Context, j Job, folder string, report func(func(*Job))) error {
	k, err := s.kept(j.Request.Dataset)
	if err != nil {
		return err
	}
	w := Work{Request: j.Request, Info: k.Info, Version: k.Version, Data: s.datasetDir(k.Info.Name), Key: s.o.Key, Folder: folder}
	served, err := s.registry.Served(j.Request.Model)
	switch {
	case err == nil:
		if w.Served, err = s.registry.Path(j.Request.Model, served.Version); err != nil {
			w.Served = "" // damaged: there is nothing to compare with
		}
	case !errors.Is(err, models.ErrNotFound):
		return err
	}
	out, err := s.o.Run(ctx, w, func(p Progress) {
		report(func(j *Job) { j.Stage, j.Share, j.Note, j.Left = p.Family, p.Done, p.Note, p.Left.Seconds() })
	})
	if err != nil {
		return err
	}
	report(func(j *Job) {
		j.Family, j.Board, j.Measure, j.Decision = out.Family, out.Board, out.Measure, out.Decision
	})
	m, err := s.enroll(j.Request, k, served.Version, filepath.Join(folder, outFolder), out)
	if err != nil {
		return err
	}
	report(func(j *Job) { j.Version = m.Version })
	if !out.Serve {
		return nil
	}
	return s.serve(m.Name, m.Version, false)
}

// enroll makes the version.
func (s *Service) enroll(r JobRequest, k kept, against, from string, out Outcome) (models.Manifest, error) {
	metrics := map[string]models.Estimate{}
	for name, e := range out.Measures {
		metrics[name] = models.Estimate(e)
	}
	m := models.Manifest{Kind: out.Family, Data: models.Data{Version: k.Version, Patients: k.Info.Subjects}, Seed: r.Seed, Code: s.o.Code,
		Metrics: metrics, Against: against, Gate: out.Decision}
	m, err := s.registry.Create(r.Model, m, func(dir string) error { return os.CopyFS(dir, os.DirFS(from)) })
	return m, translated(err)
}
