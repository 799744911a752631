package ember_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ember"
	"ember/ehr/ehrtest"
)

// gate is an address that is known before what answers there is opened.
type gate struct {
	*httptest.Server
	to atomic.Pointer[http.Handler]
}

func newGate(t testing.TB) *gate {
	g := &gate{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := g.to.Load(); h != nil {
			(*h).ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gate) open(h http.Handler) { g.to.Store(&h) }

// serving serves until the test ends, or the function that it returns is called.
func serving(t testing.TB, app *ember.App) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Serve(ctx, nil) }()
	stopped := false
	stop = func() {
		cancel()
		if !stopped {
			stopped = true
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// eventually waits for what must come true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen: " + what)
		}
	}
}

// TestFollowAnEHR: what changes at the EHR is here a moment later, by ids and whole; a
// deletion too; and who does not know the secret changes nothing.
func TestFollowAnEHR(t *testing.T) {
	for _, full := range []bool{false, true} {
		e := newEHR(t, 0, ehrtest.Options{Polls: 0})
		g := newGate(t)
		config := e.config()
		config.EHRTopic, config.EHRNotify, config.EHRFull = ehrtest.Topic, g.URL, full
		h := open(t, config)
		g.open(h.Handler())
		serving(t, h.App)
		active := func() bool {
			for _, status := range e.Subscriptions() {
				return status == "active"
			}
			return false
		}
		eventually(t, "the subscription is active", active)
		put := func(raw string) {
			t.Helper()
			if err := e.Put([]byte(raw)); err != nil {
				t.Fatal(err)
			}
		}
		has := func(ref, text string) {
			t.Helper()
			eventually(t, ref+" has "+text, func() bool { return strings.Contains(string(h.get("/fhir/"+ref).body), text) })
		}
		put(`{"resourceType":"Patient","id":"p","gender":"female","birthDate":"1970-01-01"}`)
		has("Patient/p", "female")
		put(`{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"},"code":{"text":"asthma"}}`)
		has("Condition/c", "asthma")
		put(`{"resourceType":"Patient","id":"p","gender":"male","birthDate":"1970-01-01"}`)
		has("Patient/p", `"male"`)
		// An export of before the change must not bring the old version back.
		sum, err := h.Pull(t.Context(), ember.PullRequest{}, quietly)
		if err != nil || !sum.Complete {
			t.Errorf("%+v, %v", sum, err)
		}
		has("Patient/p", `"male"`)
		r := h.do("POST", "/ehr/notifications", fhirJSON, strings.NewReader(`{"resourceType":"Bundle"}`))
		if r.status != http.StatusUnauthorized {
			t.Errorf("%d %s", r.status, r.body)
		}
		// Of who does not know the secret no body is read.
		if r := h.ask("POST", "/ehr/notifications", "{", "Authorization: Bearer guessed", "Content-Encoding: gzip", "Content-Type: "+fhirJSON); r.status != http.StatusUnauthorized {
			t.Errorf("%d %s", r.status, r.body)
		}
		if r := h.get("/ehr/jwks.json"); r.status != http.StatusOK || strings.Contains(string(r.body), `"d":`) || !strings.Contains(string(r.body), `"keys"`) {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
}

// TestAnOldExportBringsNothingBack: a file of an export that began before a change was
// notified of.
func TestAnOldExportBringsNothingBack(t *testing.T) {
	e := newEHR(t, 0, ehrtest.Options{Polls: 3})
	g := newGate(t)
	if err := e.Put([]byte(`{"resourceType":"Patient","id":"p","gender":"female"}`)); err != nil {
		t.Fatal(err)
	}
	config := e.config()
	config.EHRTopic, config.EHRNotify, config.EHRFull = ehrtest.Topic, g.URL, true
	h := open(t, config)
	g.open(h.Handler())
	serving(t, h.App)
	eventually(t, "active", func() bool {
		for _, status := range e.Subscriptions() {
			return status == "active"
		}
		return false
	})
	done := make(chan error, 1)
	go func() {
		_, err := h.Pull(t.Context(), ember.PullRequest{}, quietly)
		done <- err
	}()
	eventually(t, "the export has begun", func() bool { return e.Seen("kick-off") == 1 })
	if err := e.Put([]byte(`{"resourceType":"Patient","id":"p","gender":"male"}`)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if r := h.get("/fhir/Patient/p"); !strings.Contains(string(r.body), `"male"`) {
		t.Errorf("%s", r.body)
	}
}
