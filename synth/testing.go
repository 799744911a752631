package synth

import "math"

// need is a reason to do a test now: how much it is due (1 = exactly at its
// interval, below less, above overdue), 0 when there is no reason.
func (m *maker) need(t test) float64 {
	age, woman := m.age(m.now), m.person.woman
	months := 0.0 // wanted interval
	want := func(if_ bool, every float64) {
		if if_ && (months == 0 || every < months) {
			months = every
		}
	}
	switch t {
	case metabolicPanel:
		want(m.chart.has(hypertension) || m.chart.has(diabetes2), 12)
		want(m.on(aceInhibitor, arb, arni, thiazide, loopDiuretic), 9)
		want(m.on(potassiumSparing) || m.chart.has(kidney), 4.5)
		want(m.chart.has(heartFailure), 4)
		want(m.seen(potassium, 4) > 5.2 || m.on(moodStabilizer), 2)
		want(m.startedWithin(45, aceInhibitor, arb, potassiumSparing, thiazide, arni), 1)
	case comprehensivePanel:
		want(age > 30, 36)
		want(m.on(statin) || m.chart.has(alcohol), 16)
		want(m.on(dmard), 3.5)
		want(m.seen(alt, 20) > 90, 2)
	case bloodCount:
		want(age > 40, 40)
		want(m.chart.has(ironAnemia), 3.5)
		want(m.chart.has(rheumatoid) || m.chart.has(kidney), 6)
		want(m.on(directAnticoagulant, vitaminKAntagonist), 10)
		want(woman && age > 12 && age < 50, 30)
	case lipidPanel:
		want(age > 35 || m.person.bmi > 32 && age > 22, 48)
		want(m.chart.has(diabetes2) || m.chart.has(coronary) || m.chart.has(hyperlipidemia), 12)
		want(m.startedWithin(120, statin, cholesterolAbsorption), 2.5)
	case a1cTest:
		want(age >= 35 && m.person.bmi > 25, 34)
		want(m.chart.has(prediabetes), 12)
		want(m.chart.has(diabetes2) || m.chart.has(diabetes1), 6)
		want((m.chart.has(diabetes2) || m.chart.has(diabetes1)) && m.seen(a1c, 8) > 7.8, 3)
	case tshTest:
		want(m.chart.has(hypothyroidism), 11)
		want(m.chart.has(hypothyroidism) && m.now-m.changed[hypothyroidism] < 120*day, 1.8)
		want(m.chart.has(fibrillation) || m.chart.has(bipolar), 12)
		want(woman && age > 35, 50)
		want(m.chart.has(depression) && m.measured[tsh] == 0, 6)
	case ferritinTest:
		want(m.chart.has(ironAnemia), 5)
		want(m.seen(hemoglobin, 14) < 12 && m.measured[hemoglobin] > 0, 2)
	case albuminRatio:
		want(m.chart.has(diabetes2) || m.chart.has(diabetes1) || m.chart.has(kidney), 12)
		want(m.chart.has(kidney) && m.seen(uacr, 0) > 200, 6)
	case urateTest:
		want(m.chart.has(gout), 8)
		want(m.on(urateLowering) && m.seen(urate, 6) > 6, 2.5)
	case crpTest:
		want(m.chart.has(rheumatoid), 4)
	case bnpTest:
		want(m.chart.has(heartFailure), 7)
		want(m.chart.has(heartFailure) && m.rising(weight) > 1.5, 1)
	case inrTest:
		want(m.on(vitaminKAntagonist), 1)
	case psaTest:
		want(!woman && age >= 55 && age < 70, 26)
		want(m.chart.has(prostateCancer), 5)
	case lithiumTest:
		want(m.onDrug("lithium"), 5)
	case hivTest:
		want(age > 18 && age < 65, 200)
	case fitTest:
		want(age >= 45 && age < 76 && m.ordered[colonoscopy] == 0, 13)
	case chestXray:
		want(m.chart.has(copd) && m.flare > m.now-90*day, 8)
	case mammogram:
		want(woman && age >= 40 && age < 75, 24)
		want(m.chart.has(breastCancer), 11)
	case dxa:
		want(woman && age >= 65, 40)
		want(m.chart.has(osteoporosis), 25)
		want(m.chart.has(rheumatoid) && age > 50, 36)
	case lowDoseCT:
		want(m.chart.has(smoking) && age >= 50 && age <= 80, 14)
	case echocardiogram:
		want(m.chart.has(heartFailure), 20)
		want(m.chart.has(fibrillation) && m.ordered[echocardiogram] == 0, 6)
	case electrocardiogram:
		want(m.chart.has(coronary) || m.chart.has(fibrillation) || m.chart.has(heartFailure), 13)
		want(m.chart.has(hypertension) && age > 45, 40)
		want(m.onDrug("citalopram") && age > 60, 12)
	case spirometryTest:
		want(m.chart.has(copd) || m.chart.has(asthma) && age > 6, 15)
		want(m.chart.has(smoking) && m.ill(copd) > 0, 8)
	case colonoscopy:
		want(age >= 45 && age < 76 && m.ordered[fitTest] == 0, 120)
		want(m.chart.has(ironAnemia) && age > 50 && m.ordered[colonoscopy] == 0, 5)
		want(m.value[fecalBlood] > 0, 2)
	case cervicalSmear:
		want(woman && age >= 21 && age < 66, 40)
	case eyeExam:
		want(m.chart.has(diabetes2) || m.chart.has(diabetes1), 13)
	case sleepStudy:
		want(m.ill(sleepApnea) > 0 && !m.chart.has(sleepApnea), 30)
	case endoscopy:
		want(m.chart.has(ulcer), 20)
		want(m.chart.has(reflux) && m.score[reflux] > 1, 36)
	}
	if months == 0 {
		return 0
	}
	if m.ordered[t] == 0 {
		return 1.25
	}
	return float64(m.now-m.ordered[t]) / (months * 30.4 * float64(day))
}

