package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

type valuesAnswer struct {
	Groups []studied
	Tests  []struct {
		Text, Unit string
		Groups     []struct {
			With, Unusable, Without figure
			Spread                  *spread
			Histogram               []struct {
				Low, High *float64
				figure
			}
			Units []struct {
				Unit, State string
				figure
			}
		}
	}
}

func (a *valuesAnswer) write(w io.Writer) {
	for i := range a.Groups {
		a.Groups[i].write(w)
	}
	for _, t := range a.Tests {
		for i, g := range t.Groups {
			fmt.Fprintf(w, "%s in %s: %s with a value, %s with none, %s with none that can be used\n", t.Text, a.Groups[i].Name, g.With.part(), g.Without.part(), g.Unusable.part())
			for _, u := range g.Units {
				unit := u.Unit
				if unit == "" {
					unit = "no unit"
				}
				fmt.Fprintf(w, "  %-16s %-16s %s\n", unit, u.State, u.figure)
			}
			if g.Spread == nil {
				continue
			}
			fmt.Fprintf(w, "  mean %g, deviation %g %s; median %s, quartiles %s to %s\n", g.Spread.Mean, g.Spread.Deviation, t.Unit, g.Spread.at(.5), g.Spread.at(.25), g.Spread.at(.75))
			for _, b := range g.Histogram {
				low, high, bar := "", "", ""
				if b.Low != nil {
					low = fmt.Sprintf("%g", *b.Low)
				}
				if b.High != nil {
					high = fmt.Sprintf("%g", *b.High)
				}
				if b.Count != nil && g.With.Count != nil {
					bar = strings.Repeat("▇", min(60, 60**b.Count/max(1, *g.With.Count)))
				}
				fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %8s – %-8s %-12s %s", low, high, b.part(), bar), " "))
			}
		}
	}
}

func (p *program) cohortValues() *cobra.Command {
	var d design
	var tests []string
	c := &cobra.Command{
		Use: "values DEFINITION...", Short: "How the values of tests are spread, who has none, and their units", Args: cobra.MinimumNArgs(1),
		Example: "  ember cohort values condition:diabetes --test lab:HbA1c",
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := d.body(args, map[string]any{"tests": definitions(tests)})
			if err != nil {
				return err
			}
			var a valuesAnswer
			return p.study(cmd, "values", body, &a, a.write)
		},
	}
	d.flags(c, "the latest value on or before this event; without one, the latest")
	c.Flags().StringArrayVar(&tests, "test", nil, "a test, as lab:HbA1c")
	return c
}

type periodsAnswer struct {
	Cohort  cohortAnswer
	Periods []struct {
		Period        string
		New, Patients figure
	}
}

func (a *periodsAnswer) write(w io.Writer) {
	fmt.Fprintf(w, "%s patients: %s\n%-10s %14s %14s\n", a.Cohort.figure, a.Cohort.Text, "", "first time", "patients")
	for _, r := range a.Periods {
		fmt.Fprintf(w, "%-10s %14s %14s\n", r.Period, r.New.part(), r.Patients)
	}
}

func (p *program) cohortPeriods() *cobra.Command {
	var event, by string
	c := &cobra.Command{
		Use: "periods DEFINITION", Short: "Count a cohort's events by month, quarter or year", Args: cobra.ExactArgs(1),
		Example: "  ember cohort periods condition:diabetes --event drug:metformin --by year",
		RunE: func(cmd *cobra.Command, args []string) error {
			var a periodsAnswer
			return p.study(cmd, "periods", map[string]any{"who": definition(args[0]), "event": definition(event), "by": by}, &a, a.write)
		},
	}
	c.Flags().StringVar(&event, "event", "", "what is counted, as drug:metformin")
	c.Flags().StringVar(&by, "by", "year", "month, quarter or year")
	return c
}

type attritionAnswer struct {
	Cohort cohortAnswer
	Steps  []struct {
		Text string
		figure
		Left figure
	}
}

func (a *attritionAnswer) write(w io.Writer) {
	for _, s := range a.Steps {
		text := s.Text
		if text == "" {
			text = "everybody"
		}
		left := ""
		if s.Left.Count != nil {
			left = fmt.Sprint("−", *s.Left.Count)
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-60.60s %14s %8s", text, s.figure, left), " "))
	}
}

func (p *program) cohortAttrition() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "attrition DEFINITION", Short: "Show how each criterion makes a cohort smaller", Args: cobra.ArbitraryArgs,
		Example: "  ember cohort attrition 'condition:diabetes age:>50 drug:metformin -drug.class:SGLT2'",
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := asked(args, file, nil)
			if err != nil {
				return err
			}
			var a attritionAnswer
			return p.cohortCall(cmd, "POST", "/v1/cohorts/attrition", body, &a, a.write)
		},
	}
	c.Flags().StringVar(&file, "file", "", "read the definition, text or JSON, from this file (- is standard input)")
	return c
}

type alignedAnswer struct {
	studied
	Windows []struct {
		From, To int
		Observed figure
	}
	Rows []struct {
		Kind  string
		Code  coding
		Cells []struct {
			figure
			Share *float64
		}
	}
}

