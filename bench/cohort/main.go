// Package main measures cohorts on a million patients: `go run ./bench/cohort` with
// build or like; bench/cohort/million.sh runs all of it with DuckDB, tantivy and hnswlib
// beside it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// vectorDim is the length of patients' vectors in the product.
const vectorDim = 128

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench/cohort:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	n := flag.Int("patients", 1_000_000, "patients of the profile lean")
	dir := flag.String("dir", "", "folder of the index and of what is written for others")
	flag.Parse()
	index := filepath.Join(*dir, "index")
	var figures any
	var err error
	switch what := flag.Arg(0); what {
	case "build":
		figures, err = build(ctx, index, *n)
	case "like":
		return like(ctx, index, os.Stdin, os.Stdout)
	default:
		err = fmt.Errorf("%q is neither build nor like", what)
	}
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	return out.Encode(figures)
}

// processorTime is what the process has used, user and system.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the most memory that the process had resident, in bytes.
func peakMemory() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss << 10
}

// folderSize is how many bytes lie under a folder.
func folderSize(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(d.Name(), ".new") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
