package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) cohort() *cobra.Command {
	c := &cobra.Command{
		Use: "cohort", Short: "Count, save and explain cohorts of patients",
		Long: `A cohort is who meets a definition, such as

  condition:diabetes age:>50 lab:HbA1c>9 x2 within 1y drug:metformin -drug.class:SGLT2

Numbers isolate nobody: 0 to 10 are not shown, others are rounded. docs/guide/cohorts.md
has the language.`,
	}
	c.AddCommand(p.cohortCount(), p.cohortFacets(), p.cohortCompare(), p.cohortSave(), p.cohortShow(), p.cohortList(), p.cohortMembers(), p.cohortWhy(), p.cohortExport(), p.cohortDelete(), p.cohortFromATLAS(), p.cohortToATLAS(), p.cohortFromGroup(), p.cohortToGroup(),
		p.cohortSurvival(), p.cohortTable(), p.cohortMatch(), p.cohortValues(), p.cohortPeriods(), p.cohortAttrition(), p.cohortAligned())
	return c
}

// asked is what is sent of a definition: JSON when it begins as such.
func asked(args []string, file string, more map[string]string) (io.Reader, error) {
	fields := map[string]any{}
	for k, v := range more {
		fields[k] = v
	}
	return askedMore(args, file, fields)
}

// askedMore is asked with fields of any kind.
func askedMore(args []string, file string, more map[string]any) (io.Reader, error) {
	text := strings.Join(args, " ")
	if file != "" {
		if text != "" {
			return nil, failure(exitUsage, "give the definition or --file, not both")
		}
		var b []byte
		var err error
		if file == "-" {
			b, err = io.ReadAll(os.Stdin)
		} else {
			b, err = os.ReadFile(file)
		}
		if err != nil {
			return nil, exitError{exitNotFound, err}
		}
		text = strings.TrimSpace(string(b))
	}
	body := map[string]any{}
	for k, v := range more {
		body[k] = v
	}
	switch {
	case strings.HasPrefix(text, "{"):
		body["definition"] = json.RawMessage(text)
	case text != "":
		body["text"] = text
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil, failure(exitUsage, "the definition is no JSON: %w", err)
	}
	return bytes.NewReader(b), nil
}

// cohortCall sends a request and prints the answer.
func (p *program) cohortCall(cmd *cobra.Command, method, path string, body io.Reader, into any, show func(io.Writer)) error {
	c, err := p.dial(cmd.Context())
	if err != nil {
		return err
	}
	defer c.close()
	resp, err := c.call(cmd.Context(), method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return exitError{exitFailure, err}
	}
	if p.json {
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			return exitError{exitFailure, err}
		}
		return p.print(v, nil)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return exitError{exitFailure, err}
	}
	return p.print(into, show)
}

// figure is a count as the API tells it.
type figure struct {
	Count      *int `json:"count"`
	Suppressed bool `json:"suppressed"`
}

func (f figure) String() string {
	if f.Count == nil {
		return "10 or fewer"
	}
	return fmt.Sprint("about ", *f.Count)
}

// part is the figure as one of the parts of a whole, which may also be kept back because the
// whole would give away another.
func (f figure) part() string {
	if f.Count == nil {
		return "not told"
	}
	return f.String()
}

type cohortCell struct {
	Label string `json:"label"`
	figure
	Odds *struct{ Ratio, Low, High, P float64 } `json:"odds"`
}

// odds says how much more often it is in the cohort than elsewhere.
func (c cohortCell) odds() string {
	if c.Odds == nil {
		return ""
	}
	return fmt.Sprintf("odds × %.1f [%.1f, %.1f]", c.Odds.Ratio, c.Odds.Low, c.Odds.High)
}

type cohortAnswer struct {
	Text string `json:"text"`
	figure
	Meant []struct {
		Asked    string   `json:"asked"`
		Number   int      `json:"number"`
		Concepts []coding `json:"concepts"`
	} `json:"meant"`
	Warnings []struct{ Text, Hint string } `json:"warnings"`
	Facets   *struct {
		Ages, Sexes, Conditions, Drugs, Tests, Procedures []cohortCell
	} `json:"facets"`
}

