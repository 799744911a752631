package fhir

import (
	"strconv"

	"ember/record"
)

// emitObservation makes one event of an Observation's own value, and one of each
// component ("Observation/1#1" is the first). A panel without a value of its own
// is only its members and components.
func (g *mapping) emitObservation() {
	f := &g.f
	categories := categoryCodes(f.category)
	o := f.values
	o.code = f.code
	bare := !o.has && o.answer.Zero()
	if !bare || !f.members && len(f.components) == 0 {
		g.addObserved(o, categories, f.ref)
	}
	for i, part := range f.components {
		g.addObserved(part, categories, f.ref+"#"+strconv.Itoa(i+1))
	}
}

func (g *mapping) addObserved(o observed, categories []string, source string) {
	if o.absent.is("not-performed") && !o.has {
		return
	}
	if o.code.empty() {
		g.add(record.Event{})
		return
	}
	m := g.asObservation(o.code, categories)
	e := g.event(m.kind, record.Done, o.code, m.concept)
	e.Known = g.f.resulted()
	e.Value, e.HasValue, e.Unit, e.Answer = o.value, o.has, o.unit, o.answer
	e.Source = source
	g.add(e)
}

// categoryCodes are the codes of all categories, else their words.
func categoryCodes(all []*coded) []string {
	var out []string
	for _, c := range all {
		for _, code := range c.codes {
			out = append(out, code.Value)
		}
		if len(c.codes) == 0 {
			out = append(out, c.text)
		}
	}
	return out
}

// Categories of diagnostic services (HL7 v2-0074, LOINC parts of US Core).
const services = "http://terminology.hl7.org/CodeSystem/v2-0074"

// imaging are the diagnostic services that make pictures.
var imaging = []string{"RAD", "RX", "CT", "CTH", "NMR", "NMS", "US", "VUS", "OUS", "CUS", "XRC", "IMG", "LP29684-5", "imaging", "radiology"}

// emitReport makes notes of a report's texts. The report is a test of its own
// only when it has no results, which are tests themselves, or is imaging; a
// report that is nothing but a clinical note is no test.
func (g *mapping) emitReport() {
	f := &g.f
	kind := f.code
	noted := g.emitNotes(kind, f.resulted(), 1)
	pictures, service := false, false
	for _, c := range f.category {
		pictures = pictures || c.is(imaging...)
		for _, code := range c.codes {
			service = service || code.System == services
		}
		service = service || c.is("LP29684-5", "LP29708-2", "LP7839-6")
	}
	if f.members && !pictures || noted && !service && !pictures {
		return
	}
	category := "laboratory"
	if pictures {
		category = "imaging"
	}
	if f.code.empty() {
		g.add(record.Event{})
		return
	}
	m := g.asObservation(f.code, []string{category})
	e := g.event(record.Test, record.Done, f.code, m.concept)
	e.Known = f.resulted()
	g.add(e)
}

// emitImaging makes a test of an ImagingStudy or of Media.
func (g *mapping) emitImaging() {
	f := &g.f
	if f.typ == "Media" {
		g.emitNotes(f.kind, f.known(), 2)
		if f.modality.empty() {
			f.modality = f.kind
		}
	}
	c := f.code
	if c.empty() && f.title != "" {
		c = &coded{text: f.title}
	}
	if c.empty() {
		c = f.modality
	}
	if c.empty() {
		g.add(record.Event{})
		return
	}
	e := g.event(record.Test, record.Done, c, g.asProcedure(c).concept)
	g.add(e)
}
