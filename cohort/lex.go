package cohort

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a word, a quoted string, or a sign of the text form. Words end at space,
// quotes, parentheses; the parser cuts them further.
type token struct {
	text   string // without quotes
	quoted bool
	glued  bool // nothing stands between it and the token before
	at     int
}

const maxText = 16 << 10

// lex cuts a text into tokens. Signs are ( ) : and the comparisons; a minus is one
// only where a criterion begins.
func lex(text string) ([]token, error) {
	at := func(i int) place { return place{offset: i} }
	switch {
	case len(text) > maxText:
		return nil, at(maxText).fail("shorten it, or save parts as cohorts", "the definition is longer than 16 KiB")
	case !utf8.ValidString(text):
		return nil, at(0).fail("send UTF-8", "the definition is no UTF-8")
	}
	var all []token
	glued := false
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if unicode.IsSpace(r) {
			i += size
			glued = false
			continue
		}
		t := token{at: i, glued: glued}
		switch {
		case r == '"' || r == '“' || r == '”':
			n, inner, ok := quotedLength(text[i+size:])
			if !ok {
				return nil, at(i).fail(`close it with "`, "the quotes are not closed")
			}
			t.text, t.quoted = inner, true
			i += size + n
		case strings.ContainsRune("():", r):
			t.text = string(r)
			i += size
		case strings.ContainsRune("<>=", r):
			n := 1
			if i+1 < len(text) && text[i+1] == '=' {
				n = 2
			}
			t.text = text[i : i+n]
			i += n
		case r == '≥' || r == '≤':
			t.text = map[rune]string{'≥': ">=", '≤': "<="}[r]
			i += size
		case r == '-' && (!glued || opens(all[len(all)-1])):
			t.text = "-"
			i += size
		default:
			n := strings.IndexFunc(text[i:], func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"“”():<>=≥≤", r) })
			if n < 0 {
				n = len(text) - i
			}
			t.text = text[i : i+n]
			i += n
		}
		all = append(all, t)
		glued = true
	}
	return all, nil
}

// opens reports whether a criterion may begin right behind a token.
func opens(t token) bool { return !t.quoted && (t.text == "-" || t.text == "(") }

// quotedLength reads up to the closing quote; a quote in it is written twice.
func quotedLength(s string) (n int, inner string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		if r != '"' && r != '”' && r != '“' {
			b.WriteString(s[i-size : i])
			continue
		}
		if r == '"' && i < len(s) && s[i] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		return i, b.String(), true
	}
	return 0, "", false
}
