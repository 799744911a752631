package aiaas

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"ember/learn"
)

// Measuring says how to evaluate. The zero value means 1,000 resamples and no
// subgroups.
type Measuring struct {
	Reps   int
	Seed   uint64
	Groups []string // category columns whose values are subgroups, ignored or not
}

// Result is what a model measured on samples it was not fitted on.
type Result struct {
	Samples   int                 `json:"samples"`
	Subjects  int                 `json:"subjects"`
	Classes   []string            `json:"classes,omitempty"`
	Measures  map[string]Estimate `json:"measures"`            // by name; what cannot be measured is not there
	Confusion [][]int             `json:"confusion,omitempty"` // truth × decision; none for several classes at once
	ByClass   []ClassResult       `json:"byClass,omitempty"`
	Bins      []Bin               `json:"bins,omitempty"` // reliability
	Curves    []Curve             `json:"curves,omitempty"`
	Subgroups []Subgroup          `json:"subgroups,omitempty"`
}

// ClassResult is what was measured of one class. AUROC and PRAUC are absent where
// the samples are all of the class or none is.
type ClassResult struct {
	Class     string   `json:"class"`
	Samples   int      `json:"samples"`
	Precision float64  `json:"precision"`
	Recall    float64  `json:"recall"`
	AUROC     *float64 `json:"auroc,omitempty"`
	PRAUC     *float64 `json:"prauc,omitempty"`
}

// Bin is one bar of a reliability diagram: of N decisions with a confidence from
// Low to High, the mean confidence and the share that was right.
type Bin struct {
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Confidence float64 `json:"confidence"`
	Right      float64 `json:"right"`
	N          int     `json:"n"`
}

// Subgroup is the measures of the samples that share a value of a column.
type Subgroup struct {
	Column   string              `json:"column"`
	Value    string              `json:"value"`
	Samples  int                 `json:"samples"`
	Measures map[string]Estimate `json:"measures"`
}

// Evaluate has the model predict the labelled samples of d and measures it.
func Evaluate(ctx context.Context, d *Dataset, m Model, o Measuring) (*Result, error) {
	d, err := evaluable(d)
	if err != nil {
		return nil, err
	}
	p, err := m.Predict(ctx, d)
	if err != nil {
		return nil, err
	}
	return Measure(ctx, d, p, o)
}

func evaluable(d *Dataset) (*Dataset, error) {
	rows := d.Labelled()
	if len(rows) == 0 {
		return nil, fmt.Errorf("aiaas: %s: no labelled sample to measure on", d.Name)
	}
	if len(rows) == d.Len() {
		return d, nil
	}
	return d.Take(rows), nil
}

// Measure measures predictions of all samples of d, all of which are labelled,
// as samples × outputs.
func Measure(ctx context.Context, d *Dataset, p []float32, o Measuring) (*Result, error) {
	if len(p) != d.Len()*d.Outputs() || d.Len() == 0 {
		return nil, fmt.Errorf("aiaas: %s: %d predictions for %d samples of %d outputs", d.Name, len(p), d.Len(), d.Outputs())
	}
	if len(d.Labelled()) != d.Len() {
		return nil, fmt.Errorf("aiaas: %s: samples without a label cannot be measured", d.Name)
	}
	if slices.ContainsFunc(p, func(v float32) bool { return v != v }) {
		return nil, fmt.Errorf("aiaas: %s: a prediction is not a number", d.Name)
	}
	if o.Reps == 0 {
		o.Reps = 1000
	}
	group, subjects := groups(d.Subject)
	r := &Result{Samples: d.Len(), Subjects: subjects, Classes: d.Classes}
	var err error
	if r.Measures, err = measures(ctx, d, p, group, o); err != nil {
		return nil, err
	}
	if d.Target == nil {
		r.byClass(d, p)
		r.Bins = reliability(d, p)
		r.Curves = thresholds(d, p)
	}
	return r, r.subgroups(ctx, d, p, o)
}

// groups numbers subjects in order of appearance.
func groups(subject []string) (group []int, n int) {
	at := make(map[string]int)
	group = make([]int, len(subject))
	for i, s := range subject {
		k, ok := at[s]
		if !ok {
			k = len(at)
			at[s] = k
		}
		group[i] = k
	}
	return group, len(at)
}

// measures are all measures with intervals. Those that are means over samples
// are resampled as sums; areas and F1 are computed anew on each resample, fewer
// of them where there are many samples or classes.
func measures(ctx context.Context, d *Dataset, p []float32, group []int, o Measuring) (map[string]Estimate, error) {
	out := make(map[string]Estimate)
	for name, v := range bySample(d, p) {
		out[name] = estimate(v, group, o.Reps, o.Seed)
	}
	if d.Target != nil {
		return out, nil
	}
	reps := min(o.Reps, max(20, 20_000_000/len(p)))
	members := make([][]int, slices.Max(group)+1)
	for i, g := range group {
		members[g] = append(members[g], i)
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x61726561))
	truth := has(d.Labels, len(d.Classes))
	drawn := make(map[string][]float64)
	for range reps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var rows []int
		for range members {
			rows = append(rows, members[rng.IntN(len(members))]...)
		}
		rp, rt := gather(p, truth, rows, len(d.Classes))
		for name, v := range areas(rp, rt, len(d.Classes), d.Multi) {
			drawn[name] = append(drawn[name], v)
		}
	}
	for name, v := range areas(p, truth, len(d.Classes), d.Multi) {
		e := Estimate{Value: v, Low: v, High: v, N: d.Len()}
		e.Low, e.High = interval(drawn[name], v)
		out[name] = e
	}
	return out, nil
}

