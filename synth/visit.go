package synth

// visit is the contact being made.
type visit struct {
	id         id
	start      stamp
	lag        stamp // from the start to the orders
	end        stamp
	clinic     int
	doctor     *clinician
	stay       bool
	class      string
	reason     condition // -1: none
	chief      string
	routine    bool
	horizon    stamp // when the next routine visit is expected
	candidates []candidate
	labs       []test
}

// maker makes patients one after another; each worker has its own.
type maker struct {
	opt    Options
	h      *hospital
	full   bool
	from   stamp // start of what is written down
	until  stamp
	now    stamp
	silent bool // living through the time before from
	page   *page
	life   rng // who the person is and what befalls them
	draw   rng // decisions, noise, words
	serial uint64
	person person
	chart
	visit    visit
	weights  []float64
	choices  []drug
	careless []bool
	note     []byte
	first    int // number of the patient's first item on the page
	acute
	replacing drug // about to be stopped for another; -1 = none
	// watch, if set, sees the decisions of each visit: for tests.
	watch func([]candidate)
}

// acute is the passing state of the body, all zero in health.
type acute struct {
	fever, bacterial, breathless, kidneyHit, acid, bleed, wet, heartHit float64
}

func newMaker(opt Options, h *hospital) *maker {
	m := &maker{opt: opt, h: h, full: opt.Profile == Full, replacing: -1, until: stamp(opt.Until.Unix())}
	m.from = m.until - 18*year/12
	if m.full {
		m.from = m.until - 41*year/12
	}
	return m
}

func (m *maker) nextID() id {
	m.serial++
	return newID(m.opt.Seed, m.person.number, m.serial)
}

// open begins a visit with a clinician at the present moment.
func (m *maker) open(clinic int, class string, reason condition, chief string) {
	v := &m.visit
	*v = visit{start: m.now, clinic: clinic, doctor: &m.h.clinicians[clinic], class: class, reason: reason, chief: chief, candidates: v.candidates[:0], labs: v.labs[:0]}
	if !m.silent {
		v.id = m.nextID()
	}
	v.lag = stamp(m.draw.between(180, 1500))
	v.end = m.now + stamp(m.draw.between(900, 3000))
	v.horizon = m.now + 180*day
	m.note = m.note[:0]
	m.endCourses()
	m.tally()
}

// endCourses drops short courses whose supply is used up.
func (m *maker) endCourses() {
	for i := len(m.meds) - 1; i >= 0; i-- {
		if a := &m.meds[i]; a.supply <= m.now && drugs[a.drug].days < 28 {
			m.lapse(i)
		}
	}
}

// routineVisit is a planned visit for check-up and chronic conditions.
func (m *maker) routineVisit() {
	reason, chief := m.mainProblem()
	m.open(m.clinicianFor(reason), "AMB", reason, chief)
	m.visit.routine = true
	m.opening()
	m.vitals(1)
	m.sayValues()
	m.adverse()
	m.discover()
	m.plan()
	m.prenatal()
	m.care(1)
	m.renew(1)
	m.orderTests(1)
	m.vaccinate()
	m.closeVisit()
}

// mainProblem is what a planned visit is mostly for.
func (m *maker) mainProblem() (condition, string) {
	best, at := condition(-1), .35
	for i := range programs {
		c := programs[i].cond
		if !m.chart.has(c) {
			continue
		}
		if w := m.score[c] + .8*m.draw.float(); w > at {
			best, at = c, w
		}
	}
	if best < 0 {
		if m.age(m.now) < 18 {
			return -1, "Well child visit"
		}
		return -1, "Check-up"
	}
	return best, "Follow-up of " + conditions[best].words
}

// clinicianFor is the usual doctor mostly, sometimes a specialist or whoever is there.
func (m *maker) clinicianFor(c condition) int {
	special := primaryCare
	switch c {
	case coronary, heartFailure, fibrillation:
		special = cardiology
	case diabetes1, diabetes2, hypothyroidism:
		special = endocrine
	case asthma, copd, sleepApnea:
		special = lungs
	case depression, bipolar, anxiety, attention:
		special = mind
	}
	if m.pregnant() {
		special = obstetrics
	}
	if special != primaryCare && m.draw.chance(.3) || special == obstetrics {
		all := m.h.bySpecial[special]
		return all[int(m.person.salt>>8)%len(all)] // one's own specialist
	}
	if m.draw.chance(.15) {
		all := m.h.bySpecial[primaryCare]
		return all[m.draw.below(len(all))]
	}
	return m.person.doctor
}

