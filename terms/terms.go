// Package terms knows what codes and words mean: which ingredients a drug
// product or a line of free text holds and which classes they belong to, what
// an allergen is, whether a diagnosis is a disorder or a finding and whether a
// procedure is a test, which codes a value set has, and what a unit of measure
// is worth. It knows nothing about patients.
//
// Its invariant: a [Terms] never changes after [Default] or [Load] returned it,
// is safe for concurrent use, and gives the same answers for the same
// [Terms.Version]. What cannot be mapped is said to be unmapped; nothing is
// guessed.
//
// The built-in tables (tables/*.tsv) are written by hand from public-domain
// sources: RxNorm names and ingredient codes (NLM), FDA labels, the FDA table
// of CYP substrates, inhibitors and inducers, the ONC high-priority interaction
// list (Phansalkar et al., JAMIA 2012;19:735), ICD chapters (CMS, NCHS), CVX
// (CDC). Every row names its source. Class members need review by a pharmacist
// before clinical use.
//
// # Files of a site
//
// [Load] reads the following files from a directory, each optional, as
// tab-separated text: a header line with exactly these column names, then rows;
// empty lines and lines that begin with # are skipped. A bad row is an error
// that names file and line.
//
//	drugs.tsv        name, rxnorm (a;b), synonyms (a;b), classes (a;b), source  adds or replaces ingredients
//	brands.tsv       brand, ingredients (a / b), source                      adds or replaces brands
//	members.tsv      class, ingredient, source                               adds members; "-name" takes one out
//	local-codes.tsv  system, value, target, source                           target: ingredients "a / b", or "system|code"
//	hierarchy.tsv    system, value, parent_system, parent_value, display     ancestors of codes
//	displays.tsv     system, value, display                                  words for codes
//	value-sets.tsv   set, system, pattern, display, source                   a set named here replaces the built-in one
//	icd9-icd10.tsv   icd9, icd10                                             ICD-9-CM diagnoses to ICD-10-CM
//
// In local-codes.tsv the system "text" maps a whole line of order text. In
// value-sets.tsv the system is icd10, icd9, snomed, text or a URL; a pattern
// that ends in * is a prefix, and a text pattern is a phrase of whole words.
package terms

import (
	"fmt"

	"ember/record"
)

// ClassSystem is the system of the codes that stand for drug classes.
const ClassSystem = "urn:ember:class"

// ChapterSystem is the system of the codes that stand for chapters of ICD.
const ChapterSystem = "urn:ember:icd-chapter"

// Terms answers what codes and words mean. Make one with [Default] or [Load];
// it is immutable and safe for concurrent use. Slices in its answers are shared
// and must not be modified.
type Terms struct {
	version string

	ingredients []Ingredient
	byName      map[string]int // names and synonyms, normalised
	byRxNorm    map[string]int
	byCVX       map[string]int
	lexicon     lexicon // names, synonyms and brands in free text
	allergens   lexicon // phrases for allergens that are no drug names
	targets     []allergenTarget
	words       words
	classes     map[string]class
	fluids      map[int]bool
	insulins    map[int]bool
	insulin     int // the ingredient "insulin" of no named kind

	local     map[codeKey]Drug
	localCode map[codeKey]record.Code
	localText map[string]Drug

	parents map[codeKey][]record.Code
	// hierarchical are the systems of which the site's hierarchy has codes.
	hierarchical map[string]bool
	displays     map[codeKey]string
	sets         map[string]*valueSet
	icd9         map[string]string
	chapters     map[string][]chapter

	units    units
	analytes map[string]analyte
	labs     map[string]string

	drugs        *memo[Drug]
	conditions   *memo[kinded]
	procedures   *memo[kinded]
	observations *memo[kinded]
	parsed       *memo[parsedUnit]
}

// kinded is a kind with its concept, as the memos keep it.
type kinded struct {
	kind record.Kind
	code record.Code
}

// codeKey is the identity of a code as a map key.
type codeKey struct{ system, value string }

func keyOf(c record.Code) codeKey { return codeKey{c.System, c.Value} }

// Default is the built-in tables.
func Default() (*Terms, error) { return Load("") }

// Load is the built-in tables with a site's own files from dir laid over them;
// see the package comment for their formats. An empty dir is [Default].
func Load(dir string) (*Terms, error) {
	l := loader{site: dir}
	t, err := l.load()
	if err != nil {
		return nil, fmt.Errorf("terms: loading tables: %w", err)
	}
	return t, nil
}

// Version is a hash over the content of all tables, built-in and the site's,
// as 12 hexadecimal digits. Answers are the same for the same version.
func (t *Terms) Version() string { return t.version }
