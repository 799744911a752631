package ingest_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ember/ingest"
	"ember/record"
	"ember/store"
)

func patientReplacedBy(id, by string) string {
	return `{"resourceType":"Patient","id":"` + id + `","link":[{"type":"replaced-by","other":{"reference":"Patient/` + by + `"}}]}`
}

func allergyOf(id, patient string) string {
	return `{"resourceType":"AllergyIntolerance","id":"` + id + `","patient":{"reference":"Patient/` + patient + `"},"code":{"text":"penicillin"}}`
}

// undated is how many undated events the chart has, before and after the follower.
func (h *hospital) undated(patient string, want int) {
	h.Helper()
	for _, when := range []string{"at once", "after the follower"} {
		c, err := h.Chart(patient)
		if err != nil || len(c.Undated) != want {
			h.Errorf("%s: %d undated events, want %d, %v", when, len(c.Undated), want, err)
		}
		h.wait()
	}
}

func TestMergesAreTransitive(t *testing.T) {
	h := open(t, t.TempDir())
	h.load(patientReplacedBy("p1", "p2") + "\n" + patientReplacedBy("p2", "p3") + "\n" + `{"resourceType":"Patient","id":"p3"}`)
	h.wait()
	h.load(allergyOf("a1", "p1"))
	h.undated("p3", 1)
	h.load(`{"resourceType":"Patient","id":"p2"}`)
	h.undated("p3", 0)
	h.load(patientReplacedBy("p2", "p3"))
	h.undated("p3", 1)
	h.load(`{"resourceType":"Patient","id":"p1"}`)
	h.undated("p3", 0)
	h.load(patientReplacedBy("p1", "p2") + "\n" + patientReplacedBy("p3", "p1")) // a circle
	h.undated("p3", 1)
}

func TestMedicationByAbsoluteReference(t *testing.T) {
	h := open(t, t.TempDir())
	h.load(pat + "\n" + `{"resourceType":"MedicationRequest","id":"m1","status":"active","intent":"order","subject":{"reference":"Patient/p1"},"authoredOn":"2021-01-01","medicationReference":{"reference":"http://ehr/fhir/Medication/x"}}`)
	h.wait()
	h.load(`{"resourceType":"Medication","id":"x","code":{"text":"metformin"}}`)
	h.wait()
	if c, err := h.Chart("p1"); err != nil || len(c.Events) != 1 || !strings.Contains(strings.ToLower(c.Events[0].Concept.Display+c.Events[0].Concept.Value), "metformin") {
		t.Errorf("%+v %v", c.Events, err)
	}
}

// TestIndexAheadOfTimelines has the index know more of the log than the
// timelines, as after a crash, with more patients than one part of a round has.
func TestIndexAheadOfTimelines(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	var lines strings.Builder
	for i := range 600 {
		fmt.Fprintf(&lines, "{\"resourceType\":\"Patient\",\"id\":\"p%d\"}\n", i)
	}
	h.load(lines.String())
	h.wait()
	h.Close()
	if err := errors.Join(timelinesOf(h.store).Put(nil, nil, 1), h.index.Close(), h.store.Close()); err != nil {
		t.Fatal(err)
	}
	h.store = nil
	h = open(t, dir)
	h.load(allergyOf("a1", "p1"))
	h.undated("p1", 1)
}

// TestIndexOfALaterStore has the index and the timelines know more of the log
// than there is, as when an older store was put back.
func TestIndexOfALaterStore(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	h.load(pat + "\n" + cond)
	h.wait()
	h.Close()
	if err := errors.Join(timelinesOf(h.store).Put([]record.Timeline{{Person: record.Person{ID: "p1"}}}, nil, 900), h.index.Apply(nil, []string{"p1"}, 1000), h.index.Close(), h.store.Close()); err != nil {
		t.Fatal(err)
	}
	h.store = nil
	h = open(t, dir)
	h.wait()
	if n := h.finds("diabetes"); n != 1 {
		t.Errorf("found %d", n)
	}
	if c, err := h.Chart("p1"); err != nil || len(c.Events) != 1 {
		t.Errorf("%d events, %v", len(c.Events), err)
	}
	h.load(allergyOf("a1", "p1"))
	h.undated("p1", 1)
}

