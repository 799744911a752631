package synth

// candidate is one thing a clinician considered in a visit, with the
// probability of its being ordered, and whether it was.
type candidate struct {
	kind    byte // 'm' medication, 't' test, 'p' procedure
	index   int
	p       float64
	ordered bool
	renewal bool
	slip    bool // ordered against a contraindication, as planted
}

// consider notes a decision for the oracle. Considering the same thing twice in
// a visit combines the chances.
func (m *maker) consider(c candidate) {
	if m.silent || c.p <= 0 {
		return
	}
	for i := range m.visit.candidates {
		o := &m.visit.candidates[i]
		if o.kind == c.kind && (o.index == c.index || c.kind == 'm' && drugs[o.index].name == drugs[c.index].name) {
			o.p = 1 - (1-o.p)*(1-c.p)
			o.ordered, o.renewal, o.slip = o.ordered || c.ordered, o.renewal || c.renewal, o.slip || c.slip
			return
		}
	}
	m.visit.candidates = append(m.visit.candidates, c)
}

// slipRate is the planted share of decisions in which a clinician overlooks
// contraindications and allergies.
const slipRate = .006

// barred says whether a drug must not be started now: a known allergy, or a
// contraindication that belongs to the drug rather than to its group.
func (m *maker) barred(d drug) bool {
	x := &drugs[d]
	if m.allergyTo(x.allergen) || m.failed[d] == harmful {
		return true
	}
	switch x.group {
	case statin, aceInhibitor, arb, arni, vitaminKAntagonist, tetracycline:
		if m.pregnant() {
			return true
		}
	case metforminGroup:
		return m.seen(egfr, 90) < 30
	case potassiumSparing, potassiumSupplement:
		return m.seen(potassium, 4.2) > 5.5
	case fluoroquinolone:
		return m.pregnant() || m.age(m.now) < 16
	case urinaryAntibiotic:
		return m.seen(egfr, 90) < 30
	}
	switch x.name {
	case "methotrexate":
		return m.pregnant() || m.seen(egfr, 90) < 30 || m.has(alcohol)
	case "propranolol":
		return m.has(asthma)
	case "topiramate", "divalproex":
		return m.fertile() || m.doneEver(kidneyStone) && x.name == "topiramate"
	case "lithium":
		return m.seen(egfr, 90) < 30
	case "prasugrel":
		return m.doneEver(stroke) || m.age(m.now) >= 75
	case "anastrozole":
		return m.age(m.now) < 50
	case "ethinyl estradiol / levonorgestrel":
		return m.person.smokes && m.age(m.now) >= 35 || m.has(migraine) || m.has(hypertension) || m.doneEver(embolism)
	case "colchicine":
		return m.seen(egfr, 90) < 30
	case "clarithromycin":
		return m.on(statin)
	case "nirmatrelvir / ritonavir":
		return m.seen(egfr, 90) < 30 || m.onDrug("simvastatin")
	case "amitriptyline", "trazodone":
		return m.has(fibrillation) && m.age(m.now) > 70
	}
	return false
}

func (m *maker) allergyTo(a allergen) bool {
	if a == noAllergen {
		return false
	}
	return m.known[a] || a == allergyCephalosporin && m.known[allergyPenicillin] && m.person.salt%3 == 0
}

// taste is how much the clinician of this visit likes a drug for this patient
// among equivalents.
func (m *maker) taste(d drug) float64 {
	x := &drugs[d]
	w := m.visit.doctor.drugs[d]
	switch x.name {
	case "simvastatin":
		w *= lessIf(m.on(calciumBlocker, rateCalciumBlocker), .2)
	case "omeprazole":
		w *= lessIf(m.on(p2y12), .1)
	case "levetiracetam":
		w *= lessIf(m.has(depression), .5)
	case "citalopram", "escitalopram":
		w *= lessIf(m.age(m.now) > 65 && x.name == "citalopram", .3)
	case "rosuvastatin", "atorvastatin":
		w *= moreIf(m.has(coronary), 1.8)
	case "trazodone":
		w *= moreIf(m.on(ssri), .6)
	case "zolpidem":
		w *= lessIf(m.age(m.now) > 65, .12)
	case "hydroxyzine", "lorazepam":
		w *= lessIf(m.age(m.now) > 68, .25)
	case "meropenem":
		w *= moreIf(m.allergyTo(allergyPenicillin), 5)
	case "hydroxychloroquine":
		w *= moreIf(m.pregnant() || m.seen(egfr, 90) < 45, 4)
	case "lamotrigine":
		w *= moreIf(m.fertile(), 2)
	case "tamoxifen":
		w *= moreIf(m.age(m.now) < 52, 6)
	}
	return w
}

