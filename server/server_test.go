package server_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"ember/recommender"
	"ember/record"
	"ember/server"
)

const patient = `{"resourceType":"Patient","id":"p1","name":[{"family":"Beeblebrox"}]}`

func TestResource(t *testing.T) {
	h := open(t, server.Options{}, nil)
	w := h.do("PUT /fhir/Patient/p1", patient)
	want(t, w, 201)
	if got := w.Header().Get("Location"); got != "http://localhost:8080/fhir/Patient/p1/_history/1" {
		t.Errorf("Location %q", got)
	}
	if got := w.Header().Get("ETag"); got != `W/"1"` {
		t.Errorf("ETag %q", got)
	}
	if got := strings.TrimSpace(w.Body.String()); got != patient {
		t.Errorf("the answer to a write is not the resource: %s", got)
	}
	want(t, h.do("PUT /fhir/Patient/p1", patient, `If-Match: W/"1"`), 200)
	want(t, h.do("PUT /fhir/Patient/p1", patient, `If-Match: W/"1"`), 412)
	want(t, h.do("PUT /fhir/Patient/p1", patient, `If-Match: one`), 400)

	w = h.do("GET /fhir/Patient/p1", "")
	want(t, w, 200)
	if w.Header().Get("ETag") != `W/"2"` || w.Header().Get("Last-Modified") != "Mon, 23 Nov 2026 12:00:00 GMT" {
		t.Errorf("headers %v", w.Header())
	}
	if got := w.Body.String(); got != " "+patient {
		t.Errorf("read gives %q, want the form with the server's changes", got)
	}
	if got := h.do("GET /fhir/Patient/p1?_raw=true", "").Body.String(); got != patient {
		t.Errorf("_raw gives %q, want the bytes as received", got)
	}
	want(t, h.do("GET /fhir/Patient/p1?_raw=maybe", ""), 400)
	want(t, h.do("GET /fhir/Patient/p1", "", `If-None-Match: W/"2"`), 304)
	want(t, h.do("GET /fhir/Patient/p1/_history/1", ""), 200)
	want(t, h.do("GET /fhir/Patient/p1/_history/9", ""), 404)
	want(t, h.do("GET /fhir/Patient/p1/_history/x", ""), 404)

	want(t, h.do("DELETE /fhir/Patient/p1", "", `If-Match: W/"1"`), 412)
	want(t, h.do("DELETE /fhir/Patient/p1", ""), 204)
	want(t, h.do("GET /fhir/Patient/p1", ""), 410)
	want(t, h.do("GET /fhir/Patient/p1/_history/1", ""), 200)
	want(t, h.do("DELETE /fhir/Patient/nobody", ""), 404)

	w = h.do("POST /fhir/Observation", `{"resourceType":"Observation"}`, "Prefer: return=minimal")
	want(t, w, 201)
	if w.Body.Len() != 0 || w.Header().Get("Location") == "" {
		t.Errorf("minimal: %q, %v", w.Body, w.Header())
	}
	w = h.do("POST /fhir/Observation", `{"resourceType":"Observation"}`, "Prefer: return=OperationOutcome")
	want(t, w, 201)
	outcome(t, w)
	if got := outcome(t, h.do("POST /fhir/Observation", patient)); !strings.Contains(got, "resourceType") {
		t.Errorf("outcome %q does not say what is wrong", got)
	}
}

