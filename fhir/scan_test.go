package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestScanFinds(t *testing.T) {
	raw := []byte(`{ "id" : "o1", "resourceType":"Observation", "meta":{"versionId":"3","lastUpdated":"2020-01-01T00:00:00Z","tag":[{"code":"x"}]},
		"contained":[{"resourceType":"Patient","id":"p"},{"resourceType":"Practitioner","id":"q","managingOrganization":{"reference":"Organization/9"}}],
		"identifier":[{"system":"urn:a","value":"1"},{"value":"2","assigner":{"reference":"Organization/1"}}],
		"subject":{"display":"x","reference":"Patient\/7"}, "performer":[{"reference":"#q"},{"identifier":{"system":"npi","value":"55"},"display":"Dr"}],
		"code":{"text":"a \"b\" \u00e9"}, "valueQuantity":{"value":-1.5e+3}, "note":[{"text":"reference"}], "basedOn":[{"reference":"urn:uuid:9"}], "x":[true,false,null,[],{}] }`)
	var h Header
	if issues := Scan(raw, &h); len(issues) > 0 {
		t.Fatal(issues)
	}
	var refs []string
	for _, r := range h.Refs {
		if got := unescape(nil, raw[r.Start:r.End]); !bytes.Equal(got, r.Text) {
			t.Errorf("span of %q is %q", r.Text, got)
		}
		refs = append(refs, string(r.Text)+" at "+h.PathOf(r.Start))
	}
	got := fmt.Sprintf("%s %s %s %s %s | %s | %s | %s %s | %s", h.Type, h.ID, raw[h.IDSpan.Start:h.IDSpan.End],
		raw[h.Version.Start:h.Version.End], raw[h.Updated.Start:h.Updated.End], h.Subject.Text, h.Contained,
		h.Identifiers, h.Logical, strings.Join(refs, ", "))
	want := `Observation o1 o1 3 2020-01-01T00:00:00Z | Patient/7 | [p q] | [{urn:a 1} { 2}] [{npi 55}] | ` +
		`Organization/9 at Observation.contained[1].managingOrganization.reference, Organization/1 at Observation.identifier[1].assigner.reference, ` +
		`Patient/7 at Observation.subject.reference, #q at Observation.performer[0].reference, urn:uuid:9 at Observation.basedOn[0].reference`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestScanCompartment(t *testing.T) {
	for raw, want := range map[string]string{
		`{"resourceType":"AllergyIntolerance","patient":{"reference":"Patient/1"}}`:                                                                                 "Patient/1",
		`{"resourceType":"Coverage","subscriber":{"reference":"Patient/2"},"beneficiary":{"reference":"Patient/1"}}`:                                                "Patient/1",
		`{"for":{"reference":"Patient/1"},"focus":{"reference":"Patient/2"},"resourceType":"Task"}`:                                                                 "Patient/1",
		`{"resourceType":"Account","subject":[{"reference":"Patient/1"},{"reference":"Patient/2"}]}`:                                                                "Patient/1",
		`{"resourceType":"Provenance","agent":[{"who":{"reference":"Practitioner/1"}}],"target":[{"reference":"Encounter/1"},{"reference":"https://a/Patient/1"}]}`: "https://a/Patient/1",
		`{"resourceType":"Patient","link":[{"other":{"reference":"Patient/2"}}]}`:                                                                                   "",
		`{"resourceType":"Organization","name":"x"}`:                                                                                                                "",
		`{"resourceType":"Observation","subject":{"identifier":{"value":"9"}}}`:                                                                                     "identifier 9",
		`{"resourceType":"Observation","subject":"Patient/1"}`:                                                                                                      "",
		`{"resourceType":"Observation","subject":{"extension":[{"valueReference":{"reference":"Patient/9"}}],"reference":"Patient/1"}}`:                             "Patient/1",
	} {
		var h Header
		Scan([]byte(raw), &h)
		got := string(h.Subject.Text)
		if len(h.SubjectIdentifier.Value) > 0 {
			got += "identifier " + string(h.SubjectIdentifier.Value)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestScanRefuses(t *testing.T) {
	deep := func(n int) string {
		return `{"resourceType":"Basic","extension":` + strings.Repeat(`[`, n) + strings.Repeat(`]`, n) + `}`
	}
	for raw, want := range map[string]string{
		`{"resourceType":"Patient","id":"a","name":[{"family":"x"},{"family":tru}]}`: "Patient.name[1].family: value expected",
		`{"resourceType":"Patient","id":"a"`:                                         "Patient.id: the text ends inside the resource",
		`{"resourceType":"Patient","birthDate":"1970`:                                "Patient.birthDate: the text ends inside the resource",
		`{"resourceType":"Patient"} {`:                                               "Patient: text after the end of the resource",
		`{"id":"a"}`:                                                                 "Resource: resourceType is missing",
		`{"resourceType":7}`:                                                         "Resource.resourceType: resourceType is not the name of a type",
		`[]`:                                                                         "Resource: a resource must be a JSON object",
		``:                                                                           "Resource: the text ends inside the resource",
		`{"resourceType":"Patient","id":"a/b"}`:                                      "Patient.id: not an id: 3 bytes, allowed are 1 to 64 of A-Z a-z 0-9 - .",
		`{"resourceType":"Patient","a":1,"b":{"a":2},"a":3}`:                "Patient.a: duplicate property",
		`{"resourceType":"Patient","name":[{"x":1},{"x":1,"\u0078":2}]}`:    "Patient.name[1].x: duplicate property",
		"{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"a\xffb\"}]}": "Patient.name[0].family: invalid UTF-8",
		"{\"resourceType\":\"Patient\",\"x\":\"a\nb\"}":                     "Patient.x: control character in a string",
		`{"resourceType":"Patient","x":"\q"}`:                               "Patient.x: unknown escape in a string",
		`{"resourceType":"Patient","x":01}`:                                 "Patient.x: malformed number",
		`{"resourceType":"Patient","x":1.}`:                                 "Patient.x: malformed number",
		`{"resourceType":"Patient","x":[1 2]}`:                              "Patient.x[0]: ',' or ']' expected",
		`{"resourceType":"Patient",}`:                                       "Patient.resourceType: property name expected",
	} {
		var h Header
		issues := Scan([]byte(raw), &h)
		if len(issues) == 0 || !Refused(issues) || issues[0].Path+": "+issues[0].Detail != want {
			t.Errorf("%s: %v, want %s", raw, issues, want)
		}
	}
	var h Header
	if issues := Scan([]byte(deep(20000)), &h); len(issues) != 1 || issues[0].Code != "too-long" || len(issues[0].Path) > 200 {
		t.Errorf("20,000 deep: %v", issues)
	}
	if issues := Scan([]byte(deep(400)), &h); len(issues) > 0 {
		t.Errorf("400 deep: %v", issues)
	}
	many := `{"resourceType":"Basic"` + strings.Repeat(`,"k":1`, 1000) + `}`
	if issues := Scan([]byte(many), &h); len(issues) != maxIssues {
		t.Errorf("%d issues for 999 duplicates", len(issues))
	}
}

func TestScanManyKeys(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Basic"`)
	for i := range 100_000 {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	var h Header
	if issues := Scan([]byte(b.String()+"}"), &h); len(issues) > 0 {
		t.Error(issues)
	}
	if issues := Scan([]byte(b.String()+`,"k77":1}`), &h); len(issues) != 1 || issues[0].Path != "Basic.k77" {
		t.Error(issues)
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	raw := []byte(`{"resourceType":"Condition","meta":{"profile":["x"]},"subject":{"reference":"Patient/1"},"identifier":[{"system":"a","value":"b"}],"code":{"coding":[{"system":"s","code":"c"}]}}`)
	var h Header
	Scan(raw, &h)
	if n := testing.AllocsPerRun(100, func() { Scan(raw, &h) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzScan holds the scanner against encoding/json: it accepts what is a JSON
// object with valid UTF-8, shallow and without duplicate keys, and only that.
func FuzzScan(f *testing.F) {
	for _, s := range []string{`{"resourceType":"Patient","id":"a","x":[1,-2.5e3,true,null,"\u00e9\n"]}`, `{"resourceType":"Observation","subject":{"reference":"Patient/1","identifier":{"system":"a","value":"b"}}}`,
		`{"resourceType":"Patient","meta":{},"contained":[{"id":"x"}]}`, "{\"resourceType\":\"Patient\",\"a\":\"\xff\"}", `{"resourceType":"Patient","a":1,"a":2}`, `{}`, `[`, "{\"resourceType\":\"Basic\",\n \"a\" : [ ] }"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var h Header
		issues := Scan(raw, &h)
		malformed := false
		for _, i := range issues {
			malformed = malformed || i.Severity == Error && i.Code == "structure" && i.Detail != "invalid UTF-8" && i.Detail != "duplicate property" || i.Code == "too-long"
		}
		object := len(bytes.TrimLeft(raw, " \t\r\n")) > 0 && bytes.TrimLeft(raw, " \t\r\n")[0] == '{'
		if valid := json.Valid(raw) && object; valid == malformed {
			t.Fatalf("valid = %v, issues %v", valid, issues)
		}
		for _, r := range h.Refs {
			if r.Start < 1 || r.End > len(raw) || raw[r.Start-1] != '"' || raw[r.End] != '"' {
				t.Fatalf("span %d:%d", r.Start, r.End)
			}
		}
		if Refused(issues) {
			return
		}
		splices := append(h.SetMeta("1", "2020-01-01T00:00:00Z"), h.SetID("new"))
		for _, r := range h.Refs {
			splices = append(splices, h.SetRef(r, `Patient/"x`))
		}
		decoded, err := DecodeSplices(EncodeSplices(splices))
		if err != nil {
			t.Fatal(err)
		}
		out := Apply(raw, decoded)
		var again Header
		if issues := Scan(out, &again); Refused(issues) || again.ID != "new" || len(again.Refs) != len(h.Refs) {
			t.Fatalf("after splices %s: %v", out, issues)
		}
	})
}

// FuzzSplices: decoding never panics, and what it accepts encodes the same.
func FuzzSplices(f *testing.F) {
	f.Add(EncodeSplices([]Splice{{1, 2, "x"}, {5, 5, ""}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSplices(b)
		if err != nil {
			return
		}
		if again, err := DecodeSplices(EncodeSplices(s)); err != nil || fmt.Sprint(again) != fmt.Sprint(s) {
			t.Fatalf("%v, again %v %v", s, again, err)
		}
		Apply(b, s)
	})
}

func TestApply(t *testing.T) {
	raw := []byte(`{"resourceType":"Patient","x":1}`)
	var h Header
	Scan(raw, &h)
	got := string(Apply(raw, append(h.SetMeta("1", "t"), h.SetID("a"))))
	if want := `{"resourceType":"Patient","meta":{"versionId":"1","lastUpdated":"t"},"id":"a","x":1}`; got != want {
		t.Errorf("got %s", got)
	}
	if got := Apply(raw, []Splice{{5, 3, "x"}, {0, 99, "y"}, {1, 4, "z"}, {2, 3, "overlap"}}); string(got) != `{z`+string(raw[4:]) {
		t.Errorf("bad splices: %s", got)
	}
	if _, err := DecodeSplices([]byte{9}); err == nil {
		t.Error("malformed splices were decoded")
	}
}
