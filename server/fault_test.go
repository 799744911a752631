package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"ember/server"
	"ember/server/auth"
)

func TestEveryErrorIsAnOutcome(t *testing.T) {
	for _, c := range []struct {
		line, body string
		headers    []string
		status     int
		says       string
	}{
		{line: "GET /nothing", status: 404, says: "/openapi.json"},
		{line: "GET /fhir/Patient/p1/", status: 404},
		{line: "GET /fhir/patient/p1", status: 404, says: "capital letter"},
		{line: "GET /fhir/Patient/a%20b", status: 400, says: "1 to 64"},
		{line: "GET /fhir/Patient/absent", status: 404},
		{line: "PATCH /fhir/Patient", status: 405, says: "POST"},
		{line: "PATCH /fhir/Patient/p1", status: 415, says: "json-patch"},
		{line: "GET /fhir", status: 405},
		{line: "PUT /fhir/$recommend", body: patient, status: 405, says: "it answers POST"},
		{line: "DELETE /fhir/metadata", status: 405, says: "it answers GET, HEAD"},
		{line: "PUT /fhir/Observation/$lastn", body: patient, status: 405, says: "it answers GET, HEAD"},
		{line: "PATCH /fhir/Patient/_search", status: 405, says: "it answers POST"},
		{line: "TRACE /fhir/Subscription/$status", status: 405, says: "it answers GET"},
		{line: "DELETE /v1/cohorts/names", status: 405, says: "it answers GET, HEAD"},
		{line: "PUT /fhir/Patient/$export", body: patient, status: 405, says: "it answers GET, HEAD, POST"},
		{line: "POST /fhir/Patient", body: patient, headers: []string{"Content-Type: text/plain"}, status: 415, says: "application/fhir+json"},
		{line: "POST /fhir", body: patient, headers: []string{"Content-Type: application/zip"}, status: 415, says: "ndjson"},
		{line: "POST /fhir", body: patient, headers: []string{"Content-Type: ;;;"}, status: 415},
		{line: "GET /fhir/Patient/absent", headers: []string{"Accept: application/fhir+xml"}, status: 406, says: "application/fhir+json"},
		{line: "GET /fhir/Patient/absent?_format=xml", status: 406},
		{line: "GET /fhir/Patient/absent?_format=json", headers: []string{"Accept: application/fhir+xml"}, status: 404},
		{line: "GET /fhir/Patient/absent", headers: []string{"Accept: application/fhir+json;q=0"}, status: 406},
		{line: "GET /fhir/Patient/absent", headers: []string{"Accept: text/html, */*;q=0.1"}, status: 404},
		{line: "GET /v1/patients/p1/recommendations", status: 400, says: "want=treatments"},
		{line: "GET /v1/patients/p1/recommendations?want=everything", status: 400, says: "want"},
		{line: "GET /v1/patients/p1/recommendations?want=tests&want=tests", status: 400, says: "once"},
		{line: "GET /v1/patients/p1/recommendations?want=tests&limit=0", status: 400, says: "1 to 100"},
		{line: "GET /v1/patients/p1/recommendations?want=tests&limit=101", status: 400},
		{line: "GET /v1/patients/p1/recommendations?want=tests&at=yesterday", status: 400, says: "2026-05-01"},
		{line: "GET /v1/patients/p1/recommendations?want=tests&at=2026-11-25", status: 409, says: "future"},
		{line: "GET /v1/patients/p1/recommendations?want=tests&explain=x%7C", status: 400},
		{line: "GET /v1/search", status: 400, says: "q="},
		{line: "GET /v1/search?q=x&kind=cat", status: 400, says: "medication"},
		{line: "GET /v1/search?q=%ff", status: 400},
	} {
		h := open(t, server.Options{}, nil)
		w := h.do(c.line, c.body, c.headers...)
		want(t, w, c.status)
		if got := outcome(t, w); !strings.Contains(got, c.says) {
			t.Errorf("%s: outcome %q does not say %q", c.line, got, c.says)
		}
	}
}

func TestErrorsOfDeps(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		retry  bool
	}{
		{fmt.Errorf("a: %w", server.ErrNotFound), 404, false},
		{fmt.Errorf("a: %w", server.ErrGone), 410, false},
		{fmt.Errorf("a: %w", server.ErrVersion), 412, false},
		{fmt.Errorf("a: %w", server.ErrConflict), 409, false},
		{fmt.Errorf("a: %w", server.ErrTooLarge), 413, false},
		{fmt.Errorf("a: %w", server.ErrUnready), 503, true},
		{fmt.Errorf("a: %w", context.DeadlineExceeded), 503, true},
		{fmt.Errorf("a: %w", context.Canceled), 499, false},
		{fmt.Errorf("a: %w", os.ErrDeadlineExceeded), 408, false},
		{fmt.Errorf("a: %w", io.ErrUnexpectedEOF), 400, false},
		{fmt.Errorf("a: %w", &server.Fault{Status: 429, Code: "throttled", Detail: "later", RetryAfter: 1}), 429, true},
		{errBroken, 500, false},
	} {
		h := open(t, server.Options{}, nil)
		h.err = c.err
		for _, line := range []string{"GET /fhir/Patient/p1", "GET /v1/patients/p1/recommendations?want=tests", "GET /v1/search?q=x", "DELETE /fhir/Patient/p1"} {
			w := h.do(line, "")
			want(t, w, c.status)
			if got := w.Header().Get("Retry-After") != ""; got != c.retry {
				t.Errorf("%v: Retry-After %v", c.err, got)
			}
		}
	}
}

