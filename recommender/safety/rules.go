package safety

import (
	"fmt"
	"strings"
	"time"

	"ember/record"
	"ember/terms"
)

// checkAllergies: the very ingredient, the named class, and classes across which
// an allergy holds. Of one allergy only the gravest finding is shown.
func (c *Checker) checkAllergies(findings []Finding, p *Patient, o Order, classes []string) []Finding {
	for i := range p.allergies {
		a := &p.allergies[i]
		f, ok := c.allergic(a, o.Drug, classes)
		if !ok {
			continue
		}
		f.References, f.Severity = []string{a.source}, a.severity.String()
		if !p.live {
			f.Assumption = statusThen
		}
		if n := p.tolerated(a, o.Drug); n > 0 {
			f.Assumption = joined(fmt.Sprintf("has been ordered or given %d times since the allergy was recorded", n), f.Assumption)
			if f.Tier == Block && a.severity != record.High {
				f.Tier = Warn
			}
		}
		findings = append(findings, f)
	}
	return findings
}

// statusThen is what a question about the past has to assume of an allergy: the
// status on record is of the day of export, and FHIR gives it no date.
const statusThen = "whether it was resolved by then is not on record: taken to hold"

func joined(a, b string) string {
	if b == "" {
		return a
	}
	return a + "; " + b
}

func (c *Checker) allergic(a *allergy, d terms.Drug, classes []string) (Finding, bool) {
	for _, i := range d.Ingredients {
		for _, to := range a.allergen.Ingredients {
			if i.Name == to.Name {
				return Finding{Rule: "allergy-ingredient", Tier: Block, Text: "allergy to " + i.Name + " on record", Source: "the patient's own record"}, true
			}
		}
	}
	for _, row := range c.allergies {
		if a.in(row.allergen) && hasAny(classes, row.drug) {
			return Finding{Rule: row.rule, Tier: row.tier, Text: row.text + " (recorded: " + a.name + ")", Source: row.source}, true
		}
	}
	for _, class := range a.allergen.Classes {
		if has(classes, class) && !c.crossClass(class) {
			display, source := c.terms.ClassText(class)
			return Finding{Rule: "allergy-class", Tier: Block, Text: "allergy to " + display + " on record", Source: source}, true
		}
	}
	return Finding{}, false
}

// namedClass marks, in the table of allergies, a class that counts only when
// the class itself is what was recorded ("opioids"), not a member of it.
const namedClass = "="

func (a *allergy) in(classes []string) bool {
	for _, class := range classes {
		named, ok := strings.CutPrefix(class, namedClass)
		if ok && has(a.allergen.Classes, named) || !ok && has(a.classes, class) {
			return true
		}
	}
	return false
}

// crossClass reports whether the table decides about allergies to this class.
func (c *Checker) crossClass(class string) bool {
	for _, row := range c.allergies {
		if has(row.allergen, class) || has(row.allergen, namedClass+class) {
			return true
		}
	}
	return false
}

// fewestOrders is how many orders alone tell that a drug is tolerated: one may be
// the very mistake that the allergy should have stopped.
const fewestOrders = 3

// tolerated counts how often the patient had one of the ingredients after the
// allergy was recorded: given, dispensed or stated, else at least three orders.
// Drafts tell nothing.
func (p *Patient) tolerated(a *allergy, d terms.Drug) int {
	if a.known.IsZero() {
		return 0
	}
	taken, ordered := 0, 0
	for _, g := range p.given {
		switch {
		case !g.known.After(a.known) || !sharesIngredient(g.drug, &d):
		case g.taken:
			taken++
		default:
			ordered++
		}
	}
	if taken == 0 && ordered < fewestOrders {
		return 0
	}
	return taken + ordered
}

func sharesIngredient(a, b *terms.Drug) bool {
	for i := range a.Ingredients {
		for j := range b.Ingredients {
			if a.Ingredients[i].Name == b.Ingredients[j].Name {
				return true
			}
		}
	}
	return false
}

