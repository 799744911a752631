package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"time"

	"ember"
)

// profileLoad loads the Synthea export into an Ember opened in this process and
// writes a CPU profile: profile OUT.pprof [Type…], all types if none are named.
func profileLoad(ctx context.Context, b *bench, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("profile: where to write the profile?")
	}
	files, err := synthea(b)
	if err != nil {
		return err
	}
	if types := args[1:]; len(types) > 0 {
		files = slices.DeleteFunc(files, func(f string) bool {
			without := types[0] == "-"
			return slices.Contains(types, typeOf(f)) == without
		})
	}
	config := ember.Defaults()
	config.Data = filepath.Join(b.tmp, "profile")
	app, err := ember.Open(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.Close()) }()
	s := httptest.NewServer(app.Handler())
	defer s.Close()
	p := &process{base: s.URL, client: newClient(4)}
	out, err := os.Create(args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	n, _, err := count(files)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	before, err := processorTime(os.Getpid())
	if err != nil {
		return err
	}
	began := time.Now()
	for _, f := range files {
		if err := p.post(ctx, f); err != nil {
			return err
		}
	}
	posted := time.Since(began)
	if err := p.indexed(ctx); err != nil {
		return err
	}
	after, err := processorTime(os.Getpid())
	c := costOf(after-before, time.Since(began), n)
	fmt.Printf("%d resources: %.1f µs of CPU a resource, client included; posted in %v, indexed in %v\n", n, c.CPU, posted.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	return err
}
