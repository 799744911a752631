package validate_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestValidate: each kind of fault is found where it is, and nothing else is.
func TestValidate(t *testing.T) {
	v := validator(t)
	patient := func(rest string) string { return `{"resourceType":"Patient",` + rest + `}` }
	observation := func(rest string) string {
		return `{"resourceType":"Observation","status":"final","code":{"text":"x"},` + rest + `}`
	}
	div := func(html string) string {
		return patient(`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + html + `</div>"}`)
	}
	for name, tc := range map[string]struct{ json, code, where, text string }{
		"whole":                   {patient(`"active":true`), "", "", ""},
		"no JSON":                 {`{"resourceType":"Patient",}`, "structure", "", "no JSON"},
		"a comment":               {"{\"resourceType\":\"Patient\" // x\n}", "structure", "", "no JSON"},
		"not UTF-8":               {"{\"resourceType\":\"Patient\",\"language\":\"\xff\"}", "structure", "", "UTF-8"},
		"an array":                {`[]`, "structure", "", "object"},
		"two":                     {`{"resourceType":"Patient","active":true}{}`, "structure", "", "more follows"},
		"no type":                 {`{"active":true}`, "structure", "", "resourceType is missing"},
		"unknown type":            {`{"resourceType":"Robot"}`, "structure", "", "no type"},
		"abstract type":           {`{"resourceType":"DomainResource"}`, "structure", "", "no type"},
		"unknown element":         {patient(`"colour":"red"`), "structure", "Patient", "no such element: colour"},
		"deep unknown":            {patient(`"name":[{"first":"A"}]`), "structure", "Patient.name[0]", "HumanName has no such element: first"},
		"twice":                   {patient(`"active":true,"active":false`), "structure", "Patient", "twice"},
		"required":                {`{"resourceType":"Observation","status":"final"}`, "required", "Observation", "Observation.code"},
		"required within":         {patient(`"link":[{"type":"refer"}]`), "required", "Patient.link[0]", "Patient.link.other"},
		"no array":                {patient(`"name":{"family":"A"}`), "structure", "Patient.name", "is an array"},
		"an array too many":       {patient(`"gender":["male"]`), "structure", "Patient.gender", "no array"},
		"an empty array":          {patient(`"name":[]`), "structure", "Patient.name", "at least one item"},
		"an empty object":         {patient(`"name":[{}]`), "structure", "Patient.name[0]", "at least one element"},
		"null":                    {patient(`"active":null`), "structure", "Patient.active", "null"},
		"null in an array":        {patient(`"name":[{"given":["A",null]}]`), "structure", "Patient.name[0].given[1]", "null"},
		"null with an extension":  {patient(`"name":[{"given":["A",null],"_given":[null,{"extension":[{"url":"u:x","valueString":"y"}]}]}]`), "", "", ""},
		"an extension alone":      {patient(`"_birthDate":{"extension":[{"url":"u:x","valueString":"y"}]}`), "", "", ""},
		"beside what is complex":  {patient(`"_name":[{"id":"x"}]`), "structure", "Patient", "_name"},
		"arrays of two lengths":   {patient(`"name":[{"given":["A"],"_given":[null,{"id":"x"}]}]`), "structure", "Patient.name[0].given", "one length"},
		"a choice":                {observation(`"valueQuantity":{"value":1}`), "", "", ""},
		"two choices":             {observation(`"valueString":"a","valueBoolean":true`), "structure", "Observation", "only one of the types"},
		"a type no choice has":    {observation(`"valueAttachment":{"title":"x"}`), "structure", "Observation", "no such element"},
		"in a choice":             {observation(`"valueQuantity":{"value":"1"}`), "value", "Observation.value.ofType(Quantity).value", "a number"},
		"a boolean in quotes":     {patient(`"active":"true"`), "value", "Patient.active", "without quotes"},
		"a string that is none":   {patient(`"gender":1`), "value", "Patient.gender", "in quotes"},
		"an empty string":         {patient(`"id":""`), "value", "Patient.id", "empty"},
		"an id":                   {patient(`"id":"a_b"`), "value", "Patient.id", "another form"},
		"a date":                  {patient(`"birthDate":"1970-13-01"`), "value", "Patient.birthDate", "there are"},
		"a day":                   {patient(`"birthDate":"1970-02-30"`), "value", "Patient.birthDate", "there are"},
		"a year":                  {patient(`"birthDate":"1970"`), "", "", ""},
		"a moment without a zone": {observation(`"effectiveDateTime":"2024-01-01T10:00:00"`), "value", "Observation.effective.ofType(dateTime)", "another form"},
		"an hour":                 {observation(`"effectiveDateTime":"2024-01-01T25:00:00Z"`), "value", "Observation.effective.ofType(dateTime)", "there are"},
		"a fraction of a number":  {patient(`"multipleBirthInteger":1.5`), "value", "Patient.multipleBirth.ofType(integer)", "whole number"},
		"a positive number":       {patient(`"telecom":[{"rank":0,"system":"phone","value":"1"}]`), "value", "Patient.telecom[0].rank", "from 1"},
		"base64":                  {patient(`"photo":[{"contentType":"image/png","data":"%%"}]`), "value", "Patient.photo[0].data", "base64"},
		"the size of data":        {patient(`"photo":[{"contentType":"image/png","data":"QUJD","size":5}]`), "invariant", "Patient.photo[0].size", "size"},
		"a UUID":                  {patient(`"identifier":[{"system":"urn:uuid:X"}]`), "value", "Patient.identifier[0].system", "UUID"},
		"a code":                  {patient(`"gender":"man"`), "code-invalid", "Patient.gender", "administrative-gender"},
		"a coded concept":         {`{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"gone"}]}}`, "code-invalid", "Condition.clinicalStatus", "condition-clinical"},
		"a code of another":       {`{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"urn:x","code":"active"}]}}`, "code-invalid", "Condition.clinicalStatus", "condition-clinical"},
		"a concept of two":        {`{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"urn:x","code":"active"},{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`, "", "", ""},
		"a code system":           {observation(`"valueCodeableConcept":{"coding":[{"system":"loinc","code":"1"}]}`), "value", "Observation.value.ofType(CodeableConcept).coding[0].system", "absolute"},
		"an invariant":            {observation(`"valueString":"a","dataAbsentReason":{"text":"x"}`), "invariant", "Observation", "obs-6"},
		"an invariant of a type":  {observation(`"valueQuantity":{"value":1,"code":"mg"}`), "invariant", "Observation.value.ofType(Quantity)", "qty-3"},
		"an invariant of a part":  {patient(`"contact":[{"gender":"male"}]`), "invariant", "Patient.contact[0]", "pat-1"},
		"nothing contained":       {observation(`"subject":{"reference":"#p"}`), "invariant", "Observation.subject.reference", "contained"},
		"contained":               {observation(`"contained":[{"resourceType":"Patient","id":"p","active":true}],"subject":{"reference":"#p"}`), "", "", ""},
		"wrong and contained":     {observation(`"contained":[{"resourceType":"Patient","id":"p","colour":1}],"subject":{"reference":"#p"}`), "structure", "Observation.contained[0]", "colour"},
		"contained twice":         {observation(`"contained":[{"resourceType":"List","id":"p","status":"current","mode":"working","contained":[{"resourceType":"Patient","id":"q"}]}],"subject":{"reference":"#p"}`), "structure", "Observation.contained[0].contained", "cannot contain"},
		"in a Bundle":             {`{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a","resource":{"resourceType":"Patient","gender":1}}]}`, "value", "Bundle.entry[0].resource.gender", "quotes"},
		"a narrative":             {div(`<p style=\"color:red\">a<br/>b</p>`), "", "", ""},
		"a script":                {div(`<script>x</script>`), "value", "Patient.text.div", "basic elements"},
		"a handler":               {div(`<p onclick=\"x\">a</p>`), "value", "Patient.text.div", "attributes"},
		"an entity":               {div(`&nbsp;`), "value", "Patient.text.div", "entities"},
		"nothing said":            {div(` `), "value", "Patient.text.div", "says something"},
		"no XHTML":                {patient(`"text":{"status":"generated","div":"<p>a</p>"}`), "value", "Patient.text.div", "begins with"},
		"part in part":            {`{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group","item":[{"linkId":"2"}]}]}`, "required", "Questionnaire.item[0].item[0]", "Questionnaire.item.type"},
	} {
		bad := errorsOf(v.Validate([]byte(tc.json), now))
		switch {
		case tc.code == "":
			if len(bad) > 0 {
				t.Errorf("%s: %+v", name, bad)
			}
		case len(bad) != 1 || bad[0].Code != tc.code || bad[0].Expression != tc.where || !strings.Contains(bad[0].Text, tc.text):
			t.Errorf("%s: %+v, want %s at %s: %s", name, bad, tc.code, tc.where, tc.text)
		}
	}
}

// TestWrongTargetIsAWarning: HL7's own examples have references to what should not stand
// there.
func TestWrongTargetIsAWarning(t *testing.T) {
	issues := validator(t).Validate([]byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"encounter":{"reference":"Patient/1"}}`), now)
	if len(issues) != 1 || issues[0].Severity != "warning" || issues[0].Expression != "Observation.encounter.reference" {
		t.Errorf("%+v", issues)
	}
}

// TestPlaces: lines and columns are those of the text, counted from one.
func TestPlaces(t *testing.T) {
	issues := validator(t).Validate([]byte("{\n  \"resourceType\": \"Patient\",\n  \"gender\": 7,\n  \"colour\": 1}"), now)
	if len(issues) != 2 || issues[0].Line != 3 || issues[0].Column != 13 || issues[1].Line != 4 || issues[1].Column != 3 {
		t.Errorf("%+v", issues)
	}
}

// TestReportsHoldNoValues: what is wrong is told without saying what stands there.
func TestReportsHoldNoValues(t *testing.T) {
	const name = "Zzyzxwitz"
	for _, json := range []string{
		`{"resourceType":"Patient","gender":"` + name + `","birthDate":"` + name + `","id":"` + name + `_","name":"` + name + `","active":"` + name + `"}`,
		`{"resourceType":"Patient","` + name + ` of 1970":1}`, `{"resourceType":"` + name + `"}`, `{"` + name + `"`,
		`{"resourceType":"Patient","text":{"status":"` + name + `","div":"<` + name + `>"},"generalPractitioner":[{"reference":"#` + name + `"}]}`,
	} {
		issues := validator(t).Validate([]byte(json), now)
		if len(issues) == 0 || strings.Contains(fmt.Sprint(issues), name) {
			t.Errorf("%s: %v", json, issues)
		}
	}
}

// FuzzValidate: whatever comes, there is a report, with places that there are.
func FuzzValidate(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient","_birthDate":null,"name":[{"given":[null]}]}}]}`))
	f.Add([]byte(`{"resourceType":"Patient","contained":[{"resourceType":"Patient","contained":{}}],"text":{"div":"<div"}}`))
	f.Add([]byte("\ufeff{\n}"))
	v := validator(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, i := range v.Validate(b, now) {
			if i.Severity == "" || i.Code == "" || i.Text == "" || i.Line < 1 || i.Column < 1 || i.Line > strings.Count(string(b), "\n")+1 {
				t.Fatalf("%+v", i)
			}
		}
	})
}

// TestSkipped: the invariants that cannot be evaluated here are few, and known.
func TestSkipped(t *testing.T) {
	v := validator(t)
	if got := strings.Join(v.Skipped(), " "); got != knownSkipped {
		t.Errorf("skipped: %s", got)
	}
	if !strings.Contains(v.Source(), "CC0") {
		t.Errorf("source %q", v.Source())
	}
}

func BenchmarkValidate(b *testing.B) {
	v := validator(b)
	src := []byte(`{"resourceType":"Observation","id":"o1","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"2160-0"}]},"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2024-01-01T10:00:00Z","valueQuantity":{"value":1.1,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"}}`)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if issues := v.Validate(src, now); len(issues) > 0 {
			b.Fatal(issues)
		}
	}
}

// knownSkipped need a reference to be followed.
const knownSkipped = "ctm-1"
