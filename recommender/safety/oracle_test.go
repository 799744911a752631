package safety_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"ember/fhir"
	"ember/recommender/safety"
	"ember/record"
	"ember/terms"
)

// judgement is one case of testdata/safety/cases.tsv: the notation is told at
// the head of that file.
type judgement struct{ id, patient, order, tier, family, source string }

// judgedAt is the moment of all cases.
var judgedAt = time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)

func judgements(t *testing.T) (all []judgement) {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/safety/cases.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 6 {
			t.Fatalf("%q has %d columns instead of 6", line, len(f))
		}
		all = append(all, judgement{f[0], f[1], f[2], f[3], f[4], f[5]})
	}
	return all
}

// grown are the numbers of one family: how often its tier was met, and how often
// what should have passed did.
type grown struct{ due, met, warnDue, warnMet, free, passed, quiet, silent int }

func (g grown) String() string {
	share := func(a, b int) string {
		if b == 0 {
			return "-"
		}
		return fmt.Sprintf("%.3f (%d of %d)", float64(a)/float64(b), a, b)
	}
	return fmt.Sprintf("blocks found %-20s warnings found %-20s not blocked without cause %-20s silent without cause %s",
		share(g.met, g.due), share(g.warnMet, g.warnDue), share(g.passed, g.free), share(g.silent, g.quiet))
}

// TestOracle judges the rules by cases written without them. A block that is
// missed is a failure; so are blocks, or warnings, without cause on more than
// 2 % of the cases.
func TestOracle(t *testing.T) {
	w := newWorld(t)
	mapper := fhir.NewMapper(w.terms)
	families := []string{"allergy", "interaction", "duplicate", "condition"}
	by := map[string]*grown{"all": {}}
	for _, f := range families {
		by[f] = &grown{}
	}
	var wrong []string
	for _, c := range judgements(t) {
		got, unchecked := w.judge(mapper, c)
		tiers := map[string]string{"all": gravest(got, "")}
		for _, f := range families {
			tiers[f] = gravest(got, f)
		}
		for f, tier := range tiers {
			by[f].count(c, f, tier)
		}
		if tiers["all"] != c.tier || c.family != "-" && tiers[c.family] != c.tier || unchecked != "" {
			wrong = append(wrong, fmt.Sprintf("%s: %s | %s: want %s %s, got %v %s", c.id, c.patient, c.order, c.tier, c.family, got, unchecked))
		}
	}
	for _, f := range append(families, "all") {
		t.Logf("%-12s %v", f, by[f])
	}
	all := by["all"]
	if all.met < all.due || by["all"].warnMet < all.warnDue*98/100 {
		t.Errorf("%d of %d blocks and %d of %d warnings were missed", all.due-all.met, all.due, all.warnDue-all.warnMet, all.warnDue)
	}
	for _, f := range append(families, "all") {
		if g := by[f]; g.passed*100 < g.free*98 || g.silent*100 < g.quiet*98 {
			t.Errorf("%s: too much without cause: %v", f, g)
		}
	}
	for _, line := range wrong {
		t.Log(line)
	}
}

// count adds one case to the numbers of a family ("all": the order as a whole).
func (g *grown) count(c judgement, family, tier string) {
	want := "none"
	if family == "all" || family == c.family {
		want = c.tier
	}
	switch want {
	case "block":
		g.due++
		if tier == "block" {
			g.met++
		}
		return
	case "warn":
		g.warnDue++
		if tier == "warn" {
			g.warnMet++
		}
	case "none":
		g.quiet++
		if tier == "none" {
			g.silent++
		}
	}
	g.free++
	if tier != "block" {
		g.passed++
	}
}

// gravest is the tier of the first finding of a family, "" for any: findings
// come gravest first, and remarks are none.
func gravest(findings []safety.Finding, family string) string {
	for _, f := range findings {
		if (family == "" || familyOf(f.Rule) == family) && f.Tier != safety.Info {
			return f.Tier
		}
	}
	return "none"
}

func familyOf(rule string) string {
	for prefix, family := range map[string]string{"allergy-": "allergy", "onc-": "interaction", "label-": "interaction", "duplicate-": "duplicate", "interval-": "duplicate"} {
		if strings.HasPrefix(rule, prefix) {
			return family
		}
	}
	return "condition"
}

