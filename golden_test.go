package ember_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"ember"
	"ember/recommender/eval"
)

// goldenFile holds what the recommender came to on a small synthetic hospital.
const goldenFile = "testdata/golden/recommender.json"

// golden is compared with tolerances, because processors round differently.
type golden struct {
	Metrics map[string]map[string]float64 `json:"metrics"` // by task and system; average precision
	Lists   map[string][]goldenItem       `json:"lists"`   // by patient, best first
}

type goldenItem struct {
	Code        string  `json:"code"`
	Probability float64 `json:"probability"`
}

// What another processor, or another order of sums, may change.
const (
	goldenPrecision   = .012
	goldenProbability = .03
	goldenShared      = 4 // of the first five
)

// TestGolden guards what is recommended: nothing that is not meant to may change
// ranked lists or statistics. After a change that is meant, `make golden`, and
// read the diff.
func TestGolden(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	h := openTrained(t)
	got := golden{Metrics: goldenMetrics(t, h), Lists: goldenLists(t, h)}
	if *update {
		b, err := json.MarshalIndent(got, "", " ")
		if err == nil {
			err = os.WriteFile(goldenFile, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	file, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	var want golden
	if err := json.Unmarshal(file, &want); err != nil {
		t.Fatal(err)
	}
	for task, systems := range want.Metrics {
		for system, ap := range systems {
			if g := got.Metrics[task][system]; math.Abs(g-ap) > goldenPrecision {
				t.Errorf("%s: %s has average precision %.4f, had %.4f", task, system, g, ap)
			}
		}
	}
	for patient, items := range want.Lists {
		compareLists(t, patient, got.Lists[patient], items)
	}
	if len(got.Metrics) != len(want.Metrics) || len(got.Lists) != len(want.Lists) || len(want.Lists) == 0 {
		t.Errorf("%d tasks and %d lists, were %d and %d", len(got.Metrics), len(got.Lists), len(want.Metrics), len(want.Lists))
	}
}

func goldenMetrics(t *testing.T, h *hospital) map[string]map[string]float64 {
	s, err := h.Evaluate(context.Background(), ember.EvalRequest{Reps: 100, Tasks: []string{"T1", "T1-new", "T2"}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	var r eval.Report
	if err := json.Unmarshal(s.Report, &r); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]float64{}
	for _, task := range r.Tasks {
		out[task.Task] = map[string]float64{}
		for _, s := range task.Systems {
			out[task.Task][s.System] = math.Round(1e4*s.Metrics["AP"].Value) / 1e4
		}
	}
	return out
}

// goldenLists are the first five treatments and tests of some patients.
func goldenLists(t *testing.T, h *hospital) map[string][]goldenItem {
	out := map[string][]goldenItem{}
	for _, id := range firstPatients(t, 6) {
		for _, want := range []string{"treatments", "tests"} {
			var list []goldenItem
			for _, i := range h.recommend(id, "want="+want+"&limit=5").Items {
				list = append(list, goldenItem{i.Code.Code, math.Round(1e4*i.Probability) / 1e4})
			}
			out[fmt.Sprint(id, " ", want)] = list
		}
	}
	return out
}

// firstPatients are the ids of the hospital's first patients.
func firstPatients(t *testing.T, n int) (ids []string) {
	f, err := os.Open(filepath.Join(trained.dir, "hospital", "Patient.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := json.NewDecoder(f)
	for range n {
		var p struct{ ID string }
		if err := lines.Decode(&p); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p.ID)
	}
	return ids
}

func compareLists(t *testing.T, patient string, got, want []goldenItem) {
	t.Helper()
	had := map[string]float64{}
	for _, i := range want {
		had[i.Code] = i.Probability
	}
	shared := 0
	for _, i := range got {
		p, ok := had[i.Code]
		if !ok {
			continue
		}
		shared++
		if math.Abs(i.Probability-p) > goldenProbability {
			t.Errorf("%s: %s has probability %.4f, had %.4f", patient, i.Code, i.Probability, p)
		}
	}
	if len(got) != len(want) || shared < min(goldenShared, len(want)) {
		t.Errorf("%s: %v, were %v", patient, got, want)
	}
}

// TestTrainingDoesNotDependOnTheKey: the same data in another directory, whose key
// puts patients in another order, make the same model to the last bit.
func TestTrainingDoesNotDependOnTheKey(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	var versions []string
	other, err := makeTrained()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(other) }) // after what is open in it has been closed
	for _, dir := range []string{trainedDir(t), filepath.Join(other, "data")} {
		all, err := open(t, testConfig(dir)).Models()
		if err != nil {
			t.Fatal(err)
		}
		var of []string
		for _, m := range all {
			of = append(of, m.Version)
		}
		versions = append(versions, fmt.Sprint(of))
	}
	if versions[0] != versions[1] {
		t.Errorf("versions %s and %s", versions[0], versions[1])
	}
}
