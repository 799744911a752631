package synth

import "strconv"

// closeVisit writes the encounter and what hangs on it.
func (m *maker) closeVisit() {
	if m.silent {
		return
	}
	v, p := &m.visit, m.page
	if v.end >= m.until {
		v.end = m.until - 1
	}
	p.begin("Encounter", v.id)
	p.raw(`,"status":"finished","class":{"system":"`, hl7, `v3-ActCode","code":"`, v.class, `"}`)
	kind := coding{sysSNOMED, "185349003", "Encounter for check up (procedure)"}
	if !v.routine {
		kind = coding{sysSNOMED, "185347001", "Encounter for problem (procedure)"}
	}
	p.raw(`,"type":[`)
	p.conceptValue(kind.display, kind)
	p.raw(`]`)
	m.subject()
	p.raw(`,"participant":[{"individual":`)
	p.refValue("Practitioner", v.doctor.id)
	p.raw(`}]`)
	p.period("period", v.start, v.end)
	m.writeReason()
	site := m.site()
	p.raw(`,"location":[{"location":`)
	p.refValue("Location", m.h.wards[site][int(b2f(v.stay))])
	p.raw(`}]`)
	p.ref("serviceProvider", "Organization", m.h.sites[site])
	p.end("Encounter")
	if m.watch != nil {
		m.watch(v.candidates)
	}
	m.writeNote()
	m.writeOracle()
}

// site is where the visit takes place.
func (m *maker) site() int {
	if m.visit.class != "AMB" {
		return 0
	}
	return m.visit.doctor.site
}

// writeReason gives the reason for the visit: mostly the complaint in words,
// sometimes the diagnosis, sometimes nothing.
func (m *maker) writeReason() {
	v, p := &m.visit, m.page
	r := m.draw.float()
	if r < .12 {
		return
	}
	p.raw(`,"reasonCode":[`)
	if v.reason >= 0 && r > .6 {
		d := &conditions[v.reason]
		p.conceptValue(v.chief, coding{sysICD, d.icd, d.icdName})
	} else {
		p.conceptValue(v.chief)
	}
	p.raw(`]`)
}

func (m *maker) subject() { m.page.ref("subject", "Patient", m.person.id) }

func (m *maker) context() {
	m.subject()
	m.page.ref("encounter", "Encounter", m.visit.id)
}

func (m *maker) writePressure(at stamp) {
	if m.silent || !m.full && !m.draw.chance(.45) {
		return
	}
	p := m.page
	m.observation("vital-signs", coding{sysLOINC, "85354-9", "Blood pressure panel with all children optional"}, "Blood pressure", at)
	p.raw(`,"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic blood pressure"}]}`)
	p.quantity("valueQuantity", m.value[systolic], 0, "mm[Hg]")
	p.raw(`},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4","display":"Diastolic blood pressure"}]}`)
	p.quantity("valueQuantity", m.value[diastolic], 0, "mm[Hg]")
	p.raw(`}]`)
	p.end("Observation")
}

// observation begins an Observation of the present visit.
func (m *maker) observation(category string, code coding, text string, at stamp) id {
	p := m.page
	u := m.nextID()
	p.begin("Observation", u)
	p.raw(`,"status":"final","category":[{"coding":[{"system":"`, hl7, `observation-category","code":"`, category, `"}]}]`)
	p.concept("code", text, code)
	m.context()
	p.time("effectiveDateTime", at)
	p.time("issued", at)
	return u
}

// writeVital writes one vital sign or score with probability share.
func (m *maker) writeVital(a analyte, at stamp, share float64) {
	if !m.full {
		share *= .12
	}
	if m.silent || !m.draw.chance(share) {
		return
	}
	x := &analytes[a]
	category := "vital-signs"
	if a == phq9 || a == gad7 || a == pain {
		category = "survey"
	}
	m.observation(category, coding{sysLOINC, x.loinc, x.display}, "", at)
	m.page.quantity("valueQuantity", m.value[a], x.places, x.unit)
	m.page.end("Observation")
}

