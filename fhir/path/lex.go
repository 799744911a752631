package path

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a fault of an expression, with the place where it is.
type Error struct {
	At   int // offset in bytes, from 0
	Text string
}

// Error names the place, counted from 1.
func (e *Error) Error() string { return fmt.Sprintf("path: position %d: %s", e.At+1, e.Text) }

func errorAt(at int, format string, args ...any) error {
	return &Error{at, fmt.Sprintf(format, args...)}
}

type tokenKind uint8

const (
	tokenEnd tokenKind = iota + 1
	tokenName
	tokenText
	tokenNumber
	tokenDate // @…
	tokenSymbol
	tokenConstant // %…
	tokenSpecial  // $this …
)

type token struct {
	kind   tokenKind
	at     int
	text   string
	quoted bool // a name in backticks, which is never a word of the language
}

// lexer cuts an expression into tokens.
type lexer struct {
	src string
	at  int
}

func (l *lexer) skip() error {
	for l.at < len(l.src) {
		switch rest := l.src[l.at:]; {
		case strings.ContainsRune(" \t\r\n", rune(rest[0])):
			l.at++
		case strings.HasPrefix(rest, "//"):
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				l.at += i
			} else {
				l.at = len(l.src)
			}
		case strings.HasPrefix(rest, "/*"):
			i := strings.Index(rest[2:], "*/")
			if i < 0 {
				return errorAt(l.at, "the comment has no end")
			}
			l.at += i + 4
		default:
			return nil
		}
	}
	return nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func (l *lexer) word() string {
	from := l.at
	for l.at < len(l.src) && (isLetter(l.src[l.at]) || isDigit(l.src[l.at])) {
		l.at++
	}
	return l.src[from:l.at]
}

// next is the next token.
func (l *lexer) next() (token, error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	t := token{at: l.at}
	if l.at >= len(l.src) {
		t.kind = tokenEnd
		return t, nil
	}
	var err error
	switch c := l.src[l.at]; {
	case isLetter(c):
		t.kind, t.text = tokenName, l.word()
	case c == '`':
		t.kind, t.quoted = tokenName, true
		t.text, err = l.quoted('`')
	case c == '\'':
		t.kind = tokenText
		t.text, err = l.quoted('\'')
	case isDigit(c):
		t.kind, t.text = tokenNumber, l.number()
	case c == '@':
		t.kind, t.text = tokenDate, l.date()
	case c == '$':
		l.at++
		t.kind, t.text = tokenSpecial, l.word()
	case c == '%':
		t.kind = tokenConstant
		t.text, err = l.constant()
	default:
		t.kind = tokenSymbol
		t.text, err = l.symbol()
	}
	return t, err
}

func (l *lexer) constant() (string, error) {
	l.at++
	if l.at < len(l.src) && (l.src[l.at] == '`' || l.src[l.at] == '\'') {
		return l.quoted(l.src[l.at])
	}
	from := l.at
	for l.at < len(l.src) && (isLetter(l.src[l.at]) || isDigit(l.src[l.at]) || l.src[l.at] == '-' && l.at > from && l.at+1 < len(l.src) && isLetter(l.src[l.at+1])) {
		l.at++
	}
	if l.at == from {
		return "", errorAt(from-1, "%% needs a name")
	}
	return l.src[from:l.at], nil
}

func (l *lexer) number() string {
	from := l.at
	for l.at < len(l.src) && isDigit(l.src[l.at]) {
		l.at++
	}
	if l.at+1 < len(l.src) && l.src[l.at] == '.' && isDigit(l.src[l.at+1]) {
		l.at++
		for l.at < len(l.src) && isDigit(l.src[l.at]) {
			l.at++
		}
	}
	return l.src[from:l.at]
}

// date takes what can be part of a date or time; the parser reads it.
func (l *lexer) date() string {
	from := l.at + 1
	l.at++
	clock := false
	for l.at < len(l.src) {
		c := l.src[l.at]
		switch {
		case c == 'T':
			clock = true
		case isDigit(c), c == '-', c == ':' && clock, c == 'Z' && clock, c == '+' && clock:
		case c == '.' && clock && l.at+1 < len(l.src) && isDigit(l.src[l.at+1]):
		default:
			return l.src[from:l.at]
		}
		l.at++
	}
	return l.src[from:l.at]
}

// symbols, longest first.
var symbols = [...]string{"!=", "!~", "<=", ">=", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "&", "|", "<", ">", "=", "~"}

func (l *lexer) symbol() (string, error) {
	for _, s := range symbols {
		if strings.HasPrefix(l.src[l.at:], s) {
			l.at += len(s)
			return s, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(l.src[l.at:])
	return "", errorAt(l.at, "%q is not part of FHIRPath", r)
}

// quoted reads what stands between two quotes.
func (l *lexer) quoted(quote byte) (string, error) {
	from := l.at
	l.at++
	var b strings.Builder
	for l.at < len(l.src) {
		c := l.src[l.at]
		switch {
		case c == quote:
			l.at++
			return b.String(), nil
		case c == '\\':
			if err := l.escape(&b); err != nil {
				return "", err
			}
			continue
		}
		b.WriteByte(c)
		l.at++
	}
	return "", errorAt(from, "the closing %c is missing", quote)
}

var escapes = map[byte]byte{'\'': '\'', '"': '"', '`': '`', '\\': '\\', '/': '/', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (l *lexer) escape(b *strings.Builder) error {
	at := l.at
	if at+1 >= len(l.src) {
		return errorAt(at, "a character is missing behind \\")
	}
	c := l.src[at+1]
	if e, ok := escapes[c]; ok {
		b.WriteByte(e)
		l.at += 2
		return nil
	}
	if c != 'u' || at+6 > len(l.src) {
		return errorAt(at, "no such escape sequence")
	}
	r, n := surrogates([]byte(l.src[at+2:]))
	if n == 0 {
		return errorAt(at, "\\u needs four hexadecimal digits")
	}
	b.WriteRune(r)
	l.at += 2 + n
	return nil
}