func TestHead(t *testing.T) {
	h := open(t, server.Options{}, nil)
	h.do("PUT /fhir/Patient/p1", patient)
	w := h.do("HEAD /fhir/Patient/p1", "")
	if w.Code != 200 || w.Header().Get("ETag") != `W/"1"` {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
}

func TestAuditOfResources(t *testing.T) {
	h := open(t, server.Options{}, nil)
	h.do("PUT /fhir/Patient/p1", patient)
	h.do("POST /fhir/Observation", `{"resourceType":"Observation"}`)
	h.do("GET /fhir/Observation/new1", "")
	h.do("GET /fhir/Observation/nothing", "")
	h.do("DELETE /fhir/Patient/p1", "")
	h.do("POST /fhir", `{"resourceType":"Bundle","type":"batch","entry":[]}`)
	h.do("GET /v1/patients/p1/recommendations?want=tests", "")
	h.do("GET /v1/search?q=x", "")
	wantText := `owner write Patient/p1 Patient/p1 begun
owner write Patient/p1 Patient/p1 201
owner write - Observation begun
owner write Patient/p1 Observation/new1 201
owner read Patient/p1 Observation/new1 200
owner read - - 404
owner delete Patient/p1 Patient/p1 begun
owner delete Patient/p1 Patient/p1 204
owner load - - begun
owner load Patient/p1 - 200
owner recommend Patient/p1 - 200
owner search Patient/p1 DocumentReference/d1 200
owner search Patient/p2 - 200
`
	if got := h.audited(); got != wantText {
		t.Errorf("audit record\n%s\nwant\n%s", got, wantText)
	}
	for _, e := range h.entries {
		if e.RequestID == "" || e.When.IsZero() {
			t.Errorf("entry without request or time: %+v", e)
		}
	}
}

func TestAuditFailsClosed(t *testing.T) {
	for _, line := range []string{
		"PUT /fhir/Patient/p1", "POST /fhir/Patient", "GET /fhir/Patient/p1", "DELETE /fhir/Patient/p1", "POST /fhir",
		"GET /fhir/Patient/p1/_history/1", "GET /v1/patients/p1/recommendations?want=tests", "POST /v1/recommendations?want=tests", "GET /v1/search?q=x",
	} {
		h := open(t, server.Options{}, nil)
		h.do("PUT /fhir/Patient/p1", patient)
		h.auditErr = errBroken
		body := ""
		if method, _, _ := strings.Cut(line, " "); method == "PUT" || method == "POST" {
			body = patient
		}
		w := h.do(line, body)
		want(t, w, 503)
		if strings.Contains(w.Body.String(), "Beeblebrox") {
			t.Errorf("%s answers although it could not be recorded", line)
		}
		if n := len(h.stored["Patient/p1"]); n != 1 {
			t.Errorf("%s: %d versions: something was changed although it could not be recorded", line, n)
		}
	}
}

func TestLoadBundle(t *testing.T) {
	h := open(t, server.Options{}, nil)
	w := h.do("POST /fhir", `{"resourceType":"Bundle","type":"batch","entry":[{"resource":`+patient+`},{"resource":{}},{"resource":`+patient+`}]}`)
	want(t, w, 200)
	const wantBody = `{"resourceType":"Bundle","type":"batch-response","entry":[` +
		`{"response":{"status":"201 Created","location":"Patient/0/_history/1","etag":"W/\"1\"","lastModified":"2026-11-23T12:00:00Z"}},` +
		`{"response":{"status":"400 Bad Request","outcome":{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"structure","details":{"text":"no resourceType"},"expression":["Bundle.entry[1].resource"]}]}}},` +
		`{"response":{"status":"201 Created","location":"Patient/2/_history/1","etag":"W/\"1\"","lastModified":"2026-11-23T12:00:00Z"}}]}`
	if got := w.Body.String(); got != wantBody {
		t.Errorf("batch-response\n%s\nwant\n%s", got, wantBody)
	}
	w = h.do("POST /fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":`+patient+`},{"resource":{}}]}`)
	want(t, w, 400)
	if got := outcome(t, w); !strings.Contains(got, "Bundle.entry[1].resource") {
		t.Errorf("outcome %q does not name the entry", got)
	}
	w = h.do("POST /fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":`+patient+`}]}`)
	if !strings.Contains(w.Body.String(), `"type":"transaction-response"`) {
		t.Errorf("no transaction-response: %s", w.Body)
	}
	want(t, h.do("POST /fhir", `{"resourceType":"Bundle",`), 400)
	w = h.do("POST /fhir", patient)
	want(t, w, 201)
	if w.Header().Get("Location") != "http://localhost:8080/fhir/Patient/x1/_history/1" || !strings.Contains(outcome(t, w), "PUT /fhir/{type}/{id}") {
		t.Errorf("a single resource: %v %s", w.Header(), w.Body)
	}
}

