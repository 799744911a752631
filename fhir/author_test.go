package fhir

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	goccy "github.com/goccy/go-json"
	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"ember/record"
)

func TestEncodeInventsNothing(t *testing.T) {
	subject := "Patient/1"
	text := "a <b> & \"c\""
	out, err := Encode(fhir.MedicationRequest{Status: "draft", Intent: "proposal", Subject: fhir.Reference{Reference: &subject},
		MedicationCodeableConcept: fhir.CodeableConcept{Text: &text}})
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	if _, invented := v["medicationReference"]; invented || len(v) != 5 || v["medicationCodeableConcept"].(map[string]any)["text"] != text {
		t.Errorf("got %s", out)
	}
	if _, err := Encode(struct{ A int }{1}); err == nil {
		t.Error("something that is no resource was encoded")
	}
	if _, err := Encode(func() {}); err == nil {
		t.Error("a function was encoded")
	}
	name := "reader"
	event, err := Encode(fhir.AuditEvent{Type: fhir.Coding{}, Recorded: "2024-01-01T00:00:00Z", Agent: []fhir.AuditEventAgent{{Name: &name}},
		Entity: []fhir.AuditEventEntity{{Detail: []fhir.AuditEventEntityDetail{{Type: "at", ValueString: "x"}}}}})
	if want := `{"recorded":"2024-01-01T00:00:00Z","agent":[{"name":"reader","requestor":false}],"entity":[{"detail":[{"type":"at","valueString":"x"}]}],"resourceType":"AuditEvent"}`; err != nil || string(event) != want {
		t.Errorf("got %s %v", event, err)
	}
}

func TestOutcomeJSON(t *testing.T) {
	for _, issues := range [][]Issue{nil, {{Error, "structure", "Bundle.entry[3]", "malformed JSON"}, {"odd", "odd", "", ""}}} {
		out := OutcomeJSON(issues)
		v, missing, err := View[fhir.OperationOutcome](out)
		if err != nil || len(missing) > 0 || len(v.Issue) != max(1, len(issues)) {
			t.Errorf("%s: %v %v", out, missing, err)
		}
	}
	want := `{"issue":[{"severity":"error","code":"structure","diagnostics":"malformed JSON","expression":["Bundle.entry[3]"]},{"severity":"error","code":"processing"}],"resourceType":"OperationOutcome"}`
	if got := string(OutcomeJSON([]Issue{{Error, "structure", "Bundle.entry[3]", "malformed JSON"}, {"odd", "odd", "", ""}})); got != want {
		t.Errorf("got %s", got)
	}
}

