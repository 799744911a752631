package ember_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ember"
	"ember/server/auth"
)

// listener is an endpoint of somebody who has subscribed.
type listener struct {
	*httptest.Server
	mu    sync.Mutex
	heard []string
}

func newListener(t testing.TB) *listener {
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		l.mu.Lock()
		l.heard = append(l.heard, string(b))
		l.mu.Unlock()
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) has(parts ...string) func() bool {
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, b := range l.heard {
			all := true
			for _, p := range parts {
				all = all && strings.Contains(b, p)
			}
			if all {
				return true
			}
		}
		return false
	}
}

func (l *listener) subscription(base, topic, content string) string {
	return `{"resourceType":"Subscription","status":"requested","reason":"test","criteria":"` + base + `/fhir/SubscriptionTopic/` + topic + `","channel":{"type":"rest-hook","endpoint":"` + l.URL +
		`/x","header":["Authorization: Bearer word"],"_payload":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content","valueCode":"` + content + `"}]}}}`
}

// telling is a trained hospital where others may subscribe.
func tellingConfig(t testing.TB, l *listener) ember.Config {
	config := testConfig(trainedDir(t))
	config.CDSBase = "https://ember.example.org"
	config.SubscriptionHosts, config.SubscriptionPrivate = []string{strings.TrimPrefix(l.URL, "http://")}, true
	return config
}

