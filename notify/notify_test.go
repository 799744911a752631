package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ember/notify"
)

// space is a sealed space in memory.
type space struct {
	mu    sync.Mutex
	pairs map[string]notify.Pair
	fail  error
}

func (p *space) Get(key []byte) ([]byte, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pair, ok := p.pairs[string(key)]
	return pair.Value, ok, nil
}

func (p *space) Put(pairs []notify.Pair, _ bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	for _, pair := range pairs {
		p.pairs[string(pair.Key)] = pair
	}
	return nil
}

func (p *space) Delete(keys [][]byte, _ bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range keys {
		delete(p.pairs, string(k))
	}
	return nil
}

func (p *space) All() iter.Seq2[notify.Pair, error] {
	return func(yield func(notify.Pair, error) bool) {
		p.mu.Lock()
		var all []notify.Pair
		for _, pair := range p.pairs {
			all = append(all, pair)
		}
		p.mu.Unlock()
		for _, pair := range all {
			if !yield(pair, nil) {
				return
			}
		}
	}
}

// erase is what the store does with what belongs to a patient.
func (p *space) erase(patient string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, pair := range p.pairs {
		if pair.Patient == patient {
			delete(p.pairs, key)
		}
	}
}

// ear is an endpoint with what it heard.
type ear struct {
	testing.TB
	*httptest.Server
	mu     sync.Mutex
	heard  []bundle
	header []http.Header
	status int
	store  *space
	svc    *notify.Service
	opt    notify.Options
	audit  []string
	stop   func()
}

type bundle struct {
	ResourceType, Type string
	Entry              []struct {
		FullURL  string
		Resource json.RawMessage
		Request  struct{ Method, URL string }
		Response struct{ Status string }
	}
}

type param struct {
	Name, ValueCode, ValueString, ValueCanonical, ValueInstant string
	ValueReference                                             struct{ Reference string }
	Part                                                       []param
}

func (b *bundle) status() map[string]param {
	var p struct{ Parameter []param }
	_ = json.Unmarshal(b.Entry[0].Resource, &p)
	out := map[string]param{}
	for _, v := range p.Parameter {
		out[v.Name] = v
	}
	return out
}

func (b *bundle) kind() string { return b.status()["type"].ValueCode }

func newEar(t testing.TB, change func(*notify.Options)) *ear {
	t.Helper()
	e := &ear{TB: t, status: http.StatusOK, store: &space{pairs: map[string]notify.Pair{}}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var got bundle
		if json.Unmarshal(b, &got) != nil || len(got.Entry) == 0 {
			t.Errorf("not a notification: %s", b)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.status < 300 {
			e.heard, e.header = append(e.heard, got), append(e.header, r.Header)
		}
		w.WriteHeader(e.status)
	}))
	t.Cleanup(e.Server.Close)
	host := strings.TrimPrefix(e.URL, "http://")
	e.opt = notify.Options{Base: "https://ember.example.org/fhir", Hosts: []string{host}, Private: true, Space: e.store, Now: time.Now, Log: slog.New(slog.DiscardHandler), Pause: 2 * time.Millisecond,
		Record: func(_ context.Context, owner string, patients []string) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.audit = append(e.audit, patients...)
			return nil
		},
		Read: func(_ context.Context, p string) (json.RawMessage, error) {
			return json.RawMessage(`{"resourceType":"Patient","id":"` + p + `"}`), nil
		}}
	if change != nil {
		change(&e.opt)
	}
	e.start()
	t.Cleanup(func() { e.stop() })
	return e
}

// start is a new process.
func (e *ear) start() {
	e.Helper()
	var err error
	if e.svc, err = notify.Open(e.opt); err != nil {
		e.Fatal(err)
	}
	ctx, cancel := context.WithCancel(e.Context())
	done := make(chan struct{})
	go func() { e.svc.Run(ctx); close(done) }()
	e.stop = func() { cancel(); <-done }
}

func (e *ear) answer(status int) { e.mu.Lock(); e.status = status; e.mu.Unlock() }

func (e *ear) sub(topic, content, more string) string {
	return fmt.Sprintf(`{"resourceType":"Subscription","status":"requested","reason":"test","criteria":"https://ember.example.org/fhir/SubscriptionTopic/%s",%s
		"channel":{"type":"rest-hook","endpoint":"%s/hook","payload":"application/fhir+json","_payload":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content","valueCode":"%s"}]},
		"header":["Authorization: Bearer s3cret"],"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-max-count","valuePositiveInt":3}]}}`, topic, more, e.URL, content)
}

