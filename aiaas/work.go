package aiaas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Work is what is needed to do a job, in whatever process.
type Work struct {
	Request JobRequest  `json:"request"`
	Info    DatasetInfo `json:"info"`    // of the dataset
	Version string      `json:"version"` // of its content
	Data    string      `json:"data"`    // folder of its sealed files
	Served  string      `json:"served"`  // folder of the version that serves, "" = none
	Key     []byte      `json:"key"`     // for the hashes of subjects
	Folder  string      `json:"folder"`  // where to work; what lies there of the same job is taken up
}

// Outcome is what came of a job. The artifact lies in the folder "out" of the
// work's folder.
type Outcome struct {
	Family   string              `json:"family"`
	Measure  string              `json:"measure"`
	Board    []Entry             `json:"board"`
	Measures map[string]Estimate `json:"measures"`
	Samples  int                 `json:"samples"`
	Subjects int                 `json:"subjects"`
	Serve    bool                `json:"serve"`
	Decision string              `json:"decision"`
}

// The files of a version.
const (
	outFolder      = "out"
	modelFolder    = "model" // what the family wrote
	aboutFile      = "about.json"
	evaluationFile = "evaluation.json"
	boardFile      = "board.json"
	seenFile       = "subjects"    // hashes of whom it has learned from
	outOfFoldFile  = "out-of-fold" // what it said of them, when it had not yet
)

// defaultSeconds is a job's budget when none is asked for.
const defaultSeconds = 600

// RunJob reads the data, chooses and fits, measures, compares with what serves,
// and writes the artifact. What was measured is of samples that the model had not
// seen: the test side where the data has one, else out of fold.
func RunJob(ctx context.Context, v Vault, families []Family, now func() time.Time, threads int, w Work, progress func(Progress)) (Outcome, error) {
	families, err := w.families(families)
	if err != nil {
		return Outcome{}, err
	}
	progress(Progress{Family: "reading the data"})
	d, err := readSealed(ctx, v, w.Data, w.Info)
	if err != nil {
		return Outcome{}, err
	}
	if w.Request.Threads > 0 {
		threads = min(threads, w.Request.Threads)
	}
	seconds := w.Request.Seconds
	if seconds <= 0 {
		seconds = defaultSeconds
	}
	choice, err := Choose(ctx, d, families, Choosing{
		Folds: w.Request.Folds, Best: w.Request.Best, Only: w.Request.Families, Seed: w.Request.Seed, Threads: threads,
		Budget: time.Duration(seconds * float64(time.Second)), Now: now, Progress: progress, Folder: filepath.Join(w.Folder, "resume"),
	})
	if err != nil {
		return Outcome{}, err
	}
	progress(Progress{Family: "measuring"})
	r := &run{Work: w, d: d, choice: choice, families: families}
	if err := r.measure(ctx); err != nil {
		return Outcome{}, err
	}
	if err := r.compare(ctx); err != nil {
		return Outcome{}, err
	}
	return r.out, r.write()
}

// families are those to try: the user's own network alone where there is one.
func (w Work) families(all []Family) ([]Family, error) {
	if len(w.Request.Spec) == 0 {
		for _, name := range w.Request.Families {
			if _, err := FamilyNamed(all, name); err != nil {
				return nil, fmt.Errorf("%w: %w", err, ErrInvalid)
			}
		}
		return all, nil
	}
	own, err := Custom(w.Request.Spec, w.Request.Options)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrInvalid)
	}
	return []Family{own}, nil
}

// run is a job after its fit.
type run struct {
	Work
	d        *Dataset
	choice   *Choice
	families []Family
	held     *Dataset  // samples the model has not learned from, or not yet then
	said     []float32 // of them
	result   *Result
	out      Outcome
}

func (r *run) measure(ctx context.Context) (err error) {
	var test []int
	for _, i := range r.d.Labelled() {
		if r.d.Side != nil && r.d.Side[i] == TestSide {
			test = append(test, i)
		}
	}
	if len(test) > 0 {
		r.held = r.d.Take(test)
		if r.said, err = r.choice.Model.Predict(ctx, r.held); err != nil {
			return err
		}
	} else {
		r.held, r.said = r.d.Take(r.choice.Rows), r.choice.OutOf
	}
	if r.result, err = Measure(ctx, r.held, r.said, Measuring{Seed: r.Request.Seed, Groups: r.Request.Groups}); err != nil {
		return err
	}
	r.out = Outcome{Family: r.choice.Family, Measure: r.choice.Measure, Board: r.choice.Board, Measures: r.result.Measures,
		Samples: r.held.Len(), Subjects: r.result.Subjects}
	return nil
}

// write fills the folder that becomes the version.
func (r *run) write() error {
	dir := filepath.Join(r.Folder, outFolder)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, modelFolder), 0o700)); err != nil {
		return fmt.Errorf("aiaas: writing a model: %w", err)
	}
	if err := r.choice.Model.Save(filepath.Join(dir, modelFolder)); err != nil {
		return err
	}
	about := Serving{Name: r.Request.Model, Task: r.d.Task.String(), Family: r.choice.Family, Classes: r.d.Classes, Multi: r.d.Multi,
		Inputs: inputsOf(r.d), Measures: r.result.Measures, Dataset: r.Info.Name, Origin: r.Info.Origin, Interval: intervalOf(r.held, r.said)}
	for name, v := range map[string]any{
		aboutFile: about, evaluationFile: r.result, boardFile: r.choice.Board, seenFile: r.seen(),
		outOfFoldFile: outOfFold{Version: r.Version, Folds: r.Request.Folds, Seed: r.Request.Seed, Rows: r.heldRows(), Said: r.said},
	} {
		if err := writeJSON(filepath.Join(dir, name), v); err != nil {
			return fmt.Errorf("aiaas: writing a model: %w", err)
		}
	}
	return nil
}

// intervalLevel is what an interval holds.
const intervalLevel = 0.9

// intervalOf is the interval of residuals, nil for classes and for too few samples.
func intervalOf(d *Dataset, said []float32) *Interval {
	var off []float64
	for i := range d.Target {
		if v := d.Target[i] - float64(said[i]); v == v {
			off = append(off, v)
		}
	}
	n := len(off)
	if n < 20 {
		return nil
	}
	slices.Sort(off)
	// The quantiles of n+1, so that a new sample is one among them.
	tail := int(float64(n+1) * (1 - intervalLevel) / 2)
	low, high := max(tail-1, 0), min(n-tail, n-1)
	return &Interval{Level: intervalLevel, Below: -off[low], Above: off[high]}
}

func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// heldRows are the rows of the samples measured on.
func (r *run) heldRows() []int {
	if len(r.held.Side) > 0 && r.held.Side[0] == TestSide {
		var rows []int
		for _, i := range r.d.Labelled() {
			if r.d.Side[i] == TestSide {
				rows = append(rows, i)
			}
		}
		return rows
	}
	return slices.Clone(r.choice.Rows)
}
