package server_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"ember/cohort"
	"ember/index"
	"ember/record"
	"ember/server"
	"ember/terms"
)

// withStudies is a server over 400 people of whom half take a drug; some of them have an
// outcome, some die.
func withStudies(t *testing.T, budget int) house {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(4, 2))
	var docs []index.Document
	for i := range 400 {
		ago := 100 + rng.IntN(900)
		event := func(kind record.Kind, system, code, display string, daysAgo int) record.Event {
			return record.Event{Kind: kind, Concept: record.Code{System: system, Value: code, Display: display}, Known: now.AddDate(0, 0, -daysAgo)}
		}
		tl := record.Timeline{Person: record.Person{ID: fmt.Sprint("p", i), Sex: record.Sex(1 + i%2), Born: record.Date{Year: int16(1940 + rng.IntN(40))}}}
		drug := []string{"metformin", "insulin"}[i/2%2]
		tl.Events = append(tl.Events, event(record.Condition, record.ICD10CM, "E11", "Diabetes", ago+50), event(record.Medication, record.Ingredient, drug, drug, ago))
		if rng.IntN(2) == 0 {
			tl.Events = append(tl.Events, event(record.Condition, record.ICD10CM, "I21", "Infarction", ago-1-rng.IntN(ago-2)))
		}
		a1c := event(record.Test, record.LOINC, "4548-4", "HbA1c", ago+5)
		a1c.Value, a1c.HasValue, a1c.Unit = 6+rng.Float64()*3, true, "%"
		tl.Events = append(tl.Events, a1c, event(record.Test, record.LOINC, "2951-2", "Sodium", rng.IntN(ago)))
		docs = append(docs, index.Document{Timeline: tl})
	}
	if err := x.Apply(docs, nil, 1); err != nil {
		t.Fatal(err)
	}
	kept := shelf{map[string][]byte{}, map[string][]string{}}
	service, err := cohort.NewService(cohort.Options{Index: x, Terms: tt, Timeline: func(context.Context, string) (record.Timeline, error) {
		return record.Timeline{}, cohort.ErrNotFound
	}}, budget, kept, kept)
	if err != nil {
		t.Fatal(err)
	}
	return openWith(t, server.Options{}, nil, service)
}

const (
	twoGroups = `"groups":[{"name":"m","who":"drug.code:metformin","index":"drug.code:metformin"},{"who":{"event":{"kind":"medication","code":"insulin"}}}],"index":"drug.code:insulin"`
	infarct   = `"condition.code:I21"`
)

