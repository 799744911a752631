package terms

import (
	"maps"
	"slices"
)

// Classes are the names of all drug classes, sorted.
func (t *Terms) Classes() []string { return slices.Sorted(maps.Keys(t.classes)) }

// ValueSets are the names of all value sets, sorted.
func (t *Terms) ValueSets() []string { return slices.Sorted(maps.Keys(t.sets)) }

// KnowsUnit reports whether a text is a unit that values can be converted from.
func (t *Terms) KnowsUnit(unit string) bool {
	_, ok := t.unitOf(unit, analyte{})
	return ok && unit != ""
}

// IsUCUM reports whether a unit is written as UCUM writes it, and not only as laboratories do.
func (t *Terms) IsUCUM(unit string) bool {
	_, ok := t.units.term(unit)
	return ok && unit != ""
}

// UsualUnit is the unit that the values of a LOINC code are usually given in, "" when
// that is not known.
func (t *Terms) UsualUnit(loinc string) string { return t.analytes[loinc].unit }
