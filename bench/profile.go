package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"time"

	"ember"
)

// profiled has an Ember opened in this process, client included, so that its
// CPU profile can be written.
type profiled struct {
	app    *ember.App
	server *httptest.Server
	client *process
}

// profile is: profile load OUT.pprof [[-] Type…], profile ask OUT.pprof, or profile
// infer OUT.pprof FAMILY.
func profile(ctx context.Context, b *bench, args []string) (err error) {
	if len(args) < 2 {
		return errors.New("profile: load or ask, and where to write it?")
	}
	config := ember.Defaults()
	config.Data = filepath.Join(b.tmp, "profile")
	if config.Executable, err = filepath.Abs(b.ember); err != nil {
		return err
	}
	app, err := ember.Open(ctx, config)
	if err != nil {
		return err
	}
	s := httptest.NewServer(app.Handler())
	p := profiled{app, s, &process{base: s.URL, client: newClient(4)}}
	switch args[0] {
	case "load":
		err = p.load(ctx, b, args[1], args[2:])
	case "ask":
		err = p.ask(ctx, b, args[1])
	case "infer":
		err = p.infer(ctx, args[1], args[2:])
	default:
		err = errors.New("profile: load, ask or infer?")
	}
	s.Close()
	return errors.Join(err, app.Close())
}

// recorded runs f under the profiler and gives its processor time.
func recorded(path string, f func() error) (cpu time.Duration, err error) {
	out, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	before, err := ownTime()
	if err != nil {
		return 0, err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return 0, err
	}
	err = f()
	pprof.StopCPUProfile()
	after, timed := ownTime()
	return after - before, errors.Join(err, timed, allocations(path+".allocs"))
}

// allocations writes where memory was asked for since the process began.
func allocations(path string) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(out, 0), out.Close())
}

// load takes in the Synthea export: the types named, those not named after "-",
// or all.
func (p profiled) load(ctx context.Context, b *bench, out string, types []string) error {
	files, err := synthea(b)
	if err != nil {
		return err
	}
	if len(types) > 0 {
		without := types[0] == "-"
		files = slices.DeleteFunc(files, func(f string) bool { return slices.Contains(types, typeOf(f)) == without })
	}
	n, _, err := count(files)
	if err != nil {
		return err
	}
	began := time.Now()
	cpu, err := recorded(out, func() error {
		for _, f := range files {
			if err := p.client.post(ctx, f); err != nil {
				return err
			}
		}
		return p.client.indexed(ctx)
	})
	c := costOf(cpu, time.Since(began), n)
	fmt.Printf("%d resources: %.1f µs of CPU a resource, client included\n", n, c.CPU)
	return err
}

// infer has 64 clients ask a model.
func (p profiled) infer(ctx context.Context, out string, families []string) error {
	if len(families) != 1 {
		return errors.New("profile infer: which family?")
	}
	if err := p.client.makeModel(ctx, families[0]); err != nil {
		return err
	}
	var n float64
	cpu, err := recorded(out, func() (err error) {
		n, err = p.client.asked(ctx, families[0], askers)
		return err
	})
	fmt.Printf("%.1f µs of CPU a request, client included\n", cpu.Seconds()*1e6/n)
	return err
}

// ask asks cached questions.
func (p profiled) ask(ctx context.Context, b *bench, out string) error {
	files, err := b.synth(ctx, "full", askPatients, 1)
	if err != nil {
		return err
	}
	paths, err := questions(files)
	if err != nil {
		return err
	}
	quiet := func(string, int, int) {}
	if _, err := p.app.Load(ctx, ember.LoadRequest{Paths: []string{filepath.Join(b.tmp, "full")}, Wait: true}, quiet, nil); err != nil {
		return err
	}
	if _, err := p.app.Train(ctx, quiet); err != nil {
		return err
	}
	const rounds = 15
	round := func() error {
		for _, path := range paths {
			if _, err := p.client.get(ctx, path); err != nil {
				return err
			}
		}
		return nil
	}
	if err := round(); err != nil { // fills the cache
		return err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, err := recorded(out, func() error {
		for range rounds {
			if err := round(); err != nil {
				return err
			}
		}
		return nil
	})
	runtime.ReadMemStats(&after)
	requests := float64(rounds * len(paths))
	fmt.Printf("%.3f ms of CPU a request, %.1f KB allocated in %.0f pieces, client included\n", cpu.Seconds()*1e3/requests,
		float64(after.TotalAlloc-before.TotalAlloc)/1e3/requests, float64(after.Mallocs-before.Mallocs)/requests)
	return err
}
