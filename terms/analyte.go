package terms

import (
	"math"

	"ember/record"
)

// analyte is what a LOINC code measures: its usual unit, the molar mass of the
// substance in g/mol and its charge, 0 where they do not apply.
type analyte struct {
	unit   string
	molar  float64
	charge float64
	fold   map[string]string // units this laboratory test is misnamed with → meant
}

const (
	dimMass       = 2
	dimAmount     = 4
	dimEquivalent = 5
)

// Convert turns a value from one unit into another. Units are UCUM or what
// laboratories write for it. Mass and amount of substance, and amount and
// charge equivalents, are converted by the molar mass and charge of the
// analyte that the LOINC code measures; without it they are not comparable.
// International and enzyme units are one dimension (1 kat = 6e7 U). Hemoglobin A1c
// in mmol/mol is by IFCC, in % by NGSP: another quantity, converted by the master equation.
func (t *Terms) Convert(v float64, from, to, loinc string) (float64, bool) {
	an := t.analytes[loinc]
	a, ok := t.unitOf(from, an)
	if !ok {
		return 0, false
	}
	b, ok := t.unitOf(to, an)
	if !ok {
		return 0, false
	}
	f, ok := bridge(a.dims, b.dims, an)
	if !ok {
		return 0, false
	}
	if a.factor != b.factor && t.In("hemoglobin-a1c", record.Code{System: record.LOINC, Value: loinc}) {
		return masterEquation(v, a.factor, b.factor)
	}
	out := ((v*a.factor+a.offset)*f - b.offset) / b.factor
	if math.IsNaN(out) || math.IsInf(out, 0) {
		return 0, false
	}
	return out, true
}

// masterEquation converts hemoglobin A1c between mmol/mol (IFCC) and % (NGSP), which are told
// apart by their factors: NGSP = 0.09148 IFCC + 2.152 (Hoelzel and others, Clin Chem
// 2004;50:166). No other units are comparable.
func masterEquation(v, from, to float64) (float64, bool) {
	const slope, offset, ifcc, ngsp = .09148, 2.152, 1e-3, 1e-2
	is := func(factor, want float64) bool { return math.Abs(factor-want) < 1e-9 }
	switch {
	case is(from, ifcc) && is(to, ngsp):
		return slope*v + offset, true
	case is(from, ngsp) && is(to, ifcc):
		return (v - offset) / slope, true
	}
	return 0, false
}

func (t *Terms) unitOf(s string, an analyte) (unit, bool) {
	if len(an.fold) > 0 {
		if to, ok := an.fold[plain(s)]; ok {
			s = to
		}
	}
	x := t.parsed.get(nil, s, "", func() parsedUnit {
		u, ok := t.units.parse(s)
		return parsedUnit{u, ok}
	})
	return x.unit, x.ok
}

// parsedUnit is what a unit's text was read as, as the memo keeps it.
type parsedUnit struct {
	unit unit
	ok   bool
}

// bridge is the factor from one dimension to another that the analyte allows.
func bridge(a, b dims, an analyte) (float64, bool) {
	if a == b {
		return 1, true
	}
	diff := b
	for i := range diff {
		diff[i] -= a[i]
	}
	move := func(from, to int) bool {
		var want dims
		want[from], want[to] = -1, 1
		return diff == want
	}
	switch {
	case an.molar > 0 && move(dimMass, dimAmount):
		return 1 / an.molar, true
	case an.molar > 0 && move(dimAmount, dimMass):
		return an.molar, true
	case an.charge > 0 && move(dimAmount, dimEquivalent):
		return an.charge, true
	case an.charge > 0 && move(dimEquivalent, dimAmount):
		return 1 / an.charge, true
	case an.charge > 0 && an.molar > 0 && move(dimMass, dimEquivalent):
		return an.charge / an.molar, true
	case an.charge > 0 && an.molar > 0 && move(dimEquivalent, dimMass):
		return an.molar / an.charge, true
	}
	return 0, false
}

// Canonical is the value in the analyte's usual unit (United States practice).
// A value without unit is taken to be in that unit; ok is false for analytes
// without one and for units that cannot be converted to it.
func (t *Terms) Canonical(c record.Code, v float64, unit string) (float64, string, bool) {
	an, ok := t.analytes[c.Value]
	if !ok || c.System != record.LOINC {
		return v, unit, false
	}
	if unit == "" || unit == an.unit {
		return v, an.unit, true
	}
	out, ok := t.Convert(v, unit, an.unit, c.Value)
	if !ok {
		return v, unit, false
	}
	return out, an.unit, true
}
