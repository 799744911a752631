package ember

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"ember/aiaas"
	"ember/cohort"
	"ember/cohort/features"
	"ember/fhir"
	"ember/ingest"
	"ember/record"
	"ember/server"
)

// cohortModels makes data sets of cohorts, and answers for cohorts by models.
type cohortModels struct{ *App }

// The columns of a data set of a cohort that are no features.
const (
	subjectColumn = "subject"
	outcomeColumn = "outcome"
)

// point is what a model is shown of a moment.
type point struct {
	row features.Row
	sex string

	// What a view says, where the model is of one: its columns and their cells.
	names []string
	cells map[string]string
}

func pointOf(p record.Past) point { return point{row: features.Of(p), sex: p.Person().Sex.String()} }

func (p point) cell(column string) string {
	if p.names != nil {
		return p.cells[column]
	}
	if column == features.SexColumn {
		return p.sex
	}
	return p.row.Cell(column)
}

// subjectOf stands for a patient in data sets.
func (a *App) subjectOf(patient string) string {
	return hex.EncodeToString(a.store.HMAC([]byte("sample of " + patient))[:12])
}

// Draw implements server.CohortModels.
func (c cohortModels) Draw(ctx context.Context, name string, s cohort.Sampling, now time.Time) (server.DrawnDataset, error) {
	var out server.DrawnDataset
	if err := c.ingest.Wait(ctx); err != nil { // of everything that was acknowledged
		return out, fmt.Errorf("ember: %w", err)
	}
	show, failed, err := c.shower(s)
	if err != nil {
		return out, err
	}
	samples, drawn, err := cohort.Draw(ctx, c.cohorts.Engine(), s, now, show)
	out.Drawn = drawn
	if err = cmp.Or(err, failed()); err != nil {
		return out, err
	}
	if len(samples) == 0 {
		return out, fmt.Errorf("ember: no moment is left of %d: %d outside the cohort, %d over, %d censored, %d without a value: %w",
			drawn.Moments, drawn.Outside, drawn.Over, drawn.Censored, drawn.NoValue, aiaas.ErrInvalid)
	}
	origin, err := json.Marshal(s)
	if err != nil {
		return out, fmt.Errorf("ember: %w", err)
	}
	names, kinds := columns(samples)
	schema := aiaas.Schema{Task: aiaas.TimelineRisk, Label: outcomeColumn, Subject: subjectColumn, Kinds: kinds}
	if s.View != nil {
		schema.Task = aiaas.Tabular
	}
	if s.Next != nil {
		schema.Number = true
		if s.View == nil {
			schema.Task = aiaas.Forecast
		}
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(c.write(w, samples, names, s.Next != nil)) }()
	given := false
	out.Info, out.Report, err = c.service.PutDrawn(ctx, name, schema, origin, func() (aiaas.File, error) {
		if given {
			return aiaas.File{}, io.EOF
		}
		given = true
		return aiaas.File{Name: name + ".csv", Body: r}, nil
	})
	_ = r.Close() // the writer ends, also where the file was refused
	return out, err
}