func (a *cohortAnswer) write(w io.Writer) {
	fmt.Fprintf(w, "%s patients: %s\n", a.figure, a.Text)
	for _, m := range a.Meant {
		var names []string
		for _, c := range m.Concepts[:min(len(m.Concepts), 5)] {
			names = append(names, c.String())
		}
		rest := ""
		if n := m.Number - len(names); n > 0 && len(names) > 0 {
			rest = fmt.Sprintf(" and %d more", n)
		}
		if len(names) > 0 {
			fmt.Fprintf(w, "  %s: %s%s\n", m.Asked, strings.Join(names, ", "), rest)
		}
	}
	for _, x := range a.Warnings {
		fmt.Fprintf(w, "  ! %s", x.Text)
		if x.Hint != "" {
			fmt.Fprintf(w, "; %s", x.Hint)
		}
		fmt.Fprintln(w)
	}
	if a.Facets == nil {
		return
	}
	for _, part := range []struct {
		name  string
		cells []cohortCell
	}{{"age", a.Facets.Ages}, {"sex", a.Facets.Sexes}, {"conditions", a.Facets.Conditions}, {"drugs", a.Facets.Drugs}, {"tests", a.Facets.Tests}, {"procedures", a.Facets.Procedures}} {
		if len(part.cells) == 0 {
			continue
		}
		fmt.Fprintln(w, part.name)
		for _, c := range part.cells {
			number := c.String()
			if part.name == "age" || part.name == "sex" {
				number = c.part()
			}
			fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-60.60s %-12s %s", c.Label, number, c.odds()), " "))
		}
	}
}

func (p *program) cohortCount() *cobra.Command {
	return p.cohortAsk("count DEFINITION", "Count who meets a definition", "/v1/cohorts/count")
}

func (p *program) cohortFacets() *cobra.Command {
	return p.cohortAsk("facets DEFINITION", "Count a cohort by age, sex, and what most of it have", "/v1/cohorts/facets")
}

func (p *program) cohortAsk(use, short, path string) *cobra.Command {
	var file string
	name, _, _ := strings.Cut(use, " ")
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs,
		Example: "  ember cohort " + name + " 'condition:diabetes age:>50'\n  ember cohort " + name + " --file definition.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := asked(args, file, nil)
			if err != nil {
				return err
			}
			var a cohortAnswer
			return p.cohortCall(cmd, "POST", path, body, &a, a.write)
		},
	}
	c.Flags().StringVar(&file, "file", "", "read the definition, text or JSON, from this file (- is standard input)")
	return c
}

type savedCohort struct {
	Name, Text, Made, By string
	figure
	Now                     *cohortAnswer `json:"now"`
	Entered, Left, Standing *figure
}

func (s *savedCohort) write(w io.Writer) {
	fmt.Fprintf(w, "%s: %s patients when saved (%s, by %s)\n  %s\n", s.Name, s.figure, s.Made, s.By, s.Text)
	if s.Now != nil {
		fmt.Fprintf(w, "now %s; entered %s, left %s, still there %s\n", s.Now.figure, s.Entered, s.Left, s.Standing)
	}
}

type comparison struct {
	A, B cohortAnswer
	Age  *struct{ MeanA, DeviationA, MeanB, DeviationB, Difference float64 }
	Rows []struct {
		Kind, Label string
		A, B        int
		Difference  float64
	}
}

