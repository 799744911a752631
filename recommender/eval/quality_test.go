package eval

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestQuality prints the leaderboards of real input, which takes minutes:
//
//	EMBER_QUALITY=eicu go test ./recommender/eval -run Quality -v -timeout 1h
//
// eicu is judged by hospital, 24 hours after admission, in 5 folds; synthea by
// patient in 5 folds; the -one variants take a single part.
func TestQuality(t *testing.T) {
	data := "../../../shared/data"
	runs := map[string]struct {
		dir string
		opt Options
	}{
		"eicu":        {"eicu-demo-fhir", Options{Folds: 5, BySite: true, Landmarks: []time.Duration{24 * time.Hour}}},
		"eicu-one":    {"eicu-demo-fhir", Options{BySite: true, Landmarks: []time.Duration{24 * time.Hour}}},
		"synthea":     {"synthea-ma/ndjson", Options{Folds: 5}},
		"synthea-one": {"synthea-ma/ndjson", Options{}},
	}
	run, ok := runs[os.Getenv("EMBER_QUALITY")]
	if !ok {
		t.Skip("set EMBER_QUALITY to eicu, eicu-one, synthea or synthea-one")
	}
	lines, tables := loadTimelines(t, filepath.Join(data, run.dir))
	run.opt.BootstrapReps = 2000
	start := time.Now()
	rep, err := Run(context.Background(), slices.Values(lines), tables, run.opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := rep.WriteTable(os.Stdout); err != nil {
		t.Fatal(err)
	}
	for _, task := range rep.Tasks {
		t.Logf("%s: rankers chosen in training: %v", task.Task, task.Rankers)
	}
	t.Logf("%d patients in %v", rep.Patients, time.Since(start).Round(time.Second))
}
