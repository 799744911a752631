package cds

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// The functions here take valid JSON apart without decoding it: a prefetch is large, and
// each of its resources is read once, by fhir.

// space skips white space from i.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// quoted is the end of the string that begins at i.
func quoted(b []byte, i int) int {
	for i++; i < len(b); {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		escapes := 0
		for k := i + n - 1; k >= i && b[k] == '\\'; k-- {
			escapes++
		}
		if i += n + 1; escapes%2 == 0 {
			return i
		}
	}
	return len(b)
}

// value is the end of the value that begins at i.
func value(b []byte, i int) int {
	if i >= len(b) {
		return i
	}
	switch b[i] {
	case '"':
		return quoted(b, i)
	case '{', '[':
		for depth := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				i = quoted(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return i
	}
	for i < len(b) && !bytes.ContainsRune([]byte(" \n\r\t,]}"), rune(b[i])) {
		i++
	}
	return i
}

// members calls each with the members of an object in their order, until it says false.
// It reports whether raw is an object.
func members(raw []byte, each func(key string, value json.RawMessage) bool) bool {
	i := space(raw, 0)
	if i >= len(raw) || raw[i] != '{' {
		return false
	}
	for i = space(raw, i+1); i < len(raw) && raw[i] == '"'; {
		end := quoted(raw, i)
		key, ok := text(raw[i:end])
		from := space(raw, space(raw, end)+1) // behind the colon
		to := value(raw, from)
		if to > len(raw) || from > to || ok && !each(key, raw[from:to:to]) {
			return true
		}
		if i = space(raw, to); i < len(raw) && raw[i] == ',' {
			i = space(raw, i+1)
		}
	}
	return true
}

// elements calls each with the elements of an array. It reports whether raw is one.
func elements(raw []byte, each func(i int, value json.RawMessage)) bool {
	i := space(raw, 0)
	if i >= len(raw) || raw[i] != '[' {
		return false
	}
	i = space(raw, i+1)
	for n := 0; i < len(raw) && raw[i] != ']'; n++ {
		to := value(raw, i)
		if to == i {
			return true
		}
		each(n, raw[i:to:to])
		if i = space(raw, to); i < len(raw) && raw[i] == ',' {
			i = space(raw, i+1)
		}
	}
	return true
}

// member is the first member of an object with a name, nil when there is none.
func member(raw []byte, name string) (found json.RawMessage) {
	members(raw, func(key string, value json.RawMessage) bool {
		if key == name {
			found = value
		}
		return found == nil
	})
	return found
}

// text is a JSON string; false for anything else.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}
