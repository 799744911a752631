package ember_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func patient(id string) string {
	return `{"resourceType":"Patient","id":"` + id + `","gender":"female","birthDate":"1970-01-01"}`
}

// bundleOf makes a Bundle of entries that are put under their own addresses.
func bundleOf(kind string, resources ...string) string {
	var entries []string
	for i, r := range resources {
		url := fmt.Sprintf("Basic/entry-%d", i)
		if typ, rest, ok := strings.Cut(strings.TrimPrefix(r, `{"resourceType":"`), `","id":"`); ok {
			id, _, _ := strings.Cut(rest, `"`)
			url = typ + "/" + id
		}
		entries = append(entries, `{"request":{"method":"PUT","url":"`+url+`"},"resource":`+r+`}`)
	}
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
}

// badResources cannot be stored; path is where the fault is, within the resource.
var badResources = []struct{ name, resource, path string }{
	{"no type", `{"id":"x"}`, ""},
	{"type is a number", `{"resourceType":7,"id":"x"}`, ""},
	{"id is a number", `{"resourceType":"Condition","id":7}`, ".id"},
	{"id is no id", `{"resourceType":"Condition","id":"a b"}`, ".id"},
	{"duplicate keys", `{"resourceType":"Condition","id":"x","subject":{"reference":"Patient/a"},"subject":{"reference":"Patient/b"}}`, ".subject"},
	{"duplicate keys below", `{"resourceType":"Condition","id":"x","code":{"text":"a","text":"b"}}`, ".code.text"},
	{"invalid UTF-8", "{\"resourceType\":\"Condition\",\"id\":\"x\",\"code\":{\"text\":\"\xff\xfe\"}}", ".code"},
	{"20,000 deep", `{"resourceType":"Condition","id":"x","extension":` + strings.Repeat(`[`, 20000) + strings.Repeat(`]`, 20000) + `}`, ""},
}

// TestBadEntries sends each bad resource between two good ones.
func TestBadEntries(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	for i, bad := range badResources {
		t.Run(bad.name, func(t *testing.T) {
			c := client{t, h.base}
			for _, kind := range []string{"batch", "transaction"} {
				good := []string{fmt.Sprintf("%s-%d-a", kind, i), fmt.Sprintf("%s-%d-b", kind, i)}
				r := c.do("POST", "/fhir", fhirJSON, strings.NewReader(bundleOf(kind, patient(good[0]), bad.resource, patient(good[1]))))
				if want := "Bundle.entry[1]"; !strings.Contains(string(r.body), want) {
					t.Errorf("%s: %d does not name %s: %s", kind, r.status, want, r.body)
				}
				if bad.path != "" && !strings.Contains(string(r.body), "Bundle.entry[1].resource"+bad.path) {
					t.Errorf("%s: %d does not name the path %s: %s", kind, r.status, bad.path, r.body)
				}
				stored := http.StatusOK
				if kind == "transaction" {
					stored = http.StatusNotFound
					r.outcome(t)
				}
				for _, id := range good {
					if got := c.get("/fhir/Patient/" + id).status; got != stored {
						t.Errorf("%s: the good entry %s: %d, want %d; the answer was %d %s", kind, id, got, stored, r.status, r.body)
					}
				}
			}
			r := c.do("PUT", "/fhir/Condition/x", fhirJSON, strings.NewReader(bad.resource))
			if r.status < 400 || r.status >= 500 {
				t.Errorf("PUT: %d %s", r.status, r.body)
			}
			r.outcome(t)
			line := fmt.Sprintf("line-%d", i)
			r = c.do("POST", "/fhir", ndjson, strings.NewReader(bad.resource+"\n"+patient(line)+"\n"))
			if r.status != http.StatusOK || r.parameter(t, "refused") != 1 || r.parameter(t, "created") != 1 {
				t.Errorf("lines: %d %s", r.status, r.body)
			}
			if !strings.Contains(string(r.body), "line 1") {
				t.Errorf("the line is not named: %s", r.body)
			}
		})
	}
}

