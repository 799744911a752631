package deid_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ember/fhir/deid"
)

var (
	key = bytes.Repeat([]byte("k"), 32)
	at  = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
)

func scrubber(t testing.TB, mode deid.Mode, change func(*deid.Options)) *deid.Scrubber {
	t.Helper()
	opt := deid.Options{Mode: mode, Key: key, At: at, Base: "https://ehr.example.org/fhir/"}
	if change != nil {
		change(&opt)
	}
	s, err := deid.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told is what is told of a resource of patient p.
func told(t testing.TB, s *deid.Scrubber, body string) string {
	t.Helper()
	var head struct{ ResourceType, ID string }
	if err := json.Unmarshal([]byte(body), &head); err != nil {
		t.Fatal(err)
	}
	out, ok := s.Resource(nil, head.ResourceType, head.ID, "p", []byte(body))
	if !ok {
		return ""
	}
	if !json.Valid(out) || bytes.ContainsAny(out, "\r\n") {
		t.Fatalf("not JSON on one line: %s", out)
	}
	return string(out)
}

func meta(s *deid.Scrubber, typ, id, code, mode string) string {
	return `{"resourceType":"` + typ + `","id":"` + s.ID(typ, id) + `","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"` + code + `"}],"tag":[{"system":"urn:ember:deid","code":"` + mode + `"}]}`
}

func TestSafeHarbor(t *testing.T) {
	s := scrubber(t, deid.SafeHarbor, nil)
	for _, one := range []struct{ name, typ, in, want string }{
		{"a person", "Patient", `"active":true,"name":[{"family":"Smith"}],"telecom":[{"system":"phone","value":"555"}],"gender":"female","birthDate":"1980-05-06","_birthDate":{"extension":[]},"deceasedDateTime":"2020-05-06T07:08:09Z","multipleBirthInteger":2,"photo":[{"data":"AA=="}],"address":[{"line":["1 Way"],"city":"Boston","district":"Suffolk","state":"MA","postalCode":"02115-1234","country":"US"}],"text":{"status":"generated","div":"<div>Smith</div>"},"contact":[{"name":{"family":"Smith"}}],"identifier":[{"system":"http://hl7.org/fhir/sid/us-ssn","value":"1"}],"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Married to Smith"}],"text":"Smith"},"extension":[{"url":"x","valueString":"Smith"}]`,
			`,"active":true,"gender":"female","birthDate":"1980","deceasedDateTime":"2020","address":[{"state":"MA","postalCode":"021","country":"US"}],"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]}}`},
		{"few people live there", "Patient", `"address":[{"postalCode":"03601"},{"postalCode":"87900-0001","state":"New Mexico"}]`, `,"address":[{"postalCode":"000"},{"state":"New Mexico","postalCode":"000"}]}`},
		{"another country", "Patient", `"address":[{"city":"Wien","state":"Wien","postalCode":"10400","country":"AT"},{"country":"Mordor","postalCode":"12345"},{"postalCode":"1234x"},{"state":"Suffolk"}]`, `,"address":[{"country":"AT"}]}`},
		{"over 89", "Patient", `"birthDate":"1936-12-31"`, `,"extension":[{"url":"urn:ember:age","valueString":"90+"}]}`},
		{"89", "Patient", `"birthDate":"1937-01-01"`, `,"birthDate":"1937"}`},
		{"onset over 89", "Condition", `"onsetAge":{"value":93,"unit":"years","system":"http://unitsofmeasure.org","code":"a"},"abatementAge":{"value":1092,"system":"http://unitsofmeasure.org","code":"mo"}`,
			`,"onsetAge":{"value":90,"comparator":">=","unit":"a","system":"http://unitsofmeasure.org","code":"a"},"abatementAge":{"value":90,"comparator":">=","unit":"a","system":"http://unitsofmeasure.org","code":"a"}}`},
		{"onset at 89", "Condition", `"onsetAge":{"value":89,"system":"http://unitsofmeasure.org","code":"a"}`, `,"onsetAge":{"value":89,"unit":"a","system":"http://unitsofmeasure.org","code":"a"}}`},
		{"an age observed", "Observation", `"code":{"coding":[{"system":"http://loinc.org","code":"30525-0"}]},"valueQuantity":{"value":95,"system":"http://unitsofmeasure.org","code":"a"}`,
			`,"code":{"coding":[{"system":"http://loinc.org","code":"30525-0"}]},"valueQuantity":{"value":90,"comparator":">=","unit":"a","system":"http://unitsofmeasure.org","code":"a"}}`},
		{"an age by SNOMED CT", "Observation", `"code":{"coding":[{"system":"http://snomed.info/sct","code":"424144002"}]},"valueInteger":95`, `,"code":{"coding":[{"system":"http://snomed.info/sct","code":"424144002"}]}}`},
		{"an age that no code tells", "Observation", `"valueQuantity":{"value":97,"unit":"years"},"component":[{"valueQuantity":{"value":12,"unit":"years"}}]`,
			`,"valueQuantity":{"value":90,"comparator":">=","unit":"a","system":"http://unitsofmeasure.org","code":"a"},"component":[{"valueQuantity":{"value":12,"unit":"years"}}]}`},
		{"a range of ages", "Condition", `"onsetRange":{"low":{"value":91,"system":"http://unitsofmeasure.org","code":"a"},"high":{"value":1150,"unit":"months","system":"http://unitsofmeasure.org","code":"mo"}}`,
			`,"onsetRange":{"low":{"value":90,"comparator":">=","unit":"a","system":"http://unitsofmeasure.org","code":"a"},"high":{"value":90,"comparator":">=","unit":"a","system":"http://unitsofmeasure.org","code":"a"}}}`},
		{"a year from which the age follows", "Condition", `"onsetDateTime":"1931-05","recordedDate":"2024-01-01","abatementPeriod":{"start":"1936","end":"1937-02-03"}`, `,"recordedDate":"2024","abatementPeriod":{"end":"1937"}}`},
		{"a birth observed", "Observation", `"code":{"coding":[{"system":"http://loinc.org","code":"21112-8"}]},"valueDateTime":"1930-01-01"`, `,"code":{"coding":[{"system":"http://loinc.org","code":"21112-8"}]},"extension":[{"url":"urn:ember:age","valueString":"90+"}]}`},
		{"a result", "Observation", "\n \"status\" : \"final\" ,\r\n\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"2345-7\"},{\"system\":\"http://hospital.example.org/codes\",\"code\":\"smith\"}],\"text\":\"Smith's glucose\"},\"issued\":\"2024-01-02T03:04:05Z\",\"effectivePeriod\":{\"start\":\"2024-01-02\",\"end\":\"2024-01\"},\"valueQuantity\":{\"value\":5.50,\"comparator\":\"<\",\"unit\":\"Smith\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"mg/dL\"},\"note\":[{\"text\":\"Smith\"}],\"component\":[{\"valueString\":\"Smith\"},{\"valueInteger\":3}]",
			`,"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2345-7"}]},"effectivePeriod":{"start":"2024","end":"2024"},"valueQuantity":{"value":5.50,"comparator":"<","unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"},"component":[{"valueInteger":3}]}`},
		{"a unit nobody knows", "Observation", `"valueQuantity":{"value":5,"unit":"Smiths"}`, `}`},
		{"a unit in words", "Observation", `"valueQuantity":{"value":5,"unit":"mg/dL"}`, `,"valueQuantity":{"value":5,"unit":"mg/dL"}}`},
		{"words where codes belong", "Observation", `"status":"Smith","subject":{"reference":"Smith"},"valueBoolean":"Smith","valueInteger":"555","effectiveDateTime":"Smith","category":"Smith","code":[[{"coding":"Smith"}]]`, `}`},
		{"an escape", "Observation", `"st\u0061tus":"final","status":"fin\u0061l"`, `}`},
		{"references", "Observation", `"subject":{"reference":"Patient/p","display":"Smith","identifier":{"value":"1"}},"encounter":{"reference":"https://ehr.example.org/fhir/Encounter/e/_history/3"},"focus":[{"reference":"https://other.example.org/Patient/p"},{"reference":"urn:uuid:x"},{"reference":"#c"},{"reference":"Smith/1"}]`,
			`,"subject":{"reference":"Patient/` + s.ID("Patient", "p") + `"},"encounter":{"reference":"Encounter/` + s.ID("Encounter", "e") + `"}}`},
	} {
		if got, want := told(t, s, `{"resourceType":"`+one.typ+`","id":"i",`+one.in+`}`), meta(s, one.typ, "i", "ANONYED", "safe-harbor")+one.want; got != want {
			t.Errorf("%s\n got %s\nwant %s", one.name, got, want)
		}
	}
	for _, body := range []string{`{"resourceType":"Binary","id":"b"}`, `{"resourceType":"QuestionnaireResponse","id":"b"}`, `{"resourceType":"concept","id":"b"}`} {
		if got := told(t, s, body); got != "" {
			t.Errorf("%s is told: %s", body, got)
		}
	}
	for _, broken := range []string{``, `x`, `[]`, `{"status"`, `{"status":`, `{"status":"final"`, `{"code":{"coding":[{"system":"x"}`, `{"subject":{"reference":"Patient/p"`, `{"code":[`, `{"category":[{},`} {
		if out, ok := s.Resource([]byte("before"), "Observation", "i", "p", []byte(broken)); ok || string(out) != "before" {
			t.Errorf("%q gives %s", broken, out)
		}
	}
}

// TestShiftedKeepsIntervals: the same patient's dates in resources of several types move
// by the same number of days, others' by another, and none stays.
func TestShiftedKeepsIntervals(t *testing.T) {
	s := scrubber(t, deid.Shifted, nil)
	dateOf := func(patient, typ, member, text string) time.Time {
		t.Helper()
		out, ok := s.Resource(nil, typ, "i", patient, []byte(`{"resourceType":"`+typ+`","`+member+`":"`+text+`"}`))
		var got map[string]any
		if err := json.Unmarshal(out, &got); err != nil || !ok {
			t.Fatal(err, ok)
		}
		form := "2006-01-02T15:04:05Z07:00"
		text, _ = got[member].(string)
		d, err := time.Parse(form[:min(len(form), max(len(text), 4))], text)
		if len(text) <= 10 {
			d, err = time.Parse("2006-01-02"[:len(text)], text)
		}
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		return d
	}
	offsets := map[int]bool{}
	for i := range 500 {
		p := fmt.Sprint("p", i)
		order := dateOf(p, "MedicationRequest", "authoredOn", "2024-02-28T23:30:00-05:00")
		result := dateOf(p, "Observation", "effectiveDateTime", "2024-03-01T01:00:00-05:00")
		birth := dateOf(p, "Patient", "birthDate", "1970-01-01")
		if result.Sub(order) != 25*time.Hour+30*time.Minute || order.Sub(birth) != time.Date(2024, 2, 29, 4, 30, 0, 0, time.UTC).Sub(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Fatalf("%s: %s %s %s", p, birth, order, result)
		}
		days := int(birth.Sub(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)).Hours() / 24)
		if days == 0 || days < -365 || days > 365 {
			t.Fatalf("moved by %d days", days)
		}
		offsets[days] = true
	}
	if len(offsets) < 300 {
		t.Errorf("500 patients share %d moves", len(offsets))
	}
	if y := dateOf("p", "Condition", "recordedDate", "2024").Year(); y < 2023 || y > 2025 {
		t.Error(y)
	}
	dateOf("p", "Condition", "recordedDate", "2024-02")
	if out, _ := s.Resource(nil, "Condition", "i", "", []byte(`{"recordedDate":"2024-01-01"}`)); bytes.Contains(out, []byte("recordedDate")) {
		t.Errorf("a date of nobody: %s", out)
	}
	if got := told(t, s, `{"resourceType":"Observation","id":"i","issued":"2024-01-02T03:04:05.678Z","effectiveDateTime":"2024-01-02T Smith","effectiveInstant":"2024-13-01"}`); !strings.Contains(got, `T03:04:05.678Z"`) || strings.Contains(got, "effective") {
		t.Error(got)
	}
}

