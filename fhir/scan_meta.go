package fhir

// ScanMeta is [Scan] for who wants SetMeta alone, of bytes that Scan has found good: it
// goes over the resource's own members and stops when it has seen enough.
func ScanMeta(raw []byte, h *Header) {
	*h = Header{raw: raw}
	c := cursor{b: raw}
	for k := c.open(); k != nil; k = c.next() {
		at := skipSpace(raw, c.i)
		switch string(k) {
		case "resourceType":
			c.skip()
			h.typeEnd = c.i
		case "meta":
			if at >= len(raw) || raw[at] != '{' {
				c.skip()
				break
			}
			h.metaStart = at + 1
			next := skipSpace(raw, at+1)
			h.metaEmpty = next < len(raw) && raw[next] == '}'
			h.metaMembers(&c)
		default:
			c.skip()
		}
		if c.broken || h.typeEnd > 0 && h.metaStart > 0 {
			break
		}
	}
	if c.broken || h.typeEnd == 0 {
		Scan(raw, h)
	}
}

// metaMembers finds version and time in meta.
func (h *Header) metaMembers(c *cursor) {
	for k := c.open(); k != nil; k = c.next() {
		name := string(k)
		start := skipSpace(c.b, c.i) + 1
		c.skip()
		if c.broken || start > len(c.b) || c.b[start-1] != '"' {
			continue
		}
		switch name {
		case "versionId":
			h.Version = Span{start, c.i - 1}
		case "lastUpdated":
			h.Updated = Span{start, c.i - 1}
		}
	}
}