func (e *ear) put(id, raw string) notify.Subscription {
	e.Helper()
	s, err := e.svc.Put("ehr", id, []byte(raw))
	if err != nil {
		e.Fatal(err)
	}
	return s
}

func (e *ear) until(what string, ok func() bool) {
	e.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			e.Fatal("it did not happen: " + what)
		}
	}
}

func (e *ear) is(id, status string) {
	e.Helper()
	e.until(id+" is "+status, func() bool { s, err := e.svc.Get(id); return err == nil && s.Status == status })
}

// numbers are those of the events that were heard, in order.
func (e *ear) numbers() (all []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.heard {
		var p struct{ Parameter []param }
		_ = json.Unmarshal(b.Entry[0].Resource, &p)
		for _, v := range p.Parameter {
			if v.Name == "notification-event" {
				all = append(all, v.Part[0].ValueString)
			}
		}
	}
	return all
}

func event(topic, patient string) notify.Event {
	return notify.Event{Topic: topic, Patient: patient, At: time.Now(), Model: "death", Resource: json.RawMessage(`{"resourceType":"RiskAssessment","id":"r"}`)}
}

func TestNotifications(t *testing.T) {
	for _, content := range []string{"empty", "id-only", "full-resource"} {
		e := newEar(t, nil)
		e.put("s1", e.sub(notify.RiskAboveThreshold, content, ""))
		e.is("s1", "active")
		if err := e.svc.Publish(event(notify.RiskAboveThreshold, "p1"), event(notify.NewRecommendation, "p2")); err != nil {
			t.Fatal(err)
		}
		e.until("the event comes", func() bool { return len(e.numbers()) == 1 })
		first, last := e.heard[0], e.heard[1]
		if first.kind() != "handshake" || first.Type != "history" || first.Entry[0].Request.Method != "GET" || first.Entry[0].Response.Status != "200" {
			t.Errorf("%+v", first)
		}
		if e.header[0].Get("Authorization") != "Bearer s3cret" || e.header[0].Get("Content-Type") != "application/fhir+json" {
			t.Error(e.header[0])
		}
		s := last.status()
		if last.kind() != "event-notification" || s["events-since-subscription-start"].ValueString != "1" || s["topic"].ValueCanonical != "https://ember.example.org/fhir/SubscriptionTopic/risk-above-threshold" || s["status"].ValueCode != "active" {
			t.Errorf("%+v", s)
		}
		b, _ := json.Marshal(last)
		if want := map[string]int{"empty": 1, "id-only": 2, "full-resource": 3}[content]; len(last.Entry) != want {
			t.Errorf("%s: %d entries: %s", content, len(last.Entry), b)
		}
		if content == "empty" && strings.Contains(string(b), "p1") || content == "full-resource" && !strings.Contains(string(b), "RiskAssessment") {
			t.Errorf("%s: %s", content, b)
		}
		if named := len(e.audit); (content == "empty") != (named == 0) {
			t.Errorf("%s: %d recorded", content, named)
		}
	}
}

// TestNothingIsLostOnTheWay: an endpoint that fails hears everything later, in order and
// once, in notifications of bounded size, also from the next process.
func TestNothingIsLostOnTheWay(t *testing.T) {
	e := newEar(t, nil)
	e.put("s1", e.sub(notify.NewRecommendation, "id-only", ""))
	e.is("s1", "active")
	e.answer(http.StatusInternalServerError)
	var want []string
	for i := range 10 {
		if err := e.svc.Publish(event(notify.NewRecommendation, fmt.Sprint("p", i))); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprint(i+1))
	}
	e.is("s1", "error")
	if s, _ := e.svc.Get("s1"); !strings.Contains(s.Error, "500") || strings.Contains(s.Error, "http") {
		t.Errorf("%q", s.Error)
	}
	e.stop()
	e.answer(http.StatusOK)
	e.start()
	e.until("all events come", func() bool { return len(e.numbers()) >= 10 })
	e.is("s1", "active")
	if got := e.numbers(); !slices.Equal(got, want) {
		t.Error(got)
	}
	for _, b := range e.heard {
		if len(b.Entry) > 4 {
			t.Errorf("%d entries in one notification", len(b.Entry))
		}
	}
	raw, patients, err := e.svc.Events(t.Context(), must(e.svc.Get("s1")), 3, 5, "")
	if err != nil || !slices.Equal(patients, []string{"p2", "p3", "p4"}) || !strings.Contains(string(raw), "query-event") {
		t.Errorf("%v %v %s", err, patients, raw)
	}
}

