package ember

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"ember/ehr"
	"ember/server/auth"
	"ember/store"
)

// openEHR makes what asks the EHR, if there is one. Nothing is asked yet.
func (a *App) openEHR(context.Context) error {
	if a.config.EHR == "" {
		return nil
	}
	client, err := a.config.ehrClient()
	if err != nil {
		return err
	}
	a.ehr = client
	a.pulls = &ehr.Pulls{Client: client, Sink: pullSink{a}, Memory: ehrMemory{a.store.Space("ehr")}}
	return a.openFollower()
}

// ehrClient is a client of the EHR that the settings name.
func (c Config) ehrClient() (*ehr.Client, error) {
	c = c.withDefaults()
	opt := ehr.Options{Base: c.EHR, Client: c.EHRClient, Scopes: c.EHRScopes, Hosts: c.EHRHosts, Now: c.Now}
	if c.EHRKey != "" {
		key, err := readEHRKey(c.EHRKey)
		if err != nil {
			return nil, err
		}
		opt.Key = key
	}
	client, err := ehr.New(opt)
	if err != nil {
		return nil, fmt.Errorf("ember: %w", err)
	}
	return client, nil
}

// readEHRKey refuses a key that others may read.
func readEHRKey(path string) (*ehr.Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("ember: ehr-key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("ember: ehr-key: the file can be read by others: chmod 600 it")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("ember: ehr-key: %w", err)
	}
	return ehr.ReadKey(b)
}

// PullRequest asks for an export of the EHR.
type PullRequest struct {
	Level string   `json:"level"` // "" = the setting's; "system", "Patient" or "Group/ID"
	Types []string `json:"types"` // none = the setting's
	Full  bool     `json:"full"`
	Wait  bool     `json:"wait"` // until timelines and index have followed
}

// PullSummary is what a pull came to.
type PullSummary struct {
	ehr.Summary
	Seconds float64 `json:"seconds"`
}

// errNoEHR: no EHR is set.
var errNoEHR = fmt.Errorf("%w: no EHR is set: see ehr in the configuration", errUsage)

// Pull exports what has changed from the EHR and stores it. A pull that was broken off is
// taken up where it ended. What is not complete is said in the summary.
func (a *App) Pull(ctx context.Context, req PullRequest, progress Progress) (PullSummary, error) {
	if a.pulls == nil {
		return PullSummary{}, errNoEHR
	}
	began := a.config.Now()
	want := ehr.Export{Level: firstOf(req.Level, a.config.EHRExport), Types: req.Types, Full: req.Full, Progress: progress}
	if len(want.Types) == 0 {
		want.Types = a.config.EHRTypes
	}
	if want.Level == "system" {
		want.Level = ""
	}
	if err := a.auditPull(ctx, auth.Begun); err != nil {
		return PullSummary{}, err
	}
	sum, err := a.pulls.Pull(ctx, want)
	outcome := "complete"
	if err != nil || !sum.Complete {
		outcome = "incomplete"
	}
	if aerr := a.auditPull(context.WithoutCancel(ctx), outcome); aerr != nil {
		return PullSummary{}, errors.Join(err, aerr)
	}
	if err == nil && req.Wait {
		err = a.waitIndexed(ctx, progress)
	}
	return PullSummary{sum, a.config.Now().Sub(began).Seconds()}, err
}

func (a *App) auditPull(ctx context.Context, outcome string) error {
	return a.audit.Record(ctx, auth.Entry{When: a.config.Now(), Principal: ehrName, Action: auth.ActionLoad, Resource: "$export", Outcome: outcome})
}

// ehrName is the EHR in the audit record.
const ehrName = "ehr"

// pullAgain pulls every now and then, as the setting says, until ctx ends.
func (a *App) pullAgain(ctx context.Context) {
	if a.pulls == nil || a.config.EHRPull <= 0 {
		return
	}
	for ctx.Err() == nil {
		sum, err := a.Pull(ctx, PullRequest{}, func(string, int, int) {})
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.config.Log.Error("pulling from the EHR failed; it is taken up again", "error", err)
		case !sum.Complete:
			a.config.Log.Warn("pulling from the EHR: not everything came", "problems", sum.Problems)
		default:
			a.config.Log.Info("pulled from the EHR", "read", sum.Read, "created", sum.Created, "updated", sum.Updated, "deleted", sum.Deleted)
		}
		timer := time.NewTimer(a.config.EHRPull)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// pullSink stores what the EHR exported.
type pullSink struct{ *App }

// Load implements ehr.Sink.
func (s pullSink) Load(ctx context.Context, lines []byte, name string) (ehr.Counts, error) {
	t := tally{kinds: map[IssueKind]int{}}
	if s.follower != nil {
		var err error
		if lines, err = s.current(ctx, lines); err != nil {
			return ehr.Counts{}, err
		}
	}
	if _, err := s.ingest.Load(ctx, bytes.NewReader(lines), name, t.add); err != nil {
		return ehr.Counts{}, err
	}
	return ehr.Counts{Created: t.sum.Created, Updated: t.sum.Updated, Unchanged: t.sum.Unchanged, Deleted: t.sum.Deleted, Refused: t.sum.Refused}, nil
}

// Delete implements ehr.Sink.
func (s pullSink) Delete(ctx context.Context, typ, id string) (bool, error) {
	_, err := s.store.Get(typ, id)
	if err == nil {
		_, err = s.ingest.Delete(ctx, typ, id, 0)
		return err == nil, err
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) {
		return false, nil
	}
	return false, err
}

// ehrMemory is a sealed space as the client of the EHR wants it.
type ehrMemory struct{ *store.Space }

// Put implements ehr.Memory.
func (m ehrMemory) Put(key, value []byte, sync bool) error {
	return m.Space.Put([]store.Pair{{Key: key, Value: value}}, sync)
}

var (
	_ ehr.Sink   = pullSink{}
	_ ehr.Memory = ehrMemory{}
)
