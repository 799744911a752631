package fhir

import "ember/record"

// Codings are those of a CodeableConcept as it lies, without their displays.
func Codings(concept []byte) (all []record.Code) {
	if len(concept) == 0 || concept[0] != '{' {
		return nil
	}
	c := cursor{b: concept}
	for k := c.open(); k != nil; k = c.next() {
		if string(k) != "coding" {
			c.skip()
			continue
		}
		for ok := c.first(); ok && !c.broken; ok = c.more() {
			if coding := c.raw(); len(coding) > 0 && coding[0] == '{' {
				all = append(all, record.Code{System: field(coding, "system"), Value: field(coding, "code")})
			}
		}
	}
	return all
}
