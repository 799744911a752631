package safety

import (
	"slices"
	"strings"

	"ember/record"
	"ember/terms"
)

// meaning is what a code says to the rules, whoever has it: bits of
// Checker.sets, values and intervals.
type meaning struct{ sets, values, intervals uint32 }

// medicine is what a drug is to the rules, whoever takes it.
type medicine struct {
	drug    terms.Drug
	classes []string
	in      classSet
}

func (c *Checker) medicineOf(d terms.Drug) *medicine {
	classes := classesOf(d)
	return &medicine{d, classes, c.setOf(classes)}
}

// classSet is a set of the classes that interactions and duplicates name, as bits.
type classSet [4]uint64

func (s classSet) meets(o classSet) bool {
	return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] != 0
}

// setOf leaves out classes that no rule names.
func (c *Checker) setOf(classes []string) (s classSet) {
	for _, class := range classes {
		if bit, ok := c.classes[class]; ok {
			s[bit/64] |= 1 << (bit % 64)
		}
	}
	return s
}

type codeKey struct{ system, value string }

func keyOf(c record.Code) codeKey { return codeKey{c.System, c.Value} }

// wording are the words that the form of a drug is told by.
type wording struct{ text, display string }

// met is what has been worked out about codes and words. They come from the
// hospital, so each table is bounded; keys hold on to no timeline.
type met struct {
	codes     map[codeKey]meaning
	medicines map[codeKey]*medicine // those known by their concept alone
	forms     map[wording]uint32    // bits of Checker.forms
}

// mostMet bounds the entries of each table.
const mostMet = 1 << 17

func newMet() met {
	return met{codes: map[codeKey]meaning{}, medicines: map[codeKey]*medicine{}, forms: map[wording]uint32{}}
}

func (m *met) add(fresh met) {
	addTo(m.codes, fresh.codes, cloneKey)
	addTo(m.medicines, fresh.medicines, cloneKey)
	addTo(m.forms, fresh.forms, func(w wording) wording { return wording{strings.Clone(w.text), strings.Clone(w.display)} })
}

func cloneKey(k codeKey) codeKey { return codeKey{strings.Clone(k.system), strings.Clone(k.value)} }

func addTo[K comparable, V any](to, from map[K]V, clone func(K) K) {
	if len(to)+len(from) > mostMet {
		clear(to)
	}
	for k, v := range from {
		if _, ok := to[k]; !ok {
			to[clone(k)] = v
		}
	}
}

// meaning is that of a code.
func (l *looker) meaning(code record.Code) meaning {
	key := keyOf(code)
	m, ok := l.c.met.codes[key]
	if !ok {
		m = l.c.meaningOf(code)
		put(&l.fresh.codes, key, m)
	}
	return m
}

// put makes the map when it is first needed.
func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

// medicine is what an order is of. Where the concept does not say it, the first
// order of the concept does, for this patient.
func (l *looker) medicine(e *record.Event) *medicine {
	key := keyOf(e.Concept)
	if m, ok := l.c.met.medicines[key]; ok {
		return m
	}
	if m, ok := l.medicines[key]; ok {
		return m
	}
	d := l.c.terms.DrugOfConcept(e.Concept)
	if d.Mapped {
		put(&l.fresh.medicines, key, l.c.medicineOf(d))
	} else {
		d = l.c.terms.Drug(e.Codes, e.Text)
	}
	m := l.c.medicineOf(d)
	put(&l.medicines, key, m)
	return m
}

// local reports whether the words of a drug on record say that it stays where it
// is put.
func (l *looker) local(e *record.Event, classes []string) bool {
	w := wordingOf(e)
	forms, ok := l.c.met.forms[w]
	if !ok {
		forms = l.c.formsOf(w)
		put(&l.fresh.forms, w, forms)
	}
	return forms != 0 && l.c.localIn(forms, classes)
}

func (c *Checker) meaningOf(code record.Code) (m meaning) {
	for i, set := range c.sets {
		if c.terms.In(set, code) {
			m.sets |= 1 << i
		}
	}
	for i := range c.values {
		if code.System == record.LOINC && slices.Contains(c.values[i].loinc, code.Value) {
			m.values |= 1 << i
		}
	}
	for i := range c.intervals {
		if slices.Contains(c.intervals[i].codes, code.Value) {
			m.intervals |= 1 << i
		}
	}
	return m
}
