package ember_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestKill kills a server 20 times at random while four clients load, and looks
// for every acknowledged resource: byte for byte, and by search.
func TestKill(t *testing.T) {
	kills := 20
	if testing.Short() {
		kills = 4
	}
	dir := t.TempDir() + "/data"
	known := acknowledged{bytes: map[string]string{}}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range kills {
		s := serve(t, dir)
		known.check(s.client, round-1)
		var loaders sync.WaitGroup
		for i := range 4 {
			loaders.Go(func() { known.load(s.client, round, i) })
		}
		time.Sleep(time.Duration(20+random.IntN(230)) * time.Millisecond)
		s.kill()
		loaders.Wait()
	}
	s := serve(t, dir)
	for round := range kills {
		known.check(s.client, round)
	}
	s.ready()
	known.search(s.client)
	if len(known.bytes) < 20*kills {
		t.Errorf("only %d resources were acknowledged: the test proves little", len(known.bytes))
	}
	t.Logf("%d resources acknowledged in %d lives of the server", len(known.bytes), kills)
}

// acknowledged is what the server said it has.
type acknowledged struct {
	mu    sync.Mutex
	bytes map[string]string // reference → bytes as sent
}

func (a *acknowledged) add(resources map[string]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for ref, raw := range resources {
		a.bytes[ref] = raw
	}
}

// load sends single resources and lines in turn until the server is gone.
func (a *acknowledged) load(c client, round, loader int) {
	for n := 0; ; n++ {
		id := fmt.Sprintf("k%d-%d-%d", round, loader, n)
		note := base64.StdEncoding.EncodeToString([]byte("Seen for fever, word" + strings.ReplaceAll(id, "-", "x") + " noted."))
		// Odd spacing: what is kept is bytes, not their meaning.
		resources := map[string]string{
			"Patient/" + id:           `{"resourceType":"Patient" ,"id":"` + id + `","name":[{"family":"Möbius\u00e9"}], "birthDate":"1980-01-01"}`,
			"DocumentReference/" + id: `{"id":"` + id + `","resourceType":"DocumentReference","status":"current","date":"2024-05-01T10:00:00Z","subject":{ "reference":"Patient/` + id + `"},"content":[{"attachment":{"contentType":"text/plain","data":"` + note + `"}}]}`,
			"Observation/" + id:       `{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"subject":{"reference":"Patient/` + id + `"},"valueQuantity":{"value":4.10,"unit":"mmol/L"}}`,
		}
		if n%2 == 0 {
			for ref, raw := range resources {
				r, err := c.try("PUT", "/fhir/"+ref, fhirJSON, strings.NewReader(raw))
				if err != nil || r.status >= 400 {
					return
				}
				a.add(map[string]string{ref: raw})
			}
			continue
		}
		lines := ""
		for _, raw := range resources {
			lines += raw + "\n"
		}
		r, err := c.try("POST", "/fhir", ndjson, strings.NewReader(lines))
		if err != nil || r.status != http.StatusOK {
			return
		}
		a.add(resources)
	}
}

// check reads what was acknowledged in a round.
func (a *acknowledged) check(c client, round int) {
	c.t.Helper()
	for ref, raw := range a.bytes {
		if _, id, _ := strings.Cut(ref, "/"); !strings.HasPrefix(id, fmt.Sprintf("k%d-", round)) {
			continue
		}
		if r := c.get("/fhir/" + ref + "?_raw=true"); r.status != http.StatusOK || string(r.body) != raw {
			c.t.Fatalf("%s was acknowledged and is now: %d %s", ref, r.status, r.body)
		}
	}
}

// search looks for each acknowledged note by the word only it has.
func (a *acknowledged) search(c client) {
	c.t.Helper()
	for ref := range a.bytes {
		id, ok := strings.CutPrefix(ref, "DocumentReference/")
		if !ok {
			continue
		}
		r := c.get("/v1/search?q=word" + strings.ReplaceAll(id, "-", "x"))
		if !strings.Contains(string(r.body), ref) {
			c.t.Fatalf("%s was acknowledged and is not found: %s", ref, r.body)
		}
	}
}

// TestAllergyIsHeededAtOnce writes an allergy, takes it back and asks in between,
// a thousand times, with the index and its follower busy beside.
func TestAllergyIsHeededAtOnce(t *testing.T) {
	times := 1000
	if testing.Short() {
		times = 100
	}
	h := openTrained(t)
	h.load(`{"resourceType":"Patient","id":"al","gender":"female","birthDate":"1970-01-01"}
{"resourceType":"Condition","id":"al-c","subject":{"reference":"Patient/al"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}]},"recordedDate":"2020-01-01"}`)
	const question = "want=treatments&limit=3&explain=723"
	for i := range times {
		id := fmt.Sprintf("al-%d", i)
		r := h.put(`{"resourceType":"AllergyIntolerance","id":"` + id + `","patient":{"reference":"Patient/al"},"code":{"text":"penicillin"},"recordedDate":"2024-12-30"}`)
		if r.status != http.StatusCreated {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if a := h.recommend("al", question); a.Explained == nil || len(a.Explained.Blocked) == 0 || !strings.Contains(string(a.raw), "AllergyIntolerance/"+id) {
			t.Fatalf("%d: not heeded: %s", i, a.raw)
		}
		if r := h.do("DELETE", "/fhir/AllergyIntolerance/"+id, "", nil); r.status != http.StatusNoContent {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if a := h.recommend("al", question); a.Explained == nil || len(a.Explained.Blocked) > 0 {
			t.Fatalf("%d: still heeded: %s", i, a.raw)
		}
	}
}

// TestTrainingGoesOnAfterAKill kills a training, and has the next one come to the very
// version that an undisturbed one comes to; what had been finished is there until then.
func TestTrainingGoesOnAfterAKill(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	undisturbed, err := openTrained(t).Train(t.Context(), func(string, int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	dir := trainedDir(t)
	h := open(t, testConfig(dir))
	finished := func() int {
		files, err := os.ReadDir(filepath.Join(dir, "parts"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return len(files)
	}
	ctx, kill := context.WithCancel(t.Context())
	_, err = h.Train(ctx, func(stage string, _, _ int) {
		if stage == "comparing with what serves" {
			kill()
		}
	})
	if err == nil || finished() < 3 {
		t.Fatalf("killed: %v, %d parts", err, finished())
	}
	again, err := h.Train(t.Context(), func(string, int, int) {})
	if err != nil || again.Version != undisturbed.Version || finished() != 0 {
		t.Errorf("went on: %v, version %s of %s, %d parts left", err, again.Version, undisturbed.Version, finished())
	}
}
