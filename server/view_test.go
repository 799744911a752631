package server_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"ember/server"
	"ember/server/auth"
)

// OfType implements server.Views: two patients and a broken one behind them.
func (f *fake) OfType(_ context.Context, from server.ViewSource) iter.Seq2[server.Resource, error] {
	return func(yield func(server.Resource, error) bool) {
		for _, id := range []string{"p1", "p2"} {
			if from.Patients != nil && from.Patients[0] != id {
				continue
			}
			body := `{"resourceType":"Patient","id":"` + id + `","active":true,"name":[{"family":"Ber,g","given":["A","B"]}]}`
			if !yield(server.Resource{Type: "Patient", ID: id, Patient: id, Body: []byte(body)}, nil) {
				return
			}
		}
		if f.brokenView {
			yield(server.Resource{}, errors.New("store: damaged"))
		}
	}
}

const patientView = `{"resourceType":"ViewDefinition","resource":"Patient","select":[{"column":[{"name":"id","path":"getResourceKey()"},{"name":"family","path":"name.first().family"}]}]}`

func TestRunView(t *testing.T) {
	parameters := func(more string) string {
		return `{"resourceType":"Parameters","parameter":[{"name":"viewResource","resource":` + patientView + `}` + more + `]}`
	}
	for _, c := range []struct {
		title, path, body, accept string
		status                    int
		media, answer             string
	}{
		{"ndjson", "", patientView, "", 200, "application/x-ndjson", "{\"id\":\"p1\",\"family\":\"Ber,g\"}\n{\"id\":\"p2\",\"family\":\"Ber,g\"}\n"},
		{"csv", "?_format=csv", patientView, "", 200, "text/csv; charset=utf-8", "id,family\r\np1,\"Ber,g\"\r\np2,\"Ber,g\"\r\n"},
		{"no header", "?_format=csv&header=false&_limit=1", patientView, "", 200, "text/csv; charset=utf-8", "p1,\"Ber,g\"\r\n"},
		{"accept", "", patientView, "text/csv;q=0.5, image/png", 200, "text/csv; charset=utf-8", "id,family\r\np1,\"Ber,g\"\r\np2,\"Ber,g\"\r\n"},
		{"json", "", parameters(`,{"name":"_format","valueCode":"json"},{"name":"_limit","valueInteger":1}`), "", 200, "application/json", "[{\"id\":\"p1\",\"family\":\"Ber,g\"}]\n"},
		{"no rows", "?_limit=0", patientView, "", 200, "application/x-ndjson", ""},
		{"one patient", "?patient=Patient/p2", patientView, "", 200, "application/x-ndjson", "{\"id\":\"p2\",\"family\":\"Ber,g\"}\n"},
		{"inline", "", parameters(`,{"name":"resource","resource":{"resourceType":"Patient","id":"x"}}`), "", 200, "application/x-ndjson", "{\"id\":\"x\",\"family\":null}\n"},
		{"unknown format", "?_format=xlsx", patientView, "", 400, "", "_format"},
		{"unknown parameter", "?nonsense=1", patientView, "", 400, "", "nonsense"},
		{"no view", "", `{"resourceType":"Parameters"}`, "", 400, "", "viewResource"},
		{"no JSON", "", `{`, "", 400, "", "JSON"},
		{"accept of pictures", "", patientView, "image/png", 406, "", "text/csv"},
		{"a fault of the view", "", strings.Replace(patientView, "getResourceKey()", "id.nope()", 1), "", 400, "", "ViewDefinition.select[0].column[0].path"},
		{"a fault of the data", "", strings.Replace(patientView, "name.first().family", "name.given", 1), "", 422, "", "ViewDefinition.select[0].column[1]"},
	} {
		t.Run(c.title, func(t *testing.T) {
			h := open(t, server.Options{}, nil)
			w := h.do("POST /fhir/ViewDefinition/$run"+c.path, c.body, "Accept: "+c.accept)
			want(t, w, c.status)
			if got := w.Body.String(); c.status == 200 && (got != c.answer || w.Header().Get("Content-Type") != c.media) || !strings.Contains(got, c.answer) {
				t.Errorf("%s %q", w.Header().Get("Content-Type"), got)
			}
		})
	}
}

// TestViewIsOnRecord: whose rows leave is recorded, and when it cannot be, none do.
func TestViewIsOnRecord(t *testing.T) {
	h := open(t, server.Options{}, nil)
	want(t, h.do("POST /fhir/ViewDefinition/$run?patient=p2", patientView), 200)
	var named []string
	for _, e := range h.entries {
		if e.Patient != "" {
			named = append(named, e.Patient)
		}
	}
	if len(named) != 1 || named[0] != "Patient/p2" || h.entries[0].Outcome != auth.Begun {
		t.Errorf("on record: %v of %v", named, h.entries)
	}
	h = open(t, server.Options{}, nil)
	h.auditErr = errors.New("disk full")
	if w := h.do("POST /fhir/ViewDefinition/$run", patientView); w.Code != 503 || strings.Contains(w.Body.String(), "Ber") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestViewNeedsRights: reading alone, searching alone and a list of patients do not do.
func TestViewNeedsRights(t *testing.T) {
	for _, who := range []auth.Principal{{Name: "r", Rights: auth.Read}, {Name: "s", Rights: auth.Search},
		{Name: "l", Rights: auth.Read | auth.Search, Patients: []string{"p1"}}} {
		h := open(t, server.Options{}, tokens{"t": who})
		w := h.do("POST /fhir/ViewDefinition/$run", patientView, "Authorization: Bearer t")
		if w.Code != 403 || strings.Contains(w.Body.String(), "Ber") {
			t.Errorf("%s: %d", who.Name, w.Code)
		}
	}
	h := open(t, server.Options{}, tokens{"t": {Name: "both", Rights: auth.Read | auth.Search}})
	want(t, h.do("POST /fhir/ViewDefinition/$run", patientView, "Authorization: Bearer t"), 200)
}

// TestBrokenViewGivesNoWholeTable: nothing has left yet, so the answer is an error.
func TestBrokenViewGivesNoWholeTable(t *testing.T) {
	h := open(t, server.Options{}, nil)
	h.brokenView = true
	if w := h.do("POST /fhir/ViewDefinition/$run", patientView); w.Code != 500 || strings.Contains(w.Body.String(), "Ber") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
