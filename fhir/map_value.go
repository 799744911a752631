package fhir

import (
	"bytes"
	"strconv"
	"strings"

	"ember/record"
)

// value reads value[x] and what explains its absence; false = another element.
// A comparator ("<5") leaves the number as it is.
func (g *mapping) value(k []byte, o *observed) bool {
	if string(k) == "dataAbsentReason" {
		o.absent = g.codeable()
		return true
	}
	if !bytes.HasPrefix(k, []byte("value")) {
		return false
	}
	switch string(k) {
	case "valueQuantity":
		o.value, o.unit, o.has = g.quantity()
	case "valueInteger", "valueDecimal":
		o.value, o.has = g.c.number()
	case "valueCodeableConcept":
		if c := g.codeable(); !c.empty() {
			o.answer = c.answer()
		}
	case "valueString":
		g.valueString(o)
	case "valueBoolean":
		if v, ok := g.c.truth(); ok {
			o.answer = record.Code{System: record.Text, Value: strconv.FormatBool(v), Display: strconv.FormatBool(v)}
		}
	case "valueRange":
		g.valueRange(o)
	case "valueRatio":
		g.ratio(o)
	case "valueDateTime", "valueTime", "valuePeriod", "valueSampledData":
		g.c.skip()
	default:
		return false
	}
	return true
}

// quantity reads a Quantity; the unit is the code when it is UCUM, else the
// words.
func (g *mapping) quantity() (value float64, unit string, ok bool) {
	var code, words string
	ucum := false
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "value":
			value, ok = g.c.number()
		case "unit":
			words = g.word(g.c.bytes())
		case "code":
			code = g.word(g.c.bytes())
		case "system":
			ucum = string(g.c.bytes()) == record.UCUM
		default:
			g.c.skip()
		}
	}
	if code != "" && (ucum || words == "") {
		return value, code, ok
	}
	return value, words, ok
}

// maxAnswer is how long a text may be to count as an answer rather than a note.
const maxAnswer = 80

// valueString reads numbers written as text ("5.2", "<0.1 mg/dL"), and short
// answers.
func (g *mapping) valueString(o *observed) {
	s := strings.TrimSpace(g.c.text())
	number, unit, _ := strings.Cut(strings.TrimLeft(s, "<>=~ "), " ")
	if v, err := strconv.ParseFloat(number, 64); err == nil && !strings.ContainsAny(number, "xXnNiIpP_") && len(unit) < 16 {
		o.value, o.has, o.unit = v, true, strings.TrimSpace(unit)
		return
	}
	if len(s) <= maxAnswer {
		o.answer = textCode(s)
	}
}

// valueRange reads the middle of a Range, or its only end.
func (g *mapping) valueRange(o *observed) {
	var low, high float64
	var hasLow, hasHigh bool
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "low":
			low, o.unit, hasLow = g.quantity()
		case "high":
			high, o.unit, hasHigh = g.quantity()
		default:
			g.c.skip()
		}
	}
	switch {
	case hasLow && hasHigh:
		o.value = (low + high) / 2
	case hasLow:
		o.value = low
	default:
		o.value = high
	}
	o.has = hasLow || hasHigh
}

// ratio reads the quotient of a Ratio (1:128 is 1/128).
func (g *mapping) ratio(o *observed) {
	var over, under float64
	var unit, per string
	var ok1, ok2 bool
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "numerator":
			over, unit, ok1 = g.quantity()
		case "denominator":
			under, per, ok2 = g.quantity()
		default:
			g.c.skip()
		}
	}
	if !ok1 || !ok2 || under == 0 {
		return
	}
	o.value, o.has = over/under, true
	if unit != "" && per != "" && unit != per {
		o.unit = unit + "/" + per
	}
}

// component reads Observation.component.
func (g *mapping) component() {
	for ok := g.c.first(); ok; ok = g.c.more() {
		var o observed
		for k := g.c.open(); k != nil; k = g.c.next() {
			switch {
			case string(k) == "code":
				o.code = g.codeable()
			case g.value(k, &o):
			default:
				g.c.skip()
			}
		}
		g.f.components = append(g.f.components, o)
	}
}
