package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"ember/aiaas"
)

// inferStats counts what versions were asked by the Open Inference Protocol since
// the server began, as Triton's clients read it. The zero inferStats has none.
type inferStats struct {
	mu sync.Mutex
	of map[[2]string]*versionStats // by name and version
}

type spent struct {
	Count uint64 `json:"count"`
	NS    uint64 `json:"ns"`
}

func (s *spent) add(d time.Duration) {
	s.Count++
	s.NS += uint64(max(d, 0))
}

// versionStats are Triton's names: queue is from a request's header to its turn,
// compute_input its body, compute_infer the model, compute_output the answer.
type versionStats struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Last       int64  `json:"last_inference"`  // milliseconds since 1970
	Inferences uint64 `json:"inference_count"` // samples
	Executions uint64 `json:"execution_count"` // requests; some are run together
	Stats      struct {
		Success spent `json:"success"`
		Fail    spent `json:"fail"`
		Queue   spent `json:"queue"`
		Input   spent `json:"compute_input"`
		Infer   spent `json:"compute_infer"`
		Output  spent `json:"compute_output"`
	} `json:"inference_stats"`
	Batches []struct{} `json:"batch_stats"` // not told apart
}

// inferTimes are the moments of one request.
type inferTimes struct{ begun, turn, read, asked time.Time }

// count takes a request in; samples of a failed one do not count.
func (s *inferStats) count(v aiaas.Serving, t inferTimes, end time.Time, samples int, err error) {
	if v.Name == "" || errors.Is(err, context.Canceled) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{v.Name, v.Version}
	m := s.of[key]
	if m == nil {
		if s.of == nil {
			s.of = map[[2]string]*versionStats{}
		}
		m = &versionStats{Name: v.Name, Version: v.Version, Batches: []struct{}{}}
		s.of[key] = m
	}
	if err != nil {
		m.Stats.Fail.add(end.Sub(t.begun))
		return
	}
	m.Last, m.Inferences, m.Executions = end.UnixMilli(), m.Inferences+uint64(samples), m.Executions+1
	m.Stats.Success.add(end.Sub(t.begun))
	m.Stats.Queue.add(t.turn.Sub(t.begun))
	m.Stats.Input.add(t.read.Sub(t.turn))
	m.Stats.Infer.add(t.asked.Sub(t.read))
	m.Stats.Output.add(end.Sub(t.asked))
}

// versions are the counts of the versions given; zeros of one that was not asked.
func (s *inferStats) versions(all []aiaas.Serving) []versionStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []versionStats{}
	for _, v := range all {
		m := versionStats{Name: v.Name, Version: v.Version, Batches: []struct{}{}}
		if have := s.of[[2]string{v.Name, v.Version}]; have != nil {
			m = *have
		}
		list = append(list, m)
	}
	return list
}

// modelStats is GET /v2/models/stats, and of one model or version …/{name}/stats.
func (s *Server) modelStats(_ context.Context, c *call) error {
	name, version := c.params.ByName("name"), c.params.ByName("version")
	var names []string
	if name != "" {
		names = []string{name}
	} else {
		all, err := s.deps.Models.Models()
		if err != nil {
			return err
		}
		for _, v := range all {
			names = append(names, v.Name)
		}
	}
	var all []aiaas.Serving
	for _, name := range names {
		of, err := s.deps.Models.Versions(name)
		if err != nil {
			return err
		}
		all = append(all, of...)
	}
	if version != "" {
		all = slices.DeleteFunc(all, func(v aiaas.Serving) bool { return v.Version != version })
		if len(all) == 0 {
			return ErrNotFound
		}
	}
	return c.answer(http.StatusOK, map[string]any{"model_stats": s.inferences.versions(all)})
}
