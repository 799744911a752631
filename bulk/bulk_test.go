package bulk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ember/bulk"
	"ember/search"
	"ember/store"
)

// shop is a service over a store, with a clock that goes on by itself.
type shop struct {
	*testing.T
	store   *store.Store
	opt     bulk.Options
	service *bulk.Service
	ended   atomic.Int64
	gate    chan struct{} // when there is one, each resource waits for it
}

func open(t *testing.T, change func(*bulk.Options)) *shop {
	t.Helper()
	s := &shop{T: t}
	var err error
	if s.store, err = store.Open(store.Options{Dir: t.TempDir(), Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	s.opt = bulk.Options{Store: s.store, Search: &search.Engine{Store: s.store, Now: time.Now}, Dir: t.TempDir(), Now: time.Now,
		FileBytes: 1 << 20, Keep: time.Hour, PerCaller: 2,
		Refuses: func(p string) bool { return p == "refuses" },
		Members: func(_ context.Context, group string) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				if group != "g" {
					yield("", bulk.ErrNotFound)
					return
				}
				_ = yield("p1", nil) && yield("refuses", nil)
			}
		},
		Served: func(r store.Resource) ([]byte, error) {
			if s.gate != nil {
				<-s.gate
			}
			return r.Raw, nil
		},
		Ended: func(bulk.Job) error { s.ended.Add(1); return nil },
	}
	if change != nil {
		change(&s.opt)
	}
	s.begin()
	return s
}

func (s *shop) begin() {
	s.Helper()
	var err error
	if s.service, err = bulk.Open(context.Background(), s.opt); err != nil {
		s.Fatal(err)
	}
	service := s.service
	s.Cleanup(func() { _ = service.Close() })
}

func (s *shop) put(patient, typ, id, body string) {
	s.Helper()
	if _, err := s.store.Commit(s.Context(), []store.Write{{Type: typ, ID: id, Patient: patient, Raw: []byte(body)}}); err != nil {
		s.Fatal(err)
	}
}

// people are three patients with two results each, one of whom refuses, and a place.
func (s *shop) people() {
	for _, p := range []string{"p1", "p2", "refuses"} {
		s.put(p, "Patient", p, `{"resourceType":"Patient","id":"`+p+`","gender":"female"}`)
		for i := range 2 {
			s.put(p, "Observation", fmt.Sprintf("%s-%d", p, i), fmt.Sprintf("{\r\n  \"resourceType\": \"Observation\",\n\t\"id\": \"%s-%d\",\n \"status\": \"%s\"}", p, i, []string{"final", "preliminary"}[i]))
		}
	}
	s.put("", "Location", "l", `{"resourceType":"Location","id":"l"}`)
}

func (s *shop) export(e bulk.Export) bulk.Job {
	s.Helper()
	j, err := s.service.Start(bulk.Job{Principal: "me", Export: &e})
	if err != nil {
		s.Fatal(err)
	}
	return s.end(j.ID)
}