// checkInteractions looks for an active drug on the other side of a row. Drugs
// that stay where they are put (eye drops, creams) do not interact.
func (c *Checker) checkInteractions(findings []Finding, p *Patient, o Order, classes []string) []Finding {
	if c.staysLocal(o.Event, classes) {
		return findings
	}
	in := c.setOf(classes)
	for i := range c.interactions {
		row := &c.interactions[i]
		left, right := in.meets(row.isLeft), in.meets(row.isRight)
		if !left && !right {
			continue
		}
		var perhaps *activeDrug
		found := false
		for j := range p.drugs {
			d := &p.drugs[j]
			asRight, asLeft := left && d.in.meets(row.isRight), right && d.in.meets(row.isLeft)
			if !asRight && !asLeft || d.local || sharesIngredient(&d.drug, &o.Drug) || isDraft(d, o) {
				continue
			}
			if d.ended && !(asLeft && within(p.at.Sub(d.until), row.washout[0]) || asRight && within(p.at.Sub(d.until), row.washout[1])) {
				if perhaps == nil && row.perhaps(d) {
					perhaps = d
				}
				continue
			}
			findings = append(findings, Finding{Rule: row.rule, Tier: row.tier, Source: row.source, References: []string{d.source},
				Text: row.text + " (with " + d.name() + ")", Assumption: d.assumed()})
			found = true
			break
		}
		if !found && perhaps != nil {
			findings = append(findings, Finding{Rule: "end-assumed", Tier: Info, Source: row.source, References: []string{perhaps.source},
				Text: "ask whether it is still taken: " + row.text + " (with " + perhaps.name() + ")", Assumption: "no end on record: taken to have ended on " + perhaps.until.Format(time.DateOnly)})
		}
	}
	return findings
}

// perhaps reports whether a drug that is taken to have ended may not have, and
// would be blocked then. One whose status says that it ended has; only when is
// open, which matters where there is a washout.
func (i *interaction) perhaps(d *activeDrug) bool {
	return d.guessed && i.tier == Block && (!d.stopped || i.washout != [2]int{})
}

func within(since time.Duration, days int) bool { return days > 0 && since <= time.Duration(days)*day }

// isDraft reports whether the drug is the very draft that is being checked.
func isDraft(d *activeDrug, o Order) bool {
	return d.draft && o.Event != nil && o.Event.Source == d.source
}

func (d *activeDrug) assumed() string {
	switch {
	case d.ended && d.stopped:
		return "status ended, no date on record: taken to have ended on " + d.until.Format(time.DateOnly) + ": still within the washout"
	case d.ended:
		return "ended on " + d.until.Format(time.DateOnly) + ": still within the washout"
	case d.assumption != "":
		return d.assumption
	}
	return ""
}

// name is what the drug, or the examination that brings it, is called.
func (d *activeDrug) name() string {
	if d.brought != "" {
		return d.brought
	}
	return ingredientNames(d.drug)
}

func ingredientNames(d terms.Drug) string {
	names := make([]string, len(d.Ingredients))
	for i, v := range d.Ingredients {
		names[i] = v.Name
	}
	return strings.Join(names, " / ")
}

// checkDuplicates: the same ingredient twice at once is blocked, the same class
// by the table. Renewing what the patient takes is neither, nor is an eye drop
// or cream beside the same drug by mouth.
func (c *Checker) checkDuplicates(findings []Finding, p *Patient, o Order, classes []string) []Finding {
	o.Continue = o.Continue && p.takes(o.Drug)
	local := c.staysLocal(o.Event, classes)
	var beside *Finding
	for i := range p.drugs {
		d := &p.drugs[i]
		if d.ended || isDraft(d, o) || o.Continue && !d.draft || has(classes, "fluid") || has(classes, "vaccine") {
			continue
		}
		if d.local != local || !sharesIngredient(&d.drug, &o.Drug) {
			continue
		}
		f := Finding{Rule: "duplicate-ingredient", Tier: Block, Text: "a second order of " + ingredientNames(o.Drug) + " beside an active one",
			Source: "the patient's own record", References: []string{d.source}, Assumption: d.assumed()}
		if row := c.usualBeside(p, d.drug, o.Drug); row != nil {
			f.Rule, f.Tier, f.Text, f.Source = "duplicate-usual", row.tier, row.text+" (with "+ingredientNames(d.drug)+")", row.source
		}
		if f.Tier == Block {
			return append(findings, f)
		}
		if beside == nil {
			beside = &f
		}
	}
	if beside != nil {
		findings = append(findings, *beside)
	}
	if o.Continue || local {
		return findings
	}
	in := c.setOf(classes)
	for i := range c.duplicates {
		row := &c.duplicates[i]
		if !in.meets(row.in) {
			continue
		}
		for j := range p.drugs {
			d := &p.drugs[j]
			if d.ended || d.local || isDraft(d, o) || !d.in.meets(row.in) {
				continue
			}
			findings = append(findings, Finding{Rule: row.rule, Tier: row.tier, Source: row.source, References: []string{d.source},
				Text: row.text + " (with " + ingredientNames(d.drug) + ")", Assumption: d.assumed()})
			break
		}
	}
	return findings
}

