package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strconv"
)

// tree is a JSON value that keeps the order of members and the digits of numbers.
type tree struct {
	kind  byte // '{', '[' or 0 for what is no container
	names []string
	parts []*tree
	leaf  any // string, json.Number, bool or nil
}

// mostDepth bounds how deep containers lie in each other.
const mostDepth = 200

func readValue(d *json.Decoder, depth int, most *int) (*tree, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	if *most--; *most < 0 {
		return nil, errMuch
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return &tree{leaf: token}, nil
	}
	if depth > mostDepth {
		return nil, errors.New("too deep")
	}
	t := &tree{kind: byte(delim)}
	for d.More() {
		if t.kind == '{' {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			text, _ := name.(string)
			t.names = append(t.names, text)
		}
		part, err := readValue(d, depth+1, most)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, part)
	}
	_, err = d.Token()
	return t, err
}

// append writes it as JSON.
func (t *tree) append(b []byte) []byte {
	switch t.kind {
	case '{':
		b = append(b, '{')
		for i, part := range t.parts {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, t.names[i]), ':')
			b = part.append(b)
		}
		return append(b, '}')
	case '[':
		b = append(b, '[')
		for i, part := range t.parts {
			if i > 0 {
				b = append(b, ',')
			}
			b = part.append(b)
		}
		return append(b, ']')
	}
	switch v := t.leaf.(type) {
	case string:
		return appendText(b, v)
	case json.Number:
		return append(b, v...)
	case bool:
		return strconv.AppendBool(b, v)
	}
	return append(b, "null"...)
}

func appendText(b []byte, text string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return append(b, `""`...) // a string can always be written
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

var errNothing = errors.New("path: nothing is there")

// index is the place that a step leads to; end lets it stand behind the last.
func (t *tree) index(step string, end bool) (int, error) {
	switch t.kind {
	case '{':
		if i := slices.Index(t.names, step); i >= 0 {
			return i, nil
		}
	case '[':
		if end && step == "-" {
			return len(t.parts), nil
		}
		i, err := strconv.Atoi(step)
		if err == nil && i >= 0 && step == strconv.Itoa(i) && (i < len(t.parts) || end && i == len(t.parts)) {
			return i, nil
		}
	}
	return 0, errNothing
}

// at is the value that a path leads to.
func (t *tree) at(path []string) (*tree, error) {
	for _, step := range path {
		i, err := t.index(step, false)
		if err != nil {
			return nil, err
		}
		t = t.parts[i]
	}
	return t, nil
}

// holder is the container of what a path leads to.
func (t *tree) holder(path []string) (in *tree, last string, err error) {
	in, err = t.at(path[:len(path)-1])
	if err == nil && in.kind == 0 {
		err = errNothing
	}
	return in, path[len(path)-1], err
}

func (t *tree) add(path []string, v *tree) (*tree, error) {
	if len(path) == 0 {
		return v, nil
	}
	in, last, err := t.holder(path)
	if err != nil {
		return nil, err
	}
	i, err := in.index(last, true)
	switch {
	case in.kind == '[' && err == nil:
		in.parts = slices.Insert(in.parts, i, v)
	case in.kind == '[':
		return nil, err
	case err == nil:
		in.parts[i] = v
	default:
		in.names, in.parts = append(in.names, last), append(in.parts, v)
	}
	return t, nil
}

func (t *tree) replace(path []string, v *tree) (*tree, error) {
	if len(path) == 0 {
		return v, nil
	}
	in, last, err := t.holder(path)
	if err != nil {
		return nil, err
	}
	i, err := in.index(last, false)
	if err != nil {
		return nil, err
	}
	in.parts[i] = v
	return t, nil
}

func (t *tree) remove(path []string) (rest, removed *tree, err error) {
	if len(path) == 0 {
		return nil, t, nil
	}
	in, last, err := t.holder(path)
	if err != nil {
		return nil, nil, err
	}
	i, err := in.index(last, false)
	if err != nil {
		return nil, nil, err
	}
	removed = in.parts[i]
	in.parts = slices.Delete(in.parts, i, i+1)
	if in.kind == '{' {
		in.names = slices.Delete(in.names, i, i+1)
	}
	return t, removed, nil
}

// treeBytes is about what a value takes, besides its text.
const treeBytes = 128

// size is about how many bytes it takes, in memory or as JSON.
func (t *tree) size() int {
	n := treeBytes
	for _, name := range t.names {
		n += len(name)
	}
	switch v := t.leaf.(type) {
	case string:
		n += len(v)
	case json.Number:
		n += len(v)
	}
	for _, part := range t.parts {
		n += part.size()
	}
	return n
}

func (t *tree) clone() *tree {
	c := &tree{kind: t.kind, names: slices.Clone(t.names), leaf: t.leaf}
	for _, part := range t.parts {
		c.parts = append(c.parts, part.clone())
	}
	return c
}

// equal compares as RFC 6902 has it: numbers by value, members in any order.
func (t *tree) equal(o *tree) bool {
	if t.kind != o.kind || len(t.parts) != len(o.parts) {
		return false
	}
	places := make(map[string]int, len(o.names))
	for i, name := range slices.Backward(o.names) { // of two of one name the first
		places[name] = i
	}
	for i, part := range t.parts {
		j := i
		if t.kind == '{' {
			var ok bool
			if j, ok = places[t.names[i]]; !ok {
				return false
			}
		}
		if !part.equal(o.parts[j]) {
			return false
		}
	}
	if a, ok := t.leaf.(json.Number); ok {
		b, ok := o.leaf.(json.Number)
		return ok && sameNumber(string(a), string(b))
	}
	return t.leaf == o.leaf
}

func sameNumber(a, b string) bool {
	if a == b || len(a) > 64 || len(b) > 64 {
		return a == b
	}
	x, _, err1 := big.ParseFloat(a, 10, 256, big.ToNearestEven)
	y, _, err2 := big.ParseFloat(b, 10, 256, big.ToNearestEven)
	return err1 == nil && err2 == nil && x.Cmp(y) == 0
}
