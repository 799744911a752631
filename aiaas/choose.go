package aiaas

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"ember/learn"
)

// Choosing says how to choose among families. The zero value means 5 folds, the
// task's usual measure, no budget, and the simplest within one standard error of
// the best.
type Choosing struct {
	Folds    int
	Best     bool     // take the best, however little it is ahead
	Only     []string // names of families to try; empty = all that accept the data
	Budget   time.Duration
	Now      func() time.Time // needed with a budget
	Seed     uint64
	Threads  int
	Reps     int // resamples for intervals, default 1,000
	Progress func(Progress)
	Folder   string // where finished folds are kept for a choice that is cut off; "" = nowhere
}

// Entry is one family's line on the leaderboard.
type Entry struct {
	Family  string        `json:"family"`
	Rank    int           `json:"rank"`
	Score   Estimate      `json:"score"`          // out of fold, higher is better
	Behind  Estimate      `json:"behind"`         // of the best, on the same samples
	Took    time.Duration `json:"took,omitempty"` // by the clock handed in
	Chosen  bool          `json:"chosen,omitempty"`
	Skipped string        `json:"skipped,omitempty"` // why it has no score
	// Unsuited: it was skipped because it takes no data of this kind.
	Unsuited bool `json:"unsuited,omitempty"`
}

// Choice is the model chosen, fitted to all labelled samples of the training
// side, and how it came to be.
type Choice struct {
	Family  string
	Model   Model
	Measure string // what Score is
	Board   []Entry
	OutOf   []float32 // out-of-fold predictions of the chosen family, training rows × outputs
	Rows    []int     // the training rows in d
}

// Choose fits each family that accepts the data on folds by subject, within the
// budget, and takes the simplest that is within one standard error of the best.
// Only the training side of d is looked at; its samples without a label are there
// in every fit, for families that learn from them. A family that the budget leaves no
// time for is skipped, and the board says so; the simpler ones come first, so at
// least the first is tried.
func Choose(ctx context.Context, d *Dataset, families []Family, o Choosing) (*Choice, error) {
	rows := slices.DeleteFunc(d.Labelled(), func(i int) bool { return d.Side != nil && d.Side[i] == TestSide })
	train, err := fittable(d.Take(rows))
	if err != nil {
		return nil, err
	}
	more := unlabelled(d)
	c := &chooser{o: o.filled(), d: train, all: d.Take(slices.Concat(rows, more))}
	c.began = c.now()
	c.key = c.keyOf()
	for k := range more {
		c.more = append(c.more, len(rows)+k)
	}
	if err := c.deal(); err != nil {
		return nil, err
	}
	families = slices.Clone(families)
	slices.SortStableFunc(families, func(a, b Family) int { return a.Rank - b.Rank })
	if err := c.try(ctx, families); err != nil {
		return nil, err
	}
	return c.choose(ctx, families, rows)
}

func (o Choosing) filled() Choosing {
	if o.Folds == 0 {
		o.Folds = 5
	}
	if o.Reps == 0 {
		o.Reps = 1000
	}
	return o
}

// chooser is a choice under way.
type chooser struct {
	o     Choosing
	d     *Dataset // what is labelled
	all   *Dataset // the same, then what is not
	more  []int    // rows of all without a label
	began time.Time
	key   string // of what a kept fold depends on, "" where none is kept
	fold  []int
	group []int
	board []Entry
	preds [][]float32 // by entry
	good  [][]float64 // by entry: the measure, sample by sample
}

// deal makes the folds by subject.
func (c *chooser) deal() error {
	var subjects int
	c.group, subjects = groups(c.d.Subject)
	if subjects < 2 {
		return fmt.Errorf("aiaas: %s: one subject cannot be split", c.d.Name)
	}
	c.fold = learn.KFold(c.d.Subject, min(c.o.Folds, subjects))
	return nil
}

// left is the time that remains; ok is false when it is spent.
func (c *chooser) left() (left time.Duration, ok bool) {
	if c.o.Budget <= 0 || c.o.Now == nil {
		return 0, true
	}
	left = c.o.Budget - c.o.Now().Sub(c.began)
	return left, left > 0
}

// try scores the families in order. Each may use half of what is left for its
// folds; a refit takes its share of the other half.
func (c *chooser) try(ctx context.Context, families []Family) error {
	scored := 0
	for _, f := range families {
		e := Entry{Family: f.Name, Rank: f.Rank}
		var p []float32
		began := c.now()
		left, ok := c.left()
		switch err := f.Accepts(c.d); {
		case len(c.o.Only) > 0 && !slices.Contains(c.o.Only, f.Name):
			e.Skipped = "not asked for"
		case err != nil:
			e.Skipped, e.Unsuited = err.Error(), true
		case !ok && scored > 0:
			e.Skipped = "no time left"
		default:
			if p, err = c.outOfFold(ctx, f, left/2); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				e.Skipped, p = err.Error(), nil
			}
		}
		if p != nil {
			scored++
			e.Took = c.now().Sub(began)
		}
		c.board, c.preds, c.good = append(c.board, e), append(c.preds, p), append(c.good, goodness(c.d, p))
	}
	if scored == 0 {
		return fmt.Errorf("aiaas: %s: no family could be fitted: %w", c.d.Name, c.reasons())
	}
	return nil
}