// leanPanel are the analytes of panels that profile lean writes down.
var leanPanel = [analyteCount]bool{creatinine: true, potassium: true, a1c: true, ldl: true, hemoglobin: true, tsh: true, urate: true, inr: true, bnp: true,
	troponin: true, psa: true, uacr: true, ferritin: true, lithiumLevel: true, crp: true, lactate: true, procalcitonin: true, strepAntigen: true, fluAntigen: true, covidPCR: true,
	urineNitrite: true, urineCulture: true, bloodCulture: true, pregnancyTest: true, fecalBlood: true, hiv: true, boneDensity: true, spirometry: true, ejection: true}

// writeTest writes the order, the results and the report of a test.
func (m *maker) writeTest(t test, at stamp) {
	if m.silent {
		return
	}
	x := &tests[t]
	if m.draw.chance(.06 + .19*b2f(m.full)) {
		m.writeServiceRequest(x)
	}
	if m.draw.chance(.03) {
		return // never came back
	}
	switch x.kind {
	case imagingTest:
		m.writeImaging(x, at)
	case procedureTest:
		m.writeProcedureOf(x.words, x.code, at, -1)
	}
	var results [16]id
	n := 0
	for _, a := range x.analytes {
		if (m.full || leanPanel[a]) && !m.draw.chance(.015) {
			results[n] = m.writeResult(a, at)
			n++
		}
	}
	if x.kind == labTest && m.full && len(x.analytes) > 1 && m.draw.chance(.7) || x.kind == imagingTest && m.full {
		m.writeReport(x, results[:n], at)
	}
}

func (m *maker) writeResult(a analyte, at stamp) id {
	p, x := m.page, &analytes[a]
	code, text := coding{sysLOINC, x.loinc, x.display}, ""
	local := x.local != "" && m.site() == 2
	if local {
		code, text = coding{"urn:ember:synth:laboratory", x.local, ""}, x.local
	} else if m.draw.chance(.3) {
		text = x.display
	}
	u := m.observation("laboratory", code, text, at)
	if x.coded {
		answer := coding{sysSNOMED, "260385009", "Negative (qualifier value)"}
		if m.value[a] > 0 {
			answer = coding{sysSNOMED, "10828004", "Positive (qualifier value)"}
		}
		p.concept("valueCodeableConcept", "", answer)
	} else {
		p.quantity("valueQuantity", m.value[a], x.places, x.unit)
		m.writeRange(x, m.value[a])
	}
	p.end("Observation")
	return u
}

// writeRange adds the reference range and the flag outside it, as far as the
// laboratory does so.
func (m *maker) writeRange(x *quantity, v float64) {
	if x.high <= x.low || !m.full {
		return
	}
	p := m.page
	flag := ""
	if v > x.high {
		flag = "H"
	} else if v < x.low {
		flag = "L"
	}
	if flag != "" {
		p.raw(`,"interpretation":[{"coding":[{"system":"`, hl7, `v3-ObservationInterpretation","code":"`, flag, `"}]}]`)
	}
	p.raw(`,"referenceRange":[{"low":{"value":`)
	p.number(x.low, 2)
	p.raw(`},"high":{"value":`)
	p.number(x.high, 2)
	p.raw(`}}]`)
}

func (m *maker) writeServiceRequest(x *examination) {
	p := m.page
	p.begin("ServiceRequest", m.nextID())
	p.raw(`,"status":"completed","intent":"order"`)
	p.concept("code", x.words, x.code)
	m.context()
	p.time("authoredOn", m.now+m.visit.lag)
	p.ref("requester", "Practitioner", m.visit.doctor.id)
	p.end("ServiceRequest")
}

