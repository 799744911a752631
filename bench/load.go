package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// shared are the types that others refer to: a client sends them first.
var shared = []string{"Organization", "Location", "Practitioner", "PractitionerRole", "Medication", "Patient"}

// Cost is what one turn took.
type Cost struct {
	CPU  float64 `json:"cpu_us"`  // microseconds of processor time a resource
	Wall float64 `json:"wall_us"` // microseconds of wall time a resource
}

// Load is the way in, measured.
type Load struct {
	Resources    int    `json:"resources"`
	WithoutNotes int    `json:"resources_without_notes"`
	Bytes        int64  `json:"bytes"`
	Full         []Cost `json:"full"`
	Plain        []Cost `json:"without_notes"`
	Parse        []Cost `json:"orjson"`
}

func measureLoad(ctx context.Context, b *bench) (any, error) {
	files, err := synthea(b)
	if err != nil {
		return nil, err
	}
	var plain []string
	for _, f := range files {
		if t := typeOf(f); t != "DocumentReference" && t != "DiagnosticReport" {
			plain = append(plain, f)
		}
	}
	var l Load
	if l.Resources, l.Bytes, err = count(files); err != nil {
		return nil, err
	}
	if l.WithoutNotes, _, err = count(plain); err != nil {
		return nil, err
	}
	for turn := range b.turns + 1 {
		full, err := b.loadOnce(ctx, files, l.Resources)
		if err != nil {
			return nil, err
		}
		without, err := b.loadOnce(ctx, plain, l.WithoutNotes)
		if err != nil {
			return nil, err
		}
		parse, err := orjson(ctx, files)
		if err != nil && !errors.Is(err, errSkipped) {
			return nil, err
		}
		fmt.Printf("load, turn %d: %.1f with notes, %.1f without, orjson %.1f µs of CPU a resource\n", turn, full.CPU, without.CPU, parse.CPU)
		if turn == 0 {
			continue
		}
		l.Full, l.Plain = append(l.Full, full), append(l.Plain, without)
		if err == nil {
			l.Parse = append(l.Parse, parse)
		}
	}
	return l, nil
}

// synthea lists the files of the Synthea export in the order a client sends them.
func synthea(b *bench) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(b.data, "synthea-ma", "ndjson", "*.ndjson.gz"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: the Synthea export is not in %s", errSkipped, b.data)
	}
	sendOrder(files)
	return files, nil
}

func sendOrder(files []string) {
	rank := func(f string) int {
		if i := slices.Index(shared, typeOf(f)); i >= 0 {
			return i
		}
		return len(shared)
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a, b)) })
}

func typeOf(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return name
}

// loadOnce fills an empty server and waits until it says that all is indexed.
func (b *bench) loadOnce(ctx context.Context, files []string, resources int) (Cost, error) {
	data, err := os.MkdirTemp(b.tmp, "load-")
	if err != nil {
		return Cost{}, err
	}
	defer os.RemoveAll(data)
	p, err := b.serve(ctx, data)
	if err != nil {
		return Cost{}, err
	}
	cost, err := p.load(ctx, files, resources)
	return cost, errors.Join(err, p.stop())
}

func (p *process) load(ctx context.Context, files []string, resources int) (Cost, error) {
	before, err := p.cpu()
	if err != nil {
		return Cost{}, err
	}
	began := time.Now()
	for _, f := range files {
		if err := p.post(ctx, f); err != nil {
			return Cost{}, err
		}
	}
	if err := p.indexed(ctx); err != nil {
		return Cost{}, err
	}
	wall := time.Since(began)
	after, err := p.cpu()
	return costOf(after-before, wall, resources), err
}

func costOf(cpu, wall time.Duration, n int) Cost {
	us := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(n) }
	return Cost{CPU: us(cpu), Wall: us(wall)}
}

// count tells how many resources the files hold, and their bytes unpacked.
func count(files []string) (n int, size int64, err error) {
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return 0, 0, err
		}
		lines, bytes, err := countLines(f, strings.HasSuffix(path, ".gz"))
		if err = errors.Join(err, f.Close()); err != nil {
			return 0, 0, err
		}
		n, size = n+lines, size+bytes
	}
	return n, size, nil
}

func countLines(f io.Reader, packed bool) (n int, size int64, err error) {
	if packed {
		if f, err = gzip.NewReader(f); err != nil {
			return 0, 0, err
		}
	}
	buf := make([]byte, 1<<20)
	for {
		k, err := f.Read(buf)
		n, size = n+bytes.Count(buf[:k], []byte{'\n'}), size+int64(k)
		if err == io.EOF {
			return n, size, nil
		}
		if err != nil {
			return 0, 0, err
		}
	}
}

// orjson has Python's orjson parse the same files, and nothing more.
func orjson(ctx context.Context, files []string) (Cost, error) {
	cmd := exec.CommandContext(ctx, "python3", append([]string{"bench/parse.py"}, files...)...)
	out, err := cmd.Output()
	if err != nil {
		return Cost{}, fmt.Errorf("%w: python3 with orjson is needed: %v", errSkipped, err)
	}
	var c Cost
	return c, json.Unmarshal(out, &c)
}