func (c *comparison) write(w io.Writer) {
	fmt.Fprintf(w, "a: %s patients: %s\nb: %s patients: %s\n", c.A.figure, c.A.Text, c.B.figure, c.B.Text)
	if c.Age != nil {
		fmt.Fprintf(w, "%-60s %12s %12s %+6.2f\n", "age, mean (standard deviation)", fmt.Sprintf("%.1f (%.1f)", c.Age.MeanA, c.Age.DeviationA), fmt.Sprintf("%.1f (%.1f)", c.Age.MeanB, c.Age.DeviationB), c.Age.Difference)
	}
	for _, r := range c.Rows {
		fmt.Fprintf(w, "%-60.60s %12d %12d %+6.2f\n", r.Kind+": "+r.Label, r.A, r.B, r.Difference)
	}
}

func (p *program) cohortCompare() *cobra.Command {
	return &cobra.Command{
		Use: "compare DEFINITION DEFINITION", Short: "Lay two cohorts side by side: what differs most", Args: cobra.ExactArgs(2),
		Example: "  ember cohort compare 'condition:diabetes' 'condition:asthma'",
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := json.Marshal(map[string]any{"a": map[string]string{"text": args[0]}, "b": map[string]string{"text": args[1]}})
			if err != nil {
				return exitError{exitFailure, err}
			}
			var c comparison
			return p.cohortCall(cmd, "POST", "/v1/cohorts/compare", bytes.NewReader(b), &c, c.write)
		},
	}
}

func (p *program) cohortSave() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "save NAME DEFINITION", Short: "Save a cohort with its members", Args: cobra.MinimumNArgs(1),
		Example: "  ember cohort save diabetics 'condition:diabetes'",
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := asked(args[1:], file, map[string]string{"name": args[0]})
			if err != nil {
				return err
			}
			var s savedCohort
			return p.cohortCall(cmd, "POST", "/v1/cohorts", body, &s, s.write)
		},
	}
	c.Flags().StringVar(&file, "file", "", "read the definition, text or JSON, from this file (- is standard input)")
	return c
}

func (p *program) cohortShow() *cobra.Command {
	var rerun bool
	c := &cobra.Command{
		Use: "show NAME", Short: "Show a saved cohort, and with --rerun how it has changed", Args: cobra.ExactArgs(1),
		Example: "  ember cohort show diabetics --rerun",
		RunE: func(cmd *cobra.Command, args []string) error {
			var s savedCohort
			return p.cohortCall(cmd, "GET", fmt.Sprintf("/v1/cohorts/%s?rerun=%t", url.PathEscape(args[0]), rerun), nil, &s, s.write)
		},
	}
	c.Flags().BoolVar(&rerun, "rerun", false, "ask its definition again")
	return c
}

func (p *program) cohortList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List saved cohorts", Args: cobra.NoArgs,
		Example: "  ember cohort list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all struct{ Cohorts []savedCohort }
			return p.cohortCall(cmd, "GET", "/v1/cohorts", nil, &all, func(w io.Writer) {
				for _, s := range all.Cohorts {
					fmt.Fprintf(w, "%-24s %-12s %s\n", s.Name, s.figure, s.Text)
				}
			})
		},
	}
}

func (p *program) cohortMembers() *cobra.Command {
	var after string
	var limit int
	c := &cobra.Command{
		Use: "members NAME", Short: "List who is in a saved cohort", Args: cobra.ExactArgs(1),
		Example: "  ember cohort members diabetics --limit 20",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"limit": {fmt.Sprint(limit)}}
			if after != "" {
				q.Set("after", after)
			}
			var page struct {
				Members []string
				Next    string
			}
			return p.cohortCall(cmd, "GET", "/v1/cohorts/"+url.PathEscape(args[0])+"/members?"+q.Encode(), nil, &page, func(w io.Writer) {
				for _, m := range page.Members {
					fmt.Fprintln(w, m)
				}
				if page.Next != "" {
					fmt.Fprintf(w, "more: --after %s\n", page.Next)
				}
			})
		},
	}
	c.Flags().StringVar(&after, "after", "", "go on after this patient")
	c.Flags().IntVar(&limit, "limit", 100, "how many, 1 to 1000")
	return c
}

