package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ember"
	"ember/recommender/eval"
)

func (p *program) train() *cobra.Command {
	return &cobra.Command{
		Use: "train", Short: "Train the recommender on what is loaded", Args: cobra.NoArgs,
		Long: `Train a new version of the recommender in a child process of low priority, measure
it on patients it has not seen, and serve it if it is not worse than the baseline;
otherwise the baseline goes on serving and is named in every answer.`,
		Example: "  ember train\n  ember train --json | jq .decision",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var out ember.TrainSummary
			if err := p.adminRun(cmd.Context(), c, "/admin/train", struct{}{}, &out); err != nil {
				return err
			}
			return p.print(out, func(w io.Writer) { printTrain(w, out) })
		},
	}
}

func (p *program) adminRun(ctx context.Context, c *client, path string, body, result any) error {
	return p.display().run(func(each func([]byte) error) error { return c.stream(ctx, path, body, each) }, nil, result)
}

func printTrain(w io.Writer, s ember.TrainSummary) {
	fmt.Fprintf(w, "%s version %s: %d patients, %.1f s\n", s.Name, s.Version, s.Patients, s.Seconds)
	fmt.Fprintf(w, "%s\n", s.Decision)
	if n := len(s.Damaged); n > 0 {
		fmt.Fprintf(w, "left out: %d patients whose timelines are damaged; they are made anew now\n", n)
	}
}

func (p *program) eval() *cobra.Command {
	req := ember.EvalRequest{}
	var out, page string
	c := &cobra.Command{
		Use: "eval", Short: "Measure recommendation quality on what is loaded", Args: cobra.NoArgs,
		Long: `Train and test on disjoint patients and print the leaderboard: every baseline, the
ranker, and the difference to the best baseline with its 95 % interval.

--export writes a line of JSON for every decision: what was known and ordered, scores
and metrics. That is patients' data, readable by the owner of the file only.`,
		Example: "  ember eval\n  ember eval --external other-hospital/ --landmark 24\n  ember eval --task T1-new --folds 5 --out eval.json\n  ember eval --html eval.html --learning-curve .1,.3",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			if err := absolute(req.External, &req.Export); err != nil {
				return exitError{exitUsage, err}
			}
			var report ember.EvalSummary
			if err := p.adminRun(cmd.Context(), c, "/admin/eval", req, &report); err != nil {
				return err
			}
			if out != "" {
				if err := os.WriteFile(out, append(report.Report, '\n'), 0o600); err != nil {
					return exitError{exitFailure, err}
				}
			}
			if page != "" {
				if err := writePage(page, report.Report); err != nil {
					return exitError{exitFailure, err}
				}
			}
			if p.json {
				_, err := os.Stdout.Write(append(report.Report, '\n'))
				return err
			}
			fmt.Print(report.Text)
			return nil
		},
	}
	c.Flags().StringSliceVar(&req.Tasks, "task", nil, strings.Join(eval.Tasks(), ", ")+" (default: all)")
	c.Flags().IntVar(&req.Folds, "folds", 0, "test every patient once in so many folds (default: one 70/10/20 split)")
	c.Flags().BoolVar(&req.BySite, "by-site", false, "folds by site instead of by patient")
	c.Flags().BoolVar(&req.ByTime, "by-time", false, "train on the first four fifths of the decisions, test on the rest")
	c.Flags().StringSliceVar(&req.External, "external", nil, "train on all that is loaded, test on these files and folders of another site")
	c.Flags().IntSliceVar(&req.Moments, "landmark", nil, "hours since admission at which stays are judged (default 6,24)")
	c.Flags().StringVar(&req.Export, "export", "", "also write every decision with scores and metrics to this file, as lines of JSON")
	c.Flags().IntVar(&req.Reps, "bootstrap", 2000, "bootstrap repetitions")
	c.Flags().StringVar(&out, "out", "", "also write JSON to this file")
	c.Flags().StringVar(&page, "html", "", "also write a page with plots to this file")
	c.Flags().Float64SliceVar(&req.Shares, "learning-curve", nil, "also train on these shares of the patients, such as .1,.3")
	return c
}

// absolute makes paths mean the same to the process that owns the directory.
func absolute(paths []string, file *string) (err error) {
	for i := range paths {
		if paths[i], err = filepath.Abs(paths[i]); err != nil {
			return err
		}
	}
	if *file != "" {
		*file, err = filepath.Abs(*file)
	}
	return err
}

// writePage makes the page of a report in JSON.
func writePage(path string, report []byte) error {
	var r eval.Report
	if err := json.Unmarshal(report, &r); err != nil {
		return fmt.Errorf("the report: %w", err)
	}
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		return err
	}
	_, err := save(path, &b)
	return err
}

func (p *program) trainChild() *cobra.Command {
	var job string
	c := &cobra.Command{
		Use: "train-child", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := ember.RunChild(cmd.Context(), p.config, job, os.Stdin, os.Stdout); err != nil {
				return exitError{exitFailure, err}
			}
			return nil
		},
	}
	c.Flags().StringVar(&job, "job", "", "train or eval")
	return c
}
