package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
)

// answer is what the recommendation API says, as far as a terminal shows it.
type answer struct {
	Patient string `json:"patient"`
	At      string `json:"at"`
	Want    string `json:"want"`
	Model   struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"model"`
	DataVersion string `json:"dataVersion"`
	Items       []struct {
		Rank        int      `json:"rank"`
		Code        coding   `json:"code"`
		Status      string   `json:"status"`
		Probability float64  `json:"probability"`
		Reasons     []reason `json:"reasons"`
		Similar     *struct {
			N        int  `json:"n"`
			Received *int `json:"received"`
			Below    int  `json:"below"`
		} `json:"similar"`
		Warnings []finding `json:"warnings"`
	} `json:"items"`
	Sets []struct {
		Coverage    float64 `json:"coverage"`
		Probability float64 `json:"probability"`
		Size        int     `json:"size"`
	} `json:"sets"`
	Blocked []struct {
		Code    coding    `json:"code"`
		Reasons []finding `json:"reasons"`
	} `json:"blocked"`
	Checks      []string `json:"checks"`
	Unchecked   []string `json:"unchecked"`
	Degraded    []string `json:"degraded"`
	Abstained   bool     `json:"abstained"`
	Because     string   `json:"abstainReason"`
	IntendedUse string   `json:"intendedUse"`
}

type coding struct{ System, Code, Display string }

type reason struct {
	Text    string   `json:"text"`
	Weight  float64  `json:"weight"`
	Sources []string `json:"sources"`
}

type finding struct {
	Text    string   `json:"text"`
	Rule    string   `json:"rule"`
	Sources []string `json:"sources"`
}

func (c coding) String() string {
	if c.Display != "" {
		return c.Display
	}
	return c.Code
}

func (p *program) recommend() *cobra.Command {
	var want, at, explain string
	var limit int
	c := &cobra.Command{
		Use: "recommend PATIENT", Short: "Rank treatments or tests for a patient, with reasons", Args: cobra.ExactArgs(1),
		Example: "  ember recommend 1a2b --want treatments\n" +
			"  ember recommend Patient/1a2b --want tests --at 2024-05-01T09:00:00Z --limit 5",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			q := url.Values{"want": {want}, "limit": {strconv.Itoa(limit)}}
			if at != "" {
				q.Set("at", at)
			}
			if explain != "" {
				q.Set("explain", explain)
			}
			id := strings.TrimPrefix(args[0], "Patient/")
			resp, err := c.call(cmd.Context(), "GET", "/v1/patients/"+url.PathEscape(id)+"/recommendations?"+q.Encode(), nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			return p.printAnswer(resp.Body)
		},
	}
	c.Flags().StringVar(&want, "want", "treatments", "treatments or tests")
	c.Flags().StringVar(&at, "at", "", "as of this moment (RFC 3339), knowing nothing later; default now")
	c.Flags().StringVar(&explain, "explain", "", "also say why this code (system|code) is or is not among them")
	c.Flags().IntVar(&limit, "limit", 10, "how many, 1 to 100")
	return c
}

func (p *program) printAnswer(r io.Reader) error {
	if p.json {
		var v any
		if err := json.NewDecoder(r).Decode(&v); err != nil {
			return exitError{exitFailure, err}
		}
		return p.print(v, nil)
	}
	var a answer
	if err := json.NewDecoder(r).Decode(&a); err != nil {
		return exitError{exitFailure, err}
	}
	return p.print(a, func(w io.Writer) { a.write(w) })
}

// write shows the answer as a table for a person.
func (a answer) write(w io.Writer) {
	fmt.Fprintf(w, "%s for %s at %s (model %s %s)\n", a.Want, a.Patient, a.At, a.Model.Name, a.Model.Version)
	if a.Abstained {
		fmt.Fprintf(w, "No recommendation: %s\n", a.Because)
	}
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Options.SeparateRows = true
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, WidthMax: 34, WidthMaxEnforcer: text.WrapSoft}, {Number: 5, WidthMax: 64, WidthMaxEnforcer: text.WrapSoft}})
	t.AppendHeader(table.Row{"#", a.Want, "", "prob.", "why", "similar"})
	for _, i := range a.Items {
		var why []string
		for _, r := range i.Reasons {
			why = append(why, fmt.Sprintf("%+.2f %s", r.Weight, r.Text))
		}
		for _, f := range i.Warnings {
			why = append(why, "! "+f.Text)
		}
		similar := ""
		if s := i.Similar; s != nil && s.Received != nil {
			similar = fmt.Sprintf("%d of %d", *s.Received, s.N)
		} else if s != nil && s.N > 0 {
			similar = fmt.Sprintf("<%d of %d", s.Below, s.N)
		}
		t.AppendRow(table.Row{i.Rank, i.Code.String(), i.Status, fmt.Sprintf("%.2f", i.Probability), strings.Join(why, "\n"), similar})
	}
	if len(a.Items) > 0 {
		t.Render()
	}
	for _, s := range a.Sets {
		fmt.Fprintf(w, "%.0f %% of the orders that follow are among the first %d (probability %.3f and above)\n", 100*s.Coverage, s.Size, s.Probability)
	}
	for _, b := range a.Blocked {
		for _, r := range b.Reasons {
			fmt.Fprintf(w, "BLOCKED %s: %s (%s)\n", b.Code, r.Text, r.Rule)
		}
	}
	a.writeFooter(w)
}

func (a answer) writeFooter(w io.Writer) {
	fmt.Fprintf(w, "checked: %s", strings.Join(a.Checks, ", "))
	if len(a.Unchecked) > 0 {
		fmt.Fprintf(w, " · could not be checked: %s", strings.Join(a.Unchecked, "; "))
	}
	if len(a.Degraded) > 0 {
		fmt.Fprintf(w, " · degraded: %s", strings.Join(a.Degraded, ", "))
	}
	fmt.Fprintf(w, "\n%s\n", a.IntendedUse)
}

func (p *program) search() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "search TEXT", Short: "Find patients by codes and notes", Args: cobra.MinimumNArgs(1),
		Example: "  ember search diabetes\n  ember search chest pain --limit 5 --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			q := url.Values{"q": {strings.Join(args, " ")}, "limit": {strconv.Itoa(limit)}}
			resp, err := c.call(cmd.Context(), "GET", "/v1/search?"+q.Encode(), nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			return p.printHits(resp.Body)
		},
	}
	c.Flags().IntVar(&limit, "limit", 20, "how many patients, 1 to 100")
	return c
}

// hits is what the search API says, as far as a terminal shows it.
type hits struct {
	Total    int `json:"total"`
	Concepts []struct {
		Code     coding `json:"code"`
		Kind     string `json:"kind"`
		Patients int    `json:"patients"`
	} `json:"concepts"`
	Patients []struct {
		Patient string   `json:"patient"`
		Score   float64  `json:"score"`
		Why     []string `json:"why"`
	} `json:"patients"`
	Notes []struct {
		Source   string `json:"source"`
		Patient  string `json:"patient"`
		Fragment string `json:"fragment"`
	} `json:"notes"`
}

func (p *program) printHits(r io.Reader) error {
	if p.json {
		var v any
		if err := json.NewDecoder(r).Decode(&v); err != nil {
			return exitError{exitFailure, err}
		}
		return p.print(v, nil)
	}
	var h hits
	if err := json.NewDecoder(r).Decode(&h); err != nil {
		return exitError{exitFailure, err}
	}
	return p.print(h, func(w io.Writer) { h.write(w) })
}

func (h hits) write(w io.Writer) {
	for _, c := range h.Concepts {
		fmt.Fprintf(w, "%-12s %-60.60s %d patients\n", c.Kind, c.Code, c.Patients)
	}
	fmt.Fprintf(w, "%d patients\n", h.Total)
	for _, p := range h.Patients {
		fmt.Fprintf(w, "  %-40s %s\n", p.Patient, strings.Join(p.Why, ", "))
	}
	for _, n := range h.Notes {
		fmt.Fprintf(w, "  %s (%s): %s\n", n.Source, n.Patient, strings.Join(strings.Fields(n.Fragment), " "))
	}
}
