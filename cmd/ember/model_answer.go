package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// explanation is why, in shares of the inputs.
type explanation struct {
	Class string `json:"class"`
	Words []struct {
		Text  string  `json:"text"`
		Share float64 `json:"share"`
	} `json:"words"`
	Columns []struct {
		Name  string  `json:"name"`
		Value string  `json:"value"`
		Share float64 `json:"share"`
	} `json:"columns"`
	Image *struct {
		Width  int       `json:"width"`
		Shares []float64 `json:"shares"`
		PNG    []byte    `json:"png"`
	} `json:"image"`
	Series []struct {
		Column  string    `json:"column"`
		Channel int       `json:"channel"`
		Shares  []float64 `json:"shares"`
	} `json:"series"`
}

// A table shows each of so many classes, or the likeliest ones; and so many reasons.
const mostClasses, mostReasons = 4, 5

// write shows a sample a row: what is predicted, how likely that is, and why.
func (a *predictions) write(w io.Writer, limit int) {
	fmt.Fprintf(w, "%s version %s (%s)\n", a.Model.Name, a.Model.Version, a.Model.Family)
	shown := a.Predictions
	if limit > 0 {
		shown = shown[:min(len(shown), limit)]
	}
	why := slices.ContainsFunc(shown, func(s predicted) bool { return s.Explanation != nil })
	t := newTable(w, a.header(why)...)
	if why {
		t.SetStyle(table.StyleLight)
		t.Style().Options.SeparateRows = true
	}
	t.Style().Format.Header = text.FormatDefault // classes as they are called
	for i, s := range shown {
		row := append(table.Row{i + 1}, a.cells(s)...)
		if why {
			row = append(row, s.Explanation.text())
		}
		t.AppendRow(row)
	}
	t.Render()
	if more := len(a.Predictions) - len(shown); more > 0 {
		fmt.Fprintf(w, "… and %d more; --limit 0 shows all\n", more)
	}
}

func (a *predictions) header(why bool) []any {
	h := []any{"#", "predicted"}
	switch classes := a.Model.Classes; {
	case len(classes) > mostClasses:
		h = append(h, "likeliest")
	default:
		for _, class := range classes {
			h = append(h, class)
		}
	}
	if why {
		h = append(h, "why")
	}
	return h
}

// cells are a sample's answer under the header.
func (a *predictions) cells(s predicted) table.Row {
	if s.Value != nil {
		return table.Row{fmt.Sprintf("%.4g", *s.Value)}
	}
	row := table.Row{strings.Join(s.Labels, ", ")}
	classes := slices.Clone(a.Model.Classes)
	if len(classes) <= mostClasses {
		for _, class := range classes {
			row = append(row, fmt.Sprintf("%.3f", s.Probabilities[class]))
		}
		return row
	}
	slices.SortStableFunc(classes, func(a, b string) int { return cmp.Compare(s.Probabilities[b], s.Probabilities[a]) })
	var top []string
	for _, class := range classes[:mostClasses] {
		top = append(top, fmt.Sprintf("%s %.3f", class, s.Probabilities[class]))
	}
	return append(row, strings.Join(top, ", "))
}

// share is a part of a score and what gives it.
type share struct {
	of string
	is float64
}

// text is what counts most, for the class (+) or against it (−).
func (e *explanation) text() string {
	if e == nil {
		return ""
	}
	var all []share
	for _, w := range e.Words {
		all = append(all, share{strings.Join(strings.Fields(w.Text), " "), w.Share})
	}
	for _, c := range e.Columns {
		all = append(all, share{c.Name + " " + c.Value, c.Share})
	}
	if m := e.Image; m != nil && m.Width > 0 {
		if at := strongest(m.Shares); at >= 0 {
			all = append(all, share{fmt.Sprintf("most at row %d, column %d", at/m.Width+1, at%m.Width+1), m.Shares[at]})
		}
	}
	for _, s := range e.Series {
		if at := strongest(s.Shares); at >= 0 {
			all = append(all, share{fmt.Sprintf("%s %d, most at step %d", s.Column, s.Channel+1, at+1), s.Shares[at]})
		}
	}
	slices.SortStableFunc(all, func(a, b share) int { return cmp.Compare(math.Abs(b.is), math.Abs(a.is)) })
	var lines []string
	if e.Class != "" {
		lines = append(lines, e.Class+":")
	}
	for _, s := range all[:min(len(all), mostReasons)] {
		lines = append(lines, fmt.Sprintf("%+.2f %s", s.is, s.of))
	}
	return strings.Join(lines, "\n")
}

// strongest is where the share of the greatest size is, -1 if there is none.
func strongest(shares []float64) int {
	at := -1
	for i, s := range shares {
		if at < 0 || math.Abs(s) > math.Abs(shares[at]) {
			at = i
		}
	}
	return at
}
