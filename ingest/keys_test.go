package ingest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"ember/fhir"
	"ember/search"
	"ember/store"
)

func (h *hospital) searchCount(typ, query string) int {
	h.Helper()
	q, err := search.Parse(typ, query)
	if err != nil {
		h.Fatal(err)
	}
	e := search.Engine{Store: h.store, Now: time.Now}
	page, err := e.Search(context.Background(), q, nil, nil)
	if err != nil {
		h.Fatal(err)
	}
	return len(page.Matches)
}

// TestOlderStoreIsKeyedAnew: what was stored before there were search keys, or by
// another version of them, is found once it is keyed, under the same version.
func TestOlderStoreIsKeyedAnew(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Options{Dir: dir + "/store", KeyFile: dir + "/key", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	var writes []store.Write
	for i := range 1200 {
		raw := fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","code":{"coding":[{"code":"c%d"}]},"subject":{"reference":"Patient/p%d"}}`, i, i%3, i%5)
		w := store.Write{Type: "Observation", ID: fmt.Sprint("o", i), Patient: fmt.Sprint("p", i%5), Raw: []byte(raw)}
		if i%2 == 0 { // of another version
			w.Index = store.Index{Lists: [][]byte{fhir.ValueList("Observation", "code", "old", false), fhir.TypeList("Observation", false)}, Place: 7}
		}
		writes = append(writes, w)
	}
	writes = append(writes, store.Write{Type: "Practitioner", ID: "d", Raw: []byte(`{"resourceType":"Practitioner","id":"d"}`)})
	if _, err := s.Commit(t.Context(), writes); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	h := open(t, dir)
	for until := time.Now().Add(20 * time.Second); !h.Searchable() && time.Now().Before(until); {
		time.Sleep(5 * time.Millisecond)
	}
	if !h.Searchable() {
		t.Fatal("not keyed")
	}
	for query, want := range map[string]int{"code=c1&_count=1000": 400, "code=old": 0, "patient=p2&code=c2&_count=1000": 80, "_count=1000": 1000} {
		if got := h.searchCount("Observation", query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	if h.searchCount("Practitioner", "") != 1 {
		t.Error("what belongs to nobody is not keyed")
	}
	if r, err := h.store.Get("Observation", "o1"); err != nil || r.Version != 1 {
		t.Errorf("version %d, %v", r.Version, err)
	}
	n := 0
	for range h.store.Scan([]store.Span{{List: fhir.ValueList("Observation", "code", "old", false), To: store.MaxPlace}}, false, nil) {
		n++
	}
	if n != 0 {
		t.Errorf("%d old entries are left", n)
	}
	h.closeAll()
	if h = open(t, dir); !h.Searchable() {
		t.Error("keyed again")
	}
}

// TestLaterReferenceIsFound: a reference that waited for its target is found by it
// when it has come.
func TestLaterReferenceIsFound(t *testing.T) {
	h := open(t, t.TempDir())
	h.load(`{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient?identifier=urn:mrn|7"}}`)
	if h.searchCount("Observation", "patient=p") != 0 {
		t.Error("found too early")
	}
	h.load(`{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:mrn","value":"7"}]}`)
	h.wait()
	if h.searchCount("Observation", "patient=p") != 1 || h.searchCount("Observation", "patient.identifier=urn:mrn%7C7") != 1 {
		t.Error("not found")
	}
}
