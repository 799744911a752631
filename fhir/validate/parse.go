package validate

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf8"
)

// node is one JSON value with its place.
type node struct {
	kind    byte // '{' '[' '"' '0' 't' 'f' 'n'
	at, end int
	members []member // of an object
	items   []*node  // of an array
}

type member struct {
	name string
	at   int // of the name
	*node
}

func (n *node) member(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return n.members[i].node
		}
	}
	return nil
}

const deepest = 200

var (
	errJSON  = errors.New("this is no JSON")
	errUTF8  = errors.New("the text is not UTF-8")
	errDeep  = errors.New("nested deeper than 200 levels")
	errMore  = errors.New("more follows behind the resource")
	errPlain = errors.New("a resource is a JSON object")
)

// parse reads one JSON document; the offset tells where an error is.
func parse(src []byte) (*node, int, error) {
	if !utf8.Valid(src) {
		return nil, 0, errUTF8
	}
	p := parser{src: src}
	if bytes.HasPrefix(src, []byte("\ufeff")) {
		p.at = len("\ufeff")
	}
	n, err := p.value(0)
	if err != nil {
		return nil, min(p.at, len(src)), err
	}
	p.space()
	switch {
	case p.at < len(src):
		return nil, p.at, errMore
	case n.kind != '{':
		return nil, n.at, errPlain
	}
	return n, 0, nil
}

type parser struct {
	src []byte
	at  int
}

func (p *parser) space() {
	for p.at < len(p.src) && (p.src[p.at] == ' ' || p.src[p.at] == '\n' || p.src[p.at] == '\r' || p.src[p.at] == '\t') {
		p.at++
	}
}

// next is the byte that comes, 0 at the end.
func (p *parser) next() byte {
	p.space()
	if p.at == len(p.src) {
		return 0
	}
	return p.src[p.at]
}

func (p *parser) value(depth int) (*node, error) {
	if depth > deepest {
		return nil, errDeep
	}
	c := p.next()
	n := &node{kind: c, at: p.at}
	var err error
	switch c {
	case '{':
		err = p.object(n, depth)
	case '[':
		err = p.array(n, depth)
	case '"':
		_, err = p.text()
	case 't':
		err = p.word("true")
	case 'f':
		err = p.word("false")
	case 'n':
		err = p.word("null")
	default:
		n.kind = '0'
		err = p.number()
	}
	n.end = p.at
	return n, err
}

func (p *parser) object(n *node, depth int) error {
	p.at++
	if p.next() == '}' {
		p.at++
		return nil
	}
	for {
		if p.next() != '"' {
			return errJSON
		}
		m := member{at: p.at}
		raw, err := p.text()
		if err != nil {
			return err
		}
		m.name = unquote(raw)
		if p.next() != ':' {
			return errJSON
		}
		p.at++
		if m.node, err = p.value(depth + 1); err != nil {
			return err
		}
		n.members = append(n.members, m)
		if done, err := p.comma('}'); done || err != nil {
			return err
		}
	}
}

func (p *parser) array(n *node, depth int) error {
	p.at++
	if p.next() == ']' {
		p.at++
		return nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
		if done, err := p.comma(']'); done || err != nil {
			return err
		}
	}
}

// comma passes what stands behind an element: done when it is the end.
func (p *parser) comma(end byte) (done bool, err error) {
	switch p.next() {
	case end:
		p.at++
		return true, nil
	case ',':
		p.at++
		return false, nil
	}
	return false, errJSON
}

func (p *parser) word(w string) error {
	if !bytes.HasPrefix(p.src[p.at:], []byte(w)) {
		return errJSON
	}
	p.at += len(w)
	return nil
}

// text passes a string and gives it with its quotes.
func (p *parser) text() ([]byte, error) {
	from := p.at
	for p.at++; p.at < len(p.src); p.at++ {
		switch c := p.src[p.at]; {
		case c == '"':
			p.at++
			return p.src[from:p.at], nil
		case c < ' ':
			return nil, errJSON
		case c == '\\':
			if p.at++; p.at == len(p.src) || bytes.IndexByte([]byte(`"\/bfnrtu`), p.src[p.at]) < 0 {
				return nil, errJSON
			}
			if p.src[p.at] == 'u' {
				if p.at+4 >= len(p.src) {
					return nil, errJSON
				}
				if _, err := strconv.ParseUint(string(p.src[p.at+1:p.at+5]), 16, 16); err != nil {
					return nil, errJSON
				}
				p.at += 4
			}
		}
	}
	return nil, errJSON
}

func (p *parser) number() error {
	from := p.at
	digits := func() bool {
		begin := p.at
		for p.at < len(p.src) && p.src[p.at] >= '0' && p.src[p.at] <= '9' {
			p.at++
		}
		return p.at > begin
	}
	is := func(c byte) bool {
		if p.at < len(p.src) && p.src[p.at] == c {
			p.at++
			return true
		}
		return false
	}
	is('-')
	first := p.at
	ok := digits() && (p.src[first] != '0' || p.at == first+1)
	if ok && is('.') {
		ok = digits()
	}
	if ok && (is('e') || is('E')) {
		if !is('+') {
			is('-')
		}
		ok = digits()
	}
	if !ok {
		p.at = from
		return errJSON
	}
	return nil
}
