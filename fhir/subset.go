package fhir

import (
	"slices"
	"strings"
)

// subsetTag marks a resource that is not whole.
const subsetTag = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

// notSummary are elements of R4 that are not in the summary of their type, beside
// those that are in nobody's.
var notSummary = map[string]string{
	"AllergyIntolerance":       "onset lastOccurrence reaction category",
	"CarePlan":                 "activity supportingInfo goal",
	"CareTeam":                 "reasonCode telecom",
	"Claim":                    "item diagnosis procedure supportingInfo careTeam total accident related prescription payee",
	"Condition":                "stage abatement",
	"Coverage":                 "costToBeneficiary",
	"Device":                   "udiCarrier statusReason deviceName property",
	"DiagnosticReport":         "imagingStudy presentedForm conclusionCode conclusion",
	"DocumentReference":        "",
	"Encounter":                "statusHistory classHistory length hospitalization location account serviceProvider partOf",
	"ExplanationOfBenefit":     "item diagnosis procedure supportingInfo careTeam addItem adjudication payment benefitBalance total",
	"Immunization":             "statusReason lotNumber expirationDate site route doseQuantity fundingSource programEligibility reaction protocolApplied education",
	"MedicationAdministration": "dosage eventHistory device reasonCode reasonReference",
	"MedicationRequest":        "dosageInstruction dispenseRequest substitution priorPrescription detectedIssue eventHistory reasonCode reasonReference supportingInformation",
	"MedicationStatement":      "dosage reasonReference derivedFrom",
	"Observation":              "dataAbsentReason interpretation bodySite method specimen device referenceRange",
	"Patient":                  "contact communication photo maritalStatus multipleBirth generalPractitioner",
	"Practitioner":             "qualification communication photo birthDate",
	"Procedure":                "report followUp focalDevice usedReference usedCode complicationDetail",
	"Provenance":               "policy location activity signature",
	"ServiceRequest":           "insurance supportingInfo relevantHistory",
}

// neverSummary are elements that are in no summary.
const neverSummary = "text contained extension note"

// Elements is a resource with the elements that were asked for, and what every
// resource must have; it says that it is not whole.
func Elements(raw []byte, names []string) []byte {
	return subset(raw, func(_, name string) bool { return slices.Contains(names, name) })
}

// Summarized is a resource as _summary has it: "text", "data" (without text) or
// "true", the elements that tell what it is.
func Summarized(raw []byte, which string) []byte {
	switch which {
	case "text":
		return subset(raw, func(_, name string) bool { return name == "text" })
	case "data":
		return subset(raw, func(_, name string) bool { return name != "text" })
	}
	return subset(raw, func(typ, name string) bool {
		return !among(neverSummary, name) && !among(notSummary[typ], name)
	})
}

// among reports whether one of the words is the name, or its beginning where the
// name is that of a choice ("onset" of "onsetDateTime").
func among(words, name string) bool {
	for w := range strings.FieldsSeq(words) {
		if rest, ok := strings.CutPrefix(name, w); ok && (rest == "" || rest[0] >= 'A' && rest[0] <= 'Z' && (w == "onset" || w == "abatement" || w == "multipleBirth")) {
			return true
		}
	}
	return false
}

// mandatory elements stay in every subset: R4 has them as 1..1 in most types.
const mandatory = "resourceType id meta status code subject patient intent class type"

// subset keeps the members of a resource that keep names.
func subset(raw []byte, keep func(typ, name string) bool) []byte {
	typ := field(raw, "resourceType")
	out := make([]byte, 0, len(raw)+len(subsetTag)+20)
	out = append(out, '{')
	tagged := false
	c := cursor{b: raw}
	for k := c.open(); k != nil; k = c.next() {
		name := strings.TrimPrefix(string(k), "_")
		value := c.raw()
		if !among(mandatory, name) && !keep(typ, name) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), appendQuoted(nil, string(k))...), '"', ':')
		if string(k) == "meta" && len(value) > 0 && value[0] == '{' {
			out, tagged = tagSubset(out, value), true
			continue
		}
		out = append(out, value...)
	}
	if !tagged {
		out = append(append(append(out, `,"meta":{"tag":[`...), subsetTag...), "]}"...)
	}
	return append(out, '}')
}

// tagSubset appends meta with the tag.
func tagSubset(out, meta []byte) []byte {
	c := cursor{b: meta}
	out = append(out, '{')
	tagged := false
	for k := c.open(); k != nil; k = c.next() {
		value := c.raw()
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), appendQuoted(nil, string(k))...), '"', ':')
		if string(k) == "tag" && len(value) > 0 && value[0] == '[' {
			tagged = true
			rest := value[skipSpace(value, 1):]
			out = append(append(out, '['), subsetTag...)
			if rest[0] != ']' {
				out = append(out, ',')
			}
			out = append(out, rest...)
			continue
		}
		out = append(out, value...)
	}
	if !tagged {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = append(append(append(out, `"tag":[`...), subsetTag...), ']')
	}
	return append(out, '}')
}
