package server

import (
	"context"
	"encoding/json"
	"net/http"

	"ember/aiaas"
)

// submit is POST /v1/jobs.
func (s *Server) submit(ctx context.Context, c *call) error {
	if s.deps.Jobs == nil {
		return ErrNotFound
	}
	var q aiaas.JobRequest
	if err := c.parse(&q); err != nil {
		return err
	}
	if err := c.auditBegun(ctx, "", "Dataset/"+q.Dataset); err != nil {
		return err
	}
	j, err := s.deps.Jobs.Submit(q)
	if err != nil {
		return err
	}
	c.w.Header()["Location"] = []string{"/v1/jobs/" + j.ID}
	return c.answer(http.StatusAccepted, j)
}

// listJobs is GET /v1/jobs.
func (s *Server) listJobs(_ context.Context, c *call) error {
	if s.deps.Jobs == nil {
		return ErrNotFound
	}
	return c.answer(http.StatusOK, map[string]any{"jobs": s.deps.Jobs.Jobs()})
}

// showJob is GET /v1/jobs/{id}.
func (s *Server) showJob(_ context.Context, c *call) error {
	if s.deps.JobKeeper == nil {
		return ErrNotFound
	}
	j, err := s.deps.JobKeeper.Job(c.params.ByName("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, j)
}

// cancelJob is DELETE /v1/jobs/{id}.
func (s *Server) cancelJob(ctx context.Context, c *call) error {
	if s.deps.JobKeeper == nil {
		return ErrNotFound
	}
	id := c.params.ByName("id")
	if err := c.auditBegun(ctx, "", "Job/"+id); err != nil {
		return err
	}
	if err := s.deps.JobKeeper.Cancel(id); err != nil {
		return err
	}
	c.send(http.StatusNoContent, plainJSON, nil)
	return nil
}

// jobEvents is GET /v1/jobs/{id}/events: a line of JSON whenever the job changes,
// to its end.
func (s *Server) jobEvents(ctx context.Context, c *call) error {
	if s.deps.JobKeeper == nil {
		return ErrNotFound
	}
	control := http.NewResponseController(c.w)
	begun := false
	for j, err := range s.deps.JobKeeper.Watch(ctx, c.params.ByName("id")) {
		if err != nil {
			if begun {
				return nil // the client left, or the time is over: it asks again
			}
			return err
		}
		if !begun {
			c.w.Header()["Content-Type"] = []string{"application/x-ndjson"}
			c.w.WriteHeader(http.StatusOK)
			begun = true
		}
		b, err := json.Marshal(j)
		if err != nil {
			return err
		}
		if _, err := c.w.Write(append(b, '\n')); err != nil {
			return nil
		}
		_ = control.Flush() // a writer that cannot flush sends it in the end
	}
	return nil
}