func must(s notify.Subscription, _ error) notify.Subscription { return s }

// TestErasedPatientsAreNotToldOf: what waits to be sent goes with the patient.
func TestErasedPatientsAreNotToldOf(t *testing.T) {
	e := newEar(t, nil)
	e.put("s1", e.sub(notify.NewRecommendation, "id-only", ""))
	e.is("s1", "active")
	e.answer(http.StatusBadGateway)
	for _, p := range []string{"stays", "erased", "too"} {
		if err := e.svc.Publish(event(notify.NewRecommendation, p)); err != nil {
			t.Fatal(err)
		}
	}
	e.is("s1", "error")
	e.store.erase("erased")
	e.mu.Lock()
	e.audit = nil
	e.mu.Unlock()
	e.answer(http.StatusOK)
	e.until("the others come", func() bool { return len(e.numbers()) == 2 })
	b, _ := json.Marshal(e.heard)
	if strings.Contains(string(b), "erased") || !strings.Contains(string(b), "too") {
		t.Errorf("%s", b)
	}
}

// TestWhoMayNotBeToldIsNotTold: what waits to be sent is not sent of who has withdrawn
// consent, and nothing is to who has lost the right; what was lost may come back.
func TestWhoMayNotBeToldIsNotTold(t *testing.T) {
	var no sync.Map
	e := newEar(t, func(o *notify.Options) {
		o.May = func(owner, patient string) bool { _, is := no.Load(owner + "/" + patient); return !is }
	})
	e.put("s1", e.sub(notify.NewRecommendation, "id-only", ""))
	e.is("s1", "active")
	no.Store("ehr/", true)
	no.Store("ehr/withdraws", true)
	for _, p := range []string{"stays", "withdraws", "too"} {
		if err := e.svc.Publish(event(notify.NewRecommendation, p)); err != nil {
			t.Fatal(err)
		}
	}
	e.is("s1", "error")
	if s, _ := e.svc.Get("s1"); !strings.Contains(s.Error, "may not be told") || len(e.numbers()) > 0 {
		t.Errorf("%q, %v", s.Error, e.numbers())
	}
	no.Delete("ehr/")
	e.until("the others come", func() bool { return len(e.numbers()) == 2 })
	b, _ := json.Marshal(e.heard)
	if strings.Contains(string(b), "withdraws") || slices.Contains(e.audit, "withdraws") || !strings.Contains(string(b), "too") {
		t.Errorf("%s", b)
	}
	raw, patients, err := e.svc.Events(t.Context(), must(e.svc.Get("s1")), 0, 0, "full-resource")
	if err != nil || !slices.Equal(patients, []string{"stays", "too"}) || strings.Contains(string(raw), "withdraws") {
		t.Errorf("%v %v %s", err, patients, raw)
	}
}

func TestHeartbeatsAndEnds(t *testing.T) {
	now, mu := time.Now(), sync.Mutex{}
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	e := newEar(t, func(o *notify.Options) { o.Now = clock })
	raw := strings.Replace(e.sub(notify.NewRecommendation, "empty", `"end":"`+now.Add(time.Hour).UTC().Format(time.RFC3339)+`",`), `"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-max-count"`,
		`"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-heartbeat-period","valueUnsignedInt":60},{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-max-count"`, 1)
	e.put("s1", raw)
	e.is("s1", "active")
	ahead := func(d time.Duration) {
		mu.Lock()
		now = now.Add(d)
		mu.Unlock()
		e.put("other", e.sub(notify.NewRecommendation, "empty", ""))
	}
	ahead(61 * time.Second)
	e.until("a heartbeat", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return slices.ContainsFunc(e.heard, func(b bundle) bool { return b.kind() == "heartbeat" })
	})
	ahead(2 * time.Hour)
	e.is("s1", "off")
}

