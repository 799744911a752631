package fhir

// paramTable are the search parameters of R4 (hl7.org/fhir/R4/searchparameter-registry.html)
// for the types of clinical and administrative care. A line without a blank before
// it names a type; the others have the parameter's name, its type by its first
// letter (t token, d date, s string, r reference, q quantity, n number, u uri, c composite), the
// elements it looks at, and the types that a reference may point to.
//
// A name with * is the date that the resources of the type are ordered by; one with
// ! has lists of its own, which is worth it where a value picks out few resources.
// A composite (c) has the elements that hold its parts, . for the resource itself, and each
// part as name=type:elements.
//
// An element in brackets is taken only where its other element has that value.
const paramTable = `
AllergyIntolerance
 asserter r asserter Patient,RelatedPerson,Practitioner,PractitionerRole
 category t category
 clinical-status t clinicalStatus
 code! t code,reaction.substance
 criticality t criticality
 date* d recordedDate
 identifier! t identifier
 last-date d lastOccurrence
 manifestation t reaction.manifestation
 onset d reaction.onset
 patient r patient Patient
 recorder r recorder Practitioner,PractitionerRole,Patient,RelatedPerson
 route t reaction.exposureRoute
 severity t reaction.severity
 type t type
 verification-status t verificationStatus
Appointment
 actor r participant.actor Patient,Practitioner,PractitionerRole,RelatedPerson,Device,HealthcareService,Location
 appointment-type t appointmentType
 based-on r basedOn ServiceRequest
 date* d start
 identifier! t identifier
 location r participant.actor Location
 part-status t participant.status
 patient r participant.actor Patient
 practitioner r participant.actor Practitioner
 reason-code t reasonCode
 reason-reference r reasonReference Condition,Procedure,Observation,ImmunizationRecommendation
 service-category t serviceCategory
 service-type t serviceType
 slot r slot Slot
 specialty t specialty
 status t status
 supporting-info r supportingInformation *
Basic
 author r author Practitioner,Patient,PractitionerRole,Organization,RelatedPerson
 code t code
 created* d created
 identifier! t identifier
 patient r subject Patient
 subject r subject *
CarePlan
 activity-code t activity.detail.code
 activity-date d activity.detail.scheduledTiming,activity.detail.scheduledPeriod,activity.detail.scheduledString
 activity-reference r activity.reference *
 based-on r basedOn CarePlan
 care-team r careTeam CareTeam
 category t category
 condition r addresses Condition
 date* d period
 encounter r encounter Encounter
 goal r goal Goal
 identifier! t identifier
 instantiates-canonical u instantiatesCanonical
 instantiates-uri u instantiatesUri
 intent t intent
 part-of r partOf CarePlan
 patient r subject Patient
 performer r activity.detail.performer Practitioner,PractitionerRole,Organization,RelatedPerson,Patient,CareTeam,HealthcareService,Device
 replaces r replaces CarePlan
 status t status
 subject r subject Patient,Group
CareTeam
 category t category
 date* d period
 encounter r encounter Encounter
 identifier! t identifier
 participant r participant.member Practitioner,PractitionerRole,RelatedPerson,Patient,Organization,CareTeam
 patient r subject Patient
 status t status
 subject r subject Patient,Group
Claim
 care-team r careTeam.provider Practitioner,PractitionerRole,Organization
 created* d created
 detail-udi r item.detail.udi Device
 encounter r item.encounter Encounter
 enterer r enterer Practitioner,PractitionerRole
 facility r facility Location
 identifier! t identifier
 insurer r insurer Organization
 item-udi r item.udi Device
 patient r patient Patient
 payee r payee.party Practitioner,PractitionerRole,Organization,Patient,RelatedPerson
 priority t priority
 procedure-udi r procedure.udi Device
 provider r provider Practitioner,PractitionerRole,Organization
 status t status
 subdetail-udi r item.detail.subDetail.udi Device
 use t use
Composition
 attester r attester.party Patient,RelatedPerson,Practitioner,PractitionerRole,Organization
 author r author Practitioner,PractitionerRole,Device,Patient,RelatedPerson,Organization
 category t category
 confidentiality t confidentiality
 context t event.code
 date* d date
 encounter r encounter Encounter
 entry r section.entry *
 identifier! t identifier
 patient r subject Patient
 period d event.period
 related-id t relatesTo.targetIdentifier
 related-ref r relatesTo.targetReference Composition
 section t section.code
 status t status
 subject r subject *
 title s title
 type! t type
Condition
 abatement-age q abatementAge,abatementRange
 abatement-date d abatementDateTime,abatementPeriod
 abatement-string s abatementString
 asserter r asserter Practitioner,PractitionerRole,Patient,RelatedPerson
 body-site t bodySite
 category t category
 clinical-status t clinicalStatus
 code! t code
 encounter r encounter Encounter
 evidence t evidence.code
 evidence-detail r evidence.detail *
 identifier! t identifier
 onset-age q onsetAge,onsetRange
 onset-date d onsetDateTime,onsetPeriod
 onset-info s onsetString
 patient r subject Patient
 recorded-date* d recordedDate
 severity t severity
 stage t stage.summary
 subject r subject Patient,Group
 verification-status t verificationStatus
Consent
 action t provision.action
 actor r provision.actor.reference Device,Group,CareTeam,Organization,Patient,Practitioner,RelatedPerson,PractitionerRole
 category t category
 consentor r performer Organization,Patient,Practitioner,RelatedPerson,PractitionerRole
 data r provision.data.reference *
 date* d dateTime
 identifier! t identifier
 organization r organization Organization
 patient r patient Patient
 period d provision.period
 purpose t provision.purpose
 scope t scope
 security-label t provision.securityLabel
 source-reference r sourceReference Consent,DocumentReference,Contract,QuestionnaireResponse
 status t status
Coverage
 beneficiary r beneficiary Patient
 class-type t class.type
 class-value s class.value
 dependent s dependent
 identifier! t identifier
 patient r beneficiary Patient
 payor r payor Organization,Patient,RelatedPerson
 policy-holder r policyHolder Patient,RelatedPerson,Organization
 status t status
 subscriber r subscriber Patient,RelatedPerson
 type t type
Device
 device-name s deviceName.name,type
 identifier! t identifier
 location r location Location
 manufacturer s manufacturer
 model s modelNumber
 organization r owner Organization
 patient r patient Patient
 status t status
 type t type
 udi-carrier s udiCarrier.carrierHRF
 udi-di s udiCarrier.deviceIdentifier
 url u url
DiagnosticReport
 based-on r basedOn CarePlan,ImmunizationRecommendation,MedicationRequest,NutritionOrder,ServiceRequest
 category t category
 code! t code
 conclusion t conclusionCode
 date* d effectiveDateTime,effectivePeriod
 encounter r encounter Encounter
 identifier! t identifier
 issued d issued
 media r media.link Media
 patient r subject Patient
 performer r performer Practitioner,PractitionerRole,Organization,CareTeam
 result r result Observation
 results-interpreter r resultsInterpreter Practitioner,PractitionerRole,Organization,CareTeam
 specimen r specimen Specimen
 status t status
 subject r subject Patient,Group,Device,Location
DocumentReference
 authenticator r authenticator Practitioner,PractitionerRole,Organization
 author r author Practitioner,PractitionerRole,Organization,Device,Patient,RelatedPerson
 category t category
 contenttype t content.attachment.contentType
 custodian r custodian Organization
 date* d date
 description s description
 encounter r context.encounter Encounter,EpisodeOfCare
 event t context.event
 facility t context.facilityType
 format t content.format
 identifier! t masterIdentifier,identifier
 language t content.attachment.language
 location u content.attachment.url
 patient r subject Patient
 period d context.period
 related r context.related *
 relatesto r relatesTo.target DocumentReference
 relation t relatesTo.code
 security-label t securityLabel
 setting t context.practiceSetting
 status t status
 subject r subject Patient,Practitioner,Group,Device
 type! t type
Encounter
 account r account Account
 appointment r appointment Appointment
 based-on r basedOn ServiceRequest
 class t class
 date* d period
 diagnosis r diagnosis.condition Condition,Procedure
 episode-of-care r episodeOfCare EpisodeOfCare
 identifier! t identifier
 length q length
 location r location.location Location
 location-period d location.period
 part-of r partOf Encounter
 participant r participant.individual Practitioner,PractitionerRole,RelatedPerson
 participant-type t participant.type
 patient r subject Patient
 practitioner r participant.individual Practitioner
 reason-code t reasonCode
 reason-reference r reasonReference Condition,Procedure,Observation,ImmunizationRecommendation
 service-provider r serviceProvider Organization
 special-arrangement t hospitalization.specialArrangement
 status t status
 subject r subject Patient,Group
 type t type
EpisodeOfCare
 care-manager r careManager Practitioner
 condition r diagnosis.condition Condition
 date* d period
 identifier! t identifier
 incoming-referral r referralRequest ServiceRequest
 organization r managingOrganization Organization
 patient r patient Patient
 status t status
 type t type
ExplanationOfBenefit
 care-team r careTeam.provider Practitioner,PractitionerRole,Organization
 claim r claim Claim
 coverage r insurance.coverage Coverage
 created* d created
 disposition s disposition
 encounter r item.encounter Encounter
 enterer r enterer Practitioner,PractitionerRole
 facility r facility Location
 identifier! t identifier
 patient r patient Patient
 payee r payee.party Practitioner,PractitionerRole,Organization,Patient,RelatedPerson
 provider r provider Practitioner,PractitionerRole,Organization
 status t status
FamilyMemberHistory
 code! t condition.code
 date* d date
 identifier! t identifier
 instantiates-canonical u instantiatesCanonical
 instantiates-uri u instantiatesUri
 patient r patient Patient
 relationship t relationship
 sex t sex
 status t status
Goal
 achievement-status t achievementStatus
 category t category
 identifier! t identifier
 lifecycle-status t lifecycleStatus
 patient r subject Patient
 start-date* d startDate
 subject r subject Patient,Group,Organization
 target-date d target.dueDate
Group
 actual t actual
 characteristic t characteristic.code
 code t code
 exclude t characteristic.exclude
 identifier! t identifier
 managing-entity r managingEntity Organization,RelatedPerson,Practitioner,PractitionerRole
 member r member.entity Patient,Practitioner,PractitionerRole,Device,Medication,Substance,Group
 type t type
 value t characteristic.valueCodeableConcept,characteristic.valueBoolean
GuidanceResponse
 identifier! t identifier
 patient r subject Patient
 request t requestIdentifier
 subject r subject Patient,Group
ImagingStudy
 basedon r basedOn CarePlan,ServiceRequest,Appointment,AppointmentResponse,Task
 bodysite t series.bodySite
 dicom-class t series.instance.sopClass
 encounter r encounter Encounter
 endpoint r endpoint,series.endpoint Endpoint
 identifier! t identifier
 instance t series.instance.uid
 interpreter r interpreter Practitioner,PractitionerRole
 modality t series.modality
 patient r subject Patient
 performer r series.performer.actor Practitioner,PractitionerRole,Organization,CareTeam,Patient,Device,RelatedPerson
 reason t reasonCode
 referrer r referrer Practitioner,PractitionerRole
 series t series.uid
 started* d started
 status t status
 subject r subject Patient,Device,Group
Immunization
 date* d occurrenceDateTime
 identifier! t identifier
 location r location Location
 lot-number s lotNumber
 manufacturer r manufacturer Organization
 patient r patient Patient
 performer r performer.actor Practitioner,PractitionerRole,Organization
 reaction r reaction.detail Observation
 reaction-date d reaction.date
 reason-code t reasonCode
 reason-reference r reasonReference Condition,Observation,DiagnosticReport
 series s protocolApplied.series
 status t status
 status-reason t statusReason
 target-disease t protocolApplied.targetDisease
 vaccine-code! t vaccineCode
Library
 content-type t content.contentType
 date* d date
 depends-on r relatedArtifact.resource *
 description s description
 effective d effectivePeriod
 identifier! t identifier
 jurisdiction t jurisdiction
 name s name
 publisher s publisher
 status t status
 title s title
 topic t topic
 type t type
 url u url
 version t version
List
 code t code
 date* d date
 empty-reason t emptyReason
 encounter r encounter Encounter
 identifier! t identifier
 item r entry.item *
 notes s note.text
 patient r subject Patient
 source r source Practitioner,PractitionerRole,Patient,Device
 status t status
 subject r subject Patient,Group,Device,Location
 title s title
Location
 address s address
 address-city s address.city
 address-country s address.country
 address-postalcode s address.postalCode
 address-state s address.state
 address-use t address.use
 endpoint r endpoint Endpoint
 identifier! t identifier
 name s name,alias
 operational-status t operationalStatus
 organization r managingOrganization Organization
 partof r partOf Location
 status t status
 type t type
Medication
 code! t code
 expiration-date d batch.expirationDate
 form t form
 identifier! t identifier
 ingredient r ingredient.itemReference Medication,Substance
 ingredient-code t ingredient.itemCodeableConcept
 lot-number t batch.lotNumber
 manufacturer r manufacturer Organization
 status t status
MedicationAdministration
 code! t medicationCodeableConcept
 context r context Encounter,EpisodeOfCare
 device r device Device
 effective-time* d effectiveDateTime,effectivePeriod
 identifier! t identifier
 medication r medicationReference Medication
 patient r subject Patient
 performer r performer.actor Practitioner,PractitionerRole,Patient,RelatedPerson,Device
 reason-given t reasonCode
 reason-not-given t statusReason
 request r request MedicationRequest
 status t status
 subject r subject Patient,Group
MedicationDispense
 code! t medicationCodeableConcept
 context r context Encounter,EpisodeOfCare
 destination r destination Location
 identifier! t identifier
 medication r medicationReference Medication
 patient r subject Patient
 performer r performer.actor Practitioner,PractitionerRole,Organization,Patient,Device,RelatedPerson
 prescription r authorizingPrescription MedicationRequest
 receiver r receiver Patient,Practitioner
 responsibleparty r substitution.responsibleParty Practitioner,PractitionerRole
 status t status
 subject r subject Patient,Group
 type t type
 whenhandedover* d whenHandedOver
 whenprepared d whenPrepared
MedicationRequest
 authoredon* d authoredOn
 category t category
 code! t medicationCodeableConcept
 date d dosageInstruction.timing.event
 encounter r encounter Encounter
 identifier! t identifier
 intended-dispenser r dispenseRequest.performer Organization
 intended-performer r performer Practitioner,PractitionerRole,Organization,Patient,Device,RelatedPerson,CareTeam
 intended-performertype t performerType
 intent t intent
 medication r medicationReference Medication
 patient r subject Patient
 priority t priority
 requester r requester Practitioner,PractitionerRole,Organization,Patient,RelatedPerson,Device
 status t status
 subject r subject Patient,Group
MedicationStatement
 category t category
 code! t medicationCodeableConcept
 context r context Encounter,EpisodeOfCare
 effective* d effectiveDateTime,effectivePeriod
 identifier! t identifier
 medication r medicationReference Medication
 part-of r partOf MedicationAdministration,MedicationDispense,MedicationStatement,Procedure,Observation
 patient r subject Patient
 source r informationSource Patient,Practitioner,PractitionerRole,RelatedPerson,Organization
 status t status
 subject r subject Patient,Group
Observation
 based-on r basedOn CarePlan,DeviceRequest,ImmunizationRecommendation,MedicationRequest,NutritionOrder,ServiceRequest
 category t category
 code! t code
 code-value-concept c . code=t:code value-concept=t:valueCodeableConcept
 code-value-date c . code=t:code value-date=d:valueDateTime,valuePeriod
 code-value-quantity c . code=t:code value-quantity=q:valueQuantity
 code-value-string c . code=t:code value-string=s:valueString
 combo-code t code,component.code
 combo-code-value-concept c .,component combo-code=t:code combo-value-concept=t:valueCodeableConcept
 combo-code-value-quantity c .,component combo-code=t:code combo-value-quantity=q:valueQuantity
 combo-data-absent-reason t dataAbsentReason,component.dataAbsentReason
 combo-value-concept t valueCodeableConcept,component.valueCodeableConcept
 combo-value-quantity q valueQuantity,component.valueQuantity
 component-code t component.code
 component-code-value-concept c component component-code=t:code component-value-concept=t:valueCodeableConcept
 component-code-value-quantity c component component-code=t:code component-value-quantity=q:valueQuantity
 component-data-absent-reason t component.dataAbsentReason
 component-value-concept t component.valueCodeableConcept
 component-value-quantity q component.valueQuantity
 data-absent-reason t dataAbsentReason
 date* d effectiveDateTime,effectivePeriod,effectiveTiming,effectiveInstant
 derived-from r derivedFrom DocumentReference,ImagingStudy,Media,QuestionnaireResponse,Observation,MolecularSequence
 device r device Device,DeviceMetric
 encounter r encounter Encounter
 focus r focus *
 has-member r hasMember Observation,QuestionnaireResponse,MolecularSequence
 identifier! t identifier
 method t method
 part-of r partOf MedicationAdministration,MedicationDispense,MedicationStatement,Procedure,Immunization,ImagingStudy
 patient r subject Patient
 performer r performer Practitioner,PractitionerRole,Organization,CareTeam,Patient,RelatedPerson
 specimen r specimen Specimen
 status t status
 subject r subject Patient,Group,Device,Location
 value-concept t valueCodeableConcept
 value-date d valueDateTime,valuePeriod
 value-quantity q valueQuantity
 value-string s valueString,valueCodeableConcept.text
OperationDefinition
 base r base OperationDefinition
 code t code
 date* d date
 description s description
 instance t instance
 jurisdiction t jurisdiction
 kind t kind
 name s name
 publisher s publisher
 status t status
 system t system
 title s title
 type t type
 url u url
 version t version
Organization
 active t active
 address s address
 address-city s address.city
 address-country s address.country
 address-postalcode s address.postalCode
 address-state s address.state
 address-use t address.use
 endpoint r endpoint Endpoint
 identifier! t identifier
 name s name,alias
 partof r partOf Organization
 type t type
Patient
 active t active
 address s address
 address-city s address.city
 address-country s address.country
 address-postalcode s address.postalCode
 address-state s address.state
 address-use t address.use
 birthdate* d birthDate
 death-date d deceasedDateTime
 deceased t deceasedBoolean,deceasedDateTime
 email t telecom[system=email]
 family s name.family
 gender t gender
 general-practitioner r generalPractitioner Practitioner,PractitionerRole,Organization
 given s name.given
 identifier! t identifier
 language t communication.language
 link r link.other Patient,RelatedPerson
 name s name
 organization r managingOrganization Organization
 phone t telecom[system=phone]
 telecom t telecom
PlanDefinition
 date* d date
 definition r action.definitionCanonical *
 depends-on r relatedArtifact.resource,library *
 description s description
 effective d effectivePeriod
 identifier! t identifier
 jurisdiction t jurisdiction
 name s name
 publisher s publisher
 status t status
 title s title
 topic t topic
 type t type
 url u url
 version t version
Practitioner
 active t active
 address s address
 address-city s address.city
 address-country s address.country
 address-postalcode s address.postalCode
 address-state s address.state
 address-use t address.use
 communication t communication
 email t telecom[system=email]
 family s name.family
 gender t gender
 given s name.given
 identifier! t identifier
 name s name
 phone t telecom[system=phone]
 telecom t telecom
PractitionerRole
 active t active
 date* d period
 email t telecom[system=email]
 endpoint r endpoint Endpoint
 identifier! t identifier
 location r location Location
 organization r organization Organization
 phone t telecom[system=phone]
 practitioner r practitioner Practitioner
 role t code
 service r healthcareService HealthcareService
 specialty t specialty
 telecom t telecom
Procedure
 based-on r basedOn CarePlan,ServiceRequest
 category t category
 code! t code
 date* d performedDateTime,performedPeriod,performedString
 encounter r encounter Encounter
 identifier! t identifier
 instantiates-canonical u instantiatesCanonical
 instantiates-uri u instantiatesUri
 location r location Location
 part-of r partOf Procedure,Observation,MedicationAdministration
 patient r subject Patient
 performer r performer.actor Practitioner,PractitionerRole,Organization,Patient,RelatedPerson,Device
 reason-code t reasonCode
 reason-reference r reasonReference Condition,Observation,Procedure,DiagnosticReport,DocumentReference
 status t status
 subject r subject Patient,Group
Provenance
 agent r agent.who Practitioner,PractitionerRole,RelatedPerson,Patient,Device,Organization
 agent-role t agent.role
 agent-type t agent.type
 entity r entity.what *
 location r location Location
 patient r target Patient
 recorded* d recorded
 signature-type t signature.type
 target r target *
 when d occurredDateTime
QuestionnaireResponse
 author r author Device,Practitioner,PractitionerRole,Patient,RelatedPerson,Organization
 authored* d authored
 based-on r basedOn CarePlan,ServiceRequest
 encounter r encounter Encounter
 identifier! t identifier
 part-of r partOf Observation,Procedure
 patient r subject Patient
 questionnaire u questionnaire
 source r source Patient,Practitioner,PractitionerRole,RelatedPerson
 status t status
 subject r subject *
RelatedPerson
 active t active
 address s address
 address-city s address.city
 address-country s address.country
 address-postalcode s address.postalCode
 address-state s address.state
 address-use t address.use
 birthdate* d birthDate
 email t telecom[system=email]
 gender t gender
 identifier! t identifier
 name s name
 patient r patient Patient
 phone t telecom[system=phone]
 relationship t relationship
 telecom t telecom
RiskAssessment
 condition r condition Condition
 date* d occurrenceDateTime
 encounter r encounter Encounter
 identifier! t identifier
 method t method
 patient r subject Patient
 performer r performer Practitioner,PractitionerRole,Device
 probability n prediction.probabilityDecimal
 risk t prediction.qualitativeRisk
 subject r subject Patient,Group
ServiceRequest
 authored* d authoredOn
 based-on r basedOn CarePlan,ServiceRequest,MedicationRequest
 body-site t bodySite
 category t category
 code! t code
 encounter r encounter Encounter
 identifier! t identifier
 instantiates-canonical u instantiatesCanonical
 instantiates-uri u instantiatesUri
 intent t intent
 occurrence d occurrenceDateTime,occurrencePeriod,occurrenceTiming
 patient r subject Patient
 performer r performer Practitioner,PractitionerRole,Organization,CareTeam,HealthcareService,Patient,Device,RelatedPerson
 performer-type t performerType
 priority t priority
 replaces r replaces ServiceRequest
 requester r requester Practitioner,PractitionerRole,Organization,Patient,RelatedPerson,Device
 requisition t requisition
 specimen r specimen Specimen
 status t status
 subject r subject Patient,Group,Location,Device
Specimen
 accession t accessionIdentifier
 bodysite t collection.bodySite
 collected* d collection.collectedDateTime,collection.collectedPeriod
 collector r collection.collector Practitioner,PractitionerRole
 container t container.type
 container-id t container.identifier
 identifier! t identifier
 parent r parent Specimen
 patient r subject Patient
 status t status
 subject r subject Patient,Group,Device,Substance,Location
 type t type
Task
 authored-on* d authoredOn
 based-on r basedOn *
 business-status t businessStatus
 code t code
 encounter r encounter Encounter
 focus r focus *
 group-identifier t groupIdentifier
 identifier! t identifier
 intent t intent
 modified d lastModified
 owner r owner Practitioner,PractitionerRole,Organization,CareTeam,HealthcareService,Patient,Device,RelatedPerson
 part-of r partOf Task
 patient r for Patient
 performer t performerType
 period d executionPeriod
 priority t priority
 requester r requester Device,Organization,Patient,Practitioner,PractitionerRole,RelatedPerson
 status t status
 subject r for *
`

// topicParams are those of SubscriptionTopic, a type of R4B that an R4 server tells of.
const topicParams = `
 date* d date
 resource u resourceTrigger.resource
 status t status
 title s title
 trigger-description s resourceTrigger.description
 url u url
 version t version
`

// otherTypes are types of R4 without a table of their own: what nearly all
// resources have can be asked for.
const otherParams = `
 date* d date
 identifier! t identifier
 patient r patient,subject Patient
 status t status
 subject r subject *
`

// commonParams are those of every type.
const commonParams = `
 _lastUpdated d meta.lastUpdated
 _profile u meta.profile
 _security t meta.security
 _source u meta.source
 _tag t meta.tag
`
