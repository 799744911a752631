package ember_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ember"
	"ember/server/auth"
)

type bulkManifest struct {
	TransactionTime     time.Time
	Request             string
	RequiresAccessToken *bool
	Output, Deleted     []bulkOutput
	Error               []bulkOutput
	Extension           map[string]string
}

type bulkOutput struct {
	Type, URL, InputURL string
	Count               int
}

const async = "Prefer: respond-async"

// kick begins an export and waits for its manifest.
func (h *hospital) kick(method, path, body string, headers ...string) (at string, m bulkManifest) {
	h.Helper()
	r := h.ask(method, path, body, append([]string{async}, headers...)...)
	at = strings.TrimPrefix(r.header.Get("Content-Location"), h.base)
	if r.status != http.StatusAccepted || at == "" {
		h.Fatalf("%s: %d %s", path, r.status, r.body)
	}
	for range 600 {
		switch r = h.ask("GET", at, "", headers...); r.status {
		case http.StatusOK:
			if err := json.Unmarshal(r.body, &m); err != nil || r.header.Get("Expires") == "" || r.header.Get("Content-Type") != "application/json" {
				h.Fatalf("%v %v %s", err, r.header, r.body)
			}
			return at, m
		case http.StatusAccepted:
			if r.header.Get("X-Progress") == "" || r.header.Get("Retry-After") == "" {
				h.Fatalf("%v", r.header)
			}
		case http.StatusTooManyRequests:
		default:
			h.Fatalf("%s: %d %s", at, r.status, r.body)
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.Fatalf("%s does not end", path)
	return at, m
}

// refs are what the files of a manifest hold.
func (h *hospital) refs(m bulkManifest, headers ...string) (refs []string) {
	h.Helper()
	for _, f := range m.Output {
		r := h.ask("GET", strings.TrimPrefix(f.URL, h.base), "", headers...)
		if r.status != 200 || r.header.Get("Content-Type") != ndjson {
			h.Fatalf("%s: %d %s", f.URL, r.status, r.body)
		}
		n := 0
		for line := range bytes.Lines(r.body) {
			var head struct {
				ResourceType, ID string
				Meta             struct{ VersionID, LastUpdated string }
			}
			if err := json.Unmarshal(line, &head); err != nil || head.ResourceType != f.Type || head.Meta.LastUpdated == "" {
				h.Fatalf("%v: %s", err, line)
			}
			refs = append(refs, head.ResourceType+"/"+head.ID)
			n++
		}
		if n != f.Count {
			h.Errorf("%s: %d lines, told %d", f.URL, n, f.Count)
		}
	}
	slices.Sort(refs)
	return refs
}

// bulkHouse is a store with three patients, one of whom refuses, and a group of two.
func bulkHouse(t *testing.T, change func(*ember.Config)) *hospital {
	config := testConfig(t.TempDir() + "/data")
	if change != nil {
		change(&config)
	}
	return open(t, config)
}

func exportedLines() string {
	return patient("p1") + "\n" + patient("p2") + "\n" + patient("no") + "\n" + fmt.Sprintf(deny, "no") +
		observed("o1", "1-1", "p1", "2024-01-01") + "\n" + observed("o2", "1-1", "p2", "2024-02-01") + "\n" + observed("o3", "2-2", "no", "2024-02-01") + "\n" +
		`{"resourceType":"Practitioner","id":"d"}` + "\n" +
		`{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/p1"}},{"entity":{"reference":"Patient/no"}},{"entity":{"reference":"Patient/p2"},"inactive":true}]}` + "\n"
}

func TestBulkExport(t *testing.T) {
	h := bulkHouse(t, nil)
	h.load(exportedLines())
	h.ready()
	want := func(got []string, ids ...string) {
		t.Helper()
		if !slices.Equal(got, ids) {
			t.Errorf("%v, want %v", got, ids)
		}
	}
	at, m := h.kick("GET", "/fhir/$export?_outputFormat=application/fhir%2Bndjson", "")
	want(h.refs(m), "Group/g", "Observation/o1", "Observation/o2", "Patient/p1", "Patient/p2", "Practitioner/d")
	if m.Request != h.base+"/fhir/$export?_outputFormat=application/fhir%2Bndjson" || m.RequiresAccessToken == nil || *m.RequiresAccessToken || m.TransactionTime.IsZero() || m.Extension["urn:ember:deid"] != "none" {
		t.Errorf("%+v", m)
	}
	_, part := h.kick("GET", "/fhir/Patient/$export?_type=Patient,Observation&_typeFilter=Observation%3Fcode%3D1-1%26patient%3Dp1", "")
	want(h.refs(part), "Observation/o1", "Patient/p1", "Patient/p2")
	_, part = h.kick("GET", "/fhir/Group/g/$export", "")
	want(h.refs(part), "Observation/o1", "Patient/p1")
	_, part = h.kick("POST", "/fhir/Patient/$export", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/p2"}},{"name":"_type","valueString":"Observation"},{"name":"_since","valueInstant":"2000-01-01T00:00:00Z"}]}`)
	want(h.refs(part), "Observation/o2")
	_, part = h.kick("GET", "/fhir/$export?nothing=1", "", async+", handling=lenient")
	if len(part.Output) == 0 {
		t.Error("lenient")
	}
	// What changed since.
	since := m.TransactionTime.Format("2006-01-02T15:04:05.000Z")
	h.put(observed("o4", "1-1", "p1", "2024-01-01"))
	h.do("DELETE", "/fhir/Observation/o1", "", nil)
	_, part = h.kick("GET", "/fhir/$export?_since="+since, "")
	want(h.refs(part), "Observation/o4")
	if len(part.Deleted) != 1 || part.Deleted[0].Type != "Bundle" {
		t.Fatalf("%+v", part)
	}
	if r := h.get(strings.TrimPrefix(part.Deleted[0].URL, h.base)); !strings.Contains(string(r.body), `"url":"Observation/o1"`) {
		t.Errorf("%s", r.body)
	}
	// A saved cohort is a group.
	if r := h.do("POST", "/v1/cohorts", "application/json", strings.NewReader(`{"name":"all_of_them","text":"lab:1-1"}`)); r.status != 201 && r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	_, part = h.kick("GET", "/fhir/Group/all-of-them/$export?_type=Patient", "")
	want(h.refs(part), "Patient/p1", "Patient/p2")
	// Its end.
	if r := h.ask("DELETE", at, ""); r.status != http.StatusAccepted {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.get(at); r.status != 404 || len(r.outcome(t)) == 0 {
		t.Errorf("a job that is gone: %d", r.status)
	}
	if r := h.get(strings.TrimPrefix(m.Output[0].URL, h.base)); r.status != 404 {
		t.Errorf("a file that is gone: %d", r.status)
	}
	for path, status := range map[string]int{"/fhir/$export?_type=patient": 400, "/fhir/$export?_since=x": 400, "/fhir/$export?_outputFormat=csv": 400, "/fhir/$export?nothing=1": 400,
		"/fhir/$export?patient=p1": 400, "/fhir/Patient/$export?patient=p9": 404, "/fhir/Group/none/$export": 404, "/fhir/$export?_typeFilter=Observation": 400,
		"/fhir/$export?_typeFilter=Observation%3Fnothing%3D1": 400, "/fhir/$export?_typeFilter=Observation%3Fdate%3Dx": 400, "/fhir/$export?_elements=a.b.c": 400, "/fhir/$export?deid=some": 400, "/fhir/$export?organizeOutputBy=Patient": 400} {
		if r := h.ask("GET", path, "", async); r.status != status || len(r.outcome(t)) == 0 {
			t.Errorf("%s: %d, want %d: %s", path, r.status, status, r.body)
		}
	}
	if r := h.ask("GET", "/fhir/$export", ""); r.status != 400 || !strings.Contains(string(r.body), "respond-async") {
		t.Errorf("without Prefer: %d %s", r.status, r.body)
	}
}

// TestBulkFiles reads files as clients do: compressed, in parts, after a break.
func TestBulkFiles(t *testing.T) {
	h := bulkHouse(t, nil)
	var lines strings.Builder
	lines.WriteString(patient("p1") + "\n")
	for i := range 500 {
		lines.WriteString(observed(fmt.Sprint("o", i), "1-1", "p1", "2024-01-01") + "\n")
	}
	h.load(lines.String())
	_, m := h.kick("GET", "/fhir/$export?_type=Observation", "")
	path := strings.TrimPrefix(m.Output[0].URL, h.base)
	whole := h.ask("GET", path, "", "Accept-Encoding: identity")
	if whole.header.Get("Accept-Ranges") != "bytes" || whole.header.Get("Content-Encoding") != "" || len(whole.body) < 100_000 {
		t.Fatalf("%v %d", whole.header, len(whole.body))
	}
	zipped := h.ask("GET", path, "", "Accept-Encoding: gzip")
	r, err := gzip.NewReader(bytes.NewReader(zipped.body))
	if err != nil || zipped.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v %v", err, zipped.header)
	}
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, whole.body) {
		t.Errorf("what was compressed is another: %v", err)
	}
	var parts []byte
	for from := 0; from < len(whole.body); from += 70_001 {
		part := h.ask("GET", path, "", fmt.Sprintf("Range: bytes=%d-%d", from, from+70_000), "Accept-Encoding: gzip", "If-Range: "+whole.header.Get("Etag"))
		if part.status != http.StatusPartialContent || part.header.Get("Content-Encoding") != "" {
			t.Fatalf("%d %v", part.status, part.header)
		}
		parts = append(parts, part.body...)
	}
	if !bytes.Equal(parts, whole.body) {
		t.Error("the parts are another")
	}
	if r := h.ask("GET", path, "", "Range: bytes=99999999-"); r.status != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("%d", r.status)
	}
	if r := h.ask("HEAD", path, ""); r.status != 200 || r.header.Get("Content-Length") != fmt.Sprint(len(whole.body)) {
		t.Errorf("%d %v", r.status, r.header)
	}
}

// TestBulkRights: who may export, what of it, and whose jobs are seen.
func TestBulkRights(t *testing.T) {
	dir := t.TempDir()
	line := func(token, rest string) string { return auth.Hash(token) + "\t" + rest + "\n" }
	tokens := filepath.Join(dir, "tokens")
	text := line("all", "all\tall") + line("other", "other\texport") + line("reader", "reader\tread,write,search,members") + line("one", "one\texport\tp1")
	if err := os.WriteFile(tokens, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h := bulkHouse(t, func(c *ember.Config) { c.TokenFile = tokens })
	as := func(token string) string { return "Authorization: Bearer " + token }
	if r := h.ask("POST", "/fhir", exportedLines(), as("all"), "Content-Type: "+ndjson); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	h.ready()
	if r := h.ask("GET", "/fhir/$export", "", as("reader"), async); r.status != 403 {
		t.Errorf("without the right: %d", r.status)
	}
	at, m := h.kick("GET", "/fhir/$export", "", as("all"))
	if m.RequiresAccessToken == nil || !*m.RequiresAccessToken {
		t.Errorf("%+v", m)
	}
	for _, path := range []string{at, strings.TrimPrefix(m.Output[0].URL, h.base)} {
		for token, status := range map[string]int{"all": 200, "other": 404, "one": 404, "reader": 404, "none": 401} {
			if r := h.ask("GET", path, "", as(token)); r.status != status {
				t.Errorf("%s for %s: %d, want %d", path, token, r.status, status)
			}
		}
	}
	if r := h.ask("DELETE", at, "", as("other")); r.status != 404 {
		t.Errorf("another's job was ended: %d", r.status)
	}
	_, m = h.kick("GET", "/fhir/$export", "", as("one"))
	if got := h.refs(m, as("one")); !slices.Equal(got, []string{"Observation/o1", "Patient/p1", "Practitioner/d"}) {
		t.Errorf("limited: %v", got)
	}
	_, m = h.kick("GET", "/fhir/Group/g/$export", "", as("one"))
	if got := h.refs(m, as("one")); !slices.Equal(got, []string{"Observation/o1", "Patient/p1"}) {
		t.Errorf("limited, of a group: %v", got)
	}
	if r := h.ask("GET", "/fhir/Patient/$export?patient=p2", "", as("one"), async); r.status != 403 {
		t.Errorf("another patient: %d", r.status)
	}
}

func TestBulkImport(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, exportedLines()+"{\"resourceType\":\"Observation\",\"id\":\"not/an/id\"}\n")
	}))
	defer web.Close()
	h := bulkHouse(t, func(c *ember.Config) { c.ImportSources = []string{web.URL + "/dump/"} })
	input := `{"inputFormat":"application/fhir+ndjson","inputSource":"` + web.URL + `","storageDetail":{"type":"https"},"input":[{"type":"Patient","url":"%s"}]}`
	if r := h.ask("POST", "/fhir/$import", fmt.Sprintf(input, "https://example.org/dump/x"), async, "Content-Type: application/json"); r.status != 403 {
		t.Errorf("an address that is not allowed: %d %s", r.status, r.body)
	}
	_, m := h.kick("POST", "/fhir/$import", fmt.Sprintf(input, web.URL+"/dump/all.ndjson"), "Content-Type: application/json")
	if len(m.Output) != 1 || m.Output[0].Count != 9 || m.Output[0].InputURL != web.URL+"/dump/all.ndjson" || len(m.Error) != 1 || m.Error[0].Count != 1 {
		t.Errorf("%+v", m)
	}
	if b := h.get("/fhir/Patient").bundle(t); len(b.Entry) != 3 {
		t.Errorf("%v", b.ids())
	}
	_, m = h.kick("POST", "/fhir/$import", `{"resourceType":"Parameters","parameter":[{"name":"inputFormat","valueCode":"application/fhir+ndjson"},{"name":"input","part":[{"name":"type","valueCode":"Patient"},{"name":"url","valueUri":"`+web.URL+`/dump/again"}]}]}`)
	if len(m.Output) != 1 || m.Output[0].Count != 9 {
		t.Errorf("%+v", m)
	}
}