func (s *shop) end(id string) bulk.Job {
	s.Helper()
	for range 2000 {
		j, err := s.service.Get(id)
		if err != nil {
			s.Fatal(err)
		}
		if j.State.Final() {
			return j
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.Fatal("the job does not end")
	return bulk.Job{}
}

// lines are all lines of the files of a type, sorted.
func (s *shop) lines(j bulk.Job, files []bulk.File, typ string) (out []string) {
	s.Helper()
	for _, f := range files {
		if f.Type != typ {
			continue
		}
		c, _, err := s.service.File(j.ID, f.Name+".ndjson")
		if err != nil {
			s.Fatal(err)
		}
		b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
		if err != nil || int64(len(b)) != f.Bytes || int64(bytes.Count(b, []byte("\n"))) != f.Count {
			s.Fatalf("%s: %d bytes, %d lines, %v; told %+v", f.Name, len(b), bytes.Count(b, []byte("\n")), err, f)
		}
		c.Close()
		for line := range strings.Lines(string(b)) {
			if !json.Valid([]byte(line)) {
				s.Fatalf("not JSON: %s", line)
			}
			out = append(out, strings.TrimSpace(line))
		}
	}
	slices.Sort(out)
	return out
}

func (s *shop) counts(j bulk.Job) string {
	var all []string
	for _, f := range j.Output {
		all = append(all, fmt.Sprintf("%s %d", f.Type, f.Count))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestExportLevels(t *testing.T) {
	s := open(t, nil)
	s.people()
	for _, one := range []struct {
		name     string
		e        bulk.Export
		want     string
		patients int64
	}{
		{"system", bulk.Export{Level: bulk.System}, "Location 1, Observation 4, Patient 2", 2},
		{"patients", bulk.Export{Level: bulk.Patient}, "Observation 4, Patient 2", 2},
		{"group without who refuses", bulk.Export{Level: bulk.Group, Group: "g"}, "Observation 2, Patient 1", 1},
		{"type", bulk.Export{Level: bulk.System, Types: []string{"Location", "Patient"}}, "Location 1, Patient 2", 2},
		{"named", bulk.Export{Level: bulk.Patient, Patients: []string{"p2"}}, "Observation 2, Patient 1", 1},
		{"named outside of the group", bulk.Export{Level: bulk.Group, Group: "g", Patients: []string{"p2"}}, "", 0},
		{"limited", bulk.Export{Level: bulk.System, Limited: true, Scope: []string{"p1"}}, "Location 1, Observation 2, Patient 1", 1},
		{"limited to nobody", bulk.Export{Level: bulk.Patient, Limited: true}, "", 0},
		{"limited, named", bulk.Export{Level: bulk.Patient, Limited: true, Scope: []string{"p1"}, Patients: []string{"p2"}}, "", 0},
		{"limited, group", bulk.Export{Level: bulk.Group, Group: "g", Limited: true, Scope: []string{"p2"}}, "", 0},
		{"filter", bulk.Export{Level: bulk.System, Filters: []string{"Observation?status=final"}}, "Location 1, Observation 2, Patient 2", 2},
		{"either filter", bulk.Export{Level: bulk.System, Filters: []string{"Observation?status=final", "Observation?status=preliminary"}}, "Location 1, Observation 4, Patient 2", 2},
		{"before all", bulk.Export{Level: bulk.System, Until: time.Unix(1, 0)}, "", 0},
		{"after all", bulk.Export{Level: bulk.System, Since: time.Now().Add(time.Hour)}, "", 0},
	} {
		t.Run(one.name, func(t *testing.T) {
			j := s.export(one.e)
			if got := s.counts(j); j.State != bulk.Done || got != one.want || j.Patients != one.patients {
				t.Errorf("%s %q of %d patients, want %q of %d (%s)", j.State, got, j.Patients, one.want, one.patients, j.Problem)
			}
			for _, f := range j.Output {
				s.lines(j, j.Output, f.Type)
			}
		})
	}
	if j := s.export(bulk.Export{Level: bulk.Group, Group: "none"}); j.State != bulk.Failed || j.Problem == "" {
		t.Errorf("a group that is gone: %+v", j)
	}
}

func TestElements(t *testing.T) {
	s := open(t, nil)
	s.people()
	j := s.export(bulk.Export{Level: bulk.System, Types: []string{"Patient", "Observation"}, Elements: []string{"Patient.id"}})
	for _, line := range s.lines(j, j.Output, "Patient") {
		if strings.Contains(line, "gender") || !strings.Contains(line, "SUBSETTED") {
			t.Error(line)
		}
	}
	for _, line := range s.lines(j, j.Output, "Observation") {
		if strings.Contains(line, "SUBSETTED") {
			t.Error(line)
		}
	}
}

// TestSinceMissesNothing exports what changed since the export before, while somebody
// writes: together they have every version that was written, and deletions.
func TestSinceMissesNothing(t *testing.T) {
	s := open(t, nil)
	got := map[string]bool{}
	var since time.Time
	take := func() {
		j := s.export(bulk.Export{Level: bulk.System, Since: since})
		for _, line := range s.lines(j, j.Output, "Observation") {
			if !since.IsZero() && got[line] {
				t.Errorf("came twice: %s", line)
			}
			got[line] = true
		}
		since = j.At
	}
	take()
	done := make(chan bool)
	go func() {
		defer close(done)
		for i := range 300 {
			s.put("p", "Observation", fmt.Sprint(i), fmt.Sprintf(`{"resourceType":"Observation","id":"%d"}`, i))
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		take()
	}
	if len(got) != 300 {
		t.Errorf("%d of 300", len(got))
	}
	if _, err := s.store.Commit(t.Context(), []store.Write{{Type: "Observation", ID: "7", Delete: true}}); err != nil {
		t.Fatal(err)
	}
	j := s.export(bulk.Export{Level: bulk.System, Since: since})
	deleted := s.lines(j, j.Deleted, "Bundle")
	if len(j.Output) != 0 || len(deleted) != 1 || deleted[0] != `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Observation/7"}}]}` {
		t.Errorf("%v %v", j.Output, deleted)
	}
	if j = s.export(bulk.Export{Level: bulk.System}); len(j.Deleted) != 0 {
		t.Error("deletions without a time since when")
	}
}

func TestFilesArePartedByBytes(t *testing.T) {
	s := open(t, func(o *bulk.Options) { o.FileBytes = 10_000 })
	for i := range 100 {
		s.put("p", "Observation", fmt.Sprint(i), fmt.Sprintf(`{"resourceType":"Observation","id":"%d","note":"%s"}`, i, strings.Repeat("x", 900)))
	}
	j := s.export(bulk.Export{Level: bulk.System})
	if len(j.Output) < 10 || len(s.lines(j, j.Output, "Observation")) != 100 {
		t.Errorf("%d files", len(j.Output))
	}
	for _, f := range j.Output {
		if f.Bytes > 10_000 {
			t.Errorf("%s has %d bytes", f.Name, f.Bytes)
		}
	}
}

// TestNothingLiesInTheClear looks for words of a patient in everything on disk.
func TestNothingLiesInTheClear(t *testing.T) {
	s := open(t, nil)
	s.put("zanzibar", "Patient", "zanzibar", `{"resourceType":"Patient","id":"zanzibar","name":[{"family":"Zanzibar"}]}`)
	s.export(bulk.Export{Level: bulk.Patient, Patients: []string{"zanzibar"}})
	err := filepath.WalkDir(s.opt.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(bytes.ToLower(b), []byte("zanzibar")) {
			t.Errorf("%s names the patient", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestKilledJobsRunAgain leaves a job as a kill would and opens the folder anew.
func TestKilledJobsRunAgain(t *testing.T) {
	s := open(t, nil)
	s.people()
	s.gate = make(chan struct{})
	j, err := s.service.Start(bulk.Job{Principal: "me", Export: &bulk.Export{Level: bulk.System}})
	if err != nil {
		t.Fatal(err)
	}
	s.gate <- struct{}{} // it is under way
	s.gate <- struct{}{}
	// What is on disk now is all that a kill would leave.
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(s.opt.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(copied, "torn"), 0o700); err != nil { // never acknowledged
		t.Fatal(err)
	}
	close(s.gate)
	s.end(j.ID)
	if err := s.service.Close(); err != nil {
		t.Fatal(err)
	}
	s.gate, s.opt.Dir = nil, copied
	s.begin()
	again := s.end(j.ID)
	if got := s.counts(again); got != "Location 1, Observation 4, Patient 2" || again.Principal != "me" {
		t.Errorf("%q %+v", got, again)
	}
	if _, err := os.Stat(filepath.Join(copied, "torn")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a torn folder stays")
	}
	// Nothing but its own files is left of the first try.
	files, err := os.ReadDir(filepath.Join(copied, j.ID))
	if err != nil || len(files) != 4 {
		t.Errorf("%v %v", files, err)
	}
}

func TestErasure(t *testing.T) {
	s := open(t, nil)
	s.people()
	done := s.export(bulk.Export{Level: bulk.System})
	s.gate = make(chan struct{})
	running, err := s.service.Start(bulk.Job{Principal: "me", Export: &bulk.Export{Level: bulk.System}})
	if err != nil {
		t.Fatal(err)
	}
	s.gate <- struct{}{}
	stop := make(chan bool)
	go func() {
		for {
			select {
			case s.gate <- struct{}{}:
			case <-stop:
				return
			}
		}
	}()
	erased := s.service.Erasing()
	if err := s.store.Erase(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	if err := erased(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.service.Get(done.ID); !errors.Is(err, bulk.ErrNotFound) {
		t.Errorf("files with the erased patient stay: %v", err)
	}
	j := s.end(running.ID)
	close(stop)
	if got := s.counts(j); got != "Location 1, Observation 2, Patient 1" {
		t.Errorf("the export that ran has %q", got)
	}
}

func TestLimitsAndEnds(t *testing.T) {
	now := time.Now()
	var clock atomic.Int64
	s := open(t, func(o *bulk.Options) {
		o.Now = func() time.Time { return now.Add(time.Duration(clock.Load())) }
	})
	s.people()
	s.gate = make(chan struct{})
	start := func(who string) (bulk.Job, error) {
		return s.service.Start(bulk.Job{Principal: who, Export: &bulk.Export{Level: bulk.System}})
	}
	a, _ := start("me")
	b, _ := start("me")
	if _, err := start("me"); !errors.Is(err, bulk.ErrBusy) {
		t.Errorf("a third job: %v", err)
	}
	if _, err := start("you"); err != nil {
		t.Error(err)
	}
	early := 0
	for range 40 {
		if _, wait, soon, err := s.service.Poll(a.ID); err != nil || wait <= 0 {
			t.Fatal(wait, err)
		} else if soon {
			early++
		}
	}
	if early != 20 {
		t.Errorf("%d of 40 polls were too early", early)
	}
	clock.Add(int64(time.Minute))
	if _, _, soon, _ := s.service.Poll(a.ID); soon {
		t.Error("a minute later is too early")
	}
	if err := s.service.Drop(a.ID); err != nil { // one that runs or waits
		t.Fatal(err)
	}
	close(s.gate)
	if j := s.end(b.ID); j.State != bulk.Done {
		t.Errorf("%+v", j)
	}
	if _, err := s.service.Get(a.ID); !errors.Is(err, bulk.ErrNotFound) {
		t.Errorf("a dropped job: %v", err)
	}
	clock.Add(int64(2 * time.Hour))
	if _, err := s.service.Get(b.ID); !errors.Is(err, bulk.ErrNotFound) {
		t.Errorf("an expired job: %v", err)
	}
}

func TestUnrecordedDisclosureFails(t *testing.T) {
	s := open(t, func(o *bulk.Options) { o.Ended = func(bulk.Job) error { return errors.New("disk full") } })
	s.people()
	j := s.export(bulk.Export{Level: bulk.System})
	if j.State != bulk.Failed || len(j.Output) != 0 {
		t.Errorf("%+v", j)
	}
	if files, _ := os.ReadDir(filepath.Join(s.opt.Dir, j.ID)); len(files) != 1 {
		t.Errorf("files stay: %v", files)
	}
}

func TestImport(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/dump/a.ndjson", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "good\nbad\ngood\n") })
	mux.HandleFunc("/dump/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	web := httptest.NewServer(mux)
	defer web.Close()
	s := open(t, func(o *bulk.Options) {
		o.Sources = []string{web.URL + "/dump/"}
		o.Load = func(_ context.Context, body io.Reader, report func(bulk.Line)) error {
			b, err := io.ReadAll(body)
			for line := range strings.Lines(string(b)) {
				l := bulk.Line{Status: 201}
				if line == "bad\n" {
					l = bulk.Line{Status: 400, Outcome: []byte(`{"resourceType":"OperationOutcome"}`)}
				}
				report(l)
			}
			return err
		}
	})
	for address, want := range map[string]bool{web.URL + "/dump/a.ndjson": true, web.URL + "/elsewhere": false, web.URL + "/dump/../elsewhere": false,
		"https://example.org/dump/a": false, "file:///dump/": false, strings.Replace(web.URL, "http://", "http://user@", 1) + "/dump/a": false} {
		if s.service.Allowed(address) != want {
			t.Errorf("%s is allowed: %v", address, !want)
		}
	}
	j, err := s.service.Start(bulk.Job{Principal: "me", Import: &bulk.Import{Inputs: []bulk.Input{{Type: "Patient", URL: web.URL + "/dump/a.ndjson"}, {Type: "Patient", URL: web.URL + "/dump/moved"}}}})
	if err != nil {
		t.Fatal(err)
	}
	j = s.end(j.ID)
	if j.State != bulk.Done || j.Resources != 2 || len(j.Output) != 2 || j.Output[0].Count != 2 || len(j.Errors) != 2 {
		t.Errorf("%+v", j)
	}
	if got := s.lines(j, j.Errors[1:], "OperationOutcome"); len(got) != 1 || !strings.Contains(got[0], "status 302") {
		t.Errorf("%v", got)
	}
}

// BenchmarkExport is the whole way from sealed bytes to sealed files, of results of
// about 1 KB; it reports bytes of NDJSON.
func BenchmarkExport(b *testing.B) {
	dir := b.TempDir()
	st, err := store.Open(store.Options{Dir: dir, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	var batch []store.Write
	for i := range 50_000 {
		id := fmt.Sprint(i)
		batch = append(batch, store.Write{Type: "Observation", ID: id, Patient: fmt.Sprint(i / 50), Raw: []byte(fmt.Sprintf(
			`{"resourceType":"Observation","id":"%s","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory","display":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"2345-7","display":"Glucose [Mass/volume] in Serum or Plasma"}],"text":"Glucose"},"subject":{"reference":"Patient/%d"},"encounter":{"reference":"Encounter/%d"},"effectiveDateTime":"2024-01-02T03:04:05Z","issued":"2024-01-02T03:04:05.000Z","valueQuantity":{"value":%d.5,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"},"note":[{"text":"%s"}]}`,
			id, i/50, i*7919%100_000, i%300, strings.Repeat(fmt.Sprintf("w%d ", i*31), 30)))})
		if len(batch) == 1000 {
			if _, err := st.Commit(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	opt := bulk.Options{Store: st, Dir: b.TempDir(), Now: time.Now, FileBytes: 256 << 20, Keep: time.Hour, PerCaller: 2, Refuses: func(string) bool { return false },
		Served: func(r store.Resource) ([]byte, error) { return r.Raw, nil }, Ended: func(bulk.Job) error { return nil }}
	service, err := bulk.Open(b.Context(), opt)
	if err != nil {
		b.Fatal(err)
	}
	defer service.Close()
	for b.Loop() {
		j, err := service.Start(bulk.Job{Export: &bulk.Export{Level: bulk.System}})
		for err == nil && !j.State.Final() {
			time.Sleep(time.Millisecond)
			j, err = service.Get(j.ID)
		}
		if err != nil || j.State != bulk.Done {
			b.Fatal(j.Problem, err)
		}
		b.SetBytes(j.Output[0].Bytes)
		if err := service.Drop(j.ID); err != nil {
			b.Fatal(err)
		}
	}
}