func TestView(t *testing.T) {
	o, issues, err := View[fhir.Observation]([]byte(`{"resourceType":"Observation","code":{"text":"x"},"valueQuantity":{"value":5.10,"comparator":"\u003c"}}`))
	if err != nil || o.ValueQuantity.Value.String() != "5.10" || *o.ValueQuantity.Comparator != fhir.QuantityComparatorLessThan {
		t.Errorf("%+v %v", o.ValueQuantity, err)
	}
	if len(issues) != 1 || issues[0].Path != "Observation.status" {
		t.Errorf("a missing status: %v", issues)
	}
	for _, raw := range []string{`{"resourceType":"Patient"}`, `{"resourceType":"Observation","status":"martian","code":{}}`, `{`} {
		if _, _, err := View[fhir.Observation]([]byte(raw)); err == nil || strings.Contains(err.Error(), "martian") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestBundleResponse(t *testing.T) {
	entries := []BundleEntry{
		{FullURL: "http://h/Patient/1", Resource: []byte(`{"resourceType":"Patient", "x":"<b>"}`), Mode: "match"},
		{Status: "201 Created", Location: "Patient/1/_history/1", ETag: `W/"1"`, LastModified: "2024-01-01T00:00:00Z"},
		{Status: "400 Bad Request", Outcome: OutcomeJSON([]Issue{{Error, "invalid", "", "no"}})},
	}
	for _, head := range []BundleHead{{Type: "searchset", ID: "b", Total: 3, Self: "http://h/?a=1&b=2", Next: "n"}, {Type: "batch-response", Total: -1, Timestamp: "2024-01-01T00:00:00Z"}} {
		var out bytes.Buffer
		i := 0
		err := BundleResponse(&out, head, func() (BundleEntry, bool) {
			if i == len(entries) {
				return BundleEntry{}, false
			}
			i++
			return entries[i-1], true
		})
		if err != nil {
			t.Fatal(err)
		}
		v, issues, err := View[fhir.Bundle](out.Bytes())
		if err != nil || len(issues) > 0 || len(v.Entry) != 3 || v.Type.Code() != head.Type {
			t.Errorf("%s: %v %v", out.Bytes(), issues, err)
		}
		if !bytes.Contains(out.Bytes(), entries[0].Resource) {
			t.Error("the resource was written anew")
		}
	}
	var out bytes.Buffer
	if err := BundleResponse(&out, BundleHead{Type: "searchset"}, func() (BundleEntry, bool) { return BundleEntry{}, false }); err != nil || out.String() != `{"resourceType":"Bundle","type":"searchset","total":0}` {
		t.Errorf("%s %v", out.String(), err)
	}
}

// FuzzLibraryJSON holds goccy/go-json, which decodes the views, against
// encoding/json.
func FuzzLibraryJSON(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Observation","status":"final","code":{"text":"\u00e9"},"valueQuantity":{"value":1.50}}`))
	f.Add([]byte(`{"id":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var h Header
		if Refused(Scan(raw, &h)) {
			return // a view refuses it before the library sees it
		}
		var a, b fhir.Observation
		errA, errB := json.Unmarshal(raw, &a), goccy.Unmarshal(raw, &b)
		if (errA == nil) != (errB == nil) {
			t.Skip("the libraries differ in what they refuse")
		}
		if errA != nil {
			return
		}
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if !bytes.Equal(x, y) {
			t.Fatalf("encoding/json %s\ngoccy %s", x, y)
		}
	})
}

func TestBundleOfOnePatient(t *testing.T) {
	m := newMapper(plainTerms{})
	entry := func(url, resource string) string { return `{"fullUrl":"` + url + `","resource":` + resource + `}` }
	bundle := func(entries ...string) string {
		return `{"resourceType":"Bundle","type":"collection","entry":[` + strings.Join(entries, ",") + `]}`
	}
	patient := entry("urn:uuid:aa", `{"resourceType":"Patient","identifier":[{"system":"s","value":"1"}],"birthDate":"1950"}`)
	line, issues, err := m.Bundle(t.Context(), strings.NewReader(bundle(
		entry("urn:uuid:bb", `{"resourceType":"MedicationRequest","subject":{"reference":"urn:uuid:aa"},"medicationReference":{"reference":"urn:uuid:cc"},"reasonReference":[{"reference":"urn:uuid:dd"}],"authoredOn":"2020"}`),
		entry("urn:uuid:cc", `{"resourceType":"Medication","code":{"text":"Metformin"}}`),
		entry("urn:uuid:dd", `{"resourceType":"Condition","subject":{"reference":"Patient?identifier=s|1"},"code":{"text":"Diabetes"},"recordedDate":"2020"}`),
		entry("urn:uuid:ee", `{"resourceType":"Condition","subject":{"identifier":{"system":"s","value":"1"}},"code":{"text":"Gout"},"recordedDate":"2020"}`),
		entry("urn:uuid:ff", `{"resourceType":"Condition","subject":{"reference":"urn:uuid:aa"},"code":tru}`),
		patient)))
	var got []string
	for _, e := range line.Events {
		got = append(got, brief(e))
	}
	want := `condition diabetes known 20-12-31T23:59:59 from - to - (Condition/dd); condition gout known 20-12-31T23:59:59 from - to - (Condition/ee); medication metformin known 20-12-31T23:59:59 from 20-01-01T00:00:00 to - for Condition/dd (MedicationRequest/bb)`
	if err != nil || strings.Join(got, "; ") != want || line.Person.ID != "aa" || line.Person.Born.Year != 1950 {
		t.Errorf("%s %+v %v", strings.Join(got, "; "), line.Person, err)
	}
	if len(issues) != 1 || issues[0].Path != "Bundle.entry[4].resource.code" {
		t.Errorf("issues %v", issues)
	}
	for text, want := range map[string]error{
		bundle(): ErrNoPatient,
		bundle(patient, entry("urn:uuid:bb", `{"resourceType":"Patient"}`)):                                                             ErrManyPatients,
		bundle(patient, entry("urn:uuid:bb", `{"resourceType":"Condition","subject":{"reference":"Patient/2"},"code":{"text":"x"}}`)):   ErrManyPatients,
		bundle(patient, entry("urn:uuid:bb", `{"resourceType":"Condition","subject":{"reference":"urn:uuid:zz"},"code":{"text":"x"}}`)): ErrManyPatients,
		bundle(patient)[:60]: ErrBroken,
		"":                   ErrBroken,
	} {
		if _, _, err := m.Bundle(t.Context(), strings.NewReader(text)); fmt.Sprint(err)[:20] != want.Error()[:20] {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

// TestRefusedAllergyIsAnAllergy: an allergy that cannot be read is there all the
// same, so that rules name it.
func TestRefusedAllergyIsAnAllergy(t *testing.T) {
	line, issues, err := newMapper(plainTerms{}).Bundle(t.Context(), strings.NewReader(`{"resourceType":"Bundle","type":"collection","entry":[
		{"resource":{"resourceType":"Patient","id":"1"}},
		{"resource":{"resourceType":"AllergyIntolerance","id":"2","patient":{"reference":"Patient/1"},"code":{"text":"x"},"code":{"text":"y"},"onsetDateTime":tru}}]}`))
	if err != nil || len(issues) == 0 || len(line.Undated) != 1 {
		t.Fatalf("%+v %v %v", line, issues, err)
	}
	if got := brief(line.Undated[0]); got != "allergy unspecified known - from - to - (Bundle.entry[1])" {
		t.Error(got)
	}
}

// TestIssuesHoldNoValues feeds a marked value into everything that can fail.
func TestIssuesHoldNoValues(t *testing.T) {
	const mark = "Zaphod1952"
	for _, raw := range []string{
		`{"resourceType":"Patient","id":"` + mark + `/1","birthDate":"` + mark + `"}`,
		`{"resourceType":"Patient","name":[{"family":"` + mark + `","family":"` + mark + `"}]}`,
		`{"resourceType":"Patient","birthDate":"` + mark,
		`{"resourceType":"Condition","onsetDateTime":"` + mark + `","code":{"text":7}}`,
	} {
		out := dump(t, raw, "x", Limits{})
		_, issues, _ := strings.Cut(out, raw)
		line, _, found := newMapper(plainTerms{}).Timeline("p", func(yield func(Resource) bool) { yield(Resource{"Condition/1", []byte(raw)}) }, nil)
		if strings.Contains(issues+fmt.Sprint(found), mark) {
			t.Errorf("%s: an issue quotes it: %v %v", raw, issues, found)
		}
		_ = record.Timeline(line)
	}
}

// Example reads a Bundle and maps it.
func Example() {
	text := `{"resourceType":"Bundle","type":"collection","entry":[
		{"resource":{"resourceType":"Patient","id":"1","birthDate":"1950"}},
		{"resource":{"resourceType":"Condition","id":"2","subject":{"reference":"Patient/1"},"code":{"text":"Gout"},"recordedDate":"2020-05"}},
		{"resource":{"resourceType":"Condition","id":"3","subject":{"reference":"Patient/1"},"onsetDateTime":tru}}]}`
	m := newMapper(plainTerms{}) // NewMapper(terms) outside of tests
	line, issues, err := m.Bundle(context.Background(), strings.NewReader(text))
	for _, e := range line.Events {
		fmt.Println(e.Kind, e.Text, e.Known.Format("2006-01-02 15:04:05"), e.Source)
	}
	fmt.Println(issues[0].Path, err)
	// Output:
	// condition Gout 2020-05-31 23:59:59 Condition/2
	// Bundle.entry[2].resource.onsetDateTime <nil>
}

// ExampleScan puts an id into a resource without touching the rest.
func ExampleScan() {
	raw := []byte(`{"resourceType":"Condition",  "subject":{"reference":"urn:uuid:7"}}`)
	var h Header
	fmt.Println(Scan(raw, &h), string(h.Subject.Text))
	os.Stdout.Write(Apply(raw, []Splice{h.SetID("c1"), h.SetRef(h.Subject, "Patient/7")}))
	// Output:
	// [] urn:uuid:7
	// {"resourceType":"Condition","id":"c1",  "subject":{"reference":"Patient/7"}}
}
