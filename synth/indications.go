package synth

import "math"

func pressureScore(m *maker) float64 {
	goal := 131 + 8*b2f(m.age(m.now) > 78) - 4*b2f(m.has(kidney) || m.has(coronary))
	return m.recent(systolic, 145, goal, 12)
}

func lessIf(c bool, w float64) float64 {
	if c {
		return w
	}
	return 1
}

func moreIf(c bool, w float64) float64 { return lessIf(c, w) }

// nsaidSafe is 0 where an NSAID is contraindicated.
func (m *maker) nsaidSafe() float64 {
	if m.pregnant() || m.seen(egfr, 90) < 40 || m.on(directAnticoagulant, vitaminKAntagonist) {
		return 0
	}
	return lessIf(m.has(ulcer), .1) * lessIf(m.has(heartFailure), .15) * lessIf(m.age(m.now) > 75, .4) * lessIf(m.on(aceInhibitor, arb) && m.on(thiazide, loopDiuretic), .4) * lessIf(m.has(coronary), .4)
}

// strokeRisk is CHA2DS2-VASc of what is on the chart (Lip, Chest 2010).
func (m *maker) strokeRisk() (n int) {
	age := m.age(m.now)
	for _, yes := range []bool{m.has(heartFailure), m.has(hypertension), age >= 75, age >= 75, m.has(diabetes2), m.doneEver(stroke), m.doneEver(stroke), m.has(coronary), age >= 65 && age < 75, m.person.woman} {
		if yes {
			n++
		}
	}
	return n
}

func (m *maker) anticoagulate() float64 {
	if m.on(directAnticoagulant, vitaminKAntagonist) {
		return 0
	}
	return [...]float64{.05, .3, 1.2, 2, 2, 2, 2, 2, 2, 2}[m.strokeRisk()] * lessIf(m.doneRecently(bleeding), .15)
}

// doneRecently says whether an acute condition was recorded within a year,
// doneEver whether it ever was.
func (m *maker) doneRecently(c condition) bool { return m.recorded(c, m.now-365*day) }
func (m *maker) doneEver(c condition) bool     { return m.recorded(c, math.MinInt64/2) }

func (m *maker) recorded(c condition, since stamp) bool {
	for i := range m.problems {
		if p := &m.problems[i]; p.cond == c && p.recorded > since {
			return true
		}
	}
	return false
}

func (m *maker) onDrug(name string) bool {
	for i := range m.meds {
		if drugs[m.meds[i].drug].name == name {
			return true
		}
	}
	return false
}
