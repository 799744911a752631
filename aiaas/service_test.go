package aiaas_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ember/aiaas"
)

// openly is a vault that seals nothing, for tests.
type openly struct{}

func (openly) Create(path string) (io.WriteCloser, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

func (openly) Open(path string) (aiaas.SealedFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return plainFile{f}, nil
}

type plainFile struct{ *os.File }

func (f plainFile) Size() int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// running is a service whose jobs run in this process.
func running(t *testing.T, dir string, run func(context.Context, aiaas.Work, func(aiaas.Progress)) (aiaas.Outcome, error)) *aiaas.Service {
	t.Helper()
	if run == nil {
		run = inPlace
	}
	s, err := aiaas.OpenService(t.Context(), aiaas.ServiceOptions{Dir: dir, Vault: openly{}, Families: aiaas.Families(), Now: time.Now, Code: "test", Key: []byte("k"), Run: run})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func inPlace(ctx context.Context, w aiaas.Work, progress func(aiaas.Progress)) (aiaas.Outcome, error) {
	return aiaas.RunJob(ctx, openly{}, aiaas.Families(), time.Now, 1, w, progress)
}

// visits is a table in which age and the ward decide, with noise.
func visits(n int, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	b.WriteString("patient,age,ward,readmitted\n")
	for i := range n {
		age, ward := 20+rng.IntN(70), []string{"medical", "surgical"}[rng.IntN(2)]
		z := float64(age-55)/8 + map[string]float64{"medical": 1, "surgical": -1}[ward]
		answer := "no"
		if rng.Float64() < 1/(1+math.Exp(-z)) {
			answer = "yes"
		}
		fmt.Fprintf(&b, "p%d-%d,%d,%s,%s\n", seed, i, age, ward, answer)
	}
	return b.String()
}

func once(name, content string) func() (aiaas.File, error) {
	given := false
	return func() (aiaas.File, error) {
		if given {
			return aiaas.File{}, io.EOF
		}
		given = true
		return aiaas.File{Name: name, Body: strings.NewReader(content)}, nil
	}
}

var schema = aiaas.Schema{Label: "readmitted", Subject: "patient"}

func upload(t *testing.T, s *aiaas.Service, name, content string) {
	t.Helper()
	if _, _, err := s.PutDataset(t.Context(), name, schema, once(name+".csv", content)); err != nil {
		t.Fatal(err)
	}
}

// train runs a job to its end.
func train(t *testing.T, s *aiaas.Service, r aiaas.JobRequest) aiaas.Job {
	t.Helper()
	j, err := s.Submit(r)
	if err != nil {
		t.Fatal(err)
	}
	return wait(t, s, j.ID)
}

func wait(t *testing.T, s *aiaas.Service, id string) (last aiaas.Job) {
	t.Helper()
	for j, err := range s.Watch(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		last = j
	}
	return last
}

func TestADatasetBecomesAModelThatAnswers(t *testing.T) {
	s := running(t, t.TempDir(), nil)
	defer s.Close()
	upload(t, s, "visits", visits(400, 1))
	info, err := s.Dataset("visits")
	if err != nil || info.Samples != 400 || len(info.Classes) != 2 || info.Task != "tabular" {
		t.Fatalf("%+v, %v", info, err)
	}
	j := train(t, s, aiaas.JobRequest{Model: "readmission", Dataset: "visits", Families: []string{"prior", "linear"}})
	if j.State != aiaas.Done || j.Version != "1" || len(j.Board) == 0 {
		t.Fatalf("%+v", j)
	}
	v, err := s.Version("readmission", "")
	if err != nil || !v.Serves || v.Family != "linear" || v.Measures["auroc"].Value < .8 {
		t.Fatalf("%+v, %v", v, err)
	}
	in := []aiaas.Tensor{{Name: "age", Datatype: "INT64", Shape: []int{2}, Floats: []float64{85, 25}},
		{Name: "ward", Datatype: "BYTES", Shape: []int{2, 1}, Bytes: [][]byte{[]byte("medical"), []byte("surgical")}}}
	_, out, err := s.Infer(t.Context(), "readmission", "", in)
	if err != nil {
		t.Fatal(err)
	}
	if p := out[0]; p.Shape[0] != 2 || p.Shape[1] != 2 || p.Floats[1] < .8 || p.Floats[3] > .2 || string(out[1].Bytes[0]) != "yes" {
		t.Errorf("%+v", out)
	}
	d, err := s.ReadInput(t.Context(), "readmission", "", "new.csv", strings.NewReader("age,ward\n85,medical\n,surgical\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Predict(t.Context(), "readmission", "1", d)
	if err != nil || len(p.Labels) != 2 || p.Labels[0][0] != "yes" {
		t.Errorf("%+v, %v", p, err)
	}
	card, err := s.Card("readmission", "1")
	if err != nil || !bytes.Contains(card, []byte("| auroc |")) || !bytes.Contains(card, []byte("linear")) {
		t.Errorf("%s, %v", card, err)
	}
	page, err := s.Page("readmission", "1")
	if err != nil || bytes.Count(page, []byte("</svg>")) != 5 || bytes.Contains(page, []byte("NaN")) || !bytes.Contains(page, []byte(">Reliability</text>")) {
		t.Errorf("%s, %v", page, err)
	}
	if result, err := s.Evaluation("readmission", "1"); err != nil || result.Samples != 400 || len(result.Curves) != 1 {
		t.Errorf("%+v, %v", result, err)
	}
}

// TestAWorseVersionDoesNotServe: the gate compares with what serves, on samples
// neither has learned from, and a refused version serves only by force.
func TestAWorseVersionDoesNotServe(t *testing.T) {
	s := running(t, t.TempDir(), nil)
	defer s.Close()
	upload(t, s, "visits", visits(400, 1))
	upload(t, s, "others", visits(300, 2))
	train(t, s, aiaas.JobRequest{Model: "m", Dataset: "visits", Families: []string{"linear"}})
	for _, dataset := range []string{"visits", "others"} { // out of fold; and unseen subjects
		j := train(t, s, aiaas.JobRequest{Model: "m", Dataset: dataset, Families: []string{"prior"}})
		if j.State != aiaas.Done || !strings.Contains(j.Decision, "compared with what serves on") {
			t.Fatalf("%+v", j)
		}
		if v, err := s.Version("m", ""); err != nil || v.Version != "1" {
			t.Fatalf("%s: %s serves, %v", dataset, v.Version, err)
		}
		if err := s.Promote("m", j.Version, false); !errors.Is(err, aiaas.ErrRefused) {
			t.Errorf("promoting without force: %v", err)
		}
		if err := s.Promote("m", j.Version, true); err != nil {
			t.Errorf("with force: %v", err)
		}
		if err := s.Rollback("m"); err != nil {
			t.Error(err)
		}
		if v, err := s.Version("m", ""); err != nil || v.Version != "1" {
			t.Errorf("after rolling back %s serves, %v", v.Version, err)
		}
	}
	if err := s.DeleteVersion("m", "1"); !errors.Is(err, aiaas.ErrBusy) {
		t.Errorf("deleting what serves: %v", err)
	}
	if err := s.DeleteVersion("m", "2"); err != nil {
		t.Error(err)
	}
	if all, err := s.Versions("m"); err != nil || len(all) != 2 {
		t.Errorf("%d versions, %v", len(all), err)
	}
}

// TestAJobIsTakenUpAgain: what ran when the service ended runs again, in the same
// folder; what waited still does; what was cancelled is not.
func TestAJobIsTakenUpAgain(t *testing.T) {
	dir := t.TempDir()
	began := make(chan struct{}, 1)
	s := running(t, dir, func(ctx context.Context, w aiaas.Work, _ func(aiaas.Progress)) (aiaas.Outcome, error) {
		if err := os.WriteFile(filepath.Join(w.Folder, "half"), []byte("done"), 0o600); err != nil {
			return aiaas.Outcome{}, err
		}
		began <- struct{}{}
		<-ctx.Done()
		return aiaas.Outcome{}, ctx.Err()
	})
	upload(t, s, "visits", visits(120, 1))
	var ids []string
	for range 3 {
		j, err := s.Submit(aiaas.JobRequest{Model: "m", Dataset: "visits", Families: []string{"prior"}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, j.ID)
	}
	<-began
	if err := s.Cancel(ids[2]); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteDataset("visits"); !errors.Is(err, aiaas.ErrBusy) {
		t.Errorf("deleting a dataset that a job uses: %v", err)
	}
	s.Close()

	found := ""
	s = running(t, dir, func(ctx context.Context, w aiaas.Work, p func(aiaas.Progress)) (aiaas.Outcome, error) {
		if b, err := os.ReadFile(filepath.Join(w.Folder, "half")); err == nil {
			found = string(b)
		}
		return inPlace(ctx, w, p)
	})
	defer s.Close()
	if j := wait(t, s, ids[0]); j.State != aiaas.Done || found != "done" {
		t.Errorf("the job that ran: %+v, found %q", j, found)
	}
	if j := wait(t, s, ids[1]); j.State != aiaas.Done {
		t.Errorf("the job that waited: %+v", j)
	}
	if j := wait(t, s, ids[2]); j.State != aiaas.Cancelled {
		t.Errorf("the job that was cancelled: %+v", j)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "jobs", ids[0], "work")); err == nil {
		t.Errorf("%d files left of a job that ended", len(left))
	}
}

func TestARunningJobCanBeCancelled(t *testing.T) {
	began := make(chan struct{})
	s := running(t, t.TempDir(), func(ctx context.Context, _ aiaas.Work, _ func(aiaas.Progress)) (aiaas.Outcome, error) {
		close(began)
		<-ctx.Done()
		return aiaas.Outcome{}, ctx.Err()
	})
	defer s.Close()
	upload(t, s, "visits", visits(50, 1))
	j, err := s.Submit(aiaas.JobRequest{Model: "m", Dataset: "visits"})
	if err != nil {
		t.Fatal(err)
	}
	<-began
	if err := s.Cancel(j.ID); err != nil {
		t.Fatal(err)
	}
	if j := wait(t, s, j.ID); j.State != aiaas.Cancelled {
		t.Errorf("%+v", j)
	}
	if err := s.Cancel(j.ID); !errors.Is(err, aiaas.ErrBusy) {
		t.Errorf("cancelling what has ended: %v", err)
	}
}

// TestManyAskAtOnce: answers of calls that were put together are those of calls
// alone, and one bad call spoils no other.
func TestManyAskAtOnce(t *testing.T) {
	s := running(t, t.TempDir(), nil)
	defer s.Close()
	upload(t, s, "visits", visits(300, 1))
	train(t, s, aiaas.JobRequest{Model: "m", Dataset: "visits", Families: []string{"linear"}})
	ask := func(age float64) (float64, error) {
		_, out, err := s.Infer(t.Context(), "m", "", []aiaas.Tensor{{Name: "age", Datatype: "FP64", Shape: []int{1}, Floats: []float64{age}},
			{Name: "ward", Datatype: "BYTES", Shape: []int{1}, Bytes: [][]byte{[]byte("medical")}}})
		if err != nil {
			return 0, err
		}
		return out[0].Floats[1], nil
	}
	want := map[int]float64{}
	for age := 20; age < 60; age++ {
		p, err := ask(float64(age))
		if err != nil {
			t.Fatal(err)
		}
		want[age] = p
	}
	var wg sync.WaitGroup
	for age := range want {
		wg.Go(func() {
			for range 5 {
				if p, err := ask(float64(age)); err != nil || p != want[age] {
					t.Errorf("age %d: %v instead of %v, %v", age, p, want[age], err)
				}
			}
		})
	}
	wg.Go(func() {
		if _, err := ask(math.Inf(1)); !errors.Is(err, aiaas.ErrInvalid) {
			t.Errorf("an infinite age: %v", err)
		}
	})
	wg.Wait()
}

// TestBadInputIsNamed: errors say which input is wrong and how, and none is a
// failure of the service.
func TestBadInputIsNamed(t *testing.T) {
	s := running(t, t.TempDir(), nil)
	defer s.Close()
	upload(t, s, "visits", visits(120, 1))
	train(t, s, aiaas.JobRequest{Model: "m", Dataset: "visits", Families: []string{"linear"}})
	age := aiaas.Tensor{Name: "age", Datatype: "FP64", Shape: []int{1}, Floats: []float64{50}}
	ward := aiaas.Tensor{Name: "ward", Datatype: "BYTES", Shape: []int{1}, Bytes: [][]byte{[]byte("medical")}}
	for name, c := range map[string]struct {
		in   []aiaas.Tensor
		says string
	}{
		"missing":         {[]aiaas.Tensor{age}, `"ward"`},
		"other lengths":   {[]aiaas.Tensor{age, {Name: "ward", Datatype: "BYTES", Shape: []int{2}, Bytes: [][]byte{{}, {}}}}, "2 samples"},
		"wrong elements":  {[]aiaas.Tensor{{Name: "age", Datatype: "FP64", Shape: []int{3}, Floats: []float64{1}}, ward}, "[3]"},
		"words as number": {[]aiaas.Tensor{{Name: "age", Datatype: "BYTES", Shape: []int{1}, Bytes: [][]byte{{}}}, ward}, "number"},
		"huge shape":      {[]aiaas.Tensor{{Name: "age", Datatype: "FP64", Shape: []int{1 << 30, 1 << 30}}, ward}, "shape"},
		"none":            {nil, `"age"`},
	} {
		_, _, err := s.Infer(t.Context(), "m", "", c.in)
		if !errors.Is(err, aiaas.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := s.Infer(t.Context(), "nobody", "", nil); !errors.Is(err, aiaas.ErrNotFound) {
		t.Errorf("an unknown model: %v", err)
	}
	for name, c := range map[string]struct {
		file, content string
		is            error
	}{
		"visits": {"visits.csv", visits(10, 1), aiaas.ErrExists}, "../up": {"a.csv", "a,b\n1,2\n", aiaas.ErrInvalid},
		"form": {"a.exe", "MZ", aiaas.ErrInvalid}, "image": {"a.zip", "no zip", aiaas.ErrInvalid}, "label": {"a.csv", "a,b\n1,2\n", aiaas.ErrInvalid},
	} {
		if _, _, err := s.PutDataset(t.Context(), name, schema, once(c.file, c.content)); !errors.Is(err, c.is) {
			t.Errorf("dataset %s: %v", name, err)
		}
	}
	if all, err := s.Datasets(); err != nil || len(all) != 1 {
		t.Errorf("%d datasets are left, %v", len(all), err)
	}
	if _, err := s.Submit(aiaas.JobRequest{Model: "m", Dataset: "visits", Families: []string{"magic"}}); !errors.Is(err, aiaas.ErrInvalid) {
		t.Errorf("an unknown family: %v", err)
	}
	if _, err := s.Submit(aiaas.JobRequest{Model: "m", Dataset: "none"}); !errors.Is(err, aiaas.ErrNotFound) {
		t.Errorf("an unknown dataset: %v", err)
	}
}

// TestADamagedVersionDoesNotServe: what serves goes on, and the error names the
// version.
func TestADamagedVersionDoesNotServe(t *testing.T) {
	dir := t.TempDir()
	s := running(t, dir, nil)
	defer s.Close()
	upload(t, s, "visits", visits(120, 1))
	train(t, s, aiaas.JobRequest{Model: "m", Dataset: "visits", Families: []string{"linear"}})
	train(t, s, aiaas.JobRequest{Model: "m", Dataset: "visits", Families: []string{"prior"}, Hold: true})
	files, err := filepath.Glob(filepath.Join(dir, "models", "m", "2", "model", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Promote("m", "2", true); err == nil {
		t.Error("a damaged version was promoted")
	}
	if v, err := s.Version("m", ""); err != nil || v.Version != "1" {
		t.Errorf("%s serves, %v", v.Version, err)
	}
}

func TestAShadowIsComparedAndNeverGiven(t *testing.T) {
	s := running(t, t.TempDir(), nil)
	defer s.Close()
	upload(t, s, "visits", visits(300, 1))
	train(t, s, aiaas.JobRequest{Model: "m", Dataset: "visits", Families: []string{"linear"}})
	train(t, s, aiaas.JobRequest{Model: "m", Dataset: "visits", Families: []string{"prior"}, Hold: true})
	d, err := s.ReadInput(t.Context(), "m", "", "x.csv", strings.NewReader("age,ward\n90,medical\n21,surgical\n"))
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.Predict(t.Context(), "m", "", d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetShadow("m", "2"); err != nil {
		t.Fatal(err)
	}
	after, err := s.Predict(t.Context(), "m", "", d)
	if err != nil || after.Model.Version != "1" || after.Values[0] != before.Values[0] {
		t.Errorf("%+v instead of %+v, %v", after, before, err)
	}
	var r aiaas.ShadowReport
	for range 200 {
		if r, err = s.Shadow("m"); err != nil {
			t.Fatal(err)
		}
		if r.Requests > 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if r.Samples != 2 || r.Agree != .5 || r.Difference <= 0 {
		t.Errorf("%+v", r)
	}
	if err := s.DeleteVersion("m", "2"); !errors.Is(err, aiaas.ErrBusy) {
		t.Errorf("deleting a shadow: %v", err)
	}
}
