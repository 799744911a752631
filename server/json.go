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

// plain is how many bytes s begins with, at least, that need no care in a JSON
// string: eight at a time, by the usual tests of a word for a byte of zero.
func plain(s string) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; n+8 <= len(s); n += 8 {
		w := uint64(s[n]) | uint64(s[n+1])<<8 | uint64(s[n+2])<<16 | uint64(s[n+3])<<24 |
			uint64(s[n+4])<<32 | uint64(s[n+5])<<40 | uint64(s[n+6])<<48 | uint64(s[n+7])<<56
		quotes, backslashes := w^(ones*'"'), w^(ones*'\\')
		if (w|(w-ones*' ')|(quotes-ones)|(backslashes-ones))&highs != 0 {
			break
		}
	}
	return n
}

// quote appends s as a JSON string. What is no UTF-8 becomes U+FFFD.
func quote(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := plain(s); i < len(s); {
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
		i += plain(s[i:])
	}
	return append(append(b, s[start:]...), '"')
}
