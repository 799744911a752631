package cohort

import (
	"ember/record"
)

// Criterion is one condition on a patient: exactly one of its fields is set. The
// zero Criterion is empty and matches nothing: it is refused.
type Criterion struct {
	All      []Criterion `json:"all,omitempty"`      // every one holds
	Any      []Criterion `json:"any,omitempty"`      // at least one holds
	Not      *Criterion  `json:"not,omitempty"`      // it does not hold
	Event    *Event      `json:"event,omitempty"`    // such events are on record
	Sequence []Step      `json:"sequence,omitempty"` // one event after the other
	Age      *Range      `json:"age,omitempty"`      // completed years now, or at death
	Sex      string      `json:"sex,omitempty"`      // female, male, other, unknown
	Life     string      `json:"life,omitempty"`     // alive or dead
	Note     *Note       `json:"note,omitempty"`     // a note says so
	Cohort   string      `json:"cohort,omitempty"`   // member of a saved cohort
	Like     *Like       `json:"like,omitempty"`     // among the most similar
	Score    *Score      `json:"score,omitempty"`    // what a model said

	at place
}

// Event describes events of which there must be some. At most one of Text, Code,
// Under, Set and Class says which; without any, all of the kind.
type Event struct {
	// Kind is condition, finding, medication, procedure, test, allergy,
	// immunization, family-history, plan, or encounter; "" = any but encounter.
	Kind string `json:"kind,omitempty"`
	// Text is a name: of the concept, of a drug or brand, of a laboratory test, of a
	// value set. All its words must be in one of the concept's names.
	Text string `json:"text,omitempty"`
	// Code is a coding that the event has, "E11.9" or "loinc|4548-4". For an
	// encounter it is the class (IMP, AMB, EMER) or the type.
	Code string `json:"code,omitempty"`
	// Under is a code that the event has, or a more general one, as "E11" for E11.9.
	Under string `json:"under,omitempty"`
	// Set is the name of a value set.
	Set string `json:"set,omitempty"`
	// Class is the name of a drug class.
	Class string `json:"class,omitempty"`

	Value  *Value `json:"value,omitempty"`  // what was measured
	Count  int    `json:"count,omitempty"`  // at least so many events; 0 = 1
	Within string `json:"within,omitempty"` // so many within this time: "30d", "6w", "3m", "1y"
	Last   string `json:"last,omitempty"`   // not longer ago than this, and not after now
	Since  string `json:"since,omitempty"`  // on this day (YYYY-MM-DD) or later
	Until  string `json:"until,omitempty"`  // on this day or earlier
	Age    *Range `json:"age,omitempty"`    // completed years at the event

	at, atWhich, atValue, atWithin, atAge place // where it was written
}

// Step is an event of a sequence. It is on the day of the step before or later, and
// is another event. The first step has neither Within nor Without, and no event of a
// sequence has Count or Within of its own.
type Step struct {
	Event Event `json:"event"`
	// Within is the longest time since the step before; "" = any.
	Within string `json:"within,omitempty"`
	// Without is an event that does not lie between, from the day of the step
	// before to the day of this one.
	Without *Event `json:"without,omitempty"`
}

// Range is a range of numbers; nil = open. Of Above and AtLeast, and of Below and
// AtMost, one at most is set.
type Range struct {
	Above   *float64 `json:"above,omitempty"`
	AtLeast *float64 `json:"atLeast,omitempty"`
	Below   *float64 `json:"below,omitempty"`
	AtMost  *float64 `json:"atMost,omitempty"`
}

// Value is a range of measured values in a unit.
type Value struct {
	Range
	// Unit is UCUM, or what laboratories write for it. Values in other units are
	// converted; those that cannot be do not count. "" = the usual unit of the test
	// where that is known, else the numbers as they stand.
	Unit string `json:"unit,omitempty"`
}

// Note asks for notes with a phrase: all its words in order.
type Note struct {
	Phrase string `json:"phrase"`
	// Denied asks for notes that deny it. Else they say it: "denies chest pain" does
	// not say chest pain.
	Denied bool `json:"denied,omitempty"`
}

const encounterKind = "encounter"

// kindOf is the kind of a name; 0 for any.
func kindOf(name string) (k record.Kind, ok bool) {
	switch name {
	case "":
		return 0, true
	case encounterKind:
		return visitKind, true
	}
	return record.ParseKind(name)
}

// same numbers differ by less than a millionth: values come in binary and from other
// units.
const same = 1e-6

func (r Range) empty() bool {
	return r.Above == nil && r.AtLeast == nil && r.Below == nil && r.AtMost == nil
}

// holds reports whether a number is in the range.
func (r Range) holds(v float64) bool {
	switch {
	case r.Above != nil && !more(v, *r.Above),
		r.AtLeast != nil && more(*r.AtLeast, v),
		r.Below != nil && !more(*r.Below, v),
		r.AtMost != nil && more(v, *r.AtMost):
		return false
	}
	return true
}

// more reports whether a is greater than b by more than what makes numbers the same.
func more(a, b float64) bool {
	d := a - b
	return d > same*max(abs(a), abs(b)) && d > 1e-12
}

func abs(a float64) float64 {
	if a < 0 {
		return -a
	}
	return a
}

// void reports whether no number can be in the range.
func (r Range) void() bool {
	low, high := r.ends()
	if low == nil || high == nil {
		return false
	}
	return more(*low, *high) || !more(*high, *low) && (r.Above != nil || r.Below != nil)
}

func (r Range) ends() (low, high *float64) {
	low, high = r.Above, r.Below
	if low == nil {
		low = r.AtLeast
	}
	if high == nil {
		high = r.AtMost
	}
	return low, high
}

// days is the length of a span such as "30d" in days: weeks are 7, months 30.4375
// and years 365.25 days, rounded down.
func days(span string) (int32, bool) {
	n, i := 0, 0
	for i < len(span) && span[i] >= '0' && span[i] <= '9' {
		if n = n*10 + int(span[i]-'0'); n > 100_000 {
			return 0, false
		}
		i++
	}
	if i == 0 {
		return 0, false
	}
	switch span[i:] {
	case "d":
		return int32(n), true
	case "w":
		return int32(7 * n), true
	case "m":
		return int32(304375 * n / 10000), true
	case "y":
		return int32(36525 * n / 100), true
	}
	return 0, false
}

// Days is the length of a span such as "30d" or "1y" in days; ok is false for what is
// none.
func Days(span string) (n int, ok bool) {
	d, ok := days(span)
	return int(d), ok
}
