package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ember/server"
	"ember/server/auth"
)

func recorder(h house, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// served is a house that listens; stop ends it and gives Serve's error.
type served struct {
	house
	url  string
	stop func() error
}

func serve(t *testing.T, h house, listeners ...net.Listener) served {
	t.Helper()
	if len(listeners) == 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Serve(ctx, listeners...) }()
	var once sync.Once
	var err error
	stop := func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return served{h, "http://" + listeners[0].Addr().String(), stop}
}

func get(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	r, err := client.Do(mustRequest(t, "GET", url))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(b)
}

func TestGracefulStop(t *testing.T) {
	h := serve(t, open(t, server.Options{}, nil))
	h.block = make(chan struct{})
	answered := make(chan int, 1)
	go func() {
		status, _ := get(t, http.DefaultClient, h.url+"/v1/patients/p1/recommendations?want=tests")
		answered <- status
	}()
	<-h.entered
	stopped := make(chan error, 1)
	go func() { stopped <- h.stop() }()
	for {
		c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			break // the listener is closed
		}
		_ = c.Close()
		time.Sleep(time.Millisecond)
	}
	select {
	case <-stopped:
		t.Fatal("Serve returned while a request was in flight")
	case <-time.After(20 * time.Millisecond):
	}
	want(t, h.do("GET /readyz", ""), 503)
	close(h.block)
	if got := <-answered; got != 200 {
		t.Errorf("the request in flight got %d", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestStopIsBounded(t *testing.T) {
	h := serve(t, open(t, server.Options{Timeouts: server.Timeouts{Stop: 50 * time.Millisecond}}, nil))
	h.block = make(chan struct{}) // never closed
	go func() {
		r, err := http.DefaultClient.Do(mustRequest(t, "GET", h.url+"/v1/search?q=x"))
		if err == nil {
			_ = r.Body.Close()
		}
	}()
	<-h.entered
	if err := h.stop(); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("Serve said %v", err)
	}
}

func TestServeRefusesOtherAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Skip(err)
	}
	h := open(t, server.Options{}, nil)
	if err := h.Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), "token file") {
		t.Errorf("Serve on every interface without tokens: %v", err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the listener is still open")
	}
}

func TestTrustedSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := serve(t, open(t, server.Options{}, tokenTable), server.Trusted(socket), tcp)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	if status, body := get(t, client, "http://ember/v1/search?q=x"); status != 200 {
		t.Errorf("through the socket: %d %s", status, body)
	}
	if status, _ := get(t, http.DefaultClient, "http://"+tcp.Addr().String()+"/v1/search?q=x"); status != 401 {
		t.Errorf("through TCP without a token: %d", status)
	}
	if got := h.audited(); !strings.HasPrefix(got, auth.OwnerName+" search") {
		t.Errorf("audit record %q", got)
	}
}

func TestBodyLimit(t *testing.T) {
	h := serve(t, open(t, server.Options{Limits: server.Limits{BodyBytes: 1000}}, nil))
	for _, length := range []int64{2000, -1} {
		r := mustRequest(t, "PUT", h.url+"/fhir/Patient/p1")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat(" ", 2000))), length
		r.Header.Set("Content-Type", "application/fhir+json")
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _ = a.Body.Close(); a.StatusCode != 413 {
			t.Errorf("body of length %d: %d", length, a.StatusCode)
		}
	}
}

func TestStalledBody(t *testing.T) {
	h := serve(t, open(t, server.Options{Timeouts: server.Timeouts{Stall: 50 * time.Millisecond}}, nil))
	c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "PUT /fhir/Patient/p1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _ = r.Body.Close(); r.StatusCode != 408 {
		t.Errorf("status %d", r.StatusCode)
	}
}

func TestLoadsDoNotStarveRecommendations(t *testing.T) {
	h := open(t, server.Options{Limits: server.Limits{Loads: 1}, Timeouts: server.Timeouts{Queue: time.Millisecond}}, nil)
	h.block = make(chan struct{})
	first := make(chan int, 1)
	go func() { first <- h.do("POST /fhir", `{"resourceType":"Bundle"}`).Code }()
	<-h.entered
	w := h.do("POST /fhir", `{"resourceType":"Bundle"}`)
	want(t, w, 503)
	if w.Header().Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
	asked := make(chan int, 1)
	go func() { asked <- h.do("GET /v1/patients/p1/recommendations?want=tests", "").Code }()
	<-h.entered
	close(h.block)
	if a, b := <-first, <-asked; a != 200 || b != 200 {
		t.Errorf("load %d, recommendation %d", a, b)
	}
}

func TestWaitingForTheIndexDoesNotStarveProbes(t *testing.T) {
	h := open(t, server.Options{Limits: server.Limits{Probes: 2}, Timeouts: server.Timeouts{Queue: time.Millisecond}}, nil)
	h.block = make(chan struct{})
	done := make(chan int, 1)
	go func() { done <- h.do("GET /readyz?wait=index", "").Code }()
	<-h.entered
	want(t, h.do("GET /readyz?wait=index", ""), 503)
	want(t, h.do("GET /healthz", ""), 200)
	close(h.block)
	if got := <-done; got != 200 {
		t.Errorf("waiting gave %d", got)
	}
}

func TestPerPrincipal(t *testing.T) {
	h := open(t, server.Options{Limits: server.Limits{PerPrincipal: 1}}, tokenTable)
	h.block = make(chan struct{})
	done := make(chan int, 1)
	go func() { done <- h.do("GET /v1/search?q=x", "", "Authorization: Bearer searcher").Code }()
	<-h.entered
	want(t, h.do("GET /v1/search?q=x", "", "Authorization: Bearer searcher"), 429)
	want(t, h.do("GET /v1/status", "", "Authorization: Bearer reader"), 200)
	close(h.block)
	if got := <-done; got != 200 {
		t.Errorf("the first request got %d", got)
	}
}

func TestDeadline(t *testing.T) {
	h := open(t, server.Options{Timeouts: server.Timeouts{Ask: 20 * time.Millisecond}}, nil)
	h.block = make(chan struct{}) // never closed
	want(t, h.do("GET /v1/patients/p1/recommendations?want=tests", ""), 503)
}