func TestInternalErrorsAreScrubbed(t *testing.T) {
	h := open(t, server.Options{}, nil)
	h.err = errBroken
	w := h.do("GET /fhir/Patient/zaphod-1", "")
	want(t, w, 500)
	if !strings.Contains(outcome(t, w), w.Header().Get("X-Request-Id")) {
		t.Error("the outcome does not name the request to look for in the log")
	}
	if log := h.log.String(); !strings.Contains(log, "disk: cannot read") || strings.Contains(strings.ToLower(log), "zaphod") {
		t.Errorf("log: %s", log)
	}
}

func TestPanic(t *testing.T) {
	h := open(t, server.Options{}, nil)
	h.panicWith = errBroken
	w := h.do("GET /fhir/Patient/p1", "")
	want(t, w, 500)
	if log := h.log.String(); !strings.Contains(log, `"panic"`) || !strings.Contains(log, "fake") || strings.Contains(log, "Zaphod") {
		t.Errorf("log: %s", log)
	}
	h.panicWith = nil
	want(t, h.do("GET /fhir/Patient/p1", ""), 404)
}

func TestPartOfABatchBeforeAnError(t *testing.T) {
	h := open(t, server.Options{Limits: server.Limits{StreamBytes: 200}}, nil)
	r := mustRequest(t, "POST", "http://localhost/fhir", "Content-Type: application/fhir+ndjson")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat(patient+"\n", 4))), -1
	w := recorder(h, r)
	want(t, w, 413)
	if got := outcome(t, w); !strings.Contains(got, "entries before this were stored") {
		t.Errorf("outcome %q does not say what was kept", got)
	}
}

var tokenTable = tokens{
	"reader":      {Name: "reader", Rights: auth.Read},
	"writer":      {Name: "writer", Rights: auth.Write},
	"recommender": {Name: "recommender", Rights: auth.Recommend},
	"searcher":    {Name: "searcher", Rights: auth.Search},
	"admin":       {Name: "admin", Rights: auth.Admin},
	"predictor":   {Name: "predictor", Rights: auth.Predict},
	"modeller":    {Name: "modeller", Rights: auth.Models},
	"nobody":      {Name: "nobody"},
	"limited":     {Name: "limited", Rights: auth.All, Patients: []string{"p1"}},
	"none":        {Name: "none", Rights: auth.All, Patients: []string{}},
}

func TestRights(t *testing.T) {
	routes := []struct {
		line, body string
		ok         int
		callers    string
	}{
		{"PUT /fhir/Patient/p1", patient, 200, "writer"},
		{"POST /fhir/Patient", patient, 201, "writer"},
		{"POST /fhir", `{"resourceType":"Bundle"}`, 200, "writer"},
		{"GET /fhir/Patient/p1", "", 200, "reader limited"},
		{"GET /fhir/Patient/p1/_history/1", "", 200, "reader limited"},
		{"GET /v1/patients/p1/recommendations?want=tests", "", 200, "recommender limited"},
		{"POST /v1/recommendations?want=tests", patient, 200, "recommender limited"},
		{"GET /v1/search?q=x", "", 200, "searcher"},
		{"GET /v1/status", "", 200, "reader writer recommender searcher admin predictor modeller nobody limited none"},
		{"GET /metrics", "", 200, "admin limited none"},
		{"DELETE /fhir/Patient/p1", "", 204, "writer"},
		// There is no model service here: who may ask hears that nothing is found.
		{"GET /v1/models/m", "", 404, "predictor limited none"},
		{"POST /v1/models/m/predict", "a,b", 404, "predictor limited none"},
		{"POST /v1/datasets/d", "a,b", 404, "modeller"},
		{"GET /v1/datasets", "", 404, "modeller"},
		{"POST /v1/jobs", "{}", 404, "modeller"},
		{"DELETE /v1/models/m/versions/1", "", 404, "modeller"},
	}
	for _, r := range routes {
		for name := range tokenTable {
			h := open(t, server.Options{}, tokenTable)
			_, _ = h.Put(t.Context(), server.Write{Type: "Patient", ID: "p1", Body: []byte(patient)})
			w := h.do(r.line, r.body, "Authorization: Bearer "+name)
			switch allowed := strings.Contains(" "+r.callers+" ", " "+name+" "); {
			case allowed && w.Code != r.ok:
				t.Errorf("%s by %s: %d, want %d: %s", r.line, name, w.Code, r.ok, w.Body)
			case !allowed && w.Code != 403 && !(w.Code == 404 && strings.HasPrefix(r.line, "GET /fhir")):
				t.Errorf("%s by %s: %d, want it forbidden", r.line, name, w.Code)
			case w.Code == 403:
				if got := outcome(t, w); !strings.Contains(got, "right") && !strings.Contains(got, "limited") {
					t.Errorf("%s by %s: outcome %q does not say what is missing", r.line, name, got)
				}
				if !strings.Contains(h.audited(), name) {
					t.Errorf("%s by %s: the refusal is not recorded", r.line, name)
				}
			}
		}
		h := open(t, server.Options{}, tokenTable)
		for _, header := range []string{"X: y", "Authorization: Basic eA==", "Authorization: Bearer", "Authorization: Bearer unknown"} {
			w := h.do(r.line, r.body, header)
			want(t, w, 401)
			if !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s: 401 without WWW-Authenticate", r.line)
			}
		}
	}
}

