package ehr_test

import (
	"strings"
	"testing"
	"time"

	"ember/ehr"
	"ember/ehr/ehrtest"
)

func (s *site) examine(c *ehr.Client, needs ehr.Needs) map[string]ehr.Check {
	found := map[string]ehr.Check{}
	for _, check := range c.Examine(s.Context(), needs) {
		found[check.Name] = check
	}
	return found
}

var needs = ehr.Needs{Queries: map[string]string{"conditions": "Condition?patient={{context.patientId}}", "laboratory": "Observation?patient={{context.patientId}}&_count=1", "patient": "Patient/{{context.patientId}}"},
	Topic: ehrtest.Topic, Origin: "https://ember.example.org"}

// TestExamine: of an EHR as it should be nothing is said but good, and each fault is
// found by its check, with what to change.
func TestExamine(t *testing.T) {
	s := newSite(t, ehrtest.Options{})
	s.hospital(3)
	client := func() *ehr.Client {
		return s.newClient(func(o *ehr.Options) { o.Attempts = 2; o.Scopes = []string{"system/*.rs", "system/Subscription.crud"} })
	}
	for _, check := range s.examine(client(), needs) {
		if check.Status != "ok" {
			t.Errorf("%+v", check)
		}
	}
	if n := s.Exports(); n != 0 {
		t.Errorf("%d exports were left", n)
	}
	for name, c := range map[string]struct {
		change              func(*ehrtest.Faults)
		check, state, words string
	}{
		"R5":                  {func(f *ehrtest.Faults) { f.R5 = true }, "metadata", "fail", "R4 address"},
		"a login page":        {func(f *ehrtest.Faults) { f.HTML = map[string]int{"metadata": 9} }, "metadata", "fail", "HTML"},
		"a clock 5 min ahead": {func(f *ehrtest.Faults) { f.Skew = 5 * time.Minute }, "clock", "fail", "ahead of this one"},
		"a clock 30 s behind": {func(f *ehrtest.Faults) { f.Skew = -30 * time.Second }, "clock", "warn", "about 30s behind this one"},
		"no CORS":             {func(f *ehrtest.Faults) { f.NoCORS = true }, "cors", "warn", "have this origin allowed"},
		"no keys":             {func(f *ehrtest.Faults) { f.NoKeys = true }, "jwks", "fail", "404"},
		"aud is the issuer":   {func(f *ehrtest.Faults) { f.Audience = s.url + "/fhir" }, "token", "fail", "aud = the issuer"},
		"an unknown aud":      {func(f *ehrtest.Faults) { f.Audience = "x" }, "token", "fail", "ember ehr key"},
		"fewer scopes":        {func(f *ehrtest.Faults) { f.Scopes = "system/Patient.rs system/Observation.read system/*.c" }, "scopes", "fail", "system/Condition.rs"},
		"no such search":      {func(f *ehrtest.Faults) { f.NoSearch = "Condition" }, "search", "fail", "conditions"},
		"no bulk":             {func(f *ehrtest.Faults) { f.NoBulk = true }, "bulk", "fail", "404"},
		"no subscriptions":    {func(f *ehrtest.Faults) { f.NoSubscriptions = true }, "subscription", "fail", "ehr-pull"},
		"slow and busy": {func(f *ehrtest.Faults) {
			f.Busy = map[string]int{"metadata": 1, "token": 1, "search": 1, "kick-off": 1}
		}, "bulk", "ok", ""},
	} {
		s.Set(func(f *ehrtest.Faults) { *f = ehrtest.Faults{}; c.change(f) })
		found := s.examine(client(), needs)
		if got := found[c.check]; got.Status != c.state || !strings.Contains(got.Detail, c.words) {
			t.Errorf("%s: %+v", name, got)
		}
		for _, check := range found {
			if strings.Contains(check.Detail, "Jane") || strings.Contains(check.Detail, "patient=") {
				t.Errorf("%s: a patient is named: %+v", name, check)
			}
		}
	}
	s.Set(func(f *ehrtest.Faults) { *f = ehrtest.Faults{NoSMART: true} })
	if got := s.examine(client(), needs)["smart"]; got.Status != "ok" && got.Status != "warn" { // SMART 1 names the endpoint in metadata
		t.Errorf("%+v", got)
	}
	other := needs
	other.Topic = "http://example.org/none"
	s.Set(func(f *ehrtest.Faults) { *f = ehrtest.Faults{} })
	if got := s.examine(client(), other)["subscription"]; got.Status != "fail" || !strings.Contains(got.Detail, ehrtest.Topic) {
		t.Errorf("%+v", got)
	}
}
