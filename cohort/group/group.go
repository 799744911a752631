// Package group writes definitions of cohorts as FHIR R4 Groups of characteristics, and
// reads such Groups.
//
// A Group's characteristics all hold for its members
// (http://hl7.org/fhir/R4/group-definitions.html#Group.characteristic), so what can be
// said is a conjunction: the sex, the age, that events of a code are on record, or values
// of a test in a range; each also denied, and events within a period. Its invariant: what
// is written reads as the same definition, and what cannot be said is an error with its
// place and never left out, as a Group of fewer characteristics is of more people.
package group

import (
	"encoding/json"
	"fmt"

	"ember/cohort"
)

// Systems of the codes of characteristics.
const (
	loinc  = "http://loinc.org"
	snomed = "http://snomed.info/sct"
	gender = "http://hl7.org/fhir/administrative-gender"
	ucum   = "http://unitsofmeasure.org"
	// own is Ember's, for what no other has a code for: that an event has a code or one
	// below it ("condition-under"), and events of the kind finding.
	own = "urn:ember:characteristic"
)

// coding is a code of a system, by the system's URI.
type coding struct {
	System  string `json:"system,omitempty"`
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
	ignored
	Version      any `json:"version,omitempty"`
	UserSelected any `json:"userSelected,omitempty"`
}

// ignored says nothing about who the members are.
type ignored struct {
	ID   any `json:"id,omitempty"`
	Text any `json:"text,omitempty"`
}

func (c coding) key() string { return c.System + "|" + c.Code }

// Age and sex are LOINC's, as in the value set of characteristics of cohorts of
// http://hl7.eu/fhir/ig/oah/ValueSet/oah-cohort-characteristic-code-vs. A measured value has
// the code of its test, as in http://hl7.org/fhir/ValueSet/example-characteristic-codes.
var (
	ageCode     = coding{System: loinc, Code: "30525-0", Display: "Age"}
	sexCode     = coding{System: loinc, Code: "46098-0", Display: "Sex"}
	findingCode = coding{System: own, Code: "finding", Display: "Finding"}
)

// kinds are SNOMED CT's most general concepts of what the events of a kind have codes of.
var kinds = map[string]coding{
	"condition":    {System: snomed, Code: "64572001", Display: "Disease"},
	"medication":   {System: snomed, Code: "410942007", Display: "Drug or medicament"},
	"procedure":    {System: snomed, Code: "71388002", Display: "Procedure"},
	"test":         {System: snomed, Code: "15220000", Display: "Laboratory test"},
	"immunization": {System: snomed, Code: "33879002", Display: "Administration of vaccine to produce active immunity"},
	"finding":      findingCode,
}

// codeOf is the characteristic of events of a kind that have a code, or with below that have
// it or one below it.
func codeOf(kind string, below bool) (c coding, ok bool) {
	c, ok = kinds[kind]
	if below {
		c = coding{System: own, Code: kind + "-under", Display: "A " + kind + " of this code or one below it"}
	}
	return c, ok
}

// kindOf is the kind of events that a characteristic is of.
func kindOf(c coding) (kind string, below, ok bool) {
	for kind := range kinds {
		for _, below := range []bool{false, true} {
			if code, _ := codeOf(kind, below); code.key() == c.key() {
				return kind, below, true
			}
		}
	}
	return "", false, false
}

// reserved reports whether a code stands for something else than the test of this code.
func reserved(c coding) bool {
	_, _, ok := kindOf(c)
	return ok || c.System == own || c.key() == ageCode.key() || c.key() == sexCode.key()
}

// The elements of FHIR that are written and read.
type (
	resource struct {
		ResourceType   string            `json:"resourceType"`
		Type           string            `json:"type"`
		Actual         *bool             `json:"actual"`
		Name           string            `json:"name,omitempty"`
		Characteristic []json.RawMessage `json:"characteristic"`
		ignored
		Meta           any `json:"meta,omitempty"`
		Language       any `json:"language,omitempty"`
		Identifier     any `json:"identifier,omitempty"`
		Active         any `json:"active,omitempty"`
		ManagingEntity any `json:"managingEntity,omitempty"`
	}
	characteristic struct {
		Code     *concept  `json:"code"`
		Concept  *concept  `json:"valueCodeableConcept,omitempty"`
		Quantity *quantity `json:"valueQuantity,omitempty"`
		Range    *numbers  `json:"valueRange,omitempty"`
		Exclude  *bool     `json:"exclude"`
		Period   *period   `json:"period,omitempty"`
		ID       any       `json:"id,omitempty"`
	}
	concept struct {
		Coding []coding `json:"coding"`
		ignored
	}
	quantity struct {
		Value      *float64 `json:"value,omitempty"`
		Comparator string   `json:"comparator,omitempty"`
		Unit       string   `json:"unit,omitempty"`
		System     string   `json:"system,omitempty"`
		Code       string   `json:"code,omitempty"`
	}
	numbers struct {
		Low  *quantity `json:"low,omitempty"`
		High *quantity `json:"high,omitempty"`
	}
	period struct {
		Start *string `json:"start,omitempty"`
		End   *string `json:"end,omitempty"`
	}
)

func conceptOf(c coding) *concept { return &concept{Coding: []coding{c}} }

func fail(path, hint, format string, args ...any) *cohort.Error {
	return &cohort.Error{Offset: -1, Path: path, Detail: fmt.Sprintf(format, args...), Hint: hint}
}