// TestGivingUp: an endpoint that fails for too long is left alone, and asked again when its
// owner wants.
func TestGivingUp(t *testing.T) {
	e := newEar(t, func(o *notify.Options) { o.GiveUp = 30 * time.Millisecond })
	e.answer(http.StatusNotFound)
	e.put("s1", e.sub(notify.NewRecommendation, "empty", ""))
	e.is("s1", "off")
	if e.svc.Wanted(notify.NewRecommendation) {
		t.Error("still wanted")
	}
	e.answer(http.StatusOK)
	e.put("s1", e.sub(notify.NewRecommendation, "empty", ""))
	e.is("s1", "active")
	if err := e.svc.Delete("s1"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.svc.Get("s1"); !errors.Is(err, notify.ErrNotFound) || len(e.store.pairs) != 0 {
		t.Errorf("%v, %d left", err, len(e.store.pairs))
	}
}

// TestWhatIsNotTaken is refused with the path.
func TestWhatIsNotTaken(t *testing.T) {
	e := newEar(t, nil)
	good := e.sub(notify.NewRecommendation, "id-only", "")
	for name, c := range map[string][2]string{
		"another topic":     {"SubscriptionTopic/new-recommendation", "criteria"},
		"another channel":   {`"rest-hook"`, "channel.type"},
		"another content":   {`"id-only"`, "payload.extension"},
		"XML":               {`"application/fhir+json"`, "channel.payload"},
		"already active":    {`"status":"requested"`, "status"},
		"no reason":         {`"reason":"test"`, "reason"},
		"a header line":     {`"Authorization: Bearer s3cret"`, "header"},
		"an endpoint":       {e.URL + "/hook", "endpoint"},
		"no Subscription":   {`"resourceType":"Subscription"`, "Subscription"},
		"a header it sets":  {`Authorization: Bearer s3cret`, "header"},
		"an unknown filter": {`"channel"`, "criteria.extension"},
		"the past":          {`"reason"`, "end"},
	} {
		bad := map[string]string{"another topic": "SubscriptionTopic/x", "another channel": `"email"`, "another content": `"all"`, "XML": `"application/fhir+xml"`, "already active": `"status":"active"`,
			"no reason": `"x":"y"`, "a header line": `"A: b\r\nHost: x"`, "an endpoint": "http://127.0.0.1:9/hook", "no Subscription": `"resourceType":"Patient"`, "a header it sets": "Host: x",
			"an unknown filter": `"_criteria":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria","valueString":"Patient?name=x"}]},"channel"`,
			"the past":          `"end":"2001-01-01T00:00:00Z","reason"`}[name]
		var f *notify.Fault
		if _, err := e.svc.Put("x", "x", []byte(strings.Replace(good, c[0], bad, 1))); !errors.As(err, &f) || !strings.Contains(f.Path, c[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(e.svc.List()); n != 0 {
		t.Errorf("%d were taken", n)
	}
	s := e.put("s", good)
	raw, err := e.svc.Resource(s)
	if err != nil || strings.Contains(string(raw), "s3cret") || !strings.Contains(string(raw), `"criteria":"https://ember.example.org/fhir/SubscriptionTopic/new-recommendation"`) {
		t.Errorf("%v %s", err, raw)
	}
}

// TestPrivateAddresses: by a literal, and by an allowed name that leads to one.
func TestPrivateAddresses(t *testing.T) {
	e := newEar(t, nil)
	port := e.URL[strings.LastIndex(e.URL, ":"):]
	e.stop()
	e.opt.Private, e.opt.Hosts = false, []string{"localhost", "127.0.0.1", "10.0.0.7", "100.64.1.1", "::1", "169.254.169.254"}
	e.start()
	for _, host := range e.opt.Hosts[1:] {
		raw := strings.ReplaceAll(e.sub(notify.NewRecommendation, "empty", ""), e.URL, (&url.URL{Scheme: "https", Host: strings.NewReplacer("::1", "[::1]").Replace(host)}).String())
		if _, err := e.svc.Put("x", "x", []byte(raw)); err == nil {
			t.Errorf("%s was taken", host)
		}
	}
	e.put("s1", strings.ReplaceAll(e.sub(notify.NewRecommendation, "empty", ""), e.URL, "https://localhost"+port))
	e.is("s1", "error")
	if s, _ := e.svc.Get("s1"); !strings.Contains(s.Error, "private address") {
		t.Errorf("%q", s.Error)
	}
}

// TestNothingIsSentThatIsNotRecorded.
func TestNothingIsSentThatIsNotRecorded(t *testing.T) {
	e := newEar(t, func(o *notify.Options) {
		o.Record = func(context.Context, string, []string) error { return errors.New("disk full") }
	})
	e.put("s1", e.sub(notify.NewRecommendation, "id-only", ""))
	e.is("s1", "active")
	if err := e.svc.Publish(event(notify.NewRecommendation, "p")); err != nil {
		t.Fatal(err)
	}
	e.is("s1", "error")
	if n := e.numbers(); len(n) != 0 {
		t.Error(n)
	}
	e.store.fail = errors.New("disk full")
	if e.svc.Publish(event(notify.NewRecommendation, "p")) == nil {
		t.Error("published without being kept")
	}
}
