package synth

import "strconv"

// The say functions collect the sentences of the visit's note in the order the
// visit goes. They do nothing when no note will be written.

func (m *maker) noting() bool { return !m.silent && (m.full || m.visit.stay) }

func (m *maker) say(s string) {
	if s == "" || !m.noting() {
		return
	}
	if len(m.note) > 0 {
		m.note = append(m.note, ' ')
	}
	m.note = append(m.note, s...)
}

func (m *maker) sayAll(all []string, denies string) {
	for _, s := range all {
		m.say(s)
	}
	m.say(denies)
}

// opening is the first line: who comes and why, with a little history.
func (m *maker) opening() {
	if !m.noting() {
		return
	}
	age := int(m.age(m.now))
	m.note = strconv.AppendInt(m.note, int64(age), 10)
	m.note = append(m.note, "-year-old "...)
	word := [2][2]string{{"man", "woman"}, {"boy", "girl"}}[int(b2f(age < 18))][int(b2f(m.person.woman))]
	m.note = append(m.note, word...)
	m.note = append(m.note, ". "...)
	m.note = append(m.note, m.visit.chief...)
	m.note = append(m.note, '.')
	if m.visit.doctor.terse {
		return
	}
	listed := 0
	for c := condition(0); c < lastChronic && listed < 5; c++ {
		if !m.has(c) {
			continue
		}
		if listed == 0 {
			m.note = append(m.note, " History of "...)
		} else {
			m.note = append(m.note, ", "...)
		}
		m.note = append(m.note, conditions[c].words...)
		listed++
	}
	if listed > 0 {
		m.note = append(m.note, '.')
	}
	switch {
	case m.draw.chance(.35):
		m.say([]string{"Denies chest pain and shortness of breath.", "No fever, no weight loss.", "No new medicines from elsewhere.", "Denies thoughts of self-harm.", "No falls."}[m.draw.below(5)])
	case m.draw.chance(.3):
		m.say([]string{"Sleeps well.", "Walks daily.", "Eats more salt than advised.", "Under stress at work.", "Lives alone."}[m.draw.below(5)])
	}
	for a := noAllergen + 1; a < allergenCount; a++ {
		if m.known[a] {
			m.say("Allergic to " + allergenCodes[a].words + " (" + allergenCodes[a].reaction + ").")
		}
	}
}

func (m *maker) sayDrug(verb string, d drug) {
	if m.noting() {
		m.say(verb + " " + drugs[d].name + " " + drugs[d].dose + ".")
	}
}

func (m *maker) sayPlan(words string) {
	if m.noting() {
		m.say("Plan: " + words + ".")
	}
}

func (m *maker) sayDiagnosis(c condition) {
	if m.noting() {
		m.say("New diagnosis: " + conditions[c].words + ".")
	}
}

func (m *maker) sayEffect(words string, d drug) {
	if m.noting() {
		m.say("Has had " + words + " since taking " + drugs[d].name + ".")
	}
}

// sayValues tells what was measured, in words.
func (m *maker) sayValues() {
	if !m.noting() || m.visit.doctor.terse {
		return
	}
	if m.measured[systolic] >= m.visit.start {
		m.note = append(m.note, " Blood pressure "...)
		m.note = strconv.AppendInt(m.note, int64(m.value[systolic]), 10)
		m.note = append(m.note, " over "...)
		m.note = strconv.AppendInt(m.note, int64(m.value[diastolic]), 10)
		m.note = append(m.note, '.')
	}
	if m.fever > .5 {
		m.note = append(m.note, " Febrile, "...)
		m.note = strconv.AppendFloat(m.note, m.truth(temperature), 'f', 1, 64)
		m.note = append(m.note, " degrees."...)
	} else if m.draw.chance(.3) {
		m.say("Lungs clear, no edema.")
	}
	for _, x := range [...]struct {
		a     analyte
		words string
		has   bool
	}{{a1c, " Last A1c ", m.has(diabetes2) || m.has(diabetes1)}, {ldl, " Last LDL ", m.has(hyperlipidemia)}, {egfr, " Last eGFR ", m.has(kidney)}, {tsh, " Last TSH ", m.has(hypothyroidism)}} {
		if x.has && m.measured[x.a] > 0 && m.draw.chance(.6) {
			m.note = append(m.note, x.words...)
			m.note = strconv.AppendFloat(m.note, m.value[x.a], 'f', min(1, analytes[x.a].places), 64)
			m.note = append(m.note, '.')
		}
	}
	if m.person.smokes && m.draw.chance(.4) {
		m.say("Still smokes.")
	} else if m.age(m.now) > 16 && m.draw.chance(.25) {
		m.say("Does not smoke.")
	}
}

// closing is the plan: tests, and when to come back.
func (m *maker) closing() {
	for i, t := range m.visit.labs {
		if i == 0 {
			m.say("Plan: ")
		} else {
			m.note = append(m.note, ", "...)
		}
		m.note = append(m.note, tests[t].words...)
	}
	if len(m.visit.labs) > 0 {
		m.note = append(m.note, '.')
	}
	if m.visit.stay || !m.visit.routine {
		m.say("Come back if not better.")
		return
	}
	m.say("Return in ")
	m.note = strconv.AppendInt(m.note, max(1, int64((m.visit.horizon-m.now)/(30*day))), 10)
	m.note = append(m.note, " months."...)
}
