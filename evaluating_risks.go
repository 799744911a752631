package ember

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"ember/aiaas"
	"ember/cohort/features"
	"ember/recommender/eval"
	"ember/server"
)

// riskFamilies are those that evaluation lets a model of risks be chosen from: what a
// site would get without networks, which many folds have no time for.
var riskFamilies = []string{"prior", "linear", "trees"}

// risks fits the model that a data set of the same moments would be made into (see
// cohortModels.Draw), and asks it of others.
func (c *child) risks(ctx context.Context, fitted []eval.Moment, happened []bool, judged []eval.Moment) ([]float64, error) {
	rows := make([]features.Row, len(fitted))
	for i := range fitted {
		rows[i] = fitted[i].Row
	}
	columns := append(features.Columns(rows), features.SexColumn)
	train, err := momentTable(fitted, columns)
	if err != nil {
		return nil, err
	}
	for _, h := range happened {
		class := 0
		if h {
			class = 1
		}
		train.Labels = append(train.Labels, []int{class})
	}
	asked, err := momentTable(judged, columns)
	if err != nil {
		return nil, err
	}
	choice, err := aiaas.Choose(ctx, train, aiaas.Families(), aiaas.Choosing{Only: riskFamilies, Seed: c.config.Seed})
	if err != nil {
		return nil, fmt.Errorf("ember: fitting a model of risks: %w", err)
	}
	p, err := choice.Model.Predict(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("ember: asking a model of risks: %w", err)
	}
	out := make([]float64, len(judged))
	yes := slices.Index(train.Classes, server.Yes)
	for i := range out {
		out[i] = float64(p[i*len(train.Classes)+yes])
	}
	return out, nil
}

func momentTable(of []eval.Moment, columns []string) (*aiaas.Dataset, error) {
	d := &aiaas.Dataset{Name: "moments", Task: aiaas.TimelineRisk, Classes: []string{"no", server.Yes}}
	for i := range of {
		d.Subject = append(d.Subject, of[i].Subject)
		d.Places = append(d.Places, aiaas.Place{File: "moment " + strconv.Itoa(i+1)})
	}
	for _, name := range columns {
		col, err := columnOf(name, false, len(of), func(i int) string { return point{row: of[i].Row, sex: of[i].Sex}.cell(name) })
		if err != nil {
			return nil, err
		}
		d.Columns = append(d.Columns, col)
	}
	return d, nil
}
