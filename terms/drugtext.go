package terms

import (
	"slices"
	"strings"
)

// parsed is what the free-text parser understood.
type parsed struct {
	ids       []int // ingredients in order of appearance
	together  []int // those named by one phrase for a combination
	brandOnly bool  // known by brands alone
	missing   bool  // a part of a combination was not understood
}

// complete reports whether something and all of it was understood.
func (p parsed) complete() bool { return len(p.ids) > 0 && !p.missing }

// parseClinicalDrug reads an RxNorm display: components "name strength" joined
// by " / ", then the form and perhaps the brand in brackets. Every component
// must be known. Packs and branded names without components read as free text.
func (t *Terms) parseClinicalDrug(display string) parsed {
	if display == "" {
		return parsed{}
	}
	body := display
	if i := strings.LastIndexByte(body, '['); i > 0 {
		body = body[:i]
	}
	parts := strings.Split(body, " / ")
	if len(parts) == 1 {
		return t.parseDrug(display)
	}
	var all parsed
	for _, part := range parts {
		p := t.scanDrug(part)
		if len(p.ids) == 0 {
			all.missing = true
		}
		all.ids = append(all.ids, p.ids...)
	}
	if all.complete() {
		return all
	}
	return t.parseDrug(display)
}

// parseDrug reads free text as hospitals write orders: "5 ML VIAL : DILTIAZEM
// HCL 25 MG/5ML IV SOLN", "furosemide (LASIX) inj 40 mg". Fluids that only
// carry another drug are not ingredients of the order; potassium chloride in a
// fluid is a maintenance fluid and keeps both.
func (t *Terms) parseDrug(text string) parsed {
	p := t.scanDrug(text)
	if len(p.ids) < 2 {
		return p
	}
	if slices.ContainsFunc(p.ids, func(i int) bool { return i != t.insulin && t.insulins[i] }) {
		p.ids = slices.DeleteFunc(p.ids, func(i int) bool { return i == t.insulin })
	}
	carrier := func(i int) bool { return t.ingredients[i].Name == "water" }
	if slices.ContainsFunc(p.ids, func(i int) bool { return !t.fluids[i] && !t.words.additive[t.ingredients[i].Name] }) {
		carrier = func(i int) bool { return t.fluids[i] && !slices.Contains(p.together, i) }
	}
	if slices.ContainsFunc(p.ids, func(i int) bool { return !carrier(i) }) {
		p.ids = slices.DeleteFunc(p.ids, carrier)
	}
	return p
}

// scanDrug finds known names from left to right, the longest first. Words that
// are also salts or solvents ("calcium", "sodium") count only where a component
// begins with them. A brand in brackets explains a name outside of them.
func (t *Terms) scanDrug(text string) parsed {
	ts := tokens(text)
	var names, brands, aside, together []int
	begun := false    // the component has a name or an unknown word already
	stranger := false // an unknown word is a component of a combination
	for i := 0; i < len(ts); {
		tok := ts[i]
		if joins(tok) || tok.sep == ';' || tok.text == "and" || tok.text == "with" || tok.text == "in" {
			begun = false
		}
		e, n := t.lexicon.at(ts, i)
		if n == 0 {
			if !tok.number && !t.words.noise[tok.text] {
				joined := joins(tok) || i+1 < len(ts) && joins(ts[i+1])
				if joined && !begun && !tok.bracket && len(tok.text) > 3 && allLetters(tok.text) {
					stranger = true
				}
				begun = true
			}
			i++
			continue
		}
		if len(e.ids) > 1 {
			together = append(together, e.ids...)
		}
		switch {
		case e.weak && (begun || tok.bracket || t.strongAt(ts, i+n)):
		case e.brand && tok.bracket:
			aside = append(aside, e.ids...)
		case e.brand:
			brands, begun = append(brands, e.ids...), true
		default:
			names, begun = append(names, e.ids...), true
		}
		i += n
	}
	ids := append(slices.Clone(names), brands...)
	if len(ids) == 0 {
		ids = aside
	}
	return parsed{ids: unique(ids), together: together, brandOnly: len(names) == 0, missing: stranger}
}

// joins reports whether the token is joined to the one before as the parts of a
// combination are.
func joins(t token) bool { return t.sep == '/' || t.sep == '-' }

func allLetters(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= '0' && r <= '9' })
}

// strongAt reports whether a name that is no salt follows directly, as in
// "sodium valproate".
func (t *Terms) strongAt(ts []token, i int) bool {
	if i >= len(ts) || ts[i].sep != 0 {
		return false
	}
	e, n := t.lexicon.at(ts, i)
	return n > 0 && !e.weak
}

func unique(ids []int) []int {
	out := ids[:0:0]
	for _, i := range ids {
		if !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out
}

// plain is text in lower case with single spaces.
func plain(text string) string { return strings.Join(strings.Fields(strings.ToLower(text)), " ") }