// TestKeys: ids and moves change with the key, the name of the key too, and none tells
// of another purpose.
func TestKeys(t *testing.T) {
	a, b := scrubber(t, deid.Shifted, nil), scrubber(t, deid.Shifted, func(o *deid.Options) { o.Key = bytes.Repeat([]byte("l"), 32) })
	if a.ID("Patient", "p") == b.ID("Patient", "p") || a.Key() == b.Key() || a.ID("Patient", "p") == a.ID("Group", "p") || a.ID("Patient", "p") != scrubber(t, deid.SafeHarbor, nil).ID("Patient", "p") {
		t.Error("keys do not part")
	}
	for _, bad := range []deid.Options{{Mode: "none", Key: key}, {Mode: deid.Shifted, Key: key[:31]}, {Mode: deid.Shifted, Key: key, Systems: []string{`"`}}} {
		if _, err := deid.New(bad); err == nil {
			t.Errorf("%+v", bad)
		}
	}
	own := scrubber(t, deid.SafeHarbor, func(o *deid.Options) { o.Systems = []string{"urn:lab"} })
	if got := told(t, own, `{"resourceType":"Observation","id":"i","code":{"coding":[{"system":"urn:lab","code":"GLU"}]}}`); !strings.Contains(got, `"GLU"`) {
		t.Error(got)
	}
}

