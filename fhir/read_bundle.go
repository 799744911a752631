package fhir

import (
	"fmt"
	"strconv"
)

// Properties of a Bundle that may occur once only.
const (
	seenResourceType = 1 << iota
	seenType
	seenEntry
)

// object reads a document that is an object: a Bundle, streamed, or one
// resource. Until its type is known everything is kept in memory.
func (d *document) object() error {
	w := d.w
	w.release()
	w.at++
	if c, ok := w.peek(); ok && c == '}' {
		return d.whole()
	}
	for {
		key, err := d.key()
		if err != nil {
			return d.whole()
		}
		if key == "entry" {
			return d.whole()
		}
		v, err := w.value()
		if err != nil {
			return d.whole()
		}
		switch key {
		case "type":
			d.bundleType(v)
		case "resourceType":
			if string(v) != `"Bundle"` {
				d.sum.Type = ""
				return d.whole()
			}
			d.sum.Bundle = true
			d.seen |= seenResourceType
			return d.members()
		}
		if c, ok := w.peek(); !ok || c != ',' {
			return d.whole()
		}
		w.at++
	}
}

// key reads a property name and its colon.
func (d *document) key() (string, error) {
	c, ok := d.w.peek()
	if !ok {
		return "", d.w.cause()
	}
	if c != '"' {
		return "", errSyntax
	}
	v, err := d.w.value()
	if err != nil {
		return "", err
	}
	key := string(unescape(nil, v[1:len(v)-1]))
	if c, ok = d.w.peek(); !ok {
		return "", d.w.cause()
	}
	if c != ':' {
		return "", errSyntax
	}
	d.w.at++
	return key, nil
}

// whole goes back to the beginning of the document, takes all of it, and treats
// it as one resource, or as a Bundle whose type was not seen in time.
func (d *document) whole() error {
	d.w.at = d.w.keep
	d.seen = 0
	raw, err := d.w.value()
	if err != nil {
		return d.stop("", err)
	}
	if isBundle(raw) {
		d.handed = true
		return d.rd.inner(raw, d.sum.Document, d.prefix)
	}
	return d.resource(Entry{Raw: raw}, "")
}

// isBundle reports whether a whole document says that it is a Bundle.
func isBundle(raw []byte) bool {
	c := cursor{b: raw}
	for k := c.open(); k != nil; k = c.next() {
		if string(k) == "resourceType" {
			return string(c.bytes()) == "Bundle"
		}
		c.skip()
	}
	return false
}

// isContainer reports whether a line is a Bundle that only carries resources.
func isContainer(raw []byte) bool {
	if !isBundle(raw) {
		return false
	}
	c := cursor{b: raw}
	for k := c.open(); k != nil; k = c.next() {
		if string(k) != "type" {
			c.skip()
			continue
		}
		switch string(c.bytes()) {
		case "transaction", "batch", "collection", "searchset", "history":
			return true
		}
		return false
	}
	return false
}

func (d *document) bundleType(v []byte) {
	if len(v) > 2 && len(v) <= 64 && v[0] == '"' {
		d.sum.Type = string(unescape(nil, v[1:len(v)-1]))
	}
}

// members reads the properties of a Bundle; the position is before a property
// name, or before the comma or brace after one.
func (d *document) members() error {
	for {
		d.w.release()
		c, ok := d.w.peek()
		if !ok {
			return d.stop("Bundle", d.w.cause())
		}
		switch c {
		case ',':
			d.w.at++
			continue
		case '}':
			d.w.at++
			return nil
		}
		key, err := d.key()
		if err != nil {
			return d.stop("Bundle", err)
		}
		if err := d.member(key); err != nil || d.sum.Broken {
			return err
		}
	}
}

func (d *document) member(key string) error {
	var bit uint8
	switch key {
	case "resourceType":
		bit = seenResourceType
	case "type":
		bit = seenType
	case "entry":
		bit = seenEntry
	}
	if bit&d.seen != 0 {
		if err := d.report("Bundle."+key, Issue{Error, "structure", "Bundle." + key, "duplicate property"}); err != nil {
			return err
		}
		d.sum.Broken = true
	}
	d.seen |= bit
	if c, ok := d.w.peek(); key == "entry" && ok && c == '[' {
		return d.array("Bundle.entry", ".resource")
	}
	v, err := d.w.value()
	if err != nil {
		return d.stop("Bundle."+key, err)
	}
	if key == "type" {
		d.bundleType(v)
	}
	return nil
}

// array reads the elements of a Bundle's entries, or of a document that is an
// array of resources.
func (d *document) array(name, inner string) error {
	d.w.at++
	for i := 0; ; i++ {
		d.w.release()
		if d.w.offset()-d.start > d.rd.lim.MaxBytes {
			return fmt.Errorf("fhir: reading %s: %w", d.sum.Document, ErrTooLarge)
		}
		path := name + "[" + strconv.Itoa(i) + "]"
		c, ok := d.w.peek()
		if !ok {
			return d.stop(path, d.w.cause())
		}
		if c == ']' && i == 0 {
			d.w.at++
			return nil
		}
		element, err := d.w.value()
		if err != nil {
			return d.stop(path, err)
		}
		if inner != "" {
			err = d.entry(element, path)
		} else {
			err = d.resource(Entry{Path: path, Raw: element}, ".")
		}
		if err != nil {
			return err
		}
		d.w.release()
		if c, ok = d.w.peek(); !ok {
			return d.stop(path, d.w.cause())
		}
		d.w.at++
		switch c {
		case ',':
		case ']':
			return nil
		default:
			return d.stop(path, errSyntax)
		}
	}
}

// entry takes one Bundle.entry apart.
func (d *document) entry(element []byte, path string) error {
	e := Entry{Path: path}
	var wrong []string
	seen := false
	c := cursor{b: element, wrong: func(offset int) { wrong = append(wrong, pathAt(element, offset, path)) }}
	for k := c.open(); k != nil; k = c.next() {
		switch string(k) {
		case "fullUrl":
			e.FullURL = c.text()
		case "resource":
			if seen {
				wrong = append(wrong, path+".resource")
			}
			seen = true
			e.Raw = c.raw()
		case "request":
			request(&c, &e)
		default:
			c.skip()
		}
	}
	if c.i = skipSpace(element, c.i); c.broken || c.i < len(element) {
		// The text of the entry is no JSON. What its resource is, if it has one,
		// cannot be trusted; the scan says where it breaks.
		issue := Issue{Error, "structure", path, "malformed JSON"}
		if found := scan(element, &d.rd.header, d.rd.lim.MaxDepth); Refused(found) {
			issue.Path, issue.Detail = prefixed(path+".", found[0].Path), found[0].Detail
		}
		d.sum.Entries++
		return d.report(path, issue)
	}
	if len(wrong) > 0 {
		d.sum.Entries++
		return d.report(path, Issue{Error, "structure", wrong[0], "unexpected type or duplicate property"})
	}
	return d.resource(e, ".resource.")
}

func request(c *cursor, e *Entry) {
	for k := c.open(); k != nil; k = c.next() {
		switch string(k) {
		case "method":
			e.Method = c.text()
		case "url":
			e.URL = c.text()
		case "ifNoneExist":
			e.IfNoneExist = c.text()
		case "ifMatch":
			e.IfMatch = c.text()
		default:
			c.skip()
		}
	}
}