// TestBulkDeid exports without telling who the patients are: under ids that agree within
// a key, with times between dates kept or years alone.
func TestBulkDeid(t *testing.T) {
	h := bulkHouse(t, nil)
	h.load(strings.Replace(exportedLines(), `"id":"p1"`, `"id":"p1","name":[{"family":"Zanzibar"}]`, 1))
	h.ready()
	text := func(m bulkManifest) string {
		var all strings.Builder
		for _, f := range append(append(m.Output, m.Deleted...), m.Error...) {
			r := h.get(strings.TrimPrefix(f.URL, h.base))
			all.Write(r.body)
			if r.header.Get("Ember-Deid") != m.Extension["urn:ember:deid"] {
				t.Errorf("%v", r.header)
			}
		}
		return all.String()
	}
	_, safe := h.kick("GET", "/fhir/$export?deid=safe-harbor", "")
	_, again := h.kick("GET", "/fhir/$export?deid=safe-harbor", "")
	_, shifted := h.kick("GET", "/fhir/Patient/$export?deid=shifted", "")
	if safe.Extension["urn:ember:deid"] != "safe-harbor" || safe.Extension["urn:ember:deid-key"] == "" || shifted.Extension["urn:ember:deid"] != "shifted" {
		t.Errorf("%v %v", safe.Extension, shifted.Extension)
	}
	first := text(safe)
	for _, secret := range []string{"Zanzibar", `"p1"`, "Patient/p1", "2024-01-01", `"o1"`} {
		if strings.Contains(first, secret) {
			t.Errorf("%s is told: %s", secret, first)
		}
	}
	if !strings.Contains(first, `"effectiveDateTime":"2024"`) || text(again) != first || strings.Contains(text(shifted), "2024-01-01") {
		t.Errorf("%s\n%s", first, text(shifted))
	}
	if len(safe.Error) != 1 || !strings.Contains(first, "1 resources are of types") {
		t.Errorf("the group is not said to be left out: %s", first)
	}
	h.do("DELETE", "/fhir/Observation/o1", "", nil)
	_, since := h.kick("GET", "/fhir/$export?deid=safe-harbor&_since=2000-01-01T00:00:00Z", "")
	if got := text(since); strings.Contains(got, "Observation/o1") || !strings.Contains(got, `"method":"DELETE"`) {
		t.Error(got)
	}
	if _, err := h.RotateDeidKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, other := h.kick("GET", "/fhir/$export?deid=safe-harbor", "")
	if other.Extension["urn:ember:deid-key"] == safe.Extension["urn:ember:deid-key"] || text(other) == first {
		t.Error("the key did not change")
	}
}

