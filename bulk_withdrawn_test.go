package ember_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestExportOfUnknownTypes: a type that there is not is named, or ignored where the client
// asks for that; where no type is left, nothing is exported rather than everything.
func TestExportOfUnknownTypes(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(patient("p1") + "\n" + observed("o1", "1-1", "p1", "2024-01-01"))
	for _, c := range []struct {
		path, prefer, says string
		status             int
	}{
		{"/fhir/$export?_type=Nope", "respond-async", "Nope", 400},
		{"/fhir/$export?_type=Patient,Nope", "respond-async, handling=strict", "Nope", 400},
		{"/fhir/$export?_type=Nope", "respond-async, handling=lenient", "_type", 400},
		{"/fhir/$export?_type=no%20type", "respond-async", "_type", 400},
		{"/fhir/Group/none/$export", "respond-async", "not found", 404},
		{"/fhir/Group/%5Bnone%5D/$export", "respond-async", "id", 400},
	} {
		r := h.ask("GET", c.path, "", "Prefer: "+c.prefer)
		if r.status != c.status || len(r.outcome(t)) == 0 || !strings.Contains(string(r.body), c.says) {
			t.Errorf("%s %s: %d %s", c.path, c.prefer, r.status, r.body)
		}
	}
	if _, m := h.kick("GET", "/fhir/$export?_type=Nope,Patient", "", "Prefer: respond-async, handling=lenient"); len(m.Output) != 1 || m.Output[0].Type != "Patient" {
		t.Errorf("%+v", m)
	}
}

// TestConsentWithdrawnAfterAnExport: files that hold somebody who refuses now are not
// served any more; those of before go on when who refuses is in none of them.
func TestConsentWithdrawnAfterAnExport(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(patient("p1") + "\n" + patient("p2") + "\n" + patient("p3") + "\n" + fmt.Sprintf(deny, "p3"))
	at, m := h.kick("GET", "/fhir/$export?_type=Patient", "")
	file := strings.TrimPrefix(m.Output[0].URL, h.base)
	if r := h.get(file); r.status != 200 || !strings.Contains(string(r.body), `"p1"`) || strings.Contains(string(r.body), `"p3"`) {
		t.Fatalf("%d %s", r.status, r.body)
	}
	h.load(strings.Replace(fmt.Sprintf(deny, "p3"), "2020-01-01", "2020-01-02", 1)) // who was left out refuses again
	h.load(strings.Replace(patient("p2"), `"id"`, `"active":true,"id"`, 1))
	if r := h.get(file); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	h.load(fmt.Sprintf(deny, "p1"))
	for _, path := range []string{file, at} {
		if r := h.get(path); r.status != 404 || strings.Contains(string(r.body), `"p1"`) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if _, m := h.kick("GET", "/fhir/$export?_type=Patient", ""); m.Output[0].Count != 1 {
		t.Errorf("%+v", m)
	}
}