// TestSettlingAfterCrash commits the target of a waiting reference to the store
// alone, as when the process dies before those who wait are looked for.
func TestSettlingAfterCrash(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	h.load(`{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient?identifier=urn:mrn|1"},"asserter":{"reference":"Practitioner?identifier=urn:npi|9"},"code":{"text":"penicillin"}}`)
	h.load(`{"resourceType":"Practitioner","id":"dr","identifier":[{"system":"urn:npi","value":"9"}]}`)
	if _, err := h.Delete(t.Context(), "Practitioner", "dr", 0); err != nil { // what was resolved stays so
		t.Fatal(err)
	}
	h.wait()
	h.Close()
	w := store.Write{Type: "Patient", ID: "p1", Patient: "p1", Raw: []byte(`{"resourceType":"Patient","id":"p1","identifier":[{"system":"urn:mrn","value":"1"}]}`), Keys: [][]byte{[]byte("i|Patient|urn:mrn|1")}}
	if _, err := h.store.Commit(t.Context(), []store.Write{w}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(h.index.Close(), h.store.Close()); err != nil {
		t.Fatal(err)
	}
	h.store = nil
	h = open(t, dir)
	h.wait()
	h.undated("p1", 1)
	if got := h.served("AllergyIntolerance", "a1"); !strings.Contains(got, `"Practitioner/dr"`) {
		t.Errorf("a resolved reference was lost: %s", got)
	}
}

// TestOneBadPatient has everybody else followed, also after reopening.
func TestOneBadPatient(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	h.SetEncoder(func(tl record.Timeline) []float32 {
		if tl.Person.ID == "p1" {
			panic("bad")
		}
		return nil
	})
	h.load(pat + "\n" + cond + "\n" + strings.ReplaceAll(pat+"\n"+cond, "1\"", "2\""))
	h.wait()
	if n := h.finds("diabetes"); n != 1 {
		t.Errorf("found %d", n)
	}
	if lag, err := h.Lag(); lag != 0 || err == nil || strings.Contains(err.Error(), "p1") {
		t.Errorf("lag %d, %v", lag, err)
	}
	if c, err := h.Chart("p1"); err != nil || len(c.Events) != 1 {
		t.Errorf("the chart has %d events, %v", len(c.Events), err)
	}
	h.closeAll()
	h = open(t, dir)
	h.wait()
	if _, err := h.Lag(); err != nil || h.finds("diabetes") != 2 {
		t.Errorf("after reopening: %v", err)
	}
}

func TestErasingMergedRecords(t *testing.T) {
	h := open(t, t.TempDir())
	h.load(patientReplacedBy("p1", "p2") + "\n" + patientReplacedBy("p2", "p3") + "\n" + `{"resourceType":"Patient","id":"p3"}` + "\n" + allergyOf("a1", "p1") + "\n" + allergyOf("a2", "p2"))
	h.undated("p3", 2)
	if err := h.Erase(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	h.undated("p3", 1)
	h.undated("p2", 1)
	if err := h.Erase(t.Context(), "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("erasing nobody: %v", err)
	}
	if err := h.Erase(t.Context(), "p1"); err != nil {
		t.Errorf("erasing again: %v", err)
	}
}

func TestDamagedTimelineIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	h.load(pat + "\n" + cond)
	h.wait()
	h.closeAll()
	s, err := store.Open(store.Options{Dir: dir + "/store", KeyFile: dir + "/key", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	bad := store.Pair{Key: []byte("tp1"), Value: []byte("no timeline"), Patient: "p1"}
	if err := errors.Join(s.Space("timelines").Put([]store.Pair{bad}, true), s.Close()); err != nil {
		t.Fatal(err)
	}
	h = open(t, dir)
	if c, err := h.Chart("p1"); err != nil || len(c.Events) != 1 {
		t.Errorf("%d events, %v", len(c.Events), err)
	}
	h.wait()
	if c, err := timelinesOf(h.store).Get("p1"); err != nil || len(c.Events) != 1 {
		t.Errorf("not put anew: %v", err)
	}
}

func TestConditionalCreatesAtOnce(t *testing.T) {
	h := open(t, t.TempDir())
	for i := range 20 {
		var all sync.WaitGroup
		var created atomic.Int32
		for range 8 {
			all.Go(func() {
				body := fmt.Sprintf(`{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"%d"}]}`, i)
				out, err := h.Put(t.Context(), "Patient", "", []byte(body), ingest.Condition{IfNoneExist: fmt.Sprintf("identifier=urn:mrn|%d", i)})
				if err != nil {
					t.Error(err)
				}
				if out.Status == 201 {
					created.Add(1)
				}
			})
		}
		all.Wait()
		if n := created.Load(); n != 1 {
			t.Errorf("%d created", n)
		}
	}
}

func TestConstantUUIDsDoNotOverwriteSomebodyElse(t *testing.T) {
	h := open(t, t.TempDir())
	bundle := func(mrn, text string) string {
		return `{"resourceType":"Bundle","type":"transaction","entry":[
		{"fullUrl":"urn:uuid:11111111-1111-4111-8111-111111111111","resource":{"resourceType":"Patient","identifier":[{"system":"mrn","value":"` + mrn + `"}]},"request":{"method":"POST","url":"Patient"}},
		{"fullUrl":"urn:uuid:22222222-2222-4222-8222-222222222222","resource":{"resourceType":"Condition","subject":{"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"},"recordedDate":"2020-01-01","code":{"text":"` + text + `"}},"request":{"method":"POST","url":"Condition"}}]}`
	}
	smith := h.load(bundle("1", "gout"))
	jones := h.load(bundle("2", "asthma"))
	if smith[0].ID == jones[0].ID || smith[1].ID == jones[1].ID {
		t.Fatalf("one id for two: %+v %+v", smith, jones)
	}
	for _, out := range [][]ingest.Outcome{smith, jones} {
		if c, err := h.Chart(out[0].ID); err != nil || len(c.Events) != 1 || out[1].Patient != out[0].ID {
			t.Errorf("%+v: %d events, %v", out[0], len(c.Events), err)
		}
	}
	for _, o := range append(h.load(bundle("1", "gout")), h.load(bundle("2", "asthma"))...) {
		if !o.Unchanged {
			t.Errorf("sent again: %+v", o)
		}
	}
}
