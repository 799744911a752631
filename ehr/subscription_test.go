package ehr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ember/ehr"
	"ember/ehr/ehrtest"
)

// Stored implements ehr.ChangeSink.
func (k *sink) Stored(_ context.Context, typ, id string) (version, updated string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var h struct {
		Meta struct{ VersionID, LastUpdated string }
	}
	if raw, ok := k.held[typ+"/"+id]; ok {
		err = json.Unmarshal([]byte(raw), &h)
	}
	return h.Meta.VersionID, h.Meta.LastUpdated, err
}

func (k *sink) text(ref string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held[ref]
}

// following is a site whose changes are followed.
type following struct {
	*site
	*ehr.Follower
	door  *httptest.Server
	want  ehr.Wanted
	to    atomic.Pointer[ehr.Follower]
	down  atomic.Bool
	codes sync.Map // statuses that were answered
}

func follow(t testing.TB, opt ehrtest.Options, full bool) *following {
	t.Helper()
	f := &following{site: newSite(t, opt)}
	f.door = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = f.to.Load().Notify(r.Context(), r.Header.Get("Authorization"), body)
		}
		if err != nil {
			f.codes.Store(err.Error(), true)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(f.door.Close)
	f.want = ehr.Wanted{Topic: ehrtest.Topic, Endpoint: f.door.URL, Full: full, Types: []string{"Patient", "Observation"}, Heartbeat: time.Hour}
	f.restart()
	f.tend()
	f.active()
	return f
}

// restart is a new process that knows what the last one kept.
func (f *following) restart() {
	f.Helper()
	f.memory.kill()
	var err error
	if f.Follower, err = ehr.NewFollower(f.client, f.sink, f.memory, f.want); err != nil {
		f.Fatal(err)
	}
	f.to.Store(f.Follower)
}

func (f *following) tend() {
	f.Helper()
	if err := f.Tend(f.Context()); err != nil {
		f.Fatal(err)
	}
}

func (f *following) catchUp() {
	f.Helper()
	if err := f.CatchUp(f.Context()); err != nil {
		f.Fatal(err)
	}
}

// active waits until the EHR has activated the subscription, and for what changed until
// then.
func (f *following) active() {
	f.Helper()
	f.until(func() bool {
		for _, status := range f.Subscriptions() {
			if status == "active" {
				return f.Active()
			}
		}
		return false
	})
	f.Heartbeat()
	f.catchUp()
}

func (f *following) until(ok func() bool) {
	f.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatal("it did not happen")
		}
	}
}

func (f *following) patient(id, gender string) {
	f.Helper()
	if err := f.Put([]byte(fmt.Sprintf(`{"resourceType":"Patient","id":%q,"gender":%q}`, id, gender))); err != nil {
		f.Fatal(err)
	}
}

func (f *following) has(ref, text string) {
	f.Helper()
	if got := f.sink.text(ref); !strings.Contains(got, text) || text == "" && got != "" {
		f.Errorf("%s: %q, want %q", ref, got, text)
	}
}

func TestFollowerTakesChanges(t *testing.T) {
	for _, full := range []bool{false, true} {
		f := follow(t, ehrtest.Options{}, full)
		reads, searches := f.Seen("read"), f.Seen("search")
		f.patient("a", "female")
		if waiting, _ := f.Waiting(); full != (waiting == 0) {
			t.Errorf("full-resource %t: %d wait", full, waiting)
		}
		f.restart() // what was acknowledged survives
		f.catchUp()
		f.has("Patient/a", "female")
		if got := f.Seen("read") - reads; full != (got == 0) {
			t.Errorf("full-resource %t: %d reads", full, got)
		}
		f.patient("a", "male")
		f.catchUp()
		f.has("Patient/a", "male")
		f.Delete("Patient", "a")
		f.patient("b", "male")
		f.catchUp()
		if waiting, behind := f.Waiting(); waiting != 0 || behind {
			t.Errorf("%d wait, %t", waiting, behind)
		}
		if n := f.Seen("search") - searches; n != 0 {
			t.Errorf("%d searches although nothing was missed", n)
		}
	}
}

// TestFollowerNoticesWhatWasLost by the numbers, also when only a heartbeat tells of it, and
// also while it was down.
func TestFollowerNoticesWhatWasLost(t *testing.T) {
	f := follow(t, ehrtest.Options{}, true)
	f.patient("first", "female")
	f.Set(func(s *ehrtest.Faults) { s.Lose = 2 })
	f.patient("lost1", "female")
	f.patient("lost2", "female")
	f.patient("came", "female")
	if _, behind := f.Waiting(); !behind {
		t.Error("the gap was not noticed")
	}
	f.catchUp()
	for _, id := range []string{"lost1", "lost2", "came"} {
		f.has("Patient/"+id, "female")
	}
	f.Set(func(s *ehrtest.Faults) { s.Quiet = true })
	f.patient("quiet", "male")
	f.Heartbeat()
	f.catchUp()
	f.has("Patient/quiet", "male")
	f.Set(func(s *ehrtest.Faults) { s.Quiet, s.Twice = false, true })
	writes := f.sink.wrote
	f.patient("twice", "male")
	f.catchUp()
	if f.sink.wrote != writes+1 {
		t.Errorf("%d writes for one change", f.sink.wrote-writes)
	}
	if _, behind := f.Waiting(); behind {
		t.Error("still behind")
	}
}

