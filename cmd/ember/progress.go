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

// display shows the progress of a long command on standard error: a bar on a
// terminal, a line a stage elsewhere, nothing with --quiet or --json.
type display struct {
	off, terminal bool
	stage         string
	total         int
	bar           *progressbar.ProgressBar
}

func (p *program) display() *display {
	info, err := os.Stderr.Stat()
	return &display{off: p.quiet || p.json, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// show implements ember.Progress.
func (d *display) show(stage string, done, total int) {
	switch {
	case d.off:
		return
	case !d.terminal:
		if stage != d.stage {
			d.stage = stage
			fmt.Fprintf(os.Stderr, "%s …\n", stage)
		}
		return
	case stage != d.stage || total != d.total:
		d.finish()
		d.stage, d.total = stage, total
		d.bar = newBar(stage, total)
	}
	if err := d.bar.Set(done); err != nil {
		d.off = true // a bar that cannot be drawn must not stop the work
	}
}

// newBar is a bar with count, rate and the time left, or without total a count.
func newBar(stage string, total int) *progressbar.ProgressBar {
	if total <= 0 {
		total = -1
	}
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(fmt.Sprintf("%-26s", stage)),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(24), progressbar.OptionSpinnerType(14))
}

func (d *display) finish() {
	if d.bar == nil {
		return
	}
	if err := d.bar.Finish(); err == nil {
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
