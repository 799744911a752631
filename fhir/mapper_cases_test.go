package fhir

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ember/record"
)

// mapOne maps resources given as JSON, with ids "1", "2", … where they have none.
func mapOne(t *testing.T, resources ...string) (record.Timeline, []record.Note, []Issue) {
	t.Helper()
	rs, all := resourcesOf(t, resources)
	return newMapper(plainTerms{}).Timeline("p", slices.Values(rs), func(ref string) ([]byte, bool) { raw, ok := all[ref]; return raw, ok })
}

func resourcesOf(t *testing.T, resources []string) ([]Resource, map[string][]byte) {
	t.Helper()
	var rs []Resource
	all := map[string][]byte{}
	for i, text := range resources {
		var h Header
		if issues := Scan([]byte(text), &h); Refused(issues) {
			t.Fatalf("%s: %v", text, issues)
		}
		id := h.ID
		if id == "" {
			id = fmt.Sprint(i + 1)
		}
		rs = append(rs, Resource{h.Type + "/" + id, []byte(text)})
		all[h.Type+"/"+id] = []byte(text)
	}
	return rs, all
}

// brief is what a table compares of an event.
func brief(e record.Event) string {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.UTC().Format("06-01-02T15:04:05")
	}
	s := fmt.Sprintf("%s %s known %s from %s to %s", e.Kind, e.Concept.Value, stamp(e.Known), stamp(e.Start), stamp(e.End))
	if e.HasValue {
		s += fmt.Sprintf(" = %g %s", e.Value, e.Unit)
	}
	if !e.Answer.Zero() {
		s += " = " + e.Answer.Value
	}
	if e.Days > 0 {
		s += fmt.Sprintf(" %dd", e.Days)
	}
	if e.Severity > 0 {
		s += " " + e.Severity.String()
	}
	if len(e.Reason) > 0 {
		s += " for " + strings.Join(e.Reason, ",")
	}
	if e.Home {
		s += " home"
	}
	s += [...]string{"", " active", " ended", " on hold"}[e.Status]
	if e.Cancelled {
		s += " cancelled"
	}
	return s + " (" + e.Source + ")"
}

