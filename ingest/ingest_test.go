package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ember/fhir"
	"ember/index"
	"ember/ingest"
	"ember/store"
	"ember/terms"
	"ember/timelines"
)

// spaceKV is a store's space as the timelines want it.
type spaceKV struct{ *store.Space }

func (s spaceKV) Put(pairs []timelines.Pair) error {
	out := make([]store.Pair, len(pairs))
	for i, p := range pairs {
		out[i] = store.Pair{Key: p.Key, Value: p.Value, Patient: p.Patient}
	}
	return s.Space.Put(out, false)
}

func (s spaceKV) Delete(keys [][]byte) error { return s.Space.Delete(keys, false) }

func (s spaceKV) All() iter.Seq2[timelines.Pair, error] {
	return func(yield func(timelines.Pair, error) bool) {
		for p, err := range s.Space.All() {
			if !yield(timelines.Pair{Key: p.Key, Value: p.Value}, err) {
				return
			}
		}
	}
}

func timelinesOf(s *store.Store) *timelines.Timelines {
	return timelines.New(spaceKV{s.Space("timelines")}, 100)
}

// hospital is an open data directory.
type hospital struct {
	testing.TB
	*ingest.Ingest
	store *store.Store
	index *index.Index
}

func open(t testing.TB, dir string, bases ...string) *hospital {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Dir: dir + "/store", KeyFile: dir + "/key", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(index.Options{Dir: dir + "/index", Notes: true})
	if err != nil {
		t.Fatal(err)
	}
	in, err := ingest.Open(context.Background(), ingest.Options{Store: s, Mapper: fhir.NewMapper(tt), Timelines: timelinesOf(s), Index: x, Now: time.Now, Bases: bases})
	if err != nil {
		t.Fatal(err)
	}
	h := &hospital{TB: t, Ingest: in, store: s, index: x}
	t.Cleanup(h.closeAll)
	return h
}

func (h *hospital) closeAll() {
	if h.store == nil {
		return
	}
	for _, f := range []func() error{h.Close, h.index.Close, h.store.Close} {
		if err := f(); err != nil {
			h.Error(err)
		}
	}
	h.store = nil
}

// load gives the outcomes of what is loaded.
func (h *hospital) load(body string) []ingest.Outcome {
	h.Helper()
	var outs []ingest.Outcome
	if _, err := h.Load(context.Background(), strings.NewReader(body), "body", func(o ingest.Outcome) { outs = append(outs, o) }); err != nil {
		h.Fatal(err)
	}
	return outs
}

func (h *hospital) wait() {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := h.Wait(ctx); err != nil {
		h.Fatal(err)
	}
}

func (h *hospital) served(typ, id string) string {
	h.Helper()
	r, err := h.store.Get(typ, id)
	if err != nil {
		h.Fatalf("%s/%s: %v", typ, id, err)
	}
	b, err := ingest.Served(r)
	if err != nil {
		h.Fatal(err)
	}
	return string(b)
}

const (
	pat  = `{"resourceType":"Patient","id":"p1","gender":"female","birthDate":"1980-05-01"}`
	cond = `{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"recordedDate":"2020-01-01","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.9","display":"Type 2 diabetes mellitus"}]}}`
)

func TestLinesAreStoredByteForByteAndReachTheChart(t *testing.T) {
	h := open(t, t.TempDir())
	odd := `{ "resourceType" : "Observation","id":"o1", "status":"final","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"effectiveDateTime":"2020-02-03T10:00:00Z","valueQuantity":{"value":7.50,"code":"%","system":"http://unitsofmeasure.org"}, "unknown":[1, 2]}`
	outs := h.load(pat + "\n" + cond + "\n" + odd + "\n")
	for _, o := range outs {
		if o.Status != http.StatusCreated {
			t.Fatalf("%+v", o)
		}
	}
	if r, err := h.store.Get("Observation", "o1"); err != nil || string(r.Raw) != odd || r.Patient != "p1" {
		t.Fatalf("%v %q", err, r.Raw)
	}
	c, err := h.Chart("p1") // before the follower may have seen anything
	if err != nil || len(c.Events) != 2 {
		t.Fatalf("chart with %d events, %v", len(c.Events), err)
	}
	h.wait()
	after, err := h.Chart("p1")
	if err != nil || after.Version != c.Version {
		t.Errorf("the followed chart is another: %s %s %v", after.Version, c.Version, err)
	}
	again := h.load(odd + "\n" + pat + "\n" + cond)
	for _, o := range again {
		if !o.Unchanged || o.Version != 1 {
			t.Errorf("sent again: %+v", o)
		}
	}
}

