package synth

// illness is an acute course: how often it comes, how it shows, what is tested
// and how it is treated, at home or in the hospital.
type illness struct {
	cond     condition
	rate     [5]float64 // per 1,000 person-years at ages 0–4, 5–17, 18–49, 50–69, 70+
	risk     func(m *maker) float64
	chief    string
	says     []string
	denies   string
	fever    float64
	bacteria float64
	tests    []chanceOf
	slots    []slot
	procs    []procedureChance
	admit    func(m *maker) float64 // probability of a stay; nil never
	stay     *stayCourse
	days     float64 // until it is over
}

type chanceOf struct {
	test test
	p    float64
}

type procedureChance struct {
	therapy therapy
	p       float64
}

// slot is one place for a drug in the treatment of an acute illness: at most
// one of the options is taken.
type slot struct {
	p       func(m *maker) float64
	options []option
}

func prob(p float64) func(*maker) float64 { return func(*maker) float64 { return p } }

func one(g group) []option { return []option{{g, always(1)}} }

// tired lowers an antibiotic group that was given in the last three months.
func (m *maker) tired(g group) float64 {
	return lessIf(m.lastBug == g && m.infected > 0 && m.now-m.infected < 90*day, .15)
}

func bug(g group, w float64) option {
	return option{g, func(m *maker) float64 { return w * m.tired(g) }}
}

// painSlot relieves pain: the choice follows the risks of NSAIDs and opioids.
func painSlot(p, opioid float64) slot {
	return slot{prob(p), []option{
		{nsaid, func(m *maker) float64 { return 1.4 * m.nsaidSafe() }}, {acetaminophenGroup, always(.8)},
		{strongOpioid, func(m *maker) float64 {
			return opioid * lessIf(m.on(benzodiazepine) || m.has(alcohol), .2) * lessIf(m.age(m.now) < 14, .05)
		}},
	}}
}

