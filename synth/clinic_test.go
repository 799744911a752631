package synth

import (
	"os"
	"strings"
	"testing"
	"time"
)

// live makes patients one by one and shows the maker after each.
func live(opt Options, see func(m *maker)) {
	opt = opt.withDefaults()
	m := newMaker(opt, newHospital(opt.Seed))
	var p page
	for i := range opt.Patients {
		p.reset()
		m.patient(i, &p)
		see(m)
	}
}

// TestPrevalence compares the share of people who have a condition at the end
// with what is known of the US, widely: the table says between which bounds.
func TestPrevalence(t *testing.T) {
	type band struct{ have, all [2]float64 } // by sex: 0 men, 1 women
	ages := []float64{0, 18, 45, 65, 120}
	var counts [lastChronic][4]band
	live(Options{Patients: 5000, Seed: 21, Profile: Lean}, func(m *maker) {
		m.now = m.until
		age, sex := m.age(m.now), int(b2f(m.person.woman))
		k := 0
		for age >= ages[k+1] {
			k++
		}
		for c := range counts {
			b := &counts[c][k]
			b.all[sex]++
			if m.ill(condition(c)) > 0 {
				b.have[sex]++
			}
		}
	})
	share := func(c condition, k, sex int) float64 {
		b := counts[c][k]
		if sex == 2 {
			return (b.have[0] + b.have[1]) / (b.all[0] + b.all[1])
		}
		return b.have[sex] / b.all[sex]
	}
	const men, women, both = 0, 1, 2
	for _, w := range []struct {
		c         condition
		age, sex  int
		low, high float64
	}{
		{hypertension, 1, both, .06, .3}, {hypertension, 3, both, .5, .9},
		{diabetes2, 1, both, .01, .1}, {diabetes2, 3, both, .15, .4}, {diabetes1, 1, both, .0005, .02},
		{hyperlipidemia, 3, both, .35, .8}, {obesity, 2, both, .2, .5}, {kidney, 3, both, .1, .4},
		{coronary, 2, both, .02, .15}, {coronary, 3, both, .1, .4}, {fibrillation, 3, both, .06, .25}, {heartFailure, 3, both, .04, .25},
		{asthma, 0, both, .04, .15}, {asthma, 1, both, .02, .13}, {copd, 3, both, .05, .2}, {copd, 0, both, 0, 0},
		{depression, 1, women, .03, .15}, {depression, 1, men, .01, .09}, {hypothyroidism, 3, women, .06, .3}, {hypothyroidism, 3, men, .01, .1},
		{osteoarthritis, 3, both, .25, .65}, {osteoporosis, 3, women, .12, .5}, {osteoporosis, 3, men, .01, .15}, {gout, 3, men, .04, .25},
		{migraine, 1, women, .08, .25}, {migraine, 1, men, .02, .12}, {prostateHyperplasia, 3, men, .25, .7}, {prostateHyperplasia, 3, women, 0, 0},
		{breastCancer, 3, women, .04, .15}, {breastCancer, 3, men, 0, 0}, {prostateCancer, 3, men, .04, .2}, {prostateCancer, 3, women, 0, 0},
		{dementia, 3, both, .03, .2}, {dementia, 1, both, 0, 0}, {rheumatoid, 2, women, .005, .04}, {epilepsy, 1, both, .005, .04}, {rhinitis, 1, both, .05, .25},
		{eczema, 0, both, .04, .2}, {attention, 0, both, .02, .12}, {bipolar, 1, both, .005, .05}, {sleepApnea, 2, both, .05, .35}, {reflux, 2, both, .04, .25},
	} {
		if got := share(w.c, w.age, w.sex); got < w.low || got > w.high {
			t.Errorf("%s, ages %v to %v, sex %d: %.3f, want %.3f to %.3f", conditions[w.c].words, ages[w.age], ages[w.age+1], w.sex, got, w.low, w.high)
		}
	}
	if a, b := share(diabetes2, 3, both), share(diabetes2, 1, both); a < 2*b {
		t.Errorf("diabetes does not rise with age: %.3f to %.3f", b, a)
	}
}

func TestComorbidity(t *testing.T) {
	var with, without, both, other float64
	live(Options{Patients: 5000, Seed: 22, Profile: Lean}, func(m *maker) {
		m.now = m.until
		if age := m.age(m.now); age < 60 {
			return
		}
		if m.ill(diabetes2) > 0 {
			with++
			both += b2f(m.ill(kidney) > 0)
		} else {
			without++
			other += b2f(m.ill(kidney) > 0)
		}
	})
	if both/with < 1.3*other/without {
		t.Errorf("kidney disease in %.3f with and %.3f without diabetes", both/with, other/without)
	}
}

// TestContraindicationsAreRespected counts the orders that a careful clinician
// would not have written, given what was on the chart: only the planted share.
func TestContraindicationsAreRespected(t *testing.T) {
	var orders, broken, exposed int
	count := map[string]int{}
	live(Options{Patients: 6000, Seed: 23, Profile: Lean}, func(m *maker) {
		for i := range m.orders {
			o := &m.orders[i]
			x := &drugs[o.drug]
			orders++
			if a := x.allergen; a != noAllergen && m.known[a] {
				exposed++
				if m.noted[a] < o.written {
					count["allergy"]++
					broken++
				}
			}
			if x.name == "propranolol" && m.listedAt(asthma, o.written) || x.name == "bupropion" && m.listedAt(epilepsy, o.written) {
				count["condition"]++
				broken++
			}
			switch x.group {
			case aceInhibitor, arb, statin, vitaminKAntagonist:
				if m.listedAt(pregnancy, o.written-hour) && m.listedAt(pregnancy, o.written+day) {
					count["pregnancy"]++
					broken++
				}
			}
		}
	})
	if orders < 20_000 {
		t.Fatalf("only %d orders", orders)
	}
	if share := float64(broken) / float64(orders); share > .004 {
		t.Errorf("%d of %d orders against a contraindication: %v", broken, orders, count)
	}
	if broken == 0 {
		t.Error("no planted case at all")
	}
	t.Logf("%d orders, %v, %d with any allergy on the chart", orders, count, exposed)
}

