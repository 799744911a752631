package aiaas

import (
	"cmp"
	"context"
	"slices"

	"ember/learn"
)

// mostNoise is the number of samples among which wrong labels are looked for.
const mostNoise = 20_000

// noise looks for labels with which a model that has not seen them disagrees
// where it is sure.
func (in *inspection) noise(ctx context.Context) error {
	if in.d.Labels == nil || in.d.Multi || len(in.d.Classes) < 2 {
		return nil
	}
	rows := in.d.Labelled()
	_, subjects := groups(take(in.d.Subject, rows))
	if len(rows) < 60 || subjects < 6 {
		return nil
	}
	if step := (len(rows) + mostNoise - 1) / mostNoise; step > 1 {
		for k := range len(rows) / step {
			rows[k] = rows[k*step]
		}
		rows = rows[:len(rows)/step]
	}
	d := in.d.Take(rows)
	d.Columns = in.unsuspected(d.Columns)
	p, err := in.strangers(ctx, d)
	if err != nil || p == nil {
		return err
	}
	against := certain(d, p)
	if against == nil {
		against = surest(d, p)
	}
	if against != nil {
		in.find(LabelNoise, "", take(rows, against), float64(len(against))/float64(len(rows)), "%d labels look wrong: a model that has not seen them is sure of another class, too often for chance", len(against))
	}
	return nil
}

// certain are the samples whose label the model all but excludes, if they are
// more than twice what its own certainty lets expect (Northcutt et al.,
// "Confident learning", 2021).
func certain(d *Dataset, p []float32) []int {
	m := len(d.Classes)
	var against []int
	expected := 0.
	for i, of := range d.Labels {
		row := p[i*m : (i+1)*m]
		c := best(row)
		if row[c] < .9 {
			continue
		}
		expected += 1 - float64(row[c])
		if c != of[0] && row[of[0]] < .05 {
			against = append(against, i)
		}
	}
	if float64(len(against)) <= 3+2*expected {
		return nil
	}
	return against
}

// surest are the samples among the surest quarter whose label is not what the
// model says, if they are so many that their labels must be wrong. Where classes
// overlap, errors are rare among what a model is sure of; where labels are
// wrong, they are as frequent there as elsewhere. A model that has learnt little
// proves nothing.
func surest(d *Dataset, p []float32) []int {
	m, n := len(d.Classes), d.Len()
	order, count := every(n), make([]int, m)
	sure := func(i int) float32 { return p[i*m+best(p[i*m:(i+1)*m])] }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sure(b), sure(a)) })
	var top []int
	wrong := 0
	for k, i := range order {
		count[d.Labels[i][0]]++
		if best(p[i*m:(i+1)*m]) == d.Labels[i][0] {
			continue
		}
		wrong++
		if k < n/4 {
			top = append(top, i)
		}
	}
	base := float64(n-slices.Max(count)) / float64(n)
	all, high := float64(wrong)/float64(n), float64(len(top))/float64(n/4)
	if len(top) < 4 || high < .02 || high < .5*all || all > base/3 {
		return nil
	}
	return top
}

// unsuspected are the columns that do not leak.
func (in *inspection) unsuspected(columns []Column) []Column {
	var out []Column
	for _, c := range columns {
		if !in.leaky[c.Name] {
			out = append(out, c)
		}
	}
	return out
}

// strangers is what a plain model says of each sample, fitted on other subjects;
// nil where no plain model takes the data.
func (in *inspection) strangers(ctx context.Context, d *Dataset) ([]float32, error) {
	fit := func(ctx context.Context, d *Dataset) (Model, error) { return fitLinear(ctx, d, Fitting{}) }
	switch {
	case d.Task == Text && acceptsText(d) == nil:
		fit = func(ctx context.Context, d *Dataset) (Model, error) {
			return fitText(ctx, d, Fitting{}, Grams{Words: 1, Most: 20_000}, "noise")
		}
	case acceptsTable(d) != nil:
		return nil, nil
	}
	m := len(d.Classes)
	out := make([]float32, d.Len()*m)
	fold := learn.KFold(d.Subject, 4)
	for k := range 4 {
		var train, test []int
		for i, f := range fold {
			if f == k {
				test = append(test, i)
			} else {
				train = append(train, i)
			}
		}
		if len(test) == 0 || len(train) < 2 {
			continue
		}
		model, err := fit(ctx, d.Take(train))
		if err != nil {
			return nil, ctx.Err() // nothing to learn from is no reason for no report
		}
		p, err := model.Predict(ctx, d.Take(test))
		if err != nil {
			return nil, err
		}
		for a, i := range test {
			copy(out[i*m:(i+1)*m], p[a*m:(a+1)*m])
		}
	}
	return out, nil
}
