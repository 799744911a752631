package synth

import "math"

// program is how one chronic condition is managed: a score that is 0 at goal
// and 1 when clearly above it, and the options at hand.
type program struct {
	cond    condition
	score   func(m *maker) float64
	symptom string // how an uncontrolled score sounds in a note
	options []option
	most    int     // drugs wanted at most
	single  bool    // a drug that fails is replaced, not joined
	eager   float64 // log odds of starting anything at score 0
	every   float64 // days between visits when controlled
	after   func(m *maker)
}

// option is one group of drugs in a program. Its weight depends on the whole
// chart: contraindications make it zero, comorbidity raises or lowers it.
type option struct {
	group  group
	weight func(m *maker) float64
}

func always(w float64) func(*maker) float64 { return func(*maker) float64 { return w } }

// symptomScore is the score of conditions that are judged by what the patient
// tells, on a scale where 1 is moderately bothered.
func symptomScore(c condition, relief float64) func(*maker) float64 {
	return func(m *maker) float64 {
		return 1.1*m.ill(c) - 1.6*relief*m.relieve(c) - .4 + .3*m.draw.normal()
	}
}

// recent weighs the last two values of an analyte against a goal, the newer
// one more: a single outlier moves clinicians less than a trend.
func (m *maker) recent(a analyte, usual, goal, scale float64) float64 {
	now := m.seen(a, usual)
	if m.before[a] == 0 {
		return (now - goal) / scale
	}
	return (.65*now + .35*m.before[a] - goal) / scale
}

