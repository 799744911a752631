package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"ember/aiaas"
)

// submit is POST /v1/jobs.
func (s *Server) submit(ctx context.Context, c *call) error {
	var q aiaas.JobRequest
	if err := c.parse(&q); err != nil {
		return err
	}
	var j aiaas.Job
	err := c.changed(ctx, "Dataset/"+q.Dataset, http.StatusAccepted, func() (err error) {
		j, err = s.deps.Models.Submit(q)
		return err
	})
	if err != nil {
		return err
	}
	c.w.Header()["Location"] = []string{"/v1/jobs/" + j.ID}
	return c.answer(http.StatusAccepted, j)
}

// listJobs is GET /v1/jobs.
func (s *Server) listJobs(_ context.Context, c *call) error {
	return c.answer(http.StatusOK, map[string]any{"jobs": s.deps.Models.Jobs()})
}

// showJob is GET /v1/jobs/{id}.
func (s *Server) showJob(_ context.Context, c *call) error {
	j, err := s.deps.Models.Job(c.params.ByName("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, j)
}

// cancelJob is DELETE /v1/jobs/{id}.
func (s *Server) cancelJob(ctx context.Context, c *call) error {
	id := c.params.ByName("id")
	if err := c.changed(ctx, "Job/"+id, http.StatusNoContent, func() error { return s.deps.Models.Cancel(id) }); err != nil {
		return err
	}
	c.send(http.StatusNoContent, plainJSON, nil)
	return nil
}

// jobEvents is GET /v1/jobs/{id}/events: the job whenever it changes, to its end;
// a line of JSON each time, or an event to who asks for text/event-stream.
func (s *Server) jobEvents(ctx context.Context, c *call) error {
	media, before, after := "application/x-ndjson", "", "\n"
	if strings.HasPrefix(c.r.Header.Get("Accept"), "text/event-stream") {
		media, before, after = "text/event-stream", "data: ", "\n\n"
	}
	begun := false
	for j, err := range s.deps.Models.Watch(ctx, c.params.ByName("id")) {
		if err != nil {
			if begun {
				return nil // the client left, or the time is over: it asks again
			}
			return err
		}
		if !begun {
			c.w.Header()["Content-Type"] = []string{media}
			c.w.WriteHeader(http.StatusOK)
			begun = true
		}
		b, err := json.Marshal(j)
		if err != nil {
			return err
		}
		if c.tell(before+string(b)+after) != nil {
			return nil
		}
	}
	return nil
}

// tell sends a part of an answer now; who takes none of it for too long is left.
func (c *call) tell(part string) error {
	control := http.NewResponseController(c.w)
	timer := time.AfterFunc(c.s.opt.Timeouts.Stall, func() { _ = control.SetWriteDeadline(longAgo) })
	defer timer.Stop()
	if _, err := c.w.WriteString(part); err != nil {
		return err
	}
	_ = control.Flush() // a writer that cannot flush sends it in the end
	return nil
}
