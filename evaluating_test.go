package ember_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ember"
	"ember/recommender/eval"
	"ember/synth"
)

// TestEvaluateElsewhere: fitted to what is loaded, judged on another site's files,
// every decision exported for the owner of the file; nothing of the other site is
// kept.
func TestEvaluateElsewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	other := filepath.Join(t.TempDir(), "other")
	if _, err := synth.Write(context.Background(), other, synth.Options{Patients: 60, Seed: 9, Profile: synth.Lean}, nil); err != nil {
		t.Fatal(err)
	}
	dir := trainedDir(t)
	h := open(t, testConfig(dir))
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "decisions.ndjson")
	s, err := h.Evaluate(context.Background(), ember.EvalRequest{External: []string{other}, Export: file, Tasks: []string{"T1"}, Reps: 100}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	var r eval.Report
	if err := json.Unmarshal(s.Report, &r); err != nil {
		t.Fatal(err)
	}
	judged, patients := exported(t, file)
	if !r.External || len(r.Tasks) != 1 || r.Tasks[0].Decisions != judged || r.Tasks[0].Patients > 60 || patients != r.Tasks[0].Patients {
		t.Errorf("%d decisions of %d patients exported; %+v", judged, patients, r)
	}
	if i, err := os.Stat(file); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", i, err)
	}
	after, _ := os.ReadDir(dir)
	if len(after) != len(before) {
		t.Errorf("before %v, after %v", before, after)
	}
}

// exported counts the decisions judged and their patients.
func exported(t *testing.T, path string) (judged, patients int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := map[int]bool{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e eval.Exported
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if len(e.Metrics) > 0 {
			judged++
			seen[e.Patient] = true
		}
	}
	return judged, len(seen)
}

func TestEvaluateRefuses(t *testing.T) {
	if testing.Short() {
		t.Skip("loads")
	}
	h := open(t, testConfig(trainedDir(t)))
	broken := filepath.Join(t.TempDir(), "broken.ndjson")
	if err := os.WriteFile(broken, []byte(`{"resourceType":"Patient","id":"x y"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(t.TempDir(), "whole.ndjson")
	if err := os.WriteFile(whole, []byte(`{"resourceType":"Patient","id":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]ember.EvalRequest{
		"refused": {External: []string{broken}},
		"no such": {External: []string{broken + "-not"}},
		"exclude": {External: []string{whole}, Folds: 3},
		"export":  {Export: filepath.Join(t.TempDir(), "no", "folder"), Tasks: []string{"T1"}},
	} {
		_, err := h.Evaluate(context.Background(), q, quiet)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