// secrets puts a mark of its own into every string of a resource, and gives back the
// marks; codes and systems are left as they are where keep says so.
func secrets(v any, rnd *rand.Rand, marks *[]string) any {
	switch v := v.(type) {
	case map[string]any:
		for k, one := range v {
			if k == "resourceType" || k == "id" {
				continue
			}
			v[k] = secrets(one, rnd, marks)
		}
		if rnd.IntN(4) == 0 { // what nobody expects
			mark := fmt.Sprintf("Zz%dzZ", rnd.Uint64())
			*marks = append(*marks, mark)
			v[[]string{"name", "note", "div", "_status", "display", "valueString", "value", "unit", "code", "system", "text", "postalCode", "state"}[rnd.IntN(13)]] = mark
		}
		return v
	case []any:
		for i := range v {
			v[i] = secrets(v[i], rnd, marks)
		}
		return v
	case string:
		if rnd.IntN(3) > 0 {
			return v
		}
		mark := fmt.Sprintf("Zz%dzZ", rnd.Uint64())
		*marks = append(*marks, mark)
		switch rnd.IntN(4) {
		case 0:
			return v + mark
		case 1:
			return mark + v
		}
		return mark
	}
	return v
}

const chart = `[{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:x","value":"1"}],"name":[{"family":"a","given":["b"]}],"gender":"male","birthDate":"1970-01-01","address":[{"line":["x"],"city":"y","state":"MA","postalCode":"02115","country":"US"}],"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]},"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"en"}]}}],"generalPractitioner":[{"reference":"Practitioner/d"}],"contained":[{"resourceType":"Organization","id":"c","name":"x"}]},
{"resourceType":"Observation","id":"o","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"2345-7"}],"text":"x"},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2024-01-02T03:04:05Z","issued":"2024-01-02T03:04:05Z","valueQuantity":{"value":5,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"},"component":[{"code":{"text":"x"},"valueString":"x"}],"referenceRange":[{"text":"x","low":{"value":1,"unit":"x"}}]},
{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order","medicationCodeableConcept":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"6809"}],"text":"x"},"subject":{"reference":"Patient/p"},"authoredOn":"2024-01-02","dosageInstruction":[{"text":"x","timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d","when":["MORN"]}},"route":{"coding":[{"system":"http://snomed.info/sct","code":"26643006"}]},"doseAndRate":[{"doseQuantity":{"value":500,"unit":"mg"}}]}]},
{"resourceType":"Condition","id":"c","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.9"}]},"subject":{"reference":"Patient/p"},"onsetDateTime":"2020","onsetAge":{"value":50,"code":"a","system":"http://unitsofmeasure.org"}},
{"resourceType":"DocumentReference","id":"d","status":"current","type":{"text":"x"},"content":[{"attachment":{"data":"eA==","url":"http://x"}}],"context":{"period":{"start":"2024-01-01"}}}]`

