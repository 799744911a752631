package eval

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"ember/charts"
	"ember/learn"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"interval": func(e learn.Estimate) string { return fmt.Sprintf("%.3f [%.3f, %.3f]", e.Value, e.Low, e.High) },
	"signed":   signed,
	"three":    func(v float64) string { return fmt.Sprintf("%.3f", v) },
	"percent":  func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
}).Parse(pageText))

// WriteHTML writes the report as one page with plots that needs nothing else.
func (r Report) WriteHTML(w io.Writer) error {
	if err := pageTemplate.Execute(w, r); err != nil {
		return fmt.Errorf("eval: writing the page: %w", err)
	}
	return nil
}

// Ranked are the systems, best first.
func (t TaskReport) Ranked() []SystemReport {
	rows := slices.Clone(t.Systems)
	slices.SortStableFunc(rows, func(a, b SystemReport) int { return cmp.Compare(b.Metrics["AP"].Value, a.Metrics["AP"].Value) })
	return rows
}

// MetricNames are those of the table.
func (t TaskReport) MetricNames() []string {
	if t.Risk {
		return riskMetrics
	}
	return metricNames
}

// Plots are SVG: average precision, recall within the first k, reliability,
// precision and recall, the learning curve, subgroups.
func (t TaskReport) Plots() (out []template.HTML) {
	add := func(svg []byte) { out = append(out, template.HTML(svg)) } // charts escapes what is in it
	var ap []charts.Interval
	recall := charts.Plot{Title: "Recall within the first k", X: "k", Y: "recall", XRange: [2]float64{0, depths}}
	reliability := charts.Plot{Title: "Reliability", X: "probability", Y: "share that was ordered"}
	pr := charts.Plot{Title: "Precision and recall, over all pairs", X: "recall", Y: "precision"}
	top := 0.
	for i, s := range t.Ranked() {
		e := s.Metrics["AP"]
		ap = append(ap, charts.Interval{Name: s.System, Value: e.Value, Low: e.Low, High: e.High, Marked: !isBaseline(s.System)})
		if i < 6 {
			recall.Lines = append(recall.Lines, charts.Line{Name: s.System, Points: byDepth(s.Recall)})
			top = max(top, slices.Max(append([]float64{0}, s.Recall...)))
		}
		if c := s.Calibration; c != nil {
			reliability.Lines = append(reliability.Lines, charts.Line{Name: s.System, Points: reliabilityOf(c.Bins), Dots: true})
			pr.Lines = append(pr.Lines, charts.Line{Name: s.System, Points: charts.Points(c.PrecisionRecall)})
		}
	}
	recall.YRange = [2]float64{0, min(1, top*1.1+.01)}
	reliability.Lines = append(reliability.Lines, charts.Line{Name: "as probable as ordered", Points: []charts.Point{{X: 0, Y: 0}, {X: 1, Y: 1}}, Dashed: true})
	add(charts.Intervals("Average precision", "AP, 95 % interval over patients", ap))
	if !t.Risk {
		add(recall.SVG())
	}
	add(reliability.SVG())
	add(pr.SVG())
	if len(t.Learning) > 1 {
		add(t.learningPlot())
	}
	if len(t.Subgroups) > 0 {
		add(charts.Intervals("Subgroups: over the baseline to beat", "difference in AP", t.subgroupRows()))
	}
	return out
}

func byDepth(recall []float64) []charts.Point {
	out := make([]charts.Point, len(recall))
	for i, v := range recall {
		out[i] = charts.Point{X: float64(i + 1), Y: v}
	}
	return out
}

// reliabilityOf leaves out bins of a few, whose rate says nothing.
func reliabilityOf(all []Bin) (out []charts.Point) {
	for _, b := range all {
		if b.N >= fewest {
			out = append(out, charts.Point{X: b.Probability, Y: b.Rate})
		}
	}
	return out
}

func (t TaskReport) learningPlot() []byte {
	neural := charts.Line{Name: "neural", Dots: true}
	base := charts.Line{Name: "baseline to beat", Dots: true}
	low, high := 1., 0.
	for _, p := range t.Learning {
		neural.Points = append(neural.Points, charts.Point{X: p.Share, Y: p.Neural.Value})
		base.Points = append(base.Points, charts.Point{X: p.Share, Y: p.Baseline.Value})
		low, high = min(low, p.Neural.Value, p.Baseline.Value), max(high, p.Neural.Value, p.Baseline.Value)
	}
	pad := max(.005, (high-low)*.15)
	return charts.Plot{Title: "Learning curve", X: "share of the training patients", Y: "AP", YRange: [2]float64{low - pad, high + pad}, Lines: []charts.Line{neural, base}}.SVG()
}

func (t TaskReport) subgroupRows() (rows []charts.Interval) {
	for _, g := range t.Subgroups {
		rows = append(rows, charts.Interval{Name: g.By + " " + g.Value, Value: g.Over.Value, Low: g.Over.Low, High: g.Over.High})
	}
	return rows
}
