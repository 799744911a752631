package circe_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ember/cohort"
	"ember/cohort/circe"
)

const sets = `"ConceptSets":[
 {"id":0,"name":"T2DM","expression":{"items":[{"concept":{"CONCEPT_ID":201826,"CONCEPT_NAME":"Type 2 diabetes mellitus","CONCEPT_CODE":"44054006","VOCABULARY_ID":"SNOMED"},"isExcluded":false,"includeDescendants":true,"includeMapped":false}]}},
 {"id":1,"name":"A1c","expression":{"items":[{"concept":{"CONCEPT_ID":3004410,"CONCEPT_CODE":"4548-4","VOCABULARY_ID":"LOINC"}}]}},
 {"id":2,"name":"Metformin","expression":{"items":[{"concept":{"CONCEPT_ID":1503297,"CONCEPT_CODE":"6809","VOCABULARY_ID":"RxNorm"},"includeDescendants":true}]}},
 {"id":3,"name":"two","expression":{"items":[{"concept":{"CONCEPT_CODE":"E11","VOCABULARY_ID":"ICD10CM"},"includeDescendants":true},{"concept":{"CONCEPT_CODE":"250.00","VOCABULARY_ID":"ICD9CM"}}]}}]`

const anywhere = `"StartWindow":{"Start":{"Coeff":-1},"End":{"Coeff":1},"UseEventEnd":false}`

// expression is an expression of primary criteria and one rule.
func expression(limit, primary, rule string) string {
	return fmt.Sprintf(`{%s,"PrimaryCriteria":{"CriteriaList":[%s],"ObservationWindow":{"PriorDays":0,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"%s"}},
	"QualifiedLimit":{"Type":"First"},"ExpressionLimit":{"Type":"First"},"InclusionRules":[{"name":"rule","expression":%s}],"CensoringCriteria":[],"CollapseSettings":{"CollapseType":"ERA","EraPad":0},"CensorWindow":{}}`,
		sets, primary, limit, rule)
}

const diabetes = `{"ConditionOccurrence":{"CodesetId":0}}`

