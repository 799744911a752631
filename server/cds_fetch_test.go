package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ember/record"
	"ember/server/cds"
)

// ehr is a client's FHIR server. What it answers by path is what a test says.
type ehr struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // "path?query token"
}

// requests are what was asked so far.
func (e *ehr) requests() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.asked)
}

func newEHR(t *testing.T, answer func(e *ehr, w http.ResponseWriter, r *http.Request)) *ehr {
	e := &ehr{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.asked = append(e.asked, r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
		e.mu.Unlock()
		answer(e, w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

// withServer is a request whose client has a FHIR server.
func withServer(hook, context, prefetch, server string) string {
	return strings.Replace(hookBody(hook, context, prefetch), `{"hook"`, fmt.Sprintf(`{"fhirServer":%q,"fhirAuthorization":{"access_token":"secret-token","token_type":"Bearer","expires_in":300,"scope":"user/*.read","subject":"ember"},"hook"`, server), 1)
}

func observation(i int) string {
	return fmt.Sprintf(`{"resource":{"resourceType":"Observation","id":"o%d","status":"final","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://loinc.org","code":"2951-2"}]},"effectiveDateTime":"2026-01-01","valueQuantity":{"value":140,"unit":"mmol/L"}}}`, i)
}

// TestComplaintHapiFHIR6850PrefetchPaged: pages are followed with the client's token, up
// to a cap, and what is missing is said. Also cds-hooks/docs#527.
func TestComplaintHapiFHIR6850PrefetchPaged(t *testing.T) {
	for name, c := range map[string]struct {
		pages, events int
		note          string
	}{"one more": {1, 2, ""}, "some": {4, 5, ""}, "without end": {1000, 6, "further pages"}} {
		t.Run(name, func(t *testing.T) {
			served := func(e *ehr, w http.ResponseWriter, r *http.Request) {
				var n int
				fmt.Sscanf(r.URL.Query().Get("page"), "%d", &n)
				next := ""
				if n < c.pages {
					next = fmt.Sprintf(`{"relation":"next","url":"%s/fhir?page=%d"}`, e.URL, n+1)
				}
				fmt.Fprintf(w, `{"resourceType":"Bundle","type":"searchset","link":[%s],"entry":[%s]}`, next, observation(n))
			}
			e := newEHR(t, served)
			w := openWard(t, cds.Options{Servers: []string{e.URL + "/fhir"}}, nil)
			w.timeline.Person.ID = "somebody else"
			lab := fmt.Sprintf(`,"laboratory":{"resourceType":"Bundle","type":"searchset","link":[{"relation":"self","url":"x"},{"relation":"next","url":"%s/fhir?page=1"}],"entry":[%s]}`, e.URL, observation(0))
			prefetch := aPatient + strings.Replace(rest, `,"laboratory":null`, lab, 1) + penicillin
			r := w.answer(t, "treatments", withServer("patient-view", "", prefetch, e.URL+"/fhir"))
			if got := len(w.fake.question().Past.Events()); got != c.events+1 { // and the allergy, which has no date
				if got+len(w.fake.question().Past.Undated()) != c.events+1 {
					t.Errorf("%d events, want %d", got, c.events+1)
				}
			}
			if d := r.Cards[0].Detail; !strings.Contains(d, c.note) || (c.note == "") == strings.Contains(d, "incomplete") {
				t.Errorf("%s", d)
			}
			for _, a := range e.asked {
				if !strings.HasSuffix(a, " Bearer secret-token") {
					t.Errorf("asked %s", a)
				}
			}
		})
	}
}

// TestCDSReadsTheClientsServer: without a prefetch everything is read by the templates.
func TestCDSReadsTheClientsServer(t *testing.T) {
	e := newEHR(t, func(_ *ehr, w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/fhir/Patient/p1":
			fmt.Fprint(w, `{"resourceType":"Patient","id":"p1","gender":"male"}`)
		case r.URL.Path == "/fhir/AllergyIntolerance":
			fmt.Fprint(w, `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/p1"},"code":{"text":"Penicillin"}}}]}`)
		case r.URL.Path == "/fhir/MedicationRequest/m9":
			fmt.Fprint(w, `{"resourceType":"MedicationRequest","id":"m9","status":"active","intent":"order","subject":{"reference":"Patient/p1"},"medicationCodeableConcept":{"text":"amoxicillin"}}`)
		default:
			fmt.Fprint(w, `{"resourceType":"Bundle","type":"searchset"}`)
		}
	})
	w := openWard(t, cds.Options{Servers: []string{e.URL + "/fhir"}}, nil)
	w.timeline.Person.ID = "somebody else"
	body := withServer("order-dispatch", contexts["order-dispatch"], "", e.URL+"/fhir/")
	r := w.answer(t, "safety", body)
	if len(r.Cards) != 1 || r.Cards[0].Indicator != "critical" || strings.Contains(r.Cards[0].Detail, "incomplete") {
		t.Errorf("%+v", r.Cards)
	}
	if len(e.asked) != 7 {
		t.Errorf("asked %q", e.asked)
	}
}

// TestCDSBadServers: a server that is slow, refuses, answers pages for people or leads
// elsewhere costs completeness and never the answer.
func TestCDSBadServers(t *testing.T) {
	elsewhere := newEHR(t, func(_ *ehr, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"resourceType":"Patient","id":"p1"}`)
	})
	slow := make(chan struct{})
	defer close(slow)
	for name, answer := range map[string]func(*ehr, http.ResponseWriter, *http.Request){
		"slow": func(_ *ehr, _ http.ResponseWriter, r *http.Request) {
			select {
			case <-slow:
			case <-r.Context().Done():
			}
		},
		"401":  func(_ *ehr, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
		"500":  func(_ *ehr, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"HTML": func(_ *ehr, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Log in</html>") },
		"outcome": func(_ *ehr, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"resourceType":"OperationOutcome"}`)
		},
		"nothing": func(_ *ehr, w http.ResponseWriter, _ *http.Request) {},
		"redirect": func(_ *ehr, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		},
		"next elsewhere": func(_ *ehr, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"resourceType":"Bundle","link":[{"relation":"next","url":"%s/fhir"}]}`, elsewhere.URL)
		},
		"next above": func(e *ehr, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"resourceType":"Bundle","link":[{"relation":"next","url":"%s/fhir/../admin"}]}`, e.URL)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEHR(t, answer)
			w := openWard(t, cds.Options{Servers: []string{e.URL + "/fhir"}, Deadline: time.Second}, nil)
			w.timeline.Person.ID = "somebody else"
			r := w.answer(t, "treatments", withServer("patient-view", "", aPatient, e.URL+"/fhir"))
			if len(r.Cards) != 1 || !strings.Contains(r.Cards[0].Detail, "incomplete") || strings.Contains(r.Cards[0].Detail, e.URL) {
				t.Errorf("%+v", r.Cards)
			}
			if far, near := elsewhere.requests(), e.requests(); len(far) > 0 || strings.Contains(strings.Join(near, " "), "admin") {
				t.Errorf("asked elsewhere: %q, %q", far, near)
			}
			// With nothing at all it says that, rather than guess.
			if name == "401" {
				want(t, w.do("POST /cds-services/treatments", withServer("patient-view", "", "", e.URL+"/fhir"), "Content-Type: application/json"), 412)
			}
		})
	}
}

