package synth

// writeOracle writes the visit's decisions with their true probabilities, each
// conditional on all the generator knows when it is made, earlier decisions of
// the same visit included.
func (m *maker) writeOracle() {
	if !m.opt.Oracle || len(m.visit.candidates) == 0 {
		return
	}
	p := m.page
	p.raw(`{"encounter":"Encounter/`)
	p.buf = append(p.buf, m.visit.id[:]...)
	p.raw(`","patient":"Patient/`)
	p.buf = append(p.buf, m.person.id[:]...)
	p.raw(`"`)
	p.time("start", m.visit.start)
	p.raw(`,"orders":[`)
	for i := range m.visit.candidates {
		if i > 0 {
			p.raw(`,`)
		}
		m.writeCandidate(&m.visit.candidates[i])
	}
	p.raw(`]`)
	p.end(OracleType)
}

func (m *maker) writeCandidate(c *candidate) {
	p := m.page
	kind, code, words := "medication", coding{}, ""
	switch c.kind {
	case 'm':
		x := &drugs[c.index]
		words = x.name
		code = coding{sysRxNorm, x.in, ""}
		if x.in == "" {
			code = coding{"urn:ember:ingredient", x.name, ""} // a combination
		}
	case 't':
		kind, code, words = "test", tests[c.index].code, tests[c.index].words
	case 'p':
		kind, code, words = "procedure", therapies[c.index].code, therapies[c.index].words
	}
	p.raw(`{"kind":"`, kind, `","system":"`, code.system, `","code":"`, code.code, `","name":`)
	p.quote(words)
	p.raw(`,"p":`)
	p.number(c.p, 5)
	p.raw(`,"ordered":`, boolean(c.ordered))
	if c.renewal {
		p.raw(`,"renewal":true`)
	}
	if c.slip {
		p.raw(`,"slip":true`)
	}
	p.raw(`}`)
}

func boolean(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