// judge runs one case through everything an order passes: FHIR, timeline, rules.
func (w world) judge(mapper *fhir.Mapper, c judgement) ([]safety.Finding, string) {
	w.Helper()
	chart := &chart{T: w.T, id: c.id}
	for fact := range strings.SplitSeq(c.patient, "; ") {
		chart.fact(fact)
	}
	bundle, err := json.Marshal(map[string]any{"resourceType": "Bundle", "type": "collection", "entry": chart.entries})
	if err != nil {
		w.Fatal(err)
	}
	timeline, issues, err := mapper.Bundle(context.Background(), bytes.NewReader(bundle))
	if err != nil {
		w.Fatalf("%s: %v %v\n%s", c.id, err, issues, bundle)
	}
	pt := w.rules.Prepare(timeline.Before(judgedAt), nil)
	findings, unchecked := w.rules.Check(pt, orderOf(w.terms, c.order))
	return findings, strings.Join(append(pt.Unchecked(), unchecked), "")
}

func orderOf(t *terms.Terms, text string) safety.Order {
	var codes []record.Code
	rest, renew := strings.CutPrefix(text, "continue ")
	if words, ok := strings.CutPrefix(rest, "procedure "); ok {
		kind, code := t.Procedure(nil, words)
		code.Display = words
		return safety.Order{Kind: kind, Code: code}
	}
	if words, ok := strings.CutPrefix(rest, "test "); ok {
		code, _ := coded(words)
		return safety.Order{Kind: record.Test, Code: code}
	}
	if code, ok := coded(rest); ok {
		codes, rest = []record.Code{code}, code.Display
	}
	d := t.Drug(codes, rest)
	event := &record.Event{Kind: record.Medication, Mode: record.Ordered, Concept: d.Concept, Codes: codes, Text: rest, Source: "MedicationRequest/order"}
	return safety.Order{Drug: d, Code: d.Concept, Kind: record.Medication, Continue: renew, Event: event}
}

var systems = map[string]string{"icd10": record.ICD10CM, "icd9": record.ICD9CM, "snomed": record.SNOMED, "rxnorm": record.RxNorm, "loinc": record.LOINC}

// coded reads "rxnorm 308182 Amoxicillin 250 MG Oral Capsule".
func coded(text string) (record.Code, bool) {
	system, rest, _ := strings.Cut(text, " ")
	value, display, _ := strings.Cut(rest, " ")
	url, ok := systems[system]
	return record.Code{System: url, Value: value, Display: display}, ok
}

// chart is a case's patient as FHIR resources.
type chart struct {
	*testing.T
	id      string
	entries []any
}

type object = map[string]any

func (c *chart) add(typ string, resource object) {
	resource["resourceType"], resource["id"] = typ, fmt.Sprintf("f%d", len(c.entries))
	switch typ {
	case "Patient":
		resource["id"] = "p"
	case "AllergyIntolerance":
		resource["patient"] = object{"reference": "Patient/p"}
	default:
		resource["subject"] = object{"reference": "Patient/p"}
	}
	c.entries = append(c.entries, object{"resource": resource})
}

// concept is a CodeableConcept of "SYSTEM CODE TEXT" or of words alone.
func concept(text string) object {
	code, ok := coded(text)
	if !ok {
		return object{"text": strings.TrimPrefix(text, "text ")}
	}
	coding := object{"system": code.System, "code": code.Value}
	if code.Display == "" {
		return object{"coding": []any{coding}}
	}
	coding["display"] = code.Display
	return object{"coding": []any{coding}, "text": code.Display}
}

func status(system, code string) object {
	return object{"coding": []any{object{"system": "http://terminology.hl7.org/CodeSystem/" + system, "code": code}}}
}

// ago is the moment a number of days before the cases are judged.
func (c *chart) ago(days string) string {
	n, err := strconv.Atoi(days)
	if err != nil {
		c.Fatalf("%s: %q is no number of days", c.id, days)
	}
	at := judgedAt.AddDate(0, 0, -n)
	if n == 0 {
		at = at.Add(-2 * time.Hour)
	}
	return at.Format(time.RFC3339)
}

