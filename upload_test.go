package ember_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestSeveralDocumentsWithOneAborted: what is said of each entry is what became
// of it.
func TestSeveralDocumentsWithOneAborted(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	aborted := bundleOf("transaction", patient("bad-1"), `{"resourceType":"Condition","id":"no id!"}`)
	body := bundleOf("transaction", patient("good-1"), patient("good-2")) + aborted + bundleOf("batch", patient("good-3")) + patient("good-4")
	r := h.do("POST", "/fhir", fhirJSON, strings.NewReader(body))
	if r.status != http.StatusUnprocessableEntity {
		t.Fatalf("%d %s", r.status, r.body)
	}
	said := r.outcome(t)
	for _, want := range []string{
		"informational Bundle.entry[0]: stored", "informational Bundle.entry[1]: stored",
		"transient document 2: Bundle.entry[0]: nothing of this transaction was stored, because of another entry",
		"value document 2: Bundle.entry[1].resource.id: not a", "informational document 3: Bundle.entry[0]: stored", "informational document 4: stored",
	} {
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%q is not said: %q", want, said)
		}
	}
	if strings.Contains(string(r.body), "nothing of the transaction was stored; mend") {
		t.Errorf("it says that nothing was stored: %s", r.body)
	}
	for id, want := range map[string]int{"good-1": 200, "good-2": 200, "good-3": 200, "good-4": 200, "bad-1": 404} {
		if got := h.get("/fhir/Patient/" + id).status; got != want {
			t.Errorf("%s: %d, want %d", id, got, want)
		}
	}
}

// TestLinesWithAbortedTransaction: a Bundle in a line is a Bundle, and the answer
// counts what was kept.
func TestLinesWithAbortedTransaction(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	aborted := bundleOf("transaction", patient("bad-1"), `{"resourceType":"Condition","id":"no id!"}`)
	r := h.do("POST", "/fhir", ndjson, strings.NewReader(patient("good-1")+"\n"+aborted+"\n"+bundleOf("transaction", patient("good-2"))+"\n"))
	if r.status != http.StatusOK || r.parameter(t, "created") != 2 || r.parameter(t, "refused") != 2 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, want := range []string{"line 2: Bundle.entry[0]", "line 2: Bundle.entry[1].resource.id"} {
		if !strings.Contains(string(r.body), want) {
			t.Errorf("%s is not named: %s", want, r.body)
		}
	}
	for id, want := range map[string]int{"good-1": 200, "good-2": 200, "bad-1": 404} {
		if got := h.get("/fhir/Patient/" + id).status; got != want {
			t.Errorf("%s: %d, want %d", id, got, want)
		}
	}
}

// TestSeveralSingles: two resources in one body are answered one by one.
func TestSeveralSingles(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	r := h.do("POST", "/fhir", fhirJSON, strings.NewReader(patient("a")+patient("b")))
	if r.status != http.StatusOK || strings.Count(string(r.body), "201 Created") != 2 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestIfMatchNotMet(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.put(patient("a"))
	entry := `{"request":{"method":"PUT","url":"Patient/a","ifMatch":"W/\"3\""},"resource":` + patient("a") + `}`
	bundle := func(kind string) string {
		return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + entry + `]}`
	}
	r := h.do("POST", "/fhir", fhirJSON, strings.NewReader(bundle("transaction")))
	if said := r.outcome(t); r.status != http.StatusPreconditionFailed || !strings.HasPrefix(said[0], "conflict Bundle.entry[0].request.ifMatch") {
		t.Errorf("transaction: %d %q", r.status, said)
	}
	r = h.do("POST", "/fhir", fhirJSON, strings.NewReader(bundle("batch")))
	if r.status != http.StatusOK || !strings.Contains(string(r.body), "412 Precondition Failed") {
		t.Errorf("batch: %d %s", r.status, r.body)
	}
}
