package cohort

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// Sampling says of which moments of which patients a data set is made, and what is to
// be foretold at them. Nothing that was known later enters what a moment shows.
type Sampling struct {
	// Cohort is who takes part, as it could be said at the moment: "last 1y" counts
	// back from it, and what became known later does not count. The zero Criterion
	// takes everybody.
	Cohort Criterion
	// Index is the event that moments come from; nil where Day gives them.
	Index *Event
	// Day is the one moment of everybody (its first second, UTC), "" where events do.
	Day string
	// Which of the index events at which the patient is in the cohort: "first" (also
	// ""), "last" or "every".
	Which string
	// From is the end of the index event that time runs from: "start" (also "") or
	// "end", as of a hospital stay.
	From string
	// After is how long after that the moment is: "24h", "2d"; "" = at once. Whoever
	// has died by then, or whose index stay is over, is left out.
	After string
	// Label is what may happen: it holds where the events known from the moment to
	// the horizon meet it. Life "dead" asks for a death then. Of Label and Next one
	// is set.
	Label *Criterion
	// Next asks for the first value of such an event then, in the unit of its Value
	// or the usual one.
	Next *Event
	// Horizon is how far the label looks, "30d", or "stay": to the end of the stay
	// that the index event is.
	Horizon string
	// View is a ViewDefinition whose columns are what a moment shows, in the place of
	// the timeline's; nil = none. It is kept as it came.
	View json.RawMessage
	// Observed says up to when a patient is known to be watched: "data" (also ""),
	// the last thing on record of anybody, or "patient", the last of the patient. A
	// moment whose horizon lies behind that and whose label has not come is censored
	// and left out.
	Observed string
}

const stayHorizon = "stay"

var (
	samplingFields = []string{"cohort", "index", "day", "which", "from", "after", "label", "next", "horizon", "observed", "view"}
	whiches        = []string{"first", "last", "every"}
	ends           = []string{"start", "end"}
	observations   = []string{"data", "patient"}
)

// DecodeSampling reads {"cohort": …, "index": …, "after": "24h", "label": …, "horizon":
// "30d"}. Criteria are JSON as [Decode] reads it, or strings in the text form. Errors are
// *[Error] with the path.
func DecodeSampling(data []byte) (Sampling, error) {
	var s Sampling
	if len(data) > 16*maxText {
		return s, place{offset: -1}.fail("save parts as cohorts", "the definition is longer than 256 KiB")
	}
	d := decoder{}
	texts := map[string]*string{"day": &s.Day, "which": &s.Which, "from": &s.From, "after": &s.After, "horizon": &s.Horizon, "observed": &s.Observed}
	d.object(data, "", samplingFields, func(name string, value []byte, at string) {
		if into := texts[name]; into != nil {
			*into = d.text(value, at)
			return
		}
		if name == "view" {
			s.View = slices.Clone(value)
			return
		}
		c := d.either(value, at)
		switch {
		case name == "cohort":
			s.Cohort = c
		case name == "label":
			s.Label = &c
		case c.Event == nil:
			d.fail(at, "write for example encounter:inpatient", "one event is expected here")
		case name == "index":
			s.Index = c.Event
		default:
			s.Next = c.Event
		}
	})
	return s, d.failure()
}

// either reads a criterion from a text or from JSON.
func (d *decoder) either(raw []byte, path string) Criterion {
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte(`"`)) {
		return d.criterion(raw, path, 0)
	}
	c, err := Parse(d.text(raw, path))
	if bad, ok := err.(*Error); ok && d.err == nil { //nolint:errorlint // Parse says so
		d.fail(path, bad.Hint, "character %s: %s", strconv.Itoa(bad.Offset+1), bad.Detail)
	}
	return c
}

