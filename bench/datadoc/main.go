// Package main shows what Ember makes of real input: `go run ./bench/datadoc`
// loads everything of ../shared/data, counts what arrived, what it means and
// what the rules say of the orders in it, and writes docs/data.md. No figure in
// that page is written by hand.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"ember/recommender/safety"
	"ember/terms"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "datadoc:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	data := flag.String("data", "../shared/data", "folder of the measurement data")
	out := flag.String("out", "docs/data.md", "page to write")
	flag.Parse()
	s, err := newSurveyor(time.Now)
	if err != nil {
		return err
	}
	var all []*survey
	for _, src := range sources {
		fmt.Fprintln(os.Stderr, "reading", src.name)
		one, err := s.survey(ctx, src, *data)
		if err != nil {
			return fmt.Errorf("%s: %w", src.name, err)
		}
		all = append(all, one)
	}
	return os.WriteFile(*out, []byte(page(all, s)), 0o644)
}

// source is one part of the data.
type source struct {
	name  string
	paths []string
	about string
	// orders: its orders were made, really or by simulation, in the course of
	// care, so that judging them says something.
	orders bool
	heavy  bool // left out by the test, counted in the page
}

var sources = []source{
	{"Synthea export", []string{"synthea-ma/ndjson"}, "simulated, 200 patients, NDJSON", true, true},
	{"Synthea bundles", []string{"synthea-ma/bundles.zip"}, "simulated, 40 patients, transactions with conditional references", true, false},
	{"eICU demo", []string{"eicu-demo-fhir"}, "real, de-identified, 914 patients in intensive care", true, false},
	{"HL7 examples", []string{"fhir-examples/hl7-r4-examples.ndjson.gz"}, "the specification's own", false, false},
	{"US Core examples", []string{"fhir-examples/us-core-9-examples.ndjson.gz"}, "the guide's own", false, false},
	{"Validator cases", []string{"fhir-examples/validator-cases.zip"}, "valid ones and ones broken on purpose", false, false},
}

func (s source) in(data string) []string {
	paths := make([]string, len(s.paths))
	for i, p := range s.paths {
		paths[i] = filepath.Join(data, p)
	}
	return paths
}

// surveyor holds what all sources are read with.
type surveyor struct {
	terms *terms.Terms
	rules *safety.Checker
	now   func() time.Time
}

func newSurveyor(now func() time.Time) (*surveyor, error) {
	t, err := terms.Default()
	if err != nil {
		return nil, err
	}
	rules, err := safety.New(t, "")
	if err != nil {
		return nil, err
	}
	return &surveyor{t, rules, now}, nil
}
