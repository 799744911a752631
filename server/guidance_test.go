package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"ember/record"
	"ember/server"
	"ember/server/auth"
	"ember/server/cds"
)

type oneSentence struct{ s cds.Sentence }

func (o oneSentence) Sentence(record.Code) (cds.Sentence, bool) { return o.s, true }

// TestDraftsOfRecommendSayWhereTheDoseIsFrom: only a new drug of an adult has the usual
// dosage, and the draft says that it is usual and no more.
func TestDraftsOfRecommendSayWhereTheDoseIsFrom(t *testing.T) {
	for _, tc := range []struct {
		born  int16
		dosed int
	}{{1960, 1}, {2020, 0}} {
		f := newFake()
		f.timeline.Person.Born = record.Date{Year: tc.born, Month: 5, Day: 1}
		h := openDeps(t, server.Options{}, f, func(d *server.Deps) {
			d.Sentences = oneSentence{cds.Sentence{Text: "25 mg once a day", Orders: 30, Of: 40}}
		})
		w := h.do("GET /fhir/Patient/p1/$recommend?want=treatments", "")
		want(t, w, 200)
		if n := strings.Count(w.Body.String(), `"dosageInstruction":[{"text":"25 mg once a day"}]`); n != tc.dosed { // lisinopril is continued
			t.Errorf("born %d: %d drafts with a dosage", tc.born, n)
		}
		if n := strings.Count(w.Body.String(), "30 of 40 orders), not chosen for this patient"); n != tc.dosed {
			t.Errorf("born %d: %d labels", tc.born, n)
		}
	}
}

// TestGuidanceRights: who may not ask for recommendations may not as FHIR, and who is
// limited to patients is told of no other.
func TestGuidanceRights(t *testing.T) {
	h := open(t, server.Options{}, tokens{
		"reader":  {Name: "reader", Rights: auth.Read},
		"limited": {Name: "limited", Rights: auth.Recommend | auth.Read, Patients: []string{"p2"}},
		"doctor":  {Name: "doctor", Rights: auth.Recommend | auth.Read},
	})
	for _, tc := range []struct {
		line, body, token string
		status            int
	}{
		{"GET /fhir/Patient/p1/$recommend", "", "doctor", 200},
		{"GET /fhir/Patient/p1/$recommend", "", "reader", 403},
		{"GET /fhir/Patient/p1/$recommend", "", "limited", 403},
		{"GET /fhir/PlanDefinition/ember-tests/$apply?subject=p1", "", "doctor", 200},
		{"GET /fhir/PlanDefinition/ember-tests/$apply?subject=p1", "", "reader", 403},
		{"GET /fhir/PlanDefinition/ember-tests/$apply?subject=p1", "", "limited", 403},
		{"POST /fhir/$recommend", `{"resourceType":"Parameters","parameter":[{"name":"subject","valueString":"Patient/p1"}]}`, "limited", 403},
		{"POST /fhir/$recommend", patient, "limited", 403},
		{"POST /fhir/$recommend", patient, "doctor", 200},
		{"GET /fhir/OperationDefinition/ember-recommend", "", "reader", 200},
	} {
		if w := h.do(tc.line, tc.body, "Authorization: Bearer "+tc.token); w.Code != tc.status {
			t.Errorf("%s by %s: %d %s", tc.line, tc.token, w.Code, w.Body)
		}
	}
	if a := h.audited(); !strings.Contains(a, "recommend Patient/p1") {
		t.Errorf("audited: %s", a)
	}
}

