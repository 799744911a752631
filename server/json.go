package server

import (
	"unicode/utf8"

	"ember/record"
)

// The functions here append JSON: a name with everything that stands before
// it, then the value.

// array appends n elements between brackets; an empty one is [] and never null.
func array(b []byte, name string, n int, element func(b []byte, i int) []byte) []byte {
	b = append(append(b, name...), '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = element(b, i)
	}
	return append(b, ']')
}

func texts(b []byte, name string, values []string) []byte {
	b = append(append(b, name...), '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(b, v)
	}
	return append(b, ']')
}

func text(b []byte, name, value string) []byte { return quote(append(b, name...), value) }

// some appends nothing when the value is empty.
func some(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return text(b, name, value)
}

func appendCode(b []byte, name string, c record.Code) []byte {
	b = text(append(b, name...), `{"system":`, c.System)
	b = text(b, `,"code":`, c.Value)
	return append(text(b, `,"display":`, c.Display), '}')
}

// quote appends s as a JSON string. What is no UTF-8 becomes U+FFFD.
func quote(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
