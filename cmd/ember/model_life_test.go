package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"ember/aiaas"
)

// needsModels skips where the program serves no models of datasets.
func (s *shell) needsModels() {
	s.Helper()
	cmd := s.command("dataset", "list")
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() == exitNotFound {
		s.Skipf("this build has no routes for datasets and models: %s", out)
	} else if err != nil {
		s.Fatalf("%v: %s", err, out)
	}
}

// stays is a table in which age and ward decide, with noise; the last column is
// the first one's copy of the label where it leaks.
func stays(n int, leak bool) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("patient,age,ward,readmitted")
	if leak {
		b.WriteString(",outcome")
	}
	for i := range n {
		age, ward, answer := 20+rng.IntN(70), []string{"medical", "surgical"}[rng.IntN(2)], "no"
		if float64(age)+20*rng.NormFloat64()+map[string]float64{"medical": 15}[ward] > 62 {
			answer = "yes"
		}
		fmt.Fprintf(&b, "\np%d,%d,%s,%s", i, age, ward, answer)
		if leak {
			b.WriteString("," + map[string]string{"no": "0", "yes": "1"}[answer])
		}
	}
	return b.String() + "\n"
}

// TestModelLife takes a model from a table to answers, versions and its end, in
// processes that each open the directory by themselves.
func TestModelLife(t *testing.T) {
	s := newShell(t)
	s.needsModels()
	s.write("visits.csv", stays(300, false))
	s.write("new.csv", "age,ward\n88,medical\n21,surgical\n")
	s.write("job.toml", "model = \"readmission\"\ndata = [\"visits.csv\"]\nfamilies = [\"prior\", \"linear\"]\nseconds = 120\n[schema]\nlabel = \"readmitted\"\nsubject = \"patient\"\n")
	var made trained
	s.json(0, "model train job.toml", &made)
	if made.Job.State != aiaas.Done || made.Job.Version != "1" || made.Job.Family != "linear" || made.Dataset.Samples != 300 {
		t.Fatalf("%+v", made)
	}
	var answer predictions
	s.json(0, "model predict readmission new.csv --explain top", &answer)
	if p := answer.Predictions; len(p) != 2 || p[0].Labels[0] != "yes" || p[1].Labels[0] != "no" || p[0].Probabilities["yes"] < .6 {
		t.Errorf("%+v", answer)
	}
	if out, _ := s.run(0, "model predict readmission new.csv --explain yes"); !strings.Contains(out, "age 88") || !strings.Contains(out, "readmission version 1 (linear)") {
		t.Error(out)
	}
	s.run(2, "model predict readmission visits.csv --explain perhaps")
	s.run(4, "model predict nobody new.csv")

	s.write("leaky.csv", stays(300, true))
	out, _ := s.run(0, "model train --model readmission --families prior --hold leaky.csv --label readmitted --subject patient")
	if !strings.Contains(out, string(aiaas.LeakColumn)) || !strings.Contains(out, "readmission version 2: prior") {
		t.Error(out)
	}
	var versions []aiaas.Serving
	s.json(0, "model list readmission", &versions)
	if len(versions) != 2 || versions[0].Version != "2" || versions[0].Serves || !versions[1].Serves {
		t.Errorf("%+v", versions)
	}
	if out, _ := s.run(0, "model show readmission"); !strings.Contains(out, "medical, surgical") || !strings.Contains(out, "auroc") {
		t.Error(out)
	}
	if out, _ := s.run(0, "model show readmission 2 --card"); !strings.Contains(out, "## Intended use") {
		t.Error(out)
	}
	s.run(5, "model promote readmission 2")
	s.run(0, "model promote readmission 2 --force")
	s.run(0, "model rollback readmission")
	s.run(0, "model shadow readmission 2")
	s.run(5, "model delete readmission 2") // a shadow
	s.run(0, "model shadow readmission --off")
	s.run(0, "model delete readmission 2")
	s.run(2, "model export readmission 1 linear.onnx") // no network
	if out, _ := s.run(0, "model list"); !strings.Contains(out, "readmission") || strings.Contains(out, recommenderName) {
		t.Error(out)
	}
	s.run(1, "dataset put "+made.Dataset.Name+" visits.csv --label readmitted") // the name is taken
	s.run(2, "dataset put other visits.csv --label nothing")
	if out, _ := s.run(0, "dataset report "+made.Dataset.Name); !strings.Contains(out, "300 samples") {
		t.Error(out)
	}
	s.run(0, "dataset delete "+made.Dataset.Name)
	s.run(4, "dataset report "+made.Dataset.Name)
	if out, _ := s.run(0, "job list"); !strings.Contains(out, "version 1, linear") {
		t.Error(out)
	}
	s.run(2, "model train --model m visits.csv --label readmitted --families magic")
	s.run(2, "model train --model m visits.csv --label readmitted --detach") // there is no server
}