// takes reports whether an active drug shares an ingredient: only then is an
// order a renewal, whatever was ordered long ago.
func (p *Patient) takes(d terms.Drug) bool {
	for i := range p.drugs {
		if a := &p.drugs[i]; !a.ended && !a.draft && sharesIngredient(&a.drug, &d) {
			return true
		}
	}
	return false
}

// usualBeside is the row that lowers a duplicate, when there is one for every
// ingredient the two drugs share.
func (c *Checker) usualBeside(p *Patient, a, b terms.Drug) (found *usual) {
	same := a.Concept.Is(b.Concept)
	for _, x := range a.Ingredients {
		for _, y := range b.Ingredients {
			if x.Name != y.Name {
				continue
			}
			row := c.usualFor(x, same, p.inStay)
			if row == nil {
				return nil
			}
			found = row
		}
	}
	return found
}

func (c *Checker) usualFor(i terms.Ingredient, same, inStay bool) *usual {
	for k := range c.usual {
		row := &c.usual[k]
		if (row.stay && inStay || !row.stay && !same) && (row.name == i.Name || row.class != "" && has(i.Classes, row.class)) {
			return row
		}
	}
	return nil
}

// checkConditions: conditions and values that speak against a class. A value
// that no result is there for is said to be missing.
func (c *Checker) checkConditions(findings []Finding, p *Patient, classes []string) []Finding {
	missing := ""
	for i := range c.conditions {
		row := &c.conditions[i]
		if !hasAny(classes, row.drug) {
			continue
		}
		f := Finding{Rule: row.rule, Tier: row.tier, Text: row.text, Source: row.source}
		if row.set != "" {
			if e := p.evidenceOf(row.bit); e.source != "" {
				f.References, f.Assumption = []string{e.source}, e.assumed()
				if e.doubtful && f.Tier == Block {
					f.Tier = Warn
				}
				findings = append(findings, f)
			}
			continue
		}
		v := p.values[row.at]
		switch {
		case !v.known:
			missing = row.value
		case row.above == (v.value > row.limit) && v.value != row.limit:
			f.References = []string{v.source}
			f.Text = fmt.Sprintf("%s (%.3g on %s)", f.Text, v.value, v.when.Format(time.DateOnly))
			if v.computed {
				f.Assumption = "computed from creatinine by CKD-EPI 2021"
			}
			findings = append(findings, f)
		}
	}
	if missing != "" {
		findings = append(findings, Finding{Rule: "value-missing", Tier: Info, Source: "FDA label of the drug",
			Text: "no recent " + missing + " on record: the rule that needs it could not be checked"})
	}
	return findings
}

func (p *Patient) evidenceOf(bit uint32) evidence {
	for i := range p.sets {
		if bit == 1<<i {
			return p.sets[i]
		}
	}
	return evidence{}
}

func (e evidence) assumed() string {
	switch {
	case e.doubtful:
		return "the recorded sex or age speaks against it: check the record"
	case e.undated:
		return "without a date: taken to hold"
	}
	return ""
}

// checkTest warns of a test that was done within its usual minimal interval.
func (c *Checker) checkTest(p *Patient, o Order) (findings []Finding) {
	for i := range c.intervals {
		row, l := &c.intervals[i], &p.tests[i]
		if l.source == "" || !has(row.codes, o.Code.Value) {
			continue
		}
		ago := p.at.Sub(l.when)
		if ago < 0 || ago > time.Duration(row.days)*day {
			continue
		}
		text := fmt.Sprintf("%s was done %d days ago", row.text, int(ago/day))
		if l.hasValue {
			text += fmt.Sprintf(": %.4g %s", l.value, l.unit)
		}
		findings = append(findings, Finding{Rule: "interval-" + row.test, Tier: Warn, Text: text, Source: row.source, References: []string{l.source}})
	}
	return findings
}
