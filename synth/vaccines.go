package synth

// vaccine is an index into vaccines.
const (
	vaccineFlu = iota
	vaccineCovid
	vaccineTdap
	vaccineTd
	vaccineZoster
	vaccinePneumo
	vaccineDTaP
	vaccineIPV
	vaccineMMR
	vaccineVaricella
	vaccineHepB
	vaccineHPV
	vaccineMening
	vaccinePCVChild
	vaccineCount
)

// vaccines is a read-only table of CVX codes (CDC) with the ages in years at
// which they are due and the wanted years between doses, simplified from the
// CDC's immunization schedules of 2024.
var vaccines = [vaccineCount]struct {
	cvx, name string
	from, to  float64
	every     float64 // years; 0 = by doses
	doses     uint8
}{
	vaccineFlu:       {"140", "Influenza, seasonal, injectable, preservative free", .5, 120, .85, 0},
	vaccineCovid:     {"208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose", 12, 120, .9, 4},
	vaccineTdap:      {"115", "Tdap", 11, 64, 0, 1},
	vaccineTd:        {"113", "Td (adult), 5 Lf tetanus toxoid, preservative free, adsorbed", 21, 120, 10, 0},
	vaccineZoster:    {"187", "zoster recombinant", 50, 120, .2, 2},
	vaccinePneumo:    {"216", "Pneumococcal conjugate PCV20, polysaccharide CRM197 conjugate, adjuvant, PF", 65, 120, 0, 1},
	vaccineDTaP:      {"20", "DTaP", .15, 6, .3, 5},
	vaccineIPV:       {"10", "IPV", .15, 6, .4, 4},
	vaccineMMR:       {"03", "MMR", 1, 7, 3, 2},
	vaccineVaricella: {"21", "varicella", 1, 7, 3, 2},
	vaccineHepB:      {"08", "Hep B, adolescent or pediatric", 0, 2, .2, 3},
	vaccineHPV:       {"165", "HPV9", 11, 26, .5, 2},
	vaccineMening:    {"114", "meningococcal MCV4P", 11, 18, 4, 2},
	vaccinePCVChild:  {"133", "Pneumococcal conjugate PCV 13", .15, 2, .25, 4},
}

// vaccinate gives what is due and wanted.
func (m *maker) vaccinate() {
	age := m.age(m.now)
	willing := .25 + .6*m.person.vaccines
	given := 0
	for k := range vaccines {
		v := &vaccines[k]
		if age < v.from || age >= v.to || v.doses > 0 && m.doses[k] >= v.doses {
			continue
		}
		if m.doses[k] > 0 && (v.every == 0 || float64(m.now-m.given[k]) < v.every*float64(year)) {
			continue
		}
		if k == vaccineFlu {
			if month := m.now.time().Month(); month > 2 && month < 9 {
				continue
			}
		}
		p := willing
		if m.doses[k] == 0 && age > v.from+3 && v.every > 1 {
			p *= .2 // had long ago elsewhere
		}
		if given > 2 || !m.draw.chance(p) {
			continue
		}
		given++
		m.doses[k]++
		m.given[k] = m.now
		m.writeVaccine(k)
	}
}