func TestEvents(t *testing.T) {
	const code = `"code":{"coding":[{"system":"s","code":"c","display":"C"}]}`
	for _, tc := range []struct{ name, in, want string }{
		{"condition", `{"resourceType":"Condition",` + code + `,"onsetDateTime":"2014-01","abatementDateTime":"2015","recordedDate":"2014-02-03","encounter":{"reference":"http://x/Encounter/e"}}`,
			"condition c known 14-02-03T23:59:59 from 14-01-01T00:00:00 to 15-12-31T23:59:59 (Condition/1)"},
		{"condition without a recorded date", `{"resourceType":"Condition",` + code + `,"onsetDateTime":"2014-01-01"}`, "condition c known 14-01-01T23:59:59 from 14-01-01T00:00:00 to - (Condition/1)"},
		{"condition refuted", `{"resourceType":"Condition",` + code + `,"verificationStatus":{"coding":[{"code":"refuted"}]}}`, ""},
		{"condition in error", `{"resourceType":"Condition",` + code + `,"verificationStatus":{"coding":[{"code":"entered-in-error"}]}}`, ""},
		{"condition of unknown status", `{"resourceType":"Condition",` + code + `,"clinicalStatus":{"coding":[{"code":"martian"}]}}`, "condition c known - from - to - (Condition/1)"},
		{"condition without code", `{"resourceType":"Condition"}`, "issue Condition/1: Condition.code"},
		{"condition with a wrong date", `{"resourceType":"Condition",` + code + `,"onsetDateTime":"2014-02-31","recordedDate":7}`,
			"condition c known - from - to - (Condition/1); issue Condition/1: Condition.onsetDateTime; issue Condition/1: Condition.recordedDate"},
		{"condition with wrong types", `{"resourceType":"Condition","code":{"coding":{"code":"c"},"text":"words"},"encounter":["x"]}`,
			"condition words known - from - to - (Condition/1); issue Condition/1: Condition.code.coding; issue Condition/1: Condition.encounter"},
		{"allergy", `{"resourceType":"AllergyIntolerance","code":{"text":"Penicillin"},"criticality":"low","category":["medication"],"reaction":[{"severity":"mild"},{"severity":"severe"}],"recordedDate":"2010"}`,
			"allergy penicillin known 10-12-31T23:59:59 from - to - high (AllergyIntolerance/1)"},
		{"no allergy", `{"resourceType":"AllergyIntolerance","code":{"text":"NKDA"}}`, ""},
		{"allergy by its reaction", `{"resourceType":"AllergyIntolerance","reaction":[{"substance":{"text":"Latex"}}]}`, "allergy latex known - from - to - (AllergyIntolerance/1)"},
		{"allergy to nobody knows what", `{"resourceType":"AllergyIntolerance","recordedDate":"2010","clinicalStatus":{"coding":[{"code":"active"}]},"criticality":"high"}`,
			"allergy unspecified known 10-12-31T23:59:59 from - to - high active (AllergyIntolerance/1); issue AllergyIntolerance/1: AllergyIntolerance.code"},
		{"allergy resolved", `{"resourceType":"AllergyIntolerance","code":{"text":"Latex"},"clinicalStatus":{"coding":[{"code":"resolved"}]}}`, "allergy latex known - from - to - ended (AllergyIntolerance/1)"},
		{"condition in relapse", `{"resourceType":"Condition",` + code + `,"clinicalStatus":{"coding":[{"code":"relapse"}]}}`, "condition c known - from - to - active (Condition/1)"},
		{"condition in remission", `{"resourceType":"Condition",` + code + `,"clinicalStatus":{"coding":[{"code":"remission"}]}}`, "condition c known - from - to - ended (Condition/1)"},
		{"order on hold", `{"resourceType":"MedicationRequest","status":"on-hold","medicationCodeableConcept":{"text":"X"}}`, "medication x known - from - to - on hold (MedicationRequest/1)"},
		{"order completed", `{"resourceType":"MedicationRequest","status":"completed","medicationCodeableConcept":{"text":"X"}}`, "medication x known - from - to - ended (MedicationRequest/1)"},
		{"order for discharge", `{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"X"},"category":[{"coding":[{"code":"discharge"}]}]}`, "medication x known - from - to - home (MedicationRequest/1)"},
		{"order in the stay", `{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"X"},"category":[{"coding":[{"code":"inpatient"}]}]}`, "medication x known - from - to - (MedicationRequest/1)"},
		{"order with refills", `{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"X"},"dispenseRequest":{"numberOfRepeatsAllowed":3}}`, "medication x known - from - to - home (MedicationRequest/1)"},
		{"package handed over", `{"resourceType":"MedicationDispense","status":"completed","medicationCodeableConcept":{"text":"X"}}`, "medication x known - from - to - (MedicationDispense/1)"},
		{"infusion running", `{"resourceType":"MedicationAdministration","status":"in-progress","medicationCodeableConcept":{"text":"X"}}`, "medication x known - from - to - active (MedicationAdministration/1)"},
		{"order", `{"resourceType":"MedicationRequest","status":"active","intent":"order","medicationCodeableConcept":{"text":"Warfarin"},"authoredOn":"2014-01-02T03:04:05Z","reasonReference":[{"reference":"Condition/1"},{"display":"x"}],
			"dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"start":"2014-01-03","end":"2014-01-10"}}}}],"dispenseRequest":{"expectedSupplyDuration":{"value":4,"unit":"weeks"},"numberOfRepeatsAllowed":2}}`,
			"medication warfarin known 14-01-02T03:04:05 from 14-01-03T00:00:00 to 14-01-10T23:59:59 84d for Condition/1 home active (MedicationRequest/1)"},
		{"order valid until", `{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"X"},"authoredOn":"2014-01-02","dispenseRequest":{"validityPeriod":{"end":"2015-01-02"},"expectedSupplyDuration":{"value":30,"code":"d"}}}`,
			"medication x known 14-01-02T23:59:59 from 14-01-02T00:00:00 to 15-01-02T23:59:59 30d (MedicationRequest/1)"},
		{"order cancelled", `{"resourceType":"MedicationRequest","status":"cancelled","medicationCodeableConcept":{"text":"X"}}`, "medication x known - from - to - ended cancelled (MedicationRequest/1)"},
		{"order proposed", `{"resourceType":"MedicationRequest","intent":"proposal","medicationCodeableConcept":{"text":"X"}}`, "medication x known - from - to - cancelled (MedicationRequest/1)"},
		{"order stopped", `{"resourceType":"MedicationRequest","status":"stopped","medicationCodeableConcept":{"text":"X"}}`, "medication x known - from - to - ended (MedicationRequest/1)"},
		{"prohibition", `{"resourceType":"MedicationRequest","doNotPerform":true,"medicationCodeableConcept":{"text":"X"}}`, ""},
		{"contained medication", `{"resourceType":"MedicationRequest","contained":[{"resourceType":"Organization","id":"o"},{"resourceType":"Medication","id":"m","code":{"text":"Y"}}],"medicationReference":{"reference":"#m"}}`, "medication y known - from - to - (MedicationRequest/1)"},
		{"missing medication", `{"resourceType":"MedicationRequest","medicationReference":{"reference":"Medication/9"}}`, "medication unresolved medication known - from - to - (MedicationRequest/1); issue MedicationRequest/1: MedicationRequest.medicationReference"},
		{"missing medication with words", `{"resourceType":"MedicationStatement","medicationReference":{"reference":"Medication/9","display":"Aspirin"}}`, "medication aspirin known - from - to - (MedicationStatement/1); issue MedicationStatement/1: MedicationStatement.medicationReference"},
		{"statement", `{"resourceType":"MedicationStatement","status":"active","medicationCodeableConcept":{"text":"X"},"dateAsserted":"2014-05-05","effectivePeriod":{"start":"2013","end":"2014-04"}}`,
			"medication x known 14-05-05T23:59:59 from 13-01-01T00:00:00 to 14-04-30T23:59:59 active (MedicationStatement/1)"},
		{"statement not taken", `{"resourceType":"MedicationStatement","status":"not-taken","medicationCodeableConcept":{"text":"X"}}`, ""},
		{"administration", `{"resourceType":"MedicationAdministration","status":"completed","medicationCodeableConcept":{"text":"X"},"context":{"reference":"Encounter/e"},"effectiveDateTime":"2014-01-01T00:00:00Z"}`,
			"medication x known 14-01-01T00:00:00 from 14-01-01T00:00:00 to - (MedicationAdministration/1)"},
		{"administration not done", `{"resourceType":"MedicationAdministration","status":"not-done","medicationCodeableConcept":{"text":"X"}}`, ""},
		{"dispense", `{"resourceType":"MedicationDispense","medicationCodeableConcept":{"text":"X"},"daysSupply":{"value":30},"whenPrepared":"2014-01-01T00:00:00Z"}`, "medication x known 14-01-01T00:00:00 from 14-01-01T00:00:00 to - 30d (MedicationDispense/1)"},
		{"procedure", `{"resourceType":"Procedure","status":"completed",` + code + `,"performedPeriod":{"start":"2015-01-09T22:00:07+01:00","end":"2015-01-10T01:10:07Z"}}`, "procedure c known 15-01-09T21:00:07 from 15-01-09T21:00:07 to 15-01-10T01:10:07 (Procedure/1)"},
		{"procedure not done", `{"resourceType":"Procedure","status":"not-done",` + code + `}`, ""},
		{"request for a test", `{"resourceType":"ServiceRequest","status":"draft","intent":"order","category":[{"coding":[{"system":"http://snomed.info/sct","code":"108252007"}]}],` + code + `,"authoredOn":"2014-01-01"}`, "test c known 14-01-01T23:59:59 from 14-01-01T00:00:00 to - cancelled (ServiceRequest/1)"},
		{"observation", `{"resourceType":"Observation","status":"final","category":[{"coding":[{"code":"laboratory"}]}],` + code + `,"effectiveDateTime":"2014-01-01","issued":"2014-01-02T00:00:00.000Z","valueQuantity":{"value":5.2,"comparator":"<","unit":"mg/dl","system":"http://unitsofmeasure.org","code":"mg/dL"}}`,
			"test c known 14-01-02T00:00:00 from 14-01-01T00:00:00 to - = 5.2 mg/dL (Observation/1)"},
		{"observation over a period", `{"resourceType":"Observation",` + code + `,"effectivePeriod":{"start":"2014-01-01","end":"2014-01-02"},"valueInteger":3}`, "finding c known 14-01-02T23:59:59 from 14-01-01T00:00:00 to 14-01-02T23:59:59 = 3  (Observation/1)"},
		{"observation answers", `{"resourceType":"Observation",` + code + `,"valueCodeableConcept":{"coding":[{"system":"x","code":"yes"}]}}`, "finding c known - from - to - = yes (Observation/1)"},
		{"observation in words", `{"resourceType":"Observation",` + code + `,"valueString":"<0.1 mg/dL"}`, "finding c known - from - to - = 0.1 mg/dL (Observation/1)"},
		{"observation in other words", `{"resourceType":"Observation",` + code + `,"valueString":"Never  Smoker"}`, "finding c known - from - to - = never smoker (Observation/1)"},
		{"observation as a ratio", `{"resourceType":"Observation",` + code + `,"valueRatio":{"numerator":{"value":1},"denominator":{"value":128}}}`, "finding c known - from - to - = 0.0078125  (Observation/1)"},
		{"observation as a range", `{"resourceType":"Observation",` + code + `,"valueRange":{"low":{"value":2,"unit":"g"},"high":{"value":4,"unit":"g"}}}`, "finding c known - from - to - = 3 g (Observation/1)"},
		{"observation without a number", `{"resourceType":"Observation",` + code + `,"valueQuantity":{"value":"5","unit":"g"}}`, "finding c known - from - to - (Observation/1); issue Observation/1: Observation.valueQuantity.value"},
		{"observation in error", `{"resourceType":"Observation","status":"entered-in-error",` + code + `}`, ""},
		{"components", `{"resourceType":"Observation","code":{"text":"BP"},"component":[{"code":{"text":"sys"},"valueQuantity":{"value":120}},{"code":{"text":"dia"},"dataAbsentReason":{"coding":[{"code":"not-performed"}]}},{"code":{"text":"map"},"valueQuantity":{"value":90}}]}`,
			"finding map known - from - to - = 90  (Observation/1#3); finding sys known - from - to - = 120  (Observation/1#1)"},
		{"panel", `{"resourceType":"Observation","code":{"text":"CBC"},"hasMember":[{"reference":"Observation/2"}]}`, ""},
		{"report with results", `{"resourceType":"DiagnosticReport",` + code + `,"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB"}]}],"result":[{"reference":"Observation/1"}]}`, ""},
		{"report without results", `{"resourceType":"DiagnosticReport",` + code + `,"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB"}]}],"issued":"2014-01-01T00:00:00Z"}`, "test c known 14-01-01T00:00:00 from - to - (DiagnosticReport/1)"},
		{"imaging report", `{"resourceType":"DiagnosticReport",` + code + `,"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"RAD"}]}],"result":[{"reference":"Observation/1"}],"conclusion":"clear"}`, "test c known - from - to - (DiagnosticReport/1); note clear"},
		{"report that is a note", `{"resourceType":"DiagnosticReport",` + code + `,"presentedForm":[{"contentType":"text/plain; charset=utf-8","data":"aGVs\nbG8="}]}`, "note hello"},
		{"note in HTML", `{"resourceType":"DocumentReference","content":[{"attachment":{"contentType":"text/html","data":"PHA+YSAmYW1wOyBiPC9wPjxzY3JpcHQ+eDwvc2NyaXB0PjxwPmM8L3A+"}}]}`, "note a & b|c"},
		{"note only as narrative", `{"resourceType":"DocumentReference","text":{"status":"generated","div":"<div>one<br/>two</div>"},"content":[{"attachment":{"contentType":"application/pdf","data":"JVBE"}}]}`, "note one|two"},
		{"note that is no base64", `{"resourceType":"DocumentReference","content":[{"attachment":{"contentType":"text/plain","data":"%%%"}}]}`, "issue DocumentReference/1: DocumentReference.content[0].attachment.data"},
		{"imaging study", `{"resourceType":"ImagingStudy","status":"available","started":"2015-05-10T08:36:24Z","procedureCode":[{"text":"X-ray"}]}`, "test x-ray known 15-05-10T08:36:24 from 15-05-10T08:36:24 to - (ImagingStudy/1)"},
		{"media", `{"resourceType":"Media","status":"completed","modality":{"text":"Photo"},"createdDateTime":"2014-01-01","content":{"contentType":"image/png","data":"AAAA"}}`, "test photo known 14-01-01T23:59:59 from 14-01-01T00:00:00 to - (Media/1)"},
		{"immunization", `{"resourceType":"Immunization","status":"completed","vaccineCode":{"coding":[{"system":"x","code":"y"},{"system":"http://hl7.org/fhir/sid/cvx","code":"140"}]},"occurrenceDateTime":"2014-01-01"}`, "immunization 140 known 14-01-01T23:59:59 from 14-01-01T00:00:00 to - (Immunization/1)"},
		{"plan", `{"resourceType":"CarePlan","status":"revoked","intent":"plan","category":[{"coding":[{"code":"assess-plan"}]},{"coding":[{"system":"s","code":"diet"}]}],"period":{"start":"2014-01-01","end":"2014-02-01"},"addresses":[{"reference":"Condition/1"}]}`,
			"plan diet known 14-01-01T23:59:59 from 14-01-01T00:00:00 to 14-02-01T23:59:59 for Condition/1 cancelled (CarePlan/1)"},
		{"family", `{"resourceType":"FamilyMemberHistory","status":"completed","date":"2014","condition":[{"code":{"text":"Stroke"}},{},{"code":{"text":"Gout"}}]}`,
			"family-history gout known 14-12-31T23:59:59 from - to - (FamilyMemberHistory/1#3); family-history stroke known 14-12-31T23:59:59 from - to - (FamilyMemberHistory/1#1)"},
		{"another type", `{"resourceType":"Claim","code":{"text":"x"}}`, ""},
		{"numbers where text is wanted", `{"resourceType":"Observation","code":{"coding":[{"system":"s","code":7}],"text":"T"},"valueQuantity":{"value":1e999}}`,
			"finding t known - from - to - (Observation/1); issue Observation/1: Observation.code.coding[0].code; issue Observation/1: Observation.valueQuantity.value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			line, notes, issues := mapOne(t, tc.in)
			var got []string
			for _, e := range append(line.Events, line.Undated...) {
				got = append(got, brief(e))
			}
			for _, n := range notes {
				got = append(got, "note "+strings.ReplaceAll(n.Text, "\n", "|"))
			}
			for _, i := range issues {
				got = append(got, "issue "+i.Path)
			}
			if s := strings.Join(got, "; "); s != tc.want {
				t.Errorf("got  %s\nwant %s", s, tc.want)
			}
		})
	}
}

