package fhir

import "strings"

// composite reads the line of a composite parameter: its name, the elements that hold its
// parts, and each part as name=type:path. The first is named as the parameter of the type
// that says the same.
func composite(f []string) *Param {
	p := &Param{Name: f[0], Type: CompositeParam, in: strings.Split(f[2], ","), seed: hashText(2166136261, f[0])}
	for _, part := range f[3:] {
		name, rest, _ := strings.Cut(part, "=")
		letter, path, _ := strings.Cut(rest, ":")
		own := &paramSet{root: &element{}}
		own.add([]string{name, letter, path})
		one := own.all[0]
		one.bit, one.root = 1, own.root
		p.Parts = append(p.Parts, one)
	}
	p.Leads = p.Parts[0].Name
	return p
}

// Holders are the elements of a resource that hold the parts of a composite, as they lie.
func (p *Param) Holders(raw []byte) (holders [][]byte) {
	for _, name := range p.in {
		if name == "." {
			holders = append(holders, raw)
			continue
		}
		c := cursor{b: raw}
		for k := c.open(); k != nil; k = c.next() {
			if string(k) != name {
				c.skip()
				continue
			}
			for ok := c.first(); ok && !c.broken; ok = c.more() {
				holders = append(holders, c.raw())
			}
		}
	}
	return holders
}

// PartValues are those of an element that holds the parts of a composite, for one of them.
// They are overwritten by the next call.
func (x *Extractor) PartValues(holder []byte, part *Param) []Value {
	x.values, x.want = x.values[:0], part.bit
	x.walk(&cursor{b: holder}, part.root)
	return x.values
}
