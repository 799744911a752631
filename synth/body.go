package synth

import "math"

// ill is the true severity of a chronic condition now, 0 when absent.
func (m *maker) ill(c condition) float64 {
	on := m.person.onset[c]
	if on == 0 || on > m.now || m.passed(c) {
		return 0
	}
	years := float64(m.now-on) / float64(year)
	return max(.2, m.person.severity[c]*(1+m.person.drift[c]*math.Sqrt(years))+.02*years)
}

// passed says whether a condition has gone by itself.
func (m *maker) passed(c condition) bool {
	return m.person.over[c] != 0 && m.person.over[c] < m.now
}

// relieve is the strength of the drugs taken for a condition.
func (m *maker) relieve(c condition) (sum float64) {
	for i := range m.meds {
		if a := &m.meds[i]; a.cond == c {
			sum += m.working(a)
		}
	}
	return sum
}

// working is the present effect of an active drug: its response in this person,
// adherence, dose, and the weeks since it was started.
func (m *maker) working(a *active) float64 {
	weeks := float64(m.now-a.since) / float64(7*day)
	built := min(1, weeks/5)
	return m.person.response(a.drug) * m.person.adherence * (.7 + .3*a.dose) * built
}

// tally sums the working strength of the active drugs by group, once per visit.
func (m *maker) tally() {
	m.strength = [groupCount]float64{}
	for i := range m.meds {
		m.strength[drugs[m.meds[i].drug].group] += m.working(&m.meds[i])
	}
}

func (m *maker) sum(groups ...group) (s float64) {
	for _, g := range groups {
		s += m.strength[g]
	}
	return s
}