func TestPerson(t *testing.T) {
	line, _, issues := mapOne(t, `{"resourceType":"Patient","id":"p","gender":"female","birthDate":"1928-07","deceasedDateTime":"2015-01-02","link":[{"other":{"reference":"Patient/q"},"type":"replaced-by"},{"other":{"reference":"Patient/r"},"type":"seealso"}],
		"extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[{"url":"ombCategory","valueCoding":{"code":"2106-3"}},{"url":"text","valueString":"White"}]},
		{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity","extension":[{"url":"text","valueString":"x"},{"url":"ombCategory","valueCoding":{"code":"2186-5"}}]}]}`,
		`{"resourceType":"Consent","status":"active","provision":{"type":"permit","provision":[{"type":"deny"}]}}`)
	want := record.Person{ID: "p", Sex: record.Female, Born: record.Date{Year: 1928, Month: 7}, Dead: true,
		Died: time.Date(2015, 1, 2, 23, 59, 59, 0, time.UTC), Race: "2106-3", Ethnicity: "2186-5", ReplacedBy: "q", OptOut: true}
	if line.Person != want || len(issues) > 0 {
		t.Errorf("got %+v %v", line.Person, issues)
	}
	for consent, want := range map[string]bool{
		`{"resourceType":"Consent","status":"active","provision":{"type":"permit"}}`:                                        false,
		`{"resourceType":"Consent","status":"inactive","provision":{"type":"deny"}}`:                                        false,
		`{"resourceType":"Consent","status":"rejected"}`:                                                                    true,
		`{"resourceType":"Consent","status":"active","provision":{"type":"deny"}}`:                                          true,
		`{"resourceType":"Consent","status":"active","scope":{"coding":[{"code":"adr"}]},"provision":{"type":"deny"}}`:      false,
		`{"resourceType":"Consent","status":"entered-in-error","provision":{"type":"deny"}}`:                                false,
		`{"resourceType":"Patient","id":"p","deceasedBoolean":false}`:                                                       false,
		`{"resourceType":"Consent","status":"active","scope":{"coding":[{"code":"research"}]},"provision":{"type":"deny"}}`: true,
	} {
		if line, _, _ := mapOne(t, consent); line.Person.OptOut != want || line.Person.Dead {
			t.Errorf("%s: %+v", consent, line.Person)
		}
	}
}

