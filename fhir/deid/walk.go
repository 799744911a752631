package deid

import "bytes"

func has(b []byte, word string) bool { return bytes.Contains(b, []byte(word)) }

// space is the index of the first byte from i on that is no white space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipText is the index after the string at i, -1 when it does not end.
func skipText(b []byte, i int) int {
	for j := i + 1; ; {
		k := bytes.IndexByte(b[j:], '"')
		if k < 0 {
			return -1
		}
		j += k
		slashes := 0
		for p := j - 1; p > i && b[p] == '\\'; p-- {
			slashes++
		}
		j++
		if slashes%2 == 0 {
			return j
		}
	}
}

// skip is the index after the value at i, -1 when it does not end.
func skip(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipText(b, i)
	case '{', '[':
		for depth := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				if i = skipText(b, i); i < 0 {
					return -1
				}
				i--
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return -1
	case '}', ']', ',', ':':
		return -1
	}
	for i < len(b) && bytes.IndexByte([]byte(" \n\r\t,:{}[]\""), b[i]) < 0 {
		i++
	}
	return i
}

// each calls with for every member of the object that was opened before i: with its key
// between the quotes, and the index of its value; with returns the index after the
// value. The result is the index after the object, -1 when it is broken.
func (s *Scrubber) each(i int, with func(key []byte, at int) int) int {
	i = space(s.b, i)
	if i < len(s.b) && s.b[i] == '}' {
		return i + 1
	}
	for i < len(s.b) && s.b[i] == '"' {
		end := skipText(s.b, i)
		if end < 0 {
			return -1
		}
		key := s.b[i+1 : end-1]
		i = space(s.b, end)
		if i >= len(s.b) || s.b[i] != ':' {
			return -1
		}
		if i = with(key, space(s.b, i+1)); i < 0 {
			return -1
		}
		if i = space(s.b, i); i >= len(s.b) {
			return -1
		}
		switch s.b[i] {
		case '}':
			return i + 1
		case ',':
			i = space(s.b, i+1)
		default:
			return -1
		}
	}
	return -1
}

// members tells what may be told of an object that was opened before i; first is
// whether nothing stands in it yet.
func (s *Scrubber) members(i int, n *node, first bool) int {
	return s.each(i, func(key []byte, at int) int {
		kid := n.kids[string(key)]
		if kid == nil {
			return skip(s.b, at)
		}
		mark := len(s.out)
		if !first {
			s.out = append(s.out, ',')
		}
		s.out = append(append(append(s.out, '"'), key...), '"', ':') // a key of the table: nothing to escape
		begin := len(s.out)
		end := s.value(at, kid)
		if len(s.out) == begin {
			s.out = s.out[:mark]
		} else {
			first = false
		}
		return end
	})
}

// value tells what may be told of the value at i, which may be nothing.
func (s *Scrubber) value(i int, n *node) int {
	if i >= len(s.b) {
		return -1
	}
	if s.b[i] != '[' {
		return s.one(i, n)
	}
	mark := len(s.out)
	s.out = append(s.out, '[')
	i = space(s.b, i+1)
	if i < len(s.b) && s.b[i] == ']' {
		s.out = s.out[:mark]
		return i + 1
	}
	for i < len(s.b) {
		before := len(s.out)
		if before > mark+1 {
			s.out = append(s.out, ',')
		}
		begin := len(s.out)
		if i = s.one(i, n); i < 0 {
			return -1
		}
		if len(s.out) == begin {
			s.out = s.out[:before]
		}
		if i = space(s.b, i); i >= len(s.b) {
			return -1
		}
		switch s.b[i] {
		case ']':
			if len(s.out) == mark+1 {
				s.out = s.out[:mark]
			} else {
				s.out = append(s.out, ']')
			}
			return i + 1
		case ',':
			i = space(s.b, i+1)
		default:
			return -1
		}
	}
	return -1
}

// one tells of one value that is no array: there are no arrays in arrays.
func (s *Scrubber) one(i int, n *node) int {
	if i >= len(s.b) {
		return -1
	}
	if s.b[i] != '{' {
		end := skip(s.b, i)
		if end > i && s.b[i] != '[' {
			s.primitive(s.b[i:end], n.kind)
		}
		return end
	}
	switch n.kind {
	case group:
		mark := len(s.out)
		s.out = append(s.out, '{')
		end := s.members(i+1, n, true)
		if len(s.out) == mark+1 {
			s.out = s.out[:mark]
		} else {
			s.out = append(s.out, '}')
		}
		return end
	case coding:
		return s.coding(i + 1)
	case quantity, age:
		return s.quantity(i+1, n.kind == age || s.aged)
	case reference:
		return s.reference(i + 1)
	case address:
		return s.address(i + 1)
	}
	return skip(s.b, i)
}
