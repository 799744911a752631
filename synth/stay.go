package synth

// stayCourse is how an admission goes: what is ordered on arrival, what in the
// following days depending on how things go, and at discharge.
type stayCourse struct {
	days    float64 // typical length
	arrive  []slot
	tests   []chanceOf
	daily   []chanceOf
	later   []slot // from the second day, each day until taken
	worse   []slot // when there is no improvement on the third day
	home    []slot // at discharge
	procs   []procedureChance
	laterTx []procedureChance
	death   float64
	effect  func(m *maker)
}

var (
	clotPrevention = slot{func(m *maker) float64 {
		return .72 * lessIf(m.on(directAnticoagulant, vitaminKAntagonist) || m.bleed > 0, .02) * lessIf(m.age(m.now) < 30, .4)
	}, []option{{heparins, always(1)}}}
	feverRelief  = slot{prob(.6), []option{{acetaminophenGroup, always(1)}}}
	nausea       = slot{prob(.4), []option{{antiemetic, always(1)}}}
	fluids       = slot{prob(.6), []option{{intravenousFluid, always(1)}}}
	hospitalPain = slot{prob(.75), []option{{strongOpioid, func(m *maker) float64 { return 1.4 * lessIf(m.age(m.now) > 80, .6) }}, {acetaminophenGroup, always(.7)}}}
	repletion    = slot{func(m *maker) float64 { return .75 * b2f(m.seen(potassium, 4) < 3.7) }, []option{{potassiumSupplement, always(1)}}}
	correction   = slot{func(m *maker) float64 { return .75 * b2f(m.has(diabetes2) || m.seen(glucose, 100) > 190) }, []option{{mealInsulin, always(1)}}}
	sleepAid     = slot{prob(.12), []option{{hypnotic, always(1)}}}
	stomach      = slot{func(m *maker) float64 { return .2 + .4*b2f(m.on(oralSteroid) || m.on(antiplatelet)) }, []option{{protonPump, func(m *maker) float64 { return lessIf(m.on(h2Blocker), 0) }}, {h2Blocker, func(m *maker) float64 { return .5 * lessIf(m.on(protonPump), 0) }}}}
	bloodDaily   = []chanceOf{{metabolicPanel, .7}, {bloodCount, .6}}
	arrivalBlood = []chanceOf{{metabolicPanel, .95}, {bloodCount, .95}, {electrocardiogram, .45}}
)

func with(base []chanceOf, more ...chanceOf) []chanceOf {
	return append(append([]chanceOf(nil), base...), more...)
}

// lungBugs treats pneumonia in hospital (ATS/IDSA 2019).
var lungBugs = []option{
	{cephalosporinIV, func(m *maker) float64 { return 2.4 * m.tired(cephalosporinIV) }},
	{fluoroquinolone, func(m *maker) float64 { return .4 + 2.5*b2f(m.known[allergyPenicillin]) }},
	{broadIV, func(m *maker) float64 { return .15 + 1.2*b2f(m.infected > 0 && m.now-m.infected < 90*day) }},
}

