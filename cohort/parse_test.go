package cohort_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"ember/cohort"
	"ember/index"
	"ember/record"
)

func jsonOf(t *testing.T, c cohort.Criterion) string {
	t.Helper()
	b, err := cohort.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		`condition:diabetes age:>50 lab:HbA1c>9 x2 within 1y drug:metformin -drug.class:SGLT2 note:"neuropathy"`: `{"all":[{"event":{"kind":"condition","text":"diabetes"}},{"age":{"above":50}},` +
			`{"event":{"kind":"test","text":"HbA1c","value":{"above":9},"count":2,"within":"1y"}},{"event":{"kind":"medication","text":"metformin"}},` +
			`{"not":{"event":{"kind":"medication","class":"SGLT2"}}},{"note":{"phrase":"neuropathy"}}]}`,
		`sex:female age:18..65`: `{"all":[{"sex":"female"},{"age":{"atLeast":18,"atMost":65}}]}`,
		`drug:metformin then lab:creatinine>1.5 mg/dL within 30d without drug:contrast`: `{"sequence":[{"event":{"kind":"medication","text":"metformin"}},` +
			`{"event":{"kind":"test","text":"creatinine","value":{"above":1.5,"unit":"mg/dL"}},"within":"30d","without":{"kind":"medication","text":"contrast"}}]}`,
		`condition.under:E11 or (life:dead and not cohort:old)`:            `{"any":[{"event":{"kind":"condition","under":"E11"}},{"all":[{"life":"dead"},{"not":{"cohort":"old"}}]}]}`,
		`lab.code:http://loinc.org|4548-4>=7%`:                             `{"event":{"kind":"test","code":"http://loinc.org|4548-4","value":{"atLeast":7,"unit":"%"}}}`,
		`lab:glucose:70..180 mg/dL last 6m`:                                `{"event":{"kind":"test","text":"glucose","value":{"atLeast":70,"atMost":180,"unit":"mg/dL"},"last":"6m"}}`,
		`condition:asthma since 2020-01-01 until 2021-12-31 at age:<18`:    `{"event":{"kind":"condition","text":"asthma","since":"2020-01-01","until":"2021-12-31","age":{"below":18}}}`,
		`lab:x>1<=2 note.denied:"chest ""pain""" encounter:inpatient x3`:   `{"all":[{"event":{"kind":"test","text":"x","value":{"above":1,"atMost":2}}},{"note":{"phrase":"chest \"pain\"","denied":true}},{"event":{"kind":"encounter","text":"inpatient","count":3}}]}`,
		`any.set:diabetes procedure:*`:                                     `{"all":[{"event":{"set":"diabetes"}},{"event":{"kind":"procedure"}}]}`,
		`--sex:male`:                                                       `{"not":{"not":{"sex":"male"}}}`,
		`- -sex:male`:                                                      `{"not":{"not":{"sex":"male"}}}`,
		`vital:temperature ≥ 38.5 Cel`:                                     `{"event":{"kind":"finding","text":"temperature","value":{"atLeast":38.5,"unit":"Cel"}}}`,
		`vital:temperature≥38.5 Cel`:                                       `{"event":{"kind":"finding","text":"temperature","value":{"atLeast":38.5,"unit":"Cel"}}}`,
		`lab:potassium>5 5 10*3/uL`:                                        ``,
		`lab:leukocytes>5 10*3/uL x2`:                                      `{"event":{"kind":"test","text":"leukocytes","value":{"above":5,"unit":"10*3/uL"},"count":2}}`,
		`condition:"type 2 diabetes" then condition:neuropathy within 10y`: `{"sequence":[{"event":{"kind":"condition","text":"type 2 diabetes"}},{"event":{"kind":"condition","text":"neuropathy"},"within":"10y"}]}`,
	} {
		c, err := cohort.Parse(text)
		if want == "" {
			if err == nil {
				t.Errorf("%s: is read as %s", text, jsonOf(t, c))
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := jsonOf(t, c); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
		back, err := cohort.Decode([]byte(want))
		if err != nil || jsonOf(t, back) != want {
			t.Errorf("%s: read back as %s, %v", want, jsonOf(t, back), err)
		}
		again, err := cohort.Parse(cohort.Print(c))
		if err != nil || jsonOf(t, again) != want {
			t.Errorf("%s is printed as %s, read as %s, %v", text, cohort.Print(c), jsonOf(t, again), err)
		}
	}
}

// TestRoundTrip prints random definitions, reads them, and prints them again.
func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		c := randomCriterion(rng, 3)
		text := cohort.Print(c)
		again, err := cohort.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if jsonOf(t, c) != jsonOf(t, again) {
			t.Fatalf("%s\n%s\n%s", text, jsonOf(t, c), jsonOf(t, again))
		}
		back, err := cohort.Decode([]byte(jsonOf(t, c)))
		if err != nil || cohort.Print(back) != text {
			t.Fatalf("%s: from JSON %s, %v", text, cohort.Print(back), err)
		}
	}
}

