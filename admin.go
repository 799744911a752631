package ember

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"ember/server"
	"ember/server/auth"
)

// Local answers what commands ask: the whole HTTP API with every right, and
// /admin, which no network address serves.
func (a *App) Local() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /admin/load", a.adminLoad)
	mux.HandleFunc("POST /admin/load-stream", a.adminLoadStream)
	mux.HandleFunc("POST /admin/reindex", long(a, func(r *http.Request, _ struct{}, m *messages) (any, error) { return a.Reindex(r.Context(), m.progress) }))
	mux.HandleFunc("POST /admin/erase", long(a, func(r *http.Request, q EraseRequest, _ *messages) (any, error) {
		return a.Erase(r.Context(), q.Patient)
	}))
	mux.HandleFunc("POST /admin/train", long(a, func(r *http.Request, _ struct{}, m *messages) (any, error) { return a.Train(r.Context(), m.progress) }))
	mux.HandleFunc("POST /admin/eval", long(a, func(r *http.Request, q EvalRequest, m *messages) (any, error) {
		return a.Evaluate(r.Context(), q, m.progress)
	}))
	mux.HandleFunc("POST /admin/backup", long(a, func(r *http.Request, q BackupRequest, m *messages) (any, error) {
		return a.Backup(r.Context(), q, m.progress)
	}))
	mux.HandleFunc("POST /admin/ehr/pull", long(a, func(r *http.Request, q PullRequest, m *messages) (any, error) {
		return a.Pull(r.Context(), q, m.progress)
	}))
	mux.HandleFunc("POST /admin/deid-key", func(w http.ResponseWriter, r *http.Request) {
		v, err := a.RotateDeidKey(r.Context())
		answer(w, v, err)
	})
	mux.HandleFunc("GET /admin/doctor", func(w http.ResponseWriter, r *http.Request) { answer(w, a.Doctor(r.Context()), nil) })
	mux.HandleFunc("GET /admin/models", func(w http.ResponseWriter, _ *http.Request) { v, err := a.Models(); answer(w, v, err) })
	mux.HandleFunc("POST /admin/models/promote", func(w http.ResponseWriter, r *http.Request) {
		v, err := a.Promote(r.URL.Query().Get("version"), r.URL.Query().Get("force") == "true")
		answer(w, v, err)
	})
	mux.HandleFunc("POST /admin/models/rollback", func(w http.ResponseWriter, _ *http.Request) { v, err := a.Rollback(); answer(w, v, err) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.server.ServeHTTP(w, r.WithContext(server.Trust(r.Context())))
	})
	return a.recorded(mux)
}

// recorded writes what the owner does by /admin into the audit record before it
// is done; without an entry it is not done.
func (a *App) recorded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/admin/") {
			entry := auth.Entry{When: a.config.Now(), Principal: auth.OwnerName, Action: auth.Action(strings.TrimPrefix(r.URL.Path, "/")), Outcome: auth.Begun}
			if err := a.audit.Record(r.Context(), entry); err != nil {
				answer(w, nil, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// long answers with messages: progress, then the result or the error.
func long[Q any](a *App, work func(*http.Request, Q, *messages) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil && !errors.Is(err, io.EOF) {
			answer(w, nil, fmt.Errorf("%w: %w", errUsage, err))
			return
		}
		m := a.messages(w)
		m.end(work(r, q, m))
	}
}

func (a *App) messages(w http.ResponseWriter) *messages {
	w.Header().Set("Content-Type", "application/x-ndjson")
	return &messages{w: w, now: a.config.Now}
}

func (a *App) adminLoad(w http.ResponseWriter, r *http.Request) {
	long(a, func(r *http.Request, q LoadRequest, m *messages) (any, error) {
		return a.Load(r.Context(), q, m.progress, m.issue)
	})(w, r)
}

func (a *App) adminLoadStream(w http.ResponseWriter, r *http.Request) {
	m := a.messages(w)
	m.end(a.LoadStream(r.Context(), r.Body, r.URL.Query().Get("wait") == "true", m.progress, m.issue))
}

func (m *messages) issue(i Issue) { m.send(Message{Issue: &i}) }

// errUsage: the request itself is wrong.
var errUsage = errors.New("ember: bad request")

// errRefused: refused for safety, as by the gate.
var errRefused = errors.New("ember: refused")

// answer writes JSON, or the error as an OperationOutcome.
func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status := http.StatusInternalServerError
		switch {
		case errors.Is(err, errUsage):
			status = http.StatusBadRequest
		case errors.Is(err, errRefused):
			status = http.StatusConflict
		case errors.Is(err, server.ErrNotFound):
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		v = map[string]any{"resourceType": "OperationOutcome", "issue": []any{map[string]any{"severity": "error", "code": "processing", "diagnostics": err.Error()}}}
	}
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return // the client is gone
	}
}
