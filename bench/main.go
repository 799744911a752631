// Package main measures Ember: `go run ./bench PART…` runs parts of the
// measurement and keeps their figures, `go run ./bench report` writes
// docs/performance.md from what is kept. No figure in that page is written by
// hand.
//
// Everything is measured from outside, on the program as it is shipped, in
// processor time (user and system, of the server's process alone) with wall time
// beside it; what is compared runs in the same call, in turns, and the first turn
// is discarded.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// bench is what all parts share.
type bench struct {
	ember string // the program measured
	data  string // folder of shared measurement data
	out   string // where figures are kept between parts
	page  string // the page that is written
	turns int    // counted turns, after one that is discarded
	tmp   string // working folder, removed at the end
}

// errSkipped: what a part needs is not on this machine.
var errSkipped = errors.New("skipped")

type part struct {
	name  string
	bound time.Duration
	run   func(context.Context, *bench) (any, error)
}

func parts() []part {
	return []part{
		{"size", time.Minute, measureSize},
		{"load", 20 * time.Minute, measureLoad},
		{"lean", 20 * time.Minute, measureLean},
		{"ask", 20 * time.Minute, measureAsk},
		{"fhir", 20 * time.Minute, measureFHIR},
		{"cds", 20 * time.Minute, measureCDS},
		{"scorer", 10 * time.Minute, measureScorer},
		{"models", 10 * time.Minute, measureModels},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var b bench
	flag.StringVar(&b.ember, "ember", "bin/ember", "the program to measure")
	flag.StringVar(&b.data, "shared", "../shared/data", "folder with the public data sets")
	flag.StringVar(&b.out, "out", "bin/bench", "where figures are kept")
	flag.StringVar(&b.page, "page", "docs/performance.md", "the page to write")
	flag.IntVar(&b.turns, "turns", 3, "counted turns of each measurement")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: bench [flags] [size|load|lean|ask|fhir|cds|scorer|models|report]…  (none: all parts, then report)\n       bench profile load|ask|infer OUT.pprof")
		flag.PrintDefaults()
	}
	flag.Parse()
	var err error
	if b.tmp, err = os.MkdirTemp("", "ember-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.tmp)
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	names := flag.Args()
	if len(names) > 0 && names[0] == "profile" {
		return profile(ctx, &b, names[1:])
	}
	if len(names) == 0 {
		for _, p := range parts() {
			names = append(names, p.name)
		}
		names = append(names, "report")
	}
	for _, name := range names {
		if err := b.step(ctx, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// step runs one part within its bound and keeps its figures.
func (b *bench) step(ctx context.Context, name string) error {
	if name == "report" {
		return b.report()
	}
	all := parts()
	i := slices.IndexFunc(all, func(p part) bool { return p.name == name })
	if i < 0 {
		return errors.New("there is no such part")
	}
	ctx, cancel := context.WithTimeout(ctx, all[i].bound)
	defer cancel()
	figures, err := all[i].run(ctx, b)
	if errors.Is(err, errSkipped) {
		fmt.Printf("%s: %v\n", name, err)
		return nil
	}
	if err != nil {
		return err
	}
	return b.keep(name, figures)
}

func (b *bench) keep(name string, figures any) error {
	text, err := json.MarshalIndent(figures, "", " ")
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s\n", name, text)
	return os.WriteFile(filepath.Join(b.out, name+".json"), text, 0o644)
}

// kept reads the figures of a part; ok is false when it was not measured.
func (b *bench) kept(name string, figures any) (ok bool, err error) {
	text, err := os.ReadFile(filepath.Join(b.out, name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(text, figures)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
