package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// design is what the commands of studies share.
type design struct {
	index                     []string
	names                     []string
	after, lookback, baseline string
}

func (d *design) flags(c *cobra.Command, index string) {
	f := c.Flags()
	f.StringArrayVar(&d.index, "index", nil, index)
	f.StringSliceVar(&d.names, "names", nil, "what the groups are called, with commas between")
	f.StringVar(&d.after, "after", "", "only index events on this day or later (YYYY-MM-DD); without --index, time begins on it")
	f.StringVar(&d.lookback, "lookback", "", "time on record that is needed before the index day, as 1y")
	f.StringVar(&d.baseline, "baseline", "", "how long before the index day something counts as had, as 1y; else ever")
}

// definition is a text, or JSON when it begins as such.
func definition(text string) any {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return json.RawMessage(text)
	}
	return text
}

func definitions(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = definition(t)
	}
	return out
}

// body is the request for groups; more is what else it holds.
func (d *design) body(groups []string, more map[string]any) (map[string]any, error) {
	body := map[string]any{}
	for k, v := range more {
		if v != "" && v != nil {
			body[k] = v
		}
	}
	for k, v := range map[string]string{"after": d.after, "lookback": d.lookback, "baseline": d.baseline} {
		if v != "" {
			body[k] = v
		}
	}
	if len(d.index) == 1 {
		body["index"] = definition(d.index[0])
	} else if len(d.index) > 1 && len(d.index) != len(groups) {
		return nil, failure(exitUsage, "give --index once, or once for each group")
	}
	var list []map[string]any
	for i, text := range groups {
		g := map[string]any{"who": definition(text)}
		if i < len(d.names) {
			g["name"] = d.names[i]
		}
		if len(d.index) > 1 {
			g["index"] = definition(d.index[i])
		}
		list = append(list, g)
	}
	body["groups"] = list
	return body, nil
}

// study sends a request and prints the answer.
func (p *program) study(cmd *cobra.Command, path string, body map[string]any, into any, show func(io.Writer)) error {
	b, err := json.Marshal(body)
	if err != nil {
		return failure(exitUsage, "a definition is no JSON: %w", err)
	}
	return p.cohortCall(cmd, http.MethodPost, "/v1/cohorts/"+path, bytes.NewReader(b), into, show)
}

type studied struct {
	Name                               string
	Cohort                             cohortAnswer
	In, NoIndex, Early, Several, Prior figure
}

// write says who is in a group, and who was left out.
func (s *studied) write(w io.Writer) {
	fmt.Fprintf(w, "%s: %s patients: %s\n", s.Name, s.In, s.Cohort.Text)
	for _, x := range s.Cohort.Warnings {
		fmt.Fprintf(w, "  ! %s\n", strings.TrimSuffix(x.Text+"; "+x.Hint, "; "))
	}
	for _, part := range []struct {
		n    figure
		text string
	}{{s.NoIndex, "without the index event"}, {s.Early, "not on record then, or not long enough before"}, {s.Several, "in another group too"}, {s.Prior, "with the outcome by the index day"}} {
		if part.n.Count != nil {
			fmt.Fprintf(w, "  left out: %s %s\n", part.n, part.text)
		}
	}
}

type survivalAnswer struct {
	Death  string
	Groups []struct {
		studied
		Events                        figure
		Median, MedianLow, MedianHigh *int
		AtRisk                        []struct {
			Day                 int
			Survival, Low, High *float64
			figure
		}
		DeadUndated figure
		Incidence   *incidences
	}
	LogRank *struct {
		ChiSquare, P float64
		Freedom      int
	}
}

