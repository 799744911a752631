package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"ember"
	"ember/ehr"
)

func (p *program) ehr() *cobra.Command {
	c := &cobra.Command{
		Use: "ehr", Short: "Ask an EHR: a key to be known by, bulk exports",
		Long: "Ember as a client of the EHR that the setting ehr names. `ember doctor --ehr URL` says\nwhat an EHR can do and what to change.",
	}
	c.AddCommand(p.ehrKey(), p.ehrPull())
	return c
}

func (p *program) ehrKey() *cobra.Command {
	return &cobra.Command{
		Use: "key FILE", Short: "Print the public key to register at the EHR; make the key if there is none", Args: cobra.ExactArgs(1),
		Long:    "The private key lies in FILE, which only you can read, and is named by the setting\nehr-key. What is printed is a JWK Set: register it at the EHR under the client id.",
		Example: "  ember ehr key ehr-key.json",
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := keyIn(args[0])
			if err != nil {
				return exitError{exitFailure, err}
			}
			public, err := key.Public()
			if err != nil {
				return exitError{exitFailure, err}
			}
			_, err = fmt.Printf("%s\n", public)
			return err
		},
	}
}

// keyIn reads the key of a file, or makes both.
func keyIn(path string) (*ehr.Key, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		return ehr.ReadKey(b)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, file, err := ehr.NewKey()
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, file, 0o600)
}

func (p *program) ehrPull() *cobra.Command {
	var req ember.PullRequest
	c := &cobra.Command{
		Use: "pull", Short: "Export from the EHR in bulk and store what has changed", Args: cobra.NoArgs,
		Long: `Export by FHIR Bulk Data from the EHR that the setting ehr names, and store what
comes: everything the first time, then what has changed and what was deleted. A pull
that was broken off, also by a kill, is taken up where it ended. The exit code is 3
when not everything came; the next pull asks for it again.`,
		Example: "  ember ehr pull\n  ember ehr pull --export Group/7 --types Patient,Condition\n  ember ehr pull --full",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var s ember.PullSummary
			err = p.display().run(func(each func([]byte) error) error {
				return c.stream(cmd.Context(), "/admin/ehr/pull", req, each)
			}, nil, &s)
			if err != nil {
				return err
			}
			if err := p.print(s, func(w io.Writer) { printPull(w, s) }); err != nil {
				return err
			}
			if !s.Complete {
				return failure(exitPartial, "not everything came; the next pull asks for it again")
			}
			if s.Refused > 0 {
				return failure(exitPartial, "%d resources were refused, the rest is stored", s.Refused)
			}
			return nil
		},
	}
	c.Flags().StringVar(&req.Level, "export", "", "system, Patient or Group/ID, in place of the setting ehr-export")
	c.Flags().StringSliceVar(&req.Types, "types", nil, "resource types, in place of the setting ehr-types")
	c.Flags().BoolVar(&req.Full, "full", false, "everything, not what has changed since the last pull")
	c.Flags().BoolVar(&req.Wait, "wait", true, "return only when timelines and index have followed")
	return c
}

func printPull(w io.Writer, s ember.PullSummary) {
	since := "everything"
	if s.Since != "" {
		since = "what has changed since " + s.Since
	}
	if s.Resumed {
		since += ", taken up again"
	}
	fmt.Fprintf(w, "%s: %d resources in %d files: %d created, %d updated, %d unchanged, %d deleted, %d refused (%.1f s)\n",
		since, s.Read, s.Files, s.Created, s.Updated, s.Unchanged, s.Deleted, s.Refused, s.Seconds)
	for _, problem := range s.Problems {
		fmt.Fprintf(w, "  %s\n", problem)
	}
}
