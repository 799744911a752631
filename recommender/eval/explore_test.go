package eval

import (
	"context"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestExplore(t *testing.T) {
	dir := os.Getenv("EXPLORE")
	if dir == "" {
		t.Skip()
	}
	start := time.Now()
	lines, tables := loadTimelines(t, dir)
	t.Logf("loaded %d in %v", len(lines), time.Since(start))
	opt := Options{Folds: 5, BootstrapReps: 500}
	if os.Getenv("SITE") != "" {
		opt.BySite = true
		opt.Landmarks = []time.Duration{24 * time.Hour}
	}
	if v, err := strconv.ParseFloat(os.Getenv("LAMBDA"), 64); err == nil {
		opt.Train.RidgePenalty = v
	}
	opt.Train.Simple = os.Getenv("SIMPLE") != ""
	if os.Getenv("ONE") != "" {
		opt.Folds = 1
	}
	if v := os.Getenv("TASKS"); v != "" {
		opt.Tasks = []string{v}
	}
	rep, err := Run(context.Background(), slices.Values(lines), tables, opt)
	if err != nil {
		t.Fatal(err)
	}
	rep.WriteTable(os.Stdout)
	for _, task := range rep.Tasks {
		t.Log(task.Task, task.Rankers)
	}
	t.Logf("total %v", time.Since(start))
}