func (a *alignedAnswer) write(w io.Writer) {
	a.studied.write(w)
	fmt.Fprintf(w, "%-44s", "days from the index event")
	for _, o := range a.Windows {
		text := fmt.Sprintf("%d..%d", o.From, o.To)
		if o.From == o.To {
			text = fmt.Sprint(o.From)
		}
		fmt.Fprintf(w, " %10s", text)
	}
	fmt.Fprintf(w, "\n%-44s", "on record")
	for _, o := range a.Windows {
		fmt.Fprintf(w, " %10s", brief(o.Observed))
	}
	fmt.Fprintln(w)
	for _, r := range a.Rows {
		fmt.Fprintf(w, "%-44.44s", r.Kind+": "+r.Code.String())
		for _, c := range r.Cells {
			text := "≤ 10"
			if c.Share != nil {
				text = fmt.Sprintf("%.1f %%", 100**c.Share)
			}
			fmt.Fprintf(w, " %10s", text)
		}
		fmt.Fprintln(w)
	}
}

func brief(f figure) string {
	if f.Count == nil {
		return "≤ 10"
	}
	return fmt.Sprint(*f.Count)
}

func (p *program) cohortAligned() *cobra.Command {
	var index, after string
	var kinds []string
	var top int
	c := &cobra.Command{
		Use: "aligned DEFINITION", Short: "Show what happens before and after an event", Args: cobra.ExactArgs(1),
		Example: "  ember cohort aligned condition:diabetes --index drug:metformin --kind medication,test",
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{"who": definition(args[0]), "index": definition(index), "top": top}
			if after != "" {
				body["after"] = after
			}
			if len(kinds) > 0 {
				body["kinds"] = kinds
			}
			var a alignedAnswer
			return p.study(cmd, "aligned", body, &a, a.write)
		},
	}
	c.Flags().StringVar(&index, "index", "", "the event, as drug:metformin")
	c.Flags().StringVar(&after, "after", "", "only index events on this day or later (YYYY-MM-DD)")
	c.Flags().StringSliceVar(&kinds, "kind", nil, "only these kinds: condition, medication, procedure, test, …")
	c.Flags().IntVar(&top, "top", 20, "how many concepts are named: those whose share changes most")
	return c
}

type matchAnswer struct {
	Cases, Pool       studied
	Saved             savedCohort
	Matched, Controls figure
	Balance           []struct {
		Name                                      string
		Cases, Pool, DifferenceBefore             *float64
		MatchedCases, MatchedControls, Difference *float64
	}
}

func (a *matchAnswer) write(w io.Writer) {
	a.Cases.write(w)
	a.Pool.write(w)
	fmt.Fprintf(w, "%s cases have a control; %s controls are saved as %s\n", a.Matched, a.Controls, a.Saved.Name)
	if len(a.Balance) == 0 {
		return
	}
	fmt.Fprintf(w, "%-40s %8s %8s %7s  %8s %8s %7s\n", "", "cases", "pool", "SMD", "matched", "controls", "SMD")
	for _, b := range a.Balance {
		fmt.Fprintf(w, "%-40.40s %8s %8s %7s  %8s %8s %7s\n", b.Name, value("%.3g", b.Cases), value("%.3g", b.Pool), value("%+.2f", b.DifferenceBefore),
			value("%.3g", b.MatchedCases), value("%.3g", b.MatchedControls), value("%+.2f", b.Difference))
	}
}

func value(format string, v *float64) string {
	if v == nil {
		return "few" // 10 or fewer are counted, or not counted
	}
	return fmt.Sprintf(format, *v)
}

func (p *program) cohortMatch() *cobra.Command {
	var d design
	var covariates, tests []string
	var ratio, years int
	var caliper float64
	c := &cobra.Command{
		Use: "match NAME CASES POOL", Short: "Find controls like the cases in sex, age and propensity, and save them as a cohort", Args: cobra.ExactArgs(3),
		Example: "  ember cohort match controls drug:insulin 'condition:diabetes -drug:insulin' --covariate condition:hypertension --test lab:HbA1c",
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := d.body(args[1:], map[string]any{"save": args[0], "covariates": definitions(covariates), "tests": definitions(tests), "ratio": ratio, "years": years, "caliper": caliper})
			if err != nil {
				return err
			}
			var a matchAnswer
			return p.study(cmd, "match", body, &a, a.write)
		},
	}
	d.flags(c, "the event by which everything counts; once, or once for cases and once for the pool; without one, now")
	c.Flags().StringArrayVar(&covariates, "covariate", nil, "what cases and controls should have equally often")
	c.Flags().StringArrayVar(&tests, "test", nil, "a test they should be equally high in")
	c.Flags().IntVar(&ratio, "ratio", 1, "controls for each case, 1 to 10")
	c.Flags().IntVar(&years, "years", 2, "how far apart in age at most")
	c.Flags().Float64Var(&caliper, "caliper", .2, "how far apart in the logit of the propensity at most, in its standard deviations")
	return c
}
