package terms_test

import (
	"math"
	"testing"

	"ember/record"
)

func TestConvert(t *testing.T) {
	x := load(t)
	for _, c := range []struct {
		v        float64
		from, to string
		loinc    string
		want     float64
	}{
		{100, "mg/dL", "g/L", "", 1},
		{100, "MG/DL", "mg/dL", "", 100},
		{90, "mg/dL", "mmol/L", "2345-7", 4.9957},
		{5, "mmol/L", "mg/dL", "2345-7", 90.078},
		{1, "mg/dL", "umol/L", "2160-0", 88.402},
		{88.402, "umol/L", "mg/dL", "2160-0", 1},
		{20, "mg/dL", "mmol/L", "3094-0", 7.139},
		{200, "mg/dL", "mmol/L", "2093-3", 5.1726},
		{10, "mg/dL", "mmol/L", "17861-6", 2.4951},
		{5, "meq/L", "mmol/L", "17861-6", 2.5},
		{4, "mEq/L", "mmol/L", "2823-3", 4},
		{4, "MEQ/L", "mmol/L", "2823-3", 4},
		{2, "mg/dL", "meq/L", "19123-9", 1.6458},
		{1, "mg/dL", "umol/L", "1975-2", 17.104},
		{53, "mmol/mol", "%", "4548-4", 7.0004},
		{7, "%", "mmol/mol", "4548-4", 52.995},
		{48, "mmol/mol", "%", "17856-6", 6.543},
		{98.6, "[degF]", "Cel", "", 37},
		{98.6, "F", "C", "", 37},
		{37, "Cel", "[degF]", "", 98.6},
		{37, "Cel", "K", "", 310.15},
		{7.5, "K/uL", "10*9/L", "", 7.5},
		{7.5, "x10^3/uL", "K/mcL", "", 7.5},
		{250, "x10^9/L", "10*3/uL", "", 250},
		{4.5, "M/uL", "10*12/L", "", 4.5},
		{7500, "/uL", "10*3/uL", "", 7.5},
		{150, "[lb_av]", "kg", "", 68.0389},
		{70, "[in_i]", "cm", "", 177.8},
		{120, "mm[Hg]", "kPa", "", 15.9987},
		{40, "mmHg", "mm[Hg]", "", 40},
		{10, "cmH2O", "mm[Hg]", "", 7.3556},
		{40, "IU/L", "U/L", "", 40},
		{1, "ukat/L", "U/L", "", 60},
		{2.5, "uIU/mL", "m[IU]/L", "3016-3", 2.5},
		{2.5, "mU/L", "uIU/mL", "", 2.5},
		{60, "ml/min/1.73m2", "mL/min/{1.73_m2}", "", 60},
		{33, "%", "g/dL", "786-4", 33},
		{30, "%", "1", "", .3},
		{5, "ug/L", "ng/mL", "", 5},
		{5, "mcg/dL", "ug/dL", "", 5},
		{24, "h", "d", "", 1},
		{72, "{beats}/min", "/min", "", 72},
		{12, "sec", "s", "", 12},
		{3, "mg/g{creat}", "mg/g", "", 3},
		{25, "kg/m2", "g/m2", "", 25000},
		{25, "kg/m2", "kg.m-2", "", 25},
		{290, "mosm/kg", "osm/kg", "", .29},
	} {
		got, ok := x.Convert(c.v, c.from, c.to, c.loinc)
		if !ok || math.Abs(got-c.want) > 1e-4*math.Max(1, math.Abs(c.want)) {
			t.Errorf("%v %s → %s (%s): %v %v, want %v", c.v, c.from, c.to, c.loinc, got, ok, c.want)
		}
	}
	for _, c := range [][3]string{
		{"mg/dL", "mmol/L", ""}, {"mg", "mL", ""}, {"Cel", "mg", ""}, {"mg/dL", "furlong", ""}, {"", "mg", ""},
		{"((", "mg", ""}, {"mg/", "mg", ""}, {"/", "/", ""}, {"{", "mg", ""}, {"meq/L", "mmol/L", ""}, {"U/L", "mg/L", "1742-6"},
	} {
		if got, ok := x.Convert(1, c[0], c[1], c[2]); ok {
			t.Errorf("%q → %q: %v, want no conversion", c[0], c[1], got)
		}
	}
}

func TestCanonical(t *testing.T) {
	x := load(t)
	for _, c := range []struct {
		loinc string
		v     float64
		unit  string
		want  float64
		to    string
	}{
		{"2345-7", 5.5, "mmol/L", 99.086, "mg/dL"},
		{"2345-7", 99, "MG/DL", 99, "mg/dL"},
		{"2345-7", 99, "", 99, "mg/dL"},
		{"2160-0", 90, "umol/L", 1.0181, "mg/dL"},
		{"2823-3", 4.1, "mEq/L", 4.1, "mmol/L"},
		{"777-3", 250, "K/uL", 250, "10*3/uL"},
		{"8310-5", 98.6, "[degF]", 37, "Cel"},
		{"6690-2", 7.1, "10*9/L", 7.1, "10*3/uL"},
		{"718-7", 140, "g/L", 14, "g/dL"},
		{"2744-1", 7.4, "", 7.4, "[pH]"},
	} {
		got, to, ok := x.Canonical(record.Code{System: record.LOINC, Value: c.loinc}, c.v, c.unit)
		if !ok || to != c.to || math.Abs(got-c.want) > 1e-3 {
			t.Errorf("%s %v %s: %v %s %v, want %v %s", c.loinc, c.v, c.unit, got, to, ok, c.want, c.to)
		}
	}
	if v, unit, ok := x.Canonical(record.Code{System: record.LOINC, Value: "2345-7"}, 3, "kg"); ok || v != 3 || unit != "kg" {
		t.Errorf("kilograms of glucose: %v %s %v", v, unit, ok)
	}
	if _, _, ok := x.Canonical(record.Code{System: record.SNOMED, Value: "2345-7"}, 3, "mg/dL"); ok {
		t.Error("canonical for a code that is not LOINC")
	}
}

// TestUnitsOfRealLaboratories counts how many values of the real half are
// converted to their analyte's usual unit.
func TestUnitsOfRealLaboratories(t *testing.T) {
	x := load(t)
	for _, dir := range []string{synthea, eicu} {
		var all rate
		each(t, dir+"Observation.ndjson.gz", func(r resource) {
			if r.ValueQuantity.Unit == "" {
				return
			}
			_, c := x.Observation(nil, r.Code.codes(), r.Code.Text)
			_, ok := x.Convert(1, r.ValueQuantity.Unit, r.ValueQuantity.Unit, c.Value)
			all.count(ok, r.ValueQuantity.Unit+" of "+c.Value+" "+c.Display)
			if _, _, usual := x.Canonical(c, 1, ""); usual {
				_, _, ok = x.Canonical(c, r.ValueQuantity.Value, r.ValueQuantity.Unit)
				all.count(ok, "to canonical: "+r.ValueQuantity.Unit+" of "+c.Value+" "+c.Display)
			}
		})
		all.check(t, .95)
	}
}

func FuzzConvert(f *testing.F) {
	x := load(f)
	for _, s := range []string{"mg/dL", "K/uL", "10*3/uL", "mm[Hg]", "(kg.m)/s2", "{x}", "a/b/c", "10*-30", "µg"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, unit string) {
		v, ok := x.Convert(2.5, unit, unit, "2345-7")
		if ok && math.Abs(v-2.5) > 1e-9 {
			t.Errorf("%q to itself: %v", unit, v)
		}
	})
}
