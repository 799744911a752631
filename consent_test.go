package ember_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

const deny = `{"resourceType":"Consent","id":"%s-no","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"research"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/%[1]s"},"dateTime":"2020-01-01","provision":{"type":"deny"}}` + "\n"

// newcomers are people with visits and orders that a model would learn from.
func newcomers(consent string) string {
	var b strings.Builder
	for i := range 20 {
		id := fmt.Sprintf("nc-%d", i)
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"%s","gender":"male","birthDate":"1965-05-05"}`+"\n", id)
		fmt.Fprintf(&b, `{"resourceType":"Encounter","id":"%s","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/%[1]s"},"period":{"start":"2024-05-05T09:00:00Z","end":"2024-05-05T10:00:00Z"}}`+"\n", id)
		fmt.Fprintf(&b, `{"resourceType":"Condition","id":"%s","subject":{"reference":"Patient/%[1]s"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}]},"recordedDate":"2024-01-05"}`+"\n", id)
		fmt.Fprintf(&b, `{"resourceType":"MedicationRequest","id":"%s","status":"active","intent":"order","medicationCodeableConcept":{"text":"rifampin"},"subject":{"reference":"Patient/%[1]s"},"encounter":{"reference":"Encounter/%[1]s"},"authoredOn":"2024-05-05T09:30:00Z"}`+"\n", id)
		if consent != "" {
			fmt.Fprintf(&b, consent, id)
		}
	}
	return b.String()
}

// trainedOn trains on the synthetic hospital and more, and gives the version of
// the model, which depends on nothing but what it learned from.
func trainedOn(t *testing.T, more string) (version string, h *hospital) {
	t.Helper()
	h = openTrained(t)
	if more != "" {
		h.load(more)
	}
	h.ready()
	if _, err := h.Train(context.Background(), func(string, int, int) {}); err != nil {
		t.Fatal(err)
	}
	a := h.recommend("rare-0", "want=treatments")
	return a.Model.Version, h
}

// TestRefusedConsent trains with and without twenty people who refuse: the model
// is the same, byte for byte, and has never heard of their drug. For their own
// care they are advised on.
func TestRefusedConsent(t *testing.T) {
	without, _ := trainedOn(t, "")
	refused, h := trainedOn(t, newcomers(deny))
	if refused != without {
		t.Errorf("those who refuse change the model: %s, was %s", refused, without)
	}
	own := h.recommend("nc-1", "want=treatments&explain=9384")
	if own.Abstained || len(own.Items) == 0 {
		t.Errorf("their own care: %s", own.raw)
	}
	if x := own.Explained; x == nil || !strings.HasPrefix(x.Outcome, "not known") {
		t.Errorf("the model knows what only they were ordered: %+v", x)
	}
	if testing.Short() {
		return
	}
	if agreed, _ := trainedOn(t, newcomers("")); agreed == without {
		t.Error("twenty people more do not change the model: the test proves nothing")
	}
}

// TestSearchLeavesOutWhoRefuses: found by what is known of them, until they
// refuse.
func TestSearchLeavesOutWhoRefuses(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	for _, id := range []string{"agrees", "refuses"} {
		h.load(`{"resourceType":"Patient","id":"` + id + `"}` + "\n" +
			`{"resourceType":"Condition","id":"` + id + `","subject":{"reference":"Patient/` + id + `"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10","display":"Hypertension"}]},"recordedDate":"2024-01-05"}` + "\n")
	}
	found := func() string {
		t.Helper()
		h.ready()
		return string(h.get("/v1/search?q=hypertension").body)
	}
	if got := found(); !strings.Contains(got, "Patient/agrees") || !strings.Contains(got, "Patient/refuses") {
		t.Fatalf("not found before: %s", got)
	}
	h.load(fmt.Sprintf(deny, "refuses"))
	if got := found(); !strings.Contains(got, "Patient/agrees") || strings.Contains(got, "Patient/refuses") {
		t.Errorf("after the refusal: %s", got)
	}
}

// TestViewLeavesOutWhoRefuses: in the table until they refuse, at once.
func TestViewLeavesOutWhoRefuses(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	h.load(`{"resourceType":"Patient","id":"agrees"}` + "\n" + `{"resourceType":"Patient","id":"refuses"}` + "\n")
	table := func() string {
		t.Helper()
		return string(h.do("POST", "/fhir/ViewDefinition/$run", fhirJSON, strings.NewReader(`{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]}`)).body)
	}
	if got := table(); !strings.Contains(got, "agrees") || !strings.Contains(got, "refuses") {
		t.Fatalf("not there before: %s", got)
	}
	h.load(fmt.Sprintf(deny, "refuses"))
	if got := table(); !strings.Contains(got, "agrees") || strings.Contains(got, "refuses") {
		t.Errorf("after the refusal: %s", got)
	}
}
