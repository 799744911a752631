package ember_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ember/fhir"
	"ember/server/auth"
)

// searchset is what these tests read of a Bundle.
type searchset struct {
	Type  string
	Total *int
	Link  []struct{ Relation, URL string }
	Entry []struct {
		FullURL  string
		Resource json.RawMessage
		Search   struct{ Mode string }
		Request  struct{ Method, URL string }
		Response struct{ Status, Location, Etag string }
	}
}

func (r reply) bundle(t testing.TB) (b searchset) {
	t.Helper()
	if err := json.Unmarshal(r.body, &b); err != nil || r.status != 200 {
		t.Fatalf("%d %v %s", r.status, err, r.body)
	}
	return b
}

func (b searchset) ids() (ids []string) {
	for _, e := range b.Entry {
		var head struct{ ResourceType, ID string }
		_ = json.Unmarshal(e.Resource, &head)
		ids = append(ids, head.ResourceType+"/"+head.ID)
	}
	slices.Sort(ids)
	return ids
}

// ask is a request with headers "Name: value".
func (c client) ask(method, path, body string, headers ...string) reply {
	c.t.Helper()
	req, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", fhirJSON)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name != "" {
			req.Header.Set(name, value)
		}
	}
	r, err := (client{c.t, c.base}).send(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

const lab = `{"resourceType":"Observation","id":"%s","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"%s"}]},"subject":{"reference":"Patient/%s"},"effectiveDateTime":"%s"}`

func observed(id, code, patient, date string) string {
	return fmt.Sprintf(lab, id, code, patient, date)
}

// TestSearchSeesWrites: what was acknowledged is found, and what was changed,
// deleted or erased is not found as it was.
func TestSearchSeesWrites(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(patient("p1") + "\n" + patient("p2") + "\n" + observed("o1", "1-1", "p1", "2024-01-01") + "\n" + observed("o2", "1-1", "p2", "2024-02-01"))
	want := func(path string, ids ...string) {
		t.Helper()
		if got := h.get(path).bundle(t).ids(); !slices.Equal(got, ids) {
			t.Errorf("%s: %v, want %v", path, got, ids)
		}
	}
	want("/fhir/Observation?code=1-1", "Observation/o1", "Observation/o2")
	want("/fhir/Observation?patient=p1&code=http://loinc.org%7C1-1", "Observation/o1")
	want("/fhir/Observation?patient="+h.base+"/fhir/Patient/p1", "Observation/o1")
	h.put(observed("o1", "2-2", "p1", "2024-01-01"))
	want("/fhir/Observation?code=1-1", "Observation/o2")
	want("/fhir/Observation?code=2-2", "Observation/o1")
	h.do("DELETE", "/fhir/Observation/o1", "", nil)
	want("/fhir/Observation?code=2-2")
	if _, err := h.Erase(context.Background(), "p2"); err != nil {
		t.Fatal(err)
	}
	want("/fhir/Observation?code=1-1")
	want("/fhir/Patient", "Patient/p1")
	r := h.ask("POST", "/fhir/Patient/_search", "_id=p1&nothing=1", "Content-Type: application/x-www-form-urlencoded")
	if b := r.bundle(t); len(b.Entry) != 2 || b.Entry[1].Search.Mode != "outcome" || !strings.Contains(string(b.Entry[1].Resource), "nothing") {
		t.Errorf("%s", r.body)
	}
	if r := h.ask("GET", "/fhir/Patient?nothing=1", "", "Prefer: handling=strict"); r.status != 400 {
		t.Errorf("strict: %d", r.status)
	}
	for _, bad := range []string{"birthdate=x", "_cursor=x", "name:exactly=x", "_count=-1", "_sort=name&_total=x"} {
		if r := h.get("/fhir/Patient?" + bad); r.status != 400 || len(r.outcome(t)) == 0 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
	if b := h.get("/fhir/Patient?_count=1000000").bundle(t); len(b.Entry) != 1 {
		t.Error("a million")
	}
	if b := h.get("/fhir/Patient?_count=0").bundle(t); len(b.Entry) != 0 || b.Total == nil || *b.Total != 1 {
		t.Error("none")
	}
}

// TestConditions of single writes and of entries.
func TestConditions(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	named := func(id, name string) string {
		return fmt.Sprintf(`{"resourceType":"Patient",%s"name":[{"family":%q}],"identifier":[{"system":"urn:mrn","value":%q}]}`, id, name, name)
	}
	for _, c := range []struct {
		method, path, body string
		header             string
		status             int
	}{
		{"PUT", "/fhir/Patient?identifier=urn:mrn%7CRoth", named("", "Roth"), "", 201},
		{"PUT", "/fhir/Patient?name=roth", named("", "Roth"), "", 200},
		{"PUT", "/fhir/Patient?name=roth", named(`"id":"other",`, "Roth"), "", 400},
		{"PUT", "/fhir/Patient?name=new", named(`"id":"mine",`, "New"), "", 201},
		{"PUT", "/fhir/Patient?name=new,roth", named("", "Roth"), "", 412},
		{"PUT", "/fhir/Patient", named("", "Roth"), "", 400},
		{"PUT", "/fhir/Patient?nothing=1", named("", "Roth"), "", 400},
		{"PUT", "/fhir/Patient/mine", named(`"id":"mine",`, "New"), "If-None-Match: *", 412},
		{"PUT", "/fhir/Patient/yours", named(`"id":"yours",`, "Yours"), "If-None-Match: *", 201},
		{"POST", "/fhir/Patient", named("", "Roth"), "If-None-Exist: name=roth", 200},
		{"POST", "/fhir/Patient", named("", "Roth"), "If-None-Exist: name=new,roth", 412},
		{"POST", "/fhir/Patient", named("", "Third"), "If-None-Exist: name=third", 201},
		{"DELETE", "/fhir/Patient?name=third", "", "", 204},
		{"DELETE", "/fhir/Patient?name=third", "", "", 204},
		{"DELETE", "/fhir/Patient?name=new,roth", "", "", 412},
		{"DELETE", "/fhir/Patient", "", "", 400},
		{"DELETE", "/fhir/Patient?name=nobody,", "", "", 400}, // an empty value would hold of everybody
		{"DELETE", "/fhir/Patient?gender=,male", "", "", 400},
		{"PUT", "/fhir/Patient?identifier=x,", named("", "Roth"), "", 400},
	} {
		if r := h.ask(c.method, c.path, c.body, c.header); r.status != c.status || c.status >= 400 && len(r.outcome(t)) == 0 {
			t.Errorf("%s %s: %d, want %d: %s", c.method, c.path, r.status, c.status, r.body)
		}
	}
	r := h.ask("POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient?name=roth&_elements=name"}},
		{"request":{"method":"GET","url":"Patient/mine/_history/1"}},{"request":{"method":"GET","url":"Patient?birthdate=x"}},{"request":{"method":"DELETE","url":"Patient?name=yours"}},
		{"request":{"method":"GET","url":"Patient"}}]}`)
	b := r.bundle(t)
	var status []string
	for _, e := range b.Entry {
		status = append(status, e.Response.Status[:3])
	}
	if !slices.Equal(status, []string{"200", "200", "400", "204", "200"}) || !strings.Contains(string(b.Entry[0].Resource), "SUBSETTED") {
		t.Errorf("%v %s", status, r.body)
	}
}

// TestHistoryAndEverything of one patient.
func TestHistoryAndEverything(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(patient("p1") + "\n" + patient("p2") + "\n" + observed("o1", "1-1", "p1", "2024-01-01") + "\n" + observed("o2", "1-1", "p1", "2024-02-01") + "\n" +
		observed("o3", "2-2", "p1", "2023-01-01") + "\n" + observed("o4", "1-1", "p2", "2024-01-01"))
	h.put(observed("o1", "1-1", "p1", "2024-01-02"))
	h.do("DELETE", "/fhir/Observation/o1", "", nil)
	b := h.get("/fhir/Observation/o1/_history").bundle(t)
	if b.Type != "history" || len(b.Entry) != 3 || b.Entry[0].Request.Method != "DELETE" || len(b.Entry[0].Resource) != 0 || b.Entry[2].Response.Status != "201 Created" {
		t.Errorf("%+v", b)
	}
	if r := h.get("/fhir/Patient/p1?_elements=birthDate"); r.status != 200 || !strings.Contains(string(r.body), "SUBSETTED") {
		t.Errorf("%s", r.body)
	}
	if r := h.get("/fhir/Patient/p1?_summary=some"); r.status != 400 {
		t.Errorf("%d", r.status)
	}
	if h.get("/fhir/Observation/never/_history").status != 404 {
		t.Error("the history of nothing")
	}
	for path, ids := range map[string][]string{
		"/fhir/Patient/p1/$everything":                             {"Observation/o2", "Observation/o3", "Patient/p1"},
		"/fhir/Patient/p1/$everything?start=2024-01-01":            {"Observation/o2", "Patient/p1"},
		"/fhir/Patient/p1/$everything?_type=Observation":           {"Observation/o2", "Observation/o3"},
		"/fhir/Patient/p1/$everything?_since=2100-01-01T00:00:00Z": nil,
		"/fhir/Observation/$lastn?patient=p1":                      {"Observation/o2", "Observation/o3"},
		"/fhir/Observation/$lastn?patient=p1&code=1-1&max=2":       {"Observation/o2"},
	} {
		if got := h.get(path).bundle(t).ids(); !slices.Equal(got, ids) {
			t.Errorf("%s: %v, want %v", path, got, ids)
		}
	}
	var all []string
	for path := "/fhir/Patient/p1/$everything?_count=1"; path != ""; {
		b := h.get(path).bundle(t)
		all, path = append(all, b.ids()...), ""
		for _, l := range b.Link {
			if l.Relation == "next" {
				path = strings.TrimPrefix(l.URL, h.base)
			}
		}
	}
	if len(all) != 3 {
		t.Errorf("in pages: %v", all)
	}
	for path, status := range map[string]int{"/fhir/Patient/nobody/$everything": 404, "/fhir/Observation/o2/$everything": 404, "/fhir/Observation/$lastn": 400} {
		if r := h.get(path); r.status != status {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

// TestCapabilities holds the statement to what the server does: every parameter is
// understood, every interaction answers.
func TestCapabilities(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	var c struct {
		FHIRVersion string
		Rest        []struct {
			Resource []struct {
				Type        string
				Interaction []struct{ Code string }
				SearchParam []struct{ Name, Type string }
				Operation   []struct{ Name string }
			}
		}
	}
	if err := json.Unmarshal(h.get("/fhir/metadata").body, &c); err != nil || c.FHIRVersion != "4.0.1" {
		t.Fatal(err)
	}
	if len(c.Rest[0].Resource) != len(fhir.SearchTypes()) {
		t.Errorf("%d types", len(c.Rest[0].Resource))
	}
	value := map[string]string{"token": "x", "date": "2024", "string": "x", "reference": "Patient/x", "quantity": "1", "number": "1", "uri": "x", "composite": "x$1"}
	pairs := map[string]string{"code-value-date": "x$2024"}
	for _, r := range c.Rest[0].Resource {
		if len(r.Interaction) != 9 {
			t.Errorf("%s: %v", r.Type, r.Interaction)
		}
		for _, p := range r.SearchParam {
			if got := h.ask("GET", "/fhir/"+r.Type+"?"+p.Name+"="+cmp.Or(pairs[p.Name], value[p.Type]), "", "Prefer: handling=strict"); got.status != 200 {
				t.Errorf("%s?%s: %d %s", r.Type, p.Name, got.status, got.body)
			}
		}
	}
}

// TestSearchRights: a token without the right to search names a patient; one that is
// limited sees its own, counted and included.
func TestSearchRights(t *testing.T) {
	dir := t.TempDir()
	line := func(token, rest string) string { return auth.Hash(token) + "\t" + rest + "\n" }
	tokens := filepath.Join(dir, "tokens")
	if err := os.WriteFile(tokens, []byte(line("all", "all\tread,write,search")+line("reader", "reader\tread")+line("one", "one\tread\tp1")), 0o600); err != nil {
		t.Fatal(err)
	}
	config := testConfig(dir + "/data")
	config.TokenFile = tokens
	h := open(t, config)
	for _, body := range []string{patient("p1"), patient("p2"), observed("o1", "1-1", "p1", "2024-01-01"), observed("o2", "1-1", "p2", "2024-01-01"), `{"resourceType":"Practitioner","id":"d"}`} {
		if r := h.ask("POST", "/fhir", body, "Authorization: Bearer all"); r.status >= 300 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	for _, c := range []struct {
		token, path string
		status, n   int
	}{
		{"all", "/fhir/Observation?code=1-1", 200, 2},
		{"reader", "/fhir/Observation?code=1-1", 403, 0},
		{"reader", "/fhir/Observation?patient=p2", 200, 1},
		{"reader", "/fhir/Practitioner", 200, 1},
		{"reader", "/fhir/Patient", 403, 0},
		{"reader", "/fhir/Patient?_id=p2&_revinclude=Observation:patient", 200, 2},
		{"one", "/fhir/Observation?code=1-1", 200, 1},
		{"one", "/fhir/Observation?patient=p2", 200, 0},
		{"one", "/fhir/Patient", 200, 1},
		{"one", "/fhir/Patient/p2/$everything", 403, 0},
		{"one", "/fhir/Observation/o2/_history", 404, 0},
		{"one", "/fhir/Observation/$lastn?patient=p2", 200, 0},
	} {
		r := h.ask("GET", c.path, "", "Authorization: Bearer "+c.token)
		if r.status != c.status {
			t.Errorf("%s by %s: %d %s", c.path, c.token, r.status, r.body)
			continue
		}
		if r.status == 200 {
			if b := r.bundle(t); len(b.Entry) != c.n || b.Total != nil && *b.Total > c.n {
				t.Errorf("%s by %s: %s", c.path, c.token, r.body)
			}
		}
	}
}

// TestDeceasedIsFalseWhereNothingSaysSo: who is not said to be dead is alive to a search.
func TestDeceasedIsFalseWhereNothingSaysSo(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(`{"resourceType":"Patient","id":"a"}
{"resourceType":"Patient","id":"b","deceasedBoolean":true}
{"resourceType":"Patient","id":"c","deceasedDateTime":"2020-01-01"}
{"resourceType":"Patient","id":"d","deceasedBoolean":false}
`)
	for query, want := range map[string]string{"deceased=false": "[Patient/a Patient/d]", "deceased=true": "[Patient/b Patient/c]", "deceased:not=true": "[Patient/a Patient/d]"} {
		if got := fmt.Sprint(h.get("/fhir/Patient?" + query).bundle(t).ids()); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// TestOperationsByPost: what is asked of $everything and $lastn may stand in Parameters.
func TestOperationsByPost(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(`{"resourceType":"Patient","id":"a"}` + "\n" + observed("o1", "1", "a", "2024-01-01") + "\n" + observed("o2", "1", "a", "2024-02-01") + "\n")
	for path, tc := range map[string][2]string{
		"/fhir/Patient/a/$everything": {`{"name":"_type","valueString":"Observation"}`, "[Observation/o1 Observation/o2]"},
		"/fhir/Observation/$lastn":    {`{"name":"patient","valueReference":{"reference":"Patient/a"}}`, "[Observation/o2]"},
	} {
		rep := h.ask("POST", path, `{"resourceType":"Parameters","parameter":[`+tc[0]+`]}`)
		if got := fmt.Sprint(rep.bundle(t).ids()); rep.status != 200 || got != tc[1] {
			t.Errorf("%s: %d %s, want %s", path, rep.status, got, tc[1])
		}
	}
}

// TestRealFHIRClients has other people's clients read, search, page and transact.
func TestRealFHIRClients(t *testing.T) {
	python := os.Getenv("CLIENTS_PYTHON")
	if python == "" {
		python = "python3"
	}
	h := open(t, testConfig(t.TempDir()+"/data"))
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	modules := os.Getenv("CLIENTS_NODE") // a folder with node_modules
	ran := 0
	for _, c := range []struct{ name, dir, check, script string }{
		{python, here, "import fhirpy", "fhirpy_client.py"},
		{"node", modules, "", "fhir-kit.mjs"},
	} {
		if c.check != "" && exec.Command(c.name, "-c", c.check).Run() != nil || c.dir == "" {
			t.Logf("%s is not run: its client is not installed (CLIENTS_PYTHON, CLIENTS_NODE)", c.script)
			continue
		}
		cmd := exec.CommandContext(t.Context(), c.name, filepath.Join(here, "bench/clients", c.script), h.base+"/fhir")
		cmd.Dir = c.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", c.script, err, out)
		}
		ran++
	}
	if ran == 0 {
		t.Skip("no client is installed")
	}
}
