package ember_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ember/ehr/ehrtest"
)

// TestAnEHRCallsHooksSigned: with a token of its own for the very address, verified by the
// keys that the EHR publishes; for another address it is refused with what aud must be.
func TestAnEHRCallsHooksSigned(t *testing.T) {
	e := newEHR(t, 0, ehrtest.Options{})
	g := newGate(t)
	config := testConfig(t.TempDir() + "/data")
	config.Now = time.Now
	config.CDSBase, config.CDSClients = g.URL, []string{e.url + "/fhir " + e.url + "/jwks"}
	h := open(t, config)
	g.open(h.Handler())
	e.Hooks().Issuer = e.url + "/fhir"
	call := map[string]any{"hook": "order-sign", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": map[string]any{"userId": "Practitioner/7", "patientId": "p1",
		"draftOrders": map[string]any{"resourceType": "Bundle", "type": "collection", "entry": []any{map[string]any{"resource": map[string]any{"resourceType": "MedicationRequest", "id": "d1",
			"status": "draft", "intent": "order", "subject": map[string]string{"reference": "Patient/p1"}, "medicationCodeableConcept": map[string]string{"text": "amoxicillin 500 mg capsule"}}}}}},
		"prefetch": map[string]any{"patient": map[string]string{"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1960-01-01"}, "conditions": nil, "medications": nil, "laboratory": nil, "encounters": nil,
			"allergies": map[string]any{"resourceType": "Bundle", "type": "searchset", "entry": []any{map[string]any{"resource": map[string]any{"resourceType": "AllergyIntolerance", "id": "a1",
				"patient": map[string]string{"reference": "Patient/p1"}, "code": map[string]string{"text": "Penicillin"}}}}}}}
	status, body, err := e.Hooks().Call(t.Context(), http.DefaultClient, g.URL+"/cds-services/safety", call, time.Now())
	if err != nil || status != http.StatusOK || !strings.Contains(string(body), "critical") {
		t.Errorf("%v %d %s", err, status, body)
	}
	token, err := e.Hooks().Token(g.URL+"/cds-services/treatments", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/cds-services/safety", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token for another address: %d", resp.StatusCode)
	}
}