func TestEncounterAndItsDiagnosis(t *testing.T) {
	line, _, _ := mapOne(t,
		`{"resourceType":"Condition","code":{"text":"x"},"encounter":{"reference":"Encounter/e"},"onsetDateTime":"2000"}`,
		`{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"IMP"},"type":[{"text":"ICU"}],"period":{"start":"2014-01-01T08:00:00Z","end":"2014-01-03"},"reasonCode":[{"text":"Chest  Pain"},{"coding":[{"system":"s","code":"c"}]}],"serviceProvider":{"reference":"Organization/1"}}`,
		`{"resourceType":"Encounter","status":"cancelled"}`)
	if len(line.Encounters) != 1 || fmt.Sprint(line.Encounters[0]) != "{Encounter/e IMP {urn:ember:text icu ICU} 2014-01-01 08:00:00 +0000 UTC 2014-01-03 23:59:59 +0000 UTC [{urn:ember:text chest pain Chest  Pain} {s c }] Organization/1}" {
		t.Errorf("encounters %v", line.Encounters)
	}
	if got := brief(line.Events[0]); got != "condition x known 14-01-03T23:59:59 from 00-01-01T00:00:00 to - (Condition/1)" {
		t.Errorf("a diagnosis is known at the end of its encounter: %s", got)
	}
}

