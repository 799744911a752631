package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ember"
	"ember/synth"
)

func (p *program) synth() *cobra.Command {
	opt := synth.Options{}
	c := &cobra.Command{
		Use: "synth OUT", Short: "Make a synthetic hospital", Args: cobra.ExactArgs(1),
		Long: "Write the FHIR resources of a synthetic hospital, one NDJSON file a type, into the\nfolder OUT. The same seed gives the same bytes, and patient n is the same however\nmany there are.",
		Example: "  ember synth --patients 2000 --seed 1 hospital\n" +
			"  ember synth --patients 1000000 --profile lean --gzip big",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opt.Validate(); err != nil {
				return exitError{exitUsage, err}
			}
			d := p.display()
			stats, err := synth.Write(cmd.Context(), args[0], opt, func(done, total int) { d.show("patients", done, total) })
			d.finish()
			if err != nil {
				return exitError{exitFailure, err}
			}
			return p.print(stats, func(w io.Writer) {
				fmt.Fprintf(w, "%d patients, %d resources in %s\n", stats.Patients, stats.Resources, args[0])
			})
		},
	}
	c.Flags().IntVar(&opt.Patients, "patients", 2000, "how many patients")
	c.Flags().Uint64Var(&opt.Seed, "seed", 1, "seed")
	c.Flags().StringVar(&opt.Profile, "profile", "full", "full (about 120 resources a patient) or lean (about 25)")
	c.Flags().BoolVar(&opt.Gzip, "gzip", false, "compress the files")
	c.Flags().BoolVar(&opt.Oracle, "oracle", false, "write the true probability of each decision to .oracle.ndjson")
	return c
}

func (p *program) load() *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use: "load PATH...", Short: "Load FHIR resources", Args: cobra.MinimumNArgs(1),
		Long: `Load files and folders: Bundles, NDJSON, single resources, also in .gz and .zip;
"-" is standard input. What is reported as stored is durable. Loading the same
again changes nothing. Refused input is named with file, entry and path; the rest
is stored (in a transaction Bundle: nothing), and the exit code is 3.`,
		Example: "  ember load hospital\n  ember load bundles.zip more/*.ndjson.gz\n  zcat export.ndjson.gz | ember load -",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var s ember.LoadSummary
			shown := 0
			issue := func(i ember.Issue) {
				if shown++; shown <= 20 && !p.json {
					fmt.Fprintf(os.Stderr, "%s: %s: %s\n", i.Severity, i.Path, i.Detail)
				}
			}
			if err := p.display().run(loadStream(cmd.Context(), c, args, wait), issue, &s); err != nil {
				return err
			}
			if shown > 20 && !p.json {
				fmt.Fprintf(os.Stderr, "… and %d more issues; --json names them by kind\n", shown-20)
			}
			if err := p.print(s, func(w io.Writer) { printLoad(w, s) }); err != nil {
				return err
			}
			if s.Refused > 0 {
				return failure(exitPartial, "%d entries were refused, the rest is stored", s.Refused)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&wait, "wait", true, "return only when timelines and index have followed")
	return c
}

func loadStream(ctx context.Context, c *client, args []string, wait bool) func(func([]byte) error) error {
	if slices.Contains(args, "-") {
		return func(each func([]byte) error) error {
			if len(args) > 1 {
				return failure(exitUsage, `"-" stands alone`)
			}
			resp, err := c.call(ctx, "POST", fmt.Sprintf("/admin/load-stream?wait=%t", wait), os.Stdin)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			return eachLine(resp.Body, each)
		}
	}
	return func(each func([]byte) error) error {
		paths := make([]string, len(args))
		for i, a := range args {
			path, err := filepath.Abs(a)
			if err != nil {
				return failure(exitUsage, "%w", err)
			}
			if _, err := os.Stat(path); err != nil {
				return failure(exitNotFound, "%w", err)
			}
			paths[i] = path
		}
		return c.stream(ctx, "/admin/load", ember.LoadRequest{Paths: paths, Wait: wait}, each)
	}
}

func printLoad(w io.Writer, s ember.LoadSummary) {
	fmt.Fprintf(w, "%d resources read: %d created, %d updated, %d unchanged, %d deleted, %d refused (%.1f s)\n",
		s.Read, s.Created, s.Updated, s.Unchanged, s.Deleted, s.Refused, s.Seconds)
	for _, k := range s.Kinds {
		fmt.Fprintf(w, "  %6d × %s %s: %s\n", k.Count, k.Severity, k.Code, k.Detail)
	}
}

func (p *program) reindex() *cobra.Command {
	return &cobra.Command{
		Use: "reindex", Short: "Rebuild timelines and index from the stored resources", Args: cobra.NoArgs,
		Long:    "Needed after the site's terms have changed. A server goes on answering from the\nold index meanwhile.",
		Example: "  ember reindex",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var out ember.ReindexSummary
			err = p.display().run(func(each func([]byte) error) error {
				return c.stream(cmd.Context(), "/admin/reindex", struct{}{}, each)
			}, nil, &out)
			if err != nil {
				return err
			}
			return p.print(out, func(w io.Writer) { fmt.Fprintf(w, "%d patients rebuilt (%.1f s)\n", out.Patients, out.Seconds) })
		},
	}
}

func (p *program) backup() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Write all resources and models to one file, while serving", Args: cobra.ExactArgs(1),
		Long:    "The file is sealed like the store: without the key file it is noise, and the key is\nnot in it. Keep a copy of the key elsewhere. The file gets its name when it is whole.",
		Example: "  ember backup ember-2026-11.tar",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return failure(exitUsage, "%w", err)
			}
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var out ember.BackupSummary
			if err := p.adminRun(cmd.Context(), c, "/admin/backup", ember.BackupRequest{Path: path}, &out); err != nil {
				return err
			}
			return p.print(out, func(w io.Writer) { fmt.Fprintf(w, "%s: %d bytes (%.1f s)\n", out.Path, out.Bytes, out.Seconds) })
		},
	}
}

func (p *program) restore() *cobra.Command {
	return &cobra.Command{
		Use: "restore FILE", Short: "Fill an empty data directory from a backup", Args: cobra.ExactArgs(1),
		Long:    "Timelines and index are rebuilt at the next start. Put the key file beside it, or\nname it with key-file.",
		Example: "  ember --data restored restore ember-2026-11.tar",
		RunE: func(cmd *cobra.Command, args []string) error {
			in := io.Reader(os.Stdin)
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return exitError{exitNotFound, err}
				}
				defer f.Close()
				in = f
			}
			if err := ember.Restore(cmd.Context(), p.config, in); err != nil {
				return openFailure(err)
			}
			return p.print(map[string]any{"data": p.config.Data}, func(w io.Writer) { fmt.Fprintf(w, "restored into %s\n", p.config.Data) })
		},
	}
}

func (p *program) erase() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "erase PATIENT", Short: "Erase everything of a patient, all versions, for good", Args: cobra.ExactArgs(1),
		Example: "  ember erase Patient/123 --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return failure(exitUsage, "erasing cannot be undone: say --yes")
			}
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			patient := strings.TrimPrefix(args[0], "Patient/")
			var out ember.EraseSummary
			err = p.display().run(func(each func([]byte) error) error {
				return c.stream(cmd.Context(), "/admin/erase", ember.EraseRequest{Patient: patient}, each)
			}, nil, &out)
			if err != nil {
				return err
			}
			return p.print(out, func(w io.Writer) { fmt.Fprintln(w, "erased") })
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "really")
	return c
}
