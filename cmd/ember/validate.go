package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ember/fhir/validate"
)

// told is one issue as it is printed.
type told struct {
	File       string `json:"file"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Severity   string `json:"severity"`
	Code       string `json:"code"`
	Rule       string `json:"rule,omitempty"`
	Expression string `json:"expression,omitempty"`
	Text       string `json:"text"`
}

// checked is what came of all files.
type checked struct {
	Resources int    `json:"resources"`
	Wrong     int    `json:"wrong"` // resources with an error
	Errors    int    `json:"errors"`
	Warnings  int    `json:"warnings"`
	Issues    []told `json:"issues"`
}

func (p *program) validate() *cobra.Command {
	return &cobra.Command{
		Use: "validate PATH...", Short: "Say what is wrong with FHIR resources", Args: cobra.MinimumNArgs(1),
		Long: `Hold resources to the base specification FHIR R4: structure, cardinalities,
formats, required codes, invariants. Files are JSON or, by their ending, NDJSON,
also in .gz; folders are walked; "-" is standard input. Profiles, terminology and
references to other resources are not looked at. Nothing is stored, and nothing
leaves this machine. The exit code is 3 when there is an error.`,
		Example: "  ember validate patient.json\n  ember validate --json export/ | jq .issues",
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := validate.New()
			if err != nil {
				return exitError{exitFailure, err}
			}
			all := checked{Issues: []told{}}
			for _, arg := range args {
				if err := validateAll(v, arg, &all); err != nil {
					return exitError{exitFailure, err}
				}
			}
			err = p.print(all, func(w io.Writer) {
				for _, i := range all.Issues {
					fmt.Fprintf(w, "%s:%d:%d: %s: %s: %s\n", i.File, i.Line, i.Column, i.Severity, i.Expression, i.Text)
				}
				fmt.Fprintf(w, "%d resources: %d with errors; %d errors, %d warnings\n", all.Resources, all.Wrong, all.Errors, all.Warnings)
			})
			if err == nil && all.Errors > 0 {
				return failure(exitPartial, "%d of %d resources have errors", all.Wrong, all.Resources)
			}
			return err
		},
	}
}

// validateAll reads a file, the files of a folder, or standard input.
func validateAll(v *validate.Validator, path string, all *checked) error {
	if path == "-" {
		b, err := io.ReadAll(os.Stdin)
		if err == nil {
			all.take(v, "stdin", 0, b)
		}
		return err
	}
	return filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		plain := strings.TrimSuffix(name, ".gz")
		switch ext := filepath.Ext(plain); {
		case err != nil || d.IsDir():
			return err
		case ext == ".ndjson" || ext == ".jsonl":
			return validateFile(v, name, true, all)
		case ext == ".json" || name == path:
			return validateFile(v, name, false, all)
		}
		return nil
	})
}

func validateFile(v *validate.Validator, name string, lines bool, all *checked) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if !lines {
		b, err := io.ReadAll(r)
		all.take(v, name, 0, b)
		return err
	}
	in := bufio.NewReaderSize(r, 1<<20)
	for n := 0; ; n++ {
		line, err := in.ReadBytes('\n')
		if len(strings.TrimSpace(string(line))) > 0 {
			all.take(v, name, n, line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// take reports on one resource that begins behind so many lines.
func (all *checked) take(v *validate.Validator, name string, behind int, b []byte) {
	all.Resources++
	errors := all.Errors
	for _, i := range v.Validate(b, time.Now()) {
		if i.Severity == "warning" {
			all.Warnings++
		} else {
			all.Errors++
		}
		all.Issues = append(all.Issues, told{name, i.Line + behind, i.Column, i.Severity, i.Code, i.Rule, i.Expression, i.Text})
	}
	if all.Errors > errors {
		all.Wrong++
	}
}
