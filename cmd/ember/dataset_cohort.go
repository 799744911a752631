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

	"ember/aiaas"
)

// drawn says what became of the moments of a cohort.
type drawn struct {
	Patients, Moments, Outside, Over, Passed, Censored, NoValue, Samples, Outcomes, Dead int
}

func (d drawn) write(w io.Writer, forecast bool) {
	fmt.Fprintf(w, "%d moments of %d patients", d.Moments, d.Patients)
	for _, left := range []struct {
		n    int
		text string
	}{{d.Outside, "outside the cohort"}, {d.Over, "over by then"}, {d.Passed, "not the one asked for"}, {d.Censored, "censored"}, {d.NoValue, "without a value"}} {
		if left.n > 0 {
			fmt.Fprintf(w, ", %d %s", left.n, left.text)
		}
	}
	fmt.Fprintf(w, ": %d samples", d.Samples)
	if !forecast {
		fmt.Fprintf(w, ", %d with the outcome", d.Outcomes)
	}
	if d.Dead > 0 {
		fmt.Fprintf(w, ", %d of the others died within the horizon", d.Dead)
	}
	fmt.Fprintln(w)
}

func (p *program) datasetFromCohort() *cobra.Command {
	parts := map[string]*string{}
	var file, viewFile string
	c := &cobra.Command{
		Use: "from-cohort NAME", Short: "Make a dataset of a cohort: moments, what was known then, and what came of it", Args: cobra.ExactArgs(1),
		Long: `Samples are moments of patients: an index event, or a day. What was known then becomes
columns; the label is what happened from then to the horizon, in the words of a cohort
definition (life:dead is a death). Moments whose horizon lies behind what is on record
are censored and left out. --next asks for the next value of a test, in the place of a label.
--view makes the columns of a ViewDefinition what is known: those of the latest resource of
its type that was on record at the moment (task tabular).`,
		Example: "  ember dataset from-cohort deaths --index 'encounter:*' --which every --after 24h --label life:dead --horizon stay\n" +
			"  ember dataset from-cohort diabetes --day 2023-06-01 --cohort '-condition:diabetes age:>40' --label condition:diabetes --horizon 1y\n" +
			"  ember dataset from-cohort creatinine --index 'lab:creatinine' --next 'lab:creatinine' --horizon 30d",
		RunE: func(cmd *cobra.Command, args []string) error {
			body, forecast, err := samplingOf(parts, file, viewFile)
			if err != nil {
				return err
			}
			var out struct {
				Dataset aiaas.DatasetInfo `json:"dataset"`
				Report  *aiaas.Report     `json:"report"`
				Drawn   drawn             `json:"drawn"`
			}
			return p.cohortCall(cmd, "POST", "/v1/datasets/"+url.PathEscape(args[0])+"?from=cohort", bytes.NewReader(body), &out, func(w io.Writer) {
				out.Drawn.write(w, forecast)
				fmt.Fprint(w, out.Report.String())
			})
		},
	}
	for _, f := range []struct{ name, help string }{
		{"cohort", "who takes part, as known at the moment"}, {"index", "the event that moments come from"}, {"day", "or one day for everybody, YYYY-MM-DD"},
		{"which", "first, last or every index event (first)"}, {"from", "start or end of the index event (start)"}, {"after", "how long after it the moment is, as 24h"},
		{"label", "what may happen"}, {"next", "or the test whose next value is asked for"}, {"horizon", "how far the label looks: 30d, 1y, or stay"},
		{"observed", "up to when patients are watched: data or patient (data)"},
	} {
		parts[f.name] = c.Flags().String(f.name, "", f.help)
	}
	c.Flags().StringVar(&viewFile, "view", "", "the columns are those of the ViewDefinition in this file")
	c.Flags().StringVar(&file, "file", "", "read all of it from this file, as JSON")
	return c
}

func samplingOf(parts map[string]*string, file, viewFile string) (body []byte, forecast bool, err error) {
	sent := map[string]any{}
	for name, text := range parts {
		if *text != "" {
			sent[name] = *text
		}
	}
	if viewFile != "" {
		b, err := os.ReadFile(viewFile)
		if err != nil {
			return nil, false, exitError{exitNotFound, err}
		}
		if !json.Valid(b) {
			return nil, false, failure(exitUsage, "%s is no JSON", viewFile)
		}
		sent["view"] = json.RawMessage(b)
	}
	if file != "" {
		if len(sent) > 0 {
			return nil, false, failure(exitUsage, "give --file or the other flags, not both")
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, false, exitError{exitNotFound, err}
		}
		return b, strings.Contains(string(b), `"next"`), nil
	}
	b, err := json.Marshal(sent)
	if err != nil {
		return nil, false, exitError{exitFailure, err}
	}
	return b, *parts["next"] != "", nil
}

type cohortPredictions struct {
	Model   aiaas.Serving `json:"model"`
	Outcome string        `json:"outcome"`
	Asked   struct{ Patients, NoMoment, Outside int }
	All     []struct {
		Patient, At, Resource string
		Value                 float64
		Low, High             *float64
	} `json:"predictions"`
}

func (a *cohortPredictions) write(w io.Writer, limit int) {
	fmt.Fprintf(w, "%s version %s: %s\n%d patients asked about, %d without such a moment, %d outside what the model was made for\n", a.Model.Name, a.Model.Version, a.Outcome, a.Asked.Patients, a.Asked.NoMoment, a.Asked.Outside)
	for _, one := range a.All[:min(limit, len(a.All))] {
		between := ""
		if one.Low != nil {
			between = fmt.Sprintf(" [%.2f, %.2f]", *one.Low, *one.High)
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-44s %s %8.3f%s %s", one.Patient, one.At, one.Value, between, one.Resource), " "))
	}
	if n := len(a.All) - limit; n > 0 {
		fmt.Fprintf(w, "and %d more: --limit shows them, --json all\n", n)
	}
}

func (p *program) modelPredictCohort() *cobra.Command {
	var file, saved string
	var write bool
	limit := 20
	c := &cobra.Command{
		Use: "predict-cohort MODEL [DEFINITION]", Short: "Ask a model that was made of a cohort about patients", Args: cobra.MinimumNArgs(1),
		Long: `Ask a model that was made by "dataset from-cohort" about everybody who meets a
definition, each at the latest moment such as it was made of. --write stores what it says
as RiskAssessments, whose method is the version of the model.`,
		Example:           "  ember model predict-cohort deaths 'encounter:* last 7d'\n  ember model predict-cohort deaths --saved on-the-ward --write",
		ValidArgsFunction: p.complete("/v1/models"),
		RunE: func(cmd *cobra.Command, args []string) error {
			more := map[string]any{"write": write}
			if saved != "" {
				more["name"] = saved
			}
			body, err := askedMore(args[1:], file, more)
			if err != nil {
				return err
			}
			var a cohortPredictions
			return p.cohortCall(cmd, "POST", "/v1/models/"+url.PathEscape(args[0])+"/cohort", body, &a, func(w io.Writer) { a.write(w, limit) })
		},
	}
	c.Flags().StringVar(&saved, "saved", "", "the members of this saved cohort")
	c.Flags().StringVar(&file, "file", "", "read the definition, text or JSON, from this file (- is standard input)")
	c.Flags().BoolVar(&write, "write", false, "store what it says as RiskAssessments")
	c.Flags().IntVar(&limit, "limit", limit, "how many patients are shown")
	return c
}