// TestGuidanceInputs: what an operation is given is refused where it cannot be used, with
// the name of the parameter.
func TestGuidanceInputs(t *testing.T) {
	h := open(t, server.Options{}, nil)
	for _, tc := range []struct {
		line, body string
		status     int
		says       string
	}{
		{"GET /fhir/Patient/p1/$recommend?want=all", "", 400, "want"},
		{"GET /fhir/Patient/p1/$recommend?limit=x", "", 400, "limit"},
		{"GET /fhir/Observation/p1/$recommend", "", 404, "patients only"},
		{"POST /fhir/Patient/p1/$recommend", `{"resourceType":"Parameters","parameter":[{"name":"limit","valueInteger":1}]}`, 200, `"prefix":"1"`},
		{"POST /fhir/Patient/p1/$recommend", `{"resourceType":"Parameters","parameter":[{"name":"limit"}]}`, 200, "GuidanceResponse"},
		{"POST /fhir/Patient/p1/$recommend", `{"resourceType":"Parameters","parameter":[{"name":"limit","valuePeriod":{}}]}`, 400, "limit"},
		{"POST /fhir/Patient/p1/$recommend", `{"resourceType":"Parameters","parameter":[{"valueInteger":1}]}`, 400, "no name"},
		{"POST /fhir/Patient/p1/$recommend", `{"resourceType":"Parameters","parameter":[{"name":"explain","valueCoding":{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"5487"}}]}`, 200, "GuidanceResponse"},
		{"POST /fhir/Patient/p1/$recommend", `{"resourceType":"Patient"}`, 400, "Parameters"},
		{"POST /fhir/Patient/p1/$recommend", `[]`, 400, "JSON"},
		{"POST /fhir/Patient/p1/$recommend", `{"resourceType":"Parameters","parameter":null}`, 400, "no array"},
		{"POST /fhir/Patient/p1/$recommend", ``, 200, "GuidanceResponse"},
		{"POST /fhir/$recommend", ``, 400, "subject"},
		{"POST /fhir/$recommend?subject=Patient/p1", patient, 400, "subject"},
		{"POST /fhir/$recommend?feedback=true", patient, 400, "feedback"},
		{"GET /fhir/PlanDefinition/ember-tests/$apply", "", 400, "subject"},
		{"GET /fhir/PlanDefinition/ember-tests/$apply?subject=Group/1", "", 400, "subject"},
		{"GET /fhir/PlanDefinition/other/$apply?subject=p1", "", 404, "plans of Ember"},
		{"PUT /fhir/PlanDefinition/ember-tests", `{"resourceType":"PlanDefinition","id":"ember-tests"}`, 405, "own description"},
	} {
		w := h.do(tc.line, tc.body)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.says) {
			t.Errorf("%s %s: %d %s", tc.line, tc.body, w.Code, w.Body)
		}
	}
	if h.asked.Explain != (record.Code{}) && h.asked.Explain.Value != "5487" {
		t.Errorf("explained %v", h.asked.Explain)
	}
}

// TestGuidanceSaysWhatIsBlocked: what must not be ordered is an issue with rule, severity,
// source and the patient's own facts, and no draft.
func TestGuidanceSaysWhatIsBlocked(t *testing.T) {
	h := open(t, server.Options{}, nil)
	h.answer.Unchecked = []string{"one order in local codes"}
	var b struct {
		Entry []struct {
			Resource struct {
				ResourceType, Severity, Detail string
				Identifier                     []struct{ System, Value string }
				Evidence                       []struct {
					Code   []struct{ Text string }
					Detail []struct{ Reference string }
				}
				Implicated []struct{ Display, Reference string }
				Issue      []struct{ Diagnostics string }
			}
		}
	}
	if err := json.Unmarshal(h.do("GET /fhir/Patient/p1/$recommend", "").Body.Bytes(), &b); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, e := range b.Entry {
		r := e.Resource
		seen[r.ResourceType]++
		switch r.ResourceType {
		case "DetectedIssue":
			if r.Severity != "high" || r.Detail != "Not to be ordered: allergy to penicillin" || r.Identifier[1].Value != "allergy/penicillin" ||
				r.Evidence[0].Detail[0].Reference != "AllergyIntolerance/a1" || r.Evidence[1].Code[0].Text != "Source of the rule: label" ||
				r.Implicated[0].Display != "amoxicillin" || r.Implicated[0].Reference != "" {
				t.Errorf("issue %+v", r)
			}
		case "OperationOutcome":
			if r.Issue[0].Diagnostics != "one order in local codes" {
				t.Errorf("remark %+v", r.Issue)
			}
		}
	}
	if seen["DetectedIssue"] != 1 || seen["MedicationRequest"] != 2 || seen["OperationOutcome"] != 1 || seen["Provenance"] != 1 {
		t.Errorf("resources %v", seen)
	}
}