func (m *maker) writeReport(x *examination, results []id, at stamp) {
	p := m.page
	p.begin("DiagnosticReport", m.nextID())
	section := "LAB"
	if x.kind == imagingTest {
		section = "RAD"
	}
	p.raw(`,"status":"final","category":[{"coding":[{"system":"`, hl7, `v2-0074","code":"`, section, `"}]}]`)
	p.concept("code", x.words, x.code)
	m.context()
	p.time("effectiveDateTime", m.now+m.visit.lag)
	p.time("issued", at)
	for i, u := range results {
		if i == 0 {
			p.raw(`,"result":[`)
		} else {
			p.raw(`,`)
		}
		p.refValue("Observation", u)
	}
	if len(results) > 0 {
		p.raw(`]`)
	}
	p.end("DiagnosticReport")
}

func (m *maker) writeImaging(x *examination, at stamp) {
	p := m.page
	u := m.nextID()
	p.begin("ImagingStudy", u)
	p.raw(`,"status":"available"`)
	m.context()
	p.time("started", at)
	p.raw(`,"modality":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"`, x.modality, `"}],"numberOfSeries":1,"numberOfInstances":1,"procedureCode":[`)
	p.conceptValue(x.words, x.code)
	p.raw(`],"series":[{"uid":"2.25.`)
	p.buf = strconv.AppendUint(p.buf, mix(m.person.salt+m.serial), 10)
	p.raw(`","modality":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"`, x.modality, `"}}]`)
	p.end("ImagingStudy")
}

func (m *maker) writeProcedure(t therapy, c condition) {
	if m.silent {
		return
	}
	m.writeProcedureOf(therapies[t].words, therapies[t].code, m.now+m.visit.lag, c)
}

func (m *maker) writeProcedureOf(words string, code coding, at stamp, c condition) {
	p := m.page
	p.begin("Procedure", m.nextID())
	p.raw(`,"status":"completed"`)
	p.concept("code", words, code)
	m.context()
	p.period("performedPeriod", at, min(at+40*60, m.until-1))
	if c >= 0 {
		if u := m.reasonOf(c); u != (id{}) {
			p.raw(`,"reasonReference":[`)
			p.refValue("Condition", u)
			p.raw(`]`)
		}
	}
	p.end("Procedure")
}

func (m *maker) writeVaccine(k int) {
	if m.silent || !m.full && !m.draw.chance(.35) {
		return
	}
	p, v := m.page, &vaccines[k]
	p.begin("Immunization", m.nextID())
	p.raw(`,"status":"completed"`)
	p.concept("vaccineCode", v.name, coding{sysCVX, v.cvx, v.name})
	p.ref("patient", "Patient", m.person.id)
	p.ref("encounter", "Encounter", m.visit.id)
	p.time("occurrenceDateTime", m.now+m.visit.lag)
	p.raw(`,"primarySource":true`)
	p.end("Immunization")
}

// writeNote writes the note of the visit: most visits of profile full, stays of both.
func (m *maker) writeNote() {
	share := .7
	if m.visit.stay {
		share = .95
	}
	if !m.noting() || len(m.note) == 0 || !m.draw.chance(share) {
		return
	}
	m.closing()
	p := m.page
	kind := coding{sysLOINC, "11506-3", "Progress note"}
	if m.visit.stay {
		kind = coding{sysLOINC, "18842-5", "Discharge summary"}
	}
	p.begin("DocumentReference", m.nextID())
	p.raw(`,"status":"current"`)
	p.concept("type", kind.display, kind)
	p.raw(`,"category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category","code":"clinical-note"}]}]`)
	m.subject()
	p.time("date", m.visit.end)
	p.raw(`,"author":[`)
	p.refValue("Practitioner", m.visit.doctor.id)
	p.raw(`],"content":[{"attachment":{"contentType":"text/plain; charset=utf-8"`)
	p.base64("data", m.note)
	p.raw(`}}],"context":{"encounter":[`)
	p.refValue("Encounter", m.visit.id)
	p.raw(`]}`)
	p.end("DocumentReference")
}
