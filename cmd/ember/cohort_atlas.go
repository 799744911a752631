package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

type leftOut []struct{ Path, Text string }

func (l leftOut) write(w io.Writer) {
	for _, one := range l {
		fmt.Fprintf(w, "  ! %s: %s\n", one.Path, one.Text)
	}
}

func (p *program) cohortFromATLAS() *cobra.Command {
	return &cobra.Command{
		Use: "from-atlas FILE", Short: "Read a cohort definition of OHDSI's ATLAS", Args: cobra.ExactArgs(1),
		Long: `Read the JSON of a cohort definition as ATLAS exports it, and print it in the language
here. What cannot be said is named with its path in the JSON, and is not in the definition.`,
		Example: "  ember cohort from-atlas definition.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return exitError{exitNotFound, err}
			}
			defer f.Close()
			var out struct {
				Text string
				Left leftOut
			}
			return p.cohortCall(cmd, "POST", "/v1/cohorts/from-atlas", f, &out, func(w io.Writer) {
				fmt.Fprintln(w, out.Text)
				out.Left.write(w)
			})
		},
	}
}

func (p *program) cohortToATLAS() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "to-atlas DEFINITION", Short: "Write a definition as ATLAS reads it", Args: cobra.ArbitraryArgs,
		Long: `Write a definition as a Circe expression for ATLAS. Concepts have codes and no ids,
which ATLAS looks up. What cannot be said there is named on standard error.`,
		Example: "  ember cohort to-atlas 'condition:diabetes -drug.class:SGLT2' > definition.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := asked(args, file, nil)
			if err != nil {
				return err
			}
			var out struct {
				Expression json.RawMessage
				Left       leftOut
			}
			return p.cohortCall(cmd, "POST", "/v1/cohorts/to-atlas", body, &out, func(w io.Writer) {
				fmt.Fprintln(w, string(out.Expression))
				out.Left.write(os.Stderr)
			})
		},
	}
	c.Flags().StringVar(&file, "file", "", "read the definition, text or JSON, from this file (- is standard input)")
	return c
}
