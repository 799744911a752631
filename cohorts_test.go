package ember_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ember/server/auth"
)

// diabetics are n people with diabetes, an HbA1c each and a note.
func diabetics(n int) string {
	var b strings.Builder
	for i := range n {
		id := fmt.Sprintf("dm-%02d", i)
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"%s","gender":"%s","birthDate":"%d-05-05"}`+"\n", id, []string{"female", "male"}[i%2], 1940+i)
		fmt.Fprintf(&b, `{"resourceType":"Condition","id":"%s-c","subject":{"reference":"Patient/%[1]s"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.%[2]d"}],"text":"type 2 diabetes"},"recordedDate":"2023-01-05"}`+"\n", id, []int{9, 65}[i%2])
		for v := range 2 {
			fmt.Fprintf(&b, `{"resourceType":"Observation","id":"%s-o%d","status":"final","category":[{"coding":[{"code":"laboratory"}]}],"subject":{"reference":"Patient/%[1]s"},"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"effectiveDateTime":"2024-0%[3]d-05","valueQuantity":{"value":%[4]d.5,"unit":"%%","system":"http://unitsofmeasure.org","code":"%%"}}`+"\n", id, v, 3+4*v, 7+i%4)
		}
	}
	return b.String()
}

func ask(h *hospital, path, body string) reply {
	h.Helper()
	return h.do("POST", path, "application/json", strings.NewReader(body))
}

// count is what POST /v1/cohorts/count says: -1 when it is suppressed.
func count(h *hospital, text string) int {
	h.Helper()
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		h.Fatal(err)
	}
	r := ask(h, "/v1/cohorts/count", string(body))
	var a struct {
		Count      *int
		Suppressed bool
	}
	if r.decode(h, &a); r.status != 200 || a.Suppressed != (a.Count == nil) {
		h.Fatalf("%s: %d %s", text, r.status, r.body)
	}
	if a.Count == nil {
		return -1
	}
	return *a.Count
}

