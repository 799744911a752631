package deid

import (
	"strings"
	"sync"
)

// kind is how an element is told.
type kind uint8

const (
	group kind = iota // by its own elements
	word
	flag
	number
	date
	instant
	birth
	reference
	coding
	quantity
	age
	address
)

// kinds are the rules that are not types of elements.
var kinds = map[string]kind{"word": word, "flag": flag, "number": number, "date": date, "instant": instant, "birth": birth,
	"ref": reference, "coding": coding, "quantity": quantity, "age": age, "address": address}

// node is an element that may be told.
type node struct {
	kind kind
	kids map[string]*node
}

// rules are the table, read.
type rules struct {
	types   map[string]*node
	words   map[string]bool
	systems map[string]bool // whole
	starts  []string        // beginnings, with a slash at their ends
	units   map[string]bool
}

// parsed reads the tables once.
var parsed = sync.OnceValue(func() *rules {
	r := &rules{types: map[string]*node{}, words: set(words), systems: map[string]bool{}, units: set(units)}
	var at *node
	for line := range strings.SplitSeq(strings.TrimSpace(ruleTable), "\n") {
		if !strings.HasPrefix(line, " ") {
			at = &node{kids: map[string]*node{}}
			r.types[line] = at
			continue
		}
		path, rule, _ := strings.Cut(line[1:], " ")
		r.add(at, path, rule)
	}
	for typ := range r.types {
		if typ[0] >= 'a' { // a type of elements is no resource
			delete(r.types, typ)
		}
	}
	for s := range strings.FieldsSeq(systems) {
		if strings.HasSuffix(s, "/") {
			r.starts = append(r.starts, s)
		} else {
			r.systems[s] = true
		}
	}
	return r
})

func set(list string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		out[w] = true
	}
	return out
}

// add puts a rule into the tree.
func (r *rules) add(at *node, path, rule string) {
	parts := strings.Split(path, ".")
	for _, name := range parts[:len(parts)-1] {
		next := at.kids[name]
		if next == nil {
			next = &node{kids: map[string]*node{}}
			at.kids[name] = next
		}
		at = next
	}
	last := parts[len(parts)-1]
	if k, ok := kinds[rule]; ok {
		at.kids[last] = &node{kind: k}
		return
	}
	at.kids[last] = r.types[rule]
}
