package fhir

import (
	"strconv"
	"strings"
	"time"

	"ember/record"
)

// InTimeline reports whether resources of a type have anything for a timeline.
func InTimeline(typ string) bool { return mapped(typ) }

// mapped reports whether resources of the type have anything for a timeline.
func mapped(typ string) bool {
	switch typ {
	case "Patient", "Encounter", "Condition", "AllergyIntolerance", "MedicationRequest", "MedicationStatement",
		"MedicationAdministration", "MedicationDispense", "Procedure", "Observation", "DiagnosticReport",
		"ServiceRequest", "ImagingStudy", "Media", "Immunization", "CarePlan", "DocumentReference",
		"FamilyMemberHistory", "Consent":
		return true
	}
	return false
}

// emit makes events of the facts.
func (g *mapping) emit() {
	f := &g.f
	switch f.typ {
	case "Patient":
		g.emitPatient()
		return
	case "Consent":
		g.emitConsent()
		return
	}
	if f.status == "entered-in-error" || f.status == "not-done" || f.docStatus == "entered-in-error" ||
		f.prohibits || f.verified.is("entered-in-error", "refuted") {
		return
	}
	switch f.typ {
	case "Encounter":
		g.emitEncounter()
	case "Condition":
		g.emitCondition()
	case "AllergyIntolerance":
		g.emitAllergy()
	case "MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense":
		g.emitMedication()
	case "Procedure":
		g.emitProcedure()
	case "ServiceRequest":
		g.emitServiceRequest()
	case "Observation":
		g.emitObservation()
	case "DiagnosticReport":
		g.emitReport()
	case "ImagingStudy", "Media":
		g.emitImaging()
	case "Immunization":
		g.emitImmunization()
	case "CarePlan":
		g.emitPlan()
	case "DocumentReference":
		g.emitNotes(f.kind, f.known(), 0)
	case "FamilyMemberHistory":
		g.emitFamily()
	}
}

// cancelled reports whether an order was never in force, as of export.
func (f *facts) cancelled() bool {
	switch f.status {
	case "cancelled", "draft", "revoked", "declined", "registered-cancelled":
		return true
	}
	return f.intent == "proposal" || f.intent == "option"
}

// clinicalStatus is how a condition or an allergy stands.
func (f *facts) clinicalStatus() record.Status {
	switch {
	case f.clinical.is("active", "recurrence", "relapse"):
		return record.Active
	case f.clinical.is("inactive", "remission", "resolved"):
		return record.Ended
	}
	return 0
}

// drugStatus is whether the drug of an order or statement is taken. That a dose
// was given or a package handed over is completed at once and says nothing
// about the drug after it.
func (f *facts) drugStatus() record.Status {
	single := f.typ == "MedicationAdministration" || f.typ == "MedicationDispense"
	switch f.status {
	case "active":
		return record.Active
	case "in-progress":
		if f.typ == "MedicationAdministration" {
			return record.Active
		}
	case "on-hold":
		return record.OnHold
	case "completed":
		if !single {
			return record.Ended
		}
	case "stopped", "cancelled":
		if f.typ != "MedicationAdministration" {
			return record.Ended
		}
	}
	return 0
}

// event is an event with what all have in common.
func (g *mapping) event(kind record.Kind, mode record.Mode, c *coded, concept record.Code) record.Event {
	f := &g.f
	e := record.Event{Kind: kind, Mode: mode, Concept: concept, Known: f.known(), Start: f.start.first, End: endOf(f.end),
		Reason: f.reasons, Encounter: f.encounter, Cancelled: f.cancelled(), Source: f.ref}
	if c != nil {
		e.Codes, e.Text = c.codes, c.text
	}
	return e
}

// add keeps an event; what has no concept cannot be counted as anything.
func (g *mapping) add(e record.Event) {
	if e.Concept.Zero() || e.Kind == 0 {
		g.issue("required", g.f.root()+".code", "no code and no text: no event")
		return
	}
	g.events = append(g.events, e)
}

// addCoded is add for a code that may be missing.
func (g *mapping) addCoded(mode record.Mode, c *coded, meant func(*coded) meaning) {
	if c.empty() {
		g.add(record.Event{})
		return
	}
	m := meant(c)
	g.add(g.event(m.kind, mode, c, m.concept))
}