// choose draws at most one drug from the options: any with probability p, less
// when the options left weigh little together, which one by the options'
// weights times the clinician's tastes. It returns -1 for none. Every candidate's share of p goes to the oracle.
func (m *maker) choose(p float64, c condition, options []option) drug {
	if p <= 0 {
		return -1
	}
	slip := m.draw.chance(slipRate)
	m.weights, m.choices, m.careless = m.weights[:0], m.choices[:0], m.careless[:0]
	var total, wanted float64
	for i := range options {
		o := &options[i]
		w := o.weight(m)
		careless := slip && w <= 0 // would be ordered against a contraindication
		if careless {
			w = .7
		}
		if w <= 0 || !slip && m.doubled(o.group) {
			continue
		}
		from := len(m.weights)
		var sum float64
		for _, d := range m.h.ofGroup[o.group] {
			if m.findMed(d) != nil || m.failed[d] != 0 && !slip || !slip && m.barred(d) {
				continue
			}
			t := m.taste(d)
			bad := careless || slip && m.barred(d)
			if bad {
				t *= 6
			}
			sum += t
			m.weights, m.choices, m.careless = append(m.weights, t), append(m.choices, d), append(m.careless, bad)
		}
		if sum <= 0 {
			continue
		}
		wanted += w
		w *= m.visit.doctor.groups[o.group]
		for k := from; k < len(m.weights); k++ {
			m.weights[k] *= w / sum
			total += m.weights[k]
		}
	}
	if total <= 0 {
		return -1
	}
	p *= min(1, wanted) // with only poor options left, rather none
	chosen := -1
	if m.draw.chance(p) {
		chosen = m.draw.pick(m.weights)
	}
	for k, d := range m.choices {
		m.consider(candidate{kind: 'm', index: int(d), p: p * m.weights[k] / total, ordered: k == chosen, slip: k == chosen && m.careless[k]})
	}
	if chosen < 0 {
		return -1
	}
	return m.choices[chosen]
}

// start orders a drug anew and makes it active; long drugs stay until stopped.
func (m *maker) start(d drug, c condition, score float64) {
	x := &drugs[d]
	long := x.days >= 28
	refills := 0
	if long && !m.visit.stay {
		refills = m.refills()
	}
	last := m.prescribe(d, c, refills)
	a := active{drug: d, cond: c, since: m.now, supply: m.now + stamp(x.days*(1+refills))*day, dose: 1, atStart: score, last: last}
	if m.person.suffers(d, adverseRate[x.group]) {
		a.effect = m.now + stamp(m.draw.between(5, 70))*day
	}
	m.meds = append(m.meds, a)
	m.sayDrug("Start", d)
}

func (m *maker) prescribe(d drug, c condition, refills int) int {
	if m.silent {
		return -1
	}
	x := &drugs[d]
	o := order{id: m.nextID(), drug: d, cond: c, clinic: m.visit.clinic, visit: m.visit.id, written: m.now + m.visit.lag, days: x.days, refills: refills, inStay: m.visit.stay}
	if m.draw.chance(.78) {
		o.reason = m.reasonOf(c)
	}
	o.cancelled = m.draw.chance(.008)
	m.orders = append(m.orders, o)
	return len(m.orders) - 1
}

// stop ends an active drug now, for the given failure (0 = no longer needed).
func (m *maker) stop(i int, failure uint8) {
	a := m.meds[i]
	if failure != 0 {
		m.failed[a.drug] = failure
		g := drugs[a.drug].group
		m.refused[g] = max(m.refused[g], failure)
	}
	if a.last >= 0 && !m.silent {
		if o := &m.orders[a.last]; o.supplyEnd() > m.now {
			o.stopped = max(m.now, o.written)
		}
	}
	m.meds = append(m.meds[:i], m.meds[i+1:]...)
	m.sayDrug("Stop", a.drug)
}

// adverseRate is how often a drug of the group has its typical adverse effect
// in people who are usually prone (FDA labels).
var adverseRate = [groupCount]float64{
	aceInhibitor: .1, calciumBlocker: .09, thiazide: .06, betaBlocker: .06, nonselectiveBeta: .07, metforminGroup: .11, sglt2: .06, glp1: .13,
	statin: .08, ssri: .12, snri: .13, bupropionGroup: .1, mirtazapineGroup: .1, sulfonylurea: .06, stimulant: .1, dmard: .11, bisphosphonate: .1,
	nsaid: .06, weakOpioid: .14, migrainePrevention: .15, antiepileptic: .1, iron: .12, cholinesterase: .12, neuropathic: .1, craving: .1,
	alphaBlocker: .07, urateLowering: .05, p2y12: .02, antipsychotic: .14, moodStabilizer: .1, hypnotic: .06, muscarinic: .04, nicotine: .08, cessation: .14,
}

// effectOf is the adverse effect's place on the problem list, if any, and words.
func effectOf(g group) (condition, string) {
	switch g {
	case aceInhibitor, arni:
		return coughEffect, "a dry cough"
	case statin:
		return myalgiaEffect, "muscle aches"
	case calciumBlocker:
		return edemaEffect, "ankle swelling"
	case metforminGroup, dmard, cholinesterase:
		return diarrheaEffect, "loose stools and nausea"
	case ssri, snri, stimulant:
		return -1, "nausea and poor sleep"
	case iron:
		return -1, "constipation"
	}
	return -1, "dizziness and fatigue"
}

// doubled says whether a drug of the group is taken already and a second one
// would be a duplicate. The drug that is about to be replaced does not count.
func (m *maker) doubled(g group) bool {
	switch g {
	case dmard, antiepileptic, basalInsulin, strongOpioid, broadIV:
		return false
	}
	n := m.takes(g)
	if m.replacing >= 0 && drugs[m.replacing].group == g {
		n--
	}
	return n > 0
}
