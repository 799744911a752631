package ember

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"ember/models"
	"ember/server/cds"
)

// modelName is the recommender's name among the models.
const modelName = "ember-recommender"

// The beginnings of the names of folders and files that live as long as a job.
const (
	trainFolder = "train-"
	evalFolder  = "eval-"
	backupSpool = "backup-"
)

// sweep removes what jobs of a process that died left behind: checkpoints hold
// files that were deleted since.
func (a *App) sweep(context.Context) error {
	for _, prefix := range []string{trainFolder, evalFolder, backupSpool} {
		left, err := filepath.Glob(a.config.path(prefix + "*"))
		if err != nil {
			return fmt.Errorf("ember: sweeping: %w", err)
		}
		for _, path := range left {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("ember: sweeping: %w", err)
			}
		}
	}
	if err := a.sweepParts(); err != nil {
		return fmt.Errorf("ember: sweeping: %w", err)
	}
	return nil
}

// TrainSummary says what a training came to.
type TrainSummary struct {
	Name     string                     `json:"name"`
	Version  string                     `json:"version"`
	Patients int                        `json:"patients"`
	Samples  int                        `json:"samples"`
	Seconds  float64                    `json:"seconds"`
	Served   string                     `json:"served"`            // name and version that answer now
	Decision string                     `json:"decision"`          // of the gate, in words
	Damaged  []string                   `json:"damaged,omitempty"` // keyed hashes of patients left out, because their timelines cannot be read
	Metrics  map[string]models.Estimate `json:"metrics"`
}

// errBusy: one training or evaluation runs at a time.
var errBusy = errors.New("ember: a training or an evaluation is running already")

// childJob is what a child process is told on its standard input.
type childJob struct {
	Checkpoint string      `json:"checkpoint"`
	Served     string      `json:"served"` // folder of the version that serves, "" for none
	Out        string      `json:"out"`
	Elsewhere  string      `json:"elsewhere"` // checkpoint of another site's data to judge on, "" for none
	Eval       EvalRequest `json:"eval"`
}

// childResult is what it answers in the end.
type childResult struct {
	Patients  int                        `json:"patients"`
	Samples   int                        `json:"samples"`
	Version   string                     `json:"version"`
	Baseline  string                     `json:"baseline"` // version of the baseline
	Metrics   map[string]models.Estimate `json:"metrics"`
	Head      uint64                     `json:"head"` // of the checkpoint's change log
	Against   comparison                 `json:"against"`
	Damaged   []string                   `json:"damaged"`
	Sentences map[string]cds.Sentence    `json:"sentences"` // by key of the concept
	Eval      EvalSummary                `json:"eval"`
}

// Train trains a new version in a child process on a checkpoint of the store,
// lets the gate decide, and swaps it in. After one that was killed it goes on from the
// parts that had been finished, if nothing has been written since.
func (a *App) Train(ctx context.Context, progress Progress) (TrainSummary, error) {
	began := a.config.Now()
	if !a.training.TryLock() {
		return TrainSummary{}, errBusy
	}
	defer a.training.Unlock()
	dir, err := os.MkdirTemp(a.config.Data, trainFolder)
	if err != nil {
		return TrainSummary{}, fmt.Errorf("ember: training: %w", err)
	}
	defer os.RemoveAll(dir)
	result, err := a.child(ctx, "train", childJob{Out: dir}, progress)
	if err != nil {
		return TrainSummary{}, fmt.Errorf("ember: training: %w", err)
	}
	s := TrainSummary{Name: modelName, Patients: result.Patients, Samples: result.Samples, Metrics: result.Metrics, Damaged: result.Damaged}
	if n := len(s.Damaged); n > 0 {
		a.config.Log.Warn("training left out patients whose timelines are damaged; they are made anew", "patients", n, "keys", s.Damaged)
	}
	if err := a.enroll(dir, result, &s); err != nil {
		return s, fmt.Errorf("ember: training: %w", err)
	}
	if err := os.RemoveAll(a.config.path(partsFolder)); err != nil {
		return s, fmt.Errorf("ember: training: %w", err)
	}
	if err := a.responses.forget(began.Add(-keptResponses), a.onRecord); err != nil {
		return s, fmt.Errorf("ember: training: %w", err)
	}
	a.sentences.of.Store(&result.Sentences)
	if _, err := a.ingest.Revector(a.served.vectorsBy()); err != nil {
		return s, fmt.Errorf("ember: training: %w", err)
	}
	s.Seconds = a.config.Now().Sub(began).Seconds()
	return s, nil
}

// child runs the named job of this program on a checkpoint, at low priority and with a
// memory limit of its own, so that neither its garbage nor its end touches the
// process that serves.
func (a *App) child(ctx context.Context, name string, job childJob, progress Progress) (childResult, error) {
	if err := a.waitIndexed(ctx, progress); err != nil {
		return childResult{}, err
	}
	job.Checkpoint, job.Served = filepath.Join(job.Out, "checkpoint"), a.servedFolder()
	if err := a.store.Checkpoint(job.Checkpoint); err != nil {
		return childResult{}, err
	}
	in, err := json.Marshal(job)
	if err != nil {
		return childResult{}, err
	}
	var result childResult
	err = a.inChild(ctx, name, in, &result, func(m Message) { progress(m.Stage, m.Done, m.Total) })
	return result, err
}

// inChild runs this program for one job, which it is told on its standard input.
func (a *App) inChild(ctx context.Context, job string, in []byte, result any, progress func(Message)) error {
	program := a.config.Executable
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, program, "train-child", "--job", job, "--data", a.config.Data)
	cmd.Env = append(os.Environ(), "GOMEMLIMIT="+strconv.FormatInt(a.config.TrainMemory, 10),
		"EMBER_KEY_FILE="+a.config.keyFile(), "EMBER_TERMS_DIR="+a.config.TermsDir, "EMBER_RULES_DIR="+a.config.RulesDir,
		"EMBER_SEED="+strconv.FormatUint(a.config.Seed, 10))
	if a.serving.Load() { // leave half of the processors to those who wait for answers
		cmd.Env = append(cmd.Env, "GOMAXPROCS="+strconv.Itoa(max(1, runtime.NumCPU()/2)))
	}
	cmd.SysProcAttr = endWithParent()
	cmd.Stdin = bytes.NewReader(in)
	var errText tail
	cmd.Stderr = &errText
	return follow(cmd, &errText, result, progress)
}

// follow reads a child's messages to the end.
func follow(cmd *exec.Cmd, errText *tail, result any, progress func(Message)) error {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := false
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var m Message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		switch {
		case m.Error != "":
			err = errors.New(m.Error)
		case m.Result != nil:
			done = true
			err = json.Unmarshal(m.Result, result)
		default:
			progress(m)
		}
	}
	if wait := cmd.Wait(); err == nil && wait != nil {
		err = fmt.Errorf("the child process failed: %w: %s", wait, errText)
	}
	if err == nil && !done {
		err = errors.New("the child process ended without a result")
	}
	return err
}

// tail keeps the last bytes of what is written to it.
type tail struct{ b []byte }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	const keep = 4096
	t.b = append(t.b, p...)
	if len(t.b) > keep {
		t.b = t.b[len(t.b)-keep:]
	}
	return len(p), nil
}

// String is what was kept.
func (t *tail) String() string { return string(bytes.TrimSpace(t.b)) }

var _ io.Writer = (*tail)(nil)
