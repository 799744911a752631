package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ember/aiaas"
)

// waves measures the families for series on record 100 of MIT-BIH: atrial
// premature beats (A) against normal ones (N). There is one subject, so the first
// 70 % of the time are learned from and the rest is looked at once; within the
// first part, minutes take the place of subjects. Each line is JSON.
//
//	go run ./bench/aiaas waves
func waves(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("waves", flag.ContinueOnError)
	folder := f.String("waveforms", "../shared/data/waveforms", "folder with mitdb-100")
	seed := f.Uint64("seed", 1, "seed")
	threads := f.Int("threads", 2, "threads")
	if err := f.Parse(args); err != nil {
		return err
	}
	train, test, err := beats(ctx, *folder)
	if err != nil {
		return err
	}
	for _, name := range []string{"prior", "linear", "trees", "wave-cnn", "wave-lstm", "wave-gru"} {
		family, err := aiaas.FamilyNamed(aiaas.Families(), name)
		if err != nil {
			return err
		}
		began := time.Now()
		m, err := family.Fit(ctx, train, aiaas.Fitting{Seed: *seed, Threads: *threads})
		if err != nil {
			return err
		}
		more := map[string]any{"family": name, "fitSeconds": time.Since(began).Seconds()}
		p, err := m.Predict(ctx, test)
		if err != nil {
			return err
		}
		if err := report(ctx, "mitdb-100", "last 30 %", test, p, more); err != nil {
			return err
		}
	}
	return nil
}

// beats are the normal and the atrial premature beats before and after 70 % of
// the record, with the beat before each in the window: what makes one premature
// is when it comes. The one ventricular beat is too few to learn from.
func beats(ctx context.Context, folder string) (train, test *aiaas.Dataset, err error) {
	var files []*os.File
	for _, end := range []string{".hea", ".dat", ".atr"} {
		f, err := os.Open(filepath.Join(folder, "mitdb-100"+end))
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		files = append(files, f)
	}
	d, err := aiaas.ReadWFDB(ctx, "mitdb-100", files[0], files[1], files[2], aiaas.WFDB{Before: .9, After: .45}, aiaas.Limits{})
	if err != nil {
		return nil, nil, err
	}
	normal, early := slices.Index(d.Classes, "N"), slices.Index(d.Classes, "A")
	if normal < 0 || early < 0 {
		return nil, nil, errors.New("no beats N and A")
	}
	const samples, minute = 650_000, 60 * 360
	var before, after []int
	for i, of := range d.Labels {
		switch {
		case of[0] == normal:
			d.Labels[i] = []int{0}
		case of[0] == early:
			d.Labels[i] = []int{1}
		default:
			continue
		}
		d.Subject[i] = fmt.Sprint("minute ", d.Places[i].Line/minute)
		if d.Places[i].Line < samples*7/10 {
			before = append(before, i)
		} else {
			after = append(after, i)
		}
	}
	d.Classes = []string{"N", "A"}
	return d.Take(before), d.Take(after), nil
}
