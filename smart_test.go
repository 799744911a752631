package ember_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ember/server/auth"
	"ember/server/auth/authtest"
)

const smartBase = "https://ember.example.org/fhir"

// openSMART is a hospital that takes tokens of an authorization server.
func openSMART(t testing.TB, dir, options string, rules ...string) (*hospital, *authtest.Server) {
	t.Helper()
	idp := authtest.New(t)
	config := testConfig(dir)
	idp.Now = config.Now
	config.SMARTBase = smartBase
	config.SMARTIssuers = []string{strings.TrimSpace(idp.URL + " " + options)}
	for _, r := range rules {
		config.SMARTRights = append(config.SMARTRights, idp.URL+" "+r)
	}
	config.SMARTOrigins = []string{"https://app.example.org"}
	return open(t, config), idp
}

// as is a client with a token.
func (h *hospital) as(token string) func(method, path, body string, headers ...string) reply {
	return func(method, path, body string, headers ...string) reply {
		return h.ask(method, path, body, append(headers, "Authorization: Bearer "+token)...)
	}
}

const category = `,"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}]}`

func labelled(id, code, patient, date string) string {
	return strings.TrimSuffix(observed(id, code, patient, date), "}") + category
}

// TestRisksRestOnTheWholeRecord: a right from elsewhere does not stand in for scopes.
func TestRisksRestOnTheWholeRecord(t *testing.T) {
	idp := authtest.New(t)
	config := testConfig(t.TempDir() + "/data")
	idp.Now = config.Now
	config.SMARTBase, config.Risks = smartBase, []string{"deaths 0.5"}
	config.SMARTIssuers, config.SMARTRights = []string{idp.URL + " user=read,search"}, []string{idp.URL + " scope=predicts predict"}
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte(auth.Hash("p")+"\tpredicts\tpredict\n"+auth.Hash("r")+"\treads\tpredict,read\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config.TokenFile = tokens
	h := open(t, config)
	for token, status := range map[string]int{
		"p": 403,
		"r": 404, // there is nobody
		idp.Token(smartBase, "user/Practitioner.rs patient/*.rs predicts", "p1"): 403,
		idp.Token(smartBase, "user/*.rs predicts", ""):                           404,
	} {
		if r := h.as(token)("GET", "/v1/patients/p2/risk", ""); r.status != status {
			t.Errorf("%.10s: %d %s, want %d", token, r.status, r.body, status)
		}
	}
}

// TestExportsAreHeldToTheTokenAtHand: what one token began is not given to another of the
// same name that lets less be seen.
func TestExportsAreHeldToTheTokenAtHand(t *testing.T) {
	h, idp := openSMART(t, t.TempDir()+"/data", "user=read,write,search system=read,search,export")
	if r := h.as(idp.Token(smartBase, "user/*.cruds", ""))("PUT", "/fhir/Patient/p1", patient("p1")); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	h.ready()
	wide, narrow := h.as(idp.Token(smartBase, "system/*.rs", "")), h.as(idp.Token(smartBase, "system/Observation.rs", ""))
	r := wide("GET", "/fhir/$export", "", "Prefer: respond-async")
	at := r.header.Get("Content-Location")
	if r.status != 202 || at == "" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	job := at[strings.Index(at, "/v1/bulk/"):]
	eventually(t, "the export ends", func() bool { r = wide("GET", job, ""); return r.status == 200 })
	if !strings.Contains(string(r.body), `"requiresAccessToken":true`) {
		t.Errorf("%s", r.body)
	}
	var m struct{ Output []struct{ URL string } }
	if json.Unmarshal(r.body, &m) != nil || len(m.Output) != 1 {
		t.Fatalf("%s", r.body)
	}
	file := m.Output[0].URL[strings.Index(m.Output[0].URL, "/v1/bulk/"):]
	if r := wide("GET", file, ""); r.status != 200 || !strings.Contains(string(r.body), `"p1"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := narrow("GET", file, ""); r.status != 403 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestScopesDecideWhatIsSeen walks what a clinician's app does under scopes of both
// versions.
func TestScopesDecideWhatIsSeen(t *testing.T) {
	h, idp := openSMART(t, t.TempDir()+"/data", "user=read,write,search")
	all := h.as(idp.Token(smartBase, "user/*.cruds", ""))
	for _, r := range []string{patient("p1"), patient("p2"), labelled("o1", "1-1", "p1", "2024-01-01"), observed("o2", "2-2", "p1", "2024-01-02"), labelled("o3", "1-1", "p2", "2024-01-03"),
		`{"resourceType":"Practitioner","id":"d1"}`} {
		typ, id := "Observation", "o1"
		for _, known := range []string{"Patient/p1", "Patient/p2", "Observation/o1", "Observation/o2", "Observation/o3", "Practitioner/d1"} {
			if a, b, _ := strings.Cut(known, "/"); strings.Contains(r, `"id":"`+b+`"`) && strings.Contains(r, `"`+a+`"`) {
				typ, id = a, b
			}
		}
		if rep := all("PUT", "/fhir/"+typ+"/"+id, r); rep.status != 201 {
			t.Fatalf("%s: %d %s", r, rep.status, rep.body)
		}
	}
	for _, c := range []struct {
		scope, patient, path string
		status               int
		ids                  string
	}{
		{"patient/Observation.read", "p1", "/fhir/Observation", 200, "Observation/o1 Observation/o2"},
		{"patient/Observation.rs", "p1", "/fhir/Observation?code=1-1", 200, "Observation/o1"},
		{"patient/Observation.r", "p1", "/fhir/Observation", 403, ""},
		{"patient/Observation.s", "p1", "/fhir/Observation/o1", 403, ""},
		{"patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory", "p1", "/fhir/Observation", 200, "Observation/o1"},
		{"patient/Observation.rs?category=laboratory", "p1", "/fhir/Observation?_summary=count", 200, ""},
		{"patient/Observation.rs?nonsense=1", "p1", "/fhir/Observation", 403, ""},
		{"patient/Observation.rs?patient.name=x", "p1", "/fhir/Observation", 403, ""},
		{"patient/Observation.rs?_sort=date", "p1", "/fhir/Observation", 403, ""},
		{"patient/Observation.sr", "p1", "/fhir/Observation", 403, ""},
		{"patient/*.rs", "p1", "/fhir/Observation/o3", 404, ""},
		{"patient/*.rs", "p1", "/fhir/Observation?patient=p2", 200, ""},
		{"patient/*.rs", "p1", "/fhir/Practitioner", 200, "Practitioner/d1"},
		{"patient/*.rs", "", "/fhir/Observation", 403, ""},
		{"patient/*.rs", "p1", "/fhir/Patient/p1/$everything", 200, "Observation/o1 Observation/o2 Patient/p1"},
		{"patient/Observation.rs", "p1", "/fhir/Patient/p1/$everything", 403, ""},
		{"patient/Patient.rs patient/Observation.rs?category=laboratory", "p1", "/fhir/Patient/p1/$everything", 200, "Observation/o1 Patient/p1"},
		{"patient/*.rs", "p1", "/fhir/Patient/p2/$everything", 403, ""},
		{"patient/Observation.rs", "p1", "/fhir/Observation?patient.name=Test", 200, ""},
		{"patient/Patient.rs", "p1", "/fhir/Patient?_has:Observation:patient:code=1-1", 200, ""},
		{"patient/Patient.rs", "p1", "/fhir/Patient?_revinclude=Observation:patient", 200, "Patient/p1"},
		{"patient/Observation.rs", "p1", "/fhir/Observation?_include=Observation:patient&code=1-1", 200, "Observation/o1"},
		{"patient/Observation.rs?category=laboratory", "p1", "/fhir/Observation/$lastn?patient=p1&max=5", 200, "Observation/o1"},
		{"user/Observation.rs", "", "/fhir/Observation", 200, "Observation/o1 Observation/o2 Observation/o3"},
		{"system/Observation.rs", "", "/fhir/Observation", 403, ""},
		{"openid fhirUser launch", "p1", "/fhir/Observation", 403, ""},
		{"patient/Observation.rs", "p1", "/v1/cohorts", 403, ""},
		{"patient/Observation.rs", "p1", "/v1/patients/p1/recommendations?want=tests", 403, ""},
		{"patient/Observation.rs", "p1", "/metrics", 403, ""},
	} {
		rep := h.as(idp.Token(smartBase, c.scope, c.patient))("GET", c.path, "")
		if rep.status != c.status {
			t.Errorf("%s of %q: %d %s", c.path, c.scope, rep.status, rep.body)
			continue
		}
		if c.status >= 400 {
			if rep.outcome(t); c.status == 403 && !strings.Contains(rep.header.Get("WWW-Authenticate"), "insufficient_scope") {
				t.Errorf("%s of %q: no challenge", c.path, c.scope)
			}
			continue
		}
		if got := strings.Join(rep.bundle(t).ids(), " "); got != c.ids {
			t.Errorf("%s of %q: %s, want %s", c.path, c.scope, got, c.ids)
		}
	}
}

// TestScopesDecideWhatIsWritten: create, update and delete are three things; a write may
// neither take nor bring anything beyond the scope, alone or in a Bundle.
func TestScopesDecideWhatIsWritten(t *testing.T) {
	h, idp := openSMART(t, t.TempDir()+"/data", "system=read,write,search")
	all := h.as(idp.Token(smartBase, "system/*.cruds", ""))
	for path, r := range map[string]string{"Patient/p1": patient("p1"), "Patient/p2": patient("p2"), "Observation/o1": labelled("o1", "1-1", "p1", "2024-01-01"),
		"Observation/o2": observed("o2", "2-2", "p1", "2024-01-01"), "Observation/o3": labelled("o3", "1-1", "p2", "2024-01-01"), "Organization/g1": `{"resourceType":"Organization","id":"g1","identifier":[{"system":"s","value":"1"}]}`} {
		if rep := all("PUT", "/fhir/"+path, r); rep.status != 201 {
			t.Fatalf("%d %s", rep.status, rep.body)
		}
	}
	entry := func(method, url, resource string) string {
		if resource != "" {
			resource = `"resource":` + resource + `,`
		}
		return `{` + resource + `"request":{"method":"` + method + `","url":"` + url + `"}}`
	}
	bundle := func(kind string, entries ...string) string {
		return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
	}
	lab := "?category=laboratory"
	for _, c := range []struct {
		name, scope, method, path, body string
		status                          int
	}{
		{"create", "patient/Observation.c", "POST", "/fhir/Observation", observed("x", "1-1", "p1", "2024-01-01"), 201},
		{"create for another", "patient/Observation.c", "POST", "/fhir/Observation", observed("x", "1-1", "p2", "2024-01-01"), 403},
		{"create for nobody", "patient/Observation.c", "POST", "/fhir/Observation", `{"resourceType":"Observation"}`, 403},
		{"create what no parameter admits", "patient/Observation.c" + lab, "POST", "/fhir/Observation", observed("x", "1-1", "p1", "2024-01-01"), 403},
		{"create what a parameter admits", "patient/Observation.c" + lab, "POST", "/fhir/Observation", labelled("x", "1-1", "p1", "2024-01-01"), 201},
		{"update needs u", "patient/Observation.c", "PUT", "/fhir/Observation/o1", labelled("o1", "3-3", "p1", "2024-01-01"), 403},
		{"update", "patient/Observation.u" + lab, "PUT", "/fhir/Observation/o1", labelled("o1", "3-3", "p1", "2024-01-01"), 200},
		{"update out of the scope", "patient/Observation.u" + lab, "PUT", "/fhir/Observation/o1", observed("o1", "3-3", "p1", "2024-01-01"), 403},
		{"update into the scope", "patient/Observation.u" + lab, "PUT", "/fhir/Observation/o2", labelled("o2", "3-3", "p1", "2024-01-01"), 403},
		{"take over another's", "patient/Observation.cruds", "PUT", "/fhir/Observation/o3", observed("o3", "3-3", "p1", "2024-01-01"), 403},
		{"give away", "patient/Observation.cruds", "PUT", "/fhir/Observation/o1", observed("o1", "3-3", "p2", "2024-01-01"), 403},
		{"a write of version 1", "patient/Observation.write", "PUT", "/fhir/Observation/new", observed("new", "3-3", "p1", "2024-01-01"), 201},
		{"what belongs to nobody", "patient/*.cruds", "PUT", "/fhir/Organization/g1", `{"resourceType":"Organization","id":"g1"}`, 403},
		{"another person", "patient/*.cruds", "PUT", "/fhir/Patient/p2", patient("p2"), 403},
		{"merged into another person", "patient/*.cruds", "PUT", "/fhir/Patient/p1", `{"resourceType":"Patient","id":"p1","link":[{"type":"replaced-by","other":{"reference":"Patient/p2"}}]}`, 403},
		{"delete needs d", "patient/Observation.cru", "DELETE", "/fhir/Observation/o2", "", 404},
		{"delete another's", "patient/*.cruds", "DELETE", "/fhir/Observation/o3", "", 404},
		{"delete", "patient/Observation.d", "DELETE", "/fhir/Observation/o2", "", 204},
		{"a condition finds nobody else's", "patient/*.cruds", "DELETE", "/fhir/Observation?code=1-1&patient=p2", "", 204},
		{"batch", "patient/*.cruds", "POST", "/fhir", bundle("batch", entry("PUT", "Observation/b1", observed("b1", "1-1", "p1", "2024-01-01")), entry("PUT", "Observation/o3", observed("o3", "1-1", "p1", "2024-01-01")), entry("GET", "Observation/o3", ""), entry("DELETE", "Observation/o3", "")), 200},
		{"transaction", "patient/*.cruds", "POST", "/fhir", bundle("transaction", entry("PUT", "Observation/b2", observed("b2", "1-1", "p1", "2024-01-01")), entry("PUT", "Observation/o3", observed("o3", "1-1", "p1", "2024-01-01"))), 422},
	} {
		rep := h.as(idp.Token(smartBase, c.scope, "p1"))(c.method, c.path, c.body)
		if rep.status != c.status {
			t.Errorf("%s: %d %s", c.name, rep.status, rep.body)
		}
		if c.name == "batch" {
			var got []string
			for _, e := range rep.bundle(t).Entry {
				got = append(got, e.Response.Status[:3])
			}
			if strings.Join(got, " ") != "201 403 404 403" {
				t.Errorf("batch: %v", got)
			}
		}
	}
	own := h.as(idp.Token(smartBase, "patient/*.cruds", "p1"))
	for _, id := range []string{"o3", "nowhere"} { // hidden, and not there: the answers are alike
		for version, want := range map[string]int{"1": 412, "2": 412, "18446744073709551615": 400} {
			if rep := own("PUT", "/fhir/Observation/"+id, observed(id, "3-3", "p1", "2024-01-01"), `If-Match: W/"`+version+`"`); rep.status != want {
				t.Errorf("%s as version %s: %d %s", id, version, rep.status, rep.body)
			}
		}
	}
	if rep := all("GET", "/fhir/Observation/b2", ""); rep.status != 404 {
		t.Error("a part of the transaction was stored")
	}
	if got := all("GET", "/fhir/Observation?patient=p2", "").bundle(t).ids(); !slices.Equal(got, []string{"Observation/o3"}) {
		t.Errorf("of p2: %v", got)
	}
}

// TestSMARTConfiguration: what clients read first, and pages of other origins.
func TestSMARTConfiguration(t *testing.T) {
	h, idp := openSMART(t, t.TempDir()+"/data", "")
	for _, path := range []string{"/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration"} {
		var c struct {
			Authorize    string `json:"authorization_endpoint"`
			Token        string `json:"token_endpoint"`
			Capabilities []string
			Challenges   []string `json:"code_challenge_methods_supported"`
		}
		h.get(path).decode(t, &c)
		if c.Authorize != idp.URL+"/authorize" || c.Token != idp.URL+"/token" || !slices.Contains(c.Capabilities, "permission-v2") || !slices.Contains(c.Capabilities, "launch-ehr") ||
			slices.Contains(c.Capabilities, "permission-user") || slices.Contains(c.Capabilities, "client-confidential-symmetric") || !slices.Equal(c.Challenges, []string{"S256"}) {
			t.Errorf("%s: %+v", path, c)
		}
	}
	if rep := h.get("/fhir/metadata"); !strings.Contains(string(rep.body), `"url":"authorize","valueUri":"`+idp.URL+`/authorize"`) || !strings.Contains(string(rep.body), `"url":"`+smartBase+`"`) {
		t.Errorf("%s", rep.body)
	}
	rep := h.ask("OPTIONS", "/fhir/Observation", "", "Origin: https://app.example.org", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization")
	if rep.status != http.StatusNoContent || rep.header.Get("Access-Control-Allow-Origin") != "https://app.example.org" || !strings.Contains(rep.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("%d %v", rep.status, rep.header)
	}
	if rep := h.ask("GET", "/fhir/metadata", "", "Origin: https://evil.example"); rep.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a page of nobody's may read")
	}
	if rep := h.ask("GET", "/fhir/Patient", "", "Authorization: Bearer "+idp.Sign("ec", "ES256", idp.Claims("https://other.example.org/fhir", "patient/*.rs", "p1"))); rep.status != 401 || !strings.Contains(rep.header.Get("WWW-Authenticate"), "another audience (aud)") {
		t.Errorf("%d %v", rep.status, rep.header)
	}
}

// TestScopesDecideWhatIsExported: an export holds the types of which the token may see
// everything, and none is given that could be read otherwise.
func TestScopesDecideWhatIsExported(t *testing.T) {
	h, idp := openSMART(t, t.TempDir()+"/data", "system=read,search,export user=read,search")
	for _, c := range []struct {
		scope, path string
		status      int
	}{
		{"system/*.rs", "/fhir/$export", 202}, {"system/Observation.rs", "/fhir/$export?_type=Observation", 202}, {"system/Observation.rs", "/fhir/$export?_type=Patient", 403},
		{"system/Observation.rs?category=laboratory", "/fhir/$export?_type=Observation", 403}, {"system/Observation.rs?category=laboratory", "/fhir/$export", 403},
		{"user/*.rs", "/fhir/$export", 403}, {"patient/*.rs", "/fhir/Patient/$export", 403}, {"system/*.r", "/fhir/$export", 403},
		{"system/*.rs", "/fhir/$export?_typeFilter=Observation%3Fpatient.name%3Dx", 403},
	} {
		if rep := h.as(idp.Token(smartBase, c.scope, "p1"))("GET", c.path, "", "Prefer: respond-async"); rep.status != c.status {
			t.Errorf("%s of %s: %d %s", c.path, c.scope, rep.status, rep.body)
		}
	}
}
