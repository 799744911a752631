package server_test

import (
	"strings"
	"testing"

	"ember/server/cds"
)

// TestNoWarningIsLost: however a client writes selections, ids and entries, a drug that
// the patient is allergic to is warned of, or said not to have been checked.
func TestNoWarningIsLost(t *testing.T) {
	const amoxicillin = "amoxicillin 500 mg"
	twice := strings.Replace(penicillin, `"entry":[`, `"entry":[{"resource":{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/p1"},"code":{"text":"Aspirin"}}},`, 1)
	selected := func(what string) string {
		return `"selections":` + what + `,` + drafts("draftOrders", drug("d1", amoxicillin))
	}
	for name, c := range map[string]struct {
		hook, context, prefetch, indicator string
	}{
		"selected":                {"order-select", selected(`["MedicationRequest/d1"]`), penicillin, "critical"},
		"selected by a bare id":   {"order-select", selected(`["d1"]`), penicillin, "critical"},
		"selected by an address":  {"order-select", selected(`["https://ehr.example/fhir/MedicationRequest/d1"]`), penicillin, "critical"},
		"selected by a version":   {"order-select", selected(`["MedicationRequest/d1/_history/1"]`), penicillin, "critical"},
		"selected by no order":    {"order-select", selected(`["MedicationRequest/undefined"]`), penicillin, "critical"},
		"selections are no list":  {"order-select", selected(`"MedicationRequest/d1"`), penicillin, "critical"},
		"selections elsewhere":    {"order-sign", selected(`["MedicationRequest/other"]`), penicillin, "critical"},
		"two drafts with one id":  {"order-sign", drafts("draftOrders", drug("d1", "warfarin 5 mg"), drug("d1", amoxicillin)), penicillin, "critical"},
		"an id that is none":      {"order-sign", drafts("draftOrders", drug("tmp_1", amoxicillin)), penicillin, "critical"},
		"two allergies with one":  {"order-sign", drafts("draftOrders", drug("d1", amoxicillin)), twice, "critical"},
		"an entry with nothing":   {"order-sign", drafts("draftOrders", `{"fullUrl":"MedicationRequest/d1"}`), penicillin, "info"},
		"a resource as an entry":  {"order-sign", drafts("draftOrders", strings.TrimSuffix(strings.TrimPrefix(drug("d1", amoxicillin), `{"resource":`), "}")), penicillin, "info"},
		"the drug is not the one": {"order-select", strings.Replace(selected(`["MedicationRequest/d1"]`), amoxicillin, "loratadine 10 mg", 1), penicillin, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := openWard(t, cds.Options{Base: "https://cds.example.org"}, nil)
			r := w.answer(t, "safety", hookBody(c.hook, c.context, aPatient+c.prefetch+rest))
			got := ""
			if len(r.Cards) > 0 {
				got = r.Cards[0].Indicator
			}
			if got != c.indicator {
				t.Errorf("the first card is %q, want %q: %+v", got, c.indicator, r.Cards)
			}
		})
	}
}

// TestNoTimeIsNoClearance: a check that found no time says so.
func TestNoTimeIsNoClearance(t *testing.T) {
	if r := cds.Unchecked(cds.Safety, "id"); len(r.Cards) != 1 || r.Cards[0].Indicator != "warning" || !strings.Contains(r.Cards[0].Summary, "not checked") {
		t.Errorf("%+v", r)
	}
	if r := cds.Unchecked(cds.Treatments, "id"); r.Cards == nil || len(r.Cards) != 0 {
		t.Errorf("%+v", r)
	}
}
