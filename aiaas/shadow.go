package aiaas

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// shadow is a version whose answers are compared with those that are given.
type shadow struct {
	version string

	mu     sync.Mutex
	report ShadowReport
	busy   bool
}

func (s *shelf) shadowOf(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.shadows[name]; h != nil {
		return h.version
	}
	return ""
}

func (s *shelf) shadow(name string) *shadow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shadows[name]
}

// setShadow starts anew, also for the version that is the shadow already; ""
// ends it.
func (s *shelf) setShadow(name, version string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.shadows, name)
	if version != "" {
		s.shadows[name] = &shadow{version: version, report: ShadowReport{Version: version}}
	}
	all := map[string]string{}
	for name, h := range s.shadows {
		all[name] = h.version
	}
	return all
}

const shadowsFile = "shadows.json"

// openShadows takes up the shadows of the last process; their counts begin anew.
func (s *Service) openShadows() error {
	var all map[string]string
	err := readJSON(filepath.Join(s.o.Dir, shadowsFile), &all)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("aiaas: reading shadows: %w", err)
	}
	for name, version := range all {
		s.open.setShadow(name, version)
	}
	return nil
}

// SetShadow has a version answer beside the served one, for comparison only; ""
// ends that.
func (s *Service) SetShadow(name, version string) error {
	v, err := s.Version(name, "")
	if err != nil {
		return err
	}
	if version != "" {
		other, err := s.Version(name, version)
		if err != nil {
			return err
		}
		if !slices.Equal(v.Classes, other.Classes) || v.Task != other.Task {
			return fmt.Errorf("aiaas: %s/%s has other classes than what serves: %w", name, version, ErrInvalid)
		}
		if _, err := s.open.get(name, version); err != nil {
			return err
		}
	}
	path := filepath.Join(s.o.Dir, shadowsFile)
	if err := errors.Join(writeJSON(path+".new", s.open.setShadow(name, version)), os.Rename(path+".new", path)); err != nil {
		return fmt.Errorf("aiaas: keeping shadows: %w", err)
	}
	return nil
}

// Shadow is how the shadow did since it became one.
func (s *Service) Shadow(name string) (ShadowReport, error) {
	h := s.open.shadow(name)
	if h == nil {
		return ShadowReport{}, fmt.Errorf("aiaas: model %s: a shadow: %w", name, ErrNotFound)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.report, nil
}

// cast has the shadow answer after the answer was given. One call at a time: the
// shadow takes no more than a share of what the served version takes.
func (s *Service) cast(ctx context.Context, name string, d *Dataset, given []float32) {
	h := s.open.shadow(name)
	if h == nil {
		return
	}
	h.mu.Lock()
	if h.busy {
		h.mu.Unlock()
		return
	}
	h.busy = true
	h.mu.Unlock()
	go func() {
		l, err := s.open.get(name, h.version)
		var p []float32
		if err == nil {
			p, err = l.safely(context.WithoutCancel(ctx), d)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.busy = false
		h.count(d, given, p, err, l)
	}()
}

// count adds a call. h.mu is held.
func (h *shadow) count(d *Dataset, given, p []float32, err error, l *loaded) {
	r := &h.report
	if r.Requests++; err != nil || len(p) != len(given) {
		r.Failed++
		return
	}
	n := d.Len()
	agree, difference := 0, 0.
	for i := range p {
		difference += math.Abs(float64(p[i] - given[i]))
	}
	if m := len(p) / max(n, 1); len(l.about.Classes) > 0 {
		for i := range n {
			if slices.Equal(l.about.labels(p[i*m:(i+1)*m]), l.about.labels(given[i*m:(i+1)*m])) {
				agree++
			}
		}
	}
	before, now := float64(r.Samples), float64(r.Samples+n)
	r.Agree = (r.Agree*before + float64(agree)) / now
	r.Difference = (r.Difference*before + difference*float64(n)/float64(max(len(p), 1))) / now
	r.Samples += n
}