func (c *chooser) reasons() error {
	var all error
	for _, e := range c.board {
		if e.Skipped != "" {
			all = errors.Join(all, fmt.Errorf("%s: %s", e.Family, e.Skipped))
		}
	}
	return all
}

// outOfFold is what the family says about each sample when fitted without its
// fold. When the time for it is spent before all folds are done, it is an error.
func (c *chooser) outOfFold(ctx context.Context, f Family, budget time.Duration) ([]float32, error) {
	m := c.d.Outputs()
	out := make([]float32, c.d.Len()*m)
	folds := slices.Max(c.fold) + 1
	begin := c.now()
	for k := range folds {
		if budget > 0 && k > 0 && c.now().Sub(begin) > budget {
			return nil, fmt.Errorf("no time left after %d of %d folds", k, folds)
		}
		var train, test []int
		for i, g := range c.fold {
			if g == k {
				test = append(test, i)
			} else {
				train = append(train, i)
			}
		}
		if len(test) == 0 {
			continue
		}
		p, err := c.foldKept(f, k, len(test)*m, func(folder string) ([]float32, error) {
			o := c.fitting(budget/time.Duration(folds), float64(k)/float64(folds+1), 1/float64(folds+1))
			o.Folder = folder
			model, err := f.Fit(ctx, c.all.Take(slices.Concat(train, c.more)), o)
			if err != nil {
				return nil, err
			}
			return model.Predict(ctx, c.d.Take(test))
		})
		if err != nil {
			return nil, err
		}
		if len(p) != len(test)*m {
			return nil, fmt.Errorf("%d predictions for %d samples of %d outputs", len(p), len(test), m)
		}
		for a, i := range test {
			copy(out[i*m:(i+1)*m], p[a*m:(a+1)*m])
		}
	}
	return out, nil
}

func (c *chooser) now() time.Time {
	if c.o.Now == nil {
		return time.Time{}
	}
	return c.o.Now()
}

// fitting is that of one fold, whose progress is a share of the family's.
func (c *chooser) fitting(budget time.Duration, from, share float64) Fitting {
	return Fitting{Seed: c.o.Seed, Threads: c.o.Threads, Budget: budget, Now: c.o.Now, Progress: func(p Progress) {
		if c.o.Progress != nil {
			p.Done = from + share*p.Done
			c.o.Progress(p)
		}
	}}
}

// measureOf is the name of what families are compared by.
func measureOf(d *Dataset) string {
	switch {
	case d.Target != nil:
		return "-mse"
	case d.Multi:
		return "-brier"
	}
	return "-logloss"
}

// goodness is the measure of each sample, higher is better: a proper score, so
// that a family gains nothing by being more certain than it may be.
func goodness(d *Dataset, p []float32) []float64 {
	if p == nil {
		return nil
	}
	v := bySample(d, p)[measureOf(d)[1:]]
	for i := range v {
		v[i] = -v[i]
		if math.IsNaN(v[i]) || math.IsInf(v[i], 0) {
			v[i] = -math.MaxFloat32
		}
	}
	return v
}

// choose fills the board and refits the family taken.
func (c *chooser) choose(ctx context.Context, families []Family, rows []int) (choice *Choice, err error) {
	top := -1
	for k := range c.board {
		if c.good[k] == nil {
			continue
		}
		c.board[k].Score = estimate(c.good[k], c.group, c.o.Reps, c.o.Seed)
		if top < 0 || c.board[k].Score.Value > c.board[top].Score.Value {
			top = k
		}
	}
	taken := -1
	for k := range c.board {
		e := &c.board[k]
		if c.good[k] == nil {
			continue
		}
		diff := learn.Diff(c.good[top], c.good[k], c.group, c.o.Reps, c.o.Seed)
		e.Behind = Estimate{Value: diff.Value, Low: diff.Low, High: diff.High, N: diff.N}
		within := diff.Value <= (diff.High-diff.Low)/(2*1.96) // one standard error of the difference
		if k == top || within && !c.o.Best {
			if taken < 0 {
				taken = k
			}
		}
	}
	c.board[taken].Chosen = true
	left, _ := c.left()
	folds := float64(c.o.Folds)
	last := c.fitting(max(left, 0), folds/(folds+1), 1/(folds+1))
	if last.Folder, err = c.scratch(families[taken], "all"); err != nil {
		return nil, err
	}
	m, err := families[taken].Fit(ctx, c.all, last)
	if err != nil {
		return nil, fmt.Errorf("aiaas: %s: fitting %s again: %w", c.d.Name, families[taken].Name, err)
	}
	return &Choice{Family: families[taken].Name, Model: m, Measure: measureOf(c.d), Board: c.board, OutOf: c.preds[taken], Rows: rows}, nil
}