func TestNotesOnce(t *testing.T) {
	_, notes, _ := mapOne(t,
		`{"resourceType":"DiagnosticReport","id":"r","issued":"2014-01-01T00:00:00Z","presentedForm":[{"contentType":"text/plain","data":"aGVsbG8="}]}`,
		`{"resourceType":"DocumentReference","id":"d","status":"superseded","type":{"coding":[{"system":"http://loinc.org","code":"34117-2"}]},"date":"2014-01-01T00:00:00Z","context":{"encounter":[{"reference":"Encounter/e"}]},"content":[{"attachment":{"contentType":"text/plain","data":"aGVsbG8="}}]}`,
		`{"resourceType":"DocumentReference","id":"b","content":[{"attachment":{"contentType":"text/plain","url":"Binary/x"}}]}`,
		`{"resourceType":"Binary","id":"x","contentType":"text/plain","data":"b3RoZXI="}`)
	if len(notes) != 2 || notes[1].Source != "DocumentReference/d" || notes[1].Encounter != "Encounter/e" || notes[1].Type.Value != "34117-2" || notes[0].Text != "other" {
		t.Errorf("notes %+v", notes)
	}
}

// TestOrderDoesNotMatter shuffles the resources of whole patients.
func TestOrderDoesNotMatter(t *testing.T) {
	s := load(t, Limits{}, sharedData(t, "eicu-demo-fhir"))
	m := newMapper(plainTerms{})
	random := rand.New(rand.NewPCG(1, 2))
	n := 0
	for patient, rs := range s.byPatient {
		id, ok := strings.CutPrefix(patient, "Patient/")
		if !ok {
			continue
		}
		if n++; n > 100 {
			break
		}
		want, wantNotes, wantIssues := m.Timeline(id, slices.Values(rs), s.lookup)
		random.Shuffle(len(rs), func(i, j int) { rs[i], rs[j] = rs[j], rs[i] })
		got, notes, issues := newMapper(plainTerms{}).Timeline(id, slices.Values(rs), s.lookup)
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) || fmt.Sprint(notes) != fmt.Sprint(wantNotes) || fmt.Sprint(issues) != fmt.Sprint(wantIssues) {
			t.Fatalf("the order of the resources changed patient %d", n)
		}
	}
}

