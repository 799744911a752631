package aiaas

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"ember/learn"
	"ember/models"
)

// outOfFold is what a version said of samples it had not learned from.
type outOfFold struct {
	Version string    `json:"version"` // of the data
	Folds   int       `json:"folds"`
	Seed    uint64    `json:"seed"`
	Rows    []int     `json:"rows"`
	Said    []float32 `json:"said"`
}

// fewestUnseen is how many samples of subjects that the served version has not
// learned from are enough to compare on.
const fewestUnseen = 30

// compare decides whether the new version may serve: the first one if it beats
// what knows no input, a later one if it beats the version that serves, on the
// same samples, which neither has learned from.
func (r *run) compare(ctx context.Context) error {
	if r.Request.Hold {
		r.out.Decision = "held back, as asked for"
		return nil
	}
	if r.Served == "" {
		return r.compareWithPrior(ctx)
	}
	old, rows, why, err := r.servedSaid(ctx)
	if err != nil || why != "" {
		r.out.Decision = "not compared with what serves: " + why + "; promote it by hand"
		return err
	}
	r.decide("what serves", r.held.Take(rows), takeRows(r.said, rows, r.d.Outputs()), old)
	return nil
}

// compareWithPrior compares with the family that looks at no input.
func (r *run) compareWithPrior(ctx context.Context) error {
	train := r.d.Take(r.choice.Rows)
	m, err := Prior().Fit(ctx, train, Fitting{Seed: r.Request.Seed, Threads: 1})
	if err != nil {
		return err
	}
	p, err := m.Predict(ctx, r.held)
	if err != nil {
		return err
	}
	r.decide("knowing no input", r.held, r.said, p)
	return nil
}

// servedSaid is what the served version says of held samples that it has not
// learned from, and which those are; why says why there is no such thing.
func (r *run) servedSaid(ctx context.Context) (said []float32, rows []int, why string, err error) {
	var about Serving
	if err := readJSON(filepath.Join(r.Served, aboutFile), &about); err != nil {
		return nil, nil, "its description cannot be read", nil
	}
	if !slices.Equal(about.Classes, r.d.Classes) || about.Multi != r.d.Multi || about.Task != r.d.Task.String() {
		return nil, nil, "its classes are others", nil
	}
	var then outOfFold
	if err := readJSON(filepath.Join(r.Served, outOfFoldFile), &then); err == nil && then.Version == r.Version &&
		slices.Equal(then.Rows, r.heldRows()) && len(then.Said) == len(r.said) {
		return then.Said, every(r.held.Len()), "", nil // the same data: both out of fold
	}
	var seen []string
	if err := readJSON(filepath.Join(r.Served, seenFile), &seen); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, "whom it has learned from cannot be read", nil
	}
	known := make(map[string]bool, len(seen))
	for _, h := range seen {
		known[h] = true
	}
	for i, subject := range r.held.Subject {
		if !known[r.subjectHash(subject)] {
			rows = append(rows, i)
		}
	}
	if len(rows) < fewestUnseen {
		return nil, nil, fmt.Sprintf("it has learned from all but %d of the samples", len(rows)), nil
	}
	family, err := FamilyNamed(append(slices.Clone(r.families), CustomLoader()), about.Family)
	if err != nil {
		return nil, nil, "its family is not among those tried", nil
	}
	m, err := family.Load(filepath.Join(r.Served, modelFolder))
	if err != nil {
		return nil, nil, "it cannot be loaded", nil
	}
	said, err = m.Predict(ctx, r.held.Take(rows))
	return said, rows, "", err
}

// decide asks the gate, in a measure from 0 to 1: the Brier score, or the squared
// error as a share of the variance.
func (r *run) decide(with string, d *Dataset, said, other []float32) {
	a, b := benefit(d, said), benefit(d, other)
	group, _ := groups(d.Subject)
	diff := learn.Diff(a, b, group, 1000, r.Request.Seed)
	gate := models.Gate(models.Estimate(diff))
	r.out.Serve, r.out.Decision = gate.Serve, fmt.Sprintf("compared with %s on %d samples: %s", with, d.Len(), gate.Why)
}

// benefit is the measure of each sample for the gate, higher is better.
func benefit(d *Dataset, p []float32) []float64 {
	v := bySample(d, p)
	if d.Target == nil {
		out := slices.Clone(v["brier"])
		for i := range out {
			out[i] = 1 - out[i]/2
		}
		return out
	}
	var mean, spread float64
	for _, t := range d.Target {
		mean += t / float64(d.Len())
	}
	for _, t := range d.Target {
		spread += (t - mean) * (t - mean) / float64(d.Len())
	}
	out := slices.Clone(v["mse"])
	for i := range out {
		out[i] = 1 - out[i]/max(spread, 1e-12)
	}
	return out
}

func takeRows(p []float32, rows []int, outputs int) []float32 {
	out := make([]float32, 0, len(rows)*outputs)
	for _, i := range rows {
		out = append(out, p[i*outputs:(i+1)*outputs]...)
	}
	return out
}

// seen are the hashes of the subjects learned from, ascending.
func (r *run) seen() []string {
	var all []string
	for _, i := range r.choice.Rows {
		all = append(all, r.subjectHash(r.d.Subject[i]))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// subjectHash tells, to whoever has the key, whether a subject was learned from.
func (r *run) subjectHash(subject string) string {
	mac := hmac.New(sha256.New, r.Key)
	mac.Write([]byte(subject))
	return hex.EncodeToString(mac.Sum(nil)[:10])
}
