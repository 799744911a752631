package ember_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ember"
)

// The marks stand where patients' data stand: id, name, identifier, notes, a
// code only one patient has.
var marks = []string{"zzmarkid", "Zzmarkname", "zzmarkmrn", "zzmarknote", "zzmarkcode", "Zzmarkdrug"}

const marked = `{"resourceType":"Patient","id":"zzmarkid","name":[{"family":"Zzmarkname"}],"identifier":[{"system":"urn:mrn","value":"zzmarkmrn"}],"gender":"male","birthDate":"1961-01-01"}
{"resourceType":"Condition","id":"zzmarkid-c","subject":{"reference":"Patient/zzmarkid"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}],"text":"zzmarknote"},"recordedDate":"2020-01-01"}
{"resourceType":"Condition","id":"zzmarkid-d","subject":{"reference":"Patient/zzmarkid"},"code":{"coding":[{"system":"urn:x","code":"zzmarkcode"}]},"recordedDate":"2020-01-01"}
{"resourceType":"DocumentReference","id":"zzmarkid-n","status":"current","subject":{"reference":"Patient/zzmarkid"},"date":"2024-05-01","content":[{"attachment":{"contentType":"text/plain","data":"enptYXJrbm90ZSBpcyBoZXJl"}}]}
{"resourceType":"MedicationRequest","id":"zzmarkid-m","status":"active","intent":"order","medicationCodeableConcept":{"text":"Zzmarkdrug"},"subject":{"reference":"Patient/zzmarkid"},"authoredOn":"2024-12-05"}
`

