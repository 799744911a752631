package validate

import (
	"fmt"
	"strconv"
	"strings"
)

// resource checks one resource: that of the document, a contained one, or one of a
// Bundle's or Parameters'. where is its place, "" for the document.
func (c *check) resource(n *node, where string, from []*element) {
	if n.kind != '{' {
		c.fail(n, "structure", where, "a resource is a JSON object")
		return
	}
	name, ok := c.typeOf(n, where)
	if !ok {
		return
	}
	if where == "" {
		where = name
	}
	contained := len(from) > 0 && from[0].name == "contained"
	if !contained {
		c.local = append(c.local, containedIDs(n, c.src))
		defer func() { c.local = c.local[:len(c.local)-1] }()
	}
	c.within = append(c.within, n)
	defer func() { c.within = c.within[:len(c.within)-1] }()
	t := c.v.table.types[name]
	c.object(n, t, where, true)
	c.holds(n, t.invariants, where)
	if contained && n.member("contained") != nil {
		c.fail(n.member("contained"), "structure", where+".contained", "a contained resource cannot contain others")
	}
}

// typeOf is the name of a known type of resources.
func (c *check) typeOf(n *node, where string) (string, bool) {
	t := n.member("resourceType")
	switch {
	case t == nil:
		c.fail(n, "structure", where, "resourceType is missing")
		return "", false
	case t.kind != '"':
		c.fail(t, "structure", where+".resourceType", "resourceType is a string")
		return "", false
	}
	name := unquote(c.src[t.at:t.end])
	if !c.v.Known(name) {
		c.fail(t, "structure", where, "no type of resource of FHIR R4 has this name")
		return "", false
	}
	return name, true
}

func containedIDs(n *node, src []byte) map[string]bool {
	ids := map[string]bool{}
	if list := n.member("contained"); list != nil {
		for _, r := range list.items {
			if id := r.member("id"); id != nil && id.kind == '"' {
				ids[unquote(src[id.at:id.end])] = true
			}
		}
	}
	return ids
}

// object checks the members of a complex value against its type.
func (c *check) object(n *node, t *typ, where string, resource bool) {
	if len(n.members) == 0 {
		c.fail(n, "structure", where, "an object has at least one element")
		return
	}
	seen := map[string]bool{}
	found := map[*element]*foundAs{}
	for i := range n.members {
		m := &n.members[i]
		if seen[m.name] {
			c.add(m.at, Issue{Severity: "error", Code: "structure", Expression: where, Text: "an element stands twice here"})
			continue
		}
		seen[m.name] = true
		if m.name == "resourceType" && resource {
			continue
		}
		name, beside := strings.CutPrefix(m.name, "_")
		v := t.names[name]
		if v == nil || beside && !primitive(v.kind.name) {
			c.add(m.at, Issue{Severity: "error", Code: "structure", Expression: where, Text: fmt.Sprintf("%s has no such element: %s", t.name, printable(m.name))})
			continue
		}
		f := found[v.element]
		if f == nil {
			f = &foundAs{name: name, variant: v}
			found[v.element] = f
		}
		if f.name != name {
			c.add(m.at, Issue{Severity: "error", Code: "structure", Expression: where, Text: "only one of the types of " + v.name + " may be there"})
			continue
		}
		if beside {
			f.beside = m.node
		} else {
			f.value = m.node
		}
	}
	for _, e := range t.elements {
		f := found[e]
		if f == nil {
			if e.least > 0 {
				c.fail(n, "required", where, t.name+"."+e.name+" is required")
			}
			continue
		}
		c.element(n, f, elementPath(where, f))
	}
}

// foundAs is an element as it stands in the JSON: its value, and what stands beside a
// primitive's under the name with _.
type foundAs struct {
	name          string
	variant       *variant
	value, beside *node
}

// elementPath is the place of an element; a choice is told by its type.
func elementPath(where string, f *foundAs) string {
	if base, choice := strings.CutSuffix(f.variant.name, "[x]"); choice {
		return where + "." + base + ".ofType(" + f.variant.kind.name + ")"
	}
	return where + "." + f.name
}

// printable is a name as far as a report may show it: names of elements are short words.
func printable(name string) string {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return "(an unusual name)"
		}
	}
	if len(name) > 64 {
		return "(a long name)"
	}
	return name
}

// element checks one element with all its values.
func (c *check) element(parent *node, f *foundAs, where string) {
	e := f.variant.element
	if !e.many {
		for _, n := range []*node{f.value, f.beside} {
			if n != nil && n.kind == '[' {
				c.fail(n, "structure", where, "this element is no array")
				return
			}
		}
		c.value(f, f.value, f.beside, where)
		return
	}
	for _, n := range []*node{f.value, f.beside} {
		if n != nil && n.kind != '[' {
			c.fail(n, "structure", where, "this element is an array")
			return
		}
		if n != nil && len(n.items) == 0 {
			c.fail(n, "structure", where, "an array has at least one item")
			return
		}
	}
	values, besides := items(f.value), items(f.beside)
	if len(values) > 0 && len(besides) > 0 && len(values) != len(besides) {
		c.fail(f.beside, "structure", where, "an array and the one beside it, under the name with _, are of one length")
		return
	}
	for i := range max(len(values), len(besides)) {
		at := where + "[" + strconv.Itoa(i) + "]"
		c.value(f, itemOf(values, i), itemOf(besides, i), at)
	}
	if count := max(len(values), len(besides)); count < e.least {
		c.fail(parent, "required", where, fmt.Sprintf("at least %d are required", e.least))
	}
}

func items(n *node) []*node {
	if n == nil {
		return nil
	}
	return n.items
}

func itemOf(list []*node, i int) *node {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// value checks one value of an element.
func (c *check) value(f *foundAs, n, beside *node, where string) {
	k, e := f.variant.kind, f.variant.element
	if n != nil && n.kind == 'n' && beside != nil && beside.kind == '{' {
		n = nil // a primitive that has extensions alone
	}
	if beside != nil && beside.kind == 'n' && n != nil {
		beside = nil
	}
	if beside != nil {
		c.complex(beside, kindOf{name: "Element"}, where)
	}
	switch {
	case n == nil:
	case n.kind == 'n':
		c.fail(n, "structure", where, "null stands for nothing in FHIR")
	case primitive(k.name):
		if c.primitive(n, k.name, where) {
			c.bound(n, e.set, k.name, where)
		}
	case k.name == "Resource":
		c.resource(n, where, []*element{e})
	default:
		if c.complex(n, k, where) {
			c.bound(n, e.set, k.name, where)
			c.special(n, k, where)
		}
	}
	if n != nil {
		c.holds(n, e.invariants, where)
	}
}

// complex checks a value of a complex type, or of a part of one.
func (c *check) complex(n *node, k kindOf, where string) bool {
	t := c.v.table.types[k.name]
	if t == nil || n.kind != '{' {
		c.fail(n, "structure", where, "this is an object of type "+k.name)
		return false
	}
	c.object(n, t, where, false)
	c.holds(n, t.invariants, where)
	return true
}
