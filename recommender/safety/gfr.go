package safety

import (
	"math"
	"slices"

	"ember/record"
)

// GFR estimates the glomerular filtration rate in mL/min/1.73 m² of an adult
// from serum creatinine in mg/dL by CKD-EPI 2021 (Inker et al., N Engl J Med
// 2021;385:1737), which needs no race. ok is false below 18 years, without sex,
// and for a creatinine that is not above 0.
func GFR(creatinine float64, age int, sex record.Sex) (gfr float64, ok bool) {
	if age < 18 || creatinine <= 0 || sex != record.Female && sex != record.Male {
		return 0, false
	}
	kappa, alpha, factor := 0.9, -0.302, 1.0
	if sex == record.Female {
		kappa, alpha, factor = 0.7, -0.241, 1.012
	}
	r := creatinine / kappa
	return 142 * math.Pow(math.Min(r, 1), alpha) * math.Pow(math.Max(r, 1), -1.200) * math.Pow(0.9938, float64(age)) * factor, true
}

// estimateGFR computes eGFR from a creatinine that is younger than the last
// reported one.
func (c *Checker) estimateGFR(p *Patient) {
	at := func(name string) int { return slices.IndexFunc(c.values, func(v value) bool { return v.name == name }) }
	egfr, creatinine := at("egfr"), at("creatinine")
	if egfr < 0 || creatinine < 0 || !p.values[creatinine].known {
		return
	}
	from := p.values[creatinine]
	if old := p.values[egfr]; old.known && !old.when.Before(from.when) {
		return
	}
	if gfr, ok := GFR(from.value, p.age, p.person.Sex); ok {
		p.values[egfr] = measured{source: from.source, when: from.when, value: gfr, computed: true, known: true}
	}
}
