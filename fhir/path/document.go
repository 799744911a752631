package path

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// shape is the JSON shape of a node.
type shape uint8

const (
	isNull shape = iota + 1
	isFalse
	isTrue
	isNumber
	isString
	isArray
	isObject
)

// none is no node.
const none = int32(-1)

// node is one JSON value; the nodes of a document lie in the order of its bytes.
type node struct {
	key, keyEnd int32 // the member's name without quotes, in an object
	at, end     int32 // the value, a string with its quotes
	first, next int32 // the first child, the next sibling, or none
	shape       shape
}

// Document is a JSON document, read once and not decoded. It is used again by
// [Document.Read], which ends what was taken from it before. Not for concurrent
// use.
type Document struct {
	src   []byte
	nodes []node
}

const mostDepth = 200

var errDeep = errors.New("more than 200 levels")

// Read reads a JSON object and keeps src until the next Read. The error names the
// offset and nothing of the content.
func (d *Document) Read(src []byte) error {
	d.src, d.nodes = src, d.nodes[:0]
	r := reader{d: d}
	r.space()
	if r.at >= len(src) || src[r.at] != '{' {
		return fmt.Errorf("path: offset %d: not a JSON object", r.at)
	}
	err := r.value(0)
	if err == nil {
		r.space()
		if r.at < len(src) {
			err = errors.New("more follows after the object")
		}
	}
	if err != nil {
		d.nodes = d.nodes[:0]
		return fmt.Errorf("path: offset %d: %w", r.at, err)
	}
	return nil
}

// Root is the document's object.
func (d *Document) Root() Value { return d.value(0, none, "") }

// reader reads JSON into nodes.
type reader struct {
	d  *Document
	at int
}

func (r *reader) space() {
	for r.at < len(r.d.src) {
		switch r.d.src[r.at] {
		case ' ', '\n', '\r', '\t':
			r.at++
		default:
			return
		}
	}
}

var errSyntax = errors.New("not JSON")

// value appends the node of the value that begins here.
func (r *reader) value(depth int) error {
	if depth > mostDepth {
		return errDeep
	}
	if r.at >= len(r.d.src) {
		return errSyntax
	}
	i := len(r.d.nodes)
	n := node{at: int32(r.at), first: none, next: none}
	var err error
	switch c := r.d.src[r.at]; {
	case c == '"':
		n.shape = isString
		err = r.text()
	case c == '{', c == '[':
		return r.nested(depth, c)
	case c == 't':
		n.shape, err = isTrue, r.word("true")
	case c == 'f':
		n.shape, err = isFalse, r.word("false")
	case c == 'n':
		n.shape, err = isNull, r.word("null")
	default:
		n.shape, err = isNumber, r.number()
	}
	n.end = int32(r.at)
	r.d.nodes = append(r.d.nodes[:i], n)
	return err
}

// nested reads an array or an object.
func (r *reader) nested(depth int, open byte) error {
	i := len(r.d.nodes)
	closing, sh := byte(']'), isArray
	if open == '{' {
		closing, sh = '}', isObject
	}
	r.d.nodes = append(r.d.nodes, node{at: int32(r.at), first: none, next: none, shape: sh})
	r.at++
	last := none
	for {
		r.space()
		if r.at < len(r.d.src) && r.d.src[r.at] == closing && last == none {
			break
		}
		key, keyEnd := 0, 0
		if open == '{' {
			if r.at >= len(r.d.src) || r.d.src[r.at] != '"' {
				return errSyntax
			}
			key = r.at + 1
			if err := r.text(); err != nil {
				return err
			}
			keyEnd = r.at - 1
			r.space()
			if r.at >= len(r.d.src) || r.d.src[r.at] != ':' {
				return errSyntax
			}
			r.at++
			r.space()
		}
		child := int32(len(r.d.nodes))
		if err := r.value(depth + 1); err != nil {
			return err
		}
		n := &r.d.nodes[child]
		n.key, n.keyEnd = int32(key), int32(keyEnd)
		if last == none {
			r.d.nodes[i].first = child
		} else {
			r.d.nodes[last].next = child
		}
		last = child
		r.space()
		if r.at >= len(r.d.src) {
			return errSyntax
		}
		if r.d.src[r.at] == closing {
			break
		}
		if r.d.src[r.at] != ',' {
			return errSyntax
		}
		r.at++
	}
	r.at++
	r.d.nodes[i].end = int32(r.at)
	return nil
}

