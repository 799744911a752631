package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"

	"github.com/spf13/cobra"

	"ember/aiaas"
)

// trained is what a training says with --json.
type trained struct {
	Dataset  aiaas.DatasetInfo `json:"dataset"`
	Findings []aiaas.Finding   `json:"findings"`
	Job      aiaas.Job         `json:"job"`
}

func (p *program) modelTrain() *cobra.Command {
	f := &jobFile{}
	detach := false
	c := &cobra.Command{
		Use: "train FILE.toml | --model NAME DATA...", Short: "Make a version of a model: upload, inspect, choose, measure, serve",
		Long: `Make a version of a model as a job file says (ember model new writes one), or as
flags say; flags go before the file. The data is uploaded unless it is there already,
and what is wrong with it is said. Every family that suits it is tried on folds by
subject; the simplest that is within one standard error of the best is fitted to
everything, and served if it is not worse than what serves.

The command stays to the end of the training. With a server running, --detach leaves
the job to it.`,
		Example: "  ember model train tabular.toml\n" +
			"  ember model train tabular.toml --seconds 60 --families linear,trees\n" +
			"  ember model train --model readmission visits.csv --label readmitted --subject patient\n" +
			"  ember model train --model xrays images.idx3-ubyte.gz labels.idx1-ubyte.gz --seconds 300",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && (f.Model == "" || f.Dataset == "") {
				return failure(exitUsage, "name a job file, data to learn from, or --model and a --dataset that was uploaded")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.read(cmd, args); err != nil {
				return err
			}
			return p.with(cmd.Context(), func(c *client) error {
				if detach && c.inProcess() {
					return failure(exitUsage, "--detach leaves the job to a server, and none runs on %s", p.config.Data)
				}
				return p.trainModel(cmd.Context(), c, f, detach)
			})
		},
	}
	f.flags(c.Flags())
	c.Flags().BoolVar(&detach, "detach", false, "do not wait for the end")
	return c
}

// read takes a job file, or the files of a dataset, and checks what is to be said.
func (f *jobFile) read(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && filepath.Ext(args[0]) == ".toml" {
		if len(args) > 1 {
			return failure(exitUsage, "a job file stands alone: it names its data")
		}
		if err := over(cmd.Flags(), func() error { return readJobFile(args[0], f) }); err != nil {
			return err
		}
	} else {
		f.Data = args
	}
	switch {
	case f.Model == "":
		return failure(exitUsage, "the model has no name: say --model, or model = in the job file")
	case f.Model == recommenderName:
		return failure(exitUsage, "%s is made by ember train", recommenderName)
	case len(f.Data) == 0 && f.Dataset == "":
		return failure(exitUsage, "there is no data: name files, or a dataset that was uploaded")
	}
	if _, err := size(f.Data); err != nil || f.Dataset != "" {
		return err
	}
	name, err := contentName(f.Model, &f.Schema, f.Data)
	f.Dataset = name
	return err
}

func (p *program) trainModel(ctx context.Context, c *client, f *jobFile, detach bool) error {
	u, err := c.ensure(ctx, f.Dataset, &f.Schema, f.Data, p.display())
	if err != nil {
		return err
	}
	out := trained{Dataset: u.Dataset, Findings: u.Report.Findings}
	if !p.json {
		if err := p.print(nil, func(w io.Writer) { printFindings(w, u) }); err != nil {
			return err
		}
	}
	if err := c.ask(ctx, http.MethodPost, "/v1/jobs", f.request(), &out.Job); err != nil {
		return err
	}
	if detach {
		return p.print(out, func(w io.Writer) { fmt.Fprintf(w, "job %[1]s: ember job watch %[1]s follows it\n", out.Job.ID) })
	}
	if out.Job, err = c.follow(ctx, out.Job.ID, p.display()); err != nil {
		return err
	}
	return errors.Join(p.print(out, func(w io.Writer) { printJob(w, out.Job) }), jobFailure(out.Job))
}

// printFindings says what the data is and what is wrong with it.
func printFindings(w io.Writer, u uploaded) {
	d := u.Dataset
	fmt.Fprintf(w, "%s: %s, %d samples of %d subjects", d.Name, d.Task, d.Samples, d.Subjects)
	if len(d.Classes) > 0 {
		fmt.Fprintf(w, ", %d classes", len(d.Classes))
	}
	fmt.Fprintln(w)
	for _, f := range u.Report.Findings {
		fmt.Fprintf(w, "  %s: %s\n", f.Fault, f.Words)
	}
}
