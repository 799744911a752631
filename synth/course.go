package synth

// patient makes patient i whole: the person, the years before the record
// begins (lived through in silence, so that drugs and values have a history),
// then every contact until the end.
func (m *maker) patient(i int, page *page) {
	m.page, m.serial, m.first = page, 0, len(page.items)
	m.chart.reset(len(drugs))
	m.acute = acute{}
	m.newPerson(i)
	m.draw.seed(m.opt.Seed, streamVisit, uint64(i))
	m.drawDeath()
	m.now = max(m.person.born+2*day, m.from-3*year)
	m.silent = m.now < m.from
	m.knownAllergies()
	next := m.now + stamp(m.draw.between(0, 300))*day
	ill := m.nextIllness(m.now)
	for {
		at := next
		kind := 0
		if ill < at {
			at, kind = ill, 1
		}
		if m.lmp > 0 && m.due < at {
			at, kind = m.due, 2
		}
		at = at - at%day + stamp(m.draw.between(8*3600, 17*3600))
		m.now = max(at, m.now+6*hour)
		m.silent = m.now < m.from
		if m.now >= m.until-2*day || m.person.died > 0 && m.now >= m.person.died {
			break
		}
		switch kind {
		case 0:
			m.conceive()
			m.routineVisit()
			next = max(m.visit.horizon, m.now+10*day)
			if m.draw.chance(.07) {
				next += 150 * day // missed the appointment
			}
		case 1:
			m.acuteVisit()
			ill = m.nextIllness(m.now)
		case 2:
			m.birth()
		}
		m.now = max(m.now, m.visit.end)
		if m.person.died > 0 && m.person.died <= m.now {
			break
		}
	}
	m.finish()
}

// drawDeath ends some lives within the record (Gompertz-like hazard).
func (m *maker) drawDeath() {
	threshold := m.life.exp()
	for t := m.from; t < m.until; t += year {
		age := m.age(t)
		if age < 0 {
			continue
		}
		h := .00045 * power(1.087, max(0, age-25))
		for _, c := range []condition{heartFailure, dementia, copd, kidney} {
			if on := m.person.onset[c]; on != 0 && on < t {
				h *= 1.7
			}
		}
		if threshold -= h; threshold <= 0 {
			m.person.died = t + stamp(m.life.between(20, 360))*day
			if m.person.died >= m.until {
				m.person.died = 0
			}
			return
		}
	}
}

// conceive begins a pregnancy in some women between visits.
func (m *maker) conceive() {
	age := m.age(m.now)
	if !m.fertile() || age < 18 || age > 43 || m.lmp > 0 || m.on(contraceptive) {
		return
	}
	if m.draw.chance(.1 * (1 - (age-18)/32)) {
		m.lmp = m.now - 70*day
		m.due = m.lmp + stamp(m.draw.between(262, 288))*day
	}
}

// prenatal is what a visit in pregnancy adds (ACOG; USPSTF).
func (m *maker) prenatal() {
	if m.lmp == 0 {
		return
	}
	if !m.has(pregnancy) {
		m.tryTest(hcgTest, .8)
		m.record(pregnancy, m.lmp)
		m.dropUnsafe()
	}
	weeks := float64(m.now-m.lmp) / float64(7*day)
	if d := m.choose(.75*b2f(!m.on(prenatalVitamin)), pregnancy, []option{{prenatalVitamin, always(1)}}); d >= 0 {
		m.start(d, pregnancy, 0)
	}
	m.tryTest(ultrasoundObstetric, .75*b2f(weeks < 14 && m.ordered[ultrasoundObstetric] < m.lmp)+.8*b2f(weeks > 18 && weeks < 24 && m.now-m.ordered[ultrasoundObstetric] > 40*day))
	m.tryTest(glucoseTest, .85*b2f(weeks > 23 && weeks < 30))
	m.tryTest(bloodCount, .7*b2f(weeks < 14 || weeks > 24 && weeks < 32))
	m.tryTest(hivTest, .7*b2f(weeks < 14))
	if weeks > 24 && !m.has(gestationalDiabetes) && !m.has(diabetes2) && m.draw.chance(.05+.03*max(0, (m.person.bmi-28)/5)) {
		m.record(gestationalDiabetes, m.now)
	}
	if m.has(gestationalDiabetes) && !m.on(basalInsulin, metforminGroup) {
		if d := m.choose(.4, gestationalDiabetes, []option{{basalInsulin, always(1.4)}, {metforminGroup, always(.6)}}); d >= 0 {
			m.start(d, gestationalDiabetes, 1)
		}
	}
	if weeks > 22 && !m.has(preeclampsia) && m.draw.chance(.015+.03*b2f(m.has(hypertension))) {
		m.record(preeclampsia, m.now)
		m.tryTest(comprehensivePanel, .85)
		if d := m.choose(.8, preeclampsia, []option{{pregnancyPressure, always(1)}}); d >= 0 {
			m.start(d, preeclampsia, 1)
		}
	}
}