func TestLimitedToPatients(t *testing.T) {
	h := open(t, server.Options{}, tokenTable)
	for _, ref := range []string{"Patient/p1", "Patient/p2", "Observation/o1", "Organization/x", "Binary/b"} {
		typ, id, _ := strings.Cut(ref, "/")
		if _, err := h.Put(t.Context(), server.Write{Type: typ, ID: id, Body: []byte(`{"resourceType":"` + typ + `"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		token, path string
		status      int
	}{
		{"limited", "/fhir/Patient/p1", 200}, {"limited", "/fhir/Observation/o1", 200}, {"limited", "/fhir/Organization/x", 200},
		{"limited", "/fhir/Binary/b", 404}, // of nobody who is known
		{"limited", "/fhir/Patient/p2", 404}, {"none", "/fhir/Observation/o1", 404}, {"none", "/fhir/Organization/x", 200},
		{"limited", "/v1/patients/p2/recommendations?want=tests", 403},
		{"limited", "/v1/patients/p3/recommendations?want=tests", 403},
		{"none", "/v1/patients/p1/recommendations?want=tests", 403},
	} {
		want(t, h.do("GET "+c.path, "", "Authorization: Bearer "+c.token), c.status)
	}
	if !strings.Contains(h.audited(), "limited read Patient/p2 Patient/p2 403\n") {
		t.Errorf("a refused read is not recorded:\n%s", h.audited())
	}
	_, _ = h.Delete(t.Context(), "Observation", "o1", 0)
	want(t, h.do("GET /fhir/Observation/o1", "", "Authorization: Bearer limited"), 404)
	want(t, h.do("GET /fhir/Observation/o1", "", "Authorization: Bearer reader"), 410)
}

func TestGetEntryNeedsTheRightToRead(t *testing.T) {
	body := `{"resourceType":"Bundle","type":"batch","entry":[{"get":"p9"}]}`
	h := open(t, server.Options{}, tokenTable)
	w := h.do("POST /fhir", body, "Authorization: Bearer writer")
	want(t, w, 200)
	if got := w.Body.String(); strings.Contains(got, `"id":"p9"`) || !strings.Contains(got, "403") {
		t.Errorf("a token without the right to read got %s", got)
	}
	h = open(t, server.Options{}, nil)
	w = h.do("POST /fhir", body)
	if got := w.Body.String(); !strings.Contains(got, `"id":"p9"`) {
		t.Errorf("the owner got %s", got)
	}
	if !strings.Contains(h.audited(), "owner read Patient/p9 Patient/p9 200\n") {
		t.Errorf("a GET entry is not recorded as read:\n%s", h.audited())
	}
}

func TestWithoutTokensOnlyThisMachine(t *testing.T) {
	h := open(t, server.Options{}, nil)
	send := func(method, host string, headers ...string) int {
		r := mustRequest(t, method, "http://"+host+"/v1/search?q=x", headers...)
		return recorder(h, r).Code
	}
	for host, status := range map[string]int{"localhost": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "ember.example": 403, "127.0.0.1.evil.example": 403} {
		if got := send("GET", host); got != status {
			t.Errorf("Host %s: %d, want %d", host, got, status)
		}
	}
	w := h.do("POST /fhir/Patient", patient, "Origin: https://evil.example", "Sec-Fetch-Site: cross-site")
	want(t, w, 403)
	trusted := mustRequest(t, "GET", "http://socket/v1/search?q=x")
	if got := recorder(h, trusted.WithContext(server.Trust(t.Context()))).Code; got != 200 {
		t.Errorf("through a trusted channel: %d", got)
	}
}

func TestUnknownMethodsShareALabel(t *testing.T) {
	h := open(t, server.Options{}, nil)
	want(t, h.do("PROPFIND /healthz", ""), 405)
	if strings.Contains(h.log.String(), "PROPFIND") {
		t.Error("the log takes over invented methods")
	}
}

func mustRequest(t testing.TB, method, url string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	return r
}