func TestTransactionResolvesWithinAndLater(t *testing.T) {
	h := open(t, t.TempDir())
	bundle := `{"resourceType":"Bundle","type":"transaction","entry":[
	 {"fullUrl":"urn:uuid:11111111-1111-4111-8111-111111111111","resource":{"resourceType":"Condition","subject":{"reference":"urn:uuid:22222222-2222-4222-8222-222222222222"},"asserter":{"reference":"Practitioner?identifier=http://npi|9"},"code":{"text":"Gout"}},"request":{"method":"POST","url":"Condition"}},
	 {"fullUrl":"urn:uuid:22222222-2222-4222-8222-222222222222","resource":{"resourceType":"Patient","id":"mine"},"request":{"method":"POST","url":"Patient"}}]}`
	for range 2 {
		for _, o := range h.load(bundle) {
			if o.Status >= 400 {
				t.Fatalf("%+v", o)
			}
		}
	}
	got := h.served("Condition", "11111111-1111-4111-8111-111111111111")
	if !strings.Contains(got, `"reference":"Patient/22222222-2222-4222-8222-222222222222"`) || !strings.Contains(got, `"Practitioner?identifier=http://npi|9"`) {
		t.Fatalf("%s", got)
	}
	r, err := h.store.Get("Condition", "11111111-1111-4111-8111-111111111111")
	if err != nil || r.Patient != "22222222-2222-4222-8222-222222222222" || r.Version != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	h.load(`{"resourceType":"Practitioner","id":"dr","identifier":[{"system":"http://npi","value":"9"}]}`)
	if got := h.served("Condition", r.ID); !strings.Contains(got, `"reference":"Practitioner/dr"`) || !json.Valid([]byte(got)) {
		t.Errorf("the waiting reference was not resolved: %s", got)
	}
	for _, o := range h.load(bundle) {
		if !o.Unchanged {
			t.Errorf("sent again after its references were resolved: %+v", o)
		}
	}
}

func TestBadEntries(t *testing.T) {
	good := `{"resource":` + pat + `,"request":{"method":"PUT","url":"Patient/p1"}}`
	bad := `{"resource":{"resourceType":"Condition","id":"not valid!"},"request":{"method":"PUT","url":"Condition/not valid!"}}`
	for _, c := range []struct {
		kind   string
		stored bool
	}{{"transaction", false}, {"batch", true}} {
		h := open(t, t.TempDir())
		outs := h.load(`{"resourceType":"Bundle","type":"` + c.kind + `","entry":[` + good + `,` + bad + `]}`)
		if len(outs) != 2 || outs[1].Status != http.StatusBadRequest || len(outs[1].Issues) == 0 || !strings.HasPrefix(outs[1].Issues[0].Path, "Bundle.entry[1]") {
			t.Errorf("%s: %+v", c.kind, outs)
		}
		if _, err := h.store.Get("Patient", "p1"); (err == nil) != c.stored {
			t.Errorf("%s: the good entry: %v", c.kind, err)
		}
	}
	h := open(t, t.TempDir())
	outs := h.load(pat + "\n{\"resourceType\":\"Condition\",\n" + cond + "\n")
	stored := 0
	for _, o := range outs {
		if o.Status < 400 {
			stored++
		}
	}
	if stored != 2 {
		t.Errorf("a broken line between two good ones: %+v", outs)
	}
}

func TestAllergyIsHeededAtOnce(t *testing.T) {
	h := open(t, t.TempDir())
	h.load(pat)
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	for i := range rounds {
		id := fmt.Sprintf("a%d", i)
		body := `{"resourceType":"AllergyIntolerance","id":"` + id + `","patient":{"reference":"Patient/p1"},"code":{"text":"penicillin"}}`
		if _, err := h.Put(context.Background(), "AllergyIntolerance", id, []byte(body), ingest.Condition{}); err != nil {
			t.Fatal(err)
		}
		c, err := h.Chart("p1")
		if err != nil || len(c.Undated) != i+1 {
			t.Fatalf("after %d allergies the chart has %d, %v", i+1, len(c.Undated), err)
		}
	}
}