// TestFollowerAsksAnew when the EHR has given the subscription up, and finds what changed
// meanwhile.
func TestFollowerAsksAnew(t *testing.T) {
	f := follow(t, ehrtest.Options{}, true)
	f.patient("a", "female")
	f.down.Store(true)
	f.patient("b", "female") // the endpoint fails: the EHR gives up
	f.patient("c", "female")
	f.down.Store(false)
	f.want.Heartbeat = time.Nanosecond // silent for too long
	f.restart()
	f.tend()
	f.active()
	f.catchUp()
	f.has("Patient/b", "female")
	f.has("Patient/c", "female")
	if all := f.Subscriptions(); len(all) != 1 {
		t.Errorf("%v: the old subscription was left", all)
	}
	f.patient("d", "female")
	f.catchUp()
	f.has("Patient/d", "female")
}

// TestFollowerRenews before the end that it asked for.
func TestFollowerRenews(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	f := &following{site: newSite(t, ehrtest.Options{Now: clock})}
	f.client = f.newClient(func(o *ehr.Options) { o.Now = clock })
	f.door = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if f.to.Load().Notify(r.Context(), r.Header.Get("Authorization"), body) != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer f.door.Close()
	f.want = ehr.Wanted{Topic: ehrtest.Topic, Endpoint: f.door.URL, Full: true, Heartbeat: 1000 * time.Hour, Life: 24 * time.Hour}
	f.restart()
	for range 10 {
		f.tend()
		f.until(func() bool {
			for _, status := range f.Subscriptions() {
				return status == "active"
			}
			return false
		})
		mu.Lock()
		now = now.Add(7 * time.Hour)
		mu.Unlock()
	}
	if all := f.Subscriptions(); len(all) != 1 || all["sub-1"] != "active" {
		t.Errorf("%v: it was not the one subscription that was renewed", all)
	}
	f.tend()
	f.patient("a", "female")
	f.has("Patient/a", "female")
}

// TestFollowerBelievesOnlyItsEHR: who does not show the secret is refused, and an older
// version takes no newer one's place.
func TestFollowerBelievesOnlyItsEHR(t *testing.T) {
	f := follow(t, ehrtest.Options{}, true)
	f.patient("a", "female")
	for _, header := range []string{"", "Bearer", "Bearer x", "Basic abc"} {
		if err := f.Notify(t.Context(), header, []byte(`{}`)); !errors.Is(err, ehr.ErrSecret) {
			t.Errorf("%q: %v", header, err)
		}
	}
	// The secret as the EHR knows it.
	var secret string
	for _, v := range f.memory.disk {
		var s struct{ Secret string }
		if json.Unmarshal([]byte(v), &s) == nil && s.Secret != "" {
			secret = "Bearer " + s.Secret
		}
	}
	for name, body := range map[string]string{
		"no Bundle":       `{"resourceType":"Patient"}`,
		"no entries":      `{"resourceType":"Bundle"}`,
		"no status":       `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"x"}}]}`,
		"an unknown type": `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Parameters","parameter":[{"name":"type","valueCode":"x"}]}}]}`,
		"another topic":   `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Parameters","parameter":[{"name":"type","valueCode":"heartbeat"},{"name":"topic","valueCanonical":"http://x"}]}}]}`,
		"HTML":            `<html>`,
	} {
		if err := f.Notify(t.Context(), secret, []byte(body)); !errors.Is(err, ehr.ErrNotification) {
			t.Errorf("%s: %v", name, err)
		}
	}
	event := func(number int, ref, resource string) string {
		return fmt.Sprintf(`{"resourceType":"Bundle","type":"history","entry":[{"resource":{"resourceType":"Parameters","parameter":[{"name":"status","valueCode":"active"},{"name":"type","valueCode":"event-notification"},
			{"name":"events-since-subscription-start","valueUnsignedInt":%d},{"name":"notification-event","part":[{"name":"event-number","valueInteger":%d},{"name":"focus","valueReference":{"reference":%q}}]}]}},{"resource":%s}]}`, number, number, ref, resource)
	}
	if err := f.Notify(t.Context(), secret, []byte(event(2, "Patient/a", `{"resourceType":"Patient","id":"a","gender":"other","meta":{"lastUpdated":"2001-01-01T00:00:00Z"}}`))); err != nil {
		t.Fatal(err)
	}
	f.has("Patient/a", "female")
	if waiting, _ := f.Waiting(); waiting != 1 {
		t.Errorf("%d wait: what is older has to be looked up", waiting)
	}
	f.catchUp()
	f.has("Patient/a", "female")
	// References elsewhere are never read.
	before := len(f.Requests())
	for i, ref := range []string{"http://evil.example/Patient/a", "../admin/x", "Patient/a/../../x", "file:///etc/passwd", "Patient/<a>"} {
		if err := f.Notify(t.Context(), secret, []byte(event(3+i, ref, `{}`))); err != nil {
			t.Fatal(err)
		}
	}
	f.catchUp()
	if n := len(f.Requests()); n != before {
		t.Errorf("asked: %v", f.Requests()[before:])
	}
}
