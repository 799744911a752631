package synth

import "strconv"

// knownAllergies decides which allergies are on the chart from the beginning.
func (m *maker) knownAllergies() {
	for a := noAllergen + 1; a < allergenCount; a++ {
		if m.person.allergic[a] && m.draw.chance(.9) {
			m.known[a] = true
		}
	}
}

// noteAllergy adds an allergy that a drug has brought to light.
func (m *maker) noteAllergy(a allergen) {
	if a != noAllergen && !m.known[a] {
		m.known[a], m.noted[a] = true, m.now
	}
}

// finish writes what is only known at the end: the patient, and the final
// state of problems and orders.
func (m *maker) finish() {
	m.silent = false
	before := len(m.page.items)
	m.writePatient(m.person.id, false)
	if m.life.chance(.005) {
		m.writePatient(m.nextID(), true)
	}
	m.page.hoist(m.first, before)
	m.writeSmoking()
	for a := noAllergen + 1; a < allergenCount; a++ {
		if m.known[a] {
			m.writeAllergy(a)
		}
	}
	for i := range m.problems {
		if x := &m.problems[i]; m.full || x.resolved == 0 || x.resolved >= m.from {
			m.writeCondition(x)
		}
	}
	for i := range m.orders {
		m.writeOrder(&m.orders[i])
	}
	m.writeExtras()
}

func (m *maker) writePatient(u id, replaced bool) {
	p, x := m.page, &m.person
	p.begin("Patient", u)
	r := races[x.race]
	p.raw(`,"extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"`, r.code, `","display":"`, r.display, `"}},{"url":"text","valueString":"`, r.display, `"}]}`)
	code, words := "2186-5", "Not Hispanic or Latino"
	if x.hispanic {
		code, words = "2135-2", "Hispanic or Latino"
	}
	p.raw(`,{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity","extension":[{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"`, code, `","display":"`, words, `"}},{"url":"text","valueString":"`, words, `"}]}]`)
	p.raw(`,"identifier":[{"system":"urn:ember:synth:record","value":"`)
	p.buf = strconv.AppendUint(p.buf, 10_000_000+x.number*2+uint64(b2f(replaced)), 10)
	p.raw(`"}],"active":`, boolean(!replaced), `,"name":[{"use":"official","family":"`, x.family, `","given":["`, x.given, `"]}],"gender":"`, [2]string{"male", "female"}[int(b2f(x.woman))], `"`)
	switch unknown := m.life.float(); {
	case replaced:
	case unknown < .004: // born nobody knows when
	case unknown < .012:
		p.raw(`,"birthDate":"`)
		p.buf = strconv.AppendInt(p.buf, int64(x.born.time().Year()), 10)
		p.raw(`"`)
	default:
		p.date("birthDate", x.born)
	}
	if x.died > 0 && !replaced {
		p.time("deceasedDateTime", x.died)
	}
	if replaced {
		p.raw(`,"link":[{"other":`)
		p.refValue("Patient", x.id)
		p.raw(`,"type":"replaced-by"}]`)
	}
	p.end("Patient")
}

func (m *maker) writeSmoking() {
	age := m.age(m.until)
	if age < 14 || !m.life.chance(.6) {
		return
	}
	p := m.page
	at := m.end() - stamp(m.life.between(10, 400))*day
	at = max(at, m.person.born+day)
	p.begin("Observation", m.nextID())
	p.raw(`,"status":"final","category":[{"coding":[{"system":"`, hl7, `observation-category","code":"social-history"}]}]`)
	p.concept("code", "", coding{sysLOINC, "72166-2", "Tobacco smoking status"})
	m.subject()
	p.time("effectiveDateTime", at)
	p.time("issued", at)
	answer := coding{sysSNOMED, "266919005", "Never smoked tobacco (finding)"}
	if m.person.smokes {
		answer = coding{sysSNOMED, "449868002", "Smokes tobacco daily (finding)"}
	}
	p.concept("valueCodeableConcept", "", answer)
	p.end("Observation")
}

// end is the last moment of the patient's record.
func (m *maker) end() stamp {
	if m.person.died > 0 {
		return m.person.died
	}
	return m.until
}

