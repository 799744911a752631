package fhir

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// risk is the model's estimate for each item: probabilityDecimal is a proportion from 0
// to 1, as in HL7's own examples, and the qualitative risk says how sure it is.
func (g guide) risk() fhir.RiskAssessment {
	at := g.At.UTC().Format(time.RFC3339)
	r := fhir.RiskAssessment{Id: some(g.id("risk")), Identifier: []fhir.Identifier{*recommended(g.ID)}, Status: fhir.ObservationStatusFinal,
		Method: words("Ember, model " + g.Model + ", version " + g.ModelVersion), Code: words("Chance that an order is given now, as this site orders; not that it helps"),
		Subject: *refTo(g.Subject), OccurrenceDateTime: &at, Performer: g.device()}
	seen := map[string]bool{}
	var basis []string
	for i := range g.Items {
		x := &g.Items[i]
		decimal := json.Number(strconv.FormatFloat(math.Round(x.Probability*1e6)/1e6, 'f', -1, 64)) // as REST answers
		r.Prediction = append(r.Prediction, fhir.RiskAssessmentPrediction{Outcome: codeableOf(x.Code), ProbabilityDecimal: &decimal,
			QualitativeRisk: words(percent(x.Probability) + "; " + g.setWords(x.Probability)), Rationale: x.rationale()})
		for j := range x.Reasons {
			basis = appendFacts(basis, seen, x.Reasons[j].Sources)
		}
	}
	r.Basis = refsTo(basis)
	for _, s := range g.Sets {
		r.Note = append(r.Note, fhir.Annotation{Text: setText(s)})
	}
	return r
}

// setText is a conformal set in words.
func setText(s GuidanceSet) string {
	return fmt.Sprintf("It takes the %d likeliest candidates to hold %s of the orders that follow.", s.Size, percent(s.Coverage))
}

// setWords is how sure the model is of one candidate: the smallest of the sets that it is
// in.
func (g guide) setWords(p float64) string {
	var in *GuidanceSet
	for i := range g.Sets {
		if s := &g.Sets[i]; p >= s.Probability && (in == nil || s.Size < in.Size) {
			in = s
		}
	}
	switch {
	case len(g.Sets) == 0:
		return "how sure this is cannot be said"
	case in == nil:
		return "not among the candidates that hold most of the orders that follow"
	}
	return fmt.Sprintf("among the %d candidates that hold %s of the orders that follow", in.Size, percent(in.Coverage))
}

// rationale is the item's reasons with their weights in the log odds, nil for none.
func (x *GuidanceItem) rationale() *string {
	var lines []string
	for _, r := range x.Reasons {
		lines = append(lines, fmt.Sprintf("%s (%+.2f)", r.Text, r.Weight))
	}
	return some(strings.Join(lines, "; "))
}

// severities of findings by tier.
var severities = map[string]fhir.DetectedIssueSeverity{"block": fhir.DetectedIssueSeverityHigh, "warn": fhir.DetectedIssueSeverityModerate, "info": fhir.DetectedIssueSeverityLow}

const actCode = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

// issueKinds are HL7's codes for families of rules, by the beginning of a rule's name.
var issueKinds = []struct{ prefix, code, display string }{
	{"allergy-", "ALGY", "Allergy Alert"},
	{"onc-", "DRG", "Drug Interaction Alert"},
	{"label-", "DRG", "Drug Interaction Alert"},
	{"duplicate-", "DUPTHPY", "Duplicate Therapy Alert"},
	{"interval-", "DUPTHPY", "Duplicate Therapy Alert"},
	{"pregnancy-", "COND", "Condition Alert"},
	{"asthma-", "COND", "Condition Alert"},
	{"egfr-", "LAB", "Lab Alert"},
	{"creatinine-", "LAB", "Lab Alert"},
	{"potassium-", "LAB", "Lab Alert"},
}