func TestLoadLines(t *testing.T) {
	h := open(t, server.Options{}, nil)
	w := h.do("POST /fhir", patient+"\n{broken\n"+patient+"\n", "Content-Type: application/fhir+ndjson")
	want(t, w, 200)
	var p struct {
		ResourceType string
		Parameter    []struct {
			Name         string
			ValueInteger int
			Resource     json.RawMessage
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.ResourceType != "Parameters" {
		t.Fatal(w.Body, err)
	}
	for i, count := range []struct {
		name string
		n    int
	}{{"received", 3}, {"created", 2}, {"updated", 0}, {"unchanged", 0}, {"refused", 1}} {
		if p.Parameter[i].Name != count.name || p.Parameter[i].ValueInteger != count.n {
			t.Errorf("%s is %d, want %s %d", p.Parameter[i].Name, p.Parameter[i].ValueInteger, count.name, count.n)
		}
	}
	if got := string(p.Parameter[5].Resource); !strings.Contains(got, `"location":["line 2"]`) {
		t.Errorf("the outcome does not name the line: %s", got)
	}
	want(t, h.do("POST /fhir", "{broken\n", "Content-Type: application/x-ndjson"), 422)
	want(t, h.do("POST /fhir", patient, "Content-Type: application/ndjson; charset=latin-1"), 415)
}

func TestGzipIn(t *testing.T) {
	h := open(t, server.Options{Limits: server.Limits{BodyBytes: 1 << 20}}, nil)
	zip := func(s string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(s))
		_ = z.Close()
		return b.String()
	}
	want(t, h.do("PUT /fhir/Patient/p1", zip(patient), "Content-Encoding: gzip"), 201)
	want(t, h.do("PUT /fhir/Patient/p1", patient, "Content-Encoding: gzip"), 400)
	want(t, h.do("PUT /fhir/Patient/p1", zip(patient)[:30], "Content-Encoding: gzip"), 400)
	want(t, h.do("PUT /fhir/Patient/p1", patient, "Content-Encoding: zstd"), 415)
	want(t, h.do("PUT /fhir/Patient/p1", zip(strings.Repeat(" ", 2<<20)+patient), "Content-Encoding: gzip"), 413)
}

func TestGzipOut(t *testing.T) {
	h := open(t, server.Options{}, nil)
	long := `{"resourceType":"Patient","text":"` + strings.Repeat("a", 5000) + `"}`
	h.do("PUT /fhir/Patient/p1", long)
	for _, c := range []struct {
		accept string
		zipped bool
	}{{"gzip", true}, {"deflate, gzip;q=0.5", true}, {"*", true}, {"gzip;q=0", false}, {"identity", false}, {"", false}} {
		w := h.do("GET /fhir/Patient/p1?_raw=1", "", "Accept-Encoding: "+c.accept)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != c.zipped {
			t.Errorf("Accept-Encoding %q: gzip %v", c.accept, got)
		}
		var body io.Reader = w.Body
		if c.zipped {
			body, _ = gzip.NewReader(w.Body)
		}
		if b, err := io.ReadAll(body); string(b) != long || err != nil {
			t.Errorf("Accept-Encoding %q: another body", c.accept)
		}
	}
	if w := h.do("GET /healthz", "", "Accept-Encoding: gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Error("a short answer is compressed")
	}
}

func TestRecommend(t *testing.T) {
	h := open(t, server.Options{}, nil)
	w := h.do("GET /v1/patients/p1/recommendations?want=treatments&limit=7&explain=http://x%7C1", "")
	want(t, w, 200)
	var a map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	id, _ := a["id"].(string)
	if len(id) != 32 {
		t.Errorf("id %q", id)
	}
	wantBody := `{"id":"` + id + `","patient":"Patient/p1","at":"2026-11-23T12:00:00.000Z","live":true,"want":"treatments","model":{"name":"baseline","version":"0"},"dataVersion":"v7","rules":"r1",` +
		`"items":[{"rank":1,"code":{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"5487","display":"hydrochlorothiazide"},"kind":"medication","status":"new","probability":0.83,` +
		`"reasons":[{"text":"hypertension < 5 years","weight":1.2,"sources":["Condition/c1"]}],"similar":{"n":50,"received":34},"warnings":[]},` +
		`{"rank":2,"code":{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"29046","display":"lisinopril"},"kind":"medication","status":"continue","probability":0.1,` +
		`"reasons":[],"similar":{"n":50,"received":null,"below":11},"warnings":[]}],` +
		`"sets":[{"coverage":0.9,"probability":0.05,"size":12}],` +
		`"blocked":[{"code":{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"723","display":"amoxicillin"},"kind":"medication","status":"new","probability":0.4,` +
		`"reasons":[{"text":"allergy to penicillin","rule":"allergy/penicillin","tier":"block","sources":["AllergyIntolerance/a1"],"citation":"label"}]}],` +
		`"checks":["allergy","interaction","duplicate","condition"],"unchecked":[],"degraded":[],"abstained":false,"intendedUse":"Decision support."}`
	if got := w.Body.String(); got != wantBody {
		t.Errorf("answer\n%s\nwant\n%s", got, wantBody)
	}
	q := h.asked
	if q.Want != recommender.Treatments || q.Limit != 7 || q.Explain != (record.Code{System: "http://x", Value: "1"}) || q.Key != "k" || q.DataVersion != "v7" || !q.Past.At().Equal(now) {
		t.Errorf("asked %+v", q)
	}
	again := h.do("GET /v1/patients/p1/recommendations?want=treatments&limit=7&explain=http://x%7C1", "", "If-None-Match: "+w.Header().Get("ETag"))
	want(t, again, 304)

	want(t, h.do("GET /v1/patients/p1/recommendations?want=tests&at=2026-05-01", ""), 200)
	if q := h.asked; q.Want != recommender.Tests || q.Key != "" || q.Past.At().Format("2006-01-02T15:04") != "2026-05-01T00:00" || q.Limit != 10 {
		t.Errorf("asked of the past: %+v", q)
	}
	want(t, h.do("GET /v1/patients/nobody/recommendations?want=tests", ""), 404)
}

func TestRecommendPosted(t *testing.T) {
	h := open(t, server.Options{}, nil)
	w := h.do("POST /v1/recommendations?want=tests", `{"resourceType":"Bundle","entry":[{"resource":`+patient+`}]}`)
	want(t, w, 200)
	for _, part := range []string{`"patient":"Patient/p1"`, `"dataVersion":"posted-`, `"issues":[{"severity":"warning","code":"value","path":"Bundle.entry[0].resource","detail":"unknown"}]`} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("%s is missing: %s", part, w.Body)
		}
	}
	if h.asked.Key != "" {
		t.Error("a posted patient is cached")
	}
	if len(h.stored) != 0 {
		t.Error("a posted patient is stored")
	}
	want(t, h.do("POST /v1/recommendations?want=tests", `{"resourceType":"Bundle"}`), 422)
}

