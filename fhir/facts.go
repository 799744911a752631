package fhir

import (
	"strings"
	"time"

	"ember/record"
)

// facts is what the mapping takes from one resource. The names of elements mean
// the same in all types, so one reader serves all; the value is reused.
type facts struct {
	ref, typ  string
	status    string
	docStatus string
	intent    string
	prohibits bool // doNotPerform
	reported  bool // by somebody else than the prescriber
	verified  *coded
	clinical  *coded // clinicalStatus
	code      *coded
	kind      *coded // "type"
	category  []*coded
	encounter string

	recorded, authored moment
	start, end         moment // effective, performed, onset, occurrence, period
	abated             moment

	reasons     []string
	reasonCodes []record.Code
	values      observed
	components  []observed
	members     bool // hasMember, result

	drugRef, drugDisplay string
	contained            []byte
	days                 int
	refills              bool
	bounds               moment // end of the dosage's bounds
	boundsStart          moment
	boundDays            int

	criticality string
	reaction    record.Severity
	class, site string
	modality    *coded

	relatives []*coded
	denied    bool
	scope     *coded

	title, conclusion string
	attachments       []attachment
	narrative         string

	person person
}

// observed is the result of an Observation or of one component.
type observed struct {
	code   *coded
	value  float64
	has    bool
	unit   string
	answer record.Code
	absent *coded
}

func (f *facts) reset(ref string) {
	*f = facts{ref: ref, category: f.category[:0], components: f.components[:0],
		attachments: f.attachments[:0], relatives: f.relatives[:0]}
	f.typ, _, _ = strings.Cut(ref, "/")
}

func (f *facts) root() string {
	if f.typ == "" {
		return "Resource"
	}
	return f.typ
}

// known is when the fact was known: the first of the recorded, the authored and
// the effective time; see [Mapper.Timeline].
func (f *facts) known() time.Time {
	switch {
	case !f.recorded.zero():
		return f.recorded.last
	case !f.authored.zero():
		return f.authored.last
	}
	return f.effective()
}

// effective is the last second of the start, else of the end.
func (f *facts) effective() time.Time {
	if f.start.zero() {
		return f.end.last
	}
	return f.start.last
}

// read fills facts from the resource at the cursor.
func (g *mapping) read() {
	for k := g.c.open(); k != nil; k = g.c.next() {
		if !g.date(k) && !g.element(k) && !g.value(k, &g.f.values) && !g.narrativeElement(k) && !g.personElement(k) {
			g.c.skip()
		}
	}
}

// date reads the elements that are dates; false = none of them.
func (g *mapping) date(k []byte) bool {
	f := &g.f
	switch string(k) {
	case "recordedDate", "recorded", "issued":
		g.moment(&f.recorded)
	case "authoredOn", "assertedDate", "dateAsserted", "date", "created":
		g.moment(&f.authored)
	case "effectiveDateTime", "effectiveInstant", "performedDateTime", "onsetDateTime",
		"occurrenceDateTime", "started", "createdDateTime", "whenHandedOver":
		g.moment(&f.start)
	case "effectivePeriod", "performedPeriod", "onsetPeriod", "occurrencePeriod", "period", "createdPeriod":
		g.period(&f.start, &f.end)
	case "effectiveTiming", "occurrenceTiming":
		g.timing()
	case "whenPrepared":
		var prepared moment
		if g.moment(&prepared); f.start.zero() {
			f.start = prepared
		}
	case "abatementDateTime":
		g.moment(&f.abated)
	case "abatementPeriod":
		var from moment
		g.period(&from, &f.abated)
		if f.abated.zero() {
			f.abated = from
		}
	default:
		return false
	}
	return true
}

// element reads the elements that are no dates and no values; false = none of
// them.
func (g *mapping) element(k []byte) bool {
	f := &g.f
	switch string(k) {
	case "resourceType":
		f.typ = internType(g.c.bytes())
	case "status":
		f.status = g.word(g.c.bytes())
	case "docStatus":
		f.docStatus = g.word(g.c.bytes())
	case "intent":
		f.intent = g.word(g.c.bytes())
	case "doNotPerform", "notTaken", "wasNotGiven", "wasNotTaken":
		f.prohibits, _ = g.c.truth()
	case "reportedBoolean":
		f.reported, _ = g.c.truth()
	case "verificationStatus":
		f.verified = g.codeable()
	case "clinicalStatus":
		f.clinical = g.codeable()
	case "code", "medicationCodeableConcept", "vaccineCode":
		f.code = g.codeable()
	case "procedureCode":
		if all := g.codeables(nil); len(all) > 0 {
			f.code = all[0]
		}
	case "medicationReference":
		f.drugRef, f.drugDisplay = g.reference()
	case "contained":
		f.contained = g.c.raw()
	case "category":
		f.category = g.codeables(f.category)
	case "encounter":
		f.encounter, _ = g.reference()
	case "context":
		g.context()
	case "reasonReference", "addresses":
		g.references(&f.reasons)
	case "reasonCode":
		for _, c := range g.codeables(nil) {
			f.reasonCodes = append(f.reasonCodes, c.answer())
		}
	case "hasMember", "result":
		f.members = g.anyElement()
	case "component":
		g.component()
	case "dosageInstruction", "dosage":
		g.dosages()
	case "dispenseRequest":
		g.dispense()
	case "daysSupply":
		f.days = g.days()
	case "criticality":
		f.criticality = g.word(g.c.bytes())
	case "reaction":
		g.reactions()
	case "class":
		f.class = g.coding().Value
	case "serviceProvider":
		f.site, _ = g.reference()
	case "modality":
		if all := g.codeables(nil); len(all) > 0 {
			f.modality = all[0]
		}
	case "condition":
		g.relativeConditions()
	case "scope":
		f.scope = g.codeable()
	case "provision":
		g.provision()
	default:
		return false
	}
	return true
}
