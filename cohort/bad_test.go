package cohort_test

import (
	"errors"
	"strings"
	"testing"

	"ember/cohort"
)

// TestBadInputPointsAtItsPlace holds messages to a place and a hint that helps.
func TestBadInputPointsAtItsPlace(t *testing.T) {
	e := scored(t)
	for sent, want := range map[string]struct {
		place        any // character of the text, or path
		detail, hint string
	}{
		`age:<0`:                        {0, "nobody is of such an age", "completed years"},
		`age:<=-1`:                      {0, "nobody is of such an age", "completed years"},
		`lab:HbA1c>1e400`:               {10, "this is no number", "write a number"},
		`lab:HbA1c>1e3 bananas`:         {9, "this is no unit", "UCUM"},
		`qqqqqqqqqqqqqqqqqqqqqqqq:y`:    {0, "there is no such field", "known are condition, "},
		`{"event":{"kind":"conditon"}}`: {"event.kind", "there is no such kind", "did you mean condition?"},
		`{"all":[{"sex":"femal"},{"age":{"above":3}}]}`: {"all[0].sex", "there is no such sex", "did you mean female?"},
		`{"life":"both"}`: {"life", "neither alive nor dead", "alive or dead"},
		`{"event":{"kind":"condition","count":1.5}}`:                                  {"event.count", "a whole number", ""},
		`{"event":{"kind":"condition","count":10001}}`:                                {"event.count", "no number of events", "x10000"},
		`{"event":{"kind":"condition","since":"2024-13-01"}}`:                         {"event.since", "this is no day", "YYYY-MM-DD"},
		`{"event":{"kind":"condition","since":"2025-01-01","until":"2024-1-1"}}`:      {"event.until", "this is no day", "YYYY-MM-DD"},
		`{"not":{"event":{"kind":"test","since":"2025-01-01","until":"2024-01-01"}}}`: {"not.event.until", "ends before it begins", "turn them round"},
		`{"sequence":[{"event":{"kind":"test"}}]}`:                                    {"sequence", "at least two steps", "use event"},
		`{"score":{"model":"deaths","abov":0.3}}`:                                     {"score.abov", "there is no field", "did you mean above?"},
		`{"note":{"phrase":"x","denied":"no"}}`:                                       {"note.denied", "true or false", ""},
	} {
		decode := cohort.Parse
		if strings.HasPrefix(sent, "{") {
			decode = func(text string) (cohort.Criterion, error) { return cohort.Decode([]byte(text)) }
		}
		c, err := decode(sent)
		if err == nil {
			_, err = e.Match(t.Context(), cohort.Question{Criterion: c, Now: now})
		}
		var bad *cohort.Error
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", sent, err)
			continue
		}
		place := any(bad.Offset)
		if bad.Offset < 0 {
			place = bad.Path
		}
		if place != want.place || !strings.Contains(bad.Detail, want.detail) || !strings.Contains(bad.Hint, want.hint) {
			t.Errorf("%s: at %v, %q, %q", sent, place, bad.Detail, bad.Hint)
		}
	}
	c, err := cohort.Parse("lab:x>1.5e3<2E+4 mg/dL")
	if err != nil || cohort.Print(c) != "lab:x>1500<20000 mg/dL" {
		t.Errorf("%s, %v", cohort.Print(c), err)
	}
}