// TestNothingSurvives puts marks into strings everywhere: none is in what is told,
// unless it stands as the code of a public system, which no reader can tell from one.
func TestNothingSurvives(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	scrubbers := []*deid.Scrubber{scrubber(t, deid.SafeHarbor, nil), scrubber(t, deid.Shifted, nil)}
	marks, lost := 0, 0
	for range 3000 {
		var all []map[string]any
		if err := json.Unmarshal([]byte(chart), &all); err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			var put []string
			secrets(r, rnd, &put)
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range scrubbers {
				out := told(t, s, string(b))
				if out == "" {
					lost++
				}
				for _, mark := range put {
					marks++
					if at := strings.Index(out, mark); at >= 0 && !codeAt(out, at) {
						t.Fatalf("%s is told\n of %s\n in %s", mark, b, out)
					}
				}
			}
		}
	}
	if marks < 100_000 || lost > 0 {
		t.Errorf("%d marks, %d resources not told of", marks, lost)
	}
}

// codeAt reports whether what stands at a place is the code of a public system, or of a
// unit in UCUM, or the rest of a public system's address.
func codeAt(out string, at int) bool {
	for _, system := range []string{`http://loinc.org`, `http://snomed.info/sct`, `http://www.nlm.nih.gov/research/umls/rxnorm`, `http://hl7.org/fhir/sid/icd-10-cm`, `urn:ietf:bcp:47`} {
		if strings.Contains(out[:at], `{"system":"`+system+`","code":"`) && !strings.ContainsAny(out[strings.LastIndex(out[:at], `{"system":"`+system):at], "}") {
			return true
		}
	}
	begin := max(strings.LastIndex(out[:at], `{"system":"http://terminology.hl7.org/CodeSystem/`), strings.LastIndex(out[:at], `,"unit":"`))
	return begin >= 0 && !strings.ContainsAny(out[begin:at], "}")
}

