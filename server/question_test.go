package server_test

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"ember/server"
)

func TestAt(t *testing.T) {
	h := open(t, server.Options{}, nil)
	for at, wantAt := range map[string]string{
		"2026-05-01":                    "2026-05-01T00:00:00Z",
		"2026-05-01T09:30:00Z":          "2026-05-01T09:30:00Z",
		"2026-05-01T09:30:00+02:00":     "2026-05-01T07:30:00Z",
		"2026-05-01T09:30:00.12345678Z": "2026-05-01T09:30:00.123Z",
		"2026-11-24T11:00:00Z":          "2026-11-24T11:00:00Z",
		"2026-11-22T12:00:00Z":          "2026-11-22T12:00:00Z",
		"2026-11-22T11:59:59Z":          "2026-11-22T11:59:59Z",
		"":                              "2026-11-23T12:00:00Z",
	} {
		w := h.do("GET /v1/patients/p1/recommendations?want=tests&at="+url.QueryEscape(at), "")
		want(t, w, 200)
		if got := h.asked.Past.At().Format("2006-01-02T15:04:05.999Z07:00"); got != wantAt {
			t.Errorf("at %q is %s, want %s", at, got, wantAt)
		}
		wantLive := at == "" || at >= "2026-11-22T12"
		if live := h.asked.Key != ""; live != wantLive {
			t.Errorf("at %q: cached %v", at, live)
		}
		if !strings.Contains(w.Body.String(), `,"live":`+strconv.FormatBool(wantLive)+`,`) {
			t.Errorf("at %q: the answer does not say live %v", at, wantLive)
		}
	}
	want(t, h.do("GET /v1/patients/p1/recommendations?want=tests&at=2026-05-01T09:30:00+02:00", ""), 200)
}

func TestAnswerIDs(t *testing.T) {
	h := open(t, server.Options{}, nil)
	ask := func(query string) (id, tag string) {
		w := h.do("GET /v1/patients/p1/recommendations?"+query, "")
		var a struct{ ID string }
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		return a.ID, w.Header().Get("ETag")
	}
	id, tag := ask("want=tests&at=2026-05-01")
	if again, t2 := ask("want=tests&at=2026-05-01"); again != id || t2 != tag {
		t.Error("the same question has another id or tag")
	}
	if other, t2 := ask("want=tests&at=2026-05-02"); other == id || t2 != tag {
		t.Error("another moment must have another id, and the same content the same tag")
	}
	if other, t2 := ask("want=treatments&at=2026-05-01"); other == id || t2 == tag {
		t.Error("another question has the same id or tag")
	}
	h.answer.Rules = "r2"
	if other, t2 := ask("want=tests&at=2026-05-01"); other == id || t2 == tag {
		t.Error("other rules give the same id or tag")
	}
}

// FuzzQuery sends any query: the answer is a recommendation or an outcome,
// never a 500, and always JSON.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"want=tests", "want=treatments&at=2026-05-01&limit=5&explain=a|b", "want=%zz", "q=%ff&kind=,", "want=tests&at=0000-00-00T00:00:00Z", "_format=x&_raw=1"} {
		f.Add(seed)
	}
	h := open(f, server.Options{}, nil)
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/v1/patients/p1/recommendations", "/v1/search", "/fhir/Patient/p1", "/readyz"} {
			r := mustRequest(t, "GET", "http://localhost"+path)
			r.URL.RawQuery = query
			w := recorder(h, r)
			if w.Code >= 500 {
				t.Fatalf("%s?%s: %d %s", path, query, w.Code, w.Body)
			}
			if !json.Valid(w.Body.Bytes()) || !utf8.Valid(w.Body.Bytes()) {
				t.Fatalf("%s?%s: no JSON: %s", path, query, w.Body)
			}
			if w.Code >= 400 && !strings.Contains(w.Body.String(), "OperationOutcome") {
				t.Fatalf("%s?%s: no outcome: %s", path, query, w.Body)
			}
		}
	})
}
