package synth

// person is who a patient is and what their body will do; the chart is what
// the hospital knows of it.
type person struct {
	id       id
	number   uint64
	born     stamp
	died     stamp // 0 = alive at the end
	woman    bool
	race     int
	hispanic bool
	given    string
	family   string
	site     int
	doctor   int // index of the usual clinician

	smokes    bool
	bmi       float64 // in adult life
	height    float64 // cm, adult
	adherence float64 // share of doses taken
	prone     float64 // to adverse effects; 1 is usual
	seeks     float64 // how readily care is sought; 1 is usual
	vaccines  float64 // willingness, a probability
	severity  [lastChronic]float64
	drift     [lastChronic]float64 // of severity, per year
	onset     [lastChronic]stamp   // 0 = never
	over      [lastChronic]stamp   // when it passes; 0 = never
	allergic  [allergenCount]bool
	salt      uint64 // of the latent response to each drug
}

var races = [...]struct {
	code, display string
	share         float64
}{
	{"2106-3", "White", .68}, {"2054-5", "Black or African American", .16},
	{"2028-9", "Asian", .09}, {"1002-5", "American Indian or Alaska Native", .02}, {"2131-1", "Other Race", .05},
}

const raceBlack = 1

// allergyShare is the share of people with each allergy.
var allergyShare = [allergenCount]float64{0, .08, .035, .015, .004, .008, .02, .01, .01, .012, .06}

// newPerson draws patient i; until is the end of history.
func (m *maker) newPerson(i int) {
	r := &m.life
	r.seed(m.opt.Seed, streamLife, uint64(i))
	p := &m.person
	*p = person{number: uint64(i), salt: r.src.Uint64()}
	p.id = m.nextID()
	age := m.drawAge(r)
	p.born = m.until - stamp(age*float64(year))
	p.born -= p.born % day
	p.woman = r.chance(.52)
	shares := [len(races)]float64{}
	for k := range races {
		shares[k] = races[k].share
	}
	p.race, p.hispanic = r.pick(shares[:]), r.chance(.17)
	p.given, p.family = givenNames[r.below(len(givenNames))], familyName(r)
	p.site = r.pick([]float64{.3, .2, .16, .14, .12, .08})
	p.doctor = m.doctorAt(r, p.site)
	p.smokes = age > 16 && r.chance(.16)
	p.bmi = max(17, 27.5+5.2*r.normal()+.6*r.exp())
	p.height = 170 + 7*r.normal()
	if p.woman {
		p.height -= 8
	}
	p.adherence = min(1, .6+.45*r.float())
	p.prone, p.seeks = r.lognormal(.6), r.lognormal(.35)
	p.vaccines = r.float()
	for c := range p.severity {
		p.severity[c] = r.lognormal(.4)
		p.drift[c] = .06 * r.normal()
	}
	for a := noAllergen + 1; a < allergenCount; a++ {
		p.allergic[a] = r.chance(allergyShare[a])
	}
	m.drawOnsets(r)
}

// drawAge follows the broad shape of the US age pyramid, with the old, who use
// hospitals, somewhat over-represented.
func (m *maker) drawAge(r *rng) float64 {
	band := r.pick([]float64{.17, .12, .13, .13, .13, .14, .11, .07})
	edges := [...]float64{0, 14, 25, 36, 47, 58, 68, 78, 96}
	return r.between(edges[band], edges[band+1])
}

// doctorAt is a primary care clinician, of the site when it has one.
func (m *maker) doctorAt(r *rng, site int) int {
	all := m.h.bySpecial[primaryCare]
	for range 4 {
		if d := all[r.below(len(all))]; m.h.clinicians[d].site == site {
			return d
		}
	}
	return all[r.below(len(all))]
}

// drawOnsets goes through the life year by year: a condition begins when its
// accumulated hazard passes an exponential threshold.
func (m *maker) drawOnsets(r *rng) {
	p := &m.person
	var threshold [lastChronic]float64
	for c := range threshold {
		threshold[c] = r.exp()
	}
	var has [conditionCount]bool
	jitter := r.float()
	for age := 0; ; age++ {
		at := p.born + stamp((float64(age)+jitter)*float64(year))
		if at >= m.until {
			return
		}
		smoker := p.smokes && age >= 17
		if p.onset[smoking] == 0 && smoker {
			p.onset[smoking], has[smoking] = at, true
		}
		if p.onset[obesity] == 0 && p.bmi >= 30 && age >= 22 {
			p.onset[obesity], has[obesity] = at, true
		}
		for c := alcohol; c < lastChronic; c++ {
			if has[c] || c == diabetes2 && has[diabetes1] {
				continue
			}
			threshold[c] -= conditions[c].hazard(age, p.woman, smoker, max(-8, p.bmi-25), &has)
			if threshold[c] <= 0 {
				has[c] = true
				p.onset[c] = at + stamp(c)*day // a few days apart
				if l := conditions[c].lasts; l > 0 {
					p.over[c] = at + stamp((.3+.7*r.exp())*l*float64(year))
				}
			}
		}
	}
}

// age in years at t.
func (m *maker) age(t stamp) float64 { return float64(t-m.person.born) / float64(year) }

// response is how strongly a drug works in this person, about 1; the same all
// life long and known to nobody. A quarter of people hardly respond to a given
// drug.
func (p *person) response(d drug) float64 {
	u := float64(mix(p.salt^uint64(d)*0x9e3779b97f4a7c15)>>11) / (1 << 53)
	if u < .25 {
		return .15 + u
	}
	return .7 + .8*(u-.25)
}

// suffers says whether the person would have the drug's adverse effect, which
// occurs at the given rate in people who are usually prone.
func (p *person) suffers(d drug, rate float64) bool {
	u := float64(mix(p.salt^0x61646572^uint64(d)*0xbf58476d1ce4e5b9)>>11) / (1 << 53)
	return u < rate*p.prone
}
