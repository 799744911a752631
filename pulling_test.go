package ember_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ember"
	"ember/ehr"
	"ember/ehr/ehrtest"
	"ember/synth"
)

// fakeEHR is an EHR with a synthetic hospital, and how Ember is known to it.
type fakeEHR struct {
	testing.TB
	*ehrtest.Server
	url, key string
}

func newEHR(t testing.TB, patients int, opt ehrtest.Options) *fakeEHR {
	t.Helper()
	key, file, err := ehr.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	if opt.Clients == nil {
		opt.Clients = map[string][]byte{"ember": public}
	}
	e := &fakeEHR{TB: t, Server: ehrtest.New(opt), key: filepath.Join(t.TempDir(), "ehr-key.json")}
	if err := os.WriteFile(e.key, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if patients > 0 {
		dir := t.TempDir()
		if _, err := synth.Write(t.Context(), dir, synth.Options{Patients: patients, Seed: 5, Profile: synth.Lean}, nil); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Load(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	face := httptest.NewServer(e.Server)
	t.Cleanup(face.Close)
	e.url = face.URL
	return e
}

// config is a data directory of its own that knows the EHR.
func (e *fakeEHR) config() ember.Config {
	config := testConfig(filepath.Join(e.TempDir(), "data"))
	config.Now = time.Now // tokens live by the EHR's clock
	config.EHR, config.EHRClient, config.EHRKey, config.EHRExport = e.url+"/fhir", "ember", e.key, "system"
	return config
}

func quietly(string, int, int) {}

func TestPullFromAnEHR(t *testing.T) {
	e := newEHR(t, 25, ehrtest.Options{Polls: 0})
	h := open(t, e.config())
	sum, err := h.Pull(t.Context(), ember.PullRequest{Wait: true}, quietly)
	if err != nil || !sum.Complete || sum.Created != sum.Read || sum.Read < 300 || sum.Refused > 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	for _, typ := range []string{"Patient", "Observation", "Condition"} {
		if r := h.get("/fhir/" + typ + "?_summary=count"); !strings.Contains(string(r.body), fmt.Sprintf(`"total":%d`, e.Resources(typ))) {
			t.Errorf("%s: %s", typ, r.body)
		}
	}
	if err := e.Put([]byte(`{"resourceType":"Patient","id":"later","gender":"female","birthDate":"1950-01-01"}`)); err != nil {
		t.Fatal(err)
	}
	if sum, err = h.Pull(t.Context(), ember.PullRequest{}, quietly); err != nil || sum.Created != 1 || sum.Read != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	e.Delete("Patient", "later")
	if sum, err = h.Pull(t.Context(), ember.PullRequest{}, quietly); err != nil || sum.Deleted != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if r := h.get("/fhir/Patient/later"); r.status != http.StatusGone {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestPullNeedsAnEHR(t *testing.T) {
	h := open(t, testConfig(filepath.Join(t.TempDir(), "data")))
	if _, err := h.Pull(t.Context(), ember.PullRequest{}, quietly); err == nil || !strings.Contains(err.Error(), "ehr") {
		t.Error(err)
	}
	for name, change := range map[string]func(*ember.Config){
		"a client without an EHR": func(c *ember.Config) { c.EHRClient = "x" },
		"no key":                  func(c *ember.Config) { c.EHR, c.EHRClient = "https://x/fhir", "x" },
		"an odd level":            func(c *ember.Config) { c.EHRExport = "all" },
	} {
		config := testConfig(t.TempDir())
		change(&config)
		if config.Validate() == nil {
			t.Errorf("%s was taken", name)
		}
	}
	e := newEHR(t, 0, ehrtest.Options{})
	if err := os.Chmod(e.key, 0o644); err != nil {
		t.Fatal(err)
	}
	if app, err := ember.Open(t.Context(), e.config()); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err, app != nil && app.Close() != nil)
	}
}

// TestPullIsTakenUpAfterKills kills a serving process again and again while it pulls.
// What it has in the end is what the EHR has, and nothing was written twice.
func TestPullIsTakenUpAfterKills(t *testing.T) {
	kills := 12
	if testing.Short() {
		kills = 4
	}
	e := newEHR(t, 120, ehrtest.Options{FileSize: 40, Polls: 0, Clients: map[string][]byte{}})
	t.Setenv("EMBER_TEST_EHR", e.url+"/fhir")
	e.Set(func(f *ehrtest.Faults) { f.Slow = 8 * time.Millisecond })
	dir := filepath.Join(t.TempDir(), "data")
	random := rand.New(rand.NewPCG(7, 8))
	for range kills {
		s := serve(t, dir)
		time.Sleep(time.Duration(random.IntN(120)) * time.Millisecond)
		s.kill()
	}
	e.Set(func(f *ehrtest.Faults) { *f = ehrtest.Faults{} })
	s := serve(t, dir)
	deadline, total := time.Now().Add(30*time.Second), 0
	for _, typ := range []string{"Patient", "Observation", "Condition", "Encounter", "MedicationRequest"} {
		for _, id := range e.IDs(typ) {
			r := s.get("/fhir/" + typ + "/" + id)
			for ; r.status != http.StatusOK; r = s.get("/fhir/" + typ + "/" + id) {
				if time.Now().After(deadline) {
					t.Fatalf("%s/%s is lost", typ, id)
				}
				time.Sleep(20 * time.Millisecond)
			}
			if !strings.Contains(string(r.body), `"versionId":"1"`) {
				t.Errorf("%s/%s was written twice", typ, id)
			}
			total++
		}
	}
	t.Logf("%d resources, %d kick-offs, %d files in %d lives", total, e.Seen("kick-off"), e.Seen("file"), kills+1)
}

// TestPullWhileServing: the setting pulls without anybody asking.
func TestPullWhileServing(t *testing.T) {
	e := newEHR(t, 0, ehrtest.Options{Polls: 0})
	if err := e.Put([]byte(`{"resourceType":"Patient","id":"p1","gender":"male"}`)); err != nil {
		t.Fatal(err)
	}
	config := e.config()
	config.EHRPull = 20 * time.Millisecond
	h := open(t, config)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Serve(ctx, nil) }()
	for _, id := range []string{"p1", "p2"} {
		if err := e.Put([]byte(`{"resourceType":"Patient","id":"` + id + `","gender":"female"}`)); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(10 * time.Second)
		for !strings.Contains(string(h.get("/fhir/Patient/"+id).body), "female") {
			if time.Now().After(deadline) {
				t.Fatalf("%s did not come", id)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