// TestCDSOnlyAllowedServers: no address is called that the site does not allow, whatever
// it looks like.
func TestCDSOnlyAllowedServers(t *testing.T) {
	e := newEHR(t, func(_ *ehr, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"resourceType":"Bundle"}`) })
	host := strings.TrimPrefix(e.URL, "http://")
	w := openWard(t, cds.Options{Servers: []string{e.URL + "/fhir", "https://ehr.example/fhir"}}, nil)
	for _, server := range []string{e.URL, e.URL + "/fhirs", e.URL + "/admin", "http://user@" + host + "/fhir", "https://" + host + "/fhir", "http://169.254.169.254/latest", "file:///etc/passwd", "://", "ehr",
		"https://ehr.example.evil/fhir", e.URL + "/fhir/../admin", e.URL + "/fhir/%2e%2e/admin"} {
		r := w.answer(t, "treatments", withServer("patient-view", "", aPatient, server))
		if len(r.Cards) != 1 || !strings.Contains(r.Cards[0].Detail, "not one that this site allows") {
			t.Errorf("%s: %+v", server, r.Cards)
		}
	}
	if len(e.asked) > 0 {
		t.Errorf("asked %q", e.asked)
	}
	if _, err := cds.New(cds.Options{Servers: []string{"ehr.example"}}, cds.Deps{}); err == nil {
		t.Error("a setting that is no address is taken")
	}
}

// TestCDSOwnRecord: what was not sent comes from the record here, and what was sent goes
// before it.
func TestCDSOwnRecord(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	r := w.answer(t, "treatments", `{"hook":"patient-view","hookInstance":"x","context":{"patientId":"p1"}}`)
	if len(r.Cards) != 1 || strings.Contains(r.Cards[0].Detail, "incomplete") || w.fake.question().Key != "k" {
		t.Errorf("%+v, key %q", r.Cards, w.fake.question().Key)
	}
	w.answer(t, "treatments", hookBody("patient-view", "", aPatient+`,"conditions":{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"text":"asthma"},"recordedDate":"2026-01-01"}`))
	w.timeline.Person.Sex, w.timeline.Events = record.Male, []record.Event{{Kind: record.Condition, Concept: record.Code{Value: "x"}, Known: now.AddDate(-1, 0, 0), Source: "Condition/9"}}
	r = w.answer(t, "treatments", hookBody("patient-view", "", aPatient))
	if q := w.fake.question(); len(q.Past.Events()) != 0 || !strings.Contains(r.Cards[0].Detail, "somebody else") {
		t.Errorf("two people were taken for one: %+v", q)
	}
	w.timeline.Person.Sex, w.timeline.Events = 0, nil
	w.answer(t, "treatments", hookBody("patient-view", "", aPatient+`,"conditions":{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"text":"asthma"},"recordedDate":"2026-01-01"}`))
	if q := w.fake.question(); q.Key != "" || len(q.Past.Events()) != 1 || q.Past.Person().Born.Zero() {
		t.Errorf("%+v", q)
	}
}

// TestWhatIsReadIsBounded: pages of one answer stop where all bytes that may be read are.
func TestWhatIsReadIsBounded(t *testing.T) {
	filler := `"text":{"status":"generated","div":"` + strings.Repeat("x", 8<<20) + `"},`
	e := newEHR(t, func(e *ehr, w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"resourceType":"Bundle",%s"type":"searchset","link":[{"relation":"next","url":"%s%s"}],"entry":[]}`, filler, e.URL, r.URL.RequestURI())
	})
	w := openWard(t, cds.Options{Servers: []string{e.URL + "/fhir"}, Deadline: time.Minute}, nil)
	w.timeline.Person.ID = "somebody else"
	r := w.answer(t, "treatments", withServer("patient-view", "", aPatient, e.URL+"/fhir"))
	if n := len(e.requests()); n > 6+4 { // 48 MiB of 8 MiB, and those that were under way
		t.Errorf("%d pages were read", n)
	}
	if len(r.Cards) == 0 || !strings.Contains(r.Cards[0].Detail, "incomplete") {
		t.Errorf("%+v", r.Cards)
	}
}
