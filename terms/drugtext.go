package terms

import (
	"slices"
	"strings"
)

// parsed is what the free-text parser understood.
type parsed struct {
	ids       []int // ingredients in order of appearance
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
	var all parsed
	for _, part := range strings.Split(body, " / ") {
		p := t.scanDrug(part, true)
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
	p := t.scanDrug(text, false)
	if len(p.ids) < 2 {
		return p
	}
	active := slices.ContainsFunc(p.ids, func(i int) bool { return !t.fluids[i] && !t.words.additive[t.ingredients[i].Name] })
	water := func(i int) bool { return t.ingredients[i].Name == "water" }
	if active {
		p.ids = slices.DeleteFunc(p.ids, func(i int) bool { return t.fluids[i] })
	} else if !slices.ContainsFunc(p.ids, func(i int) bool { return !water(i) }) {
		return p
	} else {
		p.ids = slices.DeleteFunc(p.ids, water)
	}
	return p
}

// scanDrug finds known names from left to right, the longest first. Words that
// are also salts or solvents ("calcium", "sodium") count only where a component
// begins with them. A brand in brackets explains a name outside of them.
func (t *Terms) scanDrug(text string, clinical bool) parsed {
	ts := tokens(text)
	var names, brands, aside []int
	begun := false     // the component has a name or an unknown word already
	var stranger token // an unknown word that begins a component
	missing := false
	for i := 0; i < len(ts); {
		tok := ts[i]
		if tok.sep == '/' || tok.sep == '-' || tok.sep == ';' || tok.text == "and" || tok.text == "with" || tok.text == "in" {
			begun = false
		}
		e, n := t.lexicon.at(ts, i)
		if n == 0 {
			if !tok.number && !t.words.noise[tok.text] {
				if !begun && !tok.bracket && (tok.sep == '/' || tok.sep == '-') && len(tok.text) > 3 {
					stranger = tok
				}
				begun = true
			}
			i++
			continue
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
	missing = stranger.text != "" && len(names) > 0 && !clinical
	ids := append(slices.Clone(names), brands...)
	if len(ids) == 0 {
		ids = aside
	}
	return parsed{ids: unique(ids), brandOnly: len(names) == 0, missing: missing}
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
