package fhir

import (
	"regexp"
	"strings"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"ember/record"
)

// Order is an order that Ember drafts: a MedicationRequest for drugs, else a
// ServiceRequest. Empty fields are left out.
type Order struct {
	ID        string
	Kind      record.Kind
	Code      record.Code
	Subject   string // references, as the reader of the draft can follow them
	Encounter string
	Requester string
	Authored  time.Time
	// Dosage is the dosage instruction in words, and Note where it comes from.
	Dosage, Note string
	// Group is the recommendation that the draft is part of.
	Group string
	// Support are what it rests on, Issues what the safety rules say about it.
	Support, Issues []string
}

// RecommendationSystem is the namespace of the ids of recommendations: the "id" of the
// REST answer, and of what is responded to.
const RecommendationSystem = "urn:ember:recommendation"

// DraftOrder is the order as FHIR R4 has it: a draft that only has to be signed.
func DraftOrder(o Order) ([]byte, error) {
	return Encode(o.resource())
}

func (o Order) resource() any {
	subject, code, authored := refTo(o.Subject), codeableOf(o.Code), o.Authored.UTC().Format(time.RFC3339)
	var notes []fhir.Annotation
	if o.Note != "" {
		notes = []fhir.Annotation{{Text: o.Note}}
	}
	if o.Kind == record.Medication {
		m := fhir.MedicationRequest{Id: some(o.ID), Status: "draft", Intent: "order", MedicationCodeableConcept: *code, Subject: *subject,
			Encounter: refTo(o.Encounter), Requester: refTo(o.Requester), AuthoredOn: &authored, Note: notes,
			GroupIdentifier: recommended(o.Group), SupportingInformation: refsTo(o.Support), DetectedIssue: refsTo(o.Issues)}
		if o.Dosage != "" {
			m.DosageInstruction = []fhir.Dosage{{Text: &o.Dosage}}
		}
		return m
	}
	return fhir.ServiceRequest{Id: some(o.ID), Status: fhir.RequestStatusDraft, Intent: fhir.RequestIntentOrder, Code: code, Subject: *subject,
		Encounter: refTo(o.Encounter), Requester: refTo(o.Requester), AuthoredOn: &authored, Note: notes,
		Requisition: recommended(o.Group), SupportingInfo: refsTo(append(append([]string{}, o.Support...), o.Issues...))}
}

// some is a pointer to a text, nil for none.
func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func recommended(id string) *fhir.Identifier { return identifier(RecommendationSystem, id) }

func identifier(system, value string) *fhir.Identifier {
	if value == "" {
		return nil
	}
	return &fhir.Identifier{System: &system, Value: &value}
}

func refTo(ref string) *fhir.Reference {
	if ref == "" {
		return nil
	}
	return &fhir.Reference{Reference: &ref}
}

func refsTo(refs []string) []fhir.Reference {
	var all []fhir.Reference
	for _, ref := range refs {
		all = append(all, *refTo(ref))
	}
	return all
}

// codeFormat is what a code of FHIR looks like.
var codeFormat = regexp.MustCompile(`^[^\s]+( [^\s]+)*$`)

// codeableOf is a code with its words. Words of our own are no codes of others, and a
// site's code that FHIR could not hold stays text.
func codeableOf(c record.Code) *fhir.CodeableConcept {
	out := &fhir.CodeableConcept{Text: some(nameOf(c))}
	if strings.HasPrefix(c.System, "urn:ember:") || !strings.Contains(c.System, ":") || strings.ContainsAny(c.System, " \t\n") || !codeFormat.MatchString(c.Value) {
		return out
	}
	out.Coding = []fhir.Coding{{System: &c.System, Code: &c.Value, Display: some(c.Display)}}
	return out
}

// nameOf is what a code is called: its display, else itself.
func nameOf(c record.Code) string {
	if c.Display != "" {
		return c.Display
	}
	return c.Value
}

func concept(system, code, display string) *fhir.CodeableConcept {
	return &fhir.CodeableConcept{Coding: []fhir.Coding{{System: &system, Code: &code, Display: some(display)}}}
}

func words(text string) *fhir.CodeableConcept { return &fhir.CodeableConcept{Text: &text} }
