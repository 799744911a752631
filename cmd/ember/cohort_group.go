package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func (p *program) cohortFromGroup() *cobra.Command {
	return &cobra.Command{
		Use: "from-group FILE", Short: "Read a definition from a FHIR Group", Args: cobra.ExactArgs(1),
		Long: `Read a FHIR R4 Group of persons by its characteristics (actual false), and print the
definition. A characteristic that is not known is an error with its place.`,
		Example: "  ember cohort from-group group.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return exitError{exitNotFound, err}
			}
			defer f.Close()
			var out struct{ Text string }
			return p.cohortCall(cmd, "POST", "/v1/cohorts/from-group", f, &out, func(w io.Writer) { fmt.Fprintln(w, out.Text) })
		},
	}
}

func (p *program) cohortToGroup() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "to-group DEFINITION", Short: "Write a definition as a FHIR Group", Args: cobra.ArbitraryArgs,
		Long: `Write a definition as a FHIR R4 Group with its characteristics, and no members. What no
characteristic can say is an error with its place. Members are what export writes.`,
		Example: "  ember cohort to-group 'condition.under:icd10|E11 lab.code:loinc|4548-4>9 % sex:female' > group.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := asked(args, file, nil)
			if err != nil {
				return err
			}
			var out json.RawMessage
			return p.cohortCall(cmd, "POST", "/v1/cohorts/to-group", body, &out, func(w io.Writer) { fmt.Fprintln(w, string(out)) })
		},
	}
	c.Flags().StringVar(&file, "file", "", "read the definition, text or JSON, from this file (- is standard input)")
	return c
}
