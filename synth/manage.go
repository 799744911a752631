package synth

// care goes through the chronic conditions; weight below 1 is how much a visit
// for something else attends to them.
func (m *maker) care(weight float64) {
	for i := range programs {
		p := &programs[i]
		if m.chart.has(p.cond) && (m.now >= m.scored[p.cond]+5*day) {
			m.manage(p, weight*m.attention(p.cond))
		}
	}
}

// attention is how much a visit attends to a condition: fully to what it is
// for and to what was badly controlled last time, else in part.
func (m *maker) attention(c condition) float64 {
	if m.visit.reason == c || m.score[c] > 1.1 || m.scored[c] == 0 {
		return 1
	}
	return .45
}

// manage decides on one chronic condition: leave, start, add, raise or replace.
func (m *maker) manage(p *program, weight float64) {
	c := p.cond
	score := p.score(m)
	last, first := m.score[c], m.scored[c] == 0
	m.score[c], m.scored[c] = score, m.now
	if weight >= 1 && p.symptom != "" && score > .7 && m.draw.chance(.6) {
		m.say(p.symptom)
	}
	n := m.takesFor(c)
	odds := p.eager + 1.7*min(score, 2.5) + m.visit.doctor.inertia
	if n > 0 {
		odds = -1.6 + 1.9*min(score, 2.5) + m.visit.doctor.inertia
		if !first && last > .4 && score > .4 {
			odds += 1.1 // twice above goal
		}
		if !first && score < last-.5 {
			odds -= 1.3 // on the way down
		}
		if m.now-m.changed[c] < 42*day {
			odds -= 2.2 // give it time
		}
		odds -= .35 * float64(m.failedFor(p))
	}
	act := weight * sigmoid(odds)
	if p.after != nil && weight >= 1 {
		p.after(m)
	}
	if n > 0 && score < -.8 {
		m.deprescribe(c, weight*(.15+.4*b2f(m.passed(c))))
	}
	worst := m.weakest(c, score)
	if n > 0 && worst >= 0 && (p.single || n >= p.most) {
		m.replace(p, worst, act, score)
		return
	}
	if n >= p.most {
		m.raise(c, act)
		return
	}
	raise := 0.0
	if n > 0 {
		raise = .4 * act
	}
	if m.raise(c, raise) {
		m.changed[c] = m.now
		return
	}
	if d := m.choose(act-raise, c, p.options); d >= 0 {
		m.start(d, c, score)
		m.changed[c] = m.now
	}
}

// failedFor counts the drugs of a program that have failed: clinicians tire.
func (m *maker) failedFor(p *program) (n int) {
	for i := range p.options {
		if m.refused[p.options[i].group] != 0 {
			n++
		}
	}
	return n
}

// weakest is the index of a drug that has been taken long enough and has not
// helped, -1 when there is none.
func (m *maker) weakest(c condition, score float64) int {
	for i := range m.meds {
		a := &m.meds[i]
		if a.cond == c && m.now-a.since > 40*day && score > .45 && score > a.atStart-.45*max(.5, a.atStart) && adverseRate[drugs[a.drug].group] > 0 {
			return i
		}
	}
	return -1
}

// replace stops a drug that does not help and starts another.
func (m *maker) replace(p *program, i int, act, score float64) {
	if m.raise(p.cond, .3*act) {
		m.changed[p.cond] = m.now
		return
	}
	old := m.meds[i].drug
	m.replacing = old
	d := m.choose(.7*act, p.cond, p.options)
	m.replacing = -1
	if d >= 0 {
		if k := m.indexOf(old); k >= 0 {
			m.stop(k, ineffective)
		}
		m.start(d, p.cond, score)
		m.changed[p.cond] = m.now
	}
}

func (m *maker) indexOf(d drug) int {
	for i := range m.meds {
		if m.meds[i].drug == d {
			return i
		}
	}
	return -1
}

// raise increases the dose of the newest drug for a condition by a new order.
func (m *maker) raise(c condition, p float64) bool {
	if p <= 0 {
		return false
	}
	for i := len(m.meds) - 1; i >= 0; i-- {
		a := &m.meds[i]
		if a.cond != c || a.dose > 2.5 || drugs[a.drug].days < 28 || !titrated[drugs[a.drug].group] {
			continue
		}
		yes := m.draw.chance(p)
		m.consider(candidate{kind: 'm', index: int(a.drug), p: p, ordered: yes, renewal: true})
		if yes {
			a.dose++
			m.reorder(a)
			m.sayDrug("Increase", a.drug)
		}
		return yes
	}
	return false
}

// reorder writes a new order for an active drug.
func (m *maker) reorder(a *active) {
	x := &drugs[a.drug]
	refills := m.refills()
	if a.last >= 0 && !m.silent {
		if o := &m.orders[a.last]; o.supplyEnd() > m.now {
			o.stopped = max(m.now, o.written)
		}
	}
	a.prior, a.supply = a.supply, m.now+stamp(x.days*(1+refills))*day
	a.last = m.prescribe(a.drug, a.cond, refills)
}
