package terms

import "ember/record"

// Mapped reports whether a concept has a meaning beyond the site that wrote it:
// a drug with known ingredients; for anything else a code of a standard system,
// or of a system that the site's own files give words or a place to.
func (t *Terms) Mapped(kind record.Kind, c record.Code) bool {
	switch kind {
	case record.Medication:
		return t.DrugOfConcept(c).Mapped
	case record.Allergy:
		a := t.Allergen([]record.Code{c}, c.Display)
		return a.Mapped || a.None
	}
	switch c.System {
	case record.SNOMED, record.LOINC, record.RxNorm, record.ICD10CM, record.ICD9CM, record.CVX:
		return true
	}
	return t.displays[keyOf(c)] != "" || len(t.parents[keyOf(c)]) > 0
}