func (r *reader) word(w string) error {
	if !bytes.HasPrefix(r.d.src[r.at:], []byte(w)) {
		return errSyntax
	}
	r.at += len(w)
	return nil
}

// text skips a string.
func (r *reader) text() error {
	src := r.d.src
	for i := r.at + 1; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"':
			r.at = i + 1
			return nil
		case c == '\\':
			n := escaped(src[i+1:])
			if n == 0 {
				r.at = i
				return errSyntax
			}
			i += n
		case c < 0x20:
			r.at = i
			return errSyntax
		}
	}
	r.at = len(src)
	return errSyntax
}

// escaped is how many bytes behind a backslash belong to it, 0 for none that may.
func escaped(b []byte) int {
	switch {
	case len(b) == 0 || bytes.IndexByte([]byte(`"\\/bfnrtu`), b[0]) < 0:
		return 0
	case b[0] != 'u':
		return 1
	case len(b) < 5:
		return 0
	}
	if _, err := strconv.ParseUint(string(b[1:5]), 16, 16); err != nil {
		return 0
	}
	return 5
}

func (r *reader) number() error {
	src, at := r.d.src, r.at
	digits := func() bool {
		from := at
		for at < len(src) && src[at] >= '0' && src[at] <= '9' {
			at++
		}
		return at > from
	}
	if at < len(src) && src[at] == '-' {
		at++
	}
	zero := at < len(src) && src[at] == '0'
	from := at
	ok := digits() && (!zero || at == from+1)
	if ok && at < len(src) && src[at] == '.' {
		at++
		ok = digits()
	}
	if ok && at < len(src) && (src[at] == 'e' || src[at] == 'E') {
		at++
		if at < len(src) && (src[at] == '+' || src[at] == '-') {
			at++
		}
		ok = digits()
	}
	if !ok {
		return errSyntax
	}
	r.at = at
	return nil
}

// name is the name of a member as it is written.
func (d *Document) name(n *node) []byte { return d.src[n.key:n.keyEnd] }

// raw is the JSON of a node.
func (d *Document) raw(i int32) []byte { return d.src[d.nodes[i].at:d.nodes[i].end] }

// text is the decoded string of a node.
func (d *Document) text(i int32) string {
	raw := d.raw(i)
	raw = raw[1 : len(raw)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	return unescape(raw)
}

// unescape decodes what stands between the quotes of a JSON string.
func unescape(raw []byte) string {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 >= len(raw) {
			out = append(out, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r, n := surrogates(raw[i+1:])
			out, i = utf8.AppendRune(out, r), i+n
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// surrogates reads the digits behind \u, with a second half if one follows, and
// how many bytes they are.
func surrogates(raw []byte) (rune, int) {
	hex := func(b []byte) (rune, bool) {
		if len(b) < 4 {
			return 0, false
		}
		v, err := strconv.ParseUint(string(b[:4]), 16, 16)
		return rune(v), err == nil
	}
	r, ok := hex(raw)
	if !ok {
		return utf8.RuneError, 0
	}
	if r >= 0xd800 && r < 0xdc00 && len(raw) >= 10 && raw[4] == '\\' && raw[5] == 'u' {
		if low, ok := hex(raw[6:]); ok && low >= 0xdc00 && low < 0xe000 {
			return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, 10
		}
	}
	return r, 4
}

// member finds a member by name.
func (d *Document) member(object int32, name string) int32 {
	for i := d.nodes[object].first; i != none; i = d.nodes[i].next {
		n := &d.nodes[i]
		if int(n.keyEnd-n.key) == len(name) && string(d.src[n.key:n.keyEnd]) == name {
			return i
		}
	}
	return none
}

// At is the value whose JSON begins at an offset of what was read, as a FHIR type where
// that is known; false when none begins there.
func (d *Document) At(offset int, typ string) (Value, bool) {
	i, ok := slices.BinarySearchFunc(d.nodes, int32(offset), func(n node, at int32) int { return int(n.at - at) })
	if !ok {
		return Value{}, false
	}
	return d.value(int32(i), none, typ), true
}
