package ehr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Export says what is pulled.
type Export struct {
	// Level is "" for the whole system, "Patient", or "Group/ID".
	Level string
	// Types limit it to resource types; none: all.
	Types []string
	// Full pulls everything once more, whatever was pulled before.
	Full bool
	// Parallel is how many files are loaded at once: 4.
	Parallel int
	// Progress, if any, hears how it goes. It is called by many goroutines.
	Progress func(stage string, done, total int)
}

// Counts are what became of loaded resources.
type Counts struct {
	Created, Updated, Unchanged, Deleted, Refused int
}

func (c *Counts) add(d Counts) {
	c.Created += d.Created
	c.Updated += d.Updated
	c.Unchanged += d.Unchanged
	c.Deleted += d.Deleted
	c.Refused += d.Refused
}

// Sink takes what is pulled. It is called by many goroutines.
type Sink interface {
	// Load stores lines of NDJSON, which are durable when it returns. Loading the same
	// again changes nothing. name is for the places of issues.
	Load(ctx context.Context, lines []byte, name string) (Counts, error)
	// Delete deletes a resource durably; deleted is false when it was not there.
	Delete(ctx context.Context, typ, id string) (deleted bool, err error)
}

// Memory keeps states between processes, sealed: addresses of files may be secrets.
type Memory interface {
	Get(key []byte) (value []byte, found bool, err error)
	// Put is on disk when it returns, if sync says so.
	Put(key, value []byte, sync bool) error
}

// Summary is what a pull came to.
type Summary struct {
	Counts
	Level           string   `json:"level"`           // "" = system
	Since           string   `json:"since,omitempty"` // "" = everything
	TransactionTime string   `json:"transaction_time"`
	Files           int      `json:"files"`
	Read            int      `json:"read"`    // lines
	Resumed         bool     `json:"resumed"` // of a pull that was broken off
	Complete        bool     `json:"complete"`
	Problems        []string `json:"problems"` // why it is not complete, and what else is odd
}

// Pulls pulls exports into a sink. One pull runs at a time.
type Pulls struct {
	Client *Client
	Sink   Sink
	Memory Memory
	mu     sync.Mutex
}

// state is what is kept of an export: where the last complete pull ended, and how far the
// one at hand is.
type state struct {
	Mark string `json:"mark"` // transactionTime of the last complete pull
	Run  *run   `json:"run,omitempty"`
}

// run is a pull at hand.
type run struct {
	Since    string    `json:"since"`
	Begun    time.Time `json:"begun"`
	Status   string    `json:"status"` // address that is polled
	Time     string    `json:"time"`   // transactionTime, once there is a manifest
	Token    bool      `json:"token"`
	Ready    bool      `json:"ready"` // Files are known
	Files    []*file   `json:"files"`
	Counts   Counts    `json:"counts"`
	Problems []string  `json:"problems"`
	Short    bool      `json:"short"` // something is missing
	Restarts int       `json:"restarts"`
}

// file is one file of a manifest and how far it is loaded.
type file struct {
	URL     string `json:"url"`
	Type    string `json:"type"`
	Kind    string `json:"kind"`   // output, deleted or error
	Count   int    `json:"count"`  // promised, -1 = not said
	Offset  int64  `json:"offset"` // plain bytes that are durable
	Lines   int    `json:"lines"`  // in them
	Tag     string `json:"tag"`    // ETag of what the offset is of
	Packed  bool   `json:"packed"` // served compressed: no range of plain bytes can be asked for
	Again   bool   `json:"again"`  // loaded from its beginning a second time
	Done    bool   `json:"done"`
	counted Counts // since the last save
}

// mostRestarts is how often a pull begins anew because the EHR has forgotten it.
const mostRestarts = 2

// errForgotten: the EHR has the export, or a file of it, no more.
var errForgotten = errors.New("ehr: the EHR has forgotten the export")

// pull is one pull at work.
type pull struct {
	*Pulls
	want  Export
	key   []byte
	mu    sync.Mutex // of state
	state state
}