// dropUnsafe stops drugs that must not be taken in pregnancy, mostly.
func (m *maker) dropUnsafe() {
	for i := len(m.meds) - 1; i >= 0; i-- {
		switch drugs[m.meds[i].drug].group {
		case aceInhibitor, arb, arni, statin, vitaminKAntagonist, dmard, nsaid, contraceptive, glp1, sglt2:
			if m.draw.chance(.97) {
				m.stop(i, 0)
			}
		}
	}
}

// birth is the delivery, a stay of about two days.
func (m *maker) birth() {
	x := illness{cond: delivery, chief: "Labor", says: []string{"Contractions every four minutes since the night."}, denies: "No bleeding.", days: 2}
	s := birthStay
	if m.draw.chance(.3) {
		s.procs = []procedureChance{{cesarean, .97}}
		s.days += 1.2
	} else {
		s.procs = []procedureChance{{childbirth, .97}}
	}
	m.admission(&x, &s)
	end := m.visit.end
	for _, c := range []condition{pregnancy, gestationalDiabetes, preeclampsia} {
		m.resolve(c, end)
	}
	for i := len(m.meds) - 1; i >= 0; i-- {
		switch c := m.meds[i].cond; c {
		case gestationalDiabetes, preeclampsia, pregnancy:
			m.lapse(i)
		}
	}
	m.lmp, m.due = 0, 0
}

// rates fills the yearly rate of each illness now.
func (m *maker) rates() float64 {
	m.weights = m.weights[:0]
	age := m.age(m.now)
	band := 4
	for b, upper := range [...]float64{5, 18, 50, 70} {
		if age < upper {
			band = b
			break
		}
	}
	var sum float64
	for i := range illnesses {
		x := &illnesses[i]
		r := x.rate[band] / 1000
		if r > 0 && x.risk != nil {
			r *= max(0, x.risk(m))
		}
		m.weights = append(m.weights, r)
		sum += r
	}
	return sum
}

// nextIllness draws when the next acute illness comes.
func (m *maker) nextIllness(from stamp) stamp {
	m.tally()
	total := m.rates() * (.5 + .5*m.person.seeks)
	return from + 5*day + stamp(m.draw.exp()/max(total, 1e-4)*float64(year))
}

// acuteVisit draws which illness it is and treats it.
func (m *maker) acuteVisit() {
	m.tally()
	m.rates()
	k := m.draw.pick(m.weights)
	if k < 0 {
		k = 0
	}
	x := &illnesses[k]
	if x.admit != nil && m.draw.chance(x.admit(m)) {
		m.admission(x, x.stay)
		return
	}
	clinic := m.person.doctor
	class := "AMB"
	if m.draw.chance(.35) {
		class = "EMER"
		all := m.h.bySpecial[emergency]
		clinic = all[m.draw.below(len(all))]
	}
	m.open(clinic, class, x.cond, x.chief)
	m.acute = acute{fever: x.fever * m.draw.between(.5, 1.2), bacterial: x.bacteria}
	m.opening()
	m.sayAll(x.says, x.denies)
	m.vitals(.75)
	m.sayValues()
	m.runTests(x.tests)
	m.record(x.cond, m.now-stamp(m.draw.between(6, 96))*hour)
	m.fill(x.slots, x.cond)
	m.runProcedures(x.procs, x.cond)
	if x.cond == copdFlare || x.cond == asthmaFlare {
		m.flare = m.now
	}
	if class == "AMB" {
		m.care(.12)
		m.renew(.25)
		m.orderTests(.1)
	}
	m.acute = acute{}
	m.closeVisit()
	m.resolve(x.cond, min(m.until-1, m.now+stamp(x.days*m.draw.between(.6, 1.4))*day))
}