var (
	pneumoniaStay = stayCourse{days: 4, tests: with(arrivalBlood, chanceOf{chestXray, .95}, chanceOf{bloodCultureTest, .6}, chanceOf{procalcitoninTest, .4}, chanceOf{lactateTest, .35}, chanceOf{covidTest, .6}), daily: bloodDaily,
		arrive: []slot{{prob(.97), lungBugs}, {prob(.6), []option{{macrolide, func(m *maker) float64 { return lessIf(m.has(fibrillation), .4) }}, {tetracycline, always(.5)}}}, clotPrevention, feverRelief, fluids},
		later:  []slot{correction, repletion, {func(m *maker) float64 { return .6 * b2f(m.has(copd)) }, one(oralSteroid)}, sleepAid},
		worse:  []slot{{prob(.7), one(broadIV)}, {prob(.5), one(glycopeptide)}}, home: []slot{{prob(.6), []option{bug(penicillinBroad, 1), bug(tetracycline, .8), bug(fluoroquinolone, .5)}}},
		procs: []procedureChance{{oxygen, .6}}, death: .04}
	cellulitisStay = stayCourse{days: 2.5, tests: with(arrivalBlood, chanceOf{bloodCultureTest, .5}), daily: bloodDaily,
		arrive: []slot{{prob(.9), []option{{cephalosporinIV, always(2)}, {glycopeptide, func(m *maker) float64 { return .7 + 1.5*b2f(m.known[allergyPenicillin]) }}}}, feverRelief, clotPrevention, hospitalPain},
		later:  []slot{correction, repletion}, worse: []slot{{prob(.6), one(glycopeptide)}}, home: []slot{{prob(.85), []option{bug(cephalosporin, 2), bug(sulfaAntibiotic, 1), bug(tetracycline, .7)}}}}
	asthmaStay = stayCourse{days: 2, tests: with(arrivalBlood, chanceOf{chestXray, .7}), daily: nil,
		arrive: []slot{{prob(.97), one(oralSteroid)}, {prob(.95), one(shortBeta)}}, later: []slot{{prob(.3), []option{bug(macrolide, 1)}}, sleepAid}, procs: []procedureChance{{oxygen, .6}},
		home: []slot{{prob(.6), []option{{inhaledSteroid, always(1)}, {steroidLABA, func(m *maker) float64 { return 1.4 * lessIf(m.age(m.now) < 6, 0) }}}}}}
	copdStay = stayCourse{days: 4, tests: with(arrivalBlood, chanceOf{chestXray, .9}, chanceOf{covidTest, .5}, chanceOf{bnpTest, .3}), daily: bloodDaily,
		arrive: []slot{{prob(.95), one(oralSteroid)}, {prob(.9), one(shortBeta)}, {prob(.75), []option{bug(macrolide, 1.4), bug(tetracycline, 1), {cephalosporinIV, always(.8)}, bug(fluoroquinolone, .5)}}, clotPrevention},
		later:  []slot{correction, repletion, stomach, sleepAid}, worse: []slot{{prob(.6), one(broadIV)}}, home: []slot{{prob(.45), []option{{muscarinic, always(1)}, {steroidLABA, always(1)}}}},
		procs: []procedureChance{{oxygen, .8}}, laterTx: []procedureChance{{pulmonaryRehab, .15}}, death: .04}
	heartStay = stayCourse{days: 4.5, tests: with(arrivalBlood, chanceOf{bnpTest, .9}, chanceOf{chestXray, .85}, chanceOf{troponinTest, .7}, chanceOf{echocardiogram, .45}), daily: with(bloodDaily, chanceOf{bnpTest, .1}),
		arrive: []slot{{prob(.95), one(loopDiuretic)}, clotPrevention}, later: []slot{repletion, correction, {func(m *maker) float64 { return .3 * b2f(m.seen(potassium, 4.2) < 4.8) }, one(potassiumSparing)}, {prob(.25), one(sglt2)}, sleepAid},
		worse: []slot{{prob(.4), one(nitrate)}}, home: []slot{{prob(.35), []option{{aceInhibitor, func(m *maker) float64 {
			return lessIf(m.on(aceInhibitor, arb, arni) || m.pregnant() || m.seen(potassium, 4) > 5.2, 0)
		}}, {betaBlocker, func(m *maker) float64 { return lessIf(m.on(betaBlocker, nonselectiveBeta), 0) }}}}}, procs: []procedureChance{{oxygen, .55}}, laterTx: []procedureChance{{cardiacRehab, .1}}, death: .04}
	infarctionStay = stayCourse{days: 3.5, tests: with(arrivalBlood, chanceOf{troponinTest, .99}, chanceOf{lipidPanel, .5}, chanceOf{chestXray, .6}, chanceOf{a1cTest, .3}), daily: with(bloodDaily, chanceOf{troponinTest, .5}),
		arrive: []slot{{prob(.95), one(antiplatelet)}, {prob(.85), one(p2y12)}, {prob(.8), one(heparins)}, {prob(.4), one(nitrate)}, {prob(.3), one(strongOpioid)}},
		later: []slot{{prob(.75), []option{{statin, func(m *maker) float64 { return lessIf(m.on(statin), 0) }}}}, {prob(.65), []option{{betaBlocker, func(m *maker) float64 {
			return lessIf(m.on(betaBlocker, nonselectiveBeta) || m.seen(heartRate, 80) < 55, 0) * lessIf(m.has(asthma), .3)
		}}}}, {prob(.4), []option{{aceInhibitor, func(m *maker) float64 { return lessIf(m.on(aceInhibitor, arb, arni) || m.pregnant(), 0) }}}}, repletion, correction, stomach},
		home: []slot{{prob(.5), one(nitrate)}}, procs: []procedureChance{{coronaryStent, .62}}, laterTx: []procedureChance{{cardiacRehab, .35}}, death: .06,
		effect: func(m *maker) {
			m.heartHit = 1
			if m.person.onset[coronary] == 0 || m.person.onset[coronary] > m.now {
				m.person.onset[coronary] = m.now - day
			}
		}}
	strokeStay = stayCourse{days: 5, tests: with(arrivalBlood, chanceOf{ctHead, .98}, chanceOf{lipidPanel, .7}, chanceOf{a1cTest, .6}, chanceOf{echocardiogram, .6}, chanceOf{inrTest, .6}), daily: bloodDaily,
		arrive: []slot{{func(m *maker) float64 { return .85 * lessIf(m.on(directAnticoagulant, vitaminKAntagonist), .3) }, one(antiplatelet)}, clotPrevention}, later: []slot{{prob(.35), one(p2y12)}, {prob(.8), []option{{statin, func(m *maker) float64 { return lessIf(m.on(statin), 0) }}}}, {func(m *maker) float64 { return .5 * b2f(m.has(fibrillation)) }, []option{{directAnticoagulant, func(m *maker) float64 { return m.anticoagulate() }}}}, correction, stomach},
		home: []slot{{func(m *maker) float64 { return .4 * b2f(m.seen(systolic, 140) > 138) }, []option{{aceInhibitor, func(m *maker) float64 { return lessIf(m.on(aceInhibitor, arb, arni), 0) }}, {calciumBlocker, always(.8)}, {thiazide, always(.5)}}}}, procs: []procedureChance{{thrombolysis, .12}}, laterTx: []procedureChance{{physicalTherapy, .6}, {speechTherapy, .45}}, death: .08}
	sepsisStay = stayCourse{days: 7, tests: with(arrivalBlood, chanceOf{lactateTest, .92}, chanceOf{bloodCultureTest, .95}, chanceOf{urineCultureTest, .7}, chanceOf{chestXray, .85}, chanceOf{procalcitoninTest, .5}, chanceOf{inrTest, .5}), daily: with(bloodDaily, chanceOf{lactateTest, .3}, chanceOf{procalcitoninTest, .2}),
		arrive: []slot{{prob(.96), []option{{broadIV, always(2)}, {cephalosporinIV, func(m *maker) float64 { return 1 * m.tired(cephalosporinIV) }}}}, {prob(.5), one(glycopeptide)}, {prob(.92), one(intravenousFluid)}, {func(m *maker) float64 { return .3 * m.acid }, one(vasopressor)}, clotPrevention, feverRelief},
		later:  []slot{repletion, correction, stomach, {func(m *maker) float64 { return .5 * b2f(m.value[bloodCulture] == 0) }, one(cephalosporinIV)}, sleepAid}, worse: []slot{{prob(.6), one(broadIV)}, {prob(.5), one(vasopressor)}},
		home: []slot{{prob(.5), []option{bug(cephalosporin, 1), bug(fluoroquinolone, 1), bug(sulfaAntibiotic, .6)}}}, procs: []procedureChance{{oxygen, .4}}, death: .14, effect: func(m *maker) { m.acid = .8; m.kidneyHit = .6 }}
	embolismStay = stayCourse{days: 3, tests: with(arrivalBlood, chanceOf{ctChestAngio, .95}, chanceOf{troponinTest, .8}, chanceOf{bnpTest, .5}), daily: bloodDaily,
		arrive: []slot{{prob(.85), one(heparins)}, hospitalPain}, later: []slot{{prob(.85), []option{{directAnticoagulant, func(m *maker) float64 {
			return 3 * lessIf(m.on(directAnticoagulant, vitaminKAntagonist) || m.pregnant(), 0)
		}}, {vitaminKAntagonist, func(m *maker) float64 {
			return .4 * lessIf(m.on(directAnticoagulant, vitaminKAntagonist), 0) * moreIf(m.seen(egfr, 90) < 25, 5)
		}}}}}, procs: []procedureChance{{oxygen, .5}}, death: .04}
	hipStay = stayCourse{days: 5, tests: with(arrivalBlood, chanceOf{limbXray, .98}, chanceOf{chestXray, .5}, chanceOf{inrTest, .5}), daily: bloodDaily,
		arrive: []slot{{prob(.9), []option{{strongOpioid, always(1)}}}, {prob(.6), one(acetaminophenGroup)}, {prob(.7), one(cephalosporinIV)}}, later: []slot{clotPrevention, repletion, stomach, nausea, sleepAid}, home: []slot{{func(m *maker) float64 { return .35 * b2f(m.seen(egfr, 80) > 35) }, []option{{bisphosphonate, always(1)}, {antiresorptive, always(.5)}}}, {prob(.5), one(weakOpioid)}},
		procs: []procedureChance{{hipRepair, .96}}, laterTx: []procedureChance{{physicalTherapy, .8}, {transfusion, .2}}, death: .04, effect: func(m *maker) { m.bleed = .6 }}
	appendixStay    = stayCourse{days: 1.6, tests: with(arrivalBlood, chanceOf{ctAbdomen, .8}, chanceOf{urinalysis, .5}, chanceOf{crpTest, .4}), arrive: []slot{{prob(.92), []option{{cephalosporinIV, always(2)}, {broadIV, always(.7)}}}, hospitalPain, nausea, fluids}, later: []slot{hospitalPain}, home: []slot{painSlot(.8, .7)}, procs: []procedureChance{{appendectomy, .93}}}
	gallbladderStay = stayCourse{days: 2.4, tests: with(arrivalBlood, chanceOf{comprehensivePanel, .7}, chanceOf{ultrasoundAbdomen, .9}), arrive: []slot{{prob(.85), []option{{cephalosporinIV, always(1.4)}, {broadIV, always(1)}}}, hospitalPain, nausea, fluids}, later: []slot{hospitalPain, clotPrevention}, home: []slot{painSlot(.75, .6)}, procs: []procedureChance{{gallbladderRemoval, .82}}}
	bleedingStay    = stayCourse{days: 3.2, tests: with(arrivalBlood, chanceOf{inrTest, .8}, chanceOf{endoscopy, .75}), daily: with(bloodDaily, chanceOf{bloodCount, .5}), arrive: []slot{{prob(.95), one(protonPump)}, fluids}, later: []slot{repletion, {prob(.4), one(iron)}, correction}, home: []slot{{prob(.5), one(iron)}}, procs: []procedureChance{{transfusion, .45}}, death: .03,
		effect: func(m *maker) {
			m.bleed = 1.3
			for i := len(m.meds) - 1; i >= 0; i-- {
				if g := drugs[m.meds[i].drug].group; g == nsaid || g == antiplatelet && !m.has(coronary) || (g == directAnticoagulant || g == vitaminKAntagonist) && m.draw.chance(.6) {
					m.stop(i, harmful)
				}
			}
		}}
	ketoStay  = stayCourse{days: 2.5, tests: with(arrivalBlood, chanceOf{glucoseTest, .95}, chanceOf{lactateTest, .5}, chanceOf{a1cTest, .5}), daily: with(bloodDaily, chanceOf{glucoseTest, .9}), arrive: []slot{{prob(.97), one(intravenousFluid)}, {prob(.95), one(mealInsulin)}, nausea}, later: []slot{{prob(.8), one(basalInsulin)}, {prob(.7), one(potassiumSupplement)}}, death: .005, effect: func(m *maker) { m.acid = 1.2 }}
	birthStay = stayCourse{days: 2.1, tests: []chanceOf{{bloodCount, .9}}, arrive: []slot{{prob(.45), one(uterotonic)}, {prob(.3), []option{{penicillin, always(1)}, {cephalosporinIV, always(.5)}}}}, later: []slot{painSlot(.85, .2), {prob(.3), one(iron)}}, home: []slot{{prob(.35), []option{{contraceptive, always(1)}}}}}
)

