package terms

import (
	"strings"

	"ember/record"
)

// Member reports whether a code is in a value set, as [Terms.In] has it; known is false
// where there is no set of that name.
func (t *Terms) Member(set, system, code string) (in, known bool) {
	if t.sets[set] == nil {
		return false, false
	}
	return t.In(set, record.Code{System: system, Value: code}), true
}

// Subsumes reports whether general is specific, or more general, both of one system: a
// category of ICD, an ingredient of a product, a parent in the site's hierarchy. The display
// of specific tells what a product is made of, as for [Terms.Drug]; "" where it is not known.
// known is false where no hierarchy of the system is known.
func (t *Terms) Subsumes(system, general, specific, display string) (is, known bool) {
	which := icdOf(system)
	drugs := system == record.RxNorm || system == record.Ingredient
	if which == 0 && !drugs && !t.hierarchical[system] {
		return false, false
	}
	if general == "" || specific == "" {
		return false, true
	}
	if general == specific {
		return true, true
	}
	if which != 0 && len(squash(general)) >= 3 && strings.HasPrefix(squash(specific), squash(general)) {
		return true, true
	}
	c := record.Code{System: system, Value: specific, Display: display}
	if drugs {
		for _, i := range t.Drug([]record.Code{c}, "").Ingredients {
			if i.Code.System == system && i.Code.Value == general {
				return true, true
			}
		}
	}
	for _, a := range t.Ancestors(c) {
		if a.Value == general && (a.System == system || a.System == ChapterSystem) {
			return true, true
		}
	}
	return false, true
}
