package group_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ember/cohort"
	"ember/cohort/group"
	"ember/fhir/validate"
)

func isUCUM(unit string) bool { return unit == "%" || unit == "mg/dL" }

func ptr(v float64) *float64 { return &v }

// randomRange has one end, or both in it.
func randomRange(rng *rand.Rand, whole bool) cohort.Range {
	v := float64(1 + rng.IntN(80))
	if !whole {
		v += float64(rng.IntN(10)) / 10
	}
	switch rng.IntN(5) {
	case 0:
		return cohort.Range{Above: &v}
	case 1:
		return cohort.Range{AtLeast: &v}
	case 2:
		return cohort.Range{Below: &v}
	case 3:
		return cohort.Range{AtMost: &v}
	}
	return cohort.Range{AtLeast: &v, AtMost: ptr(v + float64(rng.IntN(20)))}
}

// randomCriterion is one that a characteristic can say.
func randomCriterion(rng *rand.Rand) (c cohort.Criterion) {
	pick := func(all ...string) string { return all[rng.IntN(len(all))] }
	switch rng.IntN(6) {
	case 0:
		c.Sex = pick("female", "male", "other", "unknown")
	case 1:
		r := randomRange(rng, true)
		c.Age = &r
	default:
		e := &cohort.Event{Kind: pick("condition", "medication", "procedure", "test", "immunization", "finding")}
		e.Code = pick("icd10|E11.9", "snomed|44054006", "rxnorm|6809", "loinc|4548-4", "http://example.org/codes|a-1", "urn:oid:1.2.3|x y", "cvx|207")
		switch {
		case (e.Kind == "test" || e.Kind == "finding") && rng.IntN(2) == 0:
			e.Value = &cohort.Value{Range: randomRange(rng, false), Unit: pick("", "%", "mg/dL", "K/uL")}
		case rng.IntN(2) == 0:
			e.Code, e.Under = "", e.Code
		}
		if rng.IntN(3) == 0 {
			e.Since = pick("2015-01-01", "2020-02-29")
		}
		if rng.IntN(3) == 0 {
			e.Until = pick("2020-02-29", "2026-11-30")
		}
		c.Event = e
	}
	if rng.IntN(3) == 0 {
		inner := c
		c = cohort.Criterion{Not: &inner}
	}
	return c
}

func encoded(t *testing.T, c cohort.Criterion) string {
	t.Helper()
	b, err := cohort.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRoundTrip: what is written is FHIR without a fault, and reads as what it was.
func TestRoundTrip(t *testing.T) {
	v, err := validate.New()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(6, 4))
	for range 2000 {
		c := randomCriterion(rng)
		if n := rng.IntN(6); n > 1 {
			c = cohort.Criterion{}
			for range n {
				c.All = append(c.All, randomCriterion(rng))
			}
		}
		raw, err := group.Write(c, isUCUM)
		if err != nil {
			t.Fatalf("%s: %v", cohort.Print(c), err)
		}
		if issues := v.Validate(raw, at); len(issues) > 0 {
			t.Fatalf("%s: %+v", raw, issues)
		}
		got, err := group.Read(raw)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if want, got := encoded(t, c), encoded(t, got); got != want {
			t.Fatalf("%s\ncomes back as\n%s\nby %s", want, got, raw)
		}
	}
}

// TestWrite: the codes and values are those of the standard.
func TestWrite(t *testing.T) {
	c, err := cohort.Parse("condition.code:icd10|E11.9 since 2020-01-01 -lab.code:loinc|4548-4>9 % age:50..60 sex:female")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := group.Write(c, isUCUM)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Group","type":"person","actual":false,"name":"condition.code:icd10|E11.9 since 2020-01-01 -lab.code:loinc|4548-4\u003e9 % age:50..60 sex:female","characteristic":[` +
		`{"code":{"coding":[{"system":"http://snomed.info/sct","code":"64572001","display":"Disease"}]},"valueCodeableConcept":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.9"}]},"exclude":false,"period":{"start":"2020-01-01"}},` +
		`{"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"valueQuantity":{"value":9,"comparator":"\u003e","unit":"%","system":"http://unitsofmeasure.org","code":"%"},"exclude":true},` +
		`{"code":{"coding":[{"system":"http://loinc.org","code":"30525-0","display":"Age"}]},"valueRange":{"low":{"value":50,"unit":"years","system":"http://unitsofmeasure.org","code":"a"},"high":{"value":60,"unit":"years","system":"http://unitsofmeasure.org","code":"a"}},"exclude":false},` +
		`{"code":{"coding":[{"system":"http://loinc.org","code":"46098-0","display":"Sex"}]},"valueCodeableConcept":{"coding":[{"system":"http://hl7.org/fhir/administrative-gender","code":"female"}]},"exclude":false}]}`
	if string(raw) != want {
		t.Errorf("%s\nwant\n%s", raw, want)
	}
}