// TestBadText holds errors to their places and suggestions.
func TestBadText(t *testing.T) {
	w := newWard(t, "")
	for text, want := range map[string]string{
		"":                            `0: the definition is empty`,
		"   ":                         `3: the definition is empty`,
		"conditon:diabetes":           `0: there is no such field; did you mean condition?`,
		"diabetes":                    `0: this word does not say what it is; write field:value`,
		"condition:":                  `10: what condition is asked for is missing`,
		"condition.clas:x":            `0: condition has no such mode; did you mean class?`,
		"age:old":                     `4: this is no number`,
		"age:50":                      `4: a comparison is missing here`,
		"age:>50 age:<40":             `8: this contradicts an earlier age`,
		"sex:male sex:female":         `9: this contradicts an earlier criterion`,
		"sex:femal":                   `0: there is no such sex; did you mean female?`,
		"condition:a -condition:a":    `12: this contradicts an earlier criterion`,
		"condition:a or -condition:a": `15: everybody meets this or its opposite`,
		"life:alive or life:dead":     `14: everybody meets this or what stands before`,
		"age:>=0":                     `0: everybody is of such an age`,
		"any:*":                       `4: any event at all says nothing`,
		"lab:x>9<5":                   `5: no number is in this range`,
		"lab:x:9..5":                  `5: no number is in this range`,
		"lab:glucose>5 bananas":       `11: this is no unit`,
		"lab:x>9 x2 within":           `17: a length of time is missing`,
		"lab:x>9 within 1y":           `15: within needs a number of events`,
		"lab:x last 1x":               `11: this is no length of time`,
		"lab:x since 2020-13-01":      `12: this is no day`,
		"lab:x since 2021-01-01 until 2020-01-01": `0: the time ends before it begins`,
		"drug.class:sglt":                         `11: there is no such drug class; did you mean sglt2-inhibitor?`,
		"lab.class:sglt2-inhibitor":               `10: only drugs have classes`,
		"condition.set:diabetis":                  `14: there is no such value set; did you mean diabetes?`,
		"condition.code:icd11|E11":                `15: there is no such code system; did you mean icd10?`,
		"(condition:a":                            `0: this parenthesis is not closed`,
		"condition:a)":                            `11: this parenthesis closes nothing`,
		`note:"chest`:                             `5: the quotes are not closed`,
		`note:"..."`:                              `0: the phrase has no words`,
		"condition:a then sex:male":               `17: sex is no event`,
		"condition:a x2 then condition:b":         `0: an event of a sequence has no number`,
		"condition:a or":                          `14: a criterion is missing here`,
		"cohort:none":                             `0: no cohort is saved under this name`,
		strings.Repeat("(", 50) + "sex:male" + strings.Repeat(")", 50): `33: the definition is nested too deeply`,
	} {
		c, err := cohort.Parse(text)
		if err == nil {
			_, err = w.ids(c)
		}
		var e *cohort.Error
		if !errors.As(err, &e) || !errors.Is(err, cohort.ErrInvalid) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := strings.Join([]string{itoa(e.Offset), ": ", e.Detail, "; ", e.Hint}, "")
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func itoa(n int) string {
	b, err := json.Marshal(n)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestBadJSON(t *testing.T) {
	w := newWard(t, "")
	for text, want := range map[string]string{
		`{}`:                           `: the criterion is empty`,
		`[]`:                           `: an object is expected here`,
		`{"al":[]}`:                    `al: there is no field "al" here; did you mean all?`,
		`{"all":[]}`:                   `all: the list is empty`,
		`{"all":[{"sex":"male"},{}]}`:  `all[1]: the criterion is empty`,
		`{"sex":"male","life":"dead"}`: `: the criterion has 2 conditions`,
		`{"sex":"male","sex":"male"}`:  `sex: the field stands twice`,
		`{"any":[{"event":{"kind":"conditio"}}]}`:                                          `any[0].event.kind: there is no such kind; did you mean condition?`,
		`{"event":{"kind":"test","value":{}}}`:                                             `event.value: the range is empty`,
		`{"event":{"kind":"test","value":{"above":"9"}}}`:                                  `event.value.above: a number is expected here`,
		`{"event":{"kind":"test","value":{"above":9,"unit":"banana"}}}`:                    `event.value: this is no unit`,
		`{"event":{"kind":"test","text":"a","code":"b"}}`:                                  `event.code: the event is named in 2 ways`,
		`{"event":{"kind":"test","count":0}}`:                                              `event.count: a whole number above 0`,
		`{"event":{"kind":"test","count":1.5}}`:                                            `event.count: a whole number is expected here`,
		`{"event":{"kind":"test","within":"1y"}}`:                                          `event.within: within needs a number of events`,
		`{"sequence":[{"event":{"kind":"test"}}]}`:                                         `sequence: a sequence has at least two steps`,
		`{"sequence":[{"event":{"kind":"test"},"within":"1y"},{"event":{"kind":"test"}}]}`: `sequence[0].within: there is no step before the first`,
		`{"note":{"phrase":""}}`:                                                           `note.phrase: it is empty`,
		`{"age":{"above":1e400}}`:                                                          `age.above: a number is expected here`,
		`{"sex":null}`:                                                                     `sex: a string is expected here`,
		`{"sex":"male"} x`:                                                                 `: something follows the object`,
		`{"sex":"male"`:                                                                    `: this is no JSON`,
		`{"not":{"not":{"age":{"over":3}}}}`:                                               `not.not.age.over: there is no field "over" here; known are above, atLeast, below, atMost`,
		`nonsense`:                                                                         `: this is no JSON`,
	} {
		c, err := cohort.Decode([]byte(text))
		if err == nil {
			_, err = w.ids(c)
		}
		var e *cohort.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := e.Path + ": " + e.Detail + "; " + e.Hint; !strings.HasPrefix(got, want) {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// TestUnitsThatCannotBe points at the place, once the data says what there is.
func TestUnitsThatCannotBe(t *testing.T) {
	w := newWard(t, "")
	d := index.Document{Timeline: record.Timeline{Person: record.Person{ID: "p"}, Events: []record.Event{
		{Kind: record.Test, Concept: record.Code{System: record.LOINC, Value: "2345-7", Display: "Glucose"}, Known: now, Value: 7, HasValue: true, Unit: "mmol/L"}}}}
	w.apply([]index.Document{d}, nil)
	for text, want := range map[string]bool{"lab:glucose>125 mg/dL": true, "lab:glucose>6.9 mmol/L": true, "lab:glucose>130 mg/dL": false, "lab:glucose>120": true} {
		c, err := cohort.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if ids, err := w.ids(c); err != nil || (len(ids) == 1) != want {
			t.Errorf("%s: %v, %v", text, ids, err)
		}
	}
	c, err := cohort.Parse("age:>1 lab:glucose>5 Cel")
	if err != nil {
		t.Fatal(err)
	}
	var e *cohort.Error
	if _, err := w.ids(c); !errors.As(err, &e) || e.Offset != 18 || e.Hint != "the values are in mmol/L" {
		t.Errorf("%+v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`condition:diabetes age:>50 lab:HbA1c>9 x2 within 1y drug:metformin -drug.class:SGLT2 note:"neuropathy"`)
	f.Add(`a:b then c.code:http://x|y:1..2"u" within 3d without d:*`)
	f.Add(`lab:x>-5 x2 (sex:a or "b")`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := cohort.Parse(text)
		if err != nil {
			var e *cohort.Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(text) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		printed := cohort.Print(c)
		again, err := cohort.Parse(printed)
		if err != nil {
			t.Fatalf("%q is printed as %q: %v", text, printed, err)
		}
		if cohort.Print(again) != printed {
			t.Fatalf("%q is printed as %q, then as %q", text, printed, cohort.Print(again))
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"all":[{"event":{"kind":"test","value":{"above":9}}},{"sequence":[{"event":{"code":"x"}},{"event":{"text":"y"},"within":"3d"}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := cohort.Decode([]byte(text))
		if err != nil {
			return
		}
		if _, err := cohort.Encode(c); err != nil {
			t.Fatal(err)
		}
	})
}
