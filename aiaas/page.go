package aiaas

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"ember/charts"
	"ember/models"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"three": func(v float64) string { return fmt.Sprintf("%.3f", v) },
	"join":  func(s []string) string { return strings.Join(s, ", ") },
}).Parse(pageText))

// described is everything that is known of a version.
type described struct {
	Serving
	Manifest models.Manifest
	Result   Result
	Board    []Entry
}

func (s *Service) describe(name, version string) (d described, err error) {
	if d.Manifest, err = s.manifest(name, version); err != nil {
		return d, err
	}
	if d.Serving, err = s.about(d.Manifest); err != nil {
		return d, err
	}
	return d, errors.Join(s.part(d.Manifest, evaluationFile, &d.Result), s.part(d.Manifest, boardFile, &d.Board))
}

// Tried is the part of the board that was measured, the best first.
func (d described) Tried() []Entry {
	return slices.DeleteFunc(slices.Clone(d.Board), func(e Entry) bool { return e.Unsuited || e.Skipped != "" })
}

// MeasureNames are in order.
func (described) MeasureNames(m map[string]Estimate) []string { return slices.Sorted(maps.Keys(m)) }

// Plots are SVG, made of what was measured.
func (d described) Plots() (out []template.HTML) {
	add := func(svg []byte) { out = append(out, template.HTML(svg)) } // charts escapes what is in it
	r := &d.Result
	if len(r.Bins) > 0 {
		add(reliabilityPlot(r.Bins))
	}
	if len(r.Curves) > 0 {
		pr := charts.Plot{Title: "Precision and recall", X: "recall", Y: "precision"}
		roc := charts.Plot{Title: "Receiver operating characteristic", X: "false positive rate", Y: "recall"}
		for _, c := range r.Curves {
			pr.Lines = append(pr.Lines, charts.Line{Name: c.Class, Points: charts.Points(c.PrecisionRecall)})
			roc.Lines = append(roc.Lines, charts.Line{Name: c.Class, Points: charts.Points(c.ROC)})
		}
		roc.Lines = append(roc.Lines, charts.Line{Name: "chance", Points: diagonal, Dashed: true})
		add(pr.SVG())
		add(roc.SVG())
	}
	if n := len(r.Confusion); n > 0 && n <= 40 {
		add(charts.Counts("What was said of each class", r.Classes, r.Confusion))
	}
	if tried := d.Tried(); len(tried) > 0 {
		var rows []charts.Interval
		for _, e := range tried {
			rows = append(rows, charts.Interval{Name: e.Family, Value: e.Score.Value, Low: e.Score.Low, High: e.Score.High, Marked: e.Chosen})
		}
		add(charts.Intervals("Algorithms tried", "score out of fold: more is better", rows))
	}
	for _, name := range []string{"auroc", "accuracy", "mae"} {
		if rows := subgroupRows(r.Subgroups, name); len(rows) > 0 {
			add(charts.Intervals("Subgroups", name, rows))
			break
		}
	}
	return out
}

var diagonal = []charts.Point{{X: 0, Y: 0}, {X: 1, Y: 1}}

func reliabilityPlot(bins []Bin) []byte {
	line := charts.Line{Name: "decisions, by their confidence", Dots: true}
	for _, b := range bins {
		line.Points = append(line.Points, charts.Point{X: b.Confidence, Y: b.Right})
	}
	return charts.Plot{Title: "Reliability", X: "confidence", Y: "share that was right",
		Lines: []charts.Line{line, {Name: "as confident as right", Points: diagonal, Dashed: true}}}.SVG()
}

// subgroupRows are the first 40 subgroups that a measure was taken of.
func subgroupRows(groups []Subgroup, measure string) (rows []charts.Interval) {
	for _, g := range groups {
		if e, ok := g.Measures[measure]; ok && len(rows) < 40 {
			rows = append(rows, charts.Interval{Name: fmt.Sprintf("%s = %s (%d)", g.Column, g.Value, g.Samples), Value: e.Value, Low: e.Low, High: e.High})
		}
	}
	return rows
}

// Page is the model card of a version with its plots, as one page of HTML that
// needs nothing else.
func (s *Service) Page(name, version string) ([]byte, error) {
	d, err := s.describe(name, version)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, d); err != nil {
		return nil, fmt.Errorf("aiaas: the page of %s: %w", name, err)
	}
	return b.Bytes(), nil
}