// TestWhatNoCharacteristicSays is named with its place in the definition.
func TestWhatNoCharacteristicSays(t *testing.T) {
	for text, path := range map[string]string{
		"condition:diabetes":                                  "event.text",
		"sex:male condition.set:diabetes":                     "all[1].event.set",
		"sex:male -drug.class:statin":                         "all[1].not.event.class",
		"sex:male lab.code:loinc|4548-4 x2":                   "all[1].event.count",
		"condition.code:icd10|I10 last 1y":                    "event.last",
		"condition.code:icd10|I10 at age:>=18":                "event.age",
		"condition.code:I10":                                  "event.code",
		"condition.under:I10":                                 "event.under",
		"condition:*":                                         "event.code",
		"allergy.code:rxnorm|1":                               "event.kind",
		"encounter:inpatient":                                 "event.text",
		"lab.code:loinc|1>=5<7":                               "event.value",
		"lab.under:loinc|1>5":                                 "event.under",
		"lab.code:loinc|30525-0>5":                            "event.code",
		"condition.code:icd10|I10>5":                          "event.value",
		"age:>50<60":                                          "age",
		"sex:male (sex:female or age:>50)":                    "all[1].any",
		"sex:male -(age:>50 sex:female)":                      "all[1].not.all",
		"condition.code:icd10|I10 then drug.code:rxnorm|6809": "sequence",
		"sex:male note:fever":                                 "all[1].note",
		"sex:male life:dead":                                  "all[1].life",
		"sex:male cohort:x":                                   "all[1].cohort",
		"sex:male like:Patient/1":                             "all[1].like",
		"sex:male score:deaths>0.3":                           "all[1].score",
		"condition.code:icd10|I10 x2 within 1y":               "event.count",
		"sex:male (condition.code:icd10|I10 or condition.code:icd10|E11.9)": "all[1].any",
	} {
		c, err := cohort.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		_, err = group.Write(c, isUCUM)
		var bad *cohort.Error
		if !errors.As(err, &bad) || bad.Path != path {
			t.Errorf("%s: %v, want %s", text, err, path)
		}
	}
}

const female = `{"code":{"coding":[{"system":"http://loinc.org","code":"46098-0"}]},"valueCodeableConcept":{"coding":[{"system":"http://hl7.org/fhir/administrative-gender","code":"female","version":"4.0.1"}],"text":"women"},"exclude":false}`

func groupOf(characteristics ...string) string {
	return `{"resourceType":"Group","id":"g","type":"person","actual":false,"active":true,"name":"x","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},"characteristic":[` + strings.Join(characteristics, ",") + `]}`
}

