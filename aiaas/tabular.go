package aiaas

import (
	"context"
	"errors"
	"fmt"

	"ember/learn"
)

// linearModel is logistic regression or ridge on encoded columns.
type linearModel struct {
	Encoder *Encoder
	Linear  *learn.Linear // of classes
	Ridge   *learn.Ridge  // of a number
	Classes int
	Multi   bool
}

// LinearTable is logistic regression on columns (images and series described by
// numbers), or ridge where a number is
// predicted.
func LinearTable() Family {
	return Family{
		Name: "linear", Rank: 10, Accepts: acceptsTable, Fit: fitLinear,
		Load: func(dir string) (Model, error) { return loadGob[linearModel](dir) },
	}
}

func acceptsTable(d *Dataset) error {
	for k := range d.Columns {
		if d.Columns[k].Kind != FreeText {
			return nil
		}
	}
	return errors.New("no column but texts")
}

func fitLinear(ctx context.Context, d *Dataset, f Fitting) (Model, error) {
	d, err := fittable(d)
	if err != nil {
		return nil, err
	}
	m := &linearModel{Classes: len(d.Classes), Multi: d.Multi}
	if m.Encoder, err = FitEncoder(d); err != nil {
		return nil, err
	}
	rows, err := m.Encoder.Rows(d)
	if err != nil {
		return nil, err
	}
	if d.Target != nil {
		m.Ridge, err = ridgeOf(ctx, d, rows, m.Encoder.Width)
		return m, err
	}
	m.Linear, err = softmaxOf(ctx, d, rows, m.Encoder.Width, f.Threads)
	f.report(Progress{Family: "linear", Done: 1})
	return m, err
}

func labelsOf(d *Dataset) learn.Labels {
	return learn.Labels{Of: d.Labels, Classes: len(d.Classes), Exclusive: !d.Multi}
}

// Predict implements [Model].
func (m *linearModel) Predict(ctx context.Context, d *Dataset) ([]float32, error) {
	rows, err := m.Encoder.Rows(d)
	if err != nil {
		return nil, err
	}
	if m.Ridge != nil {
		out := make([]float32, len(rows))
		for i, r := range rows {
			m.Ridge.Predict(r, out[i:i+1])
		}
		return out, ctx.Err()
	}
	l := learn.Labels{Classes: m.Classes, Exclusive: !m.Multi}
	out := make([]float32, len(rows)*m.Classes)
	score, logits, p := make([]float32, m.Linear.Out), make([]float64, m.Linear.Out), make([]float64, m.Classes)
	for i, r := range rows {
		m.Linear.Predict(r, score)
		for c, s := range score {
			logits[c] = float64(s)
		}
		l.Probabilities(logits, p)
		for c, v := range p {
			out[i*m.Classes+c] = float32(v)
		}
	}
	return out, ctx.Err()
}

// Save implements [Model].
func (m *linearModel) Save(dir string) error { return saveGob(dir, m) }

func (m *linearModel) check() error {
	if m.Encoder == nil || (m.Linear == nil) == (m.Ridge == nil) {
		return errors.New("parts are missing")
	}
	if m.Ridge != nil {
		return m.Encoder.check()
	}
	outputs := learn.Labels{Classes: m.Classes, Exclusive: !m.Multi}.Outputs()
	if m.Linear.In != m.Encoder.Width || m.Linear.Out != outputs {
		return fmt.Errorf("%d classes and %d columns do not fit", m.Classes, m.Encoder.Width)
	}
	return errors.Join(m.Encoder.check(), m.Linear.Check())
}

// treeModel is boosted trees on encoded columns.
type treeModel struct {
	Encoder *Encoder
	Boost   *learn.Boost
	Classes int // 0 where a number is predicted
	Multi   bool
}

// Trees is gradient-boosted trees on columns.
func Trees() Family {
	return Family{
		Name: "trees", Rank: 30, Accepts: acceptsTable, Fit: fitTrees,
		Load: func(dir string) (Model, error) { return loadGob[treeModel](dir) },
	}
}

func fitTrees(ctx context.Context, d *Dataset, f Fitting) (Model, error) {
	d, err := fittable(d)
	if err != nil {
		return nil, err
	}
	m := &treeModel{Classes: len(d.Classes), Multi: d.Multi}
	if m.Encoder, err = FitEncoder(d); err != nil {
		return nil, err
	}
	columns, err := m.Encoder.Columns(d)
	if err != nil {
		return nil, err
	}
	var loss learn.Loss = learn.Squares(d.Target)
	if d.Target == nil {
		loss = labelsOf(d)
	} else {
		m.Classes = 0
	}
	o := learn.Boosting{
		Seed: f.Seed, Threads: f.Threads, Validate: validation(d), Least: max(1, min(20, d.Len()/50)),
		Stop: f.stop(),
	}
	o.Heartbeat = func(round int, loss float64) {
		f.report(Progress{Family: "trees", Done: float64(round+1) / 500, Note: fmt.Sprintf("loss %.4f after %d rounds", loss, round+1)})
	}
	m.Boost, err = learn.FitBoost(ctx, columns, loss, o)
	return m, err
}

// validation marks a sixth of the subjects, by which a fit knows when to stop;
// none where there are few samples.
func validation(d *Dataset) []bool {
	if d.Len() < 60 {
		return nil
	}
	mark, rest := make([]bool, d.Len()), false
	for i, f := range learn.KFold(d.Subject, 6) {
		mark[i] = f == 0
		rest = rest || f != 0
	}
	if !rest {
		return nil
	}
	return mark
}

// Predict implements [Model].
func (m *treeModel) Predict(ctx context.Context, d *Dataset) ([]float32, error) {
	columns, err := m.Encoder.Columns(d)
	if err != nil {
		return nil, err
	}
	k := max(m.Classes, 1)
	l := learn.Labels{Classes: m.Classes, Exclusive: !m.Multi}
	x, score, p := make([]float32, len(columns)), make([]float64, len(m.Boost.Base)), make([]float64, k)
	out := make([]float32, d.Len()*k)
	for i := range d.Len() {
		for f := range columns {
			x[f] = columns[f][i]
		}
		m.Boost.Predict(x, score)
		if m.Classes == 0 {
			out[i] = float32(score[0])
			continue
		}
		l.Probabilities(score, p)
		for c, v := range p {
			out[i*k+c] = float32(v)
		}
	}
	return out, ctx.Err()
}

// Save implements [Model].
func (m *treeModel) Save(dir string) error { return saveGob(dir, m) }

func (m *treeModel) check() error {
	if m.Encoder == nil || m.Boost == nil || m.Boost.Inputs != m.Encoder.Width {
		return errors.New("parts are missing")
	}
	if want := (learn.Labels{Classes: m.Classes, Exclusive: !m.Multi}).Outputs(); m.Classes > 0 && len(m.Boost.Base) != want {
		return fmt.Errorf("%d outputs for %d classes", len(m.Boost.Base), m.Classes)
	}
	return errors.Join(m.Encoder.check(), m.Boost.Check())
}
