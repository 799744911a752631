package aiaas

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// fittable is the labelled samples of a dataset, and a refusal where there is
// nothing to learn.
func fittable(d *Dataset) (*Dataset, error) {
	rows := d.Labelled()
	switch {
	case len(rows) < 2:
		return nil, fmt.Errorf("aiaas: %s: %d labelled samples", d.Name, len(rows))
	case d.Target == nil && len(d.Classes) < 2 && !d.Multi:
		return nil, fmt.Errorf("aiaas: %s: %d classes", d.Name, len(d.Classes))
	case len(rows) == d.Len():
		return d, nil
	}
	return d.Take(rows), nil
}

// unlabelled are the samples without a label that are not of the test side.
func unlabelled(d *Dataset) []int {
	var rows []int
	for i, of := range d.Labels {
		if of == nil && (d.Side == nil || d.Side[i] != TestSide) {
			rows = append(rows, i)
		}
	}
	return rows
}

func every(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// needs refuses a dataset without the columns that a model was fitted on.
func needs(d *Dataset, kind Kind, names []string) error {
	for _, name := range names {
		c := d.Column(name)
		if c == nil {
			return fmt.Errorf("aiaas: %s: no column %q, on which the model was fitted", d.Name, name)
		}
		if c.Kind != kind {
			return fmt.Errorf("aiaas: %s: column %q is of kind %s, the model was fitted on %s", d.Name, name, c.Kind, kind)
		}
	}
	return nil
}

// counted reports a fit's progress from several threads, as shares that add up
// to turns.
func counted(f Fitting, family string, share *float64, turns float64) func(float64) {
	var mu sync.Mutex
	return func(more float64) {
		mu.Lock()
		defer mu.Unlock()
		*share += more / turns
		f.report(Progress{Family: family, Done: min(*share, 1)})
	}
}

const modelFile = "model.gob"

// saveGob writes a model as one file of a folder.
func saveGob(dir string, m any) (err error) {
	f, err := os.Create(filepath.Join(dir, modelFile))
	if err != nil {
		return fmt.Errorf("aiaas: saving a model: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	if err := gob.NewEncoder(w).Encode(m); err != nil {
		return fmt.Errorf("aiaas: saving a model: %w", err)
	}
	return w.Flush()
}

// loadGob reads what saveGob wrote, and refuses what does not fit together.
func loadGob[M any, P interface {
	*M
	Model
	check() error
}](dir string) (Model, error) {
	f, err := os.Open(filepath.Join(dir, modelFile))
	if err != nil {
		return nil, fmt.Errorf("aiaas: loading a model: %w", err)
	}
	defer f.Close()
	m := P(new(M))
	if err := gob.NewDecoder(bufio.NewReader(f)).Decode(m); err != nil {
		return nil, fmt.Errorf("aiaas: loading a model: %w", err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("aiaas: loading a model: %w", err)
	}
	return m, nil
}