// truth is the real value of an analyte now. Shapes and sizes follow the
// sources in testdata/README.md, e.g. about 9 mmHg per standard dose of an
// antihypertensive (Law 2009), 0.6–1.2 points of A1c per glucose-lowering drug
// (ADA 2024), 35–50 % of LDL per statin (ACC/AHA 2018).
func (m *maker) truth(a analyte) float64 {
	p, age := &m.person, m.age(m.now)
	switch a {
	case systolic:
		v := 106 + .28*min(age, 80) + .35*(p.bmi-26)
		if age < 18 {
			v = 92 + 1.2*age
		}
		if h := m.ill(hypertension); h > 0 {
			v += 14 + 10*h
		}
		v -= 8.5 * m.sum(aceInhibitor, arb, calciumBlocker, thiazide, betaBlocker, nonselectiveBeta, potassiumSparing, arni, pregnancyPressure, rateCalciumBlocker)
		if m.has(preeclampsia) {
			v += 30
		}
		return v + 4*m.sum(nsaid)
	case diastolic:
		return 48 + .24*m.truth(systolic) - .08*max(0, age-60)
	case heartRate:
		v := 76 - 8*m.sum(betaBlocker, nonselectiveBeta, rateCalciumBlocker, glycoside)
		if age < 12 {
			v = 118 - 3.4*age
		}
		return v + 14*m.ill(fibrillation)/(1+m.sum(betaBlocker, rateCalciumBlocker)) + 14*m.fever
	case breathing:
		return 15 + 3*m.fever + max(0, 8-age)
	case temperature:
		return 36.7 + m.fever
	case saturation:
		return min(100, 98.2-2.2*m.ill(copd)-2*m.breathless)
	case weight:
		return m.kilos(age)
	case height:
		return m.centimetres(age)
	case a1c:
		return m.sugar()
	case glucose:
		return 28.7*m.sugar() - 46.7 + 25*m.fever // ADAG, Nathan 2008
	case egfr:
		v := 122 - .75*max(age, 25) + 8*(p.severity[ironAnemia]-1)
		if k := m.ill(kidney); k > 0 {
			v = min(v, 58) - 12*k + 4*m.sum(sglt2)
		}
		return max(5, v-6*m.sum(nsaid)-25*m.kidneyHit)
	case creatinine:
		return m.creatinineOf(m.truth(egfr), age)
	case urea:
		return 9 + 500/m.truth(egfr)
	case sodium:
		return 140 - 2.2*m.sum(thiazide) - .8*m.sum(ssri) - 1.5*m.ill(heartFailure)
	case potassium:
		return 4.1 + .016*max(0, 60-m.truth(egfr)) + .22*m.sum(aceInhibitor, arb, arni) + .5*m.sum(potassiumSparing) - .3*m.sum(thiazide, loopDiuretic) + .4*m.sum(potassiumSupplement)
	case chloride:
		return 103
	case bicarbonate:
		return 26 - .06*max(0, 50-m.truth(egfr)) - 10*m.acid
	case calcium:
		return 9.4
	case ldl:
		v := 104 + .35*min(age, 65)
		if h := m.ill(hyperlipidemia); h > 0 {
			v += 25 + 28*h
		}
		return v * math.Exp(-.46*m.sum(statin)-.2*m.sum(cholesterolAbsorption))
	case hdl:
		return 56 - .5*(p.bmi-26) + 8*b2f(p.woman)
	case triglycerides:
		return 95 + 6*max(0, p.bmi-24) + 22*max(0, m.sugar()-6)
	case cholesterol:
		return m.truth(ldl) + m.truth(hdl) + m.truth(triglycerides)/5
	case hemoglobin:
		v := 14.8 - 1.2*b2f(p.woman) - .02*max(0, 45-m.truth(egfr)) - 1.2*b2f(age < 10)
		if m.ill(ironAnemia) > 0 {
			v -= 2.4 * m.ill(ironAnemia) * max(0, 1-.9*m.sum(iron))
		}
		return max(6, v-3*m.bleed)
	case hematocrit:
		return 3 * m.truth(hemoglobin)
	case mcv:
		return 90 - 10*m.ill(ironAnemia)*max(0, 1-m.sum(iron))
	case ferritin:
		if m.ill(ironAnemia) > 0 {
			return 8 + 40*m.sum(iron)
		}
		return 90
	case leukocytes:
		return 7 + 4.5*m.fever + 2*m.sum(oralSteroid)
	case platelets:
		return 250
	case tsh:
		if h := m.ill(hypothyroidism); h > 0 {
			return max(.05, (3+7*h)*math.Exp(-1.7*m.sum(thyroidHormone)))
		}
		return 1.9
	case alt:
		return 22 + 14*m.sum(statin)*b2f(p.prone > 1.6) + 12*m.sum(dmard) + 20*m.ill(alcohol)
	case ast:
		return 22 + 10*m.sum(dmard) + 35*m.ill(alcohol)
	case albumin:
		return 4.2 - .3*m.fever
	case urate:
		return 4.9 + 1*b2f(!p.woman) + 1.5*m.ill(gout) + .6*m.sum(thiazide, loopDiuretic) - 2.4*m.sum(urateLowering)
	case crp:
		return 2 + 45*m.fever + 9*max(0, m.ill(rheumatoid)-.7*m.relieve(rheumatoid))
	case bnp:
		return 80 + 4*max(0, age-50) + 900*max(0, m.ill(heartFailure)-.35*m.relieve(heartFailure)) + 3000*m.wet
	case troponin:
		return 6 + 900*m.heartHit
	case inr:
		return 1.05 + 1.4*m.sum(vitaminKAntagonist)
	case phq9:
		return 3 + 11*max(0, m.ill(depression)-.8*m.relieve(depression))
	case gad7:
		return 2.5 + 9*max(0, m.ill(anxiety)-.8*m.relieve(anxiety))
	case spirometry:
		return 82 - .12*max(0, age-30) - 11*m.ill(copd) - 5*max(0, m.ill(asthma)-.7*m.relieve(asthma))
	case uacr:
		return 12 + 90*max(0, m.ill(kidney)+.4*m.ill(diabetes2)-.5*m.sum(aceInhibitor, arb, sglt2))
	case psa:
		return .8 + .02*max(0, age-40) + 1.2*m.ill(prostateHyperplasia) + 9*max(0, m.ill(prostateCancer)-m.relieve(prostateCancer))
	case boneDensity:
		return -.3 - .02*max(0, age-50) - 1.9*m.ill(osteoporosis) + .5*m.sum(bisphosphonate, antiresorptive)
	case lithiumLevel:
		return .8 * m.sum(moodStabilizer) * (1 + .4*m.sum(thiazide, nsaid))
	case lactate:
		return 1.2 + 2.5*m.acid
	case procalcitonin:
		return .06 + 1.5*m.fever*m.bacterial
	case ejection:
		return 62 - 16*m.ill(heartFailure) + 4*m.sum(betaBlocker, nonselectiveBeta)
	}
	return 0
}

