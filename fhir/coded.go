package fhir

import (
	"slices"
	"strings"

	"ember/record"
	"ember/terms"
)

// coded is a CodeableConcept, and what it counts as, each found out once.
type coded struct {
	codes []record.Code
	text  string // text, else the first display

	drug     *terms.Drug
	allergen *terms.Allergen
	// By purpose; the zero kind is not asked yet.
	condition, procedure meaning
	observation          map[string]meaning // by categories
}

type meaning struct {
	kind    record.Kind
	concept record.Code
}

func (c *coded) empty() bool { return c == nil || len(c.codes) == 0 && c.text == "" }

// answer is the concept as a code of its own: the first coding, else the words.
func (c *coded) answer() record.Code {
	switch {
	case c.empty():
		return record.Code{}
	case len(c.codes) > 0:
		code := c.codes[0]
		if code.Display == "" {
			code.Display = c.text
		}
		return code
	}
	return textCode(c.text)
}

// is reports whether one of the codings has the value, in whatever system.
func (c *coded) is(values ...string) bool {
	return c != nil && slices.ContainsFunc(c.codes, func(code record.Code) bool { return slices.Contains(values, code.Value) })
}

// textCode is a concept known by its words only.
func textCode(text string) record.Code {
	value := strings.ToLower(strings.Join(strings.Fields(text), " "))
	if value == "" {
		return record.Code{}
	}
	return record.Code{System: record.Text, Value: value, Display: text}
}

// codeable reads the CodeableConcept at the cursor, nil when it is none. Equal
// text is decoded once.
func (g *mapping) codeable() *coded {
	g.c.i = skipSpace(g.c.b, g.c.i)
	if g.c.i < len(g.c.b) && g.c.b[g.c.i] != '{' {
		g.c.unexpected()
		return nil
	}
	start := g.c.i
	raw := g.c.raw()
	if raw == nil {
		return nil
	}
	if c, ok := g.memo[string(raw)]; ok {
		return c
	}
	end := g.c.i
	g.c.i = start
	c := &coded{}
	var text string
	complaints := len(g.issues)
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "coding":
			for ok := g.c.first(); ok; ok = g.c.more() {
				if code := g.coding(); !code.Zero() {
					c.codes = append(c.codes, code)
				} else if text == "" {
					text = code.Display
				}
			}
		case "text":
			if t := strings.TrimSpace(g.c.text()); t != "" {
				text = t
			}
		default:
			g.c.skip()
		}
	}
	g.c.i = end
	for i := 0; text == "" && i < len(c.codes); i++ {
		text = c.codes[i].Display
	}
	c.text = text
	if len(raw) <= 2048 && complaints == len(g.issues) {
		g.memo[string(raw)] = c
	}
	return c
}

// coding reads the Coding at the cursor.
func (g *mapping) coding() (code record.Code) {
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "system":
			code.System = g.word(g.c.bytes())
		case "code":
			code.Value = strings.TrimSpace(g.c.text())
		case "display":
			code.Display = g.c.text()
		default:
			g.c.skip()
		}
	}
	if code.Value == "" {
		code.System = ""
	}
	return code
}

// codeables reads an array of CodeableConcepts, or of plain codes, or one.
func (g *mapping) codeables(into []*coded) []*coded {
	if g.at('{') {
		if c := g.codeable(); !c.empty() {
			into = append(into, c)
		}
		return into
	}
	for ok := g.c.first(); ok; ok = g.c.more() {
		if g.at('"') {
			if v := g.word(g.c.bytes()); v != "" {
				into = append(into, &coded{codes: []record.Code{{Value: v}}, text: v})
			}
			continue
		}
		if c := g.codeable(); !c.empty() {
			into = append(into, c)
		}
	}
	return into
}

// at reports whether the next byte is c.
func (g *mapping) at(c byte) bool {
	g.c.i = skipSpace(g.c.b, g.c.i)
	return g.c.i < len(g.c.b) && g.c.b[g.c.i] == c
}

func (g *mapping) asDrug(c *coded) terms.Drug {
	if c.drug == nil {
		d := g.terms.Drug(c.codes, c.text)
		c.drug = &d
	}
	return *c.drug
}

func (g *mapping) asAllergen(c *coded) terms.Allergen {
	if c.allergen == nil {
		a := g.terms.Allergen(c.codes, c.text)
		c.allergen = &a
	}
	return *c.allergen
}

func (g *mapping) asCondition(c *coded) meaning {
	if c.condition.kind == 0 {
		c.condition.kind, c.condition.concept = g.terms.Condition(c.codes, c.text)
	}
	return c.condition
}

func (g *mapping) asProcedure(c *coded) meaning {
	if c.procedure.kind == 0 {
		c.procedure.kind, c.procedure.concept = g.terms.Procedure(c.codes, c.text)
	}
	return c.procedure
}

func (g *mapping) asObservation(c *coded, categories []string) meaning {
	var buf [64]byte
	key := buf[:0]
	for _, s := range categories {
		key = append(append(key, s...), '|')
	}
	if m, ok := c.observation[string(key)]; ok {
		return m
	}
	var m meaning
	m.kind, m.concept = g.terms.Observation(categories, c.codes, c.text)
	if c.observation == nil {
		c.observation = map[string]meaning{}
	}
	c.observation[string(key)] = m
	return m
}