// write is the samples as a table.
func (c cohortModels) write(w io.Writer, samples []cohort.Sample[point], columns []string, number bool) error {
	table := csv.NewWriter(w)
	line := append([]string{subjectColumn, outcomeColumn}, columns...)
	if err := table.Write(line); err != nil {
		return err
	}
	for _, s := range samples {
		line[0], line[1] = c.subjectOf(s.Patient), map[bool]string{true: server.Yes, false: "no"}[s.Outcome]
		if number {
			line[1] = strconv.FormatFloat(s.Value, 'g', -1, 64)
		}
		for k, name := range columns {
			line[2+k] = s.Row.cell(name)
		}
		if err := table.Write(line); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}

// dataset is the samples as a version wants them.
func dataset(v aiaas.Serving, samples []cohort.Sample[point]) (*aiaas.Dataset, error) {
	task, err := aiaas.ParseTask(v.Task)
	if err != nil {
		return nil, err
	}
	d := &aiaas.Dataset{Name: "cohort", Task: task}
	for i := range samples {
		d.Subject = append(d.Subject, strconv.Itoa(i))
		d.Places = append(d.Places, aiaas.Place{File: "cohort", Line: i + 1})
	}
	for _, in := range v.Inputs {
		col, err := columnOf(in.Name, in.Kind == aiaas.Category.String(), len(samples), func(i int) string { return samples[i].Row.cell(in.Name) })
		if err != nil {
			return nil, err
		}
		d.Columns = append(d.Columns, col)
	}
	return d, d.Check()
}

// columnOf is a column of a table of moments from its cells; words says that they are
// of a small set.
func columnOf(name string, words bool, n int, cell func(i int) string) (aiaas.Column, error) {
	col := aiaas.Column{Name: name, Kind: aiaas.Number, Missing: make([]bool, n)}
	if words || name == features.SexColumn {
		col.Kind = aiaas.Category
	}
	for i := range n {
		text := cell(i)
		col.Missing[i] = text == ""
		if col.Kind == aiaas.Category {
			col.Text = append(col.Text, text)
			continue
		}
		v, err := number(text)
		if err != nil {
			return col, fmt.Errorf("ember: column %q: %w", name, err)
		}
		col.Number = append(col.Number, v)
	}
	return col, nil
}

// Predict implements server.CohortModels.
func (c cohortModels) Predict(ctx context.Context, model string, q cohort.Question, write bool) (server.CohortPrediction, error) {
	var out server.CohortPrediction
	v, err := c.service.Version(model, "")
	if err != nil {
		return out, err
	}
	if v.Origin == nil {
		return out, fmt.Errorf("ember: model %s was not made of a cohort: %w", model, aiaas.ErrInvalid)
	}
	s, err := cohort.DecodeSampling(v.Origin)
	if err != nil {
		return out, err
	}
	since := c.store.Head()
	if err := c.ingest.Wait(ctx); err != nil {
		return out, fmt.Errorf("ember: %w", err)
	}
	of, err := c.cohorts.Match(ctx, q)
	if err != nil {
		return out, err
	}
	show, failed, err := c.shower(s)
	if err != nil {
		return out, err
	}
	samples, asked, err := cohort.Ask(ctx, c.cohorts.Engine(), s, of, q.Now, show)
	out = server.CohortPrediction{Model: v, Outcome: s.Outcome(), Asked: asked}
	if err = cmp.Or(err, failed()); err != nil || len(samples) == 0 {
		return out, err
	}
	d, err := dataset(v, samples)
	if err != nil {
		return out, err
	}
	p, err := c.service.Predict(ctx, model, v.Version, d)
	if err != nil {
		return out, err
	}
	for i, one := range samples {
		out.Patients = append(out.Patients, c.foretold(v, s, one, p.Values[i*p.Outputs:(i+1)*p.Outputs]))
	}
	if write {
		err = c.author(ctx, v, s, out.Patients, since)
	}
	return out, err
}

// foretold is what a version says of one sample.
func (c cohortModels) foretold(v aiaas.Serving, s cohort.Sampling, one cohort.Sample[point], values []float32) server.Foretold {
	f := server.Foretold{Patient: one.Patient, At: one.At, Value: float64(values[0])}
	for k, class := range v.Classes {
		if class == server.Yes {
			f.Value = float64(values[k])
		}
	}
	if s.Next != nil && v.Interval != nil {
		low, high := f.Value-v.Interval.Below, f.Value+v.Interval.Above
		f.Low, f.High = &low, &high
	}
	return f
}

// author writes risks back as resources, and keeps them as scores that cohorts may ask
// for. Asking again of the same moment writes the same resource. Who was erased after a
// change of the log, as all was being computed, gets none.
func (c cohortModels) author(ctx context.Context, v aiaas.Serving, s cohort.Sampling, all []server.Foretold, since uint64) error {
	if s.Next != nil {
		return fmt.Errorf("ember: a forecast is no risk; it is not written: %w", aiaas.ErrInvalid)
	}
	measured := ""
	if m, ok := v.Measures["auroc"]; ok {
		measured = fmt.Sprintf("AUROC %.3f [%.3f, %.3f] on %d samples that it had not learned from", m.Value, m.Low, m.High, m.N)
	}
	c.erasing.RLock()
	defer c.erasing.RUnlock()
	var body bytes.Buffer
	for i := range all {
		f := &all[i]
		at, erased, err := c.store.ErasedAt(c.store.Tombstone(f.Patient))
		if err != nil {
			return err
		}
		if erased && at > since {
			continue
		}
		id := hex.EncodeToString(c.store.HMAC([]byte("risk " + v.Name + "/" + v.Version + " " + f.Patient + " " + f.At.UTC().Format(time.RFC3339Nano)))[:16])
		raw, err := fhir.RiskAssessment(fhir.Risk{ID: id, Patient: f.Patient, Model: v.Name, Version: v.Version, At: f.At, Until: s.Ends(f.At),
			Outcome: s.Outcome(), Probability: f.Value, Measured: measured})
		if err != nil {
			return err
		}
		body.Write(append(raw, '\n'))
		f.Resource = "RiskAssessment/" + id
	}
	var refused error
	_, err := c.ingest.Load(ctx, &body, "risks.ndjson", func(o ingest.Outcome) {
		if o.Status >= 400 && refused == nil {
			refused = fmt.Errorf("ember: writing a risk: %s: status %d", o.Path, o.Status)
		}
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return err
	}
	written := slices.DeleteFunc(slices.Clone(all), func(f server.Foretold) bool { return f.Resource == "" })
	return c.scores.put(v, s.Outcome(), written)
}