// admission makes a stay of more than a day, day by day.
func (m *maker) admission(x *illness, s *stayCourse) {
	all := m.h.bySpecial[hospitalist]
	m.open(all[m.draw.below(len(all))], "IMP", x.cond, x.chief)
	v := &m.visit
	v.stay = true
	length := max(1.1, s.days*m.draw.between(.6, 1.7)+.02*max(0, m.age(m.now)-60))
	v.end = min(v.start+stamp(length*float64(day)), m.until-1)
	v.lag = stamp(m.draw.between(600, 5400))
	m.opening()
	m.sayAll(x.says, x.denies)
	m.acute = acute{fever: x.fever, bacterial: x.bacteria, breathless: b2f(x.cond == pneumonia || x.cond == copdFlare || x.cond == embolism), wet: b2f(x.cond == heartFlare)}
	if s.effect != nil {
		s.effect(m)
	}
	m.vitals(1)
	m.record(x.cond, v.start-stamp(m.draw.between(2, 40))*hour)
	m.runTests(s.tests)
	m.fill(s.arrive, x.cond)
	m.continueHome()
	m.runProcedures(s.procs, x.cond)
	slow := m.draw.chance(.22)
	for n := stamp(1); v.start+n*day < v.end-4*hour; n++ {
		m.now = v.start + n*day
		v.lag = stamp(m.draw.between(-6*3600, 6*3600))
		m.fever *= .55
		if slow {
			m.fever = min(x.fever, m.fever*1.6)
		}
		m.tally()
		m.vitals(.9)
		if m.draw.chance(.3) {
			v.lag += 5 * hour
		}
		m.runTests(s.daily)
		m.fill(s.later, x.cond)
		if n == 1 {
			m.runProcedures(s.laterTx, x.cond)
		}
		if slow && n == 2 {
			m.say("No better on the third day.")
			m.fill(s.worse, x.cond)
		}
	}
	m.leave(x, s)
}

