package fhir

import "fmt"

// member reads the value of one property.
func (s *scanner) member(o *openObject, key []byte) bool {
	switch o.at {
	case placeRoot:
		return s.rootMember(key)
	case placeMeta:
		return s.metaMember(key)
	case placeIdentifier, placeLogical:
		switch string(key) {
		case "system":
			return s.text(&o.ident.System)
		case "value":
			return s.text(&o.ident.Value)
		}
		return s.value(placeAny)
	case placeContained:
		if string(key) == "id" {
			var id []byte
			if !s.text(&id) {
				return false
			}
			if id != nil {
				s.h.Contained = append(s.h.Contained, id)
			}
			return true
		}
		return s.value(placeAny)
	}
	return s.anyMember(o, key)
}

// anyMember reads a property of an object that may be a Reference.
func (s *scanner) anyMember(o *openObject, key []byte) bool {
	if s.i >= len(s.b) {
		return s.fail("structure", "")
	}
	switch c := s.b[s.i]; {
	case c == '"':
		if len(key) != 9 || string(key) != "reference" {
			if end := plain(s.b, s.i+1); end < len(s.b) && s.b[end] == '"' {
				s.i = end + 1
				return true
			}
			return s.skipStr()
		}
		start := s.i + 1
		text, ok := s.str()
		if ok {
			o.ref = Ref{Start: start, End: s.i - 1, Text: text}
			s.h.Refs = append(s.h.Refs, o.ref)
		}
		return ok
	case c == '{' && len(key) == 10 && string(key) == "identifier":
		return s.logical(o)
	}
	return s.value(placeAny)
}

// logical reads the identifier of a reference and gives it to the open object.
func (s *scanner) logical(o *openObject) bool {
	start := s.i
	if !s.object(placeLogical) {
		return false
	}
	c := cursor{b: s.b[:s.i], i: start}
	for k := c.open(); k != nil; k = c.next() {
		switch string(k) {
		case "system":
			o.ident.System = c.bytes()
		case "value":
			o.ident.Value = c.bytes()
		default:
			c.skip()
		}
	}
	return true
}

// text reads a value into dst when it is a string, and skips it otherwise.
func (s *scanner) text(dst *[]byte) bool {
	if s.i < len(s.b) && s.b[s.i] == '"' {
		t, ok := s.str()
		*dst = t
		return ok
	}
	return s.value(placeAny)
}

func (s *scanner) rootMember(key []byte) bool {
	switch string(key) {
	case "resourceType":
		return s.resourceType()
	case "id":
		return s.id()
	case "meta":
		if s.i < len(s.b) && s.b[s.i] == '{' {
			s.h.metaStart = s.i + 1
			next := skipSpace(s.b, s.i+1)
			s.h.metaEmpty = next < len(s.b) && s.b[next] == '}'
		}
		return s.value(placeMeta)
	case "identifier":
		return s.value(placeIdentifier)
	case "contained":
		return s.value(placeContained)
	case "subject":
		return s.subject(slotSubject)
	case "patient":
		return s.subject(slotPatient)
	case "beneficiary":
		return s.subject(slotBeneficiary)
	case "individual":
		return s.subject(slotIndividual)
	case "candidate":
		return s.subject(slotCandidate)
	case "for":
		return s.subject(slotFor)
	}
	if s.i < len(s.b) && s.b[s.i] == '"' {
		return s.skipStr()
	}
	return s.value(placeAny)
}

func (s *scanner) subject(n int) bool {
	s.slot = n
	ok := s.value(placeSubject)
	s.slot = -1
	return ok
}

func (s *scanner) resourceType() bool {
	start := s.i
	var name []byte
	if !s.text(&name) {
		return false
	}
	s.h.typeEnd = s.i
	if !typeName(name) {
		s.report(start, Error, "invalid", "resourceType is not the name of a type")
		return true
	}
	s.h.Type = internType(name)
	return true
}

func (s *scanner) id() bool {
	start := s.i
	var id []byte
	if !s.text(&id) {
		return false
	}
	if !validID(id) {
		s.report(start, Error, "value", fmt.Sprintf("not an id: %d bytes, allowed are 1 to 64 of A-Z a-z 0-9 - .", len(id)))
		return true
	}
	s.h.ID, s.h.IDSpan = string(id), Span{start + 1, s.i - 1}
	return true
}

func (s *scanner) metaMember(key []byte) bool {
	start := s.i + 1
	switch string(key) {
	case "versionId", "lastUpdated":
		var text []byte
		if !s.text(&text) {
			return false
		}
		if text != nil && string(key) == "versionId" {
			s.h.Version = Span{start, s.i - 1}
		} else if text != nil {
			s.h.Updated = Span{start, s.i - 1}
		}
		return true
	}
	return s.value(placeAny)
}
