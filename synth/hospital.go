package synth

import "math"

const (
	siteCount      = 6
	clinicianCount = 42
)

// specialty is what a clinician does.
type specialty int

const (
	primaryCare specialty = iota
	emergency
	hospitalist
	cardiology
	endocrine
	lungs
	mind
	obstetrics
	specialtyCount
)

var specialtyNames = [specialtyCount]string{"Primary care", "Emergency medicine", "Hospital medicine", "Cardiology", "Endocrinology", "Pulmonology", "Psychiatry", "Obstetrics"}

// clinician is one practitioner with habits of their own.
type clinician struct {
	id        id
	given     string
	family    string
	special   specialty
	site      int
	inertia   float64 // added to the log odds of changing treatment
	renewals  float64 // added to the log odds of renewing early
	testing   [lastTest]float64
	drugs     []float64 // taste: weight of each drug among equivalents
	groups    [groupCount]float64
	coding    int  // 0 ICD and SNOMED, 1 ICD, 2 SNOMED, 3 words only
	freeText  bool // orders drugs in words
	dateOnly  bool // authored dates without an hour
	reference bool // orders by reference to Medication
	terse     bool // short notes
}

type hospital struct {
	seed       uint64
	sites      [siteCount]id
	siteNames  [siteCount]string
	wards      [siteCount][2]id
	clinicians []clinician
	bySpecial  [specialtyCount][]int
	medication []id // by drug; only coded ones are written
	ofGroup    [groupCount][]drug
}

const (
	sharedOwner = math.MaxUint64
	streamWard  = 1 + iota
	streamLife
	streamVisit
)

var (
	givenNames  = []string{"Arla", "Bren", "Cael", "Dova", "Elin", "Faro", "Gwen", "Halo", "Iven", "Jora", "Kell", "Lior", "Mira", "Neth", "Orin", "Pell", "Quin", "Rhea", "Sorrel", "Tamsin"}
	familyParts = [2][]string{{"Alder", "Birk", "Corv", "Dun", "Elm", "Fenn", "Gar", "Hollo", "Ivar", "Kest", "Lark", "Mor", "Nettle", "Oster", "Penn", "Quill", "Row", "Sedge", "Thorn", "Wren"}, {"aby", "bourne", "combe", "dell", "eth", "field", "grove", "hurst", "ingly", "more", "ston", "wick"}}
	siteWords   = [siteCount]string{"Rowanmere Synthetic Hospital", "Millbrook Synthetic Clinic", "Northgate Synthetic Clinic", "Cedar Hill Synthetic Clinic", "Lakeside Synthetic Clinic", "Old Mill Synthetic Clinic"}
)

func newHospital(seed uint64) *hospital {
	h := &hospital{seed: seed, siteNames: siteWords}
	var r rng
	r.seed(seed, streamWard, 0)
	number := uint64(0)
	next := func() id {
		number++
		return newID(seed, sharedOwner, number)
	}
	for s := range h.sites {
		h.sites[s] = next()
		h.wards[s] = [2]id{next(), next()}
	}
	for d := range drugs {
		h.medication = append(h.medication, next())
		h.ofGroup[drugs[d].group] = append(h.ofGroup[drugs[d].group], drug(d))
	}
	for i := range clinicianCount {
		c := clinician{id: next(), special: primaryCare, site: i % siteCount}
		if i >= 24 {
			c.special, c.site = 1+specialty(i-24)%(specialtyCount-1), 0
		}
		c.given, c.family = givenNames[r.below(len(givenNames))], familyName(&r)
		c.habits(&r)
		h.bySpecial[c.special] = append(h.bySpecial[c.special], len(h.clinicians))
		h.clinicians = append(h.clinicians, c)
	}
	return h
}

func familyName(r *rng) string {
	return familyParts[0][r.below(len(familyParts[0]))] + familyParts[1][r.below(len(familyParts[1]))]
}

// habits draws how a clinician differs from the guideline and from colleagues.
func (c *clinician) habits(r *rng) {
	c.inertia, c.renewals = 0.7*r.normal(), 0.5*r.normal()
	for t := range c.testing {
		c.testing[t] = 0.6 * r.normal()
	}
	c.drugs = make([]float64, len(drugs))
	for d := range drugs {
		c.drugs[d] = drugs[d].weight * r.lognormal(1.1)
	}
	for g := range c.groups {
		c.groups[g] = r.lognormal(0.5)
	}
	c.coding = r.pick([]float64{.35, .33, .24, .08})
	c.freeText, c.dateOnly = r.chance(.2), r.chance(.15)
	c.reference, c.terse = r.chance(.12), r.chance(.3)
}

// write emits the shared resources.
func (h *hospital) write(p *page) {
	for s, u := range h.sites {
		p.begin("Organization", u)
		p.raw(`,"active":true`)
		p.raw(`,"type":[`)
		p.conceptValue("Healthcare Provider", coding{hl7 + "organization-type", "prov", "Healthcare Provider"})
		p.raw(`]`)
		p.str("name", h.siteNames[s])
		p.end("Organization")
	}
	for s, wards := range h.wards {
		for w, u := range wards {
			p.begin("Location", u)
			p.raw(`,"status":"active"`)
			p.str("name", h.siteNames[s]+[2]string{", clinic", ", ward"}[w])
			p.ref("managingOrganization", "Organization", h.sites[s])
			p.end("Location")
		}
	}
	for i := range h.clinicians {
		c := &h.clinicians[i]
		p.begin("Practitioner", c.id)
		p.raw(`,"identifier":[{"system":"urn:ember:synth:clinician","value":"`)
		p.number(float64(i+1), 0)
		p.raw(`"}],"active":true,"name":[{"family":"`, c.family, `","given":["`, c.given, `"],"prefix":["Dr."]}],"qualification":[{"code":{"text":"`, specialtyNames[c.special], `"}}]`)
		p.end("Practitioner")
	}
	for d := range drugs {
		if drugs[d].rxcui == "" {
			continue
		}
		p.begin("Medication", h.medication[d])
		p.concept("code", drugs[d].display, coding{sysRxNorm, drugs[d].rxcui, drugs[d].display})
		p.raw(`,"status":"active"`)
		p.end("Medication")
	}
}
