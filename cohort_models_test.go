package ember_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ember/aiaas"
	"ember/server/auth"
)

// stays are patients in hospital for four days, of whom those with much lactate on the
// first day die on the third, and the others' lactate comes later too.
func stays(n int) string {
	var b strings.Builder
	for i := range n {
		id, sick := fmt.Sprintf("st-%03d", i), i%3 == 0
		dead := ""
		if sick {
			dead = `,"deceasedDateTime":"2024-03-03T10:00:00Z"`
		}
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"%s","gender":"%s","birthDate":"%d-05-05"%s}`+"\n", id, []string{"female", "male"}[i%2], 1940+i%50, dead)
		fmt.Fprintf(&b, `{"resourceType":"Encounter","id":"%s-e","status":"finished","class":{"code":"IMP"},"subject":{"reference":"Patient/%[1]s"},"period":{"start":"2024-03-01T08:00:00Z","end":"2024-03-%02[2]dT12:00:00Z"}}`+"\n", id, map[bool]int{true: 3, false: 5}[sick])
		for k, v := range []float64{1 + float64(i%5)/5, 6} {
			if sick {
				v = 4 + float64(i%4)/2
			}
			fmt.Fprintf(&b, `{"resourceType":"Observation","id":"%s-o%d","status":"final","category":[{"coding":[{"code":"laboratory"}]}],"subject":{"reference":"Patient/%[1]s"},"code":{"coding":[{"system":"http://loinc.org","code":"2524-7"}]},"effectiveDateTime":"2024-03-0%[3]dT10:00:00Z","valueQuantity":{"value":%.1[4]f,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}`+"\n", id, k, 1+2*k, v)
		}
	}
	return b.String()
}

const deathSampling = `{"index":"encounter:IMP","after":"24h","label":"life:dead","horizon":"stay"}`

// TestACohortBecomesAModelThatAnswers draws a data set, trains on it, asks about a
// cohort, and writes what is said back.
func TestACohortBecomesAModelThatAnswers(t *testing.T) {
	dir := t.TempDir() + "/data"
	h := open(t, testConfig(dir))
	h.load(stays(120))
	h.ready()
	var drawn struct {
		Dataset aiaas.DatasetInfo
		Report  aiaas.Report
		Drawn   struct{ Moments, Samples, Outcomes int }
	}
	h.do("POST", "/v1/datasets/deaths?from=cohort", "application/json", strings.NewReader(deathSampling)).into(t, 201, &drawn)
	if drawn.Dataset.Task != "timeline-risk" || drawn.Drawn.Samples != 120 || drawn.Drawn.Outcomes != 40 || drawn.Report.Subjects != 120 {
		t.Fatalf("%+v", drawn)
	}
	if !drawn.Report.Has(aiaas.LeakColumn, "") {
		t.Error("the report does not say that one column alone gives the label")
	}
	var j aiaas.Job
	h.do("POST", "/v1/jobs", "application/json", strings.NewReader(`{"model":"deaths","dataset":"deaths","families":["prior","linear"],"seconds":120}`)).into(t, 202, &j)
	events := h.get("/v1/jobs/" + j.ID + "/events")
	lines := strings.Split(strings.TrimSpace(string(events.body)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &j); err != nil || j.State != aiaas.Done || j.Family != "linear" {
		t.Fatalf("%s, %v", lines[len(lines)-1], err)
	}
	var said struct {
		Outcome     string
		Asked       struct{ Patients, Outside, NoMoment int }
		Predictions []struct {
			Patient, Resource string
			Value             float64
		}
	}
	// Newcomers who are still there: one sick, one not, one without a stay.
	h.load(strings.NewReplacer("st-", "new-", `,"deceasedDateTime":"2024-03-03T10:00:00Z"`, "", `,"end":"2024-03-03T12:00:00Z"`, "", `,"end":"2024-03-05T12:00:00Z"`, "").Replace(stays(2)) +
		`{"resourceType":"Patient","id":"new-none","birthDate":"1950-01-01"}`)
	h.ready()
	h.do("POST", "/v1/models/deaths/cohort", "application/json", strings.NewReader(`{"text":"life:alive","write":true}`)).into(t, 200, &said)
	by := map[string]float64{}
	for _, p := range said.Predictions {
		by[p.Patient] = p.Value
		var risk struct {
			ResourceType string
			Subject      struct{ Reference string }
			Method       struct {
				Coding []struct{ System, Code string }
			}
			Prediction []struct{ ProbabilityDecimal float64 }
		}
		h.get("/fhir/"+p.Resource).into(t, 200, &risk)
		if risk.Subject.Reference != p.Patient || risk.Method.Coding[0].Code != "deaths/1" || abs(risk.Prediction[0].ProbabilityDecimal-p.Value) > 1e-4 {
			t.Fatalf("%+v of %+v", risk, p)
		}
	}
	if len(by) != 82 || said.Asked.NoMoment != 1 || by["Patient/new-000"] < 0.8 || by["Patient/new-001"] > 0.2 || said.Outcome != "life:dead before the stay ends" {
		t.Errorf("%d predictions, %+v, %g and %g", len(by), said.Asked, by["Patient/new-000"], by["Patient/new-001"])
	}
	// Once more: the same resources, no new ones.
	var found struct{ Total int }
	h.do("POST", "/v1/models/deaths/cohort", "application/json", strings.NewReader(`{"text":"life:alive","write":true}`)).into(t, 200, nil)
	h.get("/fhir/RiskAssessment?_summary=count").into(t, 200, &found)
	if found.Total != 82 {
		t.Errorf("%d risks are stored, not 82", found.Total)
	}
	if err := grep(dir, "st-00"); err != nil {
		t.Error(err)
	}
	h.askByScore(t, by)
	// Who is erased is in no data set, and has no score.
	if _, err := h.Erase(context.Background(), "st-007"); err != nil {
		t.Fatal(err)
	}
	if scores, err := h.Scores("deaths"); err != nil || len(scores) != 81 || scores["st-007"].Source != "" {
		t.Errorf("%d scores after an erasure, %v", len(scores), err)
	}
	// Those of another version are in the place of all that were there.
	if err := h.PutScore("deaths", "2", "st-008", .25); err != nil {
		t.Fatal(err)
	}
	if scores, err := h.Scores("deaths"); err != nil || len(scores) != 1 || scores["st-008"].Value != .25 {
		t.Errorf("a new version's scores: %v, %v", scores, err)
	}
	if r := h.get("/v1/datasets/deaths"); r.status != 404 {
		t.Errorf("the data set with an erased patient is still there: %d", r.status)
	}
}

// askByScore asks for cohorts by what was said of patients.
func (h *hospital) askByScore(t *testing.T, said map[string]float64) {
	t.Helper()
	least, high := 0.5, 0
	for _, v := range said {
		if v <= least {
			high++
		}
	}
	var a struct {
		Count    *int
		Warnings []struct{ Text string }
	}
	h.do("POST", "/v1/cohorts/count", "text/plain", strings.NewReader("score:deaths<=0.5")).into(t, 200, &a)
	if a.Count == nil || abs(float64(*a.Count-high)) > 5 || len(a.Warnings) != 0 {
		t.Errorf("count by score: %+v, %d are there", a, high)
	}
	var why struct {
		Matches bool
		Reasons []struct {
			Evidence []struct {
				Source, Kind, Text, Day string
				Value                   float64
			}
		}
	}
	h.do("POST", "/v1/cohorts/why", "application/json", strings.NewReader(`{"definition":{"score":{"model":"deaths","above":0.5}},"patient":"new-000"}`)).into(t, 200, &why)
	if !why.Matches || len(why.Reasons[0].Evidence) != 1 || why.Reasons[0].Evidence[0].Text != "deaths version 1: life:dead before the stay ends" ||
		why.Reasons[0].Evidence[0].Day != "2024-03-02T08:00:00Z" || abs(why.Reasons[0].Evidence[0].Value-said["Patient/new-000"]) > 1e-9 {
		t.Errorf("why by score: %+v", why)
	}
	var names struct {
		Names []struct{ Field, Value, Label string }
	}
	h.get("/v1/cohorts/names?q=dea").into(t, 200, &names)
	if len(names.Names) == 0 || names.Names[0].Field != "score" || names.Names[0].Value != "deaths" {
		t.Errorf("completion: %+v", names)
	}
}

func abs(v float64) float64 { return max(v, -v) }

// TestAForecastHasAnInterval trains on next values.
func TestAForecastHasAnInterval(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(stays(90))
	h.ready()
	h.do("POST", "/v1/datasets/lactate?from=cohort", "application/json", strings.NewReader(`{"index":"encounter:IMP","after":"24h","next":"lab.code:2524-7","horizon":"30d"}`)).into(t, 201, nil)
	var j aiaas.Job
	h.do("POST", "/v1/jobs", "application/json", strings.NewReader(`{"model":"lactate","dataset":"lactate","families":["prior","linear"],"seconds":120}`)).into(t, 202, &j)
	h.get("/v1/jobs/" + j.ID + "/events")
	var said struct {
		Predictions []struct {
			Value, Low, High float64
		}
	}
	h.do("POST", "/v1/models/lactate/cohort", "application/json", strings.NewReader(`{"text":"sex:female"}`)).into(t, 200, &said)
	for _, p := range said.Predictions {
		if p.Low > p.Value || p.High < p.Value || p.High-p.Low > 10 || p.High == p.Low {
			t.Errorf("%+v", p)
		}
	}
	if len(said.Predictions) != 45 {
		t.Errorf("%d predictions", len(said.Predictions))
	}
	if r := h.do("POST", "/v1/models/lactate/cohort", "application/json", strings.NewReader(`{"text":"sex:female","write":true}`)); r.status != 400 {
		t.Errorf("a forecast is written as a risk: %d", r.status)
	}
}

// TestCohortDataNeedTheirRights: samples are patients, and writing is writing.
func TestCohortDataNeedTheirRights(t *testing.T) {
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens")
	lines := auth.Hash("a") + "\tall\tall\n" + auth.Hash("m") + "\tmodels\tmodels,cohorts\n" + auth.Hash("p") + "\tpredicts\tpredict\n" + auth.Hash("r") + "\trows\tpredict,members\n"
	if err := os.WriteFile(tokens, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	config := testConfig(dir + "/data")
	config.TokenFile = tokens
	h := open(t, config)
	for _, c := range []struct {
		token, path, body string
		status            int
	}{
		{"m", "/v1/datasets/x?from=cohort", deathSampling, 403},
		{"a", "/v1/datasets/x?from=cohort", deathSampling, 400}, // nobody is there
		{"a", "/v1/datasets/x?from=elsewhere", deathSampling, 400},
		{"a", "/v1/datasets/x?from=cohort", `{"index":"encounter:IMP"}`, 400},
		{"p", "/v1/models/x/cohort", `{"text":"sex:male"}`, 403},
		{"r", "/v1/models/x/cohort", `{"text":"sex:male","write":true}`, 403},
		{"r", "/v1/models/x/cohort", `{"text":"sex:male"}`, 404},
	} {
		before := auditLine(t, h.App)
		req, err := http.NewRequest("POST", h.base+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.token, c.path, resp.StatusCode, c.status)
		}
		if auditLine(t, h.App) == before {
			t.Errorf("%s %s left no entry in the audit record", c.token, c.path)
		}
	}
}

// TestWhoIsErasedMeanwhileGetsNoRisk: what was computed before an erasure does not bring
// the patient back.
func TestWhoIsErasedMeanwhileGetsNoRisk(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(patient("p1") + "\n" + patient("p2"))
	since := h.Head()
	if _, err := h.Erase(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	scored, err := h.WriteRisks(t.Context(), []string{"p1", "p2"}, since)
	if err != nil || !slices.Equal(scored, []string{"p2"}) {
		t.Errorf("%v, %v", scored, err)
	}
	if got := len(h.get("/fhir/RiskAssessment").bundle(t).Entry); got != 1 {
		t.Errorf("%d risks are written", got)
	}
}
