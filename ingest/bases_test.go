package ingest_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"ember/fhir"
	"ember/ingest"
	"ember/search"
)

func seenBy(reference string) string {
	return `{"resourceType":"Condition","id":"c","subject":{"reference":"` + reference + `"},"code":{"text":"gout"}}`
}

// TestPatientsOfOtherServers: an absolute reference is taken for the Patient of the same id
// here where the server is this one, the EHR, or one that the Bundle itself brings; not else.
func TestPatientsOfOtherServers(t *testing.T) {
	const here, there = "https://ehr.example.org/fhir", "https://other.example.org/fhir"
	entry := func(fullURL, resource, request string) string {
		return `{"fullUrl":"` + fullURL + `","resource":` + resource + request + `}`
	}
	bundle := func(kind string, entries ...string) string {
		return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
	}
	const put = `,"request":{"method":"PUT","url":"Condition/c"}`
	for name, c := range map[string]struct {
		body, patient, base string
		bases               []string
	}{
		"a line, another server":             {seenBy(there + "/Patient/p1"), "", "", []string{here}},
		"a line, no server is known":         {seenBy(there + "/Patient/p1"), "", "", nil},
		"a line, the EHR":                    {seenBy(here + "/Patient/p1"), "p1", "", []string{here}},
		"a line, a version":                  {seenBy(here + "/Patient/p1/_history/3"), "p1", "", []string{here}},
		"a line, how we are reached":         {seenBy(there + "/Patient/p1"), "p1", there + "/", []string{here}},
		"a line, nearly the EHR":             {seenBy(here + "/x/Patient/p1"), "", "", []string{here}},
		"a line, relative":                   {seenBy("Patient/p1"), "p1", "", nil},
		"a collection of another server":     {bundle("collection", entry(there+"/Condition/c", seenBy(there+"/Patient/p1"), "")), "p1", "", nil},
		"a collection, relative":             {bundle("collection", entry(there+"/Condition/c", seenBy("Patient/p1"), "")), "p1", "", nil},
		"a transaction that keeps the id":    {bundle("transaction", entry(there+"/Condition/c", seenBy(there+"/Patient/p1"), put)), "p1", "", nil},
		"a transaction about somewhere else": {bundle("transaction", entry(there+"/Condition/c", seenBy("https://third.example.org/Patient/p1"), put)), "", "", []string{here}},
		"a transaction that gives a new id":  {bundle("transaction", entry(there+"/Condition/c", seenBy(there+"/Patient/p1"), `,"request":{"method":"POST","url":"Condition"}`)), "", "", []string{here}},
		"a transaction that brings them":     {bundle("transaction", entry(there+"/Patient/p1", `{"resourceType":"Patient","identifier":[{"value":"1"}]}`, `,"request":{"method":"POST","url":"Patient"}`), entry(there+"/Condition/c", seenBy(there+"/Patient/p1"), put)), "new", "", nil},
		"a transaction by a name of its own": {bundle("transaction", entry("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", `{"resourceType":"Patient","identifier":[{"value":"1"}]}`, `,"request":{"method":"POST","url":"Patient"}`), entry("urn:uuid:b04d151b-1cbf-4d64-b04d-cd9187a4c6e0", seenBy("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"), put)), "0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, t.TempDir(), c.bases...)
			h.load(`{"resourceType":"Patient","id":"p1"}`)
			ctx := context.Background()
			if c.base != "" {
				ctx = search.WithBase(ctx, c.base)
			}
			var outs []ingest.Outcome
			if _, err := h.Load(ctx, strings.NewReader(c.body), "body", func(o ingest.Outcome) { outs = append(outs, o) }); err != nil {
				t.Fatal(err)
			}
			last := outs[len(outs)-1]
			r, err := h.store.Get("Condition", last.ID)
			want := c.patient
			if want == "new" {
				want = outs[0].ID
			}
			if err != nil || r.Patient != want {
				t.Errorf("of %q, want %q: %v %+v", r.Patient, want, err, last.Issues)
			}
			told := slices.ContainsFunc(last.Issues, func(i fhir.Issue) bool { return strings.Contains(i.Detail, "own-bases") })
			if told != (want == "") {
				t.Errorf("%+v", last.Issues)
			}
			out, err := h.Put(ctx, "Condition", "c2", []byte(strings.Replace(seenBy(here+"/Patient/p1"), `"c"`, `"c2"`, 1)), ingest.Condition{})
			if r, _ := h.store.Get("Condition", "c2"); err != nil || (r.Patient == "p1") != slices.Contains(c.bases, here) {
				t.Errorf("put: %q %v %+v", r.Patient, err, out.Issues)
			}
		})
	}
}

// TestMergesOfOtherServers: a Patient who is replaced at another server is not replaced here.
func TestMergesOfOtherServers(t *testing.T) {
	const here = "https://ehr.example.org/fhir"
	link := func(id, other string) string {
		return `{"resourceType":"Patient","id":"` + id + `","link":[{"type":"replaced-by","other":{"reference":"` + other + `"}}]}`
	}
	h := open(t, t.TempDir(), here)
	h.load(`{"resourceType":"Patient","id":"p1"}` + "\n" + link("far", "https://other.example.org/fhir/Patient/p1") + "\n" + link("near", here+"/Patient/p1") + "\n" + allergyOf("a1", "far") + "\n" + allergyOf("a2", "near"))
	h.wait()
	h.undated("p1", 1)
	for id, want := range map[string]string{"far": "", "near": "p1"} {
		if c, err := h.Chart(id); err != nil || c.Person.ReplacedBy != want {
			t.Errorf("%s: replaced by %q, %v", id, c.Person.ReplacedBy, err)
		}
	}
}
