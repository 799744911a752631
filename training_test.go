package ember_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"ember"
	"ember/store"
)

// quiet is progress that nobody watches.
func quiet(string, int, int) {}

// damage writes something else over the timeline of a patient.
func damage(t *testing.T, dir, patient string) {
	t.Helper()
	s, err := store.Open(store.Options{Dir: filepath.Join(dir, "store"), KeyFile: filepath.Join(dir, "key"), Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	bad := store.Pair{Key: []byte("t" + patient), Value: []byte("no timeline"), Patient: patient}
	if err := errors.Join(s.Space("timelines").Put([]store.Pair{bad}, true), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestTrainingLeavesDamagedTimelinesOut: counted, named by key, and mended.
func TestTrainingLeavesDamagedTimelinesOut(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	dir := trainedDir(t)
	damage(t, dir, "rare-1")
	h := open(t, testConfig(dir))
	before, err := h.Models()
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.Train(context.Background(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Damaged) != 1 || strings.Contains(s.Damaged[0], "rare") || s.Patients != before[0].Patients-1 {
		t.Errorf("left out %q, trained on %d of %d", s.Damaged, s.Patients, before[0].Patients)
	}
	h.ready()
	if s, err = h.Train(context.Background(), quiet); err != nil || len(s.Damaged) != 0 || s.Patients != before[0].Patients {
		t.Errorf("not mended: %+v %v", s, err)
	}
}

// others have tuberculosis and are ordered, at each of three visits, what nobody
// else in the hospital is.
func others(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		id := fmt.Sprintf("more-%d", i)
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"%s","gender":"male","birthDate":"1965-05-05"}`+"\n", id)
		fmt.Fprintf(&b, `{"resourceType":"Condition","id":"%s","subject":{"reference":"Patient/%[1]s"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"A15.0"}]},"recordedDate":"2024-01-05"}`+"\n", id)
		for v := range 3 {
			fmt.Fprintf(&b, `{"resourceType":"Encounter","id":"%s-%d","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/%[1]s"},"period":{"start":"2024-0%[3]d-05T09:00:00Z","end":"2024-0%[3]d-05T10:00:00Z"}}`+"\n", id, v, v+2)
			fmt.Fprintf(&b, `{"resourceType":"MedicationRequest","id":"%s-%d","status":"active","intent":"order","medicationCodeableConcept":{"text":"rifampin"},"subject":{"reference":"Patient/%[1]s"},"encounter":{"reference":"Encounter/%[1]s-%[2]d"},"authoredOn":"2024-0%[3]d-05T09:30:00Z"}`+"\n", id, v, v+2)
		}
	}
	return b.String()
}

// TestGoneFromSimilarPatientsAtOnce: thirty people with tuberculosis, of whom
// first half refuse, then two are erased; whoever is asked about next counts them
// no more, also after a restart, and those who learned of them serve on.
func TestGoneFromSimilarPatientsAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	dir := trainedDir(t)
	app, err := ember.Open(context.Background(), testConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	face := httptest.NewServer(app.Handler())
	h := &hospital{t, app, client{t, face.URL}}
	h.load(others(0, 30))
	h.ready()
	if _, err := h.Train(context.Background(), quiet); err != nil {
		t.Fatal(err)
	}
	h.ready()
	count := func() int {
		t.Helper()
		a := h.recommend("more-0", "want=treatments&limit=50")
		for _, i := range a.Items {
			if strings.Contains(strings.ToLower(i.Code.Display), "rifamp") && i.Similar.Received != nil {
				return *i.Similar.Received
			}
		}
		return 0
	}
	before := count()
	version := h.recommend("more-0", "want=treatments").Model.Version
	var refusals strings.Builder
	for i := 1; i < 15; i++ {
		fmt.Fprintf(&refusals, deny, fmt.Sprintf("more-%d", i))
	}
	h.load(refusals.String())
	h.ready()
	refused := count()
	if before < 29 || refused != before-14 {
		t.Errorf("%d were ordered it, after 14 refused %d", before, refused)
	}
	for _, id := range []string{"more-20", "more-21"} {
		if _, err := h.Erase(context.Background(), id); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(); got != refused-2 {
		t.Errorf("after two were erased %d, were %d", got, refused)
	}
	face.Close()
	if err := app.Close(); err != nil {
		t.Fatal(err)
	}
	h = open(t, testConfig(dir))
	if got := count(); got != refused-2 {
		t.Errorf("after a restart %d, were %d", got, refused-2)
	}
	if got := h.recommend("more-0", "want=treatments").Model.Version; got != version {
		t.Errorf("another version answers: %s, was %s", got, version)
	}
}

// TestTrainedAgainstWhatServes: with nobody new there is no comparison, and the
// manifest says so; with seventy who are new there is one, and what serves goes
// on if the new version is no better.
func TestTrainedAgainstWhatServes(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	h := openTrained(t)
	first := h.recommend("rare-0", "want=treatments").Model.Version
	s, err := h.Train(context.Background(), quiet)
	if err != nil || !strings.Contains(s.Decision, "not compared with what serves ("+first+"): only 0 patients") {
		t.Fatalf("%+v %v", s, err)
	}
	h.load(others(0, 70))
	h.ready()
	if s, err = h.Train(context.Background(), quiet); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Decision, "against what serves ("+first+"), on 70 patients of whom neither has learned: better") || !strings.HasSuffix(s.Served, s.Version) {
		t.Errorf("%+v", s)
	}
	h.load(others(100, 160))
	h.ready()
	second := s.Version
	if s, err = h.Train(context.Background(), quiet); err != nil {
		t.Fatal(err)
	}
	if got := h.recommend("rare-0", "want=treatments").Model.Version; got != second || !strings.HasSuffix(s.Served, second) || !strings.Contains(s.Decision, "goes on serving") {
		t.Errorf("%s answers: %+v", got, s)
	}
	if got := string(h.get("/metrics").body); !strings.Contains(got, `ember_recommender_calibration{of="ratio",want="treatments"}`) {
		t.Error("what serves says nothing of the promises it kept")
	}
	if _, err := h.Promote(s.Version, false); !ember.Refused(err) {
		t.Errorf("promoted against the gate: %v", err)
	}
	if _, err := h.Promote(s.Version, true); err != nil {
		t.Error(err)
	}
}