func (m *maker) writeAllergy(a allergen) {
	p, x := m.page, &allergenCodes[a]
	p.begin("AllergyIntolerance", m.nextID())
	p.status("clinicalStatus", "allergyintolerance-clinical", "active")
	p.status("verificationStatus", "allergyintolerance-verification", "confirmed")
	p.raw(`,"category":["`, x.category, `"],"criticality":"`, [2]string{"low", "high"}[int(b2f(a == allergyACE || a == allergyPeanut || m.person.prone > 1.8))], `"`)
	if m.life.chance(.12) {
		p.concept("code", x.words)
	} else {
		p.concept("code", x.words, x.code)
	}
	p.ref("patient", "Patient", m.person.id)
	at := max(m.person.born+day, m.from-stamp(m.life.between(30, 1500))*day)
	if m.noted[a] > 0 {
		at = m.noted[a]
	}
	p.date("recordedDate", at)
	p.raw(`,"reaction":[{"manifestation":[{"text":"`, x.reaction, `"}]}]`)
	p.end("AllergyIntolerance")
}

// writeCondition writes a problem in its clinician's way of coding.
func (m *maker) writeCondition(x *problem) {
	p, d := m.page, &conditions[x.cond]
	p.begin("Condition", x.id)
	state := "active"
	if x.resolved > 0 {
		state = "resolved"
	}
	p.status("clinicalStatus", "condition-clinical", state)
	p.status("verificationStatus", "condition-ver-status", "confirmed")
	category := "problem-list-item"
	if x.cond >= coldURI {
		category = "encounter-diagnosis"
	}
	p.raw(`,"category":[{"coding":[{"system":"`, hl7, `condition-category","code":"`, category, `"}]}]`)
	m.writeDiagnosis(d, x)
	m.subject()
	if x.visit != (id{}) {
		p.ref("encounter", "Encounter", x.visit)
	}
	c := &m.h.clinicians[x.clinic]
	if c.dateOnly {
		p.date("onsetDateTime", x.onset)
	} else {
		p.time("onsetDateTime", x.onset)
	}
	if x.resolved > 0 {
		p.time("abatementDateTime", min(x.resolved, m.end()))
	}
	if c.dateOnly {
		p.date("recordedDate", x.recorded)
	} else {
		p.time("recordedDate", x.recorded)
	}
	p.ref("recorder", "Practitioner", c.id)
	p.end("Condition")
}

func (m *maker) writeDiagnosis(d *disorder, x *problem) {
	icd, snomed := coding{sysICD, d.icd, d.icdName}, coding{sysSNOMED, d.snomed, ""}
	switch m.h.clinicians[x.clinic].coding {
	case 0:
		m.page.concept("code", d.words, snomed, icd)
	case 1:
		m.page.concept("code", d.icdName, icd)
	case 2:
		if d.snomed != "" {
			m.page.concept("code", d.words, snomed)
			return
		}
		m.page.concept("code", d.icdName, icd)
	default:
		m.page.concept("code", d.words)
	}
}

// writeOrder writes a MedicationRequest with its state at the end of history.
func (m *maker) writeOrder(o *order) {
	p, x := m.page, &drugs[o.drug]
	c := &m.h.clinicians[o.clinic]
	p.begin("MedicationRequest", o.id)
	end := o.supplyEnd()
	state := "active"
	switch {
	case o.cancelled:
		state = "cancelled"
	case o.stopped > 0:
		state, end = "stopped", o.stopped
	case end < m.end():
		state = "completed"
	}
	where := "community"
	if o.inStay {
		where = "inpatient"
	}
	p.raw(`,"status":"`, state, `","intent":"order","category":[{"coding":[{"system":"`, hl7, `medicationrequest-category","code":"`, where, `"}]}]`)
	switch {
	case c.reference && x.rxcui != "":
		p.ref("medicationReference", "Medication", m.h.medication[o.drug])
	case c.freeText:
		p.concept("medicationCodeableConcept", m.orderWords(x, o))
	default:
		p.concept("medicationCodeableConcept", x.display, coding{sysRxNorm, x.rxcui, x.display})
	}
	m.subject()
	p.ref("encounter", "Encounter", o.visit)
	if c.dateOnly {
		p.date("authoredOn", o.written)
	} else {
		p.time("authoredOn", o.written)
	}
	p.ref("requester", "Practitioner", c.id)
	if o.reason != (id{}) {
		p.raw(`,"reasonReference":[`)
		p.refValue("Condition", o.reason)
		p.raw(`]`)
	}
	p.raw(`,"dosageInstruction":[{"text":`)
	p.quote(dosage(x))
	p.raw(`}]`)
	if !o.inStay {
		p.raw(`,"dispenseRequest":{`)
		if o.stopped > 0 || o.drug%3 == 0 {
			p.raw(`"validityPeriod":{"start":"`)
			p.buf = o.written.time().AppendFormat(p.buf, "2006-01-02")
			p.raw(`","end":"`)
			p.buf = end.time().AppendFormat(p.buf, "2006-01-02")
			p.raw(`"},`)
		}
		p.raw(`"numberOfRepeatsAllowed":`)
		p.number(float64(o.refills), 0)
		p.raw(`,"expectedSupplyDuration":{"value":`)
		p.number(float64(o.days), 0)
		p.raw(`,"unit":"days","system":"`, sysUCUM, `","code":"d"}}`)
	}
	p.end("MedicationRequest")
}

