package ember_test

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"

	"ember/aiaas"
)

// TestRisks: a model that was made of a cohort answers for a patient on record: over HTTP,
// as a card where the site's threshold is reached, and to who has subscribed. Of a patient
// it was not made for it says nothing.
func TestRisks(t *testing.T) {
	l := newListener(t)
	config := testConfig(t.TempDir() + "/data")
	config.Risks, config.CDSBase = []string{"deaths 0.5", "not-there 0.5"}, "https://ember.example.org"
	config.SubscriptionHosts, config.SubscriptionPrivate = []string{strings.TrimPrefix(l.URL, "http://")}, true
	h := open(t, config)
	serving(t, h.App)
	h.load(stays(120))
	h.ready()
	if r := h.get("/v1/patients/st-000/risk"); r.status != http.StatusNotFound {
		t.Errorf("before there is a model: %d %s", r.status, r.body)
	}
	h.do("POST", "/v1/datasets/deaths?from=cohort", "application/json", strings.NewReader(deathSampling)).into(t, 201, nil)
	var j aiaas.Job
	h.do("POST", "/v1/jobs", "application/json", strings.NewReader(`{"model":"deaths","dataset":"deaths","families":["prior","linear"],"seconds":120}`)).into(t, 202, &j)
	h.get("/v1/jobs/" + j.ID + "/events")
	h.do("POST", "/fhir/Subscription", fhirJSON, strings.NewReader(l.subscription("https://ember.example.org", "risk-above-threshold", "full-resource"))).into(t, 201, nil)
	eventually(t, "the handshake", l.has("handshake"))
	h.load(strings.NewReplacer("st-", "new-", `,"deceasedDateTime":"2024-03-03T10:00:00Z"`, "", `,"end":"2024-03-03T12:00:00Z"`, "", `,"end":"2024-03-05T12:00:00Z"`, "").Replace(stays(2)) +
		`{"resourceType":"Patient","id":"new-none","birthDate":"1950-01-01"}`)
	h.ready()
	var risk struct {
		Patient, Model, Version, Outcome, At string
		Outside, Above                       bool
		Probability, Threshold               float64
		Reasons                              []struct {
			Text   string
			Weight float64
		}
		Measured []string
	}
	h.get("/v1/patients/new-000/risk?model=deaths").into(t, 200, &risk)
	if risk.Probability < .8 || !risk.Above || risk.Threshold != .5 || risk.Model != "deaths" || risk.Version != "1" || risk.Outcome != "life:dead before the stay ends" || !strings.HasPrefix(risk.At, "2024-03-02") ||
		len(risk.Reasons) == 0 || len(risk.Measured) == 0 || !strings.Contains(risk.Measured[0], "95 % interval") {
		t.Errorf("%+v", risk)
	}
	for i, r := range risk.Reasons {
		if math.Abs(r.Weight) < .005 || i > 0 && math.Abs(r.Weight) > math.Abs(risk.Reasons[i-1].Weight) {
			t.Errorf("the strongest reasons come first, and none without weight: %+v", risk.Reasons)
		}
		if strings.Contains(r.Text, "|") {
			t.Errorf("a reason is no words: %q", r.Text)
		}
	}
	h.get("/v1/patients/new-001/risk").into(t, 200, &risk)
	if risk.Above || risk.Probability > .2 {
		t.Errorf("%+v", risk)
	}
	if r := h.get("/v1/patients/new-none/risk"); r.status != http.StatusOK || !strings.Contains(string(r.body), `"outside":true`) || strings.Contains(string(r.body), "probability") {
		t.Errorf("%d %s", r.status, r.body)
	}
	for path, status := range map[string]int{"/v1/patients/nobody/risk": 404, "/v1/patients/new-000/risk?model=another": 404} {
		if r := h.get(path); r.status != status {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if !strings.Contains(string(h.get("/cds-services").body), `"risk-encounter-start"`) {
		t.Error("discovery does not offer it")
	}
	for patient, cards := range map[string]int{"new-000": 1, "new-001": 0, "new-none": 0, "nobody": 0} {
		r := h.do("POST", "/cds-services/risk", "application/json", strings.NewReader(`{"hook":"patient-view","hookInstance":"x-`+patient+`","context":{"userId":"Practitioner/1","patientId":"`+patient+`"}}`))
		var a struct {
			Cards []struct {
				UUID, Summary, Detail, Indicator string
				Suggestions                      []any
				Source                           struct{ Label string }
			}
		}
		if r.status != http.StatusOK || json.Unmarshal(r.body, &a) != nil || len(a.Cards) != cards {
			t.Errorf("%s: %d %s", patient, r.status, r.body)
			continue
		}
		if cards == 1 {
			c := a.Cards[0]
			if c.Indicator != "warning" || len(c.Summary) >= 140 || !strings.Contains(c.Detail, "AUROC") || !strings.Contains(c.Detail, "version 1") || len(c.Suggestions) > 0 || c.UUID == "" {
				t.Errorf("%+v", c)
			}
			feedback := `{"feedback":[{"card":"` + c.UUID + `","outcome":"overridden","outcomeTimestamp":"2025-01-01T12:00:00Z"}]}`
			if r := h.do("POST", "/cds-services/risk/feedback", "application/json", strings.NewReader(feedback)); r.status != http.StatusOK {
				t.Errorf("%d %s", r.status, r.body)
			}
			r := h.do("POST", "/cds-services/risk", "application/json", strings.NewReader(`{"hook":"patient-view","hookInstance":"again","context":{"userId":"Practitioner/1","patientId":"`+patient+`"}}`))
			if string(r.body) != `{"cards":[]}` {
				t.Errorf("shown again at once: %s", r.body)
			}
		}
	}
	eventually(t, "a notification", l.has("event-notification", "Patient/new-000", "RiskAssessment", "probabilityDecimal"))
	if l.has("Patient/new-001")() || l.has("Patient/new-none")() {
		t.Error("told of a patient below the threshold")
	}
	// A worse version, made to serve all the same, says so.
	h.do("POST", "/v1/jobs", "application/json", strings.NewReader(`{"model":"deaths","dataset":"deaths","families":["prior"],"seconds":120}`)).into(t, 202, &j)
	h.get("/v1/jobs/" + j.ID + "/events")
	h.do("POST", "/v1/models/deaths/promote", "application/json", strings.NewReader(`{"version":"2","force":true}`)).into(t, 200, nil)
	h.get("/v1/patients/new-000/risk?model=deaths").into(t, 200, &risk)
	if risk.Version != "2" || !strings.Contains(risk.Measured[0], "against the word of the gate") {
		t.Errorf("forced: %+v", risk)
	}
}

// TestNoRisksUnlessChosen: without the setting there is no such service.
func TestNoRisksUnlessChosen(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	if strings.Contains(string(h.get("/cds-services").body), `"risk`) {
		t.Error("discovery offers it")
	}
	r := h.do("POST", "/cds-services/risk", "application/json", strings.NewReader(`{"hook":"patient-view","hookInstance":"x","context":{"userId":"Practitioner/1","patientId":"p"}}`))
	if r.status != http.StatusNotFound {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.get("/v1/patients/p/risk"); r.status != http.StatusNotFound {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, bad := range []string{"deaths", "deaths 0", "deaths 1", "deaths x", "a b 0.5"} {
		config := testConfig(t.TempDir())
		config.Risks = []string{bad}
		if config.Validate() == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
