package server_test

import (
	"strings"
	"testing"

	"ember/record"
	"ember/server"
)

// TestPrivacy marks a patient's name, ids and values and looks for them where
// they must not be.
func TestPrivacy(t *testing.T) {
	const mark = "zaphod"
	h := open(t, server.Options{}, tokenTable)
	h.timeline.Person.ID = mark + "-1"
	h.timeline.Events = []record.Event{{Kind: record.Condition, Text: mark}}
	body := `{"resourceType":"Patient","id":"zaphod-1","name":[{"family":"zaphod"}]}`
	broken := `{"resourceType":"Zaphod","name":"zaphod"`
	for round, err := range []error{nil, errBroken} {
		h.err = err
		for _, token := range []string{"reader", "writer", "recommender", "searcher", "limited", "unknown-zaphod"} {
			for _, line := range []string{
				"PUT /fhir/Patient/zaphod-1", "POST /fhir/Patient?zaphod", "GET /fhir/Patient/zaphod-1?_raw=zaphod", "GET /fhir/Patient/zaphod-1",
				"GET /fhir/Patient/zaphod-1/_history/zaphod", "DELETE /fhir/Patient/zaphod-1", "POST /fhir", "POST /v1/recommendations?want=zaphod",
				"GET /v1/patients/zaphod-1/recommendations?want=tests&at=zaphod", "GET /v1/patients/zaphod-1/recommendations?want=tests",
				"GET /v1/search?q=zaphod&kind=zaphod", "GET /v1/search?q=zaphod", "GET /zaphod", "ZAPHOD /zaphod",
			} {
				for _, content := range []string{body, broken} {
					if strings.HasPrefix(line, "GET") {
						content = ""
					}
					w := h.do(line, content, "Authorization: Bearer "+token, "X-Request-Id: zaphod", "User-Agent: zaphod", "If-Match: zaphod")
					if w.Code >= 400 && strings.Contains(strings.ToLower(w.Body.String()), mark) {
						t.Errorf("round %d, %s by %s: the error holds the mark: %s", round, line, token, w.Body)
					}
				}
			}
		}
	}
	h.err = nil
	if log := h.log.String(); log == "" || strings.Contains(strings.ToLower(log), mark) {
		t.Errorf("the log holds the mark: %.500s", log)
	}
	metrics := h.do("GET /metrics", "", "Authorization: Bearer admin").Body.String()
	if !strings.Contains(metrics, "ember_http_requests_total") || strings.Contains(strings.ToLower(metrics), mark) {
		t.Error("the metrics hold the mark")
	}
	if !strings.Contains(h.audited(), mark) {
		t.Error("the audit record does not hold the patient: this test marks nothing")
	}
}