func TestMergedPatient(t *testing.T) {
	h := open(t, server.Options{}, nil)
	h.timeline.Person.ReplacedBy = "p9"
	w := h.do("GET /v1/patients/p1/recommendations?want=tests", "")
	want(t, w, 409)
	if !strings.Contains(outcome(t, w), "Patient/p9") {
		t.Error("the outcome does not name the record to ask for")
	}
}

// TestMergedPatientOfALimitedCaller: whoever may not see the record that replaces
// this one does not learn its id.
func TestMergedPatientOfALimitedCaller(t *testing.T) {
	h := open(t, server.Options{}, tokenTable)
	h.timeline.Person.ReplacedBy = "p9"
	for token, told := range map[string]bool{"recommender": true, "limited": false} {
		w := h.do("GET /v1/patients/p1/recommendations?want=tests", "", "Authorization: Bearer "+token)
		want(t, w, 409)
		if got := w.Body.String(); strings.Contains(got, "p9") != told || !strings.Contains(got, "merged into another") {
			t.Errorf("%s: %s", token, got)
		}
	}
}

func TestSearch(t *testing.T) {
	h := open(t, server.Options{}, nil)
	w := h.do("GET /v1/search?q=heart+failure&kind=condition,test&limit=5", "")
	want(t, w, 200)
	const wantBody = `{"query":"heart failure","total":3,"concepts":[{"code":{"system":"http://loinc.org","code":"4548-4","display":""},"kind":"test","patients":3}],` +
		`"patients":[{"patient":"Patient/p1","score":1,"why":[]},{"patient":"Patient/p2","score":0.5,"why":[]}],` +
		`"notes":[{"source":"DocumentReference/d1","patient":"Patient/p1","score":1,"fragment":"…"}],"degraded":[]}`
	if got := w.Body.String(); got != wantBody {
		t.Errorf("answer\n%s\nwant\n%s", got, wantBody)
	}
	if q := h.query; q.Text != "heart failure" || q.Limit != 5 || len(q.Kinds) != 2 || q.Kinds[1] != record.Test {
		t.Errorf("asked %+v", q)
	}
}