type whyAnswer struct {
	Patient string
	Matches bool
	Reasons []struct {
		Criterion     string
		Denied, Holds bool
		Evidence      []struct {
			Source, Kind, Text, Day, Unit, Step string
			Code                                *coding
			Value, Weight                       *float64
		}
	}
}

func (a *whyAnswer) write(w io.Writer) {
	fmt.Fprintf(w, "%s %s\n", a.Patient, map[bool]string{true: "meets the definition", false: "does not meet the definition"}[a.Matches])
	for _, r := range a.Reasons {
		mark, not := "✗", ""
		if r.Holds != r.Denied {
			mark = "✓"
		}
		if r.Denied {
			not = "not "
		}
		fmt.Fprintf(w, "%s %s%s\n", mark, not, r.Criterion)
		for _, e := range r.Evidence {
			words := e.Text
			if words == "" && e.Code != nil {
				words = e.Code.String()
			}
			switch {
			case e.Kind == "likeness":
				words = fmt.Sprintf("likeness %.3f", *e.Value)
			case e.Weight != nil:
				words = fmt.Sprintf("%s (shared, weight %.2f)", words, *e.Weight)
			case e.Value != nil:
				words = fmt.Sprintf("%s %g %s", words, *e.Value, e.Unit)
			}
			fmt.Fprintf(w, "    %-10s %-40s %s\n", e.Day, e.Source, strings.TrimSpace(words))
		}
	}
}

func (p *program) cohortWhy() *cobra.Command {
	var saved, file string
	c := &cobra.Command{
		Use: "why PATIENT [DEFINITION]", Short: "Show the events that make a patient meet a definition", Args: cobra.MinimumNArgs(1),
		Example: "  ember cohort why 1a2b 'condition:diabetes age:>50'\n  ember cohort why 1a2b --saved diabetics",
		RunE: func(cmd *cobra.Command, args []string) error {
			var a whyAnswer
			if saved != "" {
				path := "/v1/cohorts/" + url.PathEscape(saved) + "/why?" + url.Values{"patient": {args[0]}}.Encode()
				return p.cohortCall(cmd, "GET", path, nil, &a, a.write)
			}
			body, err := asked(args[1:], file, map[string]string{"patient": args[0]})
			if err != nil {
				return err
			}
			return p.cohortCall(cmd, "POST", "/v1/cohorts/why", body, &a, a.write)
		},
	}
	c.Flags().StringVar(&saved, "saved", "", "the definition of this saved cohort")
	c.Flags().StringVar(&file, "file", "", "read the definition, text or JSON, from this file (- is standard input)")
	return c
}

func (p *program) cohortExport() *cobra.Command {
	var format, deid, out string
	c := &cobra.Command{
		Use: "export NAME", Short: "Write a saved cohort: a FHIR Group, ids as CSV or Parquet, or whole records", Args: cobra.ExactArgs(1),
		Example: "  ember cohort export diabetics --format csv\n" +
			"  ember cohort export diabetics --format ndjson --deid safe-harbor --out diabetics.ndjson",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			resp, err := c.call(cmd.Context(), "GET", "/v1/cohorts/"+url.PathEscape(args[0])+"/export?"+url.Values{"format": {format}, "deid": {deid}}.Encode(), nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if err := p.save(resp.Body, out); err != nil {
				return err
			}
			if format == "group" && out == "" {
				fmt.Println()
			}
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "group", "group, csv, parquet or ndjson")
	c.Flags().StringVar(&deid, "deid", "none", "how patients are hidden: none, safe-harbor or shifted")
	c.Flags().StringVar(&out, "out", "", "the file to write, which must not be there; default: the terminal")
	return c
}

func (p *program) cohortDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Forget a saved cohort", Args: cobra.ExactArgs(1),
		Example: "  ember cohort delete diabetics",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.cohortCall(cmd, "DELETE", "/v1/cohorts/"+url.PathEscape(args[0]), nil, nil, nil)
		},
	}
}
