package synth

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// mandatory are the elements R4 requires (minimum 1), and the few without which
// a resource would say nothing.
var mandatory = map[string][]string{
	"Organization":        {"name"},
	"Location":            {"name"},
	"Practitioner":        {"name"},
	"Medication":          {"code"},
	"Patient":             {"name", "gender", "identifier"},
	"Encounter":           {"status", "class", "subject", "period"},
	"Condition":           {"subject", "code", "clinicalStatus", "recordedDate"},
	"Observation":         {"status", "code", "subject", "effectiveDateTime", "category"},
	"MedicationRequest":   {"status", "intent", "subject", "medication*", "authoredOn"},
	"MedicationStatement": {"status", "subject", "medication*"},
	"Procedure":           {"status", "subject", "code", "performedPeriod"},
	"DiagnosticReport":    {"status", "code", "subject"},
	"ServiceRequest":      {"status", "intent", "subject", "code"},
	"Immunization":        {"status", "vaccineCode", "patient", "occurrenceDateTime"},
	"AllergyIntolerance":  {"patient", "code", "clinicalStatus"},
	"DocumentReference":   {"status", "content", "type", "subject"},
	"CarePlan":            {"status", "intent", "subject"},
	"FamilyMemberHistory": {"status", "patient", "relationship"},
	"Consent":             {"status", "scope", "category", "provision", "policyRule"},
	"ImagingStudy":        {"status", "subject"},
}

var idShape = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestResourcesAreValid(t *testing.T) {
	all := generate(t, Options{Patients: 400, Seed: 4})
	ids := map[string]bool{}
	seen := map[string]int{}
	for _, r := range all {
		var v map[string]any
		if err := json.Unmarshal(r.JSON, &v); err != nil {
			t.Fatalf("%s: %v", r.Type, err)
		}
		if v["resourceType"] != r.Type {
			t.Fatalf("%s says it is %v", r.Type, v["resourceType"])
		}
		seen[r.Type]++
		id, _ := v["id"].(string)
		if !idShape.MatchString(id) {
			t.Fatalf("%s: id %q", r.Type, id)
		}
		if ids[r.Type+"/"+id] {
			t.Fatalf("%s/%s twice", r.Type, id)
		}
		ids[r.Type+"/"+id] = true
		checkMandatory(t, r.Type, v)
		checkValues(t, r.Type, v)
	}
	for kind := range mandatory {
		if seen[kind] == 0 {
			t.Errorf("no %s among 400 patients", kind)
		}
	}
	dangling := 0
	for _, r := range all {
		var v any
		if err := json.Unmarshal(r.JSON, &v); err != nil {
			t.Fatal(err)
		}
		references(v, func(ref string) {
			if !ids[ref] {
				dangling++
				t.Errorf("%s refers to %s, which is not there", r.Type, ref)
			}
		})
		if dangling > 10 {
			t.FailNow()
		}
	}
}

func checkMandatory(t *testing.T, kind string, v map[string]any) {
	t.Helper()
	fields, known := mandatory[kind]
	if !known {
		t.Fatalf("unexpected type %s", kind)
	}
	for _, f := range fields {
		if stem, choice := strings.CutSuffix(f, "*"); choice {
			n := 0
			for k := range v {
				if strings.HasPrefix(k, stem) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s: %d of %s[x]", kind, n, stem)
			}
			continue
		}
		if v[f] == nil {
			t.Errorf("%s has no %s", kind, f)
		}
	}
}

// checkValues refuses what R4 forbids: empty strings, arrays, objects and nulls.
func checkValues(t *testing.T, path string, v any) {
	switch v := v.(type) {
	case nil:
		t.Errorf("%s is null", path)
	case string:
		if strings.TrimSpace(v) == "" {
			t.Errorf("%s is an empty string", path)
		}
	case []any:
		if len(v) == 0 {
			t.Errorf("%s is an empty array", path)
		}
		for _, x := range v {
			checkValues(t, path+"[]", x)
		}
	case map[string]any:
		if len(v) == 0 {
			t.Errorf("%s is an empty object", path)
		}
		for k, x := range v {
			checkValues(t, path+"."+k, x)
		}
	}
}

func references(v any, each func(string)) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			references(x, each)
		}
	case map[string]any:
		for k, x := range v {
			if s, ok := x.(string); ok && k == "reference" {
				each(s)
			} else {
				references(x, each)
			}
		}
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"", "plain", `a"b\c`, "tab\tline\nbell\a", "Grüße 漢字 \u2028", "bad \xff\xfe end", "nul\x00"} {
		var p page
		p.quote(s)
		var got string
		if err := json.Unmarshal(p.buf, &got); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if want := strings.ToValidUTF8(strings.ReplaceAll(s, "\xff\xfe", "\ufffd\ufffd"), "\ufffd"); got != want {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("x")
	f.Add("\xff\"\\\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		var p page
		p.quote(s)
		var got, want string
		if err := json.Unmarshal(p.buf, &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &want); err != nil || got != want {
			t.Fatalf("%q became %q, want %q", s, got, want)
		}
	})
}
