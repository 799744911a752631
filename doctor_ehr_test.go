package ember_test

import (
	"strings"
	"testing"

	"ember"
	"ember/ehr/ehrtest"
)

// TestExamineEHR: the searches are those of the prefetch, and the site's own settings are
// looked at as well.
func TestExamineEHR(t *testing.T) {
	e := newEHR(t, 3, ehrtest.Options{})
	config := e.config()
	checks := func() map[string]ember.Check {
		found := map[string]ember.Check{}
		all, err := ember.ExamineEHR(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			found[c.Name] = c
		}
		return found
	}
	found := checks()
	if c := found["hooks"]; c.Status != "warn" || !strings.Contains(c.Detail, "cds-servers") || !strings.Contains(c.Detail, "cds-base") {
		t.Errorf("%+v", c)
	}
	if c := found["search"]; c.Status != "ok" {
		t.Errorf("%+v", c)
	}
	for _, typ := range []string{"Condition", "MedicationRequest", "AllergyIntolerance", "Observation", "Procedure", "Encounter"} {
		if !strings.Contains(strings.Join(e.Requests(), "\n"), "GET /fhir/"+typ+"?patient=") {
			t.Errorf("%s was not searched", typ)
		}
	}
	config.CDSBase, config.CDSServers, config.CDSClients = "https://ember.example.org", []string{e.url + "/fhir/"}, []string{"https://ehr.example.org https://ehr.example.org/jwks"}
	if c := checks()["hooks"]; c.Status != "ok" {
		t.Errorf("%+v", c)
	}
	config.EHR, config.EHRClient = "", ""
	if _, err := ember.ExamineEHR(t.Context(), config); err == nil {
		t.Error("no EHR is set")
	}
}