// sugar is the true A1c.
func (m *maker) sugar() float64 {
	v := 5.2 + .004*m.age(m.now) + .02*(m.person.bmi-26)
	if d := m.ill(diabetes2); d > 0 {
		v += 1.2 + 1.4*d
	}
	if d := m.ill(diabetes1); d > 0 {
		v += 4.2 + d
	}
	v -= 1*m.sum(metforminGroup) + .65*m.sum(sglt2) + 1.1*m.sum(glp1) + .9*m.sum(sulfonylurea) + .55*m.sum(dpp4) + 1.6*m.sum(basalInsulin) + 1.8*m.sum(mealInsulin)
	return max(5, v+.4*m.sum(oralSteroid))
}

// creatinineOf inverts CKD-EPI 2021 (Inker, N Engl J Med 2021;385:1737).
func (m *maker) creatinineOf(gfr, age float64) float64 {
	kappa, alpha, sex := .9, -.302, 1.0
	if m.person.woman {
		kappa, alpha, sex = .7, -.241, 1.012
	}
	top := 142 * math.Pow(.9938, age) * sex
	if gfr > top {
		return kappa * math.Pow(gfr/top, 1/alpha)
	}
	return kappa * math.Pow(gfr/top, 1/-1.2)
}

// gfrOf is CKD-EPI 2021, so that the reported pair agrees.
func (m *maker) gfrOf(cr, age float64) float64 {
	kappa, alpha, sex := .9, -.302, 1.0
	if m.person.woman {
		kappa, alpha, sex = .7, -.241, 1.012
	}
	return 142 * math.Pow(min(cr/kappa, 1), alpha) * math.Pow(max(cr/kappa, 1), -1.2) * math.Pow(.9938, age) * sex
}

func (m *maker) centimetres(age float64) float64 {
	if age >= 18 {
		return m.person.height
	}
	return m.person.height * (.3 + .7*math.Pow(age/18, .62))
}

func (m *maker) kilos(age float64) float64 {
	cm := m.centimetres(age) / 100
	bmi := m.person.bmi
	if age < 20 {
		bmi = 15.5 + (bmi-15.5)*math.Pow(max(0, age)/20, 1.5)
	}
	kg := bmi*cm*cm + 3*m.wet - 2.5*m.sum(glp1)
	if m.lmp > 0 {
		kg += 11 * min(1, float64(m.now-m.lmp)/float64(280*day))
	}
	return kg
}

// spread is the noise of one measurement, as a share of the value or absolute.
func (m *maker) noisy(a analyte) float64 {
	v, n := m.truth(a), m.draw.normal()
	switch a {
	case systolic:
		v += 8 * n
	case diastolic:
		v += 5 * n
	case heartRate:
		v += 7 * n
	case temperature:
		v += .2 * n
	case saturation, breathing, sodium, chloride, bicarbonate:
		v += 1.3 * n
	case a1c:
		v += .2 * n
	case potassium, lithiumLevel, albumin, calcium:
		v += .09 * v * n
	case height:
		v += .3 * n
	case weight:
		v *= 1 + .012*n
	case phq9, gad7:
		v = min(27, max(0, v+2*n))
	case boneDensity:
		v += .2 * n
	case spirometry, ejection:
		v += 3 * n
	case crp, bnp, troponin, uacr, ferritin, procalcitonin, psa:
		v *= math.Exp(.3 * n)
	default:
		v *= 1 + .07*n
	}
	return v
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func power(x, y float64) float64 { return math.Pow(x, y) }
