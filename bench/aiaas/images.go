package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ember/aiaas"
	"ember/learn"
)

// images measures the family cnn on PneumoniaMNIST: out of fold on the training
// file, by which everything was chosen, then, when asked for, once on the
// validation file. Each line is JSON.
//
//	go run ./bench/aiaas images -final
func images(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("images", flag.ContinueOnError)
	folder := f.String("images", "../shared/data/images", "folder with the files of pneumoniamnist")
	final := f.Bool("final", false, "look at the validation file")
	keep := f.String("keep", "", "folder for finished folds, so that a run that is cut off goes on")
	seed := f.Uint64("seed", 1, "seed")
	threads := f.Int("threads", 2, "threads")
	if err := f.Parse(args); err != nil {
		return err
	}
	d, err := pneumonia(ctx, *folder, "train")
	if err != nil {
		return err
	}
	model, err := imageFolds(ctx, d, aiaas.Choosing{Only: []string{"cnn"}, Seed: *seed, Threads: *threads, Now: time.Now, Folder: *keep})
	if err != nil || !*final {
		return err
	}
	check, err := pneumonia(ctx, *folder, "val")
	if err != nil {
		return err
	}
	p, err := model.Predict(ctx, check)
	if err != nil {
		return err
	}
	return report(ctx, "pneumoniamnist", "validation", check, p, nil)
}

// imageFolds measures each fold and all of them, and gives the model of the whole
// training file.
func imageFolds(ctx context.Context, d *aiaas.Dataset, o aiaas.Choosing) (aiaas.Model, error) {
	last := time.Now()
	o.Progress = func(p aiaas.Progress) {
		if p.Note == "" && p.Done*6 < 5.01 { // the refit begins after five sixths
			last = time.Now()
		}
	}
	c, err := aiaas.Choose(ctx, d, aiaas.Families(), o)
	if err != nil {
		return nil, err
	}
	fit := time.Since(last)
	fold := learn.KFold(d.Subject, 5)
	for k := range 5 {
		var rows []int
		var p []float32
		for i, g := range fold {
			if g == k {
				rows = append(rows, i)
				p = append(p, c.OutOf[2*i:2*i+2]...)
			}
		}
		if err := report(ctx, "pneumoniamnist", fmt.Sprint("fold ", k), d.Take(rows), p, nil); err != nil {
			return nil, err
		}
	}
	more := map[string]any{"fitSeconds": fit.Seconds(), "threads": o.Threads}
	if n, ok := c.Model.(interface{ Parameters() int }); ok {
		more["parameters"] = n.Parameters()
	}
	return c.Model, report(ctx, "pneumoniamnist", "out of fold", d, c.OutOf, more)
}

// pneumonia reads one side of the data set.
func pneumonia(ctx context.Context, folder, side string) (*aiaas.Dataset, error) {
	images, err := os.Open(filepath.Join(folder, "pneumoniamnist-"+side+"-images.idx3-ubyte.gz"))
	if err != nil {
		return nil, err
	}
	defer images.Close()
	labels, err := os.Open(filepath.Join(folder, "pneumoniamnist-"+side+"-labels.idx1-ubyte.gz"))
	if err != nil {
		return nil, err
	}
	defer labels.Close()
	return aiaas.ReadIDX(ctx, "pneumoniamnist-"+side, images, labels, aiaas.Limits{})
}

// report prints what was measured as a line of JSON.
func report(ctx context.Context, data, part string, d *aiaas.Dataset, p []float32, more map[string]any) error {
	r, err := aiaas.Measure(ctx, d, p, aiaas.Measuring{Reps: 1000})
	if err != nil {
		return err
	}
	line := map[string]any{"data": data, "part": part, "samples": r.Samples, "confusion": r.Confusion}
	for _, name := range []string{"auroc", "prauc", "accuracy", "logloss", "ece"} {
		if e, ok := r.Measures[name]; ok {
			line[name] = e
		}
	}
	recall := map[string]float64{}
	for _, c := range r.ByClass {
		recall[c.Class] = c.Recall
	}
	line["recall"] = recall
	for k, v := range more {
		line[k] = v
	}
	return json.NewEncoder(os.Stdout).Encode(line)
}
