package aiaas

import (
	"context"
	"fmt"
	"io"
	"slices"
)

// version is the loaded version of a model; "" is the one that serves.
func (s *Service) version(name, version string) (*loaded, error) {
	if err := checkName("model", name); err != nil {
		return nil, err
	}
	serves := version == ""
	if serves {
		version = s.open.servedOf(name)
	}
	if version == "" {
		m, err := s.manifest(name, "")
		if err != nil {
			return nil, err
		}
		version = m.Version
	}
	l, err := s.open.get(name, version)
	if err == nil && serves {
		s.open.serves(name, version)
	}
	return l, err
}

// Predict says what a version makes of samples. Calls at the same time are
// answered together.
func (s *Service) Predict(ctx context.Context, name, version string, d *Dataset) (Prediction, error) {
	l, err := s.version(name, version)
	if err != nil {
		return Prediction{}, err
	}
	values, err := s.ask(ctx, l, version == "", d)
	if err != nil {
		return Prediction{}, err
	}
	out := Prediction{Model: l.about, Outputs: len(values) / d.Len(), Values: values}
	out.Model.Serves = version == "" || s.open.servedOf(name) == l.about.Version
	if len(l.about.Classes) > 0 {
		for i := range d.Len() {
			out.Labels = append(out.Labels, l.about.labels(values[i*out.Outputs:(i+1)*out.Outputs]))
		}
	}
	return out, nil
}

// ask has a version answer, and its shadow after it.
func (s *Service) ask(ctx context.Context, l *loaded, serves bool, d *Dataset) ([]float32, error) {
	if d.Len() == 0 {
		return nil, fmt.Errorf("aiaas: %s: no sample: %w", d.Name, ErrInvalid)
	}
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrInvalid)
	}
	values, err := l.predict(ctx, d)
	if err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", err, ErrInvalid)
		}
		return nil, err
	}
	if serves {
		s.cast(ctx, l.about.Name, d, values)
	}
	return values, nil
}

// labels are the classes that probabilities of one sample say.
func (v *Serving) labels(p []float32) []string {
	names := []string{}
	for c, is := range decide(p, len(p), v.Multi) {
		if is {
			names = append(names, v.Classes[c])
		}
	}
	return names
}

// Explain says why a version gives a sample the probability it gives of a class;
// "" is the likeliest.
func (s *Service) Explain(ctx context.Context, name, version string, d *Dataset, row int, class string) (Explanation, error) {
	l, err := s.version(name, version)
	if err != nil {
		return Explanation{}, err
	}
	if row < 0 || row >= d.Len() {
		return Explanation{}, fmt.Errorf("aiaas: sample %d of %d: %w", row, d.Len(), ErrInvalid)
	}
	at := 0
	if classes := l.about.Classes; len(classes) > 0 {
		at = slices.Index(classes, class)
		if class == "" {
			p, err := l.predict(ctx, d.Take([]int{row}))
			if err != nil {
				return Explanation{}, err
			}
			at = best(p)
		}
		if at < 0 {
			return Explanation{}, fmt.Errorf("aiaas: model %s has no such class: %w", name, ErrInvalid)
		}
	}
	d = d.Take([]int{row})
	d.Classes, d.Multi = l.about.Classes, l.about.Multi
	return Explain(ctx, l.model, d, 0, at)
}

// ReadInput reads samples for a version from one file, told apart by its name.
func (s *Service) ReadInput(ctx context.Context, name, version, file string, body io.Reader) (*Dataset, error) {
	l, err := s.version(name, version)
	if err != nil {
		return nil, err
	}
	content, err := readAll(file, body, Limits{}.filled().Bytes)
	if err != nil {
		return nil, err
	}
	schema := Schema{Kinds: map[string]string{}}
	if schema.Task, err = ParseTask(l.about.Task); err != nil {
		return nil, err
	}
	for _, in := range l.about.Inputs {
		schema.Inputs = append(schema.Inputs, in.Name)
		schema.Kinds[in.Name] = in.Kind
	}
	d, err := ReadFiles(ctx, file, []Named{{Name: file, Content: content}}, schema, Limits{})
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", err, ErrInvalid)
	}
	if missing := l.about.missing(d); missing != "" {
		return nil, fmt.Errorf("aiaas: %s: the model wants a column %q, which is not there: %w", file, missing, ErrInvalid)
	}
	return d, nil
}

// missing is the first input that d lacks. One input alone may have any name.
func (v *Serving) missing(d *Dataset) string {
	if len(v.Inputs) == 1 && len(d.Columns) == 1 && d.Columns[0].Kind.String() == v.Inputs[0].Kind {
		d.Columns[0].Name = v.Inputs[0].Name
	}
	for _, in := range v.Inputs {
		if d.Column(in.Name) == nil {
			return in.Name
		}
	}
	return ""
}