func TestHealth(t *testing.T) {
	h := open(t, server.Options{}, nil)
	want(t, h.do("GET /healthz", ""), 200)
	want(t, h.do("GET /readyz", ""), 200)
	h.lag = 5
	want(t, h.do("GET /readyz", ""), 503)
	want(t, h.do("GET /readyz?wait=something", ""), 400)
	w := h.do("GET /readyz?wait=index", "")
	want(t, w, 200)
	if got := w.Body.String(); got != `{"ready":true,"indexed":true,"indexLag":0,"stopping":false,"degraded":[]}` {
		t.Error(got)
	}
	if got := h.do("GET /v1/status", "").Body.String(); got != `{"versions":{"model":"0"},"indexLag":0,"degraded":[]}` {
		t.Error(got)
	}
	lagging := open(t, server.Options{ReadyLag: 10}, nil)
	lagging.lag = 5
	if got := lagging.do("GET /readyz", "").Body.String(); !strings.Contains(got, `"ready":true,"indexed":false,"indexLag":5`) {
		t.Error(got)
	}
}

func TestMetrics(t *testing.T) {
	h := open(t, server.Options{}, nil)
	h.do("GET /fhir/Patient/p1", "")
	h.do("BREW /coffee", "")
	w := h.do("GET /metrics", "")
	want(t, w, 200)
	for _, line := range []string{
		`ember_http_requests_total{method="GET",route="/fhir/{type}/{id}",status="404"} 1`,
		`ember_http_requests_total{method="other",route="none",status="404"} 1`,
		"ember_index_lag 0", "go_goroutines",
	} {
		if !strings.Contains(w.Body.String(), line) {
			t.Errorf("%s is missing", line)
		}
	}
}

func TestDepsAreChecked(t *testing.T) {
	_, err := server.New(server.Options{Limits: server.Limits{Loads: -1}}, server.Deps{})
	for _, word := range []string{"Limits.Loads is negative", "Auditor is missing", "Clock is missing"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say: %s", err, word)
		}
	}
}

func TestRecommenderCard(t *testing.T) {
	h := open(t, server.Options{}, nil)
	for format, want := range map[string][2]string{
		"":             {"text/markdown; charset=utf-8", "# baseline, version 0"},
		"?format=json": {"application/json", `"attributes":[{"name":"Intended use"`},
		"?format=fhir": {"application/fhir+json", `"code":"model-definition"`},
	} {
		w := h.do("GET /v1/recommender/card"+format, "")
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), want[0]) || !strings.Contains(w.Body.String(), want[1]) {
			t.Errorf("%s: %d %v %s", format, w.Code, w.Header(), w.Body)
		}
	}
	if w := h.do("GET /v1/recommender/card?format=pdf", ""); w.Code != 400 {
		t.Errorf("pdf: %d %s", w.Code, w.Body)
	}
}

// Drift and outcomes are in the metrics, by what was asked for.
func TestRecommenderMetrics(t *testing.T) {
	h := open(t, server.Options{}, nil)
	want(t, h.do("GET /v1/patients/p1/recommendations?want=treatments", ""), 200)
	body := h.do("GET /metrics", "").Body.String()
	for _, line := range []string{`ember_recommendations_total{outcome="answered",want="treatments"} 1`, `ember_recommender_drift{of="age",want="tests"} 0.125`, `ember_recommender_calibration{of="ratio",want="tests"} 1.25`} {
		if !strings.Contains(body, line) {
			t.Errorf("no line %s", line)
		}
	}
}
