package synth

// deprescribe drops a drug that is needed no more.
func (m *maker) deprescribe(c condition, p float64) {
	for i := range m.meds {
		if m.meds[i].cond == c && m.now-m.meds[i].since > 200*day && m.draw.chance(p) {
			m.stop(i, 0)
			return
		}
	}
}

// renew considers a new order for each active drug: the nearer the end of its
// supply is before the next planned visit, the likelier. Short courses and
// drugs whose supply ended long ago lapse.
func (m *maker) renew(weight float64) {
	for i := len(m.meds) - 1; i >= 0; i-- {
		a := &m.meds[i]
		if drugs[a.drug].days < 28 {
			continue
		}
		if m.now-a.supply > 200*day {
			m.lapse(i)
			continue
		}
		if a.since == m.now {
			continue
		}
		raised := m.alreadyOrdered(a.drug)
		supply := a.supply
		if raised {
			supply = a.prior
		}
		short := float64(m.visit.horizon-supply) / float64(90*day)
		p := weight * sigmoid(2.4*short-.7+m.visit.doctor.renewals) * (.42 + .5*m.person.adherence)
		if drugs[a.drug].perDay == 0 {
			p *= .4 // as needed
		}
		yes := m.draw.chance(p) && !raised
		m.consider(candidate{kind: 'm', index: int(a.drug), p: p, ordered: yes, renewal: true})
		if yes {
			m.reorder(a)
		}
	}
}

func (m *maker) alreadyOrdered(d drug) bool {
	for i := range m.visit.candidates {
		if c := &m.visit.candidates[i]; c.kind == 'm' && c.index == int(d) && c.ordered {
			return true
		}
	}
	return false
}

// lapse drops a drug without a word in the record.
func (m *maker) lapse(i int) { m.meds = append(m.meds[:i], m.meds[i+1:]...) }

// refills is how often an order may be dispensed again.
func (m *maker) refills() int { return m.draw.pick(refillShares[:]) }

var refillShares = [4]float64{.06, .14, .1, .7}

// titrated are the groups whose dose is raised step by step.
var titrated = [groupCount]bool{
	aceInhibitor: true, arb: true, calciumBlocker: true, thiazide: true, betaBlocker: true, nonselectiveBeta: true, loopDiuretic: true, pregnancyPressure: true,
	metforminGroup: true, glp1: true, sulfonylurea: true, basalInsulin: true, mealInsulin: true, statin: true, thyroidHormone: true, ssri: true, snri: true, bupropionGroup: true,
	antiepileptic: true, moodStabilizer: true, stimulant: true, neuropathic: true, urateLowering: true, migrainePrevention: true, inhaledSteroid: true, steroidLABA: true, dmard: true,
	vitaminKAntagonist: true, arni: true, antipsychotic: true,
}