func (g *mapping) emitEncounter() {
	f := &g.f
	if f.status == "cancelled" {
		return
	}
	g.encounters = append(g.encounters, record.Encounter{ID: f.ref, Class: f.class, Type: f.kind.answer(),
		Start: f.start.first, End: endOf(f.end), Reason: f.reasonCodes, Site: f.site})
}

func (g *mapping) emitCondition() {
	f := &g.f
	if f.code.empty() {
		g.add(record.Event{})
		return
	}
	m := g.asCondition(f.code)
	mode := record.Done
	for _, c := range f.category {
		if c.is("problem-list-item", "health-concern") {
			mode = record.Stated
		}
	}
	e := g.event(m.kind, mode, f.code, m.concept)
	e.End, e.Status = endOf(f.abated), f.clinicalStatus()
	if f.recorded.zero() && f.authored.zero() {
		g.waiting = append(g.waiting, len(g.events))
	}
	g.add(e)
}

func (g *mapping) emitAllergy() {
	f := &g.f
	code := f.code
	if code.empty() {
		code = f.modality // the substance of a reaction
	}
	if code.empty() {
		g.issue("required", "AllergyIntolerance.code", "no code and no text: an allergy to an unknown substance")
		g.add(g.unspecifiedAllergy())
		return
	}
	a := g.asAllergen(code)
	if a.None {
		return
	}
	e := g.event(record.Allergy, record.Stated, code, a.Concept)
	e.Status = f.clinicalStatus()
	e.Severity = max(f.reaction, severityOf([]byte(f.criticality)))
	g.add(e)
}

// unspecifiedAllergy is an allergy of which only is known that it is there:
// rules must see that there is one they cannot check.
func (g *mapping) unspecifiedAllergy() record.Event {
	f := &g.f
	e := g.event(record.Allergy, record.Stated, nil, unspecified())
	e.Text, e.Status = e.Concept.Display, f.clinicalStatus()
	e.Severity = max(f.reaction, severityOf([]byte(f.criticality)))
	return e
}

// unspecified is the concept of a substance that nobody named.
func unspecified() record.Code {
	return record.Code{System: record.Text, Value: "unspecified", Display: "unspecified substance"}
}

// unresolved is the drug of an order whose Medication is missing: rules must see
// that there is a drug they cannot check.
const unresolved = "unresolved medication"

func (g *mapping) emitMedication() {
	f := &g.f
	c := g.drugOf()
	e := g.event(record.Medication, record.Ordered, c, g.asDrug(c).Concept)
	e.Status = f.drugStatus()
	if f.reported {
		e.Mode = record.Stated
	}
	switch f.typ {
	case "MedicationStatement":
		if f.status == "not-taken" {
			return
		}
		e.Mode = record.Stated
	case "MedicationAdministration", "MedicationDispense":
		e.Mode = record.Done
	}
	if f.typ == "MedicationRequest" {
		e.Home = f.forHome()
		if e.Start.IsZero() {
			e.Start = f.boundsStart.first
		}
		if e.Start.IsZero() {
			e.Start = f.authored.first
		}
	}
	if !f.bounds.zero() && e.Mode != record.Done {
		e.End = endOf(f.bounds)
	}
	if e.Days = f.days; e.Days == 0 {
		e.Days = f.boundDays
	}
	g.add(e)
}

// forHome reports whether an order is meant for use outside a stay, wherever it
// was written. With several categories, discharge and community win.
func (f *facts) forHome() bool {
	for _, c := range f.category {
		if c.is("discharge", "community", "outpatient") {
			return true
		}
	}
	return f.refills
}

// drugOf is what the medication[x] of a resource names; never empty.
func (g *mapping) drugOf() *coded {
	f := &g.f
	if !f.code.empty() {
		return f.code
	}
	if f.drugRef != "" {
		if c := g.medication(f.drugRef); !c.empty() {
			return c
		}
		g.issue("not-found", f.typ+".medicationReference", "the medication is not there")
	} else {
		g.issue("required", f.typ+".medication", "no medication")
	}
	if f.drugDisplay != "" {
		return &coded{text: f.drugDisplay}
	}
	return &coded{text: unresolved}
}