// listedAt says whether a condition was on the problem list at t.
func (m *maker) listedAt(c condition, t stamp) bool {
	for i := range m.problems {
		p := &m.problems[i]
		if p.cond == c && p.recorded < t && (p.resolved == 0 || p.resolved > t) {
			return true
		}
	}
	return false
}

// TestPlantedCases looks for the rare things that safety rules and loaders must
// meet in any hospital of some thousands.
func TestPlantedCases(t *testing.T) {
	found := map[string]int{}
	for _, r := range generate(t, Options{Patients: 2500, Seed: 24, Profile: Lean, Oracle: true}) {
		s := string(r.JSON)
		for name, marks := range map[string][]string{
			"died": {`"deceasedDateTime"`}, "merged": {`"replaced-by"`}, "refuses": {`"provision":{"type":"deny"}`}, "cancelled": {`"MedicationRequest"`, `"cancelled"`},
			"high potassium": {`"E87.5"`}, "overlooked": {`"slip":true`}, "by reference": {`"medicationReference"`}, "penicillin allergy": {`AllergyIntolerance`, `"7980"`},
			"local code": {`"urn:ember:synth:laboratory"`}, "stay": {`"code":"IMP"`}, "pregnancy": {`"Z34.90"`},
		} {
			all := true
			for _, mark := range marks {
				all = all && strings.Contains(s, mark)
			}
			if all {
				found[name]++
			}
		}
		if r.Type == "Patient" && !strings.Contains(s, `"birthDate"`) && strings.Contains(s, `"active":true`) {
			found["no birth date"]++
		}
		if r.Type == "MedicationRequest" && strings.Contains(s, `"medicationCodeableConcept":{"text"`) {
			found["words only"]++
		}
	}
	for _, name := range []string{"died", "merged", "refuses", "cancelled", "high potassium", "overlooked", "by reference", "penicillin allergy", "local code", "stay", "pregnancy", "no birth date", "words only"} {
		if found[name] == 0 {
			t.Errorf("no case of %q among 2500 patients", name)
		}
	}
	t.Log(found)
}

// TestValuesRespond compares blood pressure and A1c before and under treatment.
func TestValuesRespond(t *testing.T) {
	live(Options{Patients: 40, Seed: 25, Profile: Lean}, func(m *maker) {
		m.now = m.until
		m.meds = m.meds[:0]
		m.tally()
		p0, s0 := m.truth(systolic), m.truth(a1c)
		for _, d := range []string{"lisinopril", "metformin"} {
			for k := range drugs {
				if drugs[k].name == d {
					m.meds = append(m.meds, active{drug: drug(k), since: m.now - 100*day, dose: 1})
					break
				}
			}
		}
		m.tally()
		if p, s := m.truth(systolic), m.truth(a1c); p >= p0 || s > s0 {
			t.Errorf("patient %d: systolic %.0f to %.0f, A1c %.1f to %.1f", m.person.number, p0, p, s0, s)
		}
	})
}

// TestDecisionsAreCalibrated checks that the oracle's probabilities are the
// ones the orders were drawn from.
func TestDecisionsAreCalibrated(t *testing.T) {
	var sum, n, got [10]float64
	h := newHospital(26)
	m := newMaker(Options{Patients: 1, Seed: 26, Profile: Lean, Until: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}, h)
	seen := 0
	m.watch = func(c []candidate) {
		for _, x := range c {
			b := min(9, int(x.p*10))
			sum[b] += x.p
			n[b]++
			got[b] += b2f(x.ordered)
			seen++
		}
	}
	var p page
	for i := range 3000 {
		p.reset()
		m.patient(i, &p)
	}
	if seen < 50_000 {
		t.Fatalf("only %d decisions", seen)
	}
	for b := range n {
		if n[b] < 300 {
			continue
		}
		if d := (got[b] - sum[b]) / n[b]; d > .03 || d < -.03 {
			t.Errorf("decisions near %.1f: expected %.3f, drawn %.3f (n %.0f)", float64(b)/10, sum[b]/n[b], got[b]/n[b], n[b])
		}
	}
}

// TestEveryCourseHasASource reads the table in testdata/README.md.
func TestEveryCourseHasASource(t *testing.T) {
	data, err := os.ReadFile("../testdata/README.md")
	if err != nil {
		t.Fatal(err)
	}
	chronic := 0
	for c := range conditions {
		d := &conditions[c]
		if d.words == "" {
			continue
		}
		if c < int(lastChronic) {
			chronic++
		}
		if !strings.Contains(string(data), "| "+d.course+" |") {
			t.Errorf("%s: no source for the course %q", d.words, d.course)
		}
	}
	if chronic < 30 {
		t.Errorf("%d chronic conditions", chronic)
	}
}
