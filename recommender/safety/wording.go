package safety

import (
	"math/bits"
	"strings"

	"ember/record"
)

// form is a dosage form that hardly reaches the blood, by its words, unless the
// drug is of a class that is absorbed all the same.
type form struct {
	words  string
	except []string
}

// imaging is an examination that brings something the patient may be allergic
// to, by its words: any of the alternatives, each a list of phrases that must
// all be there. brings is the drug class it brings for interactions, "" for none.
type imaging struct {
	rule, tier, text, source string
	brings                   string
	allergen                 []string
	words                    [][]string
	unless                   []string
}

func (c *Checker) loadForms(s source) error {
	return s.rows("forms.tsv", []string{"words", "except", "source"}, func(r map[string]string) error {
		c.forms = append(c.forms, form{plain(r["words"]), list(r["except"])})
		return c.knownClasses(list(r["except"]))
	})
}

func (c *Checker) loadImaging(s source) error {
	return s.rows("imaging.tsv", []string{"rule", "tier", "allergen", "brings", "words", "unless", "text", "source"}, func(r map[string]string) error {
		tier, err := tierOf(r)
		if err != nil {
			return err
		}
		row := imaging{rule: r["rule"], tier: tier, text: r["text"], source: r["source"], brings: r["brings"], allergen: list(r["allergen"])}
		for _, alternative := range list(r["words"]) {
			var all []string
			for _, words := range strings.Split(alternative, "+") {
				all = append(all, plain(words))
			}
			row.words = append(row.words, all)
		}
		if r["unless"] != "" {
			for _, words := range list(r["unless"]) {
				row.unless = append(row.unless, plain(words))
			}
		}
		c.imaging = append(c.imaging, row)
		return c.knownClasses(row.allergen, []string{row.brings})
	})
}

// staysLocal reports whether the words of a draft say that it stays where it is
// put. A drug without words (a candidate) does not.
func (c *Checker) staysLocal(e *record.Event, classes []string) bool {
	return e != nil && c.localIn(c.formsOf(wordingOf(e)), classes)
}

func wordingOf(e *record.Event) wording {
	w := wording{text: e.Text}
	if len(e.Codes) > 0 && e.Codes[0].Display != e.Text {
		w.display = e.Codes[0].Display
	}
	return w
}

// formsOf are the dosage forms that words name, as bits of Checker.forms.
func (c *Checker) formsOf(w wording) (bits uint32) {
	words := plain(w.text) + plain(w.display)
	for i := range c.forms {
		if strings.Contains(words, c.forms[i].words) {
			bits |= 1 << i
		}
	}
	return bits
}

// localIn reports whether drugs of the classes stay local in one of the forms.
func (c *Checker) localIn(forms uint32, classes []string) bool {
	for ; forms != 0; forms &= forms - 1 {
		if !hasAny(classes, c.forms[bits.TrailingZeros32(forms)].except) {
			return true
		}
	}
	return false
}

// wordsOf are the words of an examination on record, plain.
func (c *Checker) wordsOf(e *record.Event) string {
	words := plain(e.Text) + plain(e.Concept.Display)
	if len(e.Codes) > 0 {
		words += plain(e.Codes[0].Display)
	}
	if words == "" {
		words = plain(c.terms.Display(e.Concept))
	}
	return words
}

// checkImaging warns of an examination with something the patient is allergic
// to, or that does not go with a drug the patient takes.
func (c *Checker) checkImaging(findings []Finding, p *Patient, o Order) []Finding {
	if len(p.allergies) == 0 && len(p.drugs) == 0 {
		return findings
	}
	words := plain(o.Code.Display)
	if o.Event != nil {
		words += plain(o.Event.Text)
	}
	if words == "" {
		words = plain(c.terms.Display(o.Code))
	}
	for i := range c.imaging {
		row := &c.imaging[i]
		if !row.says(words) {
			continue
		}
		for j := range p.allergies {
			if a := &p.allergies[j]; a.in(row.allergen) {
				findings = append(findings, Finding{Rule: row.rule, Tier: row.tier, Text: row.text + " (recorded: " + a.name + ")", Source: row.source,
					References: []string{a.source}, Severity: a.severity.String()})
				break
			}
		}
		if row.brings != "" {
			findings = c.checkInteractions(findings, p, o, []string{row.brings})
		}
	}
	return findings
}

func (i *imaging) says(words string) bool {
	for _, w := range i.unless {
		if strings.Contains(words, w) {
			return false
		}
	}
	for _, all := range i.words {
		found := true
		for _, w := range all {
			found = found && strings.Contains(words, w)
		}
		if found {
			return true
		}
	}
	return false
}

// shorthand of order names, as words between blanks.
var shorthand = strings.NewReplacer(" w o ", " without ", " wo ", " without ", " w ", " with ", " with and without ", " with ", " with iv ", " with ",
	" with intravenous ", " with ", " with oral and iv ", " with ")

// plain is a text in lower case, its words between single blanks, with common
// shorthand written out; "" for a text without words.
func plain(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127)
	})
	if len(words) == 0 {
		return ""
	}
	s := " " + strings.Join(words, " ") + " "
	return shorthand.Replace(shorthand.Replace(s))
}
