package fhir

import (
	"bytes"
	"math"
	"strings"
	"time"

	"ember/record"
)

func validText(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// moment reads a date, dateTime or instant.
func (g *mapping) moment(m *moment) {
	at := skipSpace(g.c.b, g.c.i)
	b := g.c.bytes()
	if b == nil {
		return
	}
	v, ok := parseMoment(b)
	if !ok {
		g.wrong(at, "not a date")
		return
	}
	*m = v
}

// period reads a Period.
func (g *mapping) period(start, end *moment) {
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "start":
			g.moment(start)
		case "end":
			g.moment(end)
		default:
			g.c.skip()
		}
	}
}

// timing reads when a Timing begins: its first event, else its bounds.
func (g *mapping) timing() {
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "event":
			for ok := g.c.first(); ok; ok = g.c.more() {
				var m moment
				g.moment(&m)
				if g.f.start.zero() || !m.zero() && m.first.Before(g.f.start.first) {
					g.f.start = m
				}
			}
		case "repeat":
			g.repeat(&g.f.start, &g.f.end)
		default:
			g.c.skip()
		}
	}
}

// repeat reads the bounds of Timing.repeat.
func (g *mapping) repeat(start, end *moment) {
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "boundsPeriod":
			g.period(start, end)
		case "boundsDuration":
			g.f.boundDays = max(g.f.boundDays, g.days())
		default:
			g.c.skip()
		}
	}
}

// dosages reads when the last of the dosages ends.
func (g *mapping) dosages() {
	if g.at('{') {
		g.dosage()
		return
	}
	for ok := g.c.first(); ok; ok = g.c.more() {
		g.dosage()
	}
}

func (g *mapping) dosage() {
	for k := g.c.open(); k != nil; k = g.c.next() {
		if string(k) != "timing" {
			g.c.skip()
			continue
		}
		for k := g.c.open(); k != nil; k = g.c.next() {
			if string(k) != "repeat" {
				g.c.skip()
				continue
			}
			var start, end moment
			g.repeat(&start, &end)
			if end.last.After(g.f.bounds.last) {
				g.f.bounds = end
			}
			if g.f.boundsStart.zero() || !start.zero() && start.first.Before(g.f.boundsStart.first) {
				g.f.boundsStart = start
			}
		}
	}
}

// dispense reads what a MedicationRequest supplies: the days of one dispense
// times all that are allowed.
func (g *mapping) dispense() {
	days, repeats := 0, 0.0
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "expectedSupplyDuration":
			days = g.days()
		case "numberOfRepeatsAllowed":
			repeats, _ = g.c.number()
		case "validityPeriod":
			g.period(&g.f.start, &g.f.end)
		default:
			g.c.skip()
		}
	}
	if repeats < 0 || repeats > 100 {
		repeats = 0
	}
	g.f.days, g.f.refills = days*(1+int(repeats)), repeats > 0
}

// days reads a Duration as days, rounded up; 0 = unknown.
func (g *mapping) days() int {
	var value float64
	unit := []byte("d")
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "value":
			value, _ = g.c.number()
		case "code":
			unit = g.c.bytes()
		case "unit":
			if b := g.c.bytes(); len(unit) == 1 && unit[0] == 'd' {
				unit = b
			}
		default:
			g.c.skip()
		}
	}
	switch string(bytes.ToLower(unit)) {
	case "d", "day", "days":
	case "wk", "week", "weeks":
		value *= 7
	case "mo", "month", "months":
		value *= 30.4375
	case "a", "year", "years":
		value *= 365.25
	case "h", "hour", "hours":
		value /= 24
	default:
		return 0
	}
	if value <= 0 || value > 36525 {
		return 0
	}
	return int(math.Ceil(value - 1e-9))
}

// reference reads a Reference as "Type/id", else as it is written.
func (g *mapping) reference() (ref, display string) {
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "reference":
			ref = g.local(g.c.bytes())
		case "display":
			display = g.c.text()
		default:
			g.c.skip()
		}
	}
	return ref, display
}

// references reads an array of References, or one, and keeps those that name a
// resource.
func (g *mapping) references(into *[]string) {
	one := func() {
		if ref, _ := g.reference(); ref != "" && ref[0] != '#' {
			*into = append(*into, ref)
		}
	}
	if g.at('{') {
		one()
		return
	}
	for ok := g.c.first(); ok; ok = g.c.more() {
		one()
	}
}

// local is the reference without server and version, one string for equal ones.
func (g *mapping) local(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := g.refs[string(b)]; ok {
		return s
	}
	s := validText(b)
	out := s
	if target, ok := g.urns[s]; ok {
		out = target
	} else if r := ParseReference(s); r.Kind == Relative || r.Kind == Absolute {
		out = r.String()
	}
	g.refs[s] = out
	return out
}

// context is the encounter of a MedicationAdministration, or the context of a
// DocumentReference.
func (g *mapping) context() {
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "reference":
			if ref := g.local(g.c.bytes()); strings.HasPrefix(ref, "Encounter/") || strings.HasPrefix(ref, "urn:") {
				g.f.encounter = ref
			}
		case "encounter":
			var all []string
			if g.references(&all); len(all) > 0 {
				g.f.encounter = all[0]
			}
		default:
			g.c.skip()
		}
	}
}

// anyElement reports whether the array at the cursor has an element.
func (g *mapping) anyElement() bool {
	some := false
	for ok := g.c.first(); ok; ok = g.c.more() {
		some = true
		g.c.skip()
	}
	return some
}

// reactions reads the worst reaction, and its substance where the allergy itself
// has no code.
func (g *mapping) reactions() {
	var substance *coded
	for ok := g.c.first(); ok; ok = g.c.more() {
		for k := g.c.open(); k != nil; k = g.c.next() {
			switch string(k) {
			case "severity":
				g.f.reaction = max(g.f.reaction, severityOf(g.c.bytes()))
			case "substance":
				substance = g.codeable()
			default:
				g.c.skip()
			}
		}
	}
	if g.f.modality == nil {
		g.f.modality = substance
	}
}

func severityOf(b []byte) record.Severity {
	switch string(b) {
	case "mild", "low":
		return record.Low
	case "moderate":
		return record.Moderate
	case "severe", "high":
		return record.High
	}
	return 0
}

// relativeConditions reads FamilyMemberHistory.condition.
func (g *mapping) relativeConditions() {
	for ok := g.c.first(); ok; ok = g.c.more() {
		var code *coded
		for k := g.c.open(); k != nil; k = g.c.next() {
			if string(k) == "code" {
				code = g.codeable()
			} else {
				g.c.skip()
			}
		}
		g.f.relatives = append(g.f.relatives, code)
	}
}

// provision looks for a refusal, however deep.
func (g *mapping) provision() {
	if g.at('[') {
		for ok := g.c.first(); ok; ok = g.c.more() {
			g.provision()
		}
		return
	}
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "type":
			if string(g.c.bytes()) == "deny" {
				g.f.denied = true
			}
		case "provision":
			g.provision()
		default:
			g.c.skip()
		}
	}
}

// endOf is the last second of the moment, for what ends within it.
func endOf(m moment) time.Time { return m.last }
