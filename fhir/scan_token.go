package fhir

import "bytes"

func (s *scanner) space() {
	if s.i < len(s.b) && s.b[s.i] > ' ' {
		return
	}
	s.i = skipSpace(s.b, s.i)
}

// fail records that the text is no JSON; nothing after it is looked at.
func (s *scanner) fail(code, detail string) bool {
	if !s.broken {
		s.broken = true
		if s.i >= len(s.b) {
			detail = "the text ends inside the resource"
		}
		s.report(s.i, Error, code, detail)
	}
	return false
}

func (s *scanner) report(offset int, severity, code, detail string) {
	if len(s.h.issues) < maxIssues {
		s.h.issues = append(s.h.issues, Issue{severity, code, pathAt(s.b, offset, s.h.root()), detail})
	}
}

func (s *scanner) value(at place) bool {
	if s.i >= len(s.b) {
		return s.fail("structure", "value expected")
	}
	switch c := s.b[s.i]; c {
	case '"':
		return s.skipStr()
	case '{':
		return s.object(at)
	case '[':
		return s.array(at)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return s.number()
		}
	}
	return s.fail("structure", "value expected")
}

func (s *scanner) array(at place) bool {
	if s.depth++; s.depth > s.max {
		return s.tooDeep()
	}
	s.i++
	s.space()
	if s.i < len(s.b) && s.b[s.i] == ']' {
		s.i++
		s.depth--
		return true
	}
	for {
		s.space()
		if !s.value(at) {
			return false
		}
		if s.i < len(s.b) && s.b[s.i] == ',' {
			s.i++
			continue
		}
		s.space()
		if s.i >= len(s.b) {
			return s.fail("structure", "")
		}
		switch s.b[s.i] {
		case ',':
			s.i++
		case ']':
			s.i++
			s.depth--
			return true
		default:
			return s.fail("structure", "',' or ']' expected")
		}
	}
}

func (s *scanner) tooDeep() bool {
	s.broken = true
	issue := depthIssue(s.max)
	s.report(s.i, issue.Severity, issue.Code, issue.Detail)
	return false
}

// object reads an object and what belongs to its place. A reference of its own
// and the identifier of a logical reference are handed on when it ends.
func (s *scanner) object(at place) bool {
	if s.depth++; s.depth > s.max {
		return s.tooDeep()
	}
	s.i++
	s.space()
	o := openObject{base: len(s.h.keys), at: at}
	if s.i < len(s.b) && s.b[s.i] == '}' {
		return s.close(&o)
	}
	for {
		start := s.i
		key, ok := s.key()
		if !ok {
			return false
		}
		if s.repeated(&o, key) {
			s.report(skipSpace(s.b, start), Error, "structure", "duplicate property")
		}
		if !s.member(&o, key) {
			return false
		}
		if s.i < len(s.b) && s.b[s.i] == ',' {
			s.i++
			continue
		}
		s.space()
		if s.i >= len(s.b) {
			return s.fail("structure", "")
		}
		switch s.b[s.i] {
		case ',':
			s.i++
		case '}':
			return s.close(&o)
		default:
			return s.fail("structure", "',' or '}' expected")
		}
	}
}

// key reads a property name and its colon, and goes to the value.
func (s *scanner) key() ([]byte, bool) {
	b, i := s.b, s.i
	if i < len(b) && b[i] <= ' ' {
		i = skipSpace(b, i)
	}
	if i >= len(b) || b[i] != '"' {
		s.i = i
		return nil, s.fail("structure", "property name expected")
	}
	end := plain(b, i+1)
	if end+1 < len(b) && b[end] == '"' && b[end+1] == ':' && end+2 < len(b) && b[end+2] > ' ' {
		s.i = end + 2
		return b[i+1 : end], true
	}
	s.i = i
	key, ok := s.str()
	if !ok {
		return nil, false
	}
	s.space()
	if s.i >= len(b) || b[s.i] != ':' {
		return nil, s.fail("structure", "':' expected")
	}
	s.i++
	s.space()
	return key, true
}

// openObject is an object that is being read.
type openObject struct {
	base  int // where its keys begin in Header.keys
	mask  uint64
	large map[string]struct{} // its keys, when they are many
	at    place
	ref   Ref
	ident Identifier
}

