package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"ember"
)

// display shows the progress of a long command on standard error: a bar for a
// person, nothing with --quiet or --json.
type display struct {
	off   bool
	stage string
	bar   *progressbar.ProgressBar
}

func (p *program) display() *display { return &display{off: p.quiet || p.json} }

// show implements ember.Progress.
func (d *display) show(stage string, done, total int) {
	if d.off {
		return
	}
	if stage != d.stage {
		d.finish()
		d.stage = stage
		options := []progressbar.Option{
			progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(fmt.Sprintf("%-22s", stage)),
			progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionSetRenderBlankState(true),
		}
		if total <= 0 {
			total = -1
		}
		d.bar = progressbar.NewOptions(total, options...)
	}
	if total > 0 && d.bar.GetMax() != total {
		d.bar.ChangeMax(total)
	}
	if err := d.bar.Set(done); err != nil {
		d.off = true // a bar that cannot be drawn must not stop the work
	}
}

func (d *display) finish() {
	if d.bar == nil {
		return
	}
	if err := d.bar.Exit(); err == nil {
		fmt.Fprintln(os.Stderr)
	}
	d.bar = nil
}

// run follows the messages of a long command and decodes its result into result.
func (d *display) run(stream func(each func([]byte) error) error, issue func(ember.Issue), result any) error {
	defer d.finish()
	done := false
	err := stream(func(line []byte) error {
		var m ember.Message
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("reading the server's answer: %w", err)
		}
		switch {
		case m.Error != "":
			return exitError{exitFailure, errors.New(m.Error)}
		case m.Issue != nil:
			if issue != nil {
				issue(*m.Issue)
			}
		case m.Result != nil:
			done = true
			return json.Unmarshal(m.Result, result)
		default:
			d.show(m.Stage, m.Done, m.Total)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !done {
		return failure(exitFailure, "the server stopped before it was done")
	}
	return nil
}
