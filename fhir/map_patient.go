package fhir

import (
	"strings"
	"time"

	"ember/record"
)

// person is what is taken from Patient.
type person struct {
	sex        record.Sex
	born       record.Date
	dead       bool
	died       time.Time
	race       string
	ethnicity  string
	replacedBy string
}

// Extensions of US Core.
const (
	raceURL      = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
	ethnicityURL = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
)

// personElement reads the elements of Patient; false = none of them.
func (g *mapping) personElement(k []byte) bool {
	if g.f.typ != "Patient" {
		return false
	}
	p := &g.f.person
	switch string(k) {
	case "gender":
		switch string(g.c.bytes()) {
		case "female":
			p.sex = record.Female
		case "male":
			p.sex = record.Male
		case "other":
			p.sex = record.Other
		}
	case "birthDate":
		at := skipSpace(g.c.b, g.c.i)
		if b := g.c.bytes(); b != nil {
			date, _, ok := parseDate(b)
			if !ok {
				g.wrong(at, "not a date")
			}
			p.born = date
		}
	case "deceasedBoolean":
		dead, _ := g.c.truth()
		p.dead = p.dead || dead
	case "deceasedDateTime":
		var m moment
		g.moment(&m)
		p.dead, p.died = true, m.last
	case "extension":
		for ok := g.c.first(); ok; ok = g.c.more() {
			g.personExtension()
		}
	case "link":
		for ok := g.c.first(); ok; ok = g.c.more() {
			g.personLink()
		}
	default:
		return false
	}
	return true
}

// personExtension reads race and ethnicity: the first OMB category.
func (g *mapping) personExtension() {
	var url, category string
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "url":
			url = g.word(g.c.bytes())
		case "extension":
			for ok := g.c.first(); ok; ok = g.c.more() {
				if c := g.category(); category == "" {
					category = c
				}
			}
		default:
			g.c.skip()
		}
	}
	switch url {
	case raceURL:
		g.f.person.race = category
	case ethnicityURL:
		g.f.person.ethnicity = category
	}
}

// category is the code of an ombCategory extension, "" for another.
func (g *mapping) category() string {
	var url, code string
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "url":
			url = g.word(g.c.bytes())
		case "valueCoding":
			code = g.coding().Value
		default:
			g.c.skip()
		}
	}
	if url != "ombCategory" {
		return ""
	}
	return code
}

func (g *mapping) personLink() {
	var other, kind string
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "other":
			other = g.linked()
		case "type":
			kind = g.word(g.c.bytes())
		default:
			g.c.skip()
		}
	}
	if id, ok := strings.CutPrefix(other, "Patient/"); ok && kind == "replaced-by" {
		g.f.person.replacedBy = id
	}
}

// linked is whom a link names; a patient of another server is nobody here, whatever the id.
func (g *mapping) linked() string {
	raw := g.c.raw()
	if len(raw) == 0 || raw[0] != '{' {
		return ""
	}
	text := field(raw, "reference")
	if _, known := g.urns[text]; !known && ParseReference(text).Kind == Absolute {
		return ""
	}
	return g.local([]byte(text))
}

// emitPatient takes over the patient the timeline is about. Another Patient
// among the resources is not theirs.
func (g *mapping) emitPatient() {
	if g.f.ref != "Patient/"+g.patient && g.f.ref != "" {
		g.issue("invalid", "Patient", "not the patient of this timeline")
		return
	}
	p := g.f.person
	g.person.Sex, g.person.Born, g.person.Dead, g.person.Died = p.sex, p.born, p.dead, p.died
	g.person.Race, g.person.Ethnicity, g.person.ReplacedBy = p.race, p.ethnicity, p.replacedBy
	if p.born.Zero() {
		g.issues = append(g.issues, Issue{Information, "required", g.f.ref + ": Patient.birthDate", "no birth date"})
	}
}

// emitConsent heeds a refusal to use data beyond the patient's own care. Consents
// to a treatment and advance directives are about something else.
func (g *mapping) emitConsent() {
	f := &g.f
	if f.scope.is("treatment", "adr") {
		return
	}
	if f.denied && (f.status == "active" || f.status == "") || f.status == "rejected" {
		g.person.OptOut = true
	}
}