// lines reads real resources, or skips.
func lines(t testing.TB, most int, each func(typ, id, patient string, body []byte)) {
	t.Helper()
	files, _ := filepath.Glob("/work/shared/data/*/*.ndjson.gz")
	more, _ := filepath.Glob("/work/shared/data/*/ndjson/*.ndjson.gz")
	if files = append(files, more...); len(files) == 0 {
		t.Skip("no real FHIR resources on this machine")
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		scan := bufio.NewScanner(z)
		scan.Buffer(nil, 64<<20)
		for n := 0; scan.Scan() && n < most; n++ {
			var head struct {
				ResourceType, ID string
				Subject, Patient struct{ Reference string }
			}
			if json.Unmarshal(scan.Bytes(), &head) != nil { // an example that has another form
				var plain struct{ ResourceType, ID string }
				_ = json.Unmarshal(scan.Bytes(), &plain)
				head.ResourceType, head.ID = plain.ResourceType, plain.ID
			}
			each(head.ResourceType, head.ID, strings.TrimPrefix(head.Subject.Reference+head.Patient.Reference, "Patient/"), scan.Bytes())
		}
		f.Close()
	}
}

// TestRealData: names, identifiers, addresses and the like of real resources are in
// nothing that is told of them.
func TestRealData(t *testing.T) {
	s, shifted := scrubber(t, deid.SafeHarbor, nil), scrubber(t, deid.Shifted, nil)
	n, out := 0, 0
	lines(t, 300, func(typ, id, patient string, body []byte) {
		n++
		var v map[string]any
		if json.Unmarshal(body, &v) != nil {
			return
		}
		var secret []string
		identifying(v, "", &secret)
		for _, s := range []*deid.Scrubber{s, shifted} {
			got, ok := s.Resource(nil, typ, id, patient, body)
			if !ok {
				continue
			}
			out++
			if !json.Valid(got) {
				t.Fatalf("%s/%s: %s", typ, id, got)
			}
			for _, word := range secret {
				if bytes.Contains(got, []byte(word)) {
					t.Errorf("%s: %q is told: %s", typ, word, got)
				}
			}
		}
	})
	if out < n/2 {
		t.Errorf("of %d resources, %d are told of", n, out/2)
	}
}

// identifying collects texts that may tell who somebody is.
func identifying(v any, name string, out *[]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, one := range v {
			at := name
			switch k {
			case "family", "given", "line", "city", "district", "div", "data", "url", "title", "text":
				at = "!"
			case "identifier", "telecom", "serialNumber", "lotNumber", "deviceIdentifier", "carrierHRF", "name":
				at = "!!"
			case "system", "code", "use", "type", "period", "coding", "reference", "assigner", "rank":
				if at == "!!" {
					at = ""
				}
			}
			identifying(one, at, out)
		}
	case []any:
		for _, one := range v {
			identifying(one, name, out)
		}
	case string:
		// Short words and bare years stand anywhere; digits may be in a hash.
		if name != "" && len(v) >= 8 && strings.Trim(v, "0123456789abcdef") != "" {
			*out = append(*out, v)
		}
	}
}

func FuzzResource(f *testing.F) {
	var all []json.RawMessage
	if err := json.Unmarshal([]byte(chart), &all); err != nil {
		f.Fatal(err)
	}
	for _, r := range all {
		f.Add([]byte(r))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, mode := range []deid.Mode{deid.SafeHarbor, deid.Shifted} {
			for _, typ := range []string{"Patient", "Observation", "MedicationRequest"} {
				out, ok := scrubber(t, mode, nil).Resource(nil, typ, "i", "p", body)
				if ok && json.Valid(body) && !json.Valid(out) {
					t.Errorf("%s", out)
				}
			}
		}
	})
}

// BenchmarkResource reports bytes that were read, of real resources.
func BenchmarkResource(b *testing.B) {
	type one struct {
		typ, id, patient string
		body             []byte
	}
	var all []one
	size := 0
	lines(b, 2000, func(typ, id, patient string, body []byte) {
		all = append(all, one{typ, id, patient, bytes.Clone(body)})
		size += len(body)
	})
	for _, mode := range []deid.Mode{deid.SafeHarbor, deid.Shifted} {
		b.Run(string(mode), func(b *testing.B) {
			s := scrubber(b, mode, nil)
			var out []byte
			b.SetBytes(int64(size))
			for b.Loop() {
				for i := range all {
					out, _ = s.Resource(out[:0], all[i].typ, all[i].id, all[i].patient, all[i].body)
				}
			}
		})
	}
}
