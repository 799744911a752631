package ember_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"ember/aiaas"
)

// viewSampling draws deaths in the stay from what a view says after a day of it.
func viewSampling(resource, columns string) string {
	return `{"index":"encounter:IMP","after":"24h","label":"life:dead","horizon":"stay","view":{"resourceType":"ViewDefinition","status":"active","resource":"` + resource + `","select":[{"column":[` + columns + `]}]}}`
}

const lactate = `{"name":"lactate","path":"value.ofType(Quantity).value","type":"decimal"},{"name":"unit","path":"value.ofType(Quantity).unit"},{"name":"final","path":"status = 'final'","type":"boolean"}`

// TestAViewBecomesATableOfAModel trains on a view's columns and asks about a cohort.
func TestAViewBecomesATableOfAModel(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(stays(120))
	h.ready()
	var drawn struct {
		Dataset aiaas.DatasetInfo
		Drawn   struct{ Samples, Outcomes int }
	}
	h.do("POST", "/v1/datasets/lactate?from=cohort", "application/json", strings.NewReader(viewSampling("Observation", lactate))).into(t, 201, &drawn)
	if drawn.Dataset.Task != "tabular" || drawn.Drawn.Samples != 120 || drawn.Drawn.Outcomes != 40 {
		t.Fatalf("%+v", drawn)
	}
	var j aiaas.Job
	h.do("POST", "/v1/jobs", "application/json", strings.NewReader(`{"model":"lactate","dataset":"lactate","families":["prior","linear"],"seconds":120}`)).into(t, 202, &j)
	lines := strings.Split(strings.TrimSpace(string(h.get("/v1/jobs/"+j.ID+"/events").body)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &j); err != nil || j.State != aiaas.Done || j.Family != "linear" {
		t.Fatalf("%s, %v", lines[len(lines)-1], err)
	}
	var said struct {
		Predictions []struct {
			Patient string
			Value   float64
		}
	}
	h.do("POST", "/v1/models/lactate/cohort", "application/json", strings.NewReader(`{"text":"sex:female or sex:male"}`)).into(t, 200, &said)
	for _, p := range said.Predictions {
		var i int
		if _, err := fmt.Sscanf(p.Patient, "Patient/st-%d", &i); err != nil || (p.Value > .5) != (i%3 == 0) {
			t.Errorf("%s: %g", p.Patient, p.Value)
		}
	}
	if len(said.Predictions) != 120 {
		t.Errorf("%d predictions", len(said.Predictions))
	}
}

// TestAViewSeesNothingOfLater: neither resources that came after the moment nor what the
// others say of it.
func TestAViewSeesNothingOfLater(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(stays(30))
	h.ready()
	shown, err := h.Shown(viewSampling("Observation", lactate))
	if err != nil || len(shown) != 30 {
		t.Fatalf("%d, %v", len(shown), err)
	}
	if got := shown["st-001"]; got["lactate"] != "1.2" || got["unit"] != "mmol/L" || got["final"] != "true" {
		t.Errorf("%v", got)
	}
	h.load(`{"resourceType":"Observation","id":"late","status":"final","category":[{"coding":[{"code":"laboratory"}]}],"subject":{"reference":"Patient/st-001"},"code":{"coding":[{"system":"http://loinc.org","code":"2524-7"}]},"effectiveDateTime":"2024-03-02T08:00:01Z","valueQuantity":{"value":9,"unit":"mmol/L"}}`)
	h.ready()
	again, err := h.Shown(viewSampling("Observation", lactate))
	if err != nil || !maps.Equal(again["st-001"], shown["st-001"]) {
		t.Errorf("a later value is seen: %v, %v", again["st-001"], err)
	}
	stays, err := h.Shown(viewSampling("Encounter", `{"name":"ended","path":"period.end.exists()"},{"name":"begun","path":"period.start.exists()"},{"name":"state","path":"status"}`))
	if got := stays["st-000"]; err != nil || got["ended"] != "false" || got["begun"] != "true" || got["state"] != "" {
		t.Errorf("what became of a stay is seen: %v, %v", got, err)
	}
	h.load(`{"resourceType":"Encounter","id":"st-002-e","status":"finished","class":{"code":"IMP"},"subject":{"reference":"Patient/st-002"},"period":{"start":"2024-03-01T08:00:00Z","end":"2024-03-05T12:00:00Z"},"location":[{"location":{"display":"ward"},"period":{"start":"2024-03-01T08:00:00Z"}},{"location":{"display":"intensive care"},"period":{"start":"2024-03-04T08:00:00Z"}}]}`)
	h.ready()
	wards, err := h.Shown(viewSampling("Encounter", `{"name":"ward","path":"location.location.display.first()"},{"name":"wards","path":"location.count()"}`))
	if got := wards["st-002"]; err != nil || got["ward"] != "ward" || got["wards"] != "1" {
		t.Errorf("a ward of later is seen: %v, %v", got, err)
	}
	people, err := h.Shown(viewSampling("Patient", `{"name":"dead","path":"deceased.exists()"},{"name":"sex","path":"gender"}`))
	if got := people["st-000"]; err != nil || got["dead"] != "false" || got["sex"] != "female" {
		t.Errorf("a later death is seen: %v, %v", got, err)
	}
}

// TestViewsThatMakeNoTable are refused by the name of the column.
func TestViewsThatMakeNoTable(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(stays(3))
	h.ready()
	for columns, want := range map[string]string{
		`{"name":"who","path":"getResourceKey()"}`:                             "the column who names the patient",
		`{"name":"codes","path":"code.coding.code","collection":true}`:         "the column codes may have several values",
		`{"name":"outcome","path":"status"}`:                                   "the column outcome has a name that the table needs",
		`{"name":"day","path":"effective.ofType(dateTime)","type":"dateTime"}`: "the column day is a point in time",
		`{"name":"x","path":"nothing("}`:                                       "",
		`{"name":"code","path":"status"}]},{"forEach":"code.coding | category.coding","column":[{"name":"one","path":"code"}`: "the column one has several values",
	} {
		r := h.do("POST", "/v1/datasets/x?from=cohort", "application/json", strings.NewReader(viewSampling("Observation", columns)))
		if r.status < 400 || r.status >= 500 || !strings.Contains(string(r.body), want) || !strings.Contains(string(r.body), `view`) {
			t.Errorf("%s: %d %s", columns, r.status, r.body)
		}
	}
}

// TestViewsThatNameAPatient are refused, however the column is made: a data set and the
// words that a model learned stay where names must not be.
func TestViewsThatNameAPatient(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(stays(3) + `{"resourceType":"Patient","id":"st-001","gender":"male","birthDate":"1941-05-05","identifier":[{"system":"urn:mrn","value":"777"}],"name":[{"family":"Moss"}],"address":[{"city":"Amherst","state":"MA"}]}`)
	h.ready()
	for _, path := range []string{"identifier.value.first()", "name.family.first()", "birthDate", "'x' & id", "name.family.first().substring(0, 2)", "address.city.first()"} {
		r := h.do("POST", "/v1/datasets/x?from=cohort", "application/json", strings.NewReader(viewSampling("Patient", `{"name":"who","path":"`+path+`"}`)))
		if r.status != 400 || !strings.Contains(string(r.body), "the column who names the patient") {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if shown, err := h.Shown(viewSampling("Patient", `{"name":"state","path":"address.state.first()"}`)); err != nil || shown["st-001"]["state"] != "MA" {
		t.Errorf("%v, %v", shown, err)
	}
}
