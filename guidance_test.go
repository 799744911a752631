package ember_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// guidance is what $recommend answers with, read without any type of ours.
type guidance struct {
	ID, Type string
	Entry    []struct {
		FullURL  string `json:"fullUrl"`
		Resource map[string]any
	}
}

// of are the resources of a type.
func (g guidance) of(typ string) (all []map[string]any) {
	for _, e := range g.Entry {
		if e.Resource["resourceType"] == typ {
			all = append(all, e.Resource)
		}
	}
	return all
}

// references are all "reference" strings of a resource.
func references(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["reference"].(string); ok {
			into[ref] = true
		}
		for _, x := range v {
			references(x, into)
		}
	case []any:
		for _, x := range v {
			references(x, into)
		}
	}
}

// patientIDs are patients on record.
func (c client) patientIDs(n int) []string {
	c.t.Helper()
	ids := c.get(fmt.Sprintf("/fhir/Patient?_count=%d", n)).bundle(c.t).ids()
	for i, id := range ids {
		ids[i] = strings.TrimPrefix(id, "Patient/")
	}
	return ids
}

// TestRecommendAsFHIR: what FHIR says is what the REST answer says, under one id that
// feedback joins.
func TestRecommendAsFHIR(t *testing.T) {
	h := openTrained(t)
	blocked, warned, drafts := 0, 0, 0
	for _, id := range h.patientIDs(40) {
		at := today.Format(time.RFC3339)
		var rest struct {
			ID, DataVersion string
			Model           struct{ Version string }
			Items           []struct {
				Code        struct{ System, Code, Display string }
				Probability float64
				Warnings    []any
			}
			Blocked []struct {
				Reasons []struct{ Rule, Text string }
			}
		}
		plain := h.get("/v1/patients/" + id + "/recommendations?want=treatments&limit=5&at=" + at)
		if err := json.Unmarshal(plain.body, &rest); err != nil || plain.status != 200 {
			t.Fatalf("%d %v", plain.status, err)
		}
		var g guidance
		rep := h.get("/fhir/Patient/" + id + "/$recommend?want=treatments&limit=5&at=" + at)
		if err := json.Unmarshal(rep.body, &g); err != nil || rep.status != 200 {
			t.Fatalf("%d %v %s", rep.status, err, rep.body)
		}
		response := g.of("GuidanceResponse")[0]
		if g.Type != "collection" || g.ID != rest.ID || response["id"] != rest.ID || !strings.HasSuffix(response["moduleCanonical"].(string), "/PlanDefinition/ember-treatments|"+rest.Model.Version) {
			t.Fatalf("id %s, of REST %s", g.ID, rest.ID)
		}
		resolved, refs := map[string]bool{}, map[string]bool{}
		for _, e := range g.Entry {
			resolved[e.FullURL] = true
			references(e.Resource, refs)
		}
		for ref := range refs {
			if strings.HasPrefix(ref, "urn:") && !resolved[ref] {
				t.Errorf("%s leads nowhere", ref)
			}
		}
		orders := append(g.of("MedicationRequest"), g.of("ServiceRequest")...)
		if len(orders) != len(rest.Items) {
			t.Fatalf("%d drafts of %d items", len(orders), len(rest.Items))
		}
		drafts += len(orders)
		for _, o := range orders {
			if o["status"] != "draft" || o["intent"] != "order" || o["subject"].(map[string]any)["reference"] != "Patient/"+id {
				t.Errorf("draft %v", o)
			}
		}
		if len(rest.Items) > 0 {
			predictions := g.of("RiskAssessment")[0]["prediction"].([]any)
			for i, x := range rest.Items {
				p := predictions[i].(map[string]any)
				if p["probabilityDecimal"] != x.Probability {
					t.Errorf("%s: %v, REST says %v", x.Code.Display, p["probabilityDecimal"], x.Probability)
				}
				if words := p["qualitativeRisk"].(map[string]any)["text"].(string); !strings.Contains(words, "candidates that hold") {
					t.Errorf("how sure: %q", words)
				}
			}
		}
		want := map[string]int{}
		for _, x := range rest.Items {
			want["moderate or low"] += len(x.Warnings)
		}
		for _, x := range rest.Blocked {
			for _, f := range x.Reasons {
				want[f.Rule]++
			}
		}
		found := 0
		for _, d := range g.of("DetectedIssue") {
			rule := d["identifier"].([]any)[1].(map[string]any)["value"].(string)
			if d["severity"] == "high" {
				blocked++
			} else {
				warned++
			}
			if d["detail"] == nil || d["implicated"] == nil || rule == "" {
				t.Errorf("issue %v", d)
			}
			found++
		}
		sum := 0
		for n := range maps.Values(want) {
			sum += n
		}
		if found != sum {
			t.Errorf("%d issues, REST has %d", found, sum)
		}
		provenance, err := json.Marshal(g.of("Provenance")[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{rest.Model.Version, rest.DataVersion, `"Patient/` + id + `"`} {
			if !strings.Contains(string(provenance), part) {
				t.Errorf("provenance does not name %s", part)
			}
		}
	}
	if blocked == 0 || drafts == 0 {
		t.Errorf("%d blocked, %d warned, %d drafts: nothing was tested", blocked, warned, drafts)
	}
}

// TestRecommendAsFHIRIsRespondedTo: feedback names the GuidanceResponse.
func TestRecommendAsFHIRIsRespondedTo(t *testing.T) {
	h := openTrained(t)
	id := h.patientIDs(1)[0]
	var g guidance
	rep := h.ask("POST", "/fhir/$recommend", `{"resourceType":"Parameters","parameter":[{"name":"subject","valueReference":{"reference":"Patient/`+id+`"}},{"name":"want","valueCode":"treatments"},{"name":"feedback","valueBoolean":true}]}`)
	if err := json.Unmarshal(rep.body, &g); err != nil || rep.status != 200 {
		t.Fatalf("%d %s", rep.status, rep.body)
	}
	order := g.of("MedicationRequest")[0]
	code := order["medicationCodeableConcept"].(map[string]any)["coding"].([]any)[0].(map[string]any)
	body := fmt.Sprintf(`{"answer":%q,"items":[{"code":{"system":%q,"code":%q},"outcome":"accepted"}]}`, g.ID, code["system"], code["code"])
	if said := h.do("POST", "/v1/feedback", "application/json", strings.NewReader(body)); said.status != http.StatusOK {
		t.Errorf("%d %s", said.status, said.body)
	}
	if said := h.do("POST", "/v1/feedback", "application/json", strings.NewReader(strings.Replace(body, g.ID, "nothing", 1))); said.status != http.StatusNotFound {
		t.Errorf("feedback on nothing: %d", said.status)
	}
}

// TestApplyPlan: a plan of Ember's gives a CarePlan that holds all it refers to, and its
// description has all source attributes.
func TestApplyPlan(t *testing.T) {
	h := openTrained(t)
	for _, plan := range []string{"ember-treatments", "ember-tests"} {
		var p struct {
			Library         []string
			Version         string
			RelatedArtifact []struct{ Label, Display, Citation string }
		}
		if err := json.Unmarshal(h.get("/fhir/PlanDefinition/"+plan).body, &p); err != nil || len(p.RelatedArtifact) != 31 {
			t.Errorf("%s: %d source attributes, %v", plan, len(p.RelatedArtifact), err)
		}
		for _, a := range p.RelatedArtifact {
			if a.Label == "" || a.Display == "" || a.Citation == "" {
				t.Errorf("%s: an attribute is empty: %+v", plan, a)
			}
		}
		rep := h.get("/fhir/PlanDefinition/" + plan + "/$apply?subject=Patient/" + h.patientIDs(1)[0])
		var care map[string]any
		if err := json.Unmarshal(rep.body, &care); err != nil || rep.status != 200 || care["resourceType"] != "CarePlan" {
			t.Fatalf("%s: %d %s", plan, rep.status, rep.body)
		}
		inside, refs := []string{"#"}, map[string]bool{}
		for _, c := range care["contained"].([]any) {
			inside = append(inside, "#"+c.(map[string]any)["id"].(string))
		}
		references(care, refs)
		for _, name := range inside[1:] {
			if !refs[name] {
				t.Errorf("%s: nothing refers to %s", plan, name)
			}
		}
		for ref := range refs {
			if strings.HasPrefix(ref, "#") && !slices.Contains(inside, ref) {
				t.Errorf("%s: %s is not contained", plan, ref)
			}
		}
		if care["instantiatesCanonical"].([]any)[0] != h.base+"/fhir/PlanDefinition/"+plan+"|"+p.Version {
			t.Errorf("%s: %v", plan, care["instantiatesCanonical"])
		}
	}
	var rules struct{ RelatedArtifact []struct{ Citation string } }
	if err := json.Unmarshal(h.get("/fhir/Library/ember-rules").body, &rules); err != nil || len(rules.RelatedArtifact) != 13 {
		t.Errorf("%d source attributes of the rules, %v", len(rules.RelatedArtifact), err)
	}
	var model struct{ RelatedArtifact []any }
	if err := json.Unmarshal(h.get("/fhir/Library/ember-recommender").body, &model); err != nil || len(model.RelatedArtifact) != 31 {
		t.Errorf("%d source attributes of the model, %v", len(model.RelatedArtifact), err)
	}
}