func TestDeleteMergeAndErase(t *testing.T) {
	h := open(t, t.TempDir())
	h.load(pat + "\n" + cond + "\n" + `{"resourceType":"Patient","id":"p2","birthDate":"1980-05-01"}`)
	h.wait()
	h.load(`{"resourceType":"Patient","id":"p1","birthDate":"1980-05-01","link":[{"type":"replaced-by","other":{"reference":"Patient/p2"}}]}`)
	h.wait()
	if c, err := h.Chart("p2"); err != nil || len(c.Events) != 1 {
		t.Errorf("the surviving record has %d events, %v", len(c.Events), err)
	}
	if c, err := h.Chart("p1"); err != nil || c.Person.ReplacedBy != "p2" {
		t.Errorf("replaced by %q, %v", c.Person.ReplacedBy, err)
	}
	if _, err := h.Delete(context.Background(), "Condition", "c1", 0); err != nil {
		t.Fatal(err)
	}
	h.wait()
	if c, err := h.Chart("p1"); err != nil || len(c.Events) != 0 {
		t.Errorf("a deleted condition is in the chart: %v", err)
	}
	if err := h.Erase(context.Background(), "p1"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Chart("p1"); !errors.Is(err, timelines.ErrNotFound) {
		t.Errorf("an erased patient: %v", err)
	}
}

func TestLaterMedicationReachesTheOrder(t *testing.T) {
	h := open(t, t.TempDir())
	h.load(pat + "\n" + `{"resourceType":"MedicationRequest","id":"m1","status":"active","intent":"order","subject":{"reference":"Patient/p1"},"authoredOn":"2021-01-01","medicationReference":{"reference":"Medication/x"}}`)
	h.wait()
	h.load(`{"resourceType":"Medication","id":"x","code":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"860975","display":"24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet"}]}}`)
	h.wait()
	c, err := h.Chart("p1")
	if err != nil || len(c.Events) != 1 || !strings.Contains(strings.ToLower(c.Events[0].Concept.Display), "metformin") {
		t.Errorf("%+v %v", c.Events, err)
	}
}

func TestReopenTakesUpWhereItWas(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	h.load(pat + "\n" + cond)
	h.wait()
	want, err := h.Chart("p1")
	if err != nil {
		t.Fatal(err)
	}
	h.closeAll()
	h = open(t, dir)
	h.wait()
	got, err := h.Chart("p1")
	if err != nil || got.Version != want.Version {
		t.Errorf("%v: %s, want %s", err, got.Version, want.Version)
	}
	found, err := h.index.Search(context.Background(), index.Query{Text: "diabetes", Limit: 5})
	if err != nil || len(found.Patients) != 1 {
		t.Errorf("search after reopening: %+v %v", found, err)
	}
}

func TestRealHospital(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	const dir = "../../shared/data/eicu-demo-fhir"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the real input is not beside the project: ", err)
	}
	h := open(t, t.TempDir())
	counts := map[int]int{}
	if _, err := h.LoadPaths(context.Background(), []string{dir}, func(o ingest.Outcome) { counts[o.Status]++ }); err != nil {
		t.Fatal(err)
	}
	h.wait()
	if counts[201] < 90_000 || len(counts) != 1 {
		t.Errorf("outcomes by status: %v", counts)
	}
}

// TestBrokenBeforeItsType cuts a transaction whose type stands last: nothing of
// it may be stored.
func TestBrokenBeforeItsType(t *testing.T) {
	h := open(t, t.TempDir())
	whole := `{"resourceType":"Bundle","entry":[{"request":{"method":"PUT","url":"Patient/1"},"resource":{"resourceType":"Patient","id":"1"}},{"request":{"method":"PUT","url":"Patient/2"},"resource":{"resourceType":"Patient","id":"2"}}],"type":"transaction"}`
	for _, end := range []int{len(whole) - 1, len(whole) - 30, len(whole) - 60} {
		h.load(whole[:end])
		if _, err := h.store.Get("Patient", "1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("cut at %d: stored: %v", end, err)
		}
	}
}

// TestMergedRecordIsFollowed writes to a record that was merged, and takes the
// merge back, each time after the follower has come to rest.
func TestMergedRecordIsFollowed(t *testing.T) {
	h := open(t, t.TempDir())
	const old, merged = `{"resourceType":"Patient","id":"old"}`, `{"resourceType":"Patient","id":"old","link":[{"type":"replaced-by","other":{"reference":"Patient/new"}}]}`
	events := func() int {
		t.Helper()
		c, err := h.Chart("new")
		if err != nil {
			t.Fatal(err)
		}
		n := len(c.Events) + len(c.Undated)
		h.wait()
		if c, err = h.Chart("new"); err != nil || len(c.Events)+len(c.Undated) != n {
			t.Errorf("%d events, after the follower %d, %v", n, len(c.Events)+len(c.Undated), err)
		}
		return n
	}
	allergy := func(id string) string {
		return `{"resourceType":"AllergyIntolerance","id":"` + id + `","patient":{"reference":"Patient/old"},"code":{"text":"penicillin"}}`
	}
	for _, step := range []struct {
		load string
		want int
	}{
		{old + "\n" + `{"resourceType":"Patient","id":"new"}` + "\n" + allergy("1"), 0},
		{merged, 1}, {allergy("2"), 2}, {old, 0}, {allergy("3"), 0}, {merged, 3},
	} {
		h.load(step.load)
		if got := events(); got != step.want {
			t.Errorf("after %s: %d events, want %d", step.load, got, step.want)
		}
	}
}

// TestWaitingBesideArriving loads observations that name their patient by
// identifier only, and the patients, at the same time.
func TestWaitingBesideArriving(t *testing.T) {
	h := open(t, t.TempDir())
	const n = 150
	send := func(line func(i int) string) func() {
		return func() {
			for i := range n {
				if _, err := h.Load(t.Context(), strings.NewReader(line(i)), "body", nil); err != nil {
					t.Error(err)
				}
			}
		}
	}
	var both sync.WaitGroup
	both.Go(send(func(i int) string {
		return fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","code":{"text":"x"},"subject":{"reference":"Patient?identifier=urn:mrn|%[1]d"}}`, i)
	}))
	both.Go(send(func(i int) string {
		return fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","identifier":[{"system":"urn:mrn","value":"%[1]d"}]}`, i)
	}))
	both.Wait()
	for i := range n {
		if r, err := h.store.Get("Observation", fmt.Sprintf("o%d", i)); err != nil || r.Patient != fmt.Sprintf("p%d", i) {
			t.Errorf("observation %d belongs to %q, %v", i, r.Patient, err)
		}
	}
}
