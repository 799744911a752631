package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"ember/aiaas"
)

func (p *program) job() *cobra.Command {
	c := &cobra.Command{
		Use: "job", Short: "List, watch and cancel trainings of models",
		Long: `Trainings run one at a time, in a child process of low priority. One that was cut
off is taken up again: by a server when it starts, else by ember job watch.`,
	}
	watch := &cobra.Command{
		Use: "watch ID", Short: "Follow a job to its end", Args: cobra.ExactArgs(1), Example: "  ember job watch 7\n  ember job watch 7 --json | jq .board",
		ValidArgsFunction: p.complete("/v1/jobs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), func(c *client) error {
				j, err := c.follow(cmd.Context(), args[0], p.display())
				if err != nil {
					return err
				}
				return errors.Join(p.print(j, func(w io.Writer) { printJob(w, j) }), jobFailure(j))
			})
		},
	}
	cancel := &cobra.Command{
		Use: "cancel ID", Short: "End a job that waits or runs", Args: cobra.ExactArgs(1), Example: "  ember job cancel 7",
		ValidArgsFunction: p.complete("/v1/jobs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), func(c *client) error {
				if err := c.ask(cmd.Context(), http.MethodDelete, "/v1/jobs/"+url.PathEscape(args[0]), nil, nil); err != nil {
					return err
				}
				return p.print(map[string]string{"cancelled": args[0]}, func(w io.Writer) { fmt.Fprintf(w, "job %s is cancelled\n", args[0]) })
			})
		},
	}
	c.AddCommand(p.jobList(), watch, cancel)
	return c
}

func (p *program) jobList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List jobs, newest first", Args: cobra.NoArgs, Example: "  ember job list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), func(c *client) error {
				var all struct {
					Jobs []aiaas.Job `json:"jobs"`
				}
				if err := c.ask(cmd.Context(), http.MethodGet, "/v1/jobs", nil, &all); err != nil {
					return err
				}
				return p.print(all.Jobs, func(w io.Writer) { printJobs(w, all.Jobs) })
			})
		},
	}
}

func printJobs(w io.Writer, all []aiaas.Job) {
	t := newTable(w, "job", "model", "dataset", "state", "", "asked for")
	for _, j := range all {
		about := j.Error
		switch j.State {
		case aiaas.Running:
			about = stageText(j)
		case aiaas.Done:
			about = fmt.Sprintf("version %s, %s", j.Version, j.Family)
		}
		t.AppendRow(table.Row{j.ID, j.Request.Model, j.Request.Dataset, j.State, about, j.Created.Format(minute)})
	}
	t.Render()
}

// jobFailure is the error of a job that came to nothing.
func jobFailure(j aiaas.Job) error {
	switch j.State {
	case aiaas.Done:
		return nil
	case aiaas.Failed:
		return failure(exitFailure, "job %s failed: %s", j.ID, j.Error)
	}
	return failure(exitFailure, "job %s is %s", j.ID, j.State)
}

// follow shows a job's progress until it has ended. A server ends the stream after
// a while; then it is asked again.
func (c *client) follow(ctx context.Context, id string, d *display) (j aiaas.Job, err error) {
	defer d.finish()
	for !j.State.Final() {
		resp, err := c.call(ctx, http.MethodGet, "/v1/jobs/"+url.PathEscape(id)+"/events", nil)
		if err != nil {
			return j, c.leaving(ctx, id, err)
		}
		said := false
		err = eachLine(resp.Body, func(line []byte) error {
			said, j = true, aiaas.Job{}
			if err := json.Unmarshal(line, &j); err != nil {
				return failure(exitFailure, "reading what the job says: %w", err)
			}
			d.job(j)
			return nil
		})
		resp.Body.Close()
		if err == nil && !said {
			err = failure(exitFailure, "the server does not say how job %s stands", id)
		}
		if err != nil {
			return j, c.leaving(ctx, id, err)
		}
	}
	return j, nil
}

// leaving tells who breaks off how the job goes on.
func (c *client) leaving(ctx context.Context, id string, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if c.inProcess() {
		return failure(exitFailure, "job %s waits; ember job watch %s takes it up again, ember job cancel %s ends it", id, id, id)
	}
	return failure(exitFailure, "job %s goes on in the server; ember job watch %s follows it, ember job cancel %s ends it", id, id, id)
}

// inProcess reports that there is no server: what runs ends with this command.
func (c *client) inProcess() bool {
	_, here := c.http.Transport.(inProcess)
	return here
}

const shareSteps = 1000

// job shows where a job stands: a bar on a terminal, else a line a stage.
func (d *display) job(j aiaas.Job) {
	if d.off || j.State.Final() {
		return
	}
	stage := j.Stage
	switch {
	case j.State == aiaas.Queued:
		stage = "waiting for its turn"
	case stage == "":
		stage = "starting"
	}
	if !d.terminal {
		d.show(stage, 0, 0)
		return
	}
	if stage != d.stage || d.bar == nil {
		d.finish()
		d.stage, d.total = stage, shareSteps
		d.bar = progressbar.NewOptions(shareSteps, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionSetWidth(24))
	}
	d.bar.Describe(fmt.Sprintf("%-48.48s", stageText(j)))
	if err := d.bar.Set(min(int(j.Share*shareSteps), shareSteps-1)); err != nil {
		d.off = true
	}
}

// stageText is a running job's stage in words: what is fitted, its loss, the time
// it will take still.
func stageText(j aiaas.Job) string {
	text := j.Stage
	if j.Note != "" {
		text += ": " + j.Note
	}
	if j.Left >= 1 {
		text += fmt.Sprintf(", %s left", (time.Duration(j.Left) * time.Second).String())
	}
	return text
}
