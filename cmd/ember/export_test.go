package main

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestExportGoesOn breaks an export off in the middle of a file: given again, it begins
// no other, brings what is missing, and is whole.
func TestExportGoesOn(t *testing.T) {
	content := strings.Repeat(`{"resourceType":"Patient"}`+"\n", 10_000)
	kicks, broken, ranges, gone := 0, true, "", false
	mux := http.NewServeMux()
	mux.HandleFunc("GET /fhir/$export", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Prefer") != "respond-async" || r.URL.RawQuery != "_type=Patient" {
			t.Errorf("%v %s", r.Header, r.URL.RawQuery)
		}
		kicks++
		w.Header().Set("Content-Location", "http://ember/v1/bulk/7")
		w.WriteHeader(http.StatusAccepted)
	})
	polls := 0
	mux.HandleFunc("GET /v1/bulk/7", func(w http.ResponseWriter, _ *http.Request) {
		if polls++; polls == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusAccepted)
			return
		}
		_, _ = w.Write([]byte(`{"transactionTime":"2024-01-02T03:04:05.000Z","output":[{"type":"Patient","url":"http://ember/v1/bulk/7/Patient.1.ndjson","count":10000}],"deleted":[],"error":[]}`))
	})
	mux.HandleFunc("DELETE /v1/bulk/7", func(http.ResponseWriter, *http.Request) { gone = true })
	mux.HandleFunc("GET /v1/bulk/7/Patient.1.ndjson", func(w http.ResponseWriter, r *http.Request) {
		if broken {
			_, _ = w.Write([]byte(content[:100_001]))
			_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0))
			return
		}
		ranges = r.Header.Get("Range")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader([]byte(content)))
	})
	dir := filepath.Join(t.TempDir(), "out")
	run := func(query url.Values) error {
		x := exporting{p: &program{quiet: true}, dir: dir}
		return x.run(t.Context(), &client{&http.Client{Transport: inProcess{mux}}, func() error { return nil }}, "/fhir/$export", query)
	}
	ask := url.Values{"_type": {"Patient"}}
	if err := run(ask); err == nil {
		t.Fatal("a file that is broken off is taken for whole")
	}
	if err := run(url.Values{"_type": {"Observation"}}); codeOf(err) != exitUsage {
		t.Errorf("another export in the same folder: %v", err)
	}
	broken = false
	if err := run(ask); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "Patient.1.ndjson"))
	if err != nil || string(got) != content || ranges != "bytes=100001-" || kicks != 1 || !gone {
		t.Errorf("%d bytes of %d, %v; range %q, %d kick-offs, ended: %v", len(got), len(content), err, ranges, kicks, gone)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("%v %v", files, err)
	}
}