// TestPrivacy does everything with a marked patient and looks for the marks where
// they must not be: log, metrics, errors, Redis, names and bytes of files outside
// the index.
func TestPrivacy(t *testing.T) {
	r := startRedis(t)
	log := new(logged)
	config := testConfig(trainedDir(t))
	config.Redis = []string{r.addr}
	config.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := open(t, config)
	h.load(marked)
	errors := h.commotion()
	h.ready()
	if err := os.MkdirAll(filepath.Join(config.Data, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Backup(context.Background(), ember.BackupRequest{Path: filepath.Join(config.Data, "x", "backup")}, func(string, int, int) {}); err != nil {
		t.Fatal(err)
	}
	if n := r.say("DBSIZE"); strings.HasPrefix(n, ":0") {
		t.Error("nothing is in Redis: the test proves little")
	}
	dump := r.say("KEYS *")
	for _, key := range strings.Fields(dump) {
		if strings.HasPrefix(key, "$") || strings.HasPrefix(key, "*") {
			continue
		}
		dump += r.say("GET " + key)
	}
	places := map[string]string{
		"the log": log.String(), "/metrics": string(h.get("/metrics").body), "/v1/status": string(h.get("/v1/status").body),
		"/readyz": string(h.get("/readyz").body), "errors": errors, "Redis": dump,
	}
	if !strings.Contains(places["the log"], "recommendations") || !strings.Contains(places["/metrics"], "recommendations") {
		t.Error("the log or the metrics are empty: the test proves little")
	}
	for place, text := range places {
		for _, mark := range marks {
			if at := strings.Index(strings.ToLower(text), strings.ToLower(mark)); at >= 0 {
				t.Errorf("%s is in %s: …%s…", mark, place, text[max(0, at-100):min(len(text), at+60)])
			}
		}
	}
	sealed(t, config.Data)
}

// commotion asks for everything there is, rightly and wrongly, and returns the
// answers that are errors.
func (h *hospital) commotion() (errors string) {
	keep := func(r reply) {
		if r.status >= 400 {
			errors += string(r.body) + "\n"
		}
	}
	const doc = `{"resourceType":"Observation","id":"zzmarkid-o","code":"Zzmarkname","subject":{"reference":"Patient/zzmarkid","reference":"zzmarknote"}}`
	h.recommend("zzmarkid", "want=treatments")
	h.recommend("zzmarkid", "want=tests&at=2024-06-01&explain=urn:x|zzmarkcode")
	for _, path := range []string{
		"/v1/patients/zzmarkid/recommendations", "/v1/patients/zzmarkid/recommendations?want=zzmarknote",
		"/v1/patients/zzmarkidx/recommendations?want=tests", "/v1/patients/zzmarkid%20x/recommendations?want=tests",
		"/fhir/Patient/zzmarkidx", "/fhir/Zzmarkname/1", "/fhir/zzmarkname/1", "/fhir/Patient/zzmarkid/_history/99", "/fhir/Patient/zzmarkid?_raw=zzmarkmrn",
		"/v1/search?q=zzmarknote", "/v1/search?q=zzmarkname&limit=zzmarkid", "/v1/search", "/zzmarkid", "/fhir/Patient/zzmarkid",
	} {
		keep(h.get(path))
	}
	for _, text := range []string{"zzmarkname", "condition.code:zzmarkcode", "condition:zzmarknote age:zzmarkmrn", "zzmarkname:x", "cohort:zzmarkid", "drug.class:zzmarkdrug",
		"lab:zzmarknote>9 zzmarkname", "note:zzmarknote note:zzmarknote", "condition.zzmarkname:x", "sex:zzmarkname", "x:y|zzmarkcode"} {
		keep(h.do("POST", "/v1/cohorts/count", "text/plain", strings.NewReader(text)))
		keep(h.do("POST", "/v1/cohorts/why", "application/json", strings.NewReader(`{"patient":"zzmarkid","text":"`+text+`"}`)))
		keep(h.do("POST", "/v1/cohorts", "application/json", strings.NewReader(`{"name":"zzmarkid!","text":"`+text+`"}`)))
	}
	keep(h.get("/v1/cohorts/zzmarkid"))
	keep(h.do("POST", "/zzmarkid", fhirJSON, strings.NewReader(marked)))
	keep(h.do("PUT", "/fhir/Patient/other", fhirJSON, strings.NewReader(`{"resourceType":"Patient","id":"zzmarkid"}`)))
	keep(h.do("PUT", "/fhir/Observation/zzmarkid-o", fhirJSON, strings.NewReader(doc)))
	keep(h.do("PUT", "/fhir/Observation/zzmarkid-o", "text/zzmarkname", strings.NewReader(doc)))
	keep(h.do("POST", "/fhir", fhirJSON, strings.NewReader(bundleOf("transaction", patient("a"), doc))))
	keep(h.do("POST", "/fhir", fhirJSON, strings.NewReader(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":`+doc+`},{"zzmarknote`)))
	keep(h.do("POST", "/fhir", ndjson, strings.NewReader(doc+"\n"+doc)))
	keep(h.do("POST", "/v1/recommendations?want=tests", fhirJSON, strings.NewReader(bundleOf("collection", patient("zzmarkid"), doc))))
	keep(h.do("POST", "/v1/recommendations?want=tests", fhirJSON, strings.NewReader(bundleOf("collection", patient("zzmarkid"), patient("Zzmarkname")))))
	req, err := http.NewRequest("PUT", h.base+"/fhir/Patient/zzmarkid", strings.NewReader(patient("zzmarkid")))
	if err != nil {
		h.Fatal(err)
	}
	req.Header.Set("Content-Type", fhirJSON)
	req.Header.Set("If-Match", `W/"zzmarkmrn"`)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.Fatal(err)
	}
	_ = resp.Body.Close()
	return errors
}

// sealed looks for the marks in files: nothing outside the index, which cannot be
// sealed, may hold them.
func sealed(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "index" {
				return filepath.SkipDir
			}
			return nil
		}
		b, err := os.ReadFile(path)
		for _, mark := range marks {
			if strings.Contains(string(b), mark) {
				t.Errorf("%s is in %s", mark, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