// TestRead: Groups of others, and the place of what is not known in them.
func TestRead(t *testing.T) {
	of := func(code, value string) string {
		return fmt.Sprintf(`{"code":{"coding":[%s]},%s,"exclude":false}`, code, value)
	}
	const (
		a1c      = `{"system":"http://loinc.org","code":"4548-4"}`
		age      = `{"system":"http://loinc.org","code":"30525-0"}`
		disease  = `{"system":"http://snomed.info/sct","code":"64572001"}`
		diabetes = `"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"44054006"}]}`
		years    = `"system":"http://unitsofmeasure.org","code":"a"`
	)
	for name, c := range map[string]struct{ json, want string }{
		"sex":                   {groupOf(female), "sex:female"},
		"an age from":           {groupOf(of(age, `"valueRange":{"low":{"value":18,`+years+`}}`)), "age:>=18"},
		"a value as it is":      {groupOf(female, of(a1c, `"valueQuantity":{"value":7,"unit":"percent","system":"http://unitsofmeasure.org","code":"%"}`)), "sex:female lab.code:loinc|4548-4=7 %"},
		"members":               {strings.Replace(groupOf(female), `"actual":false`, `"actual":true,"member":[]`, 1), "! Group"},
		"of members":            {strings.Replace(groupOf(female), `"actual":false`, `"actual":true`, 1), "! Group.actual"},
		"of animals":            {strings.Replace(groupOf(female), "person", "animal", 1), "! Group.type"},
		"none":                  {groupOf(), "! Group.characteristic"},
		"a Patient":             {`{"resourceType":"Patient"}`, "! Group.resourceType"},
		"no JSON":               {`{`, "! Group"},
		"two":                   {groupOf(female) + "{}", "! Group"},
		"an extension":          {strings.Replace(groupOf(female), `"active":true`, `"extension":[{"url":"u:any-of","valueBoolean":true}]`, 1), "! Group"},
		"an unknown kind":       {groupOf(female, of(`{"system":"u:x","code":"y"}`, diabetes)), "! Group.characteristic[1].code"},
		"an unknown own kind":   {groupOf(of(`{"system":"urn:ember:characteristic","code":"y"}`, `"valueQuantity":{"value":1}`)), "! Group.characteristic[0].code"},
		"two kinds":             {groupOf(of(disease+","+a1c, diabetes)), "! Group.characteristic[0].code.coding"},
		"two codes":             {groupOf(of(disease, strings.Replace(diabetes, "[", "["+a1c+",", 1))), "! Group.characteristic[0].valueCodeableConcept.coding"},
		"a boolean":             {groupOf(female, female, of(a1c, `"valueBoolean":true`)), "! Group.characteristic[2]"},
		"a reference":           {groupOf(of(a1c, `"valueReference":{"reference":"Location/1"}`)), "! Group.characteristic[0]"},
		"no value":              {groupOf(of(a1c, `"id":"x"`)), "! Group.characteristic[0].value"},
		"a disease of a number": {groupOf(of(disease, `"valueQuantity":{"value":1}`)), "! Group.characteristic[0].code"},
		"an age in months":      {groupOf(of(age, `"valueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"mo"}`)), "! Group.characteristic[0].value"},
		"another unit":          {groupOf(of(a1c, `"valueQuantity":{"value":1,"system":"u:x","code":"%"}`)), "! Group.characteristic[0].valueQuantity.system"},
		"two units":             {groupOf(of(a1c, `"valueRange":{"low":{"value":1},"high":{"value":2,"unit":"%"}}`)), "! Group.characteristic[0].valueRange.high"},
		"no number":             {groupOf(of(a1c, `"valueRange":{"low":{"unit":"%"}}`)), "! Group.characteristic[0].valueRange.low.value"},
		"a text for a number":   {groupOf(of(a1c, `"valueQuantity":{"value":"7"}`)), "! Group.characteristic[0].valueQuantity.value"},
		"an empty range":        {groupOf(of(a1c, `"valueRange":{}`)), "! Group.characteristic[0].valueRange"},
		"a strange comparator":  {groupOf(of(a1c, `"valueQuantity":{"value":1,"comparator":"~"}`)), "! Group.characteristic[0].valueQuantity.comparator"},
		"no sex":                {groupOf(strings.Replace(female, `"female"`, `"f"`, 1)), "! Group.characteristic[0].valueCodeableConcept"},
		"sex in a period":       {groupOf(strings.Replace(female, `"exclude"`, `"period":{"start":"2020-01-01"},"exclude"`, 1)), "! Group.characteristic[0].period"},
		"a year":                {groupOf(of(disease, diabetes+`,"period":{"start":"2020"}`)), "! Group.characteristic[0].period.start"},
		"an empty period":       {groupOf(of(disease, diabetes+`,"period":{}`)), "! Group.characteristic[0].period"},
		"nothing of exclusion":  {groupOf(strings.Replace(female, `,"exclude":false`, "", 1)), "! Group.characteristic[0].exclude"},
		"no code":               {groupOf(`{"exclude":false}`), "! Group.characteristic[0].code"},
		"a code of no system":   {groupOf(of(`{"code":"4548-4"}`, `"valueQuantity":{"value":1}`)), "! Group.characteristic[0].code.coding[0]"},
		"an empty kind":         {groupOf(of("", diabetes)), "! Group.characteristic[0].code.coding"},
	} {
		got, err := group.Read([]byte(c.json))
		text := cohort.Print(got)
		var bad *cohort.Error
		if errors.As(err, &bad) {
			text = "! " + bad.Path
		}
		if text != c.want {
			t.Errorf("%s: %s (%v), want %s", name, text, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(groupOf(female)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := group.Read(data)
		if err != nil {
			return
		}
		if b := encoded(t, c); !json.Valid([]byte(b)) {
			t.Error(b)
		}
	})
}
