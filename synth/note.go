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
