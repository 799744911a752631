package index

import (
	"iter"
	"slices"

	"ember/record"
)

// Visit is the kind of postings that stand for encounters: the concept is the class
// (v3 ActCode), the codes of the form are the encounter's type. It is no kind of
// event: words do not find it, and [View.Concepts] leaves it out.
const Visit record.Kind = 255

// VisitSystem is the code system of the classes of encounters.
const VisitSystem = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

// Form is how some events of a concept are coded: the codes as found, beside the
// concept, and the unit of the value as found.
type Form struct {
	Kind    record.Kind
	Concept record.Code   // with the best words there are as Display
	Codes   []record.Code // system and value only; shared, do not modify
	Unit    string
}

// form is a Form as it is kept.
type form struct {
	concept uint32
	codes   []record.Code
	unit    string
}

// form numbers the form of an event. Only the one writer calls it.
func (c *concepts) form(concept uint32, code record.Code, codes []record.Code, unit string) uint32 {
	k := append(c.formKey[:0], byte(concept), byte(concept>>8), byte(concept>>16), byte(concept>>24))
	k = append(append(k, unit...), 0)
	for i := range codes {
		if !codes[i].Zero() && !codes[i].Is(code) {
			k = append(append(append(append(k, codes[i].System...), 1), codes[i].Value...), 1)
		}
	}
	c.formKey = k
	id, ok := c.formIDs[string(k)]
	if ok {
		return id
	}
	f := form{concept: concept, unit: unit}
	for i := range codes {
		if !codes[i].Zero() && !codes[i].Is(code) {
			f.codes = append(f.codes, record.Code{System: codes[i].System, Value: codes[i].Value})
		}
	}
	return c.addForm(f, string(k))
}

func (c *concepts) addForm(f form, key string) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	id := uint32(len(c.forms))
	c.forms = append(c.forms, f)
	c.formIDs[key] = id
	return id
}

// internVisit numbers the class of an encounter and its form.
func (c *concepts) internVisit(e *record.Encounter) (id, form uint32) {
	class := record.Code{System: VisitSystem, Value: e.Class}
	id, ok := c.ids[conceptKey{Visit, class.System, class.Value}]
	if !ok {
		id = c.add(visitConcept(class))
	}
	return id, c.form(id, class, []record.Code{e.Type}, "")
}

func visitConcept(class record.Code) concept { return concept{kind: Visit, code: class} }

// Forms are the forms there are, by number. Some may belong to nobody any more.
// Numbers hold as long as the index is open; a later view has more of them.
func (v View) Forms() iter.Seq2[uint32, Form] {
	return func(yield func(uint32, Form) bool) {
		for id := range v.FormsLen() {
			if !yield(id, v.Form(id)) {
				return
			}
		}
	}
}

// Vocabulary stands for the names and forms there are: what was made of them holds
// as long as it is equal. The zero Vocabulary is none.
type Vocabulary struct {
	of      *concepts
	version uint64
}

// Vocabulary is another one whenever a name or a form is added or taken away.
func (v View) Vocabulary() Vocabulary {
	c := v.s.concepts
	c.mu.RLock()
	defer c.mu.RUnlock()
	return Vocabulary{c, c.version}
}

// FormsLen is the number of forms, which only grows.
func (v View) FormsLen() uint32 {
	c := v.s.concepts
	c.mu.RLock()
	defer c.mu.RUnlock()
	return uint32(len(c.forms))
}

// Form is the form of a number that a posting has.
func (v View) Form(id uint32) Form {
	c := v.s.concepts
	c.mu.RLock()
	defer c.mu.RUnlock()
	f := &c.forms[id]
	one := &c.all[f.concept]
	return Form{Kind: one.kind, Concept: one.named(), Codes: f.codes, Unit: f.unit}
}

// Called are the concepts of some kinds (none = all) with all words of the text in
// one of their names, in the order in which they were first seen. Plurals count as
// their singular; words that are common in English do not count.
func (v View) Called(text string, kinds []record.Kind) []record.Code {
	var asked []string
	for _, w := range words(clip(text, 1024), nil) {
		if !common(w.text) {
			asked = append(asked, w.text)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	c := v.s.concepts
	c.mu.RLock()
	defer c.mu.RUnlock()
	var found []record.Code
	var room []word
	named := func(name string) bool {
		room = words(name, room[:0])
		return !slices.ContainsFunc(asked, func(a string) bool {
			return !slices.ContainsFunc(room, func(w word) bool { return w.text == a })
		})
	}
	for i := range c.all {
		one := &c.all[i]
		if one.kind == Visit || len(kinds) > 0 && !slices.Contains(kinds, one.kind) {
			continue
		}
		if named(one.code.Display) || named(one.code.Value) || slices.ContainsFunc(one.texts, func(t conceptText) bool { return named(t.text) }) {
			found = append(found, one.named())
		}
	}
	return found
}

// forms writes the forms of a concept's rows and gives their places.
func (e *encoder) forms(rows []Posting, c *concepts) map[uint32]uint64 {
	places := map[uint32]uint64{}
	var order []uint32
	for i, r := range rows {
		if i > 0 && rows[i-1].Form == r.Form {
			continue
		}
		if _, ok := places[r.Form]; !ok {
			places[r.Form] = uint64(len(order))
			order = append(order, r.Form)
		}
	}
	e.uint(uint64(len(order)))
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, id := range order {
		f := &c.forms[id]
		e.string(f.unit)
		e.uint(uint64(len(f.codes)))
		for _, code := range f.codes {
			e.string(code.System)
			e.string(code.Value)
		}
	}
	return places
}

// forms reads what encoder.forms wrote and gives the numbers by place.
func (d *decoder) forms(c *concepts, concept uint32) []uint32 {
	ids := make([]uint32, 0, 1)
	for range d.count(2) {
		unit := d.string()
		var codes []record.Code
		for range d.count(2) {
			codes = append(codes, record.Code{System: d.string(), Value: d.string()})
		}
		ids = append(ids, c.form(concept, record.Code{}, codes, unit))
	}
	return ids
}

// ConceptKey is the identity of a concept: a kind and a code.
type ConceptKey struct {
	Kind          record.Kind
	System, Value string
}
