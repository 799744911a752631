package server

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ember/recommender"
	"ember/record"
)

const (
	defaultLimit = 10
	mostLimit    = 100
)

// question is what a recommendation is asked by, beside the patient.
type question struct {
	want    recommender.Want
	at      time.Time
	live    bool // at is now, give or take a day: care that is given now
	limit   int
	explain record.Code
	// feedback: the answer is shown to a person who will say what they did with it.
	feedback bool
}

// past is what the question may see of the timeline.
func (q question) past(t record.Timeline) record.Past {
	if q.live {
		return t.Live(q.at)
	}
	return t.Before(q.at)
}

// parseQuestion reads want, at, limit, explain and feedback. Times are kept to the
// millisecond, as the answer shows them.
func parseQuestion(v url.Values, now time.Time) (q question, err error) {
	if q.want, err = parseWant(v); err != nil {
		return q, err
	}
	if q.at, q.live, err = parseAt(v, now); err != nil {
		return q, err
	}
	if q.limit, err = parseLimit(v); err != nil {
		return q, err
	}
	if q.explain, err = parseExplain(v); err != nil {
		return q, err
	}
	text, _, err := one(v, "feedback")
	if err == nil {
		q.feedback, err = parseFeedback(text)
	}
	return q, err
}

func badParameter(name, hint string) error {
	return &Fault{Status: http.StatusBadRequest, Code: "value", Detail: "the parameter " + name + " is not understood", Hint: name + ": " + hint}
}

// one is the parameter's only value; ok is false when it is absent.
func one(v url.Values, name string) (value string, ok bool, err error) {
	values := v[name]
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	}
	return "", false, badParameter(name, "give it once")
}

func parseWant(v url.Values) (recommender.Want, error) {
	text, _, err := one(v, "want")
	if err != nil {
		return 0, err
	}
	if text == "" {
		return 0, &Fault{Status: http.StatusBadRequest, Code: "required", Detail: "the parameter want is missing", Hint: "want=treatments or want=tests"}
	}
	want, ok := recommender.ParseWant(text)
	if !ok {
		return 0, badParameter("want", "it is treatments or tests")
	}
	return want, nil
}

// parseAt takes an RFC 3339 instant, or a date for its first moment in UTC.
// A moment up to a day ahead of now is let pass: clocks differ. Within a day of
// now the question is about care given now, which needs all that is on record:
// an EHR that always sends its own clock must not miss today's allergy.
func parseAt(v url.Values, now time.Time) (at time.Time, live bool, err error) {
	text, ok, err := one(v, "at")
	if err != nil {
		return at, false, err
	}
	if !ok || text == "" {
		return now.UTC().Truncate(time.Millisecond), true, nil
	}
	at, err = time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1)) // an unescaped + in a query
	if err != nil {
		at, err = time.Parse(time.DateOnly, text)
	}
	if err != nil || at.Year() < 1900 {
		return at, false, badParameter("at", "an instant as 2026-05-01T09:30:00Z, or a date as 2026-05-01 for its first moment in UTC")
	}
	if at.After(now.Add(24 * time.Hour)) {
		return at, false, &Fault{Status: http.StatusConflict, Code: "business-rule", Detail: "the parameter at lies in the future", Hint: "at: a moment until now by this server's clock"}
	}
	return at.UTC().Truncate(time.Millisecond), now.Sub(at) <= 24*time.Hour, nil
}

func parseLimit(v url.Values) (int, error) {
	return wholeNumber(v, "limit", defaultLimit, mostLimit)
}

// wholeNumber is a parameter from 1 to most, or what it is when it is absent.
func wholeNumber(v url.Values, name string, absent, most int) (int, error) {
	text, ok, err := one(v, name)
	if err != nil || !ok {
		return absent, err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, badParameter(name, "a number from 1 to "+strconv.Itoa(most))
	}
	return n, nil
}

// parseExplain takes "system|code", as FHIR writes tokens, or a code alone.
func parseExplain(v url.Values) (record.Code, error) {
	text, _, err := one(v, "explain")
	if err != nil || text == "" {
		return record.Code{}, err
	}
	if len(text) > 512 {
		return record.Code{}, badParameter("explain", "a code as SYSTEM|CODE or CODE")
	}
	system, value, ok := strings.Cut(text, "|")
	if !ok {
		return record.Code{Value: text}, nil
	}
	if value == "" {
		return record.Code{}, badParameter("explain", "a code as SYSTEM|CODE or CODE")
	}
	return record.Code{System: system, Value: value}, nil
}
