package fhir

import (
	"strconv"
	"strings"
)

// cursor walks through JSON text and takes what is wanted, without building
// anything. It never fails on a wrong type: the value is skipped, counted as
// unexpected, and reading goes on. On text that is no JSON it stops and broken
// is set; it never reads outside b.
type cursor struct {
	b      []byte
	i      int
	broken bool
	// wrong is called for a value of an unexpected type; may be nil.
	wrong func(offset int)
}

// open enters the object at the cursor and returns its first key, nil when it
// is empty, no object, or broken. The value follows.
func (c *cursor) open() []byte {
	if !c.enter('{') {
		return nil
	}
	if c.i < len(c.b) && c.b[c.i] == '}' {
		c.i++
		return nil
	}
	return c.key()
}

// next is the key after a value, nil at the end of the object.
func (c *cursor) next() []byte {
	c.i = skipSpace(c.b, c.i)
	if c.broken || c.i >= len(c.b) {
		c.broken = true
		return nil
	}
	switch c.b[c.i] {
	case ',':
		c.i = skipSpace(c.b, c.i+1)
		return c.key()
	case '}':
		c.i++
		return nil
	}
	c.broken = true
	return nil
}

func (c *cursor) key() []byte {
	if c.i >= len(c.b) || c.b[c.i] != '"' {
		c.broken = true
		return nil
	}
	start := c.i + 1
	end := skipString(c.b, c.i)
	if end < 0 {
		c.broken = true
		return nil
	}
	c.i = skipSpace(c.b, end)
	if c.i >= len(c.b) || c.b[c.i] != ':' {
		c.broken = true
		return nil
	}
	c.i = skipSpace(c.b, c.i+1)
	return clean(c.b[start : end-1])
}

// enter goes into the object or array at the cursor, or skips what is there.
func (c *cursor) enter(bracket byte) bool {
	if c.broken {
		return false
	}
	c.i = skipSpace(c.b, c.i)
	if c.i >= len(c.b) {
		c.broken = true
		return false
	}
	if c.b[c.i] != bracket {
		c.unexpected()
		return false
	}
	c.i = skipSpace(c.b, c.i+1)
	return true
}

// first enters the array at the cursor and reports whether there is an element.
func (c *cursor) first() bool {
	if c.broken {
		return false
	}
	c.i = skipSpace(c.b, c.i)
	if c.i >= len(c.b) {
		c.broken = true
		return false
	}
	if c.b[c.i] != '[' {
		c.unexpected()
		return false
	}
	c.i = skipSpace(c.b, c.i+1)
	if c.i < len(c.b) && c.b[c.i] == ']' {
		c.i++
		return false
	}
	return c.i < len(c.b)
}

// more reports whether another element follows, and goes to it.
func (c *cursor) more() bool {
	c.i = skipSpace(c.b, c.i)
	if c.broken || c.i >= len(c.b) {
		c.broken = true
		return false
	}
	switch c.b[c.i] {
	case ',':
		c.i = skipSpace(c.b, c.i+1)
		return true
	case ']':
		c.i++
		return false
	}
	c.broken = true
	return false
}

// skip goes over the value at the cursor.
func (c *cursor) skip() {
	if c.broken {
		return
	}
	if end := skipValue(c.b, c.i); end >= 0 {
		c.i = end
		return
	}
	c.broken = true
}

// raw is the text of the value at the cursor.
func (c *cursor) raw() []byte {
	start := skipSpace(c.b, c.i)
	if c.skip(); c.broken {
		return nil
	}
	return c.b[start:c.i]
}

// unexpected skips a value of another type than wanted; null is no surprise.
func (c *cursor) unexpected() {
	if c.wrong != nil && c.b[c.i] != 'n' {
		c.wrong(c.i)
	}
	c.skip()
}

// bytes is the string at the cursor, nil when it is none. It is a part of b
// where nothing had to be unescaped.
func (c *cursor) bytes() []byte {
	if c.broken {
		return nil
	}
	c.i = skipSpace(c.b, c.i)
	if c.i >= len(c.b) {
		c.broken = true
		return nil
	}
	if c.b[c.i] != '"' {
		c.unexpected()
		return nil
	}
	end := skipString(c.b, c.i)
	if end < 0 {
		c.broken = true
		return nil
	}
	s := c.b[c.i+1 : end-1]
	c.i = end
	return clean(s)
}

// clean is a JSON string's inside without escapes, and valid UTF-8.
func clean(s []byte) []byte {
	for i := range s {
		if s[i] == '\\' {
			s = unescape(make([]byte, 0, len(s)), s)
			break
		}
	}
	if s == nil {
		return []byte{}
	}
	return s
}

// text is the string at the cursor as a string, "" when it is none.
func (c *cursor) text() string {
	return strings.ToValidUTF8(string(c.bytes()), "\uFFFD")
}

// number is the number at the cursor; ok is false when it is none.
func (c *cursor) number() (v float64, ok bool) {
	c.i = skipSpace(c.b, c.i)
	if c.broken || c.i >= len(c.b) {
		c.broken = true
		return 0, false
	}
	if first := c.b[c.i]; first != '-' && (first < '0' || first > '9') {
		c.unexpected()
		return 0, false
	}
	at := c.i
	v, err := strconv.ParseFloat(string(c.raw()), 64)
	if err != nil && c.wrong != nil {
		c.wrong(at)
	}
	return v, err == nil
}

// truth is the boolean at the cursor; ok is false when it is none.
func (c *cursor) truth() (v, ok bool) {
	c.i = skipSpace(c.b, c.i)
	if c.broken || c.i >= len(c.b) {
		c.broken = true
		return false, false
	}
	if c.b[c.i] != 't' && c.b[c.i] != 'f' {
		c.unexpected()
		return false, false
	}
	switch string(c.raw()) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}
