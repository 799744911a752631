package aiaas

import (
	"context"
	"math"
	"slices"
)

// columns looks at each column by itself.
func (in *inspection) columns(context.Context) error {
	for k := range in.d.Columns {
		c := &in.d.Columns[k]
		report := ColumnReport{Name: c.Name, Kind: c.Kind.String()}
		var missing []int
		for i := range in.Samples {
			if c.Absent(i) {
				missing = append(missing, i)
			}
		}
		report.Missing = len(missing)
		if len(missing)*100 >= in.Samples {
			in.find(MissingValues, c.Name, missing, 0, "column %q has no value in %d of %d samples", c.Name, len(missing), in.Samples)
		}
		switch c.Kind {
		case Number, Date:
			in.numbers(c, &report)
		case Category, FreeText:
			in.texts(c, &report)
		case Picture:
			in.pictures(c)
		case Waveforms:
			in.series(c)
		}
		in.Columns = append(in.Columns, report)
	}
	return nil
}

func (in *inspection) numbers(c *Column, report *ColumnReport) {
	var values []float64
	var strange []int
	for i := range c.Number {
		if v, ok := known(c, i); ok {
			values = append(values, v)
		} else if !c.Absent(i) {
			strange = append(strange, i)
		}
	}
	if len(strange) > 0 {
		in.find(NonFinite, c.Name, strange, 0, "column %q has %d values that are infinite or not a number", c.Name, len(strange))
	}
	if len(values) == 0 {
		return
	}
	slices.Sort(values)
	distinct := slices.Compact(slices.Clone(values))
	report.Distinct, report.Low, report.High = len(distinct), values[0], values[len(values)-1]
	if len(distinct) == 1 && len(values) > 1 {
		in.find(ConstantColumn, c.Name, nil, 0, "column %q has one value only", c.Name)
	}
	if c.Kind != Number {
		return
	}
	if at, ratio, ok := scaleGap(values); ok {
		in.find(MixedScales, c.Name, in.above(c, at), ratio, "column %q has values on two scales, about %.3g apart: are there two units?", c.Name, ratio)
	}
}

// above are the samples whose value is larger than at.
func (in *inspection) above(c *Column, at float64) []int {
	var rows []int
	for i := range c.Number {
		if v, ok := known(c, i); ok && v > at {
			rows = append(rows, i)
		}
	}
	return rows
}

// scaleGap looks for two heaps of positive values, each of many values and at
// least a fiftieth of all, with a gap between them that is far wider than any
// gap within. It gives the top of the lower heap and how far the heaps'
// middles are apart.
func scaleGap(sorted []float64) (at, ratio float64, ok bool) {
	first, _ := slices.BinarySearch(sorted, math.SmallestNonzeroFloat64)
	v := sorted[first:]
	edge := max(10, len(v)/50)
	if len(v) < 4*edge || first > len(sorted)/10 {
		return 0, 0, false
	}
	wide, second, k := 0., 0., 0
	for i := edge; i+edge <= len(v); i++ {
		switch g := math.Log(v[i] / v[i-1]); {
		case g > wide:
			wide, second, k = g, wide, i
		case g > second:
			second = g
		}
	}
	rich := func(part []float64) bool { return len(slices.Compact(slices.Clone(part))) >= 8 }
	if wide < math.Log(1.5) || wide < 4*second || !rich(v[:k]) || !rich(v[k:]) {
		return 0, 0, false
	}
	return v[k-1], v[k+(len(v)-k)/2] / v[k/2], true
}

func (in *inspection) texts(c *Column, report *ColumnReport) {
	seen := make(map[string]bool)
	there := 0
	for i, s := range c.Text {
		if !c.Absent(i) {
			there++
			seen[s] = true
		}
	}
	report.Distinct = len(seen)
	if len(seen) == 1 && there > 1 {
		in.find(ConstantColumn, c.Name, nil, 0, "column %q has one value only", c.Name)
	}
}

func (in *inspection) pictures(c *Column) {
	var flat []int
	for i, m := range c.Image {
		if c.Absent(i) || len(m.Pixels) == 0 {
			continue
		}
		if slices.Min(m.Pixels) == slices.Max(m.Pixels) {
			flat = append(flat, i)
		}
	}
	if len(flat) > 0 {
		in.find(FlatImages, c.Name, flat, 0, "%d images of column %q are of one brightness", len(flat), c.Name)
	}
}

func (in *inspection) series(c *Column) {
	var flat, other []int
	rate, channels, first := 0., 0, true
	for i, s := range c.Series {
		if c.Absent(i) {
			continue
		}
		if first {
			rate, channels, first = s.Rate, len(s.Channels), false
		}
		if s.Rate != rate || len(s.Channels) != channels {
			other = append(other, i)
		}
		if !slices.ContainsFunc(s.Channels, moves) {
			flat = append(flat, i)
		}
	}
	if len(flat) > 0 {
		in.find(FlatSeries, c.Name, flat, 0, "%d series of column %q stand still or are mostly gaps", len(flat), c.Name)
	}
	if len(other) > 0 {
		in.find(MixedRates, c.Name, other, 0, "%d series of column %q have another rate or number of channels than the first", len(other), c.Name)
	}
}

// moves reports a channel with two different values and fewer gaps than values.
func moves(ch []float32) bool {
	low, high, n := math.Inf(1), math.Inf(-1), 0
	for _, v := range ch {
		if v == v {
			low, high, n = min(low, float64(v)), max(high, float64(v)), n+1
		}
	}
	return high > low && 2*n > len(ch)
}

// classes counts them.
func (in *inspection) classes(context.Context) error {
	labelled := in.d.Labelled()
	if in.d.Labels == nil && in.d.Target == nil {
		return nil
	}
	if missing := in.Samples - len(labelled); missing > 0 {
		in.find(Unlabelled, "", in.unlabelled(), 0, "%d samples have no label", missing)
	}
	if in.Subjects < 20 {
		in.find(FewSubjects, "", nil, 0, "%d subjects are too few to measure a model on", in.Subjects)
	}
	if in.d.Labels == nil {
		return nil
	}
	rows := make([][]int, len(in.d.Classes))
	for _, i := range labelled {
		for _, c := range in.d.Labels[i] {
			rows[c] = append(rows[c], i)
		}
	}
	for c, name := range in.d.Classes {
		_, subjects := groups(take(in.d.Subject, rows[c]))
		in.Classes = append(in.Classes, Count{name, len(rows[c]), subjects})
		switch {
		case in.trained(rows[c]) == 0:
			in.find(EmptyClass, "", rows[c], 0, "class %q has no sample to learn it from", name)
		case subjects < 5:
			in.find(TinyClass, "", rows[c], 0, "class %q has %d samples of %d subjects", name, len(rows[c]), subjects)
		case !in.d.Multi && len(rows[c])*20 > 19*len(labelled):
			in.find(Unbalanced, "", nil, float64(len(rows[c]))/float64(len(labelled)), "class %q is %.1f %% of all samples", name, 100*float64(len(rows[c]))/float64(len(labelled)))
		}
	}
	return nil
}

// trained is how many of the samples may be trained on.
func (in *inspection) trained(rows []int) int {
	if in.d.Side == nil {
		return len(rows)
	}
	n := 0
	for _, i := range rows {
		if in.d.Side[i] != TestSide {
			n++
		}
	}
	return n
}

func (in *inspection) unlabelled() []int {
	var rows []int
	for i := range in.Samples {
		if in.d.Labels != nil && in.d.Labels[i] == nil || in.d.Target != nil && math.IsNaN(in.d.Target[i]) {
			rows = append(rows, i)
		}
	}
	return rows
}
