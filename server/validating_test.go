package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"ember/fhir/validate"
	"ember/server"
	"ember/server/auth"
)

// TestValidateOperation: a report is 200 whatever it says, with places, and nothing is
// stored; only what cannot be asked is refused.
func TestValidateOperation(t *testing.T) {
	v, err := validate.New()
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	f.stored["Patient/p1"] = []server.Resource{{Type: "Patient", ID: "p1", Patient: "p1", Version: 1, Updated: now, Body: []byte(`{"resourceType":"Patient","id":"p1","gender":"man"}`)}}
	h := openDeps(t, server.Options{}, f, func(d *server.Deps) {
		d.Validator = v
		d.Tokens = tokens{"nobody": {Name: "nobody"}, "reader": {Name: "reader", Rights: auth.Read}, "limited": {Name: "limited", Rights: auth.Read, Patients: []string{"p2"}}}
	})
	for _, tc := range []struct {
		line, body, token string
		status            int
		says              string
	}{
		{"POST /fhir/Patient/$validate", `{"resourceType":"Patient","active":true}`, "nobody", 200, "nothing is wrong"},
		{"POST /fhir/Patient/$validate", `{"resourceType":"Patient","gender":1}`, "nobody", 200, `"expression":["Patient.gender"]`},
		{"POST /fhir/Patient/$validate", `{"resourceType":"Patient",`, "nobody", 200, `"severity":"fatal"`},
		{"POST /fhir/Patient/$validate", `{"resourceType":"Observation","status":"final","code":{"text":"x"}}`, "nobody", 200, "not of the type in the path"},
		{"POST /fhir/Patient/$validate", `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":{"resourceType":"Patient","gender":1}},{"name":"profile","valueUri":"http://x"}]}`, "nobody", 200, "no profile is looked at"},
		{"POST /fhir/Patient/$validate", `{"resourceType":"Parameters"}`, "nobody", 200, "not of the type in the path"},
		{"POST /fhir/patient/$validate", `{}`, "nobody", 404, "no resource type"},
		{"GET /fhir/Patient/p1/$validate", "", "reader", 200, "administrative-gender"},
		{"GET /fhir/Patient/p1/$validate", "", "nobody", 403, "right read"},
		{"GET /fhir/Patient/p1/$validate", "", "limited", 404, "not found"},
		{"GET /fhir/Patient/p9/$validate", "", "reader", 404, "not found"},
	} {
		w := h.do(tc.line, tc.body, "Authorization: Bearer "+tc.token)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.says) {
			t.Errorf("%s %s: %d %s", tc.line, tc.body, w.Code, w.Body)
		}
	}
	if len(f.stored) != 1 {
		t.Errorf("stored: %v", f.stored)
	}
	var report struct {
		Issue []struct {
			Extension []struct {
				URL          string
				ValueInteger int
			}
		}
	}
	w := h.do("POST /fhir/Patient/$validate", "{\"resourceType\":\"Patient\",\n \"gender\":1}", "Authorization: Bearer nobody")
	if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil || len(report.Issue) != 1 || len(report.Issue[0].Extension) != 2 || report.Issue[0].Extension[0].ValueInteger != 2 || report.Issue[0].Extension[1].ValueInteger != 11 {
		t.Errorf("%s", w.Body)
	}
}