// MarshalJSON is what [DecodeSampling] reads; criteria are texts.
func (s Sampling) MarshalJSON() ([]byte, error) {
	out := map[string]any{}
	if s.View != nil {
		out["view"] = s.View
	}
	if text := Print(s.Cohort); text != "" {
		out["cohort"] = text
	}
	for name, e := range map[string]*Event{"index": s.Index, "next": s.Next} {
		if e != nil {
			out[name] = PrintEvent(*e)
		}
	}
	if s.Label != nil {
		out["label"] = Print(*s.Label)
	}
	for name, text := range map[string]string{"day": s.Day, "which": s.Which, "from": s.From, "after": s.After, "horizon": s.Horizon, "observed": s.Observed} {
		if text != "" {
			out[name] = text
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON is [DecodeSampling].
func (s *Sampling) UnmarshalJSON(b []byte) (err error) {
	*s, err = DecodeSampling(b)
	return err
}

func (s *Sampling) empty() bool { return Print(s.Cohort) == "" }

// lasting is a span, also in hours.
func lasting(span string) (time.Duration, bool) {
	if n := len(span); n > 1 && n < 8 && span[n-1] == 'h' && allDigits(span[:n-1]) {
		hours, err := strconv.Atoi(span[:n-1])
		return time.Duration(hours) * time.Hour, err == nil
	}
	d, ok := days(span)
	return time.Duration(d) * 24 * time.Hour, ok
}

// checkSampling finds what cannot be used; the error is an *[Error] with the path.
func (e *Engine) checkSampling(s *Sampling) error {
	at := func(path string) place { return place{-1, path} }
	one := func(path, given string, of []string) error {
		if given == "" || slices.Contains(of, given) {
			return nil
		}
		return at(path).fail(hint(given, of), "it is one of %v", of)
	}
	span := func(path, given string) error {
		if _, ok := lasting(given); given == "" || ok || path == "horizon" && given == stayHorizon {
			return nil
		}
		return at(path).fail("write a number and h, d, w, m or y, as in 24h", "this is no length of time")
	}
	for _, err := range []error{one("which", s.Which, whiches), one("from", s.From, ends), one("observed", s.Observed, observations), span("after", s.After), span("horizon", s.Horizon)} {
		if err != nil {
			return err
		}
	}
	_, day := dayOf(s.Day)
	switch {
	case (s.Index == nil) == (s.Day == ""):
		return at("index").fail("name an event, as in encounter:inpatient, or a day", "moments come from events or from a day")
	case s.Day != "" && !day:
		return at("day").fail("write YYYY-MM-DD", "this is no day")
	case (s.Label == nil) == (s.Next == nil):
		return at("label").fail("name what may happen, as in life:dead or condition:diabetes", "one of label and next is needed")
	case s.Horizon == "":
		return at("horizon").fail("write 30d, or stay", "how far the label looks is missing")
	case s.Horizon == stayHorizon && (s.Index == nil || s.Index.Kind != encounterKind):
		return at("horizon").fail("take an encounter as index event", "a stay ends where the index event is one")
	case s.Next != nil && s.Horizon == stayHorizon:
		return at("horizon").fail("write 30d", "a next value needs a length of time")
	}
	return e.checkParts(s)
}

// checkParts checks the criteria.
func (e *Engine) checkParts(s *Sampling) error {
	var parts []Criterion
	if !s.empty() {
		parts = append(parts, s.Cohort)
	}
	for _, ev := range []*Event{s.Index, s.Next} {
		if ev != nil {
			parts = append(parts, Criterion{Event: ev, at: ev.at})
		}
	}
	if s.Label != nil {
		parts = append(parts, *s.Label)
	}
	for i := range parts {
		if err := e.Check(parts[i]); err != nil {
			return err
		}
	}
	var err error
	undated := func(c *Criterion) {
		switch {
		case err != nil:
		case c.Note != nil:
			err = c.at.fail("ask by codes", "notes are not asked as of a moment")
		case c.Score != nil:
			err = c.at.fail("save it, and take cohort:NAME", "scores are not asked as of a moment")
		case c.Like != nil:
			err = c.at.fail("save it, and take cohort:NAME", "likeness is not asked as of a moment")
		}
	}
	walkCriteria(&s.Cohort, undated)
	if s.Label != nil {
		walkCriteria(s.Label, func(c *Criterion) {
			undated(c)
			if err == nil && (c.Age != nil || c.Sex != "" || c.Cohort != "" || c.Life == "alive") {
				err = c.at.fail("put it into the cohort", "a label is something that happens")
			}
		})
	}
	return err
}
