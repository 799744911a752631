package terms

import "strings"

// words are the lists of words that decide where codes do not.
type words struct {
	noise          map[string]bool // of orders: forms, routes, units, packaging
	additive       map[string]bool // ingredients that go along with fluids
	salt           map[string]bool // names that are also salts or solvents of other drugs
	finding        phrases
	therapy        phrases
	test           phrases
	sureTest       phrases // beats words of treatment
	testSection    phrases
	therapySection phrases
}

// phrases are whole words, or beginnings of words when they end in "*".
type phrases struct{ whole, prefix []string }

func (p *phrases) add(s string) {
	if rest, ok := strings.CutSuffix(s, "*"); ok {
		p.prefix = append(p.prefix, " "+phrase(rest))
		return
	}
	p.whole = append(p.whole, " "+phrase(s)+" ")
}

// in reports whether padded, a phrase with a space at both ends, has any of p.
func (p phrases) in(padded string) bool {
	for _, s := range p.whole {
		if strings.Contains(padded, s) {
			return true
		}
	}
	for _, s := range p.prefix {
		if strings.Contains(padded, s) {
			return true
		}
	}
	return false
}

// saysFinding reports whether the last step of a path, or a whole display, is
// worded as a symptom, a situation or a circumstance.
func (w words) saysFinding(text string) bool {
	path := textPath(text)
	if i := strings.LastIndex(path, " > "); i >= 0 {
		path = path[i+3:]
	}
	return w.finding.in(" " + phrase(path) + " ")
}

// add puts a row of words.tsv into its list; ok is false for an unknown list.
func (w *words) add(name, word string) (ok bool) {
	switch name {
	case "drug-noise":
		w.noise[word] = true
	case "fluid-additive":
		w.additive[word] = true
	case "salt-name":
		w.salt[word] = true
	case "procedure-test-sure":
		w.sureTest.add(word)
	case "finding":
		w.finding.add(word)
	case "procedure-therapy":
		w.therapy.add(word)
	case "procedure-test":
		w.test.add(word)
	case "section-test":
		w.testSection.add(word)
	case "section-therapy":
		w.therapySection.add(word)
	default:
		return false
	}
	return true
}