// TestStudyAnswersMeetTheirSchemas checks real answers against the document.
func TestStudyAnswersMeetTheirSchemas(t *testing.T) {
	h := withStudies(t, 1000)
	doc, err := openapi3.NewLoader().LoadFromData(h.do("GET /openapi.json", "").Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ line, body, schema, says string }{
		{"POST /v1/cohorts/survival", `{` + twoGroups + `,"outcome":` + infarct + `}`, "SurvivalAnswer", `"logRank":{"chiSquare":`},
		{"POST /v1/cohorts/survival", `{` + twoGroups + `,"outcome":` + infarct + `,"lookback":"10d","after":"2019-01-01","death":"outcome","keep":true}`, "SurvivalAnswer", `"death":"outcome"`},
		{"POST /v1/cohorts/survival", `{` + twoGroups + `,"outcome":` + infarct + `,"death":"compete"}`, "SurvivalAnswer", `"incidence":{"outcome":{"events":`},
		{"POST /v1/cohorts/survival", `{` + twoGroups + `}`, "SurvivalAnswer", `"logRank":null`},
		{"POST /v1/cohorts/table", `{` + twoGroups + `,"rows":["condition.code:I21","sex:female"],"tests":["lab:HbA1c"],"baseline":"1y"}`, "CohortTable", `"section":"value"`},
		{"POST /v1/cohorts/values", `{` + twoGroups + `,"tests":["lab:HbA1c"]}`, "CohortValues", `"state":"stored"`},
		{"POST /v1/cohorts/periods", `{"who":"condition.code:E11","event":"drug:*","by":"quarter"}`, "CohortPeriods", `-Q`},
		{"POST /v1/cohorts/attrition", `{"text":"condition.code:E11 drug.code:metformin condition.code:I21"}`, "CohortAttrition", `"text":"condition.code:I21"`},
		{"POST /v1/cohorts/aligned", `{"who":"condition.code:E11","index":"drug.code:metformin","kinds":["condition"],"top":5}`, "CohortAligned", `"from":-365`},
		{"POST /v1/cohorts/match", `{` + twoGroups + `,"save":"controls","covariates":["condition.code:I21"],"tests":["lab:HbA1c"],"ratio":1,"years":3}`, "CohortMatched", `"origin":"controls matched to drug.code:metformin"`},
		{"GET /v1/cohorts/controls", "", "SavedCohort", `"origin"`},
		{"GET /v1/cohorts/controls?rerun=true", "", "OperationOutcome", `match again`},
		{"POST /v1/cohorts/survival", `{"groups":[{"who":"condition.code:E11"}],"outcome":` + infarct + `}`, "OperationOutcome", `say when time begins`},
		{"POST /v1/cohorts/survival", `{"groups":[{"who":"condition.code:E11"},{"who":"sex:femal"}],"index":"drug:*"}`, "OperationOutcome", `"groups[1].who:1"`},
		{"POST /v1/cohorts/survival", `{"groups":[{"who":"condition.code:E11"}],"index":"sex:female"}`, "OperationOutcome", `"index:1"`},
		{"POST /v1/cohorts/survival", `{"groups":[{"who":"condition.code:E11"}],"index":"drug:*","outcome":{"event":{"kond":"x"}}}`, "OperationOutcome", `"outcome.event.kond"`},
		{"POST /v1/cohorts/survival", `{"groups":[{"who":"condition.code:E11"}],"index":"drug:*","death":"perhaps"}`, "OperationOutcome", `"death"`},
		{"POST /v1/cohorts/survival", `{"groups":[{"who":"condition.code:E11"}],"index":"drug:*","lookback":"long"}`, "OperationOutcome", `"lookback"`},
		{"POST /v1/cohorts/survival", `{"index":"drug:*"}`, "OperationOutcome", `"groups"`},
		{"POST /v1/cohorts/values", `{"groups":[{"who":"condition.code:E11"}],"tests":["lab:HbA1c>7"]}`, "OperationOutcome", `"tests[0]:1"`},
		{"POST /v1/cohorts/periods", `{"who":"condition.code:E11","event":"drug:*","by":"week"}`, "OperationOutcome", `"by"`},
		{"POST /v1/cohorts/periods", `{"who":"sex:femal","event":"drug:*"}`, "OperationOutcome", `"who:1"`},
		{"POST /v1/cohorts/match", `{` + twoGroups + `,"save":"No!"}`, "OperationOutcome", `"name"`},
		{"POST /v1/cohorts/match", `{"groups":[{"who":"condition.code:E11"}],"save":"a"}`, "OperationOutcome", `two groups`},
		{"POST /v1/cohorts/aligned", `{"who":"condition.code:E11","index":"drug:*","kinds":["drug"]}`, "OperationOutcome", `kinds[0]`},
	} {
		w := h.do(c.line, c.body)
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v: %s", c.line, err, w.Body)
		}
		if !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s: no %s in %d %s", c.line, c.body, c.says, w.Code, w.Body)
		}
		ref := doc.Components.Schemas[c.schema]
		if err := ref.Value.VisitJSON(v); err != nil {
			t.Errorf("%s is no %s: %v", c.line, c.schema, err)
		}
		checkFields(t, c.line, ref, v)
	}
}

// TestSurvivalPicture asks for the curves as SVG.
func TestSurvivalPicture(t *testing.T) {
	h := withStudies(t, 1000)
	w := h.do("POST /v1/cohorts/survival", `{`+twoGroups+`,"outcome":`+infarct+`}`, "Accept: image/svg+xml")
	if w.Code != 200 || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	d := xml.NewDecoder(w.Body)
	lines, text := 0, ""
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch v := token.(type) {
		case xml.StartElement:
			if v.Name.Local == "polyline" {
				lines++
			}
		case xml.CharData:
			text += string(v) + "|"
		}
	}
	if lines != 2 || !strings.Contains(text, "m: ") || !strings.Contains(text, "log-rank p") {
		t.Errorf("%d lines: %s", lines, text)
	}
}

// TestStudiesAreAudited: each question has an entry, and a match one as a change.
func TestStudiesAreAudited(t *testing.T) {
	h := withStudies(t, 1000)
	for _, c := range []struct{ path, body, says string }{
		{"table", `{` + twoGroups + `}`, "cohort"}, {"attrition", `{"text":"condition.code:E11"}`, "cohort"}, {"match", `{` + twoGroups + `,"save":"kept"}`, "Cohort/kept"},
	} {
		before := strings.Count(h.audited(), "\n")
		h.do("POST /v1/cohorts/"+c.path, c.body)
		if said := strings.Join(strings.Split(h.audited(), "\n")[before:], "\n"); !strings.Contains(said, c.says) {
			t.Errorf("%s: %s", c.path, said)
		}
	}
}