// startedWithin says whether a drug of the groups was started in the last days.
func (m *maker) startedWithin(days stamp, groups ...group) bool {
	for i := range m.meds {
		a := &m.meds[i]
		for _, g := range groups {
			if drugs[a.drug].group == g && m.now-a.since < days*day && m.now > a.since {
				return true
			}
		}
	}
	return false
}

// orderTests goes through the tests; weight below 1 is how much a visit for
// something else attends to them.
func (m *maker) orderTests(weight float64) {
	for t := test(0); t < lastTest; t++ {
		n := m.need(t)
		if n <= .2 {
			continue
		}
		p := weight * .93 * sigmoid(6*(min(n, 1.6)-.95)+m.visit.doctor.testing[t])
		if t == metabolicPanel && m.ordered[comprehensivePanel] == m.now {
			p *= .05
		}
		if m.pregnant() && tests[t].kind != labTest {
			p *= .05
		}
		m.tryTest(t, p)
	}
}

// tryTest orders a test with probability p.
func (m *maker) tryTest(t test, p float64) bool {
	if p <= .004 {
		return false
	}
	yes := m.draw.chance(p)
	m.consider(candidate{kind: 't', index: int(t), p: p, ordered: yes})
	if yes {
		m.visit.labs = append(m.visit.labs, t)
		m.doTest(t)
	}
	return yes
}

// doTest measures; results are issued hours to days later and written then.
func (m *maker) doTest(t test) {
	m.ordered[t] = m.now
	x := &tests[t]
	at := m.now + m.visit.lag + stamp(m.draw.between(3600, 40*3600))
	if m.visit.stay || t == strepTest || t == fluTest || t == urinalysis || t == glucoseTest || t == hcgTest || t == electrocardiogram {
		at = m.now + m.visit.lag + stamp(m.draw.between(900, 5400))
	}
	at = min(at, m.until-1)
	for _, a := range x.analytes {
		v := 0.0
		switch {
		case analytes[a].coded:
			v = b2f(m.positive(a))
		case a == egfr:
			v = m.gfrOf(m.value[creatinine], m.age(m.now))
		default:
			v = m.noisy(a)
			scale := math.Pow10(analytes[a].places)
			v = math.Round(v*scale) / scale
		}
		m.learn(a, v, at)
	}
	m.writeTest(t, at)
}

// learn keeps a value and the one before.
func (m *maker) learn(a analyte, v float64, at stamp) {
	if m.measured[a] > 0 {
		m.before[a] = m.value[a]
	}
	m.value[a], m.measured[a] = v, at
}

// positive is the answer of a coded test, with the usual errors.
func (m *maker) positive(a analyte) bool {
	sick := false
	switch a {
	case strepAntigen:
		sick = m.visit.reason == strep
	case fluAntigen:
		sick = m.visit.reason == influenza
	case covidPCR:
		sick = m.visit.reason == covid
	case urineNitrite, urineCulture:
		sick = m.visit.reason == cystitis || m.visit.reason == sepsis && m.person.woman
	case bloodCulture:
		sick = m.visit.reason == sepsis && m.bacterial > 1
	case pregnancyTest:
		sick = m.lmp > 0
	case fecalBlood:
		return m.draw.chance(.05 + .1*b2f(m.ill(ulcer) > 0))
	case hiv:
		return m.draw.chance(.003)
	}
	return m.draw.chance(.02 + .83*b2f(sick))
}

// vitals measures what a visit usually does; share is how much of it.
func (m *maker) vitals(share float64) {
	age := m.age(m.now)
	at := m.now + m.visit.lag/3
	if age >= 3 && m.draw.chance(.96*share) {
		sys := math.Round(m.noisy(systolic))
		m.learn(systolic, sys, at)
		m.learn(diastolic, math.Round(min(sys-15, m.noisy(diastolic))), at)
		m.writePressure(at)
	}
	m.vital(heartRate, .85*share, at)
	if m.draw.chance(.8 * share) {
		m.vital(weight, 1, at)
		m.vital(height, .35+.6*b2f(age < 18), at)
		if m.measured[height] > 0 {
			m.learn(bodyMass, m.value[weight]/(m.value[height]*m.value[height]/1e4), at)
			m.writeVital(bodyMass, at, .5)
		}
	}
	m.vital(temperature, .35*share+.6*b2f(m.fever > 0), at)
	m.vital(saturation, .3*share+.65*b2f(m.breathless > 0 || m.chart.has(copd)), at)
	m.vital(breathing, .3*share, at)
	if m.chart.has(depression) || m.visit.routine && age > 12 {
		m.vital(phq9, share*(.12+.6*b2f(m.chart.has(depression))), at)
	}
	if m.chart.has(anxiety) {
		m.vital(gad7, .65*share, at)
	}
	if m.chart.has(osteoarthritis) || m.chart.has(backPain) {
		m.value[pain] = max(0, min(10, math.Round(2+3*m.score[osteoarthritis]+2.5*m.score[backPain]+m.draw.normal())))
		m.writeVital(pain, at, .4*share)
	}
}

func (m *maker) vital(a analyte, p float64, at stamp) {
	if !m.draw.chance(p) {
		return
	}
	scale := math.Pow10(analytes[a].places)
	m.learn(a, math.Round(m.noisy(a)*scale)/scale, at)
	m.writeVital(a, at, 1)
}
