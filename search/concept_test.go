package search_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"ember/record"
	"ember/search"
	"ember/terms"
)

// TestTokenModifiers: value sets and hierarchies that are known, types of identifiers,
// what is missing and what is said in words.
func TestTokenModifiers(t *testing.T) {
	b := newBox(t)
	known, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	b.engine.Terms = known
	condition := func(id, code string) string {
		return `{"resourceType":"Condition","id":"` + id + `","subject":{"reference":"Patient/p"},"code":` + code + `}`
	}
	icd := func(code string) string {
		return `{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"` + code + `"}],"text":"Words of ` + code + `"}`
	}
	b.put(condition("sugar", icd("E11.65")), condition("kind", icd("E11")), condition("foot", icd("E11.6")), condition("heart", icd("I50.9")),
		condition("other", `{"coding":[{"system":"urn:x","code":"E11"}]}`), condition("words", `{"text":"only words"}`),
		condition("two", `{"coding":[{"system":"urn:x","code":"1"},{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.9"}]}`),
		`{"resourceType":"Condition","id":"bare","subject":{"reference":"Patient/p"}}`)
	b.put(`{"resourceType":"Patient","id":"p","identifier":[{"type":{"coding":[{"system":"urn:v2","code":"MR"}]},"system":"urn:a","value":"446053"},{"type":{"coding":[{"system":"urn:v2","code":"DL"}]},"value":"9"}]}`,
		`{"resourceType":"Patient","id":"q","identifier":[{"type":{"coding":[{"system":"urn:v2","code":"DL"}]},"value":"446053"},{"value":"1"}]}`)
	product := func(id, code, display string) string {
		return `{"resourceType":"MedicationRequest","id":"` + id + `","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"coding":[{"system":"` + record.RxNorm + `","code":"` + code + `","display":"` + display + `"}]}}`
	}
	b.put(product("tablet", "861007", "metformin hydrochloride 500 MG Oral Tablet"), product("other", "1", "amoxicillin 500 MG Oral Capsule"), product("itself", "6809", ""))
	for _, c := range []struct{ typ, query, want string }{
		{"MedicationRequest", "code:below=" + record.RxNorm + "|6809", "itself tablet"},
		{"MedicationRequest", "code:above=" + record.RxNorm + "|861007", "tablet"},
		{"Condition", "code:in=diabetes", "foot kind sugar two"},
		{"Condition", "code:in=http://any/fhir/ValueSet/diabetes|1", "foot kind sugar two"},
		{"Condition", "code:not-in=diabetes", "bare heart other words"},
		{"Condition", "code:in=diabetes,heart-failure", "foot heart kind sugar two"},
		{"Condition", "code:below=http://hl7.org/fhir/sid/icd-10-cm|E11.6", "foot sugar"},
		{"Condition", "code:below=http://hl7.org/fhir/sid/icd-10-cm|E11", "foot kind sugar two"},
		{"Condition", "code:below=http://hl7.org/fhir/sid/icd-10-cm|E", ""},
		{"Condition", "code:above=http://hl7.org/fhir/sid/icd-10-cm|E11.65", "foot kind sugar"},
		{"Condition", "code:above=E11.65", "foot kind sugar"},
		{"Condition", "code:not=E11", "bare foot heart sugar two words"},
		{"Condition", "code:missing=true", "bare"},
		{"Condition", "code:text=only w", "words"},
		{"Condition", "code:text=words of i50", "heart"},
		{"Patient", "identifier:of-type=urn:v2|MR|446053", "p"},
		{"Patient", "identifier:of-type=urn:v2|DL|446053", "q"},
		{"Patient", "identifier:of-type=|DL|9", "p"},
		{"Patient", "identifier:of-type=urn:v2|MR|9", ""},
	} {
		name, value, _ := strings.Cut(c.query, "=")
		got := b.pages(c.typ, name+"="+url.QueryEscape(value), nil)
		if slices.Sort(got); strings.Join(got, " ") != c.want {
			t.Errorf("%s?%s: %v, want %s", c.typ, c.query, got, c.want)
		}
	}
	for _, bad := range []string{"code:in=nothing", "code:not-in=nothing", "code:below=http://snomed.info/sct|73211009", "code:above=urn:x|E11"} {
		name, value, _ := strings.Cut(bad, "=")
		var e *search.Error
		_, err := b.engine.Search(t.Context(), b.parse("Condition", name+"="+url.QueryEscape(value)), nil, nil)
		if !errors.As(err, &e) || e.Code != "not-supported" || e.Hint == "" {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []string{"code:below=%7CE11", "code:above=urn:x%7C", "code:of-type=a%7Cb%7Cc", "onset-date:in=diabetes", "code:never=1"} {
		if _, err := search.Parse("Condition", bad); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
	if _, err := search.Parse("Patient", "identifier:of-type=MR%7C1"); err == nil {
		t.Error("of-type without a value is read")
	}
	// A scope that speaks of a set that nobody knows shows nothing, nor does what is not in it.
	for _, where := range []string{"code:in=nothing", "code:not-in=nothing"} {
		q, ok := search.ParseWhere("Condition", where)
		if !ok {
			t.Fatal(where)
		}
		scope := &search.Scope{Only: func(string) []search.Part { return []search.Part{{Where: q}} }}
		if got := b.pages("Condition", "", scope); len(got) > 0 {
			t.Errorf("%s shows %v", where, got)
		}
	}
}

// TestComposites: the parts of a composite must be met within one element.
func TestComposites(t *testing.T) {
	b := newBox(t)
	pressure := func(id string, systolic, diastolic string) string {
		part := func(code, value string) string {
			return `{"code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},"valueQuantity":{"value":` + value + `,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}`
		}
		return `{"resourceType":"Observation","id":"` + id + `","status":"final","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"component":[` +
			part("8480-6", systolic) + `,` + part("8462-4", diastolic) + `]}`
	}
	simple := func(id, code, value string) string {
		return `{"resourceType":"Observation","id":"` + id + `","status":"final","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},` + value + `}`
	}
	b.put(pressure("high", "150", "80"), pressure("swapped", "80", "150"),
		simple("gram", "8480-6", `"valueQuantity":{"value":0.155,"unit":"g","system":"http://unitsofmeasure.org","code":"g"}`),
		simple("low", "8480-6", `"valueQuantity":{"value":90,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}`),
		simple("other", "1-1", `"valueQuantity":{"value":150,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}`),
		simple("concept", "2-2", `"valueCodeableConcept":{"coding":[{"system":"urn:x","code":"pos"}]}`),
		simple("day", "3-3", `"valueDateTime":"2024-05-01"`), simple("text", "4-4", `"valueString":"Pale, $5"`))
	for query, want := range map[string]string{
		"component-code-value-quantity=8480-6$gt140":                                         "high",
		"component-code-value-quantity=http://loinc.org|8462-4$gt140":                        "swapped",
		"component-code-value-quantity=8480-6$gt140,8462-4$gt140":                            "high swapped",
		"component-code-value-quantity=85354-9$gt1":                                          "",
		"code-value-quantity=http://loinc.org|8480-6$gt140|http://unitsofmeasure.org|mg":     "gram",
		"code-value-quantity=8480-6$lt100":                                                   "gram low",
		"code-value-quantity=8480-6$lt100|http://unitsofmeasure.org|mg":                      "low",
		"code-value-quantity=85354-9$gt1":                                                    "",
		"combo-code-value-quantity=8480-6$gt140|http://unitsofmeasure.org|mg":                "gram high",
		"combo-code-value-quantity=8480-6$gt140|http://unitsofmeasure.org|mg&code=85354-9":   "high",
		"code-value-concept=2-2$urn:x|pos":                                                   "concept",
		"code-value-concept=2-2$neg":                                                         "",
		"code-value-date=3-3$ge2024-05":                                                      "day",
		`code-value-string=4-4$pale\, \$5`:                                                   "text",
		"code-value-quantity=http://loinc.org|$gt140|http://unitsofmeasure.org|mg&_sort=_id": "gram other",
	} {
		var parts []string
		for part := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(part, "=")
			parts = append(parts, name+"="+url.QueryEscape(value))
		}
		got := b.pages("Observation", strings.Join(parts, "&"), nil)
		if slices.Sort(got); strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	for _, bad := range []string{"code-value-quantity=8480-6", "code-value-quantity=8480-6$", "code-value-quantity=8480-6$x", "code-value-quantity=8480-6$1$2", "code-value-quantity:missing=true", "code-value-quantity:not=1$1"} {
		if _, err := search.Parse("Observation", bad); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}
