package fhir

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// skipSpace is the index of the first byte from i on that is not JSON white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString is the index after the string whose opening quote is at i, -1 when
// the string does not end. It does not validate.
func skipString(b []byte, i int) int {
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

// skipValue is the index after the value that begins at i, -1 when it does not
// end. It balances brackets and does not validate.
func skipValue(b []byte, i int) int {
	if i = skipSpace(b, i); i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	case '}', ']', ',', ':':
		return -1
	}
	for i < len(b) && !delimiter(b[i]) {
		i++
	}
	return i
}

func skipNested(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
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
}

func delimiter(c byte) bool {
	switch c {
	case ' ', '\n', '\r', '\t', ',', ':', '{', '}', '[', ']', '"':
		return true
	}
	return false
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain is how many bytes from i on need no attention in a JSON string: no
// quote, backslash or control character.
func plain(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		v := binary.LittleEndian.Uint64(b[i:])
		quote, slash := v^(ones*'"'), v^(ones*'\\')
		hit := ((quote - ones) &^ quote) | ((slash - ones) &^ slash) | ((v - ones*0x20) &^ v)
		if hit &= highs; hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
		i++
	}
	return i
}

// unescape appends the text of a JSON string's inside to dst. Broken escapes
// and lone surrogates become the replacement character.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			j := bytes.IndexByte(s[i:], '\\')
			if j < 0 {
				return append(dst, s[i:]...)
			}
			dst = append(dst, s[i:i+j]...)
			i += j
			continue
		}
		if i++; i >= len(s) {
			return utf8.AppendRune(dst, utf8.RuneError)
		}
		c := s[i]
		i++
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			var r rune
			r, i = unicodeEscape(s, i)
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// unicodeEscape reads the four digits at i, and the low half of a surrogate
// pair after them.
func unicodeEscape(s []byte, i int) (rune, int) {
	r, ok := hex4(s, i)
	if !ok {
		return utf8.RuneError, i
	}
	i += 4
	if !utf16.IsSurrogate(r) {
		return r, i
	}
	if i+1 < len(s) && s[i] == '\\' && s[i+1] == 'u' {
		if low, ok := hex4(s, i+2); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, i + 6
			}
		}
	}
	return utf8.RuneError, i
}

func hex4(s []byte, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	var r rune
	for _, c := range s[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendQuoted appends s as the inside of a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < 0x20:
			dst = append(dst, `\u00`...)
			dst = append(dst, "0123456789abcdef"[r>>4], "0123456789abcdef"[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// pathAt names the element that contains the byte at offset, in FHIRPath
// ("Patient.name[0].family"). It is slow and for issues only. Deep paths are cut.
func pathAt(b []byte, offset int, root string) string {
	type frame struct {
		key   string
		index int // -1 in an object
	}
	var stack []frame
	i, wantKey := 0, false
walk:
	for i < len(b) {
		top := len(stack) - 1
		switch c := b[i]; c {
		case '{', '[':
			if i >= offset {
				break walk
			}
			f := frame{index: -1}
			if c == '[' {
				f.index = 0
			}
			stack = append(stack, f)
			wantKey = c == '{'
			i++
		case '}', ']':
			if i >= offset {
				break walk
			}
			if top >= 0 {
				stack = stack[:top]
			}
			i++
		case ',':
			if top >= 0 && stack[top].index >= 0 {
				stack[top].index++
			} else {
				wantKey = true
			}
			i++
		case '"':
			end := skipString(b, i)
			if end < 0 {
				break walk
			}
			if wantKey && top >= 0 && stack[top].index < 0 {
				stack[top].key = string(unescape(nil, b[i+1:end-1]))
				wantKey = false
			}
			if end > offset {
				break walk
			}
			i = end
		default:
			if i >= offset {
				break walk
			}
			i++
		}
	}
	out := []byte(root)
	for n, f := range stack {
		if n == 24 {
			return string(append(out, "…"...))
		}
		if f.index >= 0 {
			out = strconv.AppendInt(append(out, '['), int64(f.index), 10)
			out = append(out, ']')
		} else if f.key != "" {
			key := f.key
			if !utf8.ValidString(key) || len(key) > 64 {
				key = "?"
			}
			out = append(append(out, '.'), key...)
		}
	}
	return string(out)
}