// TestOthersSubscribe: by the API of FHIR, with topics that metadata lists; and who has
// subscribed hears of a patient for whom something new is recommended, and of nobody who
// was erased, refuses, or has not changed.
func TestOthersSubscribe(t *testing.T) {
	l := newListener(t)
	h := open(t, tellingConfig(t, l))
	serving(t, h.App)
	meta := string(h.get("/fhir/metadata").body)
	if !strings.Contains(meta, `"valueCanonical":"https://ember.example.org/fhir/SubscriptionTopic/new-recommendation"`) {
		t.Error("metadata lists no topics")
	}
	if r := h.get("/fhir/Basic/ember-topic-new-recommendation"); r.status != http.StatusOK || !strings.Contains(string(r.body), "SubscriptionTopic") {
		t.Errorf("%d %s", r.status, r.body)
	}
	r := h.do("POST", "/fhir/Subscription", fhirJSON, strings.NewReader(l.subscription("https://ember.example.org", "new-recommendation", "id-only")))
	var sub struct{ ID, Status string }
	if r.status != http.StatusCreated || json.Unmarshal(r.body, &sub) != nil || strings.Contains(string(r.body), "Bearer word") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	eventually(t, "active", func() bool {
		return strings.Contains(string(h.get("/fhir/Subscription/"+sub.ID).body), `"status":"active"`)
	})
	visit := func(patient string) string {
		return `{"resourceType":"Patient","id":"` + patient + `","gender":"female","birthDate":"1960-05-05"}
{"resourceType":"Encounter","id":"` + patient + `-e","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/` + patient + `"},"period":{"start":"2025-01-01T09:00:00Z"}}
{"resourceType":"Condition","id":"` + patient + `-c","subject":{"reference":"Patient/` + patient + `"},"encounter":{"reference":"Encounter/` + patient + `-e"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}]},"recordedDate":"2025-01-01T09:10:00Z"}`
	}
	h.load(visit("told-of"))
	eventually(t, "a notification", l.has("event-notification", "https://ember.example.org/fhir/Patient/told-of"))
	if r := h.get("/fhir/Subscription/" + sub.ID + "/$status"); r.status != http.StatusOK || !strings.Contains(string(r.body), "query-status") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.get("/fhir/Subscription/" + sub.ID + "/$events?eventsSinceNumber=1"); r.status != http.StatusOK || !strings.Contains(string(r.body), "Patient/told-of") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.get("/fhir/Subscription"); !strings.Contains(string(r.body), `"total":1`) {
		t.Errorf("%s", r.body)
	}
	// Nothing new is nothing to tell.
	count := func() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.heard) }
	before := count()
	h.load(`{"resourceType":"Condition","id":"told-of-d","subject":{"reference":"Patient/told-of"},"encounter":{"reference":"Encounter/told-of-e"},"code":{"text":"nothing that anybody knows"},"recordedDate":"2025-01-01T09:11:00Z"}`)
	h.load(`{"resourceType":"Patient","id":"refuses","gender":"female","birthDate":"1960-05-05"}
{"resourceType":"Consent","id":"no","status":"active","patient":{"reference":"Patient/refuses"},"scope":{"coding":[{"code":"research"}]},"category":[{"coding":[{"code":"59284-0"}]}],"provision":{"type":"deny"}}
` + strings.ReplaceAll(visit("refuses"), `{"resourceType":"Patient","id":"refuses","gender":"female","birthDate":"1960-05-05"}`+"\n", ""))
	h.load(visit("last"))
	eventually(t, "the last one", l.has("event-notification", "Patient/last"))
	if l.has("Patient/refuses")() || count() > before+1 {
		t.Errorf("%d notifications", count()-before)
	}
	// Erased with the patient.
	if _, err := h.Erase(t.Context(), "told-of"); err != nil {
		t.Fatal(err)
	}
	if r := h.get("/fhir/Subscription/" + sub.ID + "/$events?eventsSinceNumber=1"); strings.Contains(string(r.body), "told-of") {
		t.Errorf("%s", r.body)
	}
	if r := h.do("DELETE", "/fhir/Subscription/"+sub.ID, "", nil); r.status != http.StatusNoContent {
		t.Errorf("%d %s", r.status, r.body)
	}
	for name, bad := range map[string]string{
		"an endpoint elsewhere": strings.ReplaceAll(l.subscription("https://ember.example.org", "new-recommendation", "id-only"), l.URL, "https://169.254.169.254"),
		"another topic":         l.subscription("https://ember.example.org", "x", "id-only"),
	} {
		if r := h.do("POST", "/fhir/Subscription", fhirJSON, strings.NewReader(bad)); r.status != http.StatusUnprocessableEntity || !strings.Contains(string(r.body), "Subscription.") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

// TestSubscriptionIsATypeLikeAnyOther where nobody may subscribe.
func TestSubscriptionIsATypeLikeAnyOther(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	raw := `{"resourceType":"Subscription","id":"s","status":"off","reason":"kept","criteria":"Observation?code=x","channel":{"type":"rest-hook","endpoint":"https://x"}}`
	if r := h.do("PUT", "/fhir/Subscription/s", fhirJSON, strings.NewReader(raw)); r.status != http.StatusCreated {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.get("/fhir/Subscription/s"); r.status != http.StatusOK || !strings.Contains(string(r.body), "kept") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.do("DELETE", "/fhir/Subscription/s", "", nil); r.status != http.StatusNoContent {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.get("/fhir/Subscription/$status"); r.status != http.StatusNotFound {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestRightsAreAskedAgain: who subscribed and has lost the right hears nothing more, and
// does not ask for what was missed.
func TestRightsAreAskedAgain(t *testing.T) {
	l := newListener(t)
	config := tellingConfig(t, l)
	config.TokenFile = filepath.Join(t.TempDir(), "tokens")
	write := func(rest string) {
		t.Helper()
		if err := os.WriteFile(config.TokenFile, []byte(auth.Hash("e")+"\tehr\tread,write,recommend"+rest+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	h := open(t, config)
	serving(t, h.App)
	raw := strings.Replace(l.subscription("https://ember.example.org", "new-recommendation", "id-only"), `"type":"rest-hook"`,
		`"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-heartbeat-period","valueUnsignedInt":1}],"type":"rest-hook"`, 1)
	as := h.as("e")
	if r := as("PUT", "/fhir/Subscription/s", raw); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	eventually(t, "active", func() bool {
		return strings.Contains(string(as("GET", "/fhir/Subscription/s", "").body), `"status":"active"`)
	})
	if r := as("GET", "/fhir/Subscription/s/$events", ""); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	if !h.MayBeTold("ehr", "") || h.MayBeTold("nobody", "") || !h.MayBeTold("owner", "") {
		t.Error("who may be told is told wrong")
	}
	write("\tp1")
	eventually(t, "the right is gone", func() bool { return as("GET", "/fhir/Subscription/s/$events", "").status == http.StatusForbidden })
	if h.MayBeTold("ehr", "") {
		t.Error("who sees one patient is told of all")
	}
}