// TestMapperConcurrently maps the same patients from many goroutines; run it with
// the race detector.
func TestMapperConcurrently(t *testing.T) {
	rs, _ := resourcesOf(t, []string{
		`{"resourceType":"Patient","id":"p","birthDate":"1950"}`,
		`{"resourceType":"Observation","category":[{"coding":[{"code":"laboratory"}]}],"code":{"text":"x"},"issued":"2014-01-01T00:00:00Z","valueQuantity":{"value":1,"unit":"g"}}`,
		`{"resourceType":"MedicationRequest","reportedBoolean":true,"medicationCodeableConcept":{"text":"Aspirin"},"authoredOn":"2014"}`})
	m := newMapper(plainTerms{})
	want, _, _ := m.Timeline("p", slices.Values(rs), nil)
	if mode := want.Events[1].Mode; mode != record.Stated {
		t.Errorf("a reported order has mode %d", mode)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				if got, _, _ := m.Timeline("p", slices.Values(rs), nil); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Error("another timeline")
				}
			}
		})
	}
	wait.Wait()
}

// FuzzMapper: no resource makes the mapper panic, or lose another one.
func FuzzMapper(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Observation","code":{"text":"x"},"valueQuantity":{"value":1},"component":[{}]}`), "Observation/1")
	f.Add([]byte(`{"resourceType":"MedicationRequest","medicationReference":{"reference":"#m"},"contained":[{"id":"m"}]}`), "MedicationRequest/1")
	f.Add([]byte(`{"resourceType":"Patient","birthDate":"20`), "Patient/p")
	m := newMapper(plainTerms{})
	f.Fuzz(func(t *testing.T, raw []byte, ref string) {
		good := Resource{"Condition/good", []byte(`{"resourceType":"Condition","code":{"text":"good"},"recordedDate":"2014"}`)}
		line, _, _ := m.Timeline("p", slices.Values([]Resource{{ref, raw}, good}), nil)
		if !slices.ContainsFunc(line.Events, func(e record.Event) bool { return e.Source == good.Ref }) {
			t.Fatal("a resource was lost")
		}
		for _, e := range append(line.Events, line.Undated...) {
			if e.Concept.Zero() || e.Kind == 0 {
				t.Fatalf("an event without a concept from %s", ref)
			}
		}
	})
}