// TestCohorts walks from a text over HTTP to members, reasons and a Group.
func TestCohorts(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(diabetics(40))
	h.ready()
	for text, want := range map[string]int{
		"condition:diabetes":                      40,
		"condition.code:E11.65":                   20,
		"lab:HbA1c>9 x2 within 1y":                20, // 9.5 and 10.5
		"lab:HbA1c>9 x2 within 30d":               -1,
		"condition.under:E11 then lab:HbA1c>9":    20,
		"lab.code:4548-4 then condition:diabetes": -1,
		"condition:diabetes at age:>=70 sex:male": -1,
	} {
		if got := count(h, text); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	if r := ask(h, "/v1/cohorts", `{"name":"high","text":"lab:HbA1c>9 x2 within 1y"}`); r.status != 201 || r.header.Get("Location") != "/v1/cohorts/high" {
		t.Fatalf("saving: %d %s", r.status, r.body)
	}
	var page struct {
		Members []string
		Next    string
	}
	h.get("/v1/cohorts/high/members?limit=15").decode(t, &page)
	if len(page.Members) != 15 || page.Next != page.Members[14] {
		t.Errorf("%+v", page)
	}
	next := page.Next
	page.Next = ""
	h.get("/v1/cohorts/high/members?after="+next).decode(t, &page)
	if len(page.Members) != 5 || page.Next != "" {
		t.Errorf("%+v", page)
	}
	var why struct {
		Matches bool
		Reasons []struct {
			Holds    bool
			Evidence []struct{ Source, Day string }
		}
	}
	h.get("/v1/cohorts/high/why?patient=dm-02").decode(t, &why)
	if !why.Matches || len(why.Reasons) != 1 || len(why.Reasons[0].Evidence) != 2 || why.Reasons[0].Evidence[0].Source != "Observation/dm-02-o0" || why.Reasons[0].Evidence[0].Day != "2024-03-05" {
		t.Errorf("%+v", why)
	}
	ask(h, "/v1/cohorts/why", `{"patient":"Patient/dm-00","definition":{"event":{"kind":"test","text":"HbA1c","value":{"above":9}}}}`).decode(t, &why)
	if why.Matches {
		t.Errorf("7.5 is not above 9: %+v", why)
	}
	var group struct {
		ResourceType, Type string
		Actual             bool
		Quantity           int
		Member             []struct{ Entity struct{ Reference string } }
	}
	h.get("/v1/cohorts/high/export").decode(t, &group)
	if group.ResourceType != "Group" || group.Type != "person" || !group.Actual || group.Quantity != 20 || len(group.Member) != 20 || group.Member[0].Entity.Reference != "Patient/dm-02" {
		t.Errorf("%+v", group)
	}
	definition := string(ask(h, "/v1/cohorts/to-group", `{"text":"condition.code:icd10|E11.9 -lab.code:loinc|4548-4>9 %"}`).body)
	var back struct{ Text string }
	ask(h, "/v1/cohorts/from-group", definition).decode(t, &back)
	if !strings.Contains(definition, `"actual":false`) || back.Text != "condition.code:icd10|E11.9 -lab.code:loinc|4548-4>9 %" {
		t.Errorf("%s comes back as %q", definition, back.Text)
	}
	if r := ask(h, "/v1/cohorts/from-group", strings.Replace(definition, `"exclude":true`, `"novel":1`, 1)); r.status != 400 || !strings.Contains(string(r.body), "Group.characteristic[1]") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := ask(h, "/v1/cohorts/to-group", `{"text":"sex:female lab:HbA1c>9"}`); r.status != 400 || !strings.Contains(string(r.body), "all[1].event.text") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if csv := string(h.get("/v1/cohorts/high/export?format=csv").body); !strings.HasPrefix(csv, "patient\ndm-02\n") || strings.Count(csv, "\n") != 21 {
		t.Error(csv)
	}
	if r := h.do("DELETE", "/v1/cohorts/high", "", nil); r.status != 204 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.get("/v1/cohorts/high/members"); r.status != 404 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestCohortErrorsNameThePlace of what was sent.
func TestCohortErrorsNameThePlace(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	for body, want := range map[string]string{
		`{"text":"sex:male conditon:x"}`:                          `"location":["text:10"]`,
		`{"text":"note:\"grün\" sex:mal"}`:                        `"location":["text:13"]`,
		`{"definition":{"all":[{"sex":"male"},{"event":{}}]}}`:    `"expression":["definition.all[1].event"]`,
		`{"definition":{"all":[{"sex":"male"},{"sexx":"male"}]}}`: `did you mean sex?`,
		`{"text":"sex:male","definition":{"sex":"male"}}`:         `both there`,
		`{}`:                        `the definition is empty`,
		`{"txt":"sex:male"}`:        `unknown field`,
		`{"text":"age:>50 age:<4"}`: `nobody meets both`,
	} {
		if r := ask(h, "/v1/cohorts/count", body); r.status != 400 || !strings.Contains(string(r.body), want) {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	for path, status := range map[string]int{"/v1/cohorts/none": 404, "/v1/cohorts/none/members": 404, "/v1/cohorts/none/why?patient=a": 404, "/v1/cohorts/none/export": 404,
		"/v1/cohorts/none/export?format=pdf": 400, "/v1/cohorts/none/members?limit=5000": 400} {
		if r := h.get(path); r.status != status {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	for _, name := range []string{"", "Upper", "count", "a/b", strings.Repeat("a", 65)} {
		if r := ask(h, "/v1/cohorts", `{"name":"`+name+`","text":"sex:male"}`); r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

// TestCohortsLeaveOutWhoRefusesAndWhoIsErased from the moment on.
func TestCohortsLeaveOutWhoRefusesAndWhoIsErased(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(diabetics(20))
	h.ready()
	if r := ask(h, "/v1/cohorts", `{"name":"all","text":"condition:diabetes"}`); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	h.load(fmt.Sprintf(deny, "dm-03"))
	if _, err := h.Erase(context.Background(), "dm-04"); err != nil {
		t.Fatal(err)
	}
	h.ready()
	var page struct{ Members []string }
	h.get("/v1/cohorts/all/members").decode(t, &page)
	if got := strings.Join(page.Members, " "); len(page.Members) != 18 || strings.Contains(got, "dm-03") || strings.Contains(got, "dm-04") {
		t.Error(got)
	}
	for _, id := range []string{"dm-03", "dm-04"} {
		if r := h.get("/v1/cohorts/all/why?patient=" + id); r.status != 404 {
			t.Errorf("%s: %d %s", id, r.status, r.body)
		}
	}
	h.load(strings.ReplaceAll(diabetics(20), "dm-", "xx-"))
	h.ready()
	if got := count(h, "condition:diabetes"); got != 40 {
		t.Errorf("%d of 38", got)
	}
}

// TestCohortRights: numbers need one right, rows another, and every access is
// recorded.
func TestCohortRights(t *testing.T) {
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens")
	lines := auth.Hash("a") + "\tall\tall\n" + auth.Hash("c") + "\tcounts\tcohorts\n" + auth.Hash("m") + "\tmembers\tmembers\n" + auth.Hash("s") + "\tsearches\tsearch,read\n" + auth.Hash("l") + "\tlimited\tcohorts,members\tdm-01\n"
	if err := os.WriteFile(tokens, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	config := testConfig(dir + "/data")
	config.TokenFile = tokens
	h := open(t, config)
	send := func(token, method, path, media, body string) int {
		req, err := http.NewRequest(method, h.base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", media)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	if got := send("a", "POST", "/fhir", ndjson, diabetics(20)); got != 200 {
		t.Fatal(got)
	}
	h.ready()
	if got := send("a", "POST", "/v1/cohorts", "application/json", `{"name":"all","text":"condition:diabetes"}`); got != 201 {
		t.Fatal(got)
	}
	for _, c := range []struct {
		token, method, path, body string
		status                    int
	}{
		{"c", "POST", "/v1/cohorts/count", `{"text":"condition:diabetes"}`, 200},
		{"c", "POST", "/v1/cohorts/facets", `{"text":"condition:diabetes"}`, 200},
		{"c", "GET", "/v1/cohorts", "", 200},
		{"c", "GET", "/v1/cohorts/names?q=diab", "", 200},
		{"c", "GET", "/v1/cohorts/all/members", "", 403},
		{"c", "GET", "/v1/cohorts/all/why?patient=dm-01", "", 403},
		{"c", "GET", "/v1/cohorts/all/export", "", 403},
		{"c", "POST", "/v1/cohorts/why", `{"patient":"dm-01","text":"sex:male"}`, 403},
		{"c", "POST", "/v1/cohorts/count", `{"text":"sex:male like:dm-01"}`, 403},
		{"c", "POST", "/v1/cohorts/compare", `{"a":{"text":"sex:male"},"b":{"text":"like:dm-01"}}`, 403},
		{"c", "POST", "/v1/cohorts", `{"name":"likes","text":"like:dm-01"}`, 403},
		{"a", "POST", "/v1/cohorts/count", `{"text":"like:dm-01"}`, 400}, // nothing is trained
		{"m", "GET", "/v1/cohorts/all/members", "", 200},
		{"m", "GET", "/v1/cohorts/all/why?patient=dm-01", "", 200},
		{"m", "POST", "/v1/cohorts/count", `{"text":"condition:diabetes"}`, 403},
		{"s", "POST", "/v1/cohorts/count", `{"text":"condition:diabetes"}`, 403},
		{"s", "GET", "/v1/cohorts/all/export", "", 403},
		{"l", "POST", "/v1/cohorts/count", `{"text":"condition:diabetes"}`, 403},
		{"l", "GET", "/v1/cohorts/all/members", "", 403},
	} {
		before := auditLine(t, h.App)
		if got := send(c.token, c.method, c.path, "application/json", c.body); got != c.status {
			t.Errorf("%s %s %s: %d, want %d", c.token, c.method, c.path, got, c.status)
		}
		if auditLine(t, h.App) == before && !strings.Contains(c.path, "names") {
			t.Errorf("%s %s %s left no entry in the audit record", c.token, c.method, c.path)
		}
	}
}
