package ember_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ember"
)

// TestSearchFindsWhatEmberSaysOfItself: what can be read by its id is found, too, before
// what is stored of the type, and page by page.
func TestSearchFindsWhatEmberSaysOfItself(t *testing.T) {
	l := newListener(t)
	h := open(t, tellingConfig(t, l))
	serving(t, h.App)
	for path, want := range map[string][]string{
		"/fhir/PlanDefinition":                                           {"PlanDefinition/ember-tests", "PlanDefinition/ember-treatments"},
		"/fhir/PlanDefinition?_id=ember-tests":                           {"PlanDefinition/ember-tests"},
		"/fhir/PlanDefinition?name=embertr":                              {"PlanDefinition/ember-treatments"},
		"/fhir/PlanDefinition?status=draft":                              nil,
		"/fhir/PlanDefinition?url=" + h.base + "/fhir/PlanDefinition/no": nil,
		"/fhir/Library?type=logic-library":                               {"Library/ember-rules"},
		"/fhir/Library?url=" + h.base + "/fhir/Library/ember-rules":      {"Library/ember-rules"},
		"/fhir/OperationDefinition?code=recommend&status=active":         {"OperationDefinition/ember-recommend"},
		"/fhir/Basic?code=SubscriptionTopic":                             {"Basic/ember-topic-new-recommendation", "Basic/ember-topic-risk-above-threshold"},
		"/fhir/SubscriptionTopic":                                        {"SubscriptionTopic/new-recommendation", "SubscriptionTopic/risk-above-threshold"},
		"/fhir/SubscriptionTopic?url=https://ember.example.org/fhir/SubscriptionTopic/risk-above-threshold": {"SubscriptionTopic/risk-above-threshold"},
		"/fhir/SubscriptionTopic?status=active": {"SubscriptionTopic/new-recommendation"},
	} {
		b := h.get(path).bundle(t)
		if got := b.ids(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
		if b.Total == nil || *b.Total != len(want) {
			t.Errorf("%s: total %v", path, b.Total)
		}
	}
	for _, topic := range []string{"new-recommendation", "risk-above-threshold"} {
		for _, path := range []string{"/fhir/SubscriptionTopic/" + topic, "/fhir/Basic/ember-topic-" + topic} {
			if r := h.get(path); r.status != 200 || !strings.Contains(string(r.body), "https://ember.example.org/fhir/SubscriptionTopic/"+topic) {
				t.Errorf("%s: %d %s", path, r.status, r.body)
			}
		}
	}
	for i := range 3 {
		h.put(fmt.Sprintf(`{"resourceType":"PlanDefinition","id":"ours-%d","status":"draft"}`, i))
	}
	for count := range 6 {
		if got := pagesOf(h, fmt.Sprintf("/fhir/PlanDefinition?_count=%d", count+1), 5); len(got) != 5 {
			t.Errorf("in pages of %d: %v", count+1, got)
		}
	}
	if b := h.get("/fhir/PlanDefinition?_count=0").bundle(t); len(b.Entry) != 0 || *b.Total != 5 {
		t.Errorf("%+v", b)
	}
}

// pagesOf follows a search to its end; no page has more than was asked for, or another total.
func pagesOf(h *hospital, path string, total int) (ids []string) {
	h.t.Helper()
	_, count, _ := strings.Cut(path, "_count=")
	for path != "" {
		b := h.get(path).bundle(h.t)
		ids, path = append(ids, b.ids()...), ""
		if fmt.Sprint(len(b.Entry)) > count || b.Total != nil && *b.Total != total {
			h.t.Errorf("%d of %s, total %v", len(b.Entry), count, b.Total)
		}
		for _, l := range b.Link {
			if l.Relation == "next" {
				path = strings.TrimPrefix(l.URL, h.base)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// TestSoftwareHasAVersion in the CapabilityStatement, also of a program that was built
// without knowing its revision, as this test's.
func TestSoftwareHasAVersion(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	var c struct {
		Software struct{ Name, Version string }
	}
	if err := json.Unmarshal(h.get("/fhir/metadata").body, &c); err != nil || c.Software.Name != "Ember" || c.Software.Version != ember.Version() {
		t.Errorf("%v %+v", err, c)
	}
	if v := ember.Version(); v[0] < '0' || v[0] > '9' || strings.ContainsAny(v, "() ") {
		t.Errorf("%q", v)
	}
}
