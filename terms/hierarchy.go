package terms

import (
	"strings"

	"ember/record"
)

// chapter is a range of ICD categories.
type chapter struct{ first, last, display string }

// Ancestors are the more general codes a concept belongs to, nearest first:
// what the site's hierarchy says, then for ICD codes category and chapter, for
// drugs the ingredients of a combination and the classes (system
// [ClassSystem]), for a text path its upper steps. A code is never its own
// ancestor and none is named twice.
func (t *Terms) Ancestors(c record.Code) []record.Code {
	seen := map[codeKey]bool{keyOf(c): true}
	var out []record.Code
	add := func(a record.Code) {
		if !seen[keyOf(a)] {
			seen[keyOf(a)] = true
			out = append(out, a)
		}
	}
	for _, a := range t.parents[keyOf(c)] {
		add(a)
	}
	for _, a := range t.natural(c) {
		add(a)
	}
	for i := 0; i < len(out); i++ {
		for _, a := range t.parents[keyOf(out[i])] {
			add(a)
		}
	}
	return out
}

// natural are the ancestors that follow from the code itself.
func (t *Terms) natural(c record.Code) []record.Code {
	switch {
	case icdOf(c.System) == icd10:
		return t.icdAncestors(record.ICD10CM, squash(c.Value), 3)
	case icdOf(c.System) == icd9:
		n := 3
		if strings.HasPrefix(squash(c.Value), "E") {
			n = 4
		}
		return t.icdAncestors(record.ICD9CM, squash(c.Value), n)
	case c.System == record.RxNorm || c.System == record.Ingredient:
		return t.drugAncestors(c)
	case c.System == record.Text:
		return pathAncestors(c)
	}
	return nil
}

func (t *Terms) icdAncestors(system, code string, n int) []record.Code {
	var out []record.Code
	if len(code) < 3 {
		return nil
	}
	if len(code) > n {
		code = code[:n]
		out = append(out, t.category(system, code, ""))
	}
	for _, ch := range t.chapters[system] {
		if code >= ch.first && code[:min(len(code), len(ch.last))] <= ch.last && len(code) >= len(ch.first) && (code[0] == ch.first[0] || system == record.ICD10CM) {
			return append(out, record.Code{System: ChapterSystem, Value: ch.first + "-" + ch.last, Display: ch.display})
		}
	}
	return out
}

func (t *Terms) drugAncestors(c record.Code) []record.Code {
	d := t.DrugOfConcept(c)
	var out []record.Code
	if len(d.Ingredients) > 1 {
		for _, i := range d.Ingredients {
			out = append(out, i.Code)
		}
	}
	for _, i := range d.Ingredients {
		for _, name := range i.Classes {
			out = append(out, record.Code{System: ClassSystem, Value: name, Display: t.classes[name].display})
		}
	}
	return out
}

func pathAncestors(c record.Code) []record.Code {
	var out []record.Code
	for path := c.Value; ; {
		i := strings.LastIndex(path, " > ")
		if i < 0 {
			return out
		}
		path = path[:i]
		out = append(out, record.Code{System: record.Text, Value: path, Display: path})
	}
}

// Display is the best words for a code: its own, else the tables', else "".
func (t *Terms) Display(c record.Code) string {
	if c.Display != "" {
		return c.Display
	}
	if d := t.displays[keyOf(c)]; d != "" {
		return d
	}
	switch c.System {
	case record.RxNorm:
		if i, ok := t.byRxNorm[c.Value]; ok {
			return t.ingredients[i].Name
		}
	case ClassSystem:
		return t.classes[c.Value].display
	case record.Ingredient, record.Text, SubstanceSystem:
		return c.Value
	}
	return ""
}