// programs is a read-only table; sources by course in testdata/README.md.
var programs = []program{
	{cond: hypertension, score: pressureScore, symptom: "Home blood pressure has been running high.", most: 4, eager: .9, every: 150, options: []option{
		{aceInhibitor, func(m *maker) float64 {
			if m.pregnant() {
				return 0
			}
			w := 1.2 * lessIf(m.on(arb, arni), 0) * lessIf(m.seen(potassium, 4.2) > 5.2, .1) * lessIf(m.refused[aceInhibitor] == harmful, 0)
			w *= moreIf(m.has(diabetes2) && m.seen(uacr, 10) > 30, 3) * moreIf(m.has(heartFailure) || m.has(coronary), 1.8)
			return w * lessIf(m.person.race == raceBlack && !m.has(kidney), .4) * lessIf(m.fertile(), .4)
		}},
		{arb, func(m *maker) float64 {
			if m.pregnant() {
				return 0
			}
			w := .8 * lessIf(m.on(aceInhibitor, arni), 0) * lessIf(m.seen(potassium, 4.2) > 5.2, .1)
			return w * moreIf(m.refused[aceInhibitor] > 0, 5) * moreIf(m.has(kidney), 1.7) * lessIf(m.fertile(), .4)
		}},
		{calciumBlocker, func(m *maker) float64 {
			return 1 * moreIf(m.person.race == raceBlack, 1.9) * moreIf(m.age(m.now) > 65, 1.4) * lessIf(m.has(heartFailure), .2) * lessIf(m.on(rateCalciumBlocker), 0)
		}},
		{thiazide, func(m *maker) float64 {
			w := .8 * lessIf(m.has(gout), .15) * lessIf(m.seen(sodium, 140) < 133, .05) * lessIf(m.seen(egfr, 90) < 30, .1)
			return w * lessIf(m.on(loopDiuretic), .1) * lessIf(m.on(moodStabilizer), .15) * lessIf(m.pregnant(), 0) * moreIf(m.takesFor(hypertension) == 1, 1.8)
		}},
		{betaBlocker, func(m *maker) float64 {
			return .2 * moreIf(m.has(coronary) || m.has(heartFailure) || m.has(fibrillation), 5) * lessIf(m.has(asthma), .3) * lessIf(m.seen(heartRate, 75) < 58, 0)
		}},
		{potassiumSparing, func(m *maker) float64 {
			if m.takesFor(hypertension) < 3 || m.seen(potassium, 4.2) > 4.7 || m.seen(egfr, 90) < 35 || m.pregnant() {
				return 0
			}
			return 2
		}},
		{pregnancyPressure, func(m *maker) float64 { return 4 * b2f(m.pregnant()) }},
	}},
	{cond: diabetes2, score: func(m *maker) float64 {
		goal := 7 + .7*b2f(m.age(m.now) > 75) + .4*b2f(m.has(heartFailure))
		return m.recent(a1c, 7.4, goal, .9)
	}, symptom: "Home sugars are above the target.", most: 4, eager: 1, every: 120, options: []option{
		{metforminGroup, func(m *maker) float64 {
			if m.seen(egfr, 90) < 30 || m.refused[metforminGroup] == harmful {
				return 0
			}
			return 4 * lessIf(m.seen(egfr, 90) < 45, .3) * lessIf(m.pregnant(), .5)
		}},
		{sglt2, func(m *maker) float64 {
			if m.seen(egfr, 90) < 25 || m.pregnant() {
				return 0
			}
			return .8 * moreIf(m.has(heartFailure), 4) * moreIf(m.has(kidney), 2.5) * lessIf(m.doneRecently(cystitis), .2)
		}},
		{glp1, func(m *maker) float64 {
			return .7 * moreIf(m.person.bmi > 33, 3) * moreIf(m.has(coronary), 2) * lessIf(m.on(dpp4), .2) * lessIf(m.pregnant(), 0)
		}},
		{sulfonylurea, func(m *maker) float64 {
			return .7 * lessIf(m.age(m.now) > 75, .3) * lessIf(m.seen(egfr, 90) < 45, .4) * lessIf(m.on(basalInsulin, mealInsulin), .2) * lessIf(m.pregnant(), 0)
		}},
		{dpp4, func(m *maker) float64 {
			return .6 * lessIf(m.on(glp1), 0) * moreIf(m.age(m.now) > 75, 2) * lessIf(m.has(heartFailure), .5) * lessIf(m.pregnant(), 0)
		}},
		{basalInsulin, func(m *maker) float64 {
			return .15 * moreIf(m.seen(a1c, 7) > 9.5, 7) * moreIf(m.takesFor(diabetes2) >= 3, 5) * moreIf(m.pregnant(), 20)
		}},
	}},
	{cond: diabetes1, score: func(m *maker) float64 { return m.recent(a1c, 9, 7, 1) }, symptom: "Sugars swing.", most: 2, eager: 4, every: 100, options: []option{
		{basalInsulin, always(3)}, {mealInsulin, func(m *maker) float64 { return 3 * moreIf(m.on(basalInsulin), 2) }},
	}},
	{cond: hyperlipidemia, score: func(m *maker) float64 {
		goal := 125 - 50*b2f(m.has(coronary) || m.doneRecently(stroke)) - 25*b2f(m.has(diabetes2))
		return m.recent(ldl, 145, goal, 35) - .5*b2f(m.age(m.now) < 40)
	}, most: 2, eager: .2, every: 330, options: []option{
		{statin, func(m *maker) float64 {
			if m.pregnant() {
				return 0
			}
			return 3 * lessIf(m.on(statin), 0) * lessIf(m.fertile(), .5) * lessIf(m.seen(alt, 25) > 120, .1)
		}},
		{cholesterolAbsorption, func(m *maker) float64 {
			return .06 * moreIf(m.on(statin), 5) * moreIf(m.refused[statin] > 0 && !m.on(statin), 4) * lessIf(m.on(cholesterolAbsorption) || m.pregnant(), 0)
		}},
	}},
	{cond: coronary, score: func(m *maker) float64 {
		return .9 - .5*m.relieve(coronary) + .5*m.ill(coronary) + .2*m.draw.normal()
	}, symptom: "Occasional chest tightness on hills.", most: 4, eager: .8, every: 170, options: []option{
		{antiplatelet, func(m *maker) float64 {
			return 3 * lessIf(m.on(directAnticoagulant, vitaminKAntagonist), .15) * lessIf(m.has(ulcer), .3) * lessIf(m.on(p2y12) && !m.doneRecently(infarction), .5)
		}},
		{p2y12, func(m *maker) float64 {
			return .2 * moreIf(m.doneRecently(infarction), 15) * moreIf(m.refused[antiplatelet] > 0, 8) * lessIf(m.on(directAnticoagulant) && !m.doneRecently(infarction), .2)
		}},
		{betaBlocker, func(m *maker) float64 {
			return 1.2 * lessIf(m.on(betaBlocker, nonselectiveBeta), 0) * lessIf(m.has(asthma), .3) * lessIf(m.seen(heartRate, 75) < 56, 0) * moreIf(m.doneRecently(infarction), 2)
		}},
		{statin, func(m *maker) float64 { return 2.5 * lessIf(m.on(statin) || m.pregnant(), 0) }},
		{nitrate, func(m *maker) float64 { return .8 * moreIf(m.score[coronary] > .8, 2) }},
	}},
	{cond: heartFailure, score: func(m *maker) float64 {
		return m.recent(bnp, 900, 500, 900) + .4*m.ill(heartFailure) - .15*m.relieve(heartFailure)
	}, symptom: "Short of breath on one flight of stairs, sleeps on two pillows.", most: 5, eager: 1.2, every: 95, options: []option{
		{aceInhibitor, func(m *maker) float64 {
			return 1.6 * lessIf(m.on(aceInhibitor, arb, arni), 0) * lessIf(m.seen(potassium, 4.2) > 5.2, .05) * lessIf(m.pregnant() || m.refused[aceInhibitor] == harmful, 0)
		}},
		{arb, func(m *maker) float64 {
			return .5 * lessIf(m.on(aceInhibitor, arb, arni), 0) * moreIf(m.refused[aceInhibitor] > 0, 5) * lessIf(m.seen(potassium, 4.2) > 5.2, .05) * lessIf(m.pregnant(), 0)
		}},
		{arni, func(m *maker) float64 {
			if m.pregnant() || m.on(aceInhibitor) || m.on(arb, arni) || m.person.allergic[allergyACE] && m.known[allergyACE] {
				return 0
			}
			return 1 * moreIf(m.seen(systolic, 130) > 105, 1.5) * lessIf(m.seen(potassium, 4.2) > 5.2, .1)
		}},
		{nonselectiveBeta, func(m *maker) float64 {
			return 1.2 * lessIf(m.on(betaBlocker, nonselectiveBeta) || m.seen(heartRate, 75) < 55, 0) * lessIf(m.has(asthma) || m.has(copd), .1)
		}},
		{betaBlocker, func(m *maker) float64 {
			return 1.2 * lessIf(m.on(betaBlocker, nonselectiveBeta) || m.seen(heartRate, 75) < 55, 0) * moreIf(m.has(copd), 1.6)
		}},
		{potassiumSparing, func(m *maker) float64 {
			return .9 * lessIf(m.seen(potassium, 4.2) > 5 || m.seen(egfr, 90) < 30 || m.pregnant(), 0) * moreIf(m.on(betaBlocker, nonselectiveBeta), 1.5)
		}},
		{sglt2, func(m *maker) float64 {
			return .9 * lessIf(m.seen(egfr, 90) < 20 || m.pregnant(), 0) * moreIf(m.has(diabetes2), 1.8)
		}},
		{loopDiuretic, func(m *maker) float64 { return .8 * moreIf(m.rising(weight) > 1.2 || m.seen(bnp, 0) > 1500, 4) }},
	}},
	{cond: fibrillation, score: func(m *maker) float64 {
		return .5 + (m.seen(heartRate, 85)-80)/18 + .5*b2f(!m.on(directAnticoagulant, vitaminKAntagonist) && m.strokeRisk() >= 2)
	}, symptom: "Palpitations twice a week.", most: 2, eager: 1.1, every: 130, options: []option{
		{directAnticoagulant, func(m *maker) float64 {
			return m.anticoagulate() * 2 * lessIf(m.seen(egfr, 90) < 20, .2) * lessIf(m.pregnant(), 0)
		}},
		{vitaminKAntagonist, func(m *maker) float64 {
			return m.anticoagulate() * .4 * moreIf(m.seen(egfr, 90) < 25, 4) * lessIf(m.pregnant(), 0)
		}},
		{betaBlocker, func(m *maker) float64 {
			return 1.5 * lessIf(m.on(betaBlocker, nonselectiveBeta, rateCalciumBlocker), 0) * lessIf(m.has(asthma), .2)
		}},
		{rateCalciumBlocker, func(m *maker) float64 {
			return .6 * lessIf(m.has(heartFailure) || m.on(betaBlocker, nonselectiveBeta, rateCalciumBlocker), 0) * moreIf(m.has(asthma) || m.has(copd), 3)
		}},
		{glycoside, func(m *maker) float64 {
			return .15 * moreIf(m.has(heartFailure), 3) * lessIf(m.seen(egfr, 90) < 40, .2)
		}},
	}},
	{cond: asthma, score: func(m *maker) float64 {
		return 1.1*m.ill(asthma) - .75*m.relieve(asthma) + 1.2*b2f(m.flare > 0 && m.now-m.flare < 180*day) - .1 + .25*m.draw.normal()
	}, symptom: "Wheezes at night twice a week, uses the rescue inhaler often.", most: 3, eager: .9, every: 200, options: []option{
		{shortBeta, func(m *maker) float64 { return 3 * moreIf(m.takesFor(asthma) == 0, 2) }},
		{inhaledSteroid, func(m *maker) float64 {
			return 1.6 * lessIf(m.on(steroidLABA), 0) * moreIf(m.on(shortBeta), 2)
		}},
		{steroidLABA, func(m *maker) float64 {
			return .4 * moreIf(m.refused[inhaledSteroid] > 0 || m.flare > 0, 5) * moreIf(m.on(shortBeta) && m.age(m.now) >= 12, 1.6) * lessIf(m.age(m.now) < 5, 0)
		}},
		{leukotriene, func(m *maker) float64 { return .4 * moreIf(m.has(rhinitis), 2.5) * lessIf(m.has(depression), .3) }},
	}},
	{cond: copd, score: func(m *maker) float64 {
		return 1.1*m.ill(copd) - .5*m.relieve(copd) + 1*b2f(m.flare > 0 && m.now-m.flare < 365*day) + .2*m.draw.normal()
	}, symptom: "Breathless walking on the level, morning phlegm.", most: 3, eager: .9, every: 150, options: []option{
		{shortBeta, func(m *maker) float64 { return 1.6 * moreIf(m.takesFor(copd) == 0, 1.7) }},
		{muscarinic, func(m *maker) float64 { return 1.8 * lessIf(m.has(prostateHyperplasia), .7) }},
		{steroidLABA, func(m *maker) float64 { return .5 * moreIf(m.flare > 0, 4) * moreIf(m.has(asthma), 4) }},
	}},
	{cond: rhinitis, score: func(m *maker) float64 {
		season := math.Sin(2*math.Pi*float64(m.now%year)/float64(year) - .6)
		return 1*m.ill(rhinitis) + .6*season - .8*m.relieve(rhinitis) - .4
	}, symptom: "Sneezing and itchy eyes.", most: 2, eager: .1, every: 365, options: []option{
		{antihistamine, always(1.5)}, {nasalSteroid, func(m *maker) float64 { return 1 * moreIf(m.refused[antihistamine] > 0, 3) }},
		{leukotriene, func(m *maker) float64 { return .15 * moreIf(m.has(asthma), 5) * lessIf(m.has(depression), .3) }},
	}},
	{cond: eczema, score: symptomScore(eczema, .9), symptom: "Itchy patches in the elbow folds.", most: 1, single: true, eager: .2, every: 365, options: []option{
		{topicalSteroid, always(2)},
	}},
	{cond: depression, score: func(m *maker) float64 { return m.recent(phq9, 12, 7, 5) }, symptom: "Low mood and little interest most days.", most: 2, single: true, eager: .4, every: 110, options: []option{
		{ssri, func(m *maker) float64 {
			return 2.4 * lessIf(m.has(bipolar), .1) * lessIf(m.takesFor(depression) > 0, .4)
		}},
		{snri, func(m *maker) float64 {
			return .6 * moreIf(m.has(backPain) || m.has(neuropathy) || m.has(osteoarthritis), 2) * moreIf(m.refused[ssri] > 0, 2.5) * lessIf(m.seen(systolic, 125) > 150, .4)
		}},
		{bupropionGroup, func(m *maker) float64 {
			if m.has(epilepsy) {
				return 0
			}
			return .5 * moreIf(m.person.smokes, 2.2) * lessIf(m.has(anxiety), .4) * moreIf(m.on(ssri), 1.8)
		}},
		{mirtazapineGroup, func(m *maker) float64 {
			return .3 * moreIf(m.has(insomnia), 2.5) * lessIf(m.person.bmi > 30, .3) * moreIf(m.age(m.now) > 70, 1.6)
		}},
		{antipsychotic, func(m *maker) float64 { return .05 * moreIf(m.refused[ssri] > 0 && m.refused[snri] > 0, 8) }},
	}},
	{cond: anxiety, score: func(m *maker) float64 { return m.recent(gad7, 10, 6, 5) }, symptom: "Worries all day, tense, restless.", most: 2, single: true, eager: .2, every: 130, options: []option{
		{ssri, func(m *maker) float64 { return 2 * lessIf(m.on(ssri, snri), 0) * lessIf(m.has(bipolar), .2) }},
		{snri, func(m *maker) float64 { return .7 * lessIf(m.on(ssri, snri), 0) * moreIf(m.refused[ssri] > 0, 3) }},
		{anxiolytic, always(.7)},
		{benzodiazepine, func(m *maker) float64 {
			return .35 * lessIf(m.age(m.now) > 65 || m.has(alcohol) || m.pregnant(), .08) * lessIf(m.on(weakOpioid, strongOpioid), .1) * lessIf(m.has(sleepApnea), .4)
		}},
	}},
	{cond: insomnia, score: symptomScore(insomnia, .8), symptom: "Lies awake for two hours.", most: 1, single: true, eager: -.1, every: 220, options: []option{
		{hypnotic, func(m *maker) float64 { return 2 * lessIf(m.on(benzodiazepine), .4) * lessIf(m.has(dementia), .4) }},
	}, after: func(m *maker) { m.treat(cognitiveTherapy, insomnia, .12, 400) }},
	{cond: bipolar, score: symptomScore(bipolar, .6), symptom: "Sleeps four hours, racing thoughts.", most: 2, eager: 1, every: 90, options: []option{
		{moodStabilizer, func(m *maker) float64 { return 2 * lessIf(m.seen(egfr, 90) < 50, .3) * lessIf(m.pregnant(), .2) }},
		{antipsychotic, func(m *maker) float64 { return 1 * lessIf(m.has(diabetes2), .6) }},
	}},
	{cond: attention, score: symptomScore(attention, .9), symptom: "Loses track in class and at work.", most: 1, single: true, eager: .1, every: 100, options: []option{
		{stimulant, func(m *maker) float64 {
			return 2 * lessIf(m.has(coronary) || m.seen(systolic, 115) > 150, .1) * lessIf(m.age(m.now) < 6, .1) * lessIf(m.pregnant(), .1)
		}},
	}},
	{cond: hypothyroidism, score: func(m *maker) float64 { return m.recent(tsh, 8, 4.5, 3) }, symptom: "Tired and cold.", most: 1, eager: .8, every: 250, options: []option{{thyroidHormone, always(3)}}},
	{cond: osteoarthritis, score: symptomScore(osteoarthritis, .55), symptom: "Knee pain on stairs.", most: 2, eager: .1, every: 250, options: []option{
		{acetaminophenGroup, func(m *maker) float64 { return 1.1 * lessIf(m.has(alcohol), .4) }},
		{nsaid, func(m *maker) float64 { return 1.3 * m.nsaidSafe() }},
		{snri, func(m *maker) float64 {
			return .15 * moreIf(m.has(depression) && !m.on(ssri), 4) * lessIf(m.on(snri, ssri), 0)
		}},
		{weakOpioid, func(m *maker) float64 {
			return .12 * moreIf(m.refused[nsaid] > 0 || m.nsaidSafe() < .3, 4) * lessIf(m.on(benzodiazepine, ssri), .3)
		}},
	}, after: func(m *maker) {
		m.treat(physicalTherapy, osteoarthritis, .18, 300)
		m.treat(jointInjection, osteoarthritis, .2*sigmoid(2*m.score[osteoarthritis]-2), 120)
	}},
	{cond: osteoporosis, score: func(m *maker) float64 { return .4 - m.recent(boneDensity, -2.3, -2.3, .9) }, most: 1, single: true, eager: .5, every: 350, options: []option{
		{bisphosphonate, func(m *maker) float64 {
			return 2 * lessIf(m.seen(egfr, 90) < 35, 0) * lessIf(m.has(reflux) || m.has(ulcer), .35)
		}},
		{antiresorptive, func(m *maker) float64 {
			return .5 * moreIf(m.seen(egfr, 90) < 35, 4) * moreIf(m.refused[bisphosphonate] > 0, 4)
		}},
	}},
	{cond: reflux, score: symptomScore(reflux, .9), symptom: "Heartburn after meals.", most: 1, single: true, eager: .3, every: 300, options: []option{
		{protonPump, func(m *maker) float64 { return 1.8 * lessIf(m.has(osteoporosis), .6) }},
		{h2Blocker, func(m *maker) float64 {
			return .7 * moreIf(m.refused[protonPump] > 0, 3) * lessIf(m.seen(egfr, 90) < 30, .5)
		}},
	}},
	{cond: ulcer, score: func(m *maker) float64 { return .8 - .6*m.relieve(ulcer) }, symptom: "Burning pain in the upper belly.", most: 1, eager: 1, every: 200, options: []option{
		{protonPump, func(m *maker) float64 { return 3 * lessIf(m.on(protonPump), 0) }},
	}},
	{cond: gout, score: func(m *maker) float64 {
		return m.recent(urate, 7.6, 6, 1.2) + .7*b2f(m.doneRecently(goutFlare)) - .5
	}, symptom: "Another painful toe last month.", most: 1, single: true, eager: -.1, every: 250, options: []option{{urateLowering, always(2)}}},
	{cond: migraine, score: symptomScore(migraine, .55), symptom: "Throbbing one-sided headaches with nausea.", most: 3, eager: .1, every: 250, options: []option{
		{triptan, func(m *maker) float64 {
			if m.has(coronary) || m.doneEver(stroke) {
				return 0
			}
			return 1.5 * lessIf(m.seen(systolic, 120) > 155, .2) * lessIf(m.age(m.now) < 12, 0)
		}},
		{nsaid, func(m *maker) float64 { return .6 * m.nsaidSafe() }},
		{migrainePrevention, func(m *maker) float64 { return .35 * moreIf(m.score[migraine] > .7 && m.on(triptan), 4) }},
	}},
	{cond: epilepsy, score: symptomScore(epilepsy, .8), symptom: "One brief seizure since the last visit.", most: 2, single: true, eager: 2, every: 170, options: []option{{antiepileptic, always(2)}}},
	{cond: prostateHyperplasia, score: symptomScore(prostateHyperplasia, .55), symptom: "Gets up three times a night to urinate.", most: 2, eager: -.1, every: 330, options: []option{
		{alphaBlocker, func(m *maker) float64 { return 2 * lessIf(m.seen(systolic, 130) < 105, .2) }},
		{reductaseInhibitor, func(m *maker) float64 { return .35 * moreIf(m.on(alphaBlocker), 2.5) * moreIf(m.seen(psa, 1.4) > 2, 2) }},
	}},
	{cond: rheumatoid, score: func(m *maker) float64 {
		return 1.1*m.ill(rheumatoid) - .55*m.relieve(rheumatoid) + m.recent(crp, 12, 12, 30) - .2
	}, symptom: "Morning stiffness for an hour, swollen knuckles.", most: 3, eager: .9, every: 100, options: []option{
		{dmard, func(m *maker) float64 { return 2 * lessIf(m.takesFor(rheumatoid) > 0, .5) }},
		{biologic, func(m *maker) float64 {
			return .1 * moreIf(m.refused[dmard] > 0, 8) * lessIf(m.has(heartFailure), .3) * lessIf(m.pregnant(), .3)
		}},
		{folate, func(m *maker) float64 { return 2.5 * b2f(m.onDrug("methotrexate")) }},
		{oralSteroid, func(m *maker) float64 { return .3 * moreIf(m.score[rheumatoid] > 1, 2) * lessIf(m.has(diabetes2), .4) }},
	}},
	{cond: ironAnemia, score: func(m *maker) float64 {
		return (13 - b2f(m.person.woman) - m.recent(hemoglobin, 11, 0, 1)) / 1.2
	}, symptom: "Tired, short of breath on exertion.", most: 1, eager: .5, every: 120, options: []option{{iron, always(3)}}},
	{cond: backPain, score: symptomScore(backPain, .45), symptom: "Back aches after sitting.", most: 2, single: true, eager: -.2, every: 250, options: []option{
		{nsaid, func(m *maker) float64 { return 1.5 * m.nsaidSafe() }},
		{acetaminophenGroup, always(.6)},
		{muscleRelaxant, func(m *maker) float64 { return .6 * lessIf(m.age(m.now) > 65, .2) }},
		{neuropathic, func(m *maker) float64 { return .3 * lessIf(m.seen(egfr, 90) < 30, .4) }},
		{weakOpioid, func(m *maker) float64 {
			return .15 * moreIf(m.refused[nsaid] > 0, 3) * lessIf(m.on(benzodiazepine, ssri, snri) || m.has(alcohol), .2)
		}},
	}, after: func(m *maker) { m.treat(physicalTherapy, backPain, .25, 250) }},
	{cond: breastCancer, score: func(m *maker) float64 { return 1.2 - .5*m.relieve(breastCancer) }, most: 1, single: true, eager: 1.2, every: 170, options: []option{{aromatase, always(2)}},
		after: func(m *maker) {
			m.treat(mastectomy, breastCancer, .6*b2f(m.treated[mastectomy] == 0), 3000)
			m.treat(radiation, breastCancer, .35*b2f(m.treated[mastectomy] > 0), 2000)
		}},
	{cond: prostateCancer, score: func(m *maker) float64 { return m.recent(psa, 8, 4, 5) }, most: 1, single: true, eager: -.1, every: 180, options: []option{{gnrh, always(2)}},
		after: func(m *maker) { m.treat(radiation, prostateCancer, .25*sigmoid(m.score[prostateCancer]), 2000) }},
	{cond: dementia, score: symptomScore(dementia, .3), symptom: "Daughter reports more repeated questions.", most: 2, eager: .1, every: 180, options: []option{
		{cholinesterase, func(m *maker) float64 { return 2 * lessIf(m.seen(heartRate, 75) < 55, .1) * lessIf(m.has(copd), .6) }},
		{nmda, func(m *maker) float64 {
			return .5 * moreIf(m.on(cholinesterase), 2) * lessIf(m.seen(egfr, 90) < 30, .4)
		}},
	}},
	{cond: neuropathy, score: symptomScore(neuropathy, .6), symptom: "Burning feet at night.", most: 2, single: true, eager: .2, every: 170, options: []option{
		{neuropathic, func(m *maker) float64 { return 1.5 * lessIf(m.seen(egfr, 90) < 30, .5) }},
		{snri, func(m *maker) float64 { return .9 * lessIf(m.on(ssri, snri), 0) * moreIf(m.has(depression), 2) }},
	}},
	{cond: alcohol, score: symptomScore(alcohol, .5), symptom: "Drinks a bottle of wine most evenings.", most: 1, eager: -1.2, every: 200, options: []option{
		{craving, func(m *maker) float64 {
			return 1 * lessIf(m.on(weakOpioid, strongOpioid), 0) * lessIf(m.seen(alt, 30) > 150, .1)
		}},
	}, after: func(m *maker) { m.treat(counseling, alcohol, .25, 200) }},
	{cond: smoking, score: func(m *maker) float64 { return m.person.severity[smoking] - .5 }, most: 1, single: true, eager: -1.9, every: 400, options: []option{
		{nicotine, always(1)}, {cessation, func(m *maker) float64 { return .8 * lessIf(m.seen(egfr, 90) < 30, .4) }},
		{bupropionGroup, func(m *maker) float64 {
			return .5 * moreIf(m.has(depression), 2.5) * lessIf(m.has(epilepsy) || m.on(bupropionGroup), 0)
		}},
	}, after: func(m *maker) { m.treat(counseling, smoking, .2, 300) }},
	{cond: sleepApnea, score: symptomScore(sleepApnea, 0), most: 0, every: 400, after: func(m *maker) { m.treat(cpap, sleepApnea, .5*b2f(m.treated[cpap] == 0), 3000) }},
	{cond: obesity, score: func(m *maker) float64 { return (m.person.bmi - 36) / 4 }, most: 1, single: true, eager: -3, every: 500, options: []option{
		{glp1, func(m *maker) float64 { return 1 * lessIf(m.on(glp1) || m.pregnant(), 0) }},
	}, after: func(m *maker) { m.treat(counseling, obesity, .15, 300) }},
	{cond: kidney, score: func(m *maker) float64 { return m.recent(uacr, 60, 60, 120) }, most: 2, eager: -.4, every: 130, options: []option{
		{aceInhibitor, func(m *maker) float64 {
			return 1.5 * lessIf(m.on(aceInhibitor, arb, arni) || m.pregnant() || m.refused[aceInhibitor] == harmful, 0) * lessIf(m.seen(potassium, 4.2) > 5.2, .03)
		}},
		{arb, func(m *maker) float64 {
			return 1.2 * lessIf(m.on(aceInhibitor, arb, arni) || m.pregnant(), 0) * lessIf(m.seen(potassium, 4.2) > 5.2, .03)
		}},
		{sglt2, func(m *maker) float64 {
			return 1 * lessIf(m.on(sglt2) || m.seen(egfr, 90) < 20 || m.pregnant(), 0) * lessIf(m.has(diabetes1), 0)
		}},
	}},
}