func (a *survivalAnswer) write(w io.Writer) {
	for i := range a.Groups {
		g := &a.Groups[i]
		g.studied.write(w)
		if g.Incidence != nil {
			g.Incidence.write(w)
			continue
		}
		fmt.Fprintf(w, "  events: %s; median: %s days [%s, %s]\n", g.Events, dayOr(g.Median), dayOr(g.MedianLow), dayOr(g.MedianHigh))
		fmt.Fprintf(w, "  %8s %12s  %s\n", "day", "at risk", "without the outcome")
		for _, r := range g.AtRisk {
			curve := "not told: 10 or fewer events since"
			if r.Survival != nil {
				curve = fmt.Sprintf("%.3f [%.3f, %.3f]", *r.Survival, *r.Low, *r.High)
			}
			fmt.Fprintf(w, "  %8d %12s  %s\n", r.Day, r.figure, curve)
		}
		if g.DeadUndated.Count != nil {
			fmt.Fprintf(w, "  %s died nobody knows when: followed to the last contact\n", g.DeadUndated)
		}
	}
	if a.LogRank != nil {
		fmt.Fprintf(w, "log-rank: chi-square %g (%d df), p = %g\n", a.LogRank.ChiSquare, a.LogRank.Freedom, a.LogRank.P)
	}
	fmt.Fprintln(w, map[string]string{"censor": "death ends the follow-up without the outcome", "outcome": "death counts as the outcome",
		"compete": "death competes with the outcome (Aalen-Johansen)"}[a.Death])
}

// incidenceAt is a place on a curve of incidence.
type incidenceAt struct{ Incidence, Low, High float64 }

func (s *incidenceAt) String() string {
	if s == nil {
		return "not told"
	}
	return fmt.Sprintf("%.3f [%.3f, %.3f]", s.Incidence, s.Low, s.High)
}

type incidences struct {
	Outcome, Death struct{ Events figure }
	AtRisk         []struct {
		Day            int
		Outcome, Death *incidenceAt
		figure
	}
}

func (in *incidences) write(w io.Writer) {
	fmt.Fprintf(w, "  with the outcome: %s; died before it: %s\n", in.Outcome.Events, in.Death.Events)
	fmt.Fprintf(w, "  %8s %12s  %-22s %s\n", "day", "at risk", "had the outcome", "died before it")
	for _, r := range in.AtRisk {
		fmt.Fprintf(w, "  %8d %12s  %-22s %s\n", r.Day, r.figure, r.Outcome, r.Death)
	}
}

func dayOr(d *int) string {
	if d == nil {
		return "not reached"
	}
	return fmt.Sprint(*d)
}

func (p *program) cohortSurvival() *cobra.Command {
	var d design
	var outcome, death, svg string
	var keep bool
	c := &cobra.Command{
		Use: "survival DEFINITION...", Short: "Follow cohorts from an index event to an outcome (Kaplan-Meier, log-rank)", Args: cobra.MinimumNArgs(1),
		Example: "  ember cohort survival 'condition:diabetes sex:female' 'condition:diabetes sex:male' --names women,men --index condition:diabetes --outcome 'condition:\"kidney disease\"' --svg curves.svg",
		RunE: func(cmd *cobra.Command, args []string) error {
			more := map[string]any{"death": death, "keep": keep}
			if outcome != "" {
				more["outcome"] = definition(outcome)
			}
			body, err := d.body(args, more)
			if err != nil {
				return err
			}
			if svg != "" {
				return p.picture(cmd, "/v1/cohorts/survival", body, svg)
			}
			var a survivalAnswer
			return p.study(cmd, "survival", body, &a, a.write)
		},
	}
	d.flags(c, "the event that time begins with; once, or once for each group")
	c.Flags().StringVar(&outcome, "outcome", "", "the event that ends it; without one, death does")
	c.Flags().StringVar(&death, "death", "", "censor: death ends the follow-up; outcome: it counts as the outcome; compete: it rivals the outcome")
	c.Flags().BoolVar(&keep, "keep", false, "keep who had the outcome by the index day: the next one counts")
	c.Flags().StringVar(&svg, "svg", "", "write the curves to this file as a picture (- is standard output)")
	return c
}