// TestCohortExports writes a saved cohort in every form and mode.
func TestCohortExports(t *testing.T) {
	h := bulkHouse(t, nil)
	h.load(exportedLines())
	h.ready()
	if r := h.do("POST", "/v1/cohorts", "application/json", strings.NewReader(`{"name":"all","text":"lab:1-1"}`)); r.status > 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	get := func(query, media, mode string) string {
		t.Helper()
		r := h.get("/v1/cohorts/all/export?" + query)
		if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), media) || r.header.Get("Ember-Deid") != mode {
			t.Fatalf("%s: %d %v %s", query, r.status, r.header, r.body)
		}
		if mode != "" && (strings.Contains(string(r.body), "p1") || strings.Contains(string(r.body), "2024-")) && mode == "safe-harbor" {
			t.Errorf("%s tells %s", query, r.body)
		}
		return string(r.body)
	}
	if got := get("format=csv", "text/csv", ""); got != "patient\np1\np2\n" {
		t.Error(got)
	}
	masked := get("format=csv&deid=safe-harbor", "text/csv", "safe-harbor")
	id := strings.Split(masked, "\n")[1]
	if got := get("format=ndjson", ndjson, ""); strings.Count(got, "\n") != 4 || !strings.Contains(got, `"id":"o1"`) || strings.Contains(got, `"no"`) {
		t.Error(got)
	}
	if got := get("format=ndjson&deid=safe-harbor", ndjson, "safe-harbor"); strings.Count(got, "\n") != 4 || !strings.Contains(got, id) {
		t.Errorf("the ids are others than in the table: %s\n%s", masked, got)
	}
	get("format=ndjson&deid=shifted", ndjson, "shifted")
	if got := get("format=parquet&deid=shifted", "application/vnd.apache.parquet", "shifted"); !strings.HasPrefix(got, "PAR1") || !strings.HasSuffix(got, "PAR1") || !strings.Contains(got, id) || !strings.Contains(got, "ember.deid") {
		t.Errorf("%q", got)
	}
	var group struct {
		ResourceType string
		Quantity     int
		Member       []struct{ Entity struct{ Reference string } }
		Extension    []any
	}
	for _, mode := range []string{"", "safe-harbor"} {
		body := get("format=group&deid="+mode, fhirJSON, mode)
		if err := json.Unmarshal([]byte(body), &group); err != nil || group.Quantity != 2 || len(group.Member) != 2 || (mode == "") != strings.Contains(body, "cohort-definition") {
			t.Errorf("%v %s", err, body)
		}
	}
	if group.Member[0].Entity.Reference != "Patient/"+id {
		t.Errorf("%+v, want %s", group, id)
	}
	for _, query := range []string{"format=xlsx", "deid=some"} {
		if r := h.get("/v1/cohorts/all/export?" + query); r.status != 400 {
			t.Errorf("%s: %d", query, r.status)
		}
	}
}
