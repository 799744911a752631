package main

import (
	"errors"
	"io"
	"net/url"
	"os"
	"strconv"

	"github.com/spf13/cobra"
)

func (p *program) view() *cobra.Command {
	c := &cobra.Command{Use: "view", Short: "Tables out of resources, by ViewDefinitions (SQL on FHIR)"}
	c.AddCommand(p.viewRun())
	return c
}

func (p *program) viewRun() *cobra.Command {
	var format, out string
	var limit int
	c := &cobra.Command{
		Use: "run FILE", Short: "Run a ViewDefinition over all patients", Args: cobra.ExactArgs(1),
		Example: "  ember view run observations.json --format csv --out observations.csv\n" +
			"  ember view run observations.json --format parquet --out observations.parquet\n" +
			"  ember view run observations.json --limit 5",
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return exitError{exitUsage, err}
			}
			defer f.Close()
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			q := url.Values{"_format": {format}}
			if limit >= 0 {
				q.Set("_limit", strconv.Itoa(limit))
			}
			resp, err := c.call(cmd.Context(), "POST", "/fhir/ViewDefinition/$run?"+q.Encode(), f)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			return p.save(resp.Body, out)
		},
	}
	c.Flags().StringVar(&format, "format", "ndjson", "ndjson, csv, json or parquet")
	c.Flags().StringVar(&out, "out", "", "the file to write, which must not be there; default: the terminal")
	c.Flags().IntVar(&limit, "limit", -1, "the most rows; -1 = all")
	return c
}

// save writes patients' data to a file that is its owner's alone, or to the terminal.
func (p *program) save(r io.Reader, name string) error {
	if name == "" {
		_, err := io.Copy(os.Stdout, r)
		if err != nil {
			return exitError{exitFailure, err}
		}
		return nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return exitError{exitUsage, err}
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		return exitError{exitFailure, errors.Join(err, os.Remove(name))}
	}
	return nil
}
