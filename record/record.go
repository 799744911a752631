// Package record is Ember's vocabulary: codes, events, encounters, persons,
// timelines, and the past of a timeline at a moment. It is plain data and
// imports nothing but the standard library.
//
// Its one invariant: [Past] is made by [Timeline.Before] or [Timeline.Live]
// only, so whoever accepts a Past cannot see what was not known yet.
package record

import "time"

// Code is one coding. Two codes are the same when System and Value are;
// Display is for people.
type Code struct{ System, Value, Display string }

// Key is the identity of a code as one string, "system|value".
func (c Code) Key() string { return c.System + "|" + c.Value }

// Is reports whether both codes have the same system and value.
func (c Code) Is(o Code) bool { return c.System == o.System && c.Value == o.Value }

// Zero reports whether the code is empty (unknown).
func (c Code) Zero() bool { return c.System == "" && c.Value == "" }

// Code systems by their canonical FHIR URLs, and Ember's own for concepts that
// have no code anywhere.
const (
	SNOMED  = "http://snomed.info/sct"
	LOINC   = "http://loinc.org"
	RxNorm  = "http://www.nlm.nih.gov/research/umls/rxnorm"
	ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
	ICD9CM  = "http://hl7.org/fhir/sid/icd-9-cm"
	CVX     = "http://hl7.org/fhir/sid/cvx"
	UCUM    = "http://unitsofmeasure.org"
	// Ingredient is Ember's own system for drug concepts that have no RxNorm
	// ingredient code: a normalised name, or names joined by " / ".
	Ingredient = "urn:ember:ingredient"
	// Text is Ember's own system for concepts known by their words only: the
	// value is the normalised text.
	Text = "urn:ember:text"
)

// Kind says what sort of fact an event is. The zero Kind is invalid.
type Kind uint8

// The kinds of events.
const (
	// Condition is a disorder or diagnosis.
	Condition Kind = iota + 1
	// Finding is something observed that is neither a disorder nor a
	// requested test: vital signs, symptoms, social history, situations.
	Finding
	// Medication is a drug ordered, given, dispensed or reported.
	Medication
	// Procedure is a therapeutic procedure.
	Procedure
	// Test is a laboratory, imaging or diagnostic examination, ordered or resulted.
	Test
	// Allergy is an allergy or intolerance.
	Allergy
	// Immunization is a vaccination.
	Immunization
	// FamilyHistory is a condition of a relative.
	FamilyHistory
	// Plan is a care plan.
	Plan
	kindEnd
)

var kindNames = [...]string{"invalid", "condition", "finding", "medication", "procedure", "test", "allergy", "immunization", "family-history", "plan"}

// String is the kind's name in lower case, "invalid" for anything else.
func (k Kind) String() string {
	if k >= kindEnd {
		return kindNames[0]
	}
	return kindNames[k]
}

// ParseKind is the inverse of String; ok is false for an unknown name.
func ParseKind(s string) (k Kind, ok bool) {
	for i := Condition; i < kindEnd; i++ {
		if kindNames[i] == s {
			return i, true
		}
	}
	return 0, false
}

// Mode says in which way a fact came about. The zero Mode is unknown.
type Mode uint8

// The modes of events.
const (
	// Ordered: somebody asked for it (MedicationRequest, ServiceRequest).
	Ordered Mode = iota + 1
	// Done: it happened (Procedure, MedicationAdministration, a result).
	Done
	// Stated: somebody said so (MedicationStatement, a problem list).
	Stated
)

// Status says whether a fact holds as of export: the status of an order, the
// clinical status of a condition or an allergy. The zero Status is unknown.
type Status uint8

// The statuses of events.
const (
	// Active: it holds (active; recurrence and relapse of conditions).
	Active Status = iota + 1
	// Ended: it no longer holds, whenever that came about (completed, stopped,
	// inactive, remission, resolved).
	Ended
	// OnHold: interrupted, to be resumed.
	OnHold
)

// Severity grades allergies. The zero Severity is unknown.
type Severity uint8

// The severities, least first.
const (
	Low Severity = iota + 1
	Moderate
	High
)

// String is the severity in lower case, "unknown" for zero.
func (s Severity) String() string {
	switch s {
	case Low:
		return "low"
	case Moderate:
		return "moderate"
	case High:
		return "high"
	}
	return "unknown"
}

// Event is one dated fact about a patient.
type Event struct {
	Kind      Kind
	Mode      Mode
	Concept   Code      // what it is counted as: ingredient, LOINC code, diagnosis; never zero
	Codes     []Code    // all codings as found, best first; shared, do not modify
	Text      string    // what the source said
	Known     time.Time // when it was recorded or issued: what Before cuts by; zero = undated
	Start     time.Time // when it began to be true; zero = unknown
	End       time.Time // when it ceased to be true; zero = unknown
	Days      int       // days the order supplies; 0 = unknown
	Value     float64   // meaningful when HasValue
	HasValue  bool
	Unit      string   // UCUM
	Answer    Code     // coded result (valueCodeableConcept); zero = none
	Reason    []string // references to what it was done for, "Condition/123"
	Encounter string   // reference of the encounter, "" = unknown
	Severity  Severity // allergies
	// Cancelled: the order was revoked, cancelled or never more than a draft
	// as of export. It is no label. A Past never shows it.
	Cancelled bool
	// Status is how things stand now. It has no date, so only [Timeline.Live]
	// shows it; it is for safety rules and never a feature: the past that a
	// model learns from has none.
	Status Status
	// Home: ordered for use at home (discharge, community, outpatient, or with
	// refills), so that it does not end with a hospital stay.
	Home   bool
	Source string // "Observation/123"; "Observation/123#1" for a component
}

// Encounter is one contact with the hospital.
type Encounter struct {
	ID         string // reference, "Encounter/123"
	Class      string // v3 ActCode: AMB, IMP, EMER, ACUTE, …
	Type       Code
	Start, End time.Time // zero = unknown
	Reason     []Code    // reasonCode, text-only ones in system Text
	Site       string    // reference of the service provider, "" = unknown
}

// Stay reports whether the encounter is a hospital stay (IMP, ACUTE, NONAC,
// EMER, OBSENC, SS) rather than an ambulatory visit.
func (e Encounter) Stay() bool {
	switch e.Class {
	case "IMP", "ACUTE", "NONAC", "EMER", "OBSENC", "SS":
		return true
	}
	return false
}

// Sex is the administrative sex. The zero Sex is unknown.
type Sex uint8

// The sexes as FHIR's administrative-gender has them.
const (
	Female Sex = iota + 1
	Male
	Other
)

// String is FHIR's administrative-gender code.
func (s Sex) String() string {
	switch s {
	case Female:
		return "female"
	case Male:
		return "male"
	case Other:
		return "other"
	}
	return "unknown"
}

// Person is who a timeline is about.
type Person struct {
	ID        string // logical id, without "Patient/"
	Sex       Sex
	Born      Date // zero = unknown
	Dead      bool
	Died      time.Time // zero = unknown or alive
	Race      string    // code of the us-core race category, "" = unknown
	Ethnicity string    // code of the us-core ethnicity category, "" = unknown
	// ReplacedBy is the id of the record that replaces this one (Patient.link
	// replaced-by); "" = none.
	ReplacedBy string
	// OptOut: a Consent refuses use beyond the patient's own care. Such
	// patients are not in training, similar patients or cohorts.
	OptOut bool
}