// illnesses is a read-only table; sources by course in testdata/README.md.
var illnesses = []illness{
	{cond: coldURI, rate: [5]float64{260, 130, 60, 45, 35}, chief: "Cough and runny nose", says: []string{"Runny nose and sore throat for three days.", "Everyone at home has a cold."}, denies: "Denies shortness of breath.", fever: .3, days: 9,
		tests: []chanceOf{{covidTest, .3}, {strepTest, .12}, {fluTest, .12}}, slots: []slot{
			{prob(.2), []option{{coughRemedy, always(1)}, {antihistamine, always(.6)}}},
			{func(m *maker) float64 { return .05 * sigmoid(m.visit.doctor.inertia*2) }, []option{bug(macrolide, 1), bug(penicillin, .6)}},
		}},
	{cond: bronchitis, rate: [5]float64{20, 15, 22, 30, 34}, risk: func(m *maker) float64 { return 1 + .8*b2f(m.person.smokes) }, chief: "Cough", says: []string{"Cough with yellow phlegm for ten days."}, denies: "No fever or chills.", fever: .3, days: 18,
		tests: []chanceOf{{chestXray, .22}, {covidTest, .2}}, slots: []slot{
			{func(m *maker) float64 { return sigmoid(-1.3 + 1.2*m.visit.doctor.inertia + b2f(m.age(m.now) > 65)) }, []option{bug(macrolide, 2), bug(tetracycline, 1), bug(penicillinBroad, .5)}},
			{prob(.45), one(coughRemedy)}, {func(m *maker) float64 { return .15 + .4*b2f(m.has(asthma) || m.has(copd)) }, one(shortBeta)},
		}},
	{cond: strep, rate: [5]float64{20, 55, 12, 3, 1}, chief: "Sore throat", says: []string{"Throat hurts when swallowing, no cough.", "Fever since yesterday."}, denies: "Denies cough.", fever: 1.4, bacteria: 1, days: 8,
		tests: []chanceOf{{strepTest, .82}, {covidTest, .12}}, slots: []slot{
			{prob(.88), []option{bug(penicillin, 4), {cephalosporin, func(m *maker) float64 { return .3 + 2*b2f(m.known[allergyPenicillin]) }}, {macrolide, func(m *maker) float64 { return .15 + 2*b2f(m.known[allergyPenicillin]) }}}},
		}},
	{cond: otitis, rate: [5]float64{230, 40, 5, 2, 1}, chief: "Ear pain", says: []string{"Pulls at the ear and cries at night."}, denies: "No discharge.", fever: 1, bacteria: 1, days: 9, slots: []slot{
		{func(m *maker) float64 { return .6 + .25*b2f(m.age(m.now) < 2) }, []option{bug(penicillin, 3), {penicillinBroad, func(m *maker) float64 { return .4 + 2.5*b2f(m.infected > m.now-40*day && m.infected > 0) }}, {cephalosporin, func(m *maker) float64 { return .15 + 2*b2f(m.known[allergyPenicillin]) }}, bug(macrolide, .1)}},
		{prob(.3), one(acetaminophenGroup)},
	}},
	{cond: sinusitis, rate: [5]float64{8, 14, 24, 22, 14}, risk: func(m *maker) float64 { return 1 + b2f(m.has(rhinitis)) }, chief: "Facial pain and congestion", says: []string{"Facial pressure and thick discharge for twelve days, worse again after improving."}, denies: "No vision change.", fever: .4, bacteria: 1, days: 14, slots: []slot{
		{prob(.7), []option{bug(penicillinBroad, 3), {tetracycline, func(m *maker) float64 { return .5 + 2.5*b2f(m.known[allergyPenicillin]) }}, bug(penicillin, .5), bug(macrolide, .3), bug(fluoroquinolone, .15)}},
		{prob(.4), one(nasalSteroid)},
	}},
	{cond: cystitis, rate: [5]float64{8, 9, 34, 36, 60}, risk: func(m *maker) float64 {
		if !m.person.woman {
			return .15 + .3*b2f(m.has(prostateHyperplasia))
		}
		return 1.5 + .8*b2f(m.doneRecently(cystitis)) + .6*b2f(m.on(sglt2)) + .4*b2f(m.has(diabetes2))
	}, chief: "Burning urination", says: []string{"Burning and frequency for two days."}, denies: "No flank pain, no fever.", bacteria: 1, days: 6, tests: []chanceOf{{urinalysis, .85}, {urineCultureTest, .4}}, slots: []slot{
		{prob(.9), []option{
			{urinaryAntibiotic, func(m *maker) float64 { return 3 * lessIf(!m.person.woman, .15) * m.tired(urinaryAntibiotic) }},
			{sulfaAntibiotic, func(m *maker) float64 {
				return 1.6 * lessIf(m.on(aceInhibitor, arb, potassiumSparing), .3) * lessIf(m.pregnant() || m.on(vitaminKAntagonist), .05) * m.tired(sulfaAntibiotic)
			}},
			{fluoroquinolone, func(m *maker) float64 {
				return .4 * moreIf(!m.person.woman, 3) * lessIf(m.age(m.now) > 70, .6) * m.tired(fluoroquinolone)
			}},
			{cephalosporin, func(m *maker) float64 { return .4 * moreIf(m.pregnant(), 6) * moreIf(m.seen(egfr, 90) < 40, 2.5) }}}},
	}},
	{cond: influenza, rate: [5]float64{35, 28, 12, 10, 11}, risk: func(m *maker) float64 {
		return lessIf(m.now-m.given[vaccineFlu] < 300*day && m.given[vaccineFlu] > 0, .55)
	}, chief: "Fever and body aches", says: []string{"Sudden fever, aches, dry cough."}, denies: "No rash.", fever: 2, days: 8, tests: []chanceOf{{fluTest, .75}, {covidTest, .5}}, slots: []slot{
		{func(m *maker) float64 {
			return .3 + .4*b2f(m.age(m.now) > 65 || m.pregnant() || m.has(asthma) || m.has(copd) || m.age(m.now) < 3)
		}, one(antiviralFlu)},
		{prob(.35), one(acetaminophenGroup)},
	}},
	{cond: covid, rate: [5]float64{25, 25, 30, 28, 28}, chief: "Cough and fever", says: []string{"Cough, fever, lost the sense of smell."}, denies: "No chest pain.", fever: 1.2, days: 10, tests: []chanceOf{{covidTest, .92}, {fluTest, .35}}, slots: []slot{
		{func(m *maker) float64 {
			return .02 + .5*b2f(m.age(m.now) > 64) + .2*b2f(m.has(diabetes2) || m.has(heartFailure) || m.has(copd) || m.person.bmi > 33)
		}, one(antiviralCovid)},
		{prob(.25), one(coughRemedy)},
	}},
	{cond: pneumonia, rate: [5]float64{18, 5, 5, 11, 32}, risk: func(m *maker) float64 {
		return 1 + 1.2*b2f(m.has(copd)) + .6*b2f(m.person.smokes) + .8*b2f(m.has(heartFailure)) + b2f(m.has(dementia))
	}, chief: "Cough, fever, short of breath", says: []string{"Fever with shaking chills, rusty phlegm, pain on deep breath."}, denies: "No leg swelling.", fever: 2, bacteria: 1.5, days: 16, tests: []chanceOf{{chestXray, .9}, {bloodCount, .5}, {metabolicPanel, .3}, {covidTest, .5}},
		slots: []slot{{prob(.94), []option{
			{penicillin, func(m *maker) float64 {
				return 1.6 * lessIf(m.has(copd) || m.has(heartFailure) || m.has(diabetes2), .1) * m.tired(penicillin)
			}},
			{tetracycline, func(m *maker) float64 { return 1.2 * lessIf(m.age(m.now) < 9, 0) * m.tired(tetracycline) }},
			{macrolide, func(m *maker) float64 {
				return 1 * lessIf(m.has(fibrillation) || m.onDrug("citalopram"), .3) * moreIf(m.age(m.now) < 18, 1.5) * m.tired(macrolide)
			}},
			{penicillinBroad, func(m *maker) float64 { return .3 + 1.6*b2f(m.has(copd) || m.has(heartFailure) || m.has(diabetes2)) }},
			{fluoroquinolone, func(m *maker) float64 {
				return .25 + 1*b2f((m.has(copd) || m.has(heartFailure)) && m.known[allergyPenicillin])
			}}}}},
		admit: func(m *maker) float64 {
			return sigmoid(-3.6 + .05*m.age(m.now) + .7*b2f(m.has(copd)) + .6*b2f(m.has(heartFailure)))
		}, stay: &pneumoniaStay},
	{cond: cellulitis, rate: [5]float64{3, 4, 10, 14, 18}, risk: func(m *maker) float64 { return 1 + .8*b2f(m.has(diabetes2)) + .6*b2f(m.has(obesity)) }, chief: "Red swollen leg", says: []string{"Spreading redness and warmth of the lower leg for two days."}, denies: "No bite or wound seen.", fever: .8, bacteria: 1, days: 10, slots: []slot{
		{prob(.93), []option{{cephalosporin, func(m *maker) float64 { return 3 * m.tired(cephalosporin) }}, bug(sulfaAntibiotic, .8), {tetracycline, func(m *maker) float64 { return .6 * lessIf(m.age(m.now) < 9, 0) }}, bug(penicillinBroad, .3)}},
	}, admit: prob(.07), stay: &cellulitisStay},
	{cond: gastroenteritis, rate: [5]float64{60, 20, 14, 10, 10}, chief: "Vomiting and diarrhea", says: []string{"Watery stools six times a day, vomited twice."}, denies: "No blood in the stool.", fever: .4, days: 5, tests: []chanceOf{{metabolicPanel, .15}}, slots: []slot{{prob(.3), one(antiemetic)}, {prob(.08), one(intravenousFluid)}}},
	{cond: ankleSprain, rate: [5]float64{3, 16, 12, 6, 3}, chief: "Ankle injury", says: []string{"Twisted the ankle on a kerb, can walk four steps."}, denies: "No numbness.", days: 25, tests: []chanceOf{{limbXray, .5}}, slots: []slot{painSlot(.6, .02)}, procs: []procedureChance{{immobilization, .4}, {physicalTherapy, .1}}},
	{cond: wristFracture, rate: [5]float64{5, 10, 4, 5, 9}, risk: func(m *maker) float64 { return 1 + 1.2*b2f(m.ill(osteoporosis) > 0) }, chief: "Wrist injury", says: []string{"Fell on the outstretched hand; wrist is swollen."}, denies: "No loss of consciousness.", days: 50, tests: []chanceOf{{limbXray, .98}, {dxa, .08}}, slots: []slot{painSlot(.9, .6)}, procs: []procedureChance{{immobilization, .95}, {physicalTherapy, .2}}},
	{cond: laceration, rate: [5]float64{16, 14, 10, 6, 6}, chief: "Cut hand", says: []string{"Cut the hand on a kitchen knife."}, denies: "No numbness, can move all fingers.", days: 12, slots: []slot{painSlot(.4, .02), {prob(.15), []option{bug(cephalosporin, 1), bug(penicillinBroad, .5)}}}, procs: []procedureChance{{suture, .8}}},
	{cond: concussion, rate: [5]float64{4, 8, 3, 2, 4}, chief: "Hit the head", says: []string{"Headache and fogginess after a fall."}, denies: "No vomiting.", days: 14, tests: []chanceOf{{ctHead, .45}}, slots: []slot{{prob(.5), one(acetaminophenGroup)}, {prob(.2), one(antiemetic)}}},
	{cond: kidneyStone, rate: [5]float64{0, .4, 3, 5, 4}, risk: func(m *maker) float64 { return 1 + .6*b2f(m.has(gout)) + 1.5*b2f(m.doneEver(kidneyStone)) }, chief: "Flank pain", says: []string{"Sudden right flank pain that comes in waves."}, denies: "No fever.", days: 14, tests: []chanceOf{{ctAbdomen, .8}, {urinalysis, .7}, {metabolicPanel, .6}}, slots: []slot{painSlot(.95, .8), {prob(.5), []option{{alphaBlocker, always(1)}}}, {prob(.45), one(antiemetic)}}},
	{cond: zoster, rate: [5]float64{0, .7, 2.5, 6, 10}, risk: func(m *maker) float64 { return lessIf(m.doses[vaccineZoster] > 0, .2) }, chief: "Painful rash", says: []string{"Burning band of blisters on the left chest."}, denies: "No eye pain.", days: 24, slots: []slot{{prob(.85), one(antiviralZoster)}, {prob(.4), []option{{neuropathic, func(m *maker) float64 { return lessIf(m.seen(egfr, 90) < 30, .3) }}, {acetaminophenGroup, always(.8)}, {strongOpioid, always(.15)}}}}},
	{cond: goutFlare, rate: [5]float64{0, 0, 4, 5, 5}, risk: func(m *maker) float64 {
		if m.ill(gout) == 0 {
			return 0
		}
		return max(5, 40*(m.truth(urate)-5.6))
	}, chief: "Painful swollen toe", says: []string{"Woke up with a hot, exquisitely tender big toe."}, denies: "No injury.", days: 9, tests: []chanceOf{{urateTest, .5}, {metabolicPanel, .2}}, slots: []slot{
		{prob(.93), []option{{goutAcute, func(m *maker) float64 { return 1.2 * lessIf(m.seen(egfr, 90) < 45, .3) }}, {nsaid, func(m *maker) float64 { return 1.2 * m.nsaidSafe() }}, {oralSteroid, func(m *maker) float64 { return .7 * lessIf(m.has(diabetes2), .35) * moreIf(m.seen(egfr, 90) < 45, 3) }}}},
	}},
	{cond: asthmaFlare, rate: [5]float64{10, 10, 10, 10, 10}, risk: func(m *maker) float64 { return 14 * max(0, m.ill(asthma)-.65*m.relieve(asthma)) }, chief: "Wheezing", says: []string{"Tight chest and wheeze since last night, inhaler every two hours."}, denies: "No fever.", days: 10, tests: []chanceOf{{chestXray, .2}}, slots: []slot{
		{prob(.9), one(oralSteroid)}, {prob(.7), one(shortBeta)}, {prob(.08), []option{bug(macrolide, 1)}},
	}, admit: prob(.07), stay: &asthmaStay},
	{cond: copdFlare, rate: [5]float64{0, 0, 10, 10, 10}, risk: func(m *maker) float64 { return 40 * max(0, m.ill(copd)-.4*m.relieve(copd)) }, chief: "Worse breathlessness", says: []string{"More phlegm, now green, and more breathless for four days."}, denies: "No chest pain.", fever: .3, bacteria: .6, days: 14, tests: []chanceOf{{chestXray, .6}, {bloodCount, .3}}, slots: []slot{
		{prob(.9), one(oralSteroid)}, {prob(.7), []option{bug(tetracycline, 1.2), bug(macrolide, 1.2), bug(penicillinBroad, .9), bug(fluoroquinolone, .3)}}, {prob(.4), one(shortBeta)},
	}, admit: func(m *maker) float64 { return .1 + .25*sigmoid(m.ill(copd)-1.2) }, stay: &copdStay},
	{cond: heartFlare, rate: [5]float64{0, 0, 10, 10, 10}, risk: func(m *maker) float64 { return 26 * max(0, m.ill(heartFailure)-.25*m.relieve(heartFailure)) }, chief: "Swollen legs and breathless", says: []string{"Gained three kilos in a week, sleeps in the chair."}, denies: "No fever.", days: 12, tests: []chanceOf{{bnpTest, .7}, {metabolicPanel, .8}, {chestXray, .6}}, slots: []slot{{prob(.85), one(loopDiuretic)}},
		admit: prob(.6), stay: &heartStay},
	{cond: infarction, rate: [5]float64{0, 0, .3, 2.4, 5}, risk: func(m *maker) float64 { return .4 + 4*m.ill(coronary)*(1-.25*min(2, m.sum(statin))) }, chief: "Chest pain", says: []string{"Crushing chest pain for two hours with sweating."}, denies: "No fever.", days: 30, admit: prob(1), stay: &infarctionStay},
	{cond: stroke, rate: [5]float64{0, 0, .2, 1.6, 6}, risk: func(m *maker) float64 {
		return .5 + .8*b2f(m.ill(hypertension) > 0) + 1.8*m.ill(fibrillation)*lessIf(m.on(directAnticoagulant, vitaminKAntagonist), .3)
	}, chief: "Weak arm and slurred speech", says: []string{"Sudden weakness of the right arm and slurred speech."}, denies: "No headache.", days: 60, admit: prob(1), stay: &strokeStay},
	{cond: sepsis, rate: [5]float64{.5, .2, .7, 2.4, 9}, risk: func(m *maker) float64 { return 1 + b2f(m.has(diabetes2)) + b2f(m.has(kidney)) + b2f(m.has(dementia)) }, chief: "Fever and confusion", says: []string{"Fever, confused since the morning, not eating."}, denies: "No neck stiffness.", fever: 2.4, bacteria: 2, days: 25, admit: prob(1), stay: &sepsisStay},
	{cond: embolism, rate: [5]float64{0, 0, .4, 1, 2.4}, risk: func(m *maker) float64 {
		return 1 + 2*b2f(m.has(breastCancer) || m.has(prostateCancer)) + 1.5*b2f(m.on(contraceptive))
	}, chief: "Sharp chest pain and breathless", says: []string{"Sudden pleuritic pain and breathlessness after a long flight."}, denies: "No fever.", days: 60, admit: prob(1), stay: &embolismStay},
	{cond: hipFracture, rate: [5]float64{0, 0, .05, .7, 7}, risk: func(m *maker) float64 {
		return .5 + 1.6*b2f(m.ill(osteoporosis) > 0)*(1-.4*min(1, m.sum(bisphosphonate, antiresorptive)))
	}, chief: "Fall, cannot stand", says: []string{"Fell at home, hip pain, cannot stand."}, denies: "No loss of consciousness.", days: 70, admit: prob(1), stay: &hipStay},
	{cond: appendicitis, rate: [5]float64{.3, 1.8, 1.1, .5, .3}, chief: "Belly pain", says: []string{"Pain began around the navel and moved to the right lower belly."}, denies: "No diarrhea.", fever: .9, bacteria: 1, days: 14, admit: prob(1), stay: &appendixStay},
	{cond: cholecystitis, rate: [5]float64{0, .1, 1.2, 1.6, 2}, risk: func(m *maker) float64 { return .7 + .6*b2f(m.person.woman) + .5*b2f(m.has(obesity)) }, chief: "Right upper belly pain", says: []string{"Pain under the right ribs since a fatty meal, with vomiting."}, denies: "No jaundice.", fever: .8, bacteria: 1, days: 14, admit: prob(1), stay: &gallbladderStay},
	{cond: bleeding, rate: [5]float64{0, 0, .3, 1.1, 3.4}, risk: func(m *maker) float64 {
		return (1 + 3*b2f(m.ill(ulcer) > 0) + 2*m.sum(nsaid) + 1.2*m.sum(directAnticoagulant, vitaminKAntagonist) + .6*m.sum(antiplatelet, p2y12)) * lessIf(m.on(protonPump), .5)
	}, chief: "Black stools", says: []string{"Black tarry stools for two days and lightheaded."}, denies: "No vomiting of blood.", days: 20, admit: prob(1), stay: &bleedingStay},
	{cond: ketoacidosis, rate: [5]float64{1, 1, 1, 1, 1}, risk: func(m *maker) float64 { return 25 * m.ill(diabetes1) * max(.3, m.truth(a1c)-7) * .4 }, chief: "Vomiting and thirst", says: []string{"Very thirsty, vomiting, missed insulin doses."}, denies: "No fever.", days: 8, admit: prob(1), stay: &ketoStay},
}
