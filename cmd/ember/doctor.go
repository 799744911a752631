package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"maps"

	"ember"
)

func (p *program) doctor() *cobra.Command {
	c := &cobra.Command{
		Use: "doctor", Short: "Look at the installation and say what is wrong", Args: cobra.NoArgs,
		Long: `Look at key, volume, index, model, audit record and cache, and at how much of the
data has a meaning: the most frequent codes without one are what a site's own
tables (terms-dir) should name. The exit code is 1 when a check fails.

With --ehr URL it looks at an EHR instead: metadata, clock, CORS, SMART configuration,
keys, token and its aud, scopes, the searches of the prefetch, bulk export, topics; and
says what to change, there or here. The settings ehr-client and ehr-key say who asks.`,
		Example: "  ember doctor\n  ember doctor --json | jq .unmapped\n  ember doctor --ehr https://ehr.example.org/fhir",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("ehr") {
				return p.doctorEHR(cmd)
			}
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			resp, err := c.call(cmd.Context(), "GET", "/admin/doctor", nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			var d ember.Diagnosis
			if err := json.NewDecoder(resp.Body).Decode(&d); err != nil {
				return exitError{exitFailure, err}
			}
			if err := p.print(d, func(w io.Writer) { printDiagnosis(w, d) }); err != nil {
				return err
			}
			return failedCheck(d.Checks)
		},
	}
	c.Flags().String("ehr", "", "look at the EHR whose FHIR server has this base address")
	return c
}

// failedCheck is the first check that failed, as an error.
func failedCheck(checks []ember.Check) error {
	for _, check := range checks {
		if check.Status == "fail" {
			return failure(exitFailure, "%s: %s", check.Name, check.Detail)
		}
	}
	return nil
}

// doctorEHR looks at the EHR that --ehr has put into the settings.
func (p *program) doctorEHR(cmd *cobra.Command) error {
	checks, err := ember.ExamineEHR(cmd.Context(), p.config)
	if err != nil {
		return exitError{exitUsage, err}
	}
	err = p.print(checks, func(w io.Writer) {
		for _, c := range checks {
			fmt.Fprintf(w, "%-5s %-12s %s\n", c.Status, c.Name, c.Detail)
		}
	})
	if err != nil {
		return err
	}
	return failedCheck(checks)
}

func printDiagnosis(w io.Writer, d ember.Diagnosis) {
	for _, c := range d.Checks {
		fmt.Fprintf(w, "%-5s %-8s %s\n", c.Status, c.Name, c.Detail)
	}
	var counts []string
	for _, typ := range slices.Sorted(maps.Keys(d.Counts)) {
		counts = append(counts, fmt.Sprintf("%s %d", typ, d.Counts[typ]))
	}
	fmt.Fprintf(w, "\nresources: %s\n", strings.Join(counts, ", "))
	for _, kind := range slices.Sorted(maps.Keys(d.Mapping)) {
		fmt.Fprintf(w, "meaning known: %-14s %s\n", kind, d.Mapping[kind])
	}
	if len(d.Unmapped) == 0 {
		return
	}
	fmt.Fprintln(w, "\nwithout a known meaning, most frequent first:")
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.AppendHeader(table.Row{"kind", "events", "patients", "system", "code", "words"})
	for _, u := range d.Unmapped {
		t.AppendRow(table.Row{u.Kind, u.Events, u.Patients, u.System, u.Code, u.Display})
	}
	t.Render()
}

func (p *program) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.print(map[string]string{"version": version}, func(w io.Writer) { fmt.Fprintln(w, "ember", version) })
		},
	}
}
