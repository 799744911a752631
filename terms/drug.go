package terms

import (
	"cmp"
	"slices"
	"strings"

	"ember/record"
)

// Ingredient is an active ingredient. Code is its RxNorm ingredient code where
// that is known, else its name in the system [record.Ingredient]. Classes are
// sorted; see [Terms.ClassText] for what they mean.
type Ingredient struct {
	Code    record.Code
	Name    string
	Classes []string
}

// Is reports whether the ingredient belongs to the class.
func (i Ingredient) Is(class string) bool {
	_, ok := slices.BinarySearch(i.Classes, class)
	return ok
}

// Drug is what an order's codes and text were found to mean.
type Drug struct {
	// Concept is what the drug counts as: the ingredient's code, for a
	// combination the ingredients' names, sorted and joined by " / ", and for
	// an unmapped drug its normalised text, else its first code as found.
	Concept     record.Code
	Ingredients []Ingredient // sorted by name; shared, do not modify
	// Mapped: all parts of the drug were understood. Rules cannot check what
	// is not mapped.
	Mapped bool
	// How it was mapped: "rxnorm", "name", "brand", "local" (a site's text),
	// "local-code" (a site's code), "" unmapped.
	How string
}

// Is reports whether an ingredient of the drug belongs to the class.
func (d Drug) Is(class string) bool {
	return slices.ContainsFunc(d.Ingredients, func(i Ingredient) bool { return i.Is(class) })
}

// Drug maps a drug by its codes and text to ingredients. It never fails: see
// [Drug.Mapped]. Order of evidence: the site's own codes, an RxNorm ingredient
// or CVX code, the display of an RxNorm code, the text, other displays.
// Repeated inputs are answered from memory.
func (t *Terms) Drug(codes []record.Code, text string) Drug {
	return t.drugs.get(codes, text, "", func() Drug { return t.mapDrug(codes, text) })
}

func (t *Terms) mapDrug(codes []record.Code, text string) Drug {
	if d, ok := t.mapLocal(codes, text); ok {
		return d
	}
	for _, c := range codes {
		if i, ok := t.ingredientOfCode(c); ok {
			return t.drugOf([]int{i}, "rxnorm")
		}
	}
	for _, c := range codes {
		if c.System != record.RxNorm {
			continue
		}
		if p := t.parseClinicalDrug(c.Display); p.complete() {
			return t.drugOf(p.ids, "rxnorm")
		}
	}
	if d, ok := t.mapWords(text); ok {
		return d
	}
	for _, c := range codes {
		if d, ok := t.mapWords(c.Display); ok {
			return d
		}
	}
	return Drug{Concept: t.unmapped(codes, text)}
}

// mapLocal answers from the site's own maps.
func (t *Terms) mapLocal(codes []record.Code, text string) (Drug, bool) {
	for _, c := range codes {
		if d, ok := t.local[keyOf(c)]; ok {
			return d, true
		}
	}
	if len(t.localText) == 0 || text == "" {
		return Drug{}, false
	}
	d, ok := t.localText[plain(text)]
	return d, ok
}

func (t *Terms) ingredientOfCode(c record.Code) (int, bool) {
	switch c.System {
	case record.RxNorm:
		i, ok := t.byRxNorm[c.Value]
		return i, ok
	case record.CVX:
		i, ok := t.byCVX[c.Value]
		return i, ok
	case record.Ingredient:
		i, ok := t.byName[phrase(c.Value)]
		return i, ok
	}
	return 0, false
}

func (t *Terms) mapWords(text string) (Drug, bool) {
	if text == "" {
		return Drug{}, false
	}
	p := t.parseDrug(text)
	if !p.complete() {
		return Drug{}, false
	}
	how := "name"
	if p.brandOnly {
		how = "brand"
	}
	return t.drugOf(p.ids, how), true
}

// drugOf is the mapped drug with these ingredients.
func (t *Terms) drugOf(ids []int, how string) Drug {
	ings := make([]Ingredient, 0, len(ids))
	for _, i := range ids {
		ings = append(ings, t.ingredients[i])
	}
	slices.SortFunc(ings, func(a, b Ingredient) int { return strings.Compare(a.Name, b.Name) })
	ings = slices.CompactFunc(ings, func(a, b Ingredient) bool { return a.Name == b.Name })
	if len(ings) == 1 {
		return Drug{Concept: ings[0].Code, Ingredients: ings, Mapped: true, How: how}
	}
	names := make([]string, len(ings))
	for i, in := range ings {
		names[i] = in.Name
	}
	joined := strings.Join(names, " / ")
	return Drug{
		Concept:     record.Code{System: record.Ingredient, Value: joined, Display: joined},
		Ingredients: ings, Mapped: true, How: how,
	}
}

// unmapped is the concept of a drug nothing is known about: its words without
// strengths and forms, so that orders of the same thing count together.
func (t *Terms) unmapped(codes []record.Code, text string) record.Code {
	if text == "" && len(codes) > 0 {
		if codes[0].Display == "" || codes[0].Value != "" {
			return cloneCode(codes[0])
		}
		text = codes[0].Display
	}
	var kept []string
	for _, tok := range tokens(text) {
		if !tok.number && !t.words.noise[tok.text] {
			kept = append(kept, tok.text)
		}
	}
	value := strings.Join(kept, " ")
	if value == "" {
		value = cmp.Or(plain(text), "unknown")
	}
	return record.Code{System: record.Text, Value: value, Display: strings.Clone(text)}
}

// DrugOfConcept is the way back from a concept that [Terms.Drug] made. Concepts
// in the system [record.Text] are those of unmapped drugs and stay unmapped.
func (t *Terms) DrugOfConcept(c record.Code) Drug {
	if c.System == record.Text {
		return Drug{Concept: c}
	}
	if c.System != record.Ingredient || !strings.Contains(c.Value, " / ") {
		return t.Drug([]record.Code{c}, "")
	}
	return t.drugs.get([]record.Code{c}, "", "concept", func() Drug {
		var ids []int
		for _, name := range strings.Split(c.Value, " / ") {
			i, ok := t.byName[phrase(name)]
			if !ok {
				return Drug{Concept: cloneCode(c)}
			}
			ids = append(ids, i)
		}
		return t.drugOf(ids, "name")
	})
}

// Ingredient finds an ingredient by its name or a synonym.
func (t *Terms) Ingredient(name string) (Ingredient, bool) {
	i, ok := t.byName[phrase(name)]
	if !ok {
		return Ingredient{}, false
	}
	return t.ingredients[i], true
}

// class is a drug class with its members, indexes of ingredients by name.
type class struct {
	display, source string
	members         []Ingredient
}

// Class is the members of a class sorted by name, nil for an unknown class.
func (t *Terms) Class(class string) []Ingredient { return t.classes[class].members }

// ClassText is what a class is called and where its definition comes from,
// empty for an unknown class.
func (t *Terms) ClassText(class string) (display, source string) {
	c := t.classes[class]
	return c.display, c.source
}
