package bulk

import (
	"encoding/hex"
	"fmt"
	"slices"
)

// tag stands for a patient in the description of a job.
func (s *Service) tag(patient string) string {
	h := s.opt.Store.Tombstone(patient)
	return hex.EncodeToString(h[:])
}

// withdrawn ends an export, with all its files, when somebody has refused since it was made
// who did not refuse then: they may be in them. It is asked before anything of a job is told.
func (s *Service) withdrawn(id string) error {
	s.mu.Lock()
	e := s.jobs[id]
	if e == nil || e.Export == nil || e.State != Done {
		s.mu.Unlock()
		return nil
	}
	from, refusing := max(e.looked, e.Seq), e.Refusing
	s.mu.Unlock()
	to := s.opt.Store.Head()
	asked := map[string]bool{}
	for c, err := range s.opt.Store.Changes(from) {
		if err != nil {
			return fmt.Errorf("bulk: looking for who refuses: %w", err)
		}
		patient := c.Patient
		if c.Type == "Patient" {
			patient = c.ID
		}
		if c.Type != "Consent" && c.Type != "Patient" || patient == "" || asked[patient] {
			continue
		}
		asked[patient] = true
		if s.opt.Refuses(patient) && !slices.Contains(refusing, s.tag(patient)) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.jobs[id] == nil {
				return nil
			}
			return s.drop(id)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.jobs[id]; e != nil {
		e.looked = max(e.looked, to)
	}
	return nil
}