// interval is that of the resampled values, by their percentiles, or by their
// spread where they are few.
func interval(drawn []float64, v float64) (low, high float64) {
	n := float64(len(drawn))
	if n >= 200 {
		slices.Sort(drawn)
		return drawn[int(.025*(n-1)+.5)], drawn[int(.975*(n-1)+.5)]
	}
	var mean, square float64
	for _, x := range drawn {
		mean += x / n
	}
	for _, x := range drawn {
		square += (x - mean) * (x - mean) / max(n-1, 1)
	}
	half := 1.96 * math.Sqrt(square)
	return max(v-half, 0), min(v+half, 1)
}

func gather(p []float32, truth []bool, rows []int, m int) ([]float32, []bool) {
	rp, rt := make([]float32, 0, len(rows)*m), make([]bool, 0, len(rows)*m)
	for _, i := range rows {
		rp, rt = append(rp, p[i*m:(i+1)*m]...), append(rt, truth[i*m:(i+1)*m]...)
	}
	return rp, rt
}

// areas are the measures that need all samples at once.
func areas(p []float32, truth []bool, m int, multi bool) map[string]float64 {
	out := make(map[string]float64)
	out["f1.macro"], out["f1.micro"] = f1(decide(p, m, multi), truth, m)
	for name, measure := range map[string]func([]float32, []bool) (float64, bool){"auroc": learn.AUROC, "prauc": prauc} {
		if v := macro(p, truth, m, measure); !math.IsNaN(v) {
			out[name+".macro"] = v
		}
		if v, ok := measure(p, truth); ok {
			out[name+".micro"] = v
		}
		if m == 2 && !multi {
			if v, ok := measure(column(p, 2, 1), column(truth, 2, 1)); ok {
				out[name] = v
			}
		}
	}
	out["ece"] = confidenceError(p, truth, m, multi)
	return out
}

// bySample are the measures that are means over samples, sample by sample.
func bySample(d *Dataset, p []float32) map[string][]float64 {
	n, m := d.Len(), d.Outputs()
	if d.Target != nil {
		squares, absolutes := make([]float64, n), make([]float64, n)
		for i, t := range d.Target {
			e := float64(p[i]) - t
			squares[i], absolutes[i] = e*e, math.Abs(e)
		}
		return map[string][]float64{"mse": squares, "mae": absolutes}
	}
	right, brier, surprise := make([]float64, n), make([]float64, n), make([]float64, n)
	truth, decided := has(d.Labels, m), decide(p, m, d.Multi)
	for i := range n {
		right[i] = 1
		for c := range m {
			k := i*m + c
			q := float64(p[k])
			t := 0.
			if truth[k] {
				t = 1
			}
			brier[i] += (q - t) * (q - t)
			if decided[k] != truth[k] {
				right[i] = 0
			}
			switch {
			case truth[k]:
				surprise[i] -= math.Log(max(q, 1e-9))
			case d.Multi:
				surprise[i] -= math.Log(max(1-q, 1e-9))
			}
		}
	}
	return map[string][]float64{"accuracy": right, "brier": brier, "logloss": surprise}
}

func (r *Result) byClass(d *Dataset, p []float32) {
	m := len(d.Classes)
	truth, decided := has(d.Labels, m), decide(p, m, d.Multi)
	for c, name := range d.Classes {
		one := ClassResult{Class: name}
		said, hit := 0, 0
		for i := c; i < len(truth); i += m {
			if truth[i] {
				one.Samples++
			}
			if decided[i] {
				said++
			}
			if truth[i] && decided[i] {
				hit++
			}
		}
		one.Precision, one.Recall = float64(hit)/float64(max(said, 1)), float64(hit)/float64(max(one.Samples, 1))
		if v, ok := learn.AUROC(column(p, m, c), column(truth, m, c)); ok {
			one.AUROC = &v
		}
		if v, ok := prauc(column(p, m, c), column(truth, m, c)); ok {
			one.PRAUC = &v
		}
		r.ByClass = append(r.ByClass, one)
	}
	if d.Multi {
		return
	}
	r.Confusion = make([][]int, m)
	for c := range r.Confusion {
		r.Confusion[c] = make([]int, m)
	}
	for i, of := range d.Labels {
		r.Confusion[of[0]][best(p[i*m:(i+1)*m])]++
	}
}

func (r *Result) subgroups(ctx context.Context, d *Dataset, p []float32, o Measuring) error {
	m := d.Outputs()
	for _, name := range o.Groups {
		c := d.Column(name)
		if c == nil || c.Kind != Category {
			return fmt.Errorf("aiaas: %s: no category column %q to make subgroups of", d.Name, name)
		}
		rows := make(map[string][]int)
		for i, v := range c.Text {
			if c.Absent(i) {
				v = ""
			}
			rows[v] = append(rows[v], i)
		}
		for _, value := range sortedKeys(rows) {
			part := d.Take(rows[value])
			pp := make([]float32, 0, len(rows[value])*m)
			for _, i := range rows[value] {
				pp = append(pp, p[i*m:(i+1)*m]...)
			}
			group, _ := groups(part.Subject)
			measured, err := measures(ctx, part, pp, group, o)
			if err != nil {
				return err
			}
			r.Subgroups = append(r.Subgroups, Subgroup{Column: name, Value: value, Samples: part.Len(), Measures: measured})
		}
	}
	return nil
}
