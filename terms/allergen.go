package terms

import (
	"cmp"
	"slices"
	"strings"

	"ember/record"
)

// Allergen is what an allergy entry was found to mean.
type Allergen struct {
	Ingredients []Ingredient // drugs named; shared, do not modify
	// Classes are drug classes named as such ("sulfa", "NSAIDs"); the classes
	// of the ingredients are not repeated here.
	Classes []string
	// None: the entry says that there is no allergy, or to look elsewhere
	// ("NKDA", "see chart"). It is no allergen.
	None bool
	// Mapped: understood. Food and environment are mapped without ingredients
	// and classes.
	Mapped  bool
	Concept record.Code
}

// allergenTarget is what an allergen phrase stands for.
type allergenTarget struct {
	class, substance string
	none             bool
	ingredients      []int
}

// merge adds what another row says about the same phrase.
func (a *allergenTarget) merge(b allergenTarget) {
	a.class = cmp.Or(a.class, b.class)
	a.substance = cmp.Or(a.substance, b.substance)
	a.none = a.none || b.none
	a.ingredients = append(a.ingredients, b.ingredients...)
}

// SubstanceSystem is the system of allergens that are no drugs ("latex").
const SubstanceSystem = "urn:ember:substance"

// Allergen maps an allergy entry by its codes and text. A display's semantic
// tag ("(substance)") and lead-ins ("Allergy to …") are left out. Free text may
// name several things ("gemfibrozil, PCN").
func (t *Terms) Allergen(codes []record.Code, text string) Allergen {
	for _, c := range codes {
		if i, ok := t.ingredientOfCode(c); ok {
			return t.allergenOf([]int{i}, nil, nil)
		}
	}
	for _, c := range codes {
		if d, ok := t.local[keyOf(c)]; ok {
			return Allergen{Ingredients: d.Ingredients, Mapped: true, Concept: d.Concept}
		}
	}
	for _, c := range codes {
		if a, ok := t.allergenOfConcept(c); ok {
			return a
		}
		if t.In("no-known-allergy", c) {
			return Allergen{None: true, Concept: t.asFound(c)}
		}
	}
	words := append([]string{text}, displaysOf(codes)...)
	for _, w := range words {
		if w == "" {
			continue
		}
		if a := t.allergenWords(w); a.Mapped || a.None {
			if len(a.Ingredients) == 0 && len(a.Classes) == 0 && len(codes) > 0 && codes[0].Value != "" {
				a.Concept = cloneCode(codes[0])
			}
			return a
		}
	}
	return Allergen{Concept: t.conceptOf(codes, text)}
}

// allergenOfConcept is the way back from a concept that Allergen made.
func (t *Terms) allergenOfConcept(c record.Code) (Allergen, bool) {
	switch c.System {
	case ClassSystem:
		if cl, ok := t.classes[c.Value]; ok {
			return Allergen{Classes: []string{c.Value}, Mapped: true, Concept: record.Code{System: ClassSystem, Value: c.Value, Display: cl.display}}, true
		}
	case SubstanceSystem:
		return Allergen{Mapped: true, Concept: cloneCode(c)}, c.Value != ""
	case record.Ingredient:
		d := t.DrugOfConcept(c)
		return Allergen{Ingredients: d.Ingredients, Mapped: true, Concept: d.Concept}, d.Mapped
	}
	return Allergen{}, false
}

func displaysOf(codes []record.Code) []string {
	out := make([]string, 0, len(codes))
	for _, c := range codes {
		out = append(out, c.Display)
	}
	return out
}

// allergenWords reads an allergy entry's text. Phrases of the allergen table
// go first, so that "penicillin" is the class and "penicillin g" the drug.
func (t *Terms) allergenWords(text string) Allergen {
	body, _ := splitTag(text)
	ts := tokens(body)
	var ids []int
	var classes, substances []string
	none := negated(ts)
	if none {
		ts = nil
	}
	for i := 0; i < len(ts); {
		e, n := t.allergens.at(ts, i)
		d, m := t.lexicon.at(ts, i)
		switch {
		case n > 0 && n >= m:
			target := t.targets[e.ids[0]]
			ids = append(ids, target.ingredients...)
			none = none || target.none
			if target.class != "" {
				classes = append(classes, target.class)
			}
			if target.substance != "" {
				substances = append(substances, target.substance)
			}
			i += n
		case m > 0 && !(d.weak && (len(ids) > 0 || t.strongAt(ts, i+m))):
			ids = append(ids, d.ids...)
			i += m
		default:
			i++
		}
	}
	if len(ids)+len(classes)+len(substances) == 0 {
		if none {
			return Allergen{None: true, Concept: record.Code{System: record.Text, Value: plain(text), Display: strings.Clone(text)}}
		}
		return Allergen{}
	}
	return t.allergenOf(unique(ids), classes, substances)
}

// negated reports whether an entry denies an allergy ("No known latex allergy")
// without naming an exception.
func negated(ts []token) bool {
	if len(ts) < 3 || ts[0].text != "no" && ts[0].text != "denies" && ts[0].text != "not" {
		return false
	}
	denied := false
	for _, tok := range ts {
		switch tok.text {
		case "except", "but", "other", "besides":
			return false
		}
		denied = denied || strings.HasPrefix(tok.text, "allerg")
	}
	return denied
}

// allergenOf is the mapped allergen. A drug or class wins over substances.
func (t *Terms) allergenOf(ids []int, classes, substances []string) Allergen {
	slices.Sort(classes)
	classes = slices.Compact(classes)
	a := Allergen{Classes: classes, Mapped: true}
	if len(ids) > 0 {
		d := t.drugOf(ids, "name")
		a.Ingredients, a.Concept = d.Ingredients, d.Concept
		return a
	}
	switch {
	case len(classes) > 0:
		a.Concept = record.Code{System: ClassSystem, Value: classes[0], Display: t.classes[classes[0]].display}
	default:
		a.Concept = record.Code{System: SubstanceSystem, Value: substances[0], Display: substances[0]}
	}
	return a
}
