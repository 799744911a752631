package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"ember"
	"ember/aiaas"
)

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

func printRecommender(w io.Writer, versions []ember.ModelVersion) {
	t := newTable(w, "version", "made", "patients", "measured", "serves")
	for _, v := range versions {
		t.AppendRow(table.Row{v.Version, v.Created.Format(minute), v.Patients, v.Measured, v.Serves})
	}
	t.Render()
}

func printModels(w io.Writer, all []aiaas.Serving) {
	t := newTable(w, "model", "version", "task", "family", "made", "measured", "serves")
	for _, v := range all {
		serves := fmt.Sprint(v.Serves)
		if v.Shadow {
			serves = "shadow"
		}
		t.AppendRow(table.Row{v.Name, v.Version, v.Task, v.Family, v.Created.Format(minute), headline(v.Measures), serves})
	}
	t.Render()
}

// headline is the measure that says most, of those there are.
func headline(m map[string]aiaas.Estimate) string {
	for _, name := range []string{"auroc", "auroc.macro", "f1.macro", "accuracy", "r2", "mae"} {
		if e, ok := m[name]; ok {
			return name + " " + interval(e)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		return name + " " + interval(m[name])
	}
	return ""
}

// interval is an estimate with its 95 % interval.
func interval(e aiaas.Estimate) string {
	return fmt.Sprintf("%.3f (%.3f to %.3f)", e.Value, e.Low, e.High)
}

func printModel(w io.Writer, v aiaas.Serving) {
	state := ""
	switch {
	case v.Serves:
		state = ", serves"
	case v.Shadow:
		state = ", shadow"
	}
	fmt.Fprintf(w, "%s version %s: %s by %s%s\n", v.Name, v.Version, v.Task, v.Family, state)
	fmt.Fprintf(w, "made %s of dataset %s\n", v.Created.Format(minute), v.Dataset)
	if len(v.Classes) > 0 {
		fmt.Fprintf(w, "classes: %s\n", few(v.Classes, 20))
	}
	t := newTable(w, "input", "kind", "shape", "datatype", "words")
	for _, in := range v.Inputs {
		t.AppendRow(table.Row{in.Name, in.Kind, shapeText(in.Shape), in.Datatype, few(in.Words, 6)})
	}
	t.Render()
	t = newTable(w, "measure", "value", "95 % interval", "samples")
	for _, name := range slices.Sorted(maps.Keys(v.Measures)) {
		e := v.Measures[name]
		t.AppendRow(table.Row{name, fmt.Sprintf("%.4f", e.Value), fmt.Sprintf("%.4f to %.4f", e.Low, e.High), e.N})
	}
	t.Render()
}

// few is the first n names and how many more there are.
func few(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

// shapeText is a shape in words; -1 stands for any size.
func shapeText(shape []int) string {
	var sizes []string
	for _, n := range shape {
		if n < 0 {
			sizes = append(sizes, "any")
			continue
		}
		sizes = append(sizes, fmt.Sprint(n))
	}
	return strings.Join(sizes, " × ")
}

// printJob shows what came of a job: the leaderboard and the decision.
func printJob(w io.Writer, j aiaas.Job) {
	if len(j.Board) > 0 {
		printBoard(w, j.Measure, j.Board)
	}
	if j.State == aiaas.Done {
		fmt.Fprintf(w, "%s version %s: %s\n%s\n", j.Request.Model, j.Version, j.Family, j.Decision)
	}
}

// printBoard shows the families that were tried first, the best of them first.
func printBoard(w io.Writer, measure string, board []aiaas.Entry) {
	t := newTable(w, "family", measure, "behind the best", "took", "")
	t.Style().Format.Header = text.FormatDefault // measures as they are called
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 5, WidthMax: 60, WidthMaxEnforcer: text.WrapSoft}})
	tried := slices.Clone(board)
	slices.SortStableFunc(tried, func(a, b aiaas.Entry) int {
		switch {
		case (a.Skipped == "") != (b.Skipped == ""):
			return map[bool]int{true: -1, false: 1}[a.Skipped == ""]
		case a.Score.Value > b.Score.Value:
			return -1
		case a.Score.Value < b.Score.Value:
			return 1
		}
		return 0
	})
	var others, unsuited []string
	for _, e := range tried {
		if e.Unsuited {
			unsuited = append(unsuited, e.Family)
			continue
		}
		switch e.Skipped {
		case "":
			t.AppendRow(table.Row{e.Family, interval(e.Score), interval(e.Behind), fmt.Sprintf("%.1f s", e.Took.Seconds()), map[bool]string{true: "chosen"}[e.Chosen]})
		case "not asked for":
			others = append(others, e.Family)
		default:
			t.AppendRow(table.Row{e.Family, "", "", "", "skipped: " + strings.TrimPrefix(e.Skipped, "aiaas: ")})
		}
	}
	t.Render()
	if len(unsuited) > 0 {
		fmt.Fprintf(w, "not made for such data: %s\n", strings.Join(unsuited, ", "))
	}
	if len(others) > 0 {
		fmt.Fprintf(w, "not asked for: %s\n", strings.Join(others, ", "))
	}
}