// plan says when the next visit is expected, from what is known at the start.
func (m *maker) plan() {
	next := 3.5 * 365.0
	switch age := m.age(m.now); {
	case age < 2:
		next = 100
	case age < 6:
		next = 360
	case age < 18 || age < 45:
		next = 500
	default:
		next = 380
	}
	for i := range programs {
		p := &programs[i]
		if !m.chart.has(p.cond) {
			continue
		}
		every := p.every
		if m.score[p.cond] > .6 {
			every *= .5
		}
		next = min(next, every)
	}
	if m.pregnant() {
		next = min(next, 40)
	}
	next *= m.draw.between(1, 1.7) / min(1.3, max(.7, m.person.seeks))
	m.visit.horizon = m.now + max(14*day, stamp(next*float64(day)))
}

// adverse brings up what drugs have done, and mostly stops them. High potassium
// stops what raises it.
func (m *maker) adverse() {
	for i := len(m.meds) - 1; i >= 0; i-- {
		a := m.meds[i]
		g := drugs[a.drug].group
		if a.effect == 0 || a.effect > m.now {
			continue
		}
		cond, words := effectOf(g)
		m.sayEffect(words, a.drug)
		if cond >= 0 && !m.chart.has(cond) && m.draw.chance(.6) {
			m.record(cond, a.effect)
		}
		if m.draw.chance(.75) {
			m.stop(i, harmful)
			m.changed[a.cond] = 0
			if m.draw.chance(.1) {
				m.noteAllergy(drugs[a.drug].allergen)
			}
		} else {
			m.meds[i].effect = 0
		}
	}
	if m.seen(potassium, 4) > 5.5 {
		for i := len(m.meds) - 1; i >= 0; i-- {
			switch drugs[m.meds[i].drug].group {
			case potassiumSparing, aceInhibitor, arb, arni:
				if m.draw.chance(.8) {
					m.stop(i, harmful)
				}
			}
		}
		if !m.chart.has(hyperkalemia) {
			m.record(hyperkalemia, m.now)
		}
	}
}

// discover puts true conditions on the problem list: those that hurt are told,
// the silent ones need a measured value.
func (m *maker) discover() {
	for c := condition(0); c < lastChronic; c++ {
		on := m.person.onset[c]
		if m.chart.has(c) && m.passed(c) && m.takesFor(c) == 0 && m.draw.chance(.6) {
			m.resolve(c, m.now)
		}
		if on == 0 || on > m.now || m.passed(c) || m.chart.has(c) {
			continue
		}
		p := .75
		switch c {
		case hypertension:
			p = .75 * b2f(m.seen(systolic, 0) > 134 && m.before[systolic] > 132)
		case diabetes2:
			p = .85 * b2f(m.seen(a1c, 0) >= 6.5)
		case hyperlipidemia:
			p = .7 * b2f(m.seen(ldl, 0) > 140)
		case kidney:
			p = .7 * b2f(m.measured[egfr] > 0 && m.value[egfr] < 60)
		case hypothyroidism:
			p = .85 * b2f(m.seen(tsh, 0) > 4.5)
		case ironAnemia:
			p = .8 * b2f(m.measured[hemoglobin] > 0 && m.value[hemoglobin] < 12.3)
		case osteoporosis:
			p = .9 * b2f(m.measured[boneDensity] > 0 && m.value[boneDensity] < -1.8)
		case prostateCancer:
			p = .6 * b2f(m.seen(psa, 0) > 4)
		case obesity, smoking, alcohol:
			p = .35
		}
		if p > 0 && m.draw.chance(p) {
			m.record(c, on)
		}
	}
}

// record adds a condition to the problem list.
func (m *maker) record(c condition, onset stamp) {
	if len(m.problems) > 200 {
		return
	}
	p := problem{cond: c, onset: onset, recorded: m.now + m.visit.lag/2, clinic: m.visit.clinic, visit: m.visit.id}
	p.id = m.nextID()
	if m.silent {
		p.visit = id{}
	}
	m.problems = append(m.problems, p)
	m.listed[c] = len(m.problems)
	m.sayDiagnosis(c)
}

// resolve closes an open problem.
func (m *maker) resolve(c condition, at stamp) {
	if i := m.listed[c]; i > 0 {
		m.problems[i-1].resolved = at
		m.listed[c] = 0
	}
}

// treat considers a therapeutic procedure, not again within the given days.
func (m *maker) treat(t therapy, c condition, p float64, again float64) bool {
	if p <= 0 || m.treated[t] > 0 && m.now-m.treated[t] < stamp(again)*day {
		return false
	}
	yes := m.draw.chance(p)
	m.consider(candidate{kind: 'p', index: int(t), p: p, ordered: yes})
	if yes {
		m.treated[t] = m.now
		m.writeProcedure(t, c)
		m.sayPlan(therapies[t].words)
	}
	return yes
}