// picture writes an answer as SVG.
func (p *program) picture(cmd *cobra.Command, path string, body map[string]any, file string) error {
	b, err := json.Marshal(body)
	if err != nil {
		return failure(exitUsage, "a definition is no JSON: %w", err)
	}
	c, err := p.dial(cmd.Context())
	if err != nil {
		return err
	}
	defer c.close()
	resp, err := c.sendFor(cmd.Context(), http.MethodPost, path, "application/json", "image/svg+xml", bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	picture, err := io.ReadAll(resp.Body)
	if err != nil {
		return exitError{exitFailure, err}
	}
	if file == "-" {
		_, err = os.Stdout.Write(picture)
	} else {
		err = os.WriteFile(file, picture, 0o600)
	}
	if err != nil {
		return exitError{exitFailure, err}
	}
	return nil
}

type spread struct {
	Mean, Deviation float64
	Quantiles       []struct{ Share, Value float64 }
}

// at is a quantile as text, "" where it is not told.
func (s *spread) at(share float64) string {
	for _, q := range s.Quantiles {
		if q.Share == share {
			return fmt.Sprintf("%g", q.Value)
		}
	}
	return ""
}

type tableAnswer struct {
	Groups []studied
	Rows   []struct {
		Section, Label, Unit string
		Cells                []struct {
			figure
			Share, Difference *float64
			Missing           *figure
			Spread            *spread
		}
	}
}

func (a *tableAnswer) write(w io.Writer) {
	for i := range a.Groups {
		a.Groups[i].write(w)
	}
	fmt.Fprintf(w, "%-52s", "")
	for i, g := range a.Groups {
		fmt.Fprintf(w, " %18.18s", g.Name)
		if i > 0 {
			fmt.Fprintf(w, " %6s", "SMD")
		}
	}
	fmt.Fprintln(w)
	section := ""
	for _, r := range a.Rows {
		if r.Section != section {
			section = r.Section
			fmt.Fprintln(w, section)
		}
		label := r.Label
		if r.Unit != "" {
			label += " (" + r.Unit + ")"
		}
		fmt.Fprintf(w, "  %-50.50s", label)
		for i, c := range r.Cells {
			text := "≤ 10"
			switch {
			case c.Count == nil && c.Spread == nil && (r.Section == "age" || r.Section == "sex" || r.Section == "value"):
				text = c.part()
			case c.Spread != nil:
				text = fmt.Sprintf("%g ± %g", c.Spread.Mean, c.Spread.Deviation)
			case c.Count != nil && c.Share != nil:
				text = fmt.Sprintf("%d (%.1f %%)", *c.Count, 100**c.Share)
			case c.Count != nil:
				text = "all but ≤ 10"
			}
			fmt.Fprintf(w, " %18s", text)
			if i > 0 {
				smd := ""
				if c.Difference != nil {
					smd = fmt.Sprintf("%+.2f", *c.Difference)
				}
				fmt.Fprintf(w, " %6s", smd)
			}
		}
		fmt.Fprintln(w)
		a.missing(w, r.Cells[0].Missing != nil && r.Section != "sex", func(i int) figure { return *r.Cells[i].Missing }, len(r.Cells))
	}
}

func (a *tableAnswer) missing(w io.Writer, has bool, of func(int) figure, n int) {
	if !has {
		return
	}
	fmt.Fprintf(w, "    %-48s", "missing")
	for i := range n {
		fmt.Fprintf(w, " %18s", of(i).part())
		if i > 0 {
			fmt.Fprintf(w, " %6s", "")
		}
	}
	fmt.Fprintln(w)
}

func (p *program) cohortTable() *cobra.Command {
	var d design
	var rows, tests []string
	var top int
	c := &cobra.Command{
		Use: "table DEFINITION...", Short: "Table one: what cohorts are like, with standardised differences", Args: cobra.MinimumNArgs(1),
		Example: "  ember cohort table 'drug:metformin' 'drug:insulin' --index drug:metformin --index drug:insulin --row condition:hypertension --test lab:HbA1c",
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := d.body(args, map[string]any{"rows": definitions(rows), "tests": definitions(tests), "top": top})
			if err != nil {
				return err
			}
			var a tableAnswer
			return p.study(cmd, "table", body, &a, a.write)
		},
	}
	d.flags(c, "the event by which everything counts; once, or once for each group; without one, now")
	c.Flags().StringArrayVar(&rows, "row", nil, "a criterion that is a row of its own")
	c.Flags().StringArrayVar(&tests, "test", nil, "a test whose latest values are a row, as lab:HbA1c")
	c.Flags().IntVar(&top, "top", 5, "how many conditions, drugs, procedures and tests are named of themselves")
	return c
}