// close ends an object.
func (s *scanner) close(o *openObject) bool {
	s.i++
	s.depth--
	s.h.keys = s.h.keys[:o.base]
	switch {
	case o.at == placeIdentifier:
		if len(o.ident.Value) > 0 {
			s.h.Identifiers = append(s.h.Identifiers, o.ident)
		}
	case o.ref.Zero() && len(o.ident.Value) > 0 && (o.at == placeAny || o.at == placeSubject):
		s.h.Logical = append(s.h.Logical, o.ident)
	}
	if o.at == placeSubject && s.slot >= 0 {
		if c := &s.h.slots[s.slot]; c.ref.Zero() && len(c.ident.Value) == 0 {
			c.ref, c.ident = o.ref, o.ident
		}
	}
	return true
}

// repeated reports whether the object already had the key. Comparing is rare:
// a bit of the mask has to be taken first.
func (s *scanner) repeated(o *openObject, key []byte) bool {
	if o.large != nil {
		_, found := o.large[string(key)]
		o.large[string(key)] = struct{}{}
		return found
	}
	hash := uint64(len(key)) * 7
	if n := len(key); n > 0 {
		hash += uint64(key[0])*31 + uint64(key[n/2])*17 + uint64(key[n-1])*5
	}
	bit := uint64(1) << (hash & 63)
	own := s.h.keys[o.base:]
	if o.mask&bit != 0 {
		for _, k := range own {
			if bytes.Equal(k, key) {
				return true
			}
		}
	}
	o.mask |= bit
	s.h.keys = append(s.h.keys, key)
	if len(own) >= 64 {
		o.large = make(map[string]struct{}, 256)
		for _, k := range s.h.keys[o.base:] {
			o.large[string(k)] = struct{}{}
		}
	}
	return false
}

// str reads the string at i and returns its text.
func (s *scanner) str() ([]byte, bool) {
	start := s.i + 1
	i := plain(s.b, start)
	if i < len(s.b) && s.b[i] == '"' {
		s.i = i + 1
		return s.b[start:i], true
	}
	for i < len(s.b) {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			return unescape(make([]byte, 0, i-start), s.b[start:i]), true
		case c < 0x20:
			s.i = i
			return nil, s.fail("structure", "control character in a string")
		case c == '\\':
			n := escapeLen(s.b, i)
			if n == 0 {
				s.i = i
				return nil, s.fail("structure", "unknown escape in a string")
			}
			i += n
		}
		i = plain(s.b, i)
	}
	s.i = len(s.b)
	return nil, s.fail("structure", "")
}

// skipStr is str for values nobody looks at: no unescaping.
func (s *scanner) skipStr() bool {
	i := plain(s.b, s.i+1)
	for i < len(s.b) {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			return true
		case c < 0x20:
			s.i = i
			return s.fail("structure", "control character in a string")
		case c == '\\':
			n := escapeLen(s.b, i)
			if n == 0 {
				s.i = i
				return s.fail("structure", "unknown escape in a string")
			}
			i += n
		}
		i = plain(s.b, i)
	}
	s.i = len(s.b)
	return s.fail("structure", "")
}

// escapeLen is the length of the escape at i, 0 when it is none.
func escapeLen(b []byte, i int) int {
	if i+1 >= len(b) {
		return 0
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b, i+2); ok {
			return 6
		}
	}
	return 0
}

func (s *scanner) literal(word string) bool {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return s.fail("structure", "value expected")
	}
	s.i += len(word)
	return true
}

func (s *scanner) number() bool {
	i := s.i
	if s.b[i] == '-' {
		i++
	}
	whole := i
	i = digits(s.b, i)
	ok := i > whole && (s.b[whole] != '0' || i == whole+1)
	if ok && i < len(s.b) && s.b[i] == '.' {
		fraction := i + 1
		i = digits(s.b, fraction)
		ok = i > fraction
	}
	if ok && i < len(s.b) && s.b[i]|0x20 == 'e' {
		i++
		if i < len(s.b) && (s.b[i] == '+' || s.b[i] == '-') {
			i++
		}
		exponent := i
		i = digits(s.b, exponent)
		ok = i > exponent
	}
	if !ok {
		return s.fail("structure", "malformed number")
	}
	s.i = i
	return true
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}