// medication reads a Medication, contained or by reference, once for a patient.
func (g *mapping) medication(ref string) *coded {
	if strings.HasPrefix(ref, "#") {
		return g.medicationCode(g.containedResource(ref[1:]))
	}
	if c, ok := g.drugs[ref]; ok {
		return c
	}
	var c *coded
	if g.lookup != nil {
		if raw, ok := g.lookup(ref); ok {
			c = g.medicationCode(raw)
		}
	}
	g.drugs[ref] = c
	return c
}

// containedResource is the text of the contained resource with the id.
func (g *mapping) containedResource(id string) []byte {
	c := cursor{b: g.f.contained}
	for ok := c.first(); ok; ok = c.more() {
		raw := c.raw()
		inner := cursor{b: raw}
		for k := inner.open(); k != nil; k = inner.next() {
			if string(k) == "id" && string(inner.bytes()) == id {
				return raw
			} else if string(k) != "id" {
				inner.skip()
			}
		}
	}
	return nil
}

// medicationCode is the code of a Medication, else the words of its ingredients.
func (g *mapping) medicationCode(raw []byte) *coded {
	if raw == nil {
		return nil
	}
	outer := g.c
	defer func() { g.c = outer }()
	g.c = cursor{b: raw}
	var code *coded
	var parts []*coded
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "code":
			code = g.codeable()
		case "ingredient":
			for ok := g.c.first(); ok; ok = g.c.more() {
				for k := g.c.open(); k != nil; k = g.c.next() {
					if string(k) != "itemCodeableConcept" {
						g.c.skip()
					} else if c := g.codeable(); !c.empty() {
						parts = append(parts, c)
					}
				}
			}
		default:
			g.c.skip()
		}
	}
	switch {
	case !code.empty() || len(parts) == 0:
		return code
	case len(parts) == 1:
		return parts[0]
	}
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = p.text
	}
	return &coded{text: strings.Join(words, " / ")}
}

func (g *mapping) emitProcedure() {
	g.addCoded(record.Done, g.f.code, g.asProcedure)
}

// emitServiceRequest: the category says what is a test when the code does not.
func (g *mapping) emitServiceRequest() {
	f := &g.f
	g.addCoded(record.Ordered, f.code, func(c *coded) meaning {
		for _, cat := range f.category {
			// SNOMED CT: laboratory procedure, imaging, diagnostic procedure.
			if cat.is("108252007", "363679005", "103693007", "laboratory", "imaging") {
				m := g.asObservation(c, []string{"laboratory"})
				m.kind = record.Test
				return m
			}
		}
		return g.asProcedure(c)
	})
	if f.start.zero() && len(g.events) > 0 && g.events[len(g.events)-1].Source == f.ref {
		g.events[len(g.events)-1].Start = f.authored.first
	}
}

func (g *mapping) emitImmunization() {
	c := g.f.code
	if c.empty() {
		g.add(record.Event{})
		return
	}
	concept := c.answer()
	for _, code := range c.codes {
		if code.System == record.CVX {
			concept = code
			break
		}
	}
	g.add(g.event(record.Immunization, record.Done, c, concept))
}

// emitPlan: a care plan is what its most telling category says, else its title.
func (g *mapping) emitPlan() {
	f := &g.f
	var c *coded
	for _, cat := range f.category {
		if !cat.is("assess-plan") {
			c = cat
		}
	}
	if c.empty() && f.title != "" {
		c = &coded{text: f.title}
	}
	if c.empty() && len(f.category) > 0 {
		c = f.category[0]
	}
	if c.empty() {
		c = &coded{text: "care plan"}
	}
	g.add(g.event(record.Plan, record.Ordered, c, c.answer()))
}

func (g *mapping) emitFamily() {
	f := &g.f
	for i, c := range f.relatives {
		if c.empty() {
			continue
		}
		e := g.event(record.FamilyHistory, record.Stated, c, g.asCondition(c).concept)
		e.Source = f.ref + "#" + strconv.Itoa(i+1)
		g.add(e)
	}
}

// resulted is when a result was known: it cannot have been before the end of
// what was measured.
func (f *facts) resulted() time.Time {
	if f.recorded.zero() && f.authored.zero() && !f.end.zero() {
		return f.end.last
	}
	return f.known()
}
