package ember

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ember/recommender/eval"
)

// EvalRequest says what to measure.
type EvalRequest struct {
	Tasks  []string `json:"tasks,omitempty"` // empty = all
	Folds  int      `json:"folds,omitempty"` // 0 = one 70/10/20 split
	BySite bool     `json:"bySite,omitempty"`
	ByTime bool     `json:"byTime,omitempty"`
	// External are files and folders of another site's FHIR resources: all that is
	// loaded is fitted to, and they are judged on. They are not kept.
	External []string `json:"external,omitempty"`
	// Moments of stays to judge at, in hours since admission; empty = 6 and 24.
	Moments []int `json:"moments,omitempty"`
	Reps    int   `json:"reps,omitempty"` // bootstrap repetitions
	// Shares of the patients to train on once more, for a learning curve.
	Shares []float64 `json:"shares,omitempty"`
	// Export is a file to write every decision to; see [eval.Exported].
	Export string `json:"export,omitempty"`
}

// EvalSummary is the leaderboard, for people and as JSON.
type EvalSummary struct {
	Text    string          `json:"text"`
	Report  json.RawMessage `json:"report"`
	Damaged []string        `json:"damaged,omitempty"` // as in TrainSummary
}

// Evaluate measures in a child process, on a checkpoint of the store.
func (a *App) Evaluate(ctx context.Context, req EvalRequest, progress Progress) (EvalSummary, error) {
	if !a.training.TryLock() {
		return EvalSummary{}, errBusy
	}
	defer a.training.Unlock()
	dir, err := os.MkdirTemp(a.config.Data, evalFolder)
	if err != nil {
		return EvalSummary{}, fmt.Errorf("ember: evaluating: %w", err)
	}
	defer os.RemoveAll(dir)
	job := childJob{Out: dir, Eval: req}
	if len(req.External) > 0 {
		if job.Elsewhere, err = a.elsewhere(ctx, filepath.Join(dir, "elsewhere"), req.External, progress); err != nil {
			return EvalSummary{}, fmt.Errorf("ember: evaluating: %w", err)
		}
	}
	result, err := a.child(ctx, "eval", job, progress)
	if err != nil {
		return EvalSummary{}, fmt.Errorf("ember: evaluating: %w", err)
	}
	return result.Eval, nil
}

// elsewhere loads another site's resources into a data directory of their own,
// sealed by the same key, and returns its store.
func (a *App) elsewhere(ctx context.Context, dir string, paths []string, progress Progress) (string, error) {
	config := a.config
	config.Data, config.KeyFile, config.TokenFile, config.Redis, config.RedisMaster = dir, a.config.keyFile(), "", nil, ""
	other, err := Open(ctx, config)
	if err != nil {
		return "", fmt.Errorf("another site's data: %w", err)
	}
	s, err := other.Load(ctx, LoadRequest{Paths: paths, Wait: true}, progress, nil)
	if err = errors.Join(err, other.Close()); err != nil {
		return "", fmt.Errorf("another site's data: %w", err)
	}
	if s.Refused > 0 {
		return "", fmt.Errorf("another site's data: %d of %d resources were refused, for example: %s; load them by themselves to see which", s.Refused, s.Read, s.Kinds[0].Detail)
	}
	return filepath.Join(dir, "store"), nil
}

// evaluate measures on disjoint patients.
func (c *child) evaluate(ctx context.Context, progress Progress) (s EvalSummary, err error) {
	opt := c.evalOptions(progress)
	if c.job.Elsewhere != "" {
		other, err := openChild(c.config, childJob{Checkpoint: c.job.Elsewhere})
		if err != nil {
			return s, err
		}
		defer other.store.Close()
		opt.External = other.all()
	}
	if c.job.Eval.Export != "" {
		done, err := exportTo(c.job.Eval.Export, &opt)
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, done()) }()
	}
	report, err := eval.Run(ctx, c.all(), c.terms, opt)
	if err := c.err(err); err != nil {
		return s, err
	}
	return c.summary(report)
}

func (c *child) evalOptions(progress Progress) eval.Options {
	q := c.job.Eval
	opt := eval.Options{Folds: q.Folds, BySite: q.BySite, ByTime: q.ByTime, Tasks: q.Tasks, BootstrapReps: q.Reps, Shares: q.Shares, Seed: c.config.Seed, Progress: progress, Risks: c.risks}
	for _, h := range q.Moments {
		opt.Landmarks = append(opt.Landmarks, time.Duration(h)*time.Hour)
	}
	return opt
}

// exportTo writes a line of JSON a decision. It is a patient's data: only the
// owner may read it.
func exportTo(path string, opt *eval.Options) (done func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("ember: exporting: %w", err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	opt.Export = func(e eval.Exported) error { return lines.Encode(e) }
	return func() error {
		if err := errors.Join(w.Flush(), f.Close()); err != nil {
			return fmt.Errorf("ember: exporting: %w", err)
		}
		return nil
	}, nil
}

func (c *child) summary(report eval.Report) (s EvalSummary, err error) {
	var text strings.Builder
	if err := report.WriteTable(&text); err != nil {
		return s, fmt.Errorf("ember: writing the leaderboard: %w", err)
	}
	s.Damaged = c.leftOut()
	s.Text = text.String() + damagedText(s.Damaged)
	if s.Report, err = json.Marshal(report); err != nil {
		return s, fmt.Errorf("ember: writing the leaderboard: %w", err)
	}
	return s, nil
}