// leave discharges, or ends in death.
func (m *maker) leave(x *illness, s *stayCourse) {
	v := &m.visit
	m.now, v.lag = v.end-2*hour, stamp(m.draw.between(0, 3600))
	if m.draw.chance(s.death * (.4 + m.age(m.now)/70)) {
		m.person.died = v.end
		m.say("The patient died despite treatment.")
		m.closeVisit()
		return
	}
	m.dropHospitalDrugs()
	v.stay = false // orders for home last as at a clinic
	m.fill(s.home, x.cond)
	v.stay = true
	m.acute = acute{}
	m.closeVisit()
	m.resolve(x.cond, min(m.until-1, v.start+stamp(x.days*float64(day))))
}

// dropHospitalDrugs ends what is given in a hospital only.
func (m *maker) dropHospitalDrugs() {
	for i := len(m.meds) - 1; i >= 0; i-- {
		a := &m.meds[i]
		g := drugs[a.drug].group
		if a.since >= m.visit.start && (drugs[a.drug].days < 10 || g == mealInsulin && !m.has(diabetes1) || g == hypnotic) {
			m.lapse(i)
		}
	}
}

// continueHome orders what the patient takes at home for the stay.
func (m *maker) continueHome() {
	for i := range m.meds {
		a := &m.meds[i]
		if a.since >= m.visit.start || drugs[a.drug].days < 28 {
			continue
		}
		p := .72
		switch drugs[a.drug].group {
		case metforminGroup, sglt2, nsaid:
			p = .12
		case aceInhibitor, arb, thiazide:
			p = .6 * lessIf(m.kidneyHit > 0 || m.bleed > 0, .2)
		}
		yes := m.draw.chance(p)
		m.consider(candidate{kind: 'm', index: int(a.drug), p: p, ordered: yes, renewal: true})
		if yes {
			m.prescribe(a.drug, a.cond, 0)
		}
	}
}

// fill goes through the slots of a treatment.
func (m *maker) fill(slots []slot, c condition) {
	for i := range slots {
		if d := m.choose(min(.99, slots[i].p(m)), c, slots[i].options); d >= 0 {
			m.start(d, c, 1)
			if g := drugs[d].group; g >= penicillin && g <= glycopeptide {
				m.infected, m.lastBug = m.now, g
			}
			m.tally()
		}
	}
}

// runTests tries each test by its chance and the clinician's habits.
func (m *maker) runTests(list []chanceOf) {
	for _, c := range list {
		odds := logit(c.p) + .8*m.visit.doctor.testing[c.test]
		m.tryTest(c.test, sigmoid(odds))
	}
}

func (m *maker) runProcedures(list []procedureChance, c condition) {
	for _, x := range list {
		m.treat(x.therapy, c, x.p, 1)
	}
}