// orderWords is how clinicians who type write an order: the name or the brand,
// and the dose.
func (m *maker) orderWords(x *medicine, o *order) string {
	if x.brand != "" && mix(m.person.salt^uint64(o.written))%3 == 0 {
		return x.brand + " " + x.dose
	}
	return x.name + " " + x.dose
}

func dosage(x *medicine) string {
	switch x.perDay {
	case 0:
		return x.dose + " as needed"
	case 1:
		return x.dose + " once a day"
	case 2:
		return x.dose + " twice a day"
	}
	return x.dose + " " + strconv.Itoa(x.perDay) + " times a day"
}

// writeExtras are the rarer resources about a patient.
func (m *maker) writeExtras() {
	p, r := m.page, &m.life
	if r.chance(.012) {
		p.begin("Consent", m.nextID())
		p.raw(`,"status":"active","scope":{"coding":[{"system":"`, hl7, `consentscope","code":"research"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0","display":"Consent Document"}]}]`)
		p.ref("patient", "Patient", m.person.id)
		p.time("dateTime", max(m.person.born+day, m.from+stamp(r.between(0, 300))*day))
		p.raw(`,"policyRule":{"coding":[{"system":"`, hl7, `v3-ActCode","code":"OPTOUT"}]},"provision":{"type":"deny"}`)
		p.end("Consent")
	}
	if r.chance(.05 + .12*b2f(m.full)) {
		m.writeFamily(r)
	}
	if len(m.problems) > 0 && m.problems[0].resolved == 0 && r.chance(.04+.3*b2f(m.full)) {
		m.writePlan()
	}
	if r.chance(.02 + .05*b2f(m.full)) {
		m.writeStatement(r)
	}
}

func (m *maker) writeFamily(r *rng) {
	p := m.page
	c := []condition{breastCancer, coronary, diabetes2, hypertension, dementia, stroke}[r.below(6)]
	p.begin("FamilyMemberHistory", m.nextID())
	p.raw(`,"status":"completed"`)
	p.ref("patient", "Patient", m.person.id)
	p.date("date", max(m.person.born+day, m.from+stamp(r.between(0, 500))*day))
	p.raw(`,"relationship":{"coding":[{"system":"`, hl7, `v3-RoleCode","code":"`, [3]string{"MTH", "FTH", "SIB"}[r.below(3)], `"}]},"condition":[{"code":`)
	p.conceptValue(conditions[c].words, coding{sysICD, conditions[c].icd, conditions[c].icdName})
	p.raw(`}]`)
	p.end("FamilyMemberHistory")
}

func (m *maker) writePlan() {
	p, x := m.page, &m.problems[0]
	p.begin("CarePlan", m.nextID())
	p.raw(`,"status":"active","intent":"plan","category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/careplan-category","code":"assess-plan"}]}]`)
	p.str("description", "Management of "+conditions[x.cond].words+": medicines, monitoring, lifestyle")
	m.subject()
	p.period("period", x.recorded, 0)
	p.raw(`,"addresses":[`)
	p.refValue("Condition", x.id)
	p.raw(`]`)
	p.end("CarePlan")
}

// writeStatement is a drug the patient says they take on their own.
func (m *maker) writeStatement(r *rng) {
	p := m.page
	words := []string{"vitamin D 1000 units", "St. John's wort", "fish oil capsule", "ibuprofen 200 mg from the shop", "multivitamin"}[r.below(5)]
	at := max(m.person.born+day, m.from+stamp(r.between(0, 600))*day)
	p.begin("MedicationStatement", m.nextID())
	p.raw(`,"status":"active"`)
	p.concept("medicationCodeableConcept", words)
	m.subject()
	p.period("effectivePeriod", at, 0)
	p.date("dateAsserted", at)
	p.end("MedicationStatement")
}
