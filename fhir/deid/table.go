package deid

// ruleTable says what of a resource may be told: all that is not named here is left
// out, among it every text, name, identifier, extension, contained resource, attachment
// and note. A line without a blank before it names a type of resource or, in lower
// case, of element; the others have the path of an element and its rule, which is one
// of those in kinds or a type of element.
//
// Sources: 45 CFR 164.514(b)(2)(i)(A) to (R) for what must go; hl7.org/fhir/R4 for
// names and types of elements.
const ruleTable = `
concept
 coding coding
period
 start date
 end date
range
 low quantity
 high quantity
ages
 low age
 high age
ratio
 numerator quantity
 denominator quantity
timing
 event date
 repeat.boundsDuration quantity
 repeat.boundsRange range
 repeat.boundsPeriod period
 repeat.count number
 repeat.countMax number
 repeat.duration number
 repeat.durationMax number
 repeat.durationUnit word
 repeat.frequency number
 repeat.frequencyMax number
 repeat.period number
 repeat.periodMax number
 repeat.periodUnit word
 repeat.dayOfWeek word
 repeat.when word
 repeat.offset number
 code concept
dosage
 sequence number
 timing timing
 asNeededBoolean flag
 asNeededCodeableConcept concept
 site concept
 route concept
 method concept
 doseAndRate.type concept
 doseAndRate.doseRange range
 doseAndRate.doseQuantity quantity
 doseAndRate.rateRatio ratio
 doseAndRate.rateRange range
 doseAndRate.rateQuantity quantity
 maxDosePerPeriod ratio
 maxDosePerAdministration quantity
 maxDosePerLifetime quantity
money
 value number
 currency word
AdverseEvent
 actuality word
 category concept
 event concept
 subject ref
 encounter ref
 date date
 detected date
 recordedDate date
 seriousness concept
 severity concept
 outcome concept
 suspectEntity.instance ref
AllergyIntolerance
 clinicalStatus concept
 verificationStatus concept
 type word
 category word
 criticality word
 code concept
 patient ref
 encounter ref
 onsetDateTime date
 onsetAge age
 onsetPeriod period
 onsetRange ages
 recordedDate date
 lastOccurrence date
 reaction.substance concept
 reaction.manifestation concept
 reaction.onset date
 reaction.severity word
 reaction.exposureRoute concept
Appointment
 status word
 serviceCategory concept
 serviceType concept
 specialty concept
 appointmentType concept
 reasonCode concept
 start instant
 end instant
 minutesDuration number
 participant.type concept
 participant.actor ref
 participant.required word
 participant.status word
CarePlan
 status word
 intent word
 category concept
 subject ref
 encounter ref
 period period
 created date
 addresses ref
 goal ref
 activity.detail.kind word
 activity.detail.code concept
 activity.detail.status word
 activity.detail.scheduledPeriod period
 activity.reference ref
 partOf ref
 basedOn ref
CareTeam
 status word
 category concept
 subject ref
 encounter ref
 period period
 participant.role concept
 participant.member ref
 participant.period period
 reasonCode concept
Claim
 status word
 type concept
 use word
 patient ref
 billablePeriod period
 created date
 priority concept
 diagnosis.sequence number
 diagnosis.diagnosisCodeableConcept concept
 diagnosis.diagnosisReference ref
 procedure.sequence number
 procedure.date date
 procedure.procedureCodeableConcept concept
 procedure.procedureReference ref
 item.sequence number
 item.productOrService concept
 item.servicedDate date
 item.servicedPeriod period
 item.quantity quantity
 item.encounter ref
 item.net money
 total money
Condition
 clinicalStatus concept
 verificationStatus concept
 category concept
 severity concept
 code concept
 bodySite concept
 subject ref
 encounter ref
 onsetDateTime date
 onsetAge age
 onsetPeriod period
 onsetRange ages
 abatementDateTime date
 abatementAge age
 abatementPeriod period
 abatementRange ages
 recordedDate date
 stage.summary concept
 stage.type concept
 evidence.code concept
 evidence.detail ref
Device
 status word
 type concept
 patient ref
DiagnosticReport
 status word
 category concept
 code concept
 subject ref
 encounter ref
 effectiveDateTime date
 effectivePeriod period
 issued instant
 result ref
 specimen ref
 imagingStudy ref
 conclusionCode concept
 basedOn ref
DocumentReference
 status word
 docStatus word
 type concept
 category concept
 subject ref
 date instant
 context.encounter ref
 context.period period
 context.practiceSetting concept
 context.facilityType concept
Encounter
 status word
 class coding
 classHistory.class coding
 classHistory.period period
 statusHistory.status word
 statusHistory.period period
 type concept
 serviceType concept
 priority concept
 subject ref
 basedOn ref
 period period
 length quantity
 reasonCode concept
 reasonReference ref
 diagnosis.condition ref
 diagnosis.use concept
 diagnosis.rank number
 hospitalization.admitSource concept
 hospitalization.reAdmission concept
 hospitalization.dietPreference concept
 hospitalization.dischargeDisposition concept
 serviceProvider ref
 participant.type concept
 participant.period period
 participant.individual ref
 location.location ref
 location.status word
 location.period period
 partOf ref
EpisodeOfCare
 status word
 type concept
 patient ref
 managingOrganization ref
 period period
 diagnosis.condition ref
 diagnosis.role concept
 diagnosis.rank number
ExplanationOfBenefit
 status word
 type concept
 use word
 patient ref
 billablePeriod period
 created date
 outcome word
 claim ref
 diagnosis.sequence number
 diagnosis.diagnosisCodeableConcept concept
 diagnosis.diagnosisReference ref
 diagnosis.type concept
 procedure.sequence number
 procedure.date date
 procedure.procedureCodeableConcept concept
 item.sequence number
 item.category concept
 item.productOrService concept
 item.servicedDate date
 item.servicedPeriod period
 item.quantity quantity
 item.encounter ref
 item.net money
 item.adjudication.category concept
 item.adjudication.amount money
 item.adjudication.value number
 total.category concept
 total.amount money
 payment.amount money
FamilyMemberHistory
 status word
 patient ref
 date date
 relationship concept
 sex concept
 ageAge age
 deceasedBoolean flag
 deceasedAge age
 condition.code concept
 condition.outcome concept
 condition.contributedToDeath flag
 condition.onsetAge age
Flag
 status word
 category concept
 code concept
 subject ref
 encounter ref
 period period
Goal
 lifecycleStatus word
 achievementStatus concept
 category concept
 priority concept
 description concept
 subject ref
 startDate date
 startCodeableConcept concept
 target.measure concept
 target.detailQuantity quantity
 target.detailRange range
 target.detailCodeableConcept concept
 target.dueDate date
 statusDate date
 addresses ref
ImagingStudy
 status word
 modality coding
 subject ref
 encounter ref
 started date
 basedOn ref
 numberOfSeries number
 numberOfInstances number
 procedureCode concept
 reasonCode concept
 series.number number
 series.modality coding
 series.numberOfInstances number
 series.bodySite coding
 series.laterality coding
 series.started date
Immunization
 status word
 statusReason concept
 vaccineCode concept
 patient ref
 encounter ref
 occurrenceDateTime date
 recorded date
 primarySource flag
 site concept
 route concept
 doseQuantity quantity
 isSubpotent flag
 reasonCode concept
 reaction.date date
 reaction.detail ref
 protocolApplied.targetDisease concept
 protocolApplied.doseNumberPositiveInt number
 protocolApplied.seriesDosesPositiveInt number
Location
 status word
 mode word
 type concept
 physicalType concept
 managingOrganization ref
Medication
 status word
 code concept
 form concept
 amount ratio
 ingredient.itemCodeableConcept concept
 ingredient.itemReference ref
 ingredient.isActive flag
 ingredient.strength ratio
MedicationAdministration
 status word
 statusReason concept
 category concept
 medicationCodeableConcept concept
 medicationReference ref
 subject ref
 context ref
 effectiveDateTime date
 effectivePeriod period
 reasonCode concept
 reasonReference ref
 request ref
 dosage.site concept
 dosage.route concept
 dosage.method concept
 dosage.dose quantity
 dosage.rateRatio ratio
 dosage.rateQuantity quantity
MedicationDispense
 status word
 category concept
 medicationCodeableConcept concept
 medicationReference ref
 subject ref
 context ref
 authorizingPrescription ref
 type concept
 quantity quantity
 daysSupply quantity
 whenPrepared date
 whenHandedOver date
 dosageInstruction dosage
MedicationRequest
 status word
 statusReason concept
 intent word
 category concept
 priority word
 doNotPerform flag
 reportedBoolean flag
 medicationCodeableConcept concept
 medicationReference ref
 subject ref
 encounter ref
 authoredOn date
 requester ref
 reasonCode concept
 reasonReference ref
 basedOn ref
 courseOfTherapyType concept
 dosageInstruction dosage
 dispenseRequest.validityPeriod period
 dispenseRequest.numberOfRepeatsAllowed number
 dispenseRequest.quantity quantity
 dispenseRequest.expectedSupplyDuration quantity
 substitution.allowedBoolean flag
 substitution.reason concept
 priorPrescription ref
MedicationStatement
 status word
 statusReason concept
 category concept
 medicationCodeableConcept concept
 medicationReference ref
 subject ref
 context ref
 effectiveDateTime date
 effectivePeriod period
 dateAsserted date
 reasonCode concept
 reasonReference ref
 dosage dosage
NutritionOrder
 status word
 intent word
 patient ref
 encounter ref
 dateTime date
 oralDiet.type concept
Observation
 status word
 category concept
 code concept
 subject ref
 focus ref
 encounter ref
 effectiveDateTime date
 effectivePeriod period
 effectiveInstant instant
 effectiveTiming timing
 issued instant
 basedOn ref
 partOf ref
 valueQuantity quantity
 valueCodeableConcept concept
 valueBoolean flag
 valueInteger number
 valueRange range
 valueRatio ratio
 valueDateTime date
 valuePeriod period
 dataAbsentReason concept
 interpretation concept
 bodySite concept
 method concept
 specimen ref
 referenceRange.low quantity
 referenceRange.high quantity
 referenceRange.type concept
 referenceRange.appliesTo concept
 referenceRange.age ages
 hasMember ref
 derivedFrom ref
 component.code concept
 component.valueQuantity quantity
 component.valueCodeableConcept concept
 component.valueBoolean flag
 component.valueInteger number
 component.valueRange range
 component.valueRatio ratio
 component.valueDateTime date
 component.valuePeriod period
 component.dataAbsentReason concept
 component.interpretation concept
Organization
 active flag
 type concept
 partOf ref
Patient
 active flag
 gender word
 birthDate birth
 deceasedBoolean flag
 deceasedDateTime date
 address address
 maritalStatus concept
 communication.language concept
 communication.preferred flag
 generalPractitioner ref
 managingOrganization ref
 link.other ref
 link.type word
Practitioner
 active flag
PractitionerRole
 active flag
 practitioner ref
 organization ref
 code concept
 specialty concept
 location ref
Procedure
 status word
 statusReason concept
 category concept
 code concept
 subject ref
 encounter ref
 performedDateTime date
 performedPeriod period
 performedAge age
 performer.function concept
 performer.actor ref
 location ref
 reasonCode concept
 reasonReference ref
 bodySite concept
 outcome concept
 report ref
 complication concept
 followUp concept
 basedOn ref
 partOf ref
 usedCode concept
Provenance
 target ref
 occurredDateTime date
 occurredPeriod period
 recorded instant
 activity concept
 agent.type concept
 agent.who ref
RiskAssessment
 status word
 method concept
 code concept
 subject ref
 encounter ref
 occurrenceDateTime date
 occurrencePeriod period
 condition ref
 basis ref
 prediction.outcome concept
 prediction.probabilityDecimal number
 prediction.probabilityRange range
 prediction.qualitativeRisk concept
 prediction.relativeRisk number
 prediction.whenPeriod period
ServiceRequest
 status word
 intent word
 category concept
 priority word
 doNotPerform flag
 code concept
 orderDetail concept
 quantityQuantity quantity
 subject ref
 encounter ref
 occurrenceDateTime date
 occurrencePeriod period
 occurrenceTiming timing
 asNeededBoolean flag
 authoredOn date
 requester ref
 performerType concept
 performer ref
 reasonCode concept
 reasonReference ref
 specimen ref
 bodySite concept
 basedOn ref
Specimen
 status word
 type concept
 subject ref
 receivedTime date
 parent ref
 request ref
 collection.collectedDateTime date
 collection.collectedPeriod period
 collection.duration quantity
 collection.quantity quantity
 collection.method concept
 collection.bodySite concept
 condition concept
`

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