// TestTruncated ends a body early, at every third byte.
func TestTruncated(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	for _, kind := range []string{"batch", "transaction"} {
		whole := bundleOf(kind, patient(kind+"-1"), patient(kind+"-2"))
		for end := 1; end < len(whole); end += 3 {
			r := h.do("POST", "/fhir", fhirJSON, strings.NewReader(whole[:end]))
			if r.status >= 500 || r.status < 400 && kind == "transaction" {
				t.Fatalf("%s cut at %d: %d %s", kind, end, r.status, r.body)
			}
			if !strings.Contains(string(r.body), "OperationOutcome") {
				t.Fatalf("%s cut at %d: no outcome: %d %s", kind, end, r.status, r.body)
			}
			if kind == "transaction" && h.get("/fhir/Patient/"+kind+"-1").status != http.StatusNotFound {
				t.Fatalf("half a transaction, cut at %d, was stored", end)
			}
			r = h.do("POST", "/v1/recommendations?want=tests", fhirJSON, strings.NewReader(whole[:end]))
			if r.status < 400 || r.status >= 500 {
				t.Fatalf("recommendations for a Bundle cut at %d: %d %s", end, r.status, r.body)
			}
			r.outcome(t)
		}
	}
}

// TestOddButGood is input that must be kept, however odd.
func TestOddButGood(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	for _, c := range []struct{ name, resource string }{
		{"unknown code", `{"resourceType":"Condition","id":"o1","code":{"coding":[{"system":"urn:x","code":"no such"}]},"subject":{"reference":"Patient/o"}}`},
		{"unknown type", `{"resourceType":"Wombat","id":"o2","burrow":true}`},
		{"wrong type of a value", `{"resourceType":"Observation","id":"o3","status":"final","code":"potassium","valueQuantity":[],"subject":{"reference":"Patient/o"}}`},
		{"no birth date", `{"resourceType":"Patient","id":"o"}`},
		{"a date that is none", `{"resourceType":"Condition","id":"o4","recordedDate":"2024-13-45","subject":{"reference":"Patient/o"}}`},
		{"a number beyond all bounds", `{"resourceType":"Observation","id":"o5","valueQuantity":{"value":1e999},"subject":{"reference":"Patient/o"}}`},
		{"dangling references", `{"resourceType":"Condition","id":"o6","subject":{"reference":"Patient/nobody"},"encounter":{"reference":"urn:uuid:0a0a0a0a-0000-0000-0000-000000000000"}}`},
		{"400 deep", `{"resourceType":"Basic","id":"o7","x":` + strings.Repeat(`[`, 400) + strings.Repeat(`]`, 400) + `}`},
	} {
		r := h.put(c.resource)
		if r.status != http.StatusCreated {
			t.Errorf("%s: %d %s", c.name, r.status, r.body)
			continue
		}
		typ, rest, _ := strings.Cut(strings.TrimPrefix(c.resource, `{"resourceType":"`), `","id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		if r := h.get("/fhir/" + typ + "/" + id + "?_raw=1"); string(r.body) != c.resource {
			t.Errorf("%s: not the same bytes: %s", c.name, r.body)
		}
	}
	h.ready() // the follower gets through all of it
}

// TestManyPatients stores a Bundle about several people and does not advise on it.
func TestManyPatients(t *testing.T) {
	h := openTrained(t)
	bundle := bundleOf("batch", patient("m1"), patient("m2"), `{"resourceType":"Condition","id":"m3","subject":{"reference":"Patient/m1"}}`)
	if r := h.do("POST", "/fhir", fhirJSON, strings.NewReader(bundle)); r.status != http.StatusOK || strings.Count(string(r.body), "201 Created") != 3 {
		t.Errorf("%d %s", r.status, r.body)
	}
	for name, body := range map[string]string{
		"two patients":      bundle,
		"somebody else's":   bundleOf("collection", patient("m1"), `{"resourceType":"AllergyIntolerance","id":"m3","patient":{"reference":"Patient/m2"}}`),
		"nobody":            bundleOf("collection", `{"resourceType":"Condition","id":"m3","subject":{"reference":"Patient/m1"}}`),
		"a single resource": `{"resourceType":"Condition","id":"m3","subject":{"reference":"Patient/m1"}}`,
	} {
		r := h.do("POST", "/v1/recommendations?want=treatments", fhirJSON, strings.NewReader(body))
		if r.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		r.outcome(t)
	}
	if r := h.get("/fhir/Patient/m3"); r.status != http.StatusNotFound {
		t.Errorf("what was posted for advice is stored: %d", r.status)
	}
}

// TestGzipBomb sends a gigabyte in a megabyte.
func TestGzipBomb(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	var bomb bytes.Buffer
	z, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(z, `{"resourceType":"Patient","id":"bomb","text":"`)
	for chunk := bytes.Repeat([]byte("a"), 1<<20); bomb.Len() < 1<<20 && err == nil; {
		_, err = z.Write(chunk)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, media := range []string{fhirJSON, ndjson} {
		for _, encoding := range []string{";gzip", ""} {
			r, err := h.try("POST", "/fhir", media+encoding, bytes.NewReader(bomb.Bytes()))
			if err != nil { // the server may close the connection before all was sent
				continue
			}
			if r.status < 400 || r.status >= 500 {
				t.Errorf("%s%s: %d %s", media, encoding, r.status, r.body)
			}
		}
	}
	if r := h.get("/fhir/Patient/bomb"); r.status != http.StatusNotFound {
		t.Errorf("the bomb is stored: %d", r.status)
	}
	if r := h.put(patient("after")); r.status != http.StatusCreated {
		t.Errorf("after the bomb: %d %s", r.status, r.body)
	}
}

// TestLargeBundle sends one patient's transaction of 76 MB, with the default limit.
func TestLargeBundle(t *testing.T) {
	if testing.Short() {
		t.Skip("76 MB take a while")
	}
	h := open(t, testConfig(t.TempDir()+"/data"))
	const entries = 2000
	note := strings.Repeat("QUJD", 9000) // base64, 36 KB
	read, write := io.Pipe()
	var size int
	go func() {
		put := func(s string) { n, _ := io.WriteString(write, s); size += n }
		put(`{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:00000000-0000-0000-0000-000000000001","resource":{"resourceType":"Patient","birthDate":"1970-01-01"},"request":{"method":"POST","url":"Patient"}}`)
		for i := range entries {
			put(fmt.Sprintf(`,{"resource":{"resourceType":"DiagnosticReport","id":"big-%d","status":"final","subject":{"reference":"urn:uuid:00000000-0000-0000-0000-000000000001"},"presentedForm":[{"contentType":"application/pdf","data":"%s"}]},"request":{"method":"PUT","url":"DiagnosticReport/big-%[1]d"}}`, i, note))
			put(fmt.Sprintf(`,{"resource":{"resourceType":"Observation","id":"big-%d","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"subject":{"reference":"urn:uuid:00000000-0000-0000-0000-000000000001"},"effectiveDateTime":"2024-01-01T10:00:00Z","valueQuantity":{"value":4.%[1]d,"unit":"mmol/L","code":"mmol/L","system":"http://unitsofmeasure.org"},"note":[{"text":"%s"}]},"request":{"method":"PUT","url":"Observation/big-%[1]d"}}`, i, note[:1500]))
		}
		put(`]}`)
		_ = write.Close()
	}()
	r := h.do("POST", "/fhir", fhirJSON, read)
	if size < 72<<20 {
		t.Fatalf("only %d bytes", size)
	}
	if n := strings.Count(string(r.body), "201 Created"); r.status != http.StatusOK || n != 2*entries+1 {
		t.Fatalf("%d, %d created: %.500s", r.status, n, r.body)
	}
	h.ready()
	r = h.get("/fhir/Observation/big-7")
	if !slices.Contains([]int{200}, r.status) || !strings.Contains(string(r.body), `"Patient/00000000-0000-0000-0000-000000000001"`) {
		t.Errorf("%d %.300s", r.status, r.body)
	}
}
