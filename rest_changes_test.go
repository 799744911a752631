package ember_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// changed are the versions that a history tells of: "Observation/o1 PUT 2".
func (b searchset) changed() (all []string) {
	for _, e := range b.Entry {
		all = append(all, e.Request.URL+" "+e.Request.Method+" "+strings.Trim(e.Response.Etag, `W/"`))
	}
	return all
}

// TestHistoryOfTypesAndOfAll is newest first, in pages, from a moment on, and without who
// refuses or was erased.
func TestHistoryOfTypesAndOfAll(t *testing.T) {
	config := testConfig(t.TempDir() + "/data")
	var later atomic.Int64 // hours
	config.Now = func() time.Time {
		return time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(later.Load()) * time.Hour)
	}
	h := open(t, config)
	h.load(patient("p1") + "\n" + patient("p2") + "\n" + observed("o1", "1-1", "p1", "2024-01-01") + "\n" + observed("o2", "1-1", "p2", "2024-02-01"))
	later.Add(1)
	h.put(observed("o1", "1-1", "p1", "2024-01-02"))
	h.do("DELETE", "/fhir/Observation/o2", "", nil)
	want := func(path string, changes ...string) {
		t.Helper()
		if got := h.get(path).bundle(t).changed(); !slices.Equal(got, changes) {
			t.Errorf("%s: %v, want %v", path, got, changes)
		}
	}
	all := []string{"Observation/o2 DELETE 2", "Observation/o1 PUT 2", "Observation/o2 PUT 1", "Observation/o1 PUT 1", "Patient/p2 PUT 1", "Patient/p1 PUT 1"}
	want("/fhir/_history", all...)
	want("/fhir/Observation/_history", all[:4]...)
	want("/fhir/Observation/_history?_since=2026-11-01T08:30:00Z", all[:2]...)
	want("/fhir/Patient/_history?_count=1", all[4])
	want("/fhir/Group/_history")
	var got []string
	for path := "/fhir/_history?_count=4"; path != ""; {
		b := h.get(path).bundle(t)
		got, path = append(got, b.changed()...), ""
		for _, l := range b.Link {
			if l.Relation == "next" {
				path = strings.TrimPrefix(l.URL, h.base)
			}
		}
	}
	if !slices.Equal(got, all) {
		t.Errorf("in pages: %v", got)
	}
	h.load(`{"resourceType":"Consent","id":"no","status":"active","patient":{"reference":"Patient/p1"},"scope":{"coding":[{"code":"research"}]},"category":[{"coding":[{"code":"59284-0"}]}],"provision":{"type":"deny"}}`)
	want("/fhir/Observation/_history", all[0], all[2])
	if _, err := h.Erase(t.Context(), "p2"); err != nil {
		t.Fatal(err)
	}
	want("/fhir/_history")
	for _, bad := range []string{"_count=x", "_before=0", "_since=yesterday"} {
		if r := h.get("/fhir/Patient/_history?" + bad); r.status != 400 || len(r.outcome(t)) == 0 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
}

// TestPatchChangesAPart of the current version, or of the one that is named.
func TestPatchChangesAPart(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(patient("p1") + "\n" + `{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"weight"},"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":5.40,"unit":"kg"}}`)
	const media = "Content-Type: application/json-patch+json"
	r := h.ask("PATCH", "/fhir/Observation/o1", `[{"op":"test","path":"/status","value":"final"},{"op":"replace","path":"/status","value":"amended"}]`, media, `If-Match: W/"1"`)
	if r.status != 200 || r.header.Get("Etag") != `W/"2"` || !strings.Contains(string(r.body), `"amended"`) || !strings.Contains(string(r.body), `"value":5.40`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, c := range []struct {
		path, patch, headers string
		status               int
	}{
		{"Observation/o1", `[{"op":"test","path":"/status","value":"final"}]`, media, 422},
		{"Observation/o1", `[{"op":"replace","path":"/status","value":"final"}]`, media + "\nIf-Match: W/\"1\"", 412},
		{"Observation/o1", `[{"op":"replace","path":"/id","value":"o2"}]`, media, 400},
		{"Observation/o1", `[{"op":"replace","path":"/resourceType","value":"Patient"}]`, media, 400},
		{"Observation/o1", `{"resourceType":"Parameters"}`, "Content-Type: application/fhir+json", 415},
		{"Observation/o1", `{}`, media, 400},
		{"Observation/none", `[]`, media, 404},
		{"OperationDefinition/ember-recommend", `[]`, media, 405},
		{"Observation/o1", `[{"op":"replace","path":"/status","value":"final"}]`, media, 200},
	} {
		if r := h.ask("PATCH", "/fhir/"+c.path, c.patch, strings.Split(c.headers, "\n")...); r.status != c.status || c.status >= 400 && len(r.outcome(t)) == 0 {
			t.Errorf("%s %s: %d, want %d: %s", c.path, c.patch, r.status, c.status, r.body)
		}
	}
	if got := fmt.Sprint(h.get("/fhir/Observation?status=final").bundle(t).ids()); got != "[Observation/o1]" {
		t.Error(got)
	}
}