// Pull takes up the pull that was broken off, or begins one of what has changed since the
// last that was complete. When it returns without error and Complete, everything up to
// TransactionTime is stored. After an error the next Pull goes on where this one ended.
func (p *Pulls) Pull(ctx context.Context, want Export) (Summary, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if want.Level != "" && want.Level != "Patient" && !strings.HasPrefix(want.Level, "Group/") {
		return Summary{}, fmt.Errorf("ehr: an export is of the system, of Patient or of Group/ID")
	}
	if want.Parallel <= 0 {
		want.Parallel = 4
	}
	if want.Progress == nil {
		want.Progress = func(string, int, int) {}
	}
	w := &pull{Pulls: p, want: want, key: []byte("export|" + p.Client.base + "|" + want.Level + "|" + strings.Join(want.Types, ","))}
	if err := w.recall(); err != nil {
		return Summary{}, err
	}
	resumed := w.state.Run != nil
	for {
		err := w.work(ctx)
		if errors.Is(err, errForgotten) && w.state.Run.Restarts < mostRestarts {
			w.state.Run = &run{Since: w.state.Run.Since, Begun: p.Client.opt.Now(), Counts: w.state.Run.Counts, Problems: w.state.Run.Problems, Restarts: w.state.Run.Restarts + 1}
			continue
		}
		s := w.summary(resumed)
		if err == nil {
			return s, w.finish(ctx)
		}
		if lost(err, w.state.Run.Ready) {
			w.state.Run = nil
			return s, errors.Join(err, w.save(true))
		}
		return s, err
	}
}

// lost reports whether a pull cannot be taken up any more: the next one begins anew.
func lost(err error, ready bool) bool {
	var f *Failure
	switch {
	case errors.Is(err, errForgotten):
		return true
	case ready || !errors.As(err, &f):
		return false
	}
	switch f.Status {
	case 401, 403, 408, 429, 503:
		return false
	case 0:
		return f.cause == nil // a manifest that cannot be used
	}
	return true
}

func (w *pull) recall() error {
	value, found, err := w.Memory.Get(w.key)
	if err != nil {
		return fmt.Errorf("ehr: what is known of earlier pulls: %w", err)
	}
	if found {
		if err := json.Unmarshal(value, &w.state); err != nil {
			return errors.New("ehr: what is known of earlier pulls cannot be read")
		}
	}
	if w.want.Full {
		w.state.Run = nil
	}
	return nil
}

// save keeps the state; the caller holds mu, or is alone.
func (w *pull) save(sync bool) error {
	value, err := json.Marshal(w.state)
	if err == nil {
		err = w.Memory.Put(w.key, value, sync)
	}
	if err != nil {
		return fmt.Errorf("ehr: keeping how far the pull is: %w", err)
	}
	return nil
}

// work goes through the stages that are left.
func (w *pull) work(ctx context.Context) error {
	if w.state.Run == nil {
		since := w.state.Mark
		if w.want.Full {
			since = ""
		}
		w.state.Run = &run{Since: since, Begun: w.Client.opt.Now()}
	}
	if w.state.Run.Status == "" {
		if err := w.kickOff(ctx); err != nil {
			return err
		}
	}
	if !w.state.Run.Ready {
		if err := w.await(ctx); err != nil {
			return err
		}
	}
	return w.loadAll(ctx)
}

// summary is how far it is.
func (w *pull) summary(resumed bool) Summary {
	r := w.state.Run
	s := Summary{Counts: r.Counts, Level: w.want.Level, Since: r.Since, TransactionTime: r.Time, Files: len(r.Files), Resumed: resumed,
		Complete: r.Ready && !r.Short, Problems: append([]string{}, r.Problems...)}
	for _, f := range r.Files {
		s.Read += f.Lines
		s.Complete = s.Complete && f.Done
	}
	return s
}

// finish moves the mark, if nothing is missing, and lets the EHR forget the export.
func (w *pull) finish(ctx context.Context) error {
	r := w.state.Run
	if !r.Short {
		w.state.Mark = r.Time
	}
	w.state.Run = nil
	if err := w.save(true); err != nil {
		return err
	}
	if resp, err := w.Client.ask(ctx, request{doing: "deleting the export", method: "DELETE", address: r.Status, once: true,
		final: func(int) bool { return true }}); err == nil { // a courtesy: nothing hangs on it
		resp.Body.Close()
	}
	return nil
}
