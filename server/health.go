package server

import (
	"context"
	_ "embed"
	"net/http"
	"slices"
)

//go:embed openapi.json
var openAPI []byte

// healthz is GET /healthz: the process answers.
func (s *Server) healthz(_ context.Context, c *call) error {
	return c.sendJSON(http.StatusOK, map[string]string{"status": "ok"})
}

type readiness struct {
	Ready    bool     `json:"ready"`
	Indexed  bool     `json:"indexed"`
	IndexLag uint64   `json:"indexLag"`
	Stopping bool     `json:"stopping"`
	Degraded []string `json:"degraded"`
}

// readyz is GET /readyz: 200 when requests can be served, else an outcome with
// 503. With ?wait=index it answers when everything stored before is indexed.
func (s *Server) readyz(ctx context.Context, c *call) error {
	wait := c.r.URL.Query().Get("wait")
	if wait != "" && wait != "index" {
		return badParameter("wait", "it is index, or is left out")
	}
	if wait == "index" {
		leave, err := s.take(ctx, classWait)
		if err != nil {
			return err
		}
		defer leave()
		if err := s.deps.Health.WaitIndex(ctx); err != nil {
			return err
		}
	}
	state := s.state(ctx)
	r := readiness{Indexed: state.Open && state.IndexLag == 0, IndexLag: state.IndexLag, Stopping: s.stop.Load(), Degraded: list(state.Degraded)}
	r.Ready = state.Open && state.IndexLag <= s.opt.ReadyLag && !r.Stopping
	switch {
	case r.Ready:
		return c.sendJSON(http.StatusOK, r)
	case r.Stopping:
		return notReady("the server stops", "use another one")
	case !state.Open:
		return notReady("the store is not open", "see the log")
	}
	return notReady("the index is catching up", "ask again, or wait with /readyz?wait=index; recommendations do not need it")
}

func notReady(detail, hint string) error {
	f := faultOf(ErrUnready)
	f.Detail, f.Hint = detail, hint
	return f
}

type statusAnswer struct {
	Versions map[string]string `json:"versions"`
	IndexLag uint64            `json:"indexLag"`
	Degraded []string          `json:"degraded"`
}

// status is GET /v1/status: the versions of everything an answer rests on.
func (s *Server) status(ctx context.Context, c *call) error {
	state := s.state(ctx)
	if state.Versions == nil {
		state.Versions = map[string]string{}
	}
	return c.sendJSON(http.StatusOK, statusAnswer{state.Versions, state.IndexLag, list(state.Degraded)})
}

// state is the state of the whole, with the token file's.
func (s *Server) state(ctx context.Context) State {
	state := s.deps.Health.State(ctx)
	if t, ok := s.deps.Tokens.(interface{ Problem() string }); ok && t.Problem() != "" {
		state.Degraded = append(slices.Clip(state.Degraded), "tokens: "+t.Problem())
	}
	return state
}

// openAPI is GET /openapi.json.
func (s *Server) openAPI(_ context.Context, c *call) error {
	c.send(http.StatusOK, plainJSON, s.spec)
	return nil
}

func (c *call) sendJSON(status int, v any) error {
	if err := c.accept(plainJSON); err != nil {
		return err
	}
	b, err := encode(v)
	if err != nil {
		return err
	}
	c.send(status, plainJSON, b)
	return nil
}

// list is v without nil, so that JSON has [] and not null.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}