func TestRead(t *testing.T) {
	for name, c := range map[string]struct{ limit, primary, rule, want string }{
		"a value twice, anywhere": {"First", diabetes, `{"Type":"ALL","CriteriaList":[{"Criteria":{"Measurement":{"CodesetId":1,"ValueAsNumber":{"Value":9,"Op":"gt"},"Unit":[{"CONCEPT_ID":8554,"CONCEPT_CODE":"%","VOCABULARY_ID":"UCUM"}]}},` + anywhere + `,"Occurrence":{"Type":2,"Count":2}}]}`,
			`condition.under:snomed|44054006 lab.code:loinc|4548-4>9 % x2`},
		"never": {"First", diabetes, `{"Type":"ALL","CriteriaList":[{"Criteria":{"DrugExposure":{"CodesetId":2}},` + anywhere + `,"Occurrence":{"Type":0,"Count":0}}]}`,
			`condition.under:snomed|44054006 -drug.under:rxnorm|6809`},
		"women whose first was at 50 or later": {"First", diabetes, `{"Type":"ALL","DemographicCriteriaList":[{"Gender":[{"CONCEPT_ID":8532}],"Age":{"Value":50,"Op":"gte"}}]}`,
			`condition.under:snomed|44054006 sex:female -condition.under:snomed|44054006 at age:<50`},
		"any at 50 or later": {"All", diabetes, `{"Type":"ALL","DemographicCriteriaList":[{"Age":{"Value":50,"Op":"gte"}}]}`,
			`condition.under:snomed|44054006 condition.under:snomed|44054006 at age:>=50`},
		"within 30 days after": {"All", diabetes, `{"Type":"ALL","CriteriaList":[{"Criteria":{"DrugExposure":{"CodesetId":2}},"StartWindow":{"Start":{"Days":0,"Coeff":-1},"End":{"Days":30,"Coeff":1}},"Occurrence":{"Type":2,"Count":1}}]}`,
			`condition.under:snomed|44054006 condition.under:snomed|44054006 then drug.under:rxnorm|6809 within 30d`},
		"within a year before": {"All", diabetes, `{"Type":"ALL","CriteriaList":[{"Criteria":{"DrugExposure":{"CodesetId":2}},"StartWindow":{"Start":{"Days":365,"Coeff":-1},"End":{"Days":0,"Coeff":-1}}}]}`,
			`condition.under:snomed|44054006 drug.under:rxnorm|6809 then condition.under:snomed|44054006 within 365d`},
		"several codes, days, age, a choice": {"First", `{"ConditionOccurrence":{"CodesetId":3,"OccurrenceStartDate":{"Value":"2015-01-01","Op":"gte"},"Age":{"Value":18,"Op":"gte"}}}`,
			`{"Type":"ANY","CriteriaList":[{"Criteria":{"Death":{}},` + anywhere + `},{"Criteria":{"VisitOccurrence":{}},` + anywhere + `,"Occurrence":{"Type":1,"Count":2}}]}`,
			`(condition.under:icd10|E11 since 2015-01-01 at age:>=18 or condition.code:icd9|250.00 since 2015-01-01 at age:>=18) (life:dead or -encounter:* x3)`},
	} {
		got, left, err := circe.Read([]byte(expression(c.limit, c.primary, c.rule)))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
		if text := cohort.Print(got); text != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, text, c.want)
		}
		if _, err := cohort.Parse(cohort.Print(got)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhatCannotBeSaidIsNamed with its path.
func TestWhatCannotBeSaidIsNamed(t *testing.T) {
	window := `"StartWindow":{"Start":{"Days":0,"Coeff":-1},"End":{"Days":30,"Coeff":1}}`
	for name, c := range map[string]struct{ json, path string }{
		"an end strategy":          {strings.Replace(expression("First", diabetes, `{"Type":"ALL"}`), `"CensoringCriteria":[]`, `"CensoringCriteria":[],"EndStrategy":{"DateOffset":{"Offset":7}}`, 1), "EndStrategy"},
		"an observation window":    {strings.Replace(expression("First", diabetes, `{"Type":"ALL"}`), `"PriorDays":0`, `"PriorDays":365`, 1), "PrimaryCriteria.ObservationWindow"},
		"an era":                   {expression("First", `{"ConditionEra":{"CodesetId":0}}`, `{"Type":"ALL"}`), "PrimaryCriteria.CriteriaList[0].ConditionEra"},
		"an attribute":             {expression("First", `{"ConditionOccurrence":{"CodesetId":0,"ProviderSpecialty":[{"CONCEPT_ID":1}]}}`, `{"Type":"ALL"}`), "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.ProviderSpecialty"},
		"nested criteria":          {expression("First", `{"ConditionOccurrence":{"CodesetId":0,"CorrelatedCriteria":{"Type":"ALL","CriteriaList":[{}]}}}`, `{"Type":"ALL"}`), "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.CorrelatedCriteria"},
		"around the first":         {expression("First", diabetes, `{"Type":"ALL","CriteriaList":[{"Criteria":{"DrugExposure":{"CodesetId":2}},`+window+`,"Occurrence":{"Type":2,"Count":1}}]}`), "InclusionRules[0].expression.CriteriaList[0].StartWindow"},
		"none around":              {expression("All", diabetes, `{"Type":"ALL","CriteriaList":[{"Criteria":{"DrugExposure":{"CodesetId":2}},`+window+`,"Occurrence":{"Type":0,"Count":0}}]}`), "InclusionRules[0].expression.CriteriaList[0].Occurrence"},
		"two windows":              {expression("All", diabetes, `{"Type":"ALL","CriteriaList":[{"Criteria":{"DrugExposure":{"CodesetId":2}},`+window+`},{"Criteria":{"Measurement":{"CodesetId":1}},`+window+`}]}`), "InclusionRules[0].expression.CriteriaList[1].StartWindow"},
		"two of three":             {expression("All", diabetes, `{"Type":"AT_LEAST","Count":2,"CriteriaList":[]}`), "InclusionRules[0].expression.Type"},
		"a choice with a gap":      {expression("First", diabetes, `{"Type":"ANY","CriteriaList":[{"Criteria":{"Death":{}}},{"Criteria":{"DrugExposure":{"CodesetId":2}}},{"Criteria":{"DoseEra":{}}}]}`), "InclusionRules[0].expression"},
		"codes taken out":          {strings.Replace(expression("First", diabetes, `{"Type":"ALL"}`), `"isExcluded":false`, `"isExcluded":true`, 1), "ConceptSets[0].expression.items[0].isExcluded"},
		"an unknown vocabulary":    {strings.Replace(expression("First", diabetes, `{"Type":"ALL"}`), `"SNOMED"`, `"MedDRA"`, 1), "ConceptSets[0].expression.items[0].concept.VOCABULARY_ID"},
		"several codes in a count": {expression("First", diabetes, `{"Type":"ALL","CriteriaList":[{"Criteria":{"ConditionOccurrence":{"CodesetId":3}},`+anywhere+`,"Occurrence":{"Type":2,"Count":2}}]}`), "InclusionRules[0].expression.CriteriaList[0].Occurrence"},
		"a word that is new":       {strings.Replace(expression("First", diabetes, `{"Type":"ALL"}`), `"CensorWindow":{}`, `"Novelty":7`, 1), "Novelty"},
	} {
		_, left, err := circe.Read([]byte(c.json))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := false
		for _, l := range left {
			found = found || l.Path == c.path
		}
		if !found {
			t.Errorf("%s: %v does not name %s", name, left, c.path)
		}
	}
	for _, bad := range []string{`{}`, `[]`, `{"PrimaryCriteria":7}`, `{"ConceptSets":{},"PrimaryCriteria":{}}`, `nonsense`} {
		if _, _, err := circe.Read([]byte(bad)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

// TestWriteIsRead: what is written asks for the same when it is read again.
func TestWriteIsRead(t *testing.T) {
	codes := func(e cohort.Event) []circe.Code {
		system, value, _ := strings.Cut(e.Code+e.Under, "|")
		return []circe.Code{{System: system, Value: value, Display: "x"}}
	}
	for _, text := range []string{
		"condition.under:snomed|44054006 lab.code:loinc|4548-4>9 % x2 -drug.code:rxnorm|6809",
		"condition.code:icd10|E11.9 since 2015-01-01 until 2020-01-01 at age:18..64 sex:female",
		"(condition.code:icd10|E11.9 or condition.code:icd10|E10.9) life:alive",
		"-condition.code:icd10|E11.9 x3",
	} {
		c, err := cohort.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		raw, left, err := circe.Write(c, codes)
		if err != nil || len(left) > 0 {
			t.Errorf("%s: %v, %v", text, left, err)
			continue
		}
		got, left, err := circe.Read(raw)
		if err != nil || len(left) > 0 {
			t.Errorf("%s: %v, %v", text, left, err)
		}
		if again := cohort.Print(got); again != strings.ReplaceAll(text, "life:alive", "-life:dead") {
			t.Errorf("%s comes back as %s", text, again)
		}
	}
	c, err := cohort.Parse("condition.code:icd10|I10 then drug.code:rxnorm|6809 within 30d")
	if err != nil {
		t.Fatal(err)
	}
	raw, left, err := circe.Write(c, codes)
	if err != nil || len(left) > 0 || !strings.Contains(string(raw), `"CorrelatedCriteria"`) || !strings.Contains(string(raw), `"Days":30`) || !json.Valid(raw) {
		t.Errorf("%s, %v, %v", raw, left, err)
	}
	for text, path := range map[string]string{"age:>50 sex:male": "all[0]", "sex:male note:fever": "all[1]", "cohort:x": "", "condition.code:icd10|I10 last 1y": "event",
		"sex:male (note:fever or sex:female)": "all[1]", "allergy.code:rxnorm|1": "event.kind", "lab.code:loinc|1>=5<7": "event.valueAsNumber"} {
		c, err := cohort.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		_, left, err := circe.Write(c, codes)
		found := false
		for _, l := range left {
			found = found || l.Path == path
		}
		if err != nil || !found {
			t.Errorf("%s: %v does not name %q, %v", text, left, path, err)
		}
	}
}