var (
	tookFact      = regexp.MustCompile(`^took (.+) (\d+)d until (\d+)d$`)
	drugFact      = regexp.MustCompile(`^(taking|had|given) (.+?) (\d+)d(?: for (\d+)d)?$`)
	allergyFact   = regexp.MustCompile(`^allergy (.+) (\d+)d(?: (low|high))?(?: (refuted|error|resolved))?$`)
	conditionFact = regexp.MustCompile(`^condition (.+?) (\d+)d(?: ended (\d+)d)?( refuted)?$`)
	labFact       = regexp.MustCompile(`^lab (\S+) (\S+) (\S+) (-?\d+)d$`)
	personFact    = regexp.MustCompile(`^(female|male) (\d{4})$`)
	pregnantFact  = regexp.MustCompile(`^pregnant (\d+)d$`)
)

// fact adds the resource that says it.
func (c *chart) fact(text string) {
	if m := personFact.FindStringSubmatch(text); m != nil {
		c.add("Patient", object{"gender": m[1], "birthDate": m[2] + "-01-01"})
	} else if m := tookFact.FindStringSubmatch(text); m != nil {
		c.add("MedicationStatement", object{"status": "stopped", "medicationCodeableConcept": concept(m[1]), "dateAsserted": c.ago(m[2]),
			"effectivePeriod": object{"start": c.ago(m[2]), "end": c.ago(m[3])}})
	} else if m := drugFact.FindStringSubmatch(text); m != nil {
		c.drug(m[1], m[2], m[3], m[4])
	} else if m := allergyFact.FindStringSubmatch(text); m != nil {
		c.allergy(m)
	} else if m := pregnantFact.FindStringSubmatch(text); m != nil {
		c.condition("snomed 77386006 Pregnancy (finding)", m[1], "", "")
	} else if m := conditionFact.FindStringSubmatch(text); m != nil {
		c.condition(m[1], m[2], m[3], m[4])
	} else if m := labFact.FindStringSubmatch(text); m != nil {
		value, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			c.Fatalf("%s: %v", c.id, err)
		}
		c.add("Observation", object{"status": "final", "code": concept("loinc " + m[1]), "effectiveDateTime": c.ago(m[4]), "issued": c.ago(m[4]),
			"category":      []any{status("observation-category", "laboratory")},
			"valueQuantity": object{"value": value, "unit": m[3], "system": record.UCUM, "code": m[3]}})
	} else {
		c.Fatalf("%s: %q is no fact of the notation", c.id, text)
	}
}

func (c *chart) drug(how, text, days, supply string) {
	if how == "given" {
		c.add("MedicationAdministration", object{"status": "completed", "medicationCodeableConcept": concept(text), "effectiveDateTime": c.ago(days)})
		return
	}
	n := map[string]int{"taking": 90, "had": 7}[how]
	if supply != "" {
		n, _ = strconv.Atoi(supply)
	}
	c.add("MedicationRequest", object{"status": "active", "intent": "order", "medicationCodeableConcept": concept(text), "authoredOn": c.ago(days),
		"dispenseRequest": object{"expectedSupplyDuration": object{"value": n, "unit": "d", "system": record.UCUM, "code": "d"}}})
}

func (c *chart) allergy(m []string) {
	a := object{"code": concept(m[1]), "recordedDate": c.ago(m[2]), "clinicalStatus": status("allergyintolerance-clinical", "active"),
		"verificationStatus": status("allergyintolerance-verification", "confirmed")}
	if m[3] != "" {
		a["criticality"] = m[3]
	}
	switch m[4] {
	case "refuted":
		a["verificationStatus"] = status("allergyintolerance-verification", "refuted")
	case "error":
		a["verificationStatus"] = status("allergyintolerance-verification", "entered-in-error")
	case "resolved":
		a["clinicalStatus"] = status("allergyintolerance-clinical", "resolved")
	}
	c.add("AllergyIntolerance", a)
}

func (c *chart) condition(code, days, ended, refuted string) {
	r := object{"code": concept(code), "recordedDate": c.ago(days), "onsetDateTime": c.ago(days), "clinicalStatus": status("condition-clinical", "active")}
	if ended != "" {
		r["abatementDateTime"] = c.ago(ended)
		r["clinicalStatus"] = status("condition-clinical", "resolved")
	}
	if refuted != "" {
		r["verificationStatus"] = status("condition-ver-status", "refuted")
	}
	c.add("Condition", r)
}