// issue is one finding about an order; draft is the reference of the draft, "" when
// there is none because it must not be ordered.
func (g guide) issue(x *GuidanceItem, j int, name, draft string) fhir.DetectedIssue {
	f := &x.Findings[j]
	at := g.At.UTC().Format(time.RFC3339)
	high := severities[f.Tier]
	d := fhir.DetectedIssue{Id: some(g.id(name)), Identifier: []fhir.Identifier{*recommended(g.ID), *identifier("urn:ember:rule", f.Rule)}, Status: fhir.ObservationStatusFinal,
		Code: issueCode(f.Rule), Severity: &high, Patient: refTo(g.Subject), IdentifiedDateTime: &at, Author: g.device(), Detail: some(f.detail())}
	implicated := fhir.Reference{Display: some(nameOf(x.Code)), Reference: some(draft)}
	d.Implicated = []fhir.Reference{implicated}
	for _, ref := range appendFacts(nil, map[string]bool{}, f.Sources) {
		d.Evidence = append(d.Evidence, fhir.DetectedIssueEvidence{Detail: []fhir.Reference{*refTo(ref)}})
	}
	if f.Citation != "" {
		d.Evidence = append(d.Evidence, fhir.DetectedIssueEvidence{Code: []fhir.CodeableConcept{*words("Source of the rule: " + f.Citation)}})
	}
	return d
}

func issueCode(rule string) *fhir.CodeableConcept {
	for _, k := range issueKinds {
		if strings.HasPrefix(rule, k.prefix) {
			c := concept(actCode, k.code, k.display)
			c.Text = some("Safety rule " + rule)
			return c
		}
	}
	return words("Safety rule " + rule)
}

func (f *GuidanceFinding) detail() string {
	verdict := map[string]string{"block": "Not to be ordered: ", "warn": "Caution: ", "info": "Note: "}[f.Tier]
	text := verdict + f.Text
	if f.Assumption != "" {
		text += "; assumed: " + f.Assumption
	}
	return text
}

// provenance says what an answer was made from: model, data, rules, and every fact that
// a reason or a rule rests on.
func (g guide) provenance(targets []string) fhir.Provenance {
	p := fhir.Provenance{Id: some(g.id("provenance")), Target: refsTo(targets), Recorded: g.Recorded.UTC().Format(time.RFC3339),
		Policy: []string{"urn:ember:rules:" + g.Rules}, Activity: words("Recommendation " + g.ID),
		Agent: []fhir.ProvenanceAgent{{Type: concept("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "assembler", "Assembler"), Who: *g.device()}}}
	source := func(system, value, text string) {
		p.Entity = append(p.Entity, fhir.ProvenanceEntity{Role: fhir.ProvenanceEntityRoleSource, What: fhir.Reference{Identifier: identifier(system, value), Display: &text}})
	}
	source("urn:ember:model", g.ModelVersion, "Model "+g.Model+", version "+g.ModelVersion)
	source("urn:ember:data", g.Data, "The patient's data, version "+g.Data)
	source("urn:ember:rules", g.Rules, "Safety rules, version "+g.Rules+"; checked: "+strings.Join(g.Checks, ", "))
	for _, ref := range g.inputs() {
		p.Entity = append(p.Entity, fhir.ProvenanceEntity{Role: fhir.ProvenanceEntityRoleSource, What: *refTo(ref)})
	}
	return p
}

// inputs are all facts that the answer names, each once.
func (g guide) inputs() (refs []string) {
	seen := map[string]bool{}
	refs = appendFacts(refs, seen, []string{g.Subject})
	for _, list := range [][]GuidanceItem{g.Items, g.Blocked} {
		for i := range list {
			for _, r := range list[i].Reasons {
				refs = appendFacts(refs, seen, r.Sources)
			}
			for _, f := range list[i].Findings {
				refs = appendFacts(refs, seen, f.Sources)
			}
		}
	}
	return refs
}
