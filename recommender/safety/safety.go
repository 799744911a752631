// Package safety checks orders against what is known of a patient: allergies,
// interactions, duplicates, conditions and values. A [Checker] holds the rules,
// [Checker.Prepare] looks at a patient once, [Checker.Check] judges one order.
//
// Rules are rows of tables (tables/*.tsv): each names its members by drug class,
// its tier, a text for the clinician and its source. A site may replace a table
// by putting a file of the same name into its own directory. Members need review
// by a pharmacist before clinical use.
//
// Its invariant: nothing passes silently. What cannot be mapped to an ingredient
// is named as unchecked, and what a finding had to assume is said in it.
package safety

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"ember/record"
	"ember/terms"
)

// Tiers of findings.
const (
	// Block: not to be recommended; shown with the reason.
	Block = "block"
	// Warn: shown beside the recommendation.
	Warn = "warn"
	// Info: a remark.
	Info = "info"
)

// Order is what is to be checked: a candidate, or a draft.
type Order struct {
	Drug     terms.Drug
	Event    *record.Event // the draft itself, nil for a candidate
	Continue bool          // renews what the patient takes; holds only where an active drug shares an ingredient
	Code     record.Code
	Kind     record.Kind
}

// Finding is one rule that fired.
type Finding struct {
	Rule       string // row of a table: "onc-04"
	Tier       string
	Text       string // for the clinician
	Source     string // of the rule: a label, a guideline, a paper
	References []string
	Severity   string // of an allergy as recorded: "low", "moderate", "high", "unknown"; "" elsewhere
	Assumption string // what had to be assumed, "" = nothing
}

// Checker holds the rules. It is immutable but for what it remembers of codes and
// words it has met, and safe for concurrent use.
type Checker struct {
	terms        *terms.Terms
	version      string
	interactions []interaction
	allergies    []crossAllergy
	duplicates   []duplicate
	usual        []usual
	conditions   []condition
	values       []value
	durations    []duration
	intervals    []interval
	forms        []form
	imaging      []imaging
	longest      time.Duration // washout of the interactions
	blocking     classSet      // what blocking interactions name
	classes      map[string]int

	sets []string // value sets that rules name
	mu   sync.RWMutex
	met  met
}

// New reads the rules: those of dir where it has a table, else the built-in
// ones. dir "" is none. The error names file and line.
func New(t *terms.Terms, dir string) (*Checker, error) {
	c := &Checker{terms: t, met: newMet()}
	h := sha256.New()
	for _, load := range []func(source) error{
		c.loadInteractions, c.loadAllergies, c.loadDuplicates, c.loadConditions, c.loadValues, c.loadDurations, c.loadIntervals,
		c.loadForms, c.loadImaging, c.loadUsual,
	} {
		if err := load(source{dir: dir, hash: h}); err != nil {
			return nil, fmt.Errorf("safety: %w", err)
		}
	}
	if err := c.resolve(); err != nil {
		return nil, fmt.Errorf("safety: %w", err)
	}
	fmt.Fprint(h, t.Version())
	c.version = hex.EncodeToString(h.Sum(nil))[:12]
	return c, nil
}

// Version changes with any table, of rules or of terms.
func (c *Checker) Version() string { return c.version }

// Checks names what is checked.
func (c *Checker) Checks() []string {
	return []string{"allergy", "interaction", "duplicate", "condition"}
}

// proceduresUnchecked is the same for every procedure: who asks says it once.
const proceduresUnchecked = "procedures: there are no rules for them but those for contrast media; allergies, conditions and values were not checked"

// Check judges one order for a prepared patient, gravest first. unchecked says
// in words what could not be judged, "" = nothing.
func (c *Checker) Check(p *Patient, o Order) (findings []Finding, unchecked string) {
	switch o.Kind {
	case record.Test:
		return byTier(c.checkImaging(c.checkTest(p, o), p, o)), ""
	case record.Procedure:
		return byTier(c.checkImaging(c.checkTest(p, o), p, o)), proceduresUnchecked
	case record.Medication:
	default:
		return nil, o.Kind.String() + ": there are no rules for orders of this kind; nothing was checked"
	}
	if !o.Drug.Mapped {
		return nil, nameOf(o) + ": not known as any ingredient; no rule could be checked"
	}
	classes := classesOf(o.Drug)
	findings = c.checkAllergies(findings, p, o, classes)
	findings = c.checkInteractions(findings, p, o, classes)
	findings = c.checkDuplicates(findings, p, o, classes)
	findings = c.checkConditions(findings, p, classes)
	return byTier(findings), ""
}

// classesOf are the classes of all ingredients.
func classesOf(d terms.Drug) []string {
	if len(d.Ingredients) == 1 {
		return d.Ingredients[0].Classes
	}
	var all []string
	for _, i := range d.Ingredients {
		all = append(all, i.Classes...)
	}
	return all
}

// byTier puts blocks first and keeps the order of the tables within a tier.
func byTier(findings []Finding) []Finding {
	if len(findings) < 2 {
		return findings
	}
	sorted := make([]Finding, 0, len(findings))
	for _, tier := range []string{Block, Warn, Info} {
		for _, f := range findings {
			if f.Tier == tier {
				sorted = append(sorted, f)
			}
		}
	}
	return sorted
}

func nameOf(o Order) string {
	if o.Code.Display != "" {
		return o.Code.Display
	}
	return o.Code.Value
}
