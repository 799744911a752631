package deid

import _ "embed"

// ruleTable says what of a resource may be told: all that is not named here is left
// out, among it every text, name, identifier, extension, contained resource, attachment
// and note. A line without a blank before it names a type of resource or, in lower
// case, of element; the others have the path of an element and its rule, which is one
// of those in kinds or a type of element.
//
// Sources: 45 CFR 164.514(b)(2)(i)(A) to (R) for what must go; hl7.org/fhir/R4 for
// names and types of elements.
//
//go:embed rules.txt
var ruleTable string

// words are the codes that the rule word keeps: those of the required value sets of R4
// for the elements above (hl7.org/fhir/R4/terminologies-valuesets.html), days of the
// week, events of a day, units of time, and currencies that are common.
const words = ` active inactive entered-in-error unknown stopped completed cancelled on-hold draft final preliminary registered amended
 corrected appended partial planned arrived triaged in-progress onleave finished not-done preparation aborted recorded suspended
 intended not-taken declined accepted proposed rejected on-schedule ahead-of-schedule
 behind-schedule current superseded available unavailable unsatisfactory waitlist pending booked fulfilled noshow checked-in
 needs-action tentative required optional information-only reserved revoked scheduled
 actual potential allergy intolerance food medication environment biologic low high unable-to-assess mild moderate severe
 male female other replaced-by replaces refer seealso proposal plan directive order original-order reflex-order filler-order
 instance-order option routine urgent asap stat claim preauthorization predetermination queued complete error
 instance kind Appointment CommunicationRequest DeviceRequest MedicationRequest NutritionOrder
 ServiceRequest Task VisionPrescription
 mon tue wed thu fri sat sun s min h d wk mo a MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT
 PHS HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV < <= >= > USD EUR GBP CHF CAD AUD JPY `

// systems are code systems of which codes are told: public ones, none of which names
// persons, by their beginnings where these end in / and whole otherwise.
const systems = `
http://loinc.org
http://snomed.info/sct
http://www.nlm.nih.gov/research/umls/rxnorm
http://fdasis.nlm.nih.gov
http://www.whocc.no/atc
http://unitsofmeasure.org
http://www.ama-assn.org/go/cpt
http://www.cms.gov/Medicare/Coding/ICD10
http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets
https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets
https://www.cms.gov/Medicare/Coding/MedHCPCSGenInfo
http://nucc.org/provider-taxonomy
http://dicom.nema.org/resources/ontology/DCM
http://hl7.org/fhir/sid/icd-10
http://hl7.org/fhir/sid/icd-10-cm
http://hl7.org/fhir/sid/icd-9-cm
http://hl7.org/fhir/sid/cvx
http://hl7.org/fhir/sid/mvx
http://hl7.org/fhir/sid/ndc
http://hl7.org/fhir/ndfrt
http://terminology.hl7.org/CodeSystem/
http://hl7.org/fhir/us/core/CodeSystem/
urn:oid:2.16.840.1.113883.6.238
urn:ietf:bcp:47
urn:iso:std:iso:3166
`

// units are units in words that are told where no code of UCUM is there.
const units = " mg/dL g/dL mmol/L umol/L nmol/L pmol/L mEq/L U/L IU/L ng/mL pg/mL ug/mL ug/dL % mm[Hg] mmHg kg g mg ug cm m mm L mL {score} bpm /min 1/min C Cel degC kg/m2 10*3/uL 10*6/uL fL pg s min h d wk mo a years year months days "
