package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// leanPatients is how many short records are loaded under a memory limit.
const leanPatients = 100_000

// Lean is a large load under GOMEMLIMIT=1.5GiB, and the start after it.
type Lean struct {
	Patients  int     `json:"patients"`
	Resources int     `json:"resources"`
	Load      Cost    `json:"load"`
	PeakBytes int64   `json:"peak_bytes"`
	Index     float64 `json:"index_bytes_a_patient"`
	Store     float64 `json:"store_bytes_a_patient"`
	Restart   float64 `json:"restart_seconds"` // median until /readyz says ready
	Restarts  int     `json:"restarts"`
}

func measureLean(ctx context.Context, b *bench) (any, error) {
	files, err := b.synth(ctx, "lean", leanPatients, 1)
	if err != nil {
		return nil, err
	}
	l := Lean{Patients: leanPatients}
	if l.Resources, _, err = count(files); err != nil {
		return nil, err
	}
	data := filepath.Join(b.tmp, "lean-data")
	p, err := b.serve(ctx, data, "GOMEMLIMIT=1536MiB")
	if err != nil {
		return nil, err
	}
	l.Load, err = p.load(ctx, files, l.Resources)
	if err == nil {
		l.PeakBytes, err = p.peak()
	}
	if err = errors.Join(err, p.stop()); err != nil {
		return nil, err
	}
	index, err := size(filepath.Join(data, "index"))
	if err != nil {
		return nil, err
	}
	store, err := size(filepath.Join(data, "store"))
	if err != nil {
		return nil, err
	}
	l.Index, l.Store = float64(index)/leanPatients, float64(store)/leanPatients
	return l, b.restarts(ctx, data, &l)
}

// restarts times starts of a server on what is loaded; the first is discarded.
func (b *bench) restarts(ctx context.Context, data string, l *Lean) error {
	var seconds []float64
	for turn := range b.turns + 1 {
		began := time.Now()
		p, err := b.serve(ctx, data, "GOMEMLIMIT=1536MiB")
		if err != nil {
			return err
		}
		for status := 0; status != http.StatusOK; time.Sleep(2 * time.Millisecond) {
			if status, err = p.get(ctx, "/readyz"); err != nil {
				return errors.Join(err, p.stop())
			}
		}
		if turn > 0 {
			seconds = append(seconds, time.Since(began).Seconds())
		}
		if err := p.stop(); err != nil {
			return err
		}
	}
	l.Restart, l.Restarts = median(seconds), len(seconds)
	return nil
}

// synth makes a synthetic hospital and lists its files.
func (b *bench) synth(ctx context.Context, profile string, patients, seed int) ([]string, error) {
	out := filepath.Join(b.tmp, profile)
	if seed != 1 {
		out += strconv.Itoa(seed)
	}
	cmd := exec.CommandContext(ctx, b.ember, "synth", "--quiet", "--profile", profile, "--patients", strconv.Itoa(patients), "--seed", strconv.Itoa(seed), out)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("making patients: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(out, "*.ndjson*"))
	sendOrder(files)
	return files, err
}
