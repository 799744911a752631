package validate

import (
	"strconv"
	"strings"

	"ember/fhir/path"
)

// bound checks a value against the value set that its codes must be from. Of a
// CodeableConcept one coding must be.
func (c *check) bound(n *node, s *set, kind, where string) {
	if s == nil {
		return
	}
	ok := true
	switch kind {
	case "code":
		ok = s.codes[unquote(c.src[n.at:n.end])]
	case "Coding":
		ok = c.codingIn(n, s)
	case "CodeableConcept":
		list := items(n.member("coding"))
		ok = len(list) == 0
		for _, coding := range list {
			ok = ok || c.codingIn(coding, s)
		}
	}
	if !ok {
		c.fail(n, "code-invalid", where, "the code is not from the value set that is required here: "+s.url)
	}
}

// codingIn reports whether a coding is in the set, or says too little to tell.
func (c *check) codingIn(n *node, s *set) bool {
	if n.kind != '{' {
		return true
	}
	code, system := c.str(n.member("code")), c.str(n.member("system"))
	return code == "" || s.pairs[system+"|"+code]
}

// str is the text of a string, "" for everything else.
func (c *check) str(n *node) string {
	if n == nil || n.kind != '"' {
		return ""
	}
	return unquote(c.src[n.at:n.end])
}

// special are rules of types that the table cannot tell.
func (c *check) special(n *node, k kindOf, where string) {
	switch k.name {
	case "Reference":
		c.reference(n, k, where)
	case "Coding":
		if system := n.member("system"); system != nil && c.str(system) != "" && !strings.Contains(c.str(system), ":") {
			if !strings.HasPrefix(c.str(system), "#") { // a contained code system
				c.fail(system, "value", where+".system", "the system of a code is absolute")
			}
		}
	case "Attachment":
		c.attachment(n, where)
	}
}

// reference: a local one leads to a contained resource, and the type that a relative one
// names may stand here.
func (c *check) reference(n *node, k kindOf, where string) {
	ref := n.member("reference")
	text := c.str(ref)
	if id, local := strings.CutPrefix(text, "#"); local && id != "" && !c.local[len(c.local)-1][id] {
		c.add(ref.at, Issue{Severity: "error", Code: "invariant", Expression: where + ".reference", Rule: "ref-1", Text: "nothing that is contained has this id"})
	}
	typ, id, relative := strings.Cut(text, "/")
	if !relative || k.targets == nil || !c.v.Known(typ) || id == "" {
		return
	}
	for _, t := range k.targets {
		if t == typ {
			return
		}
	}
	c.add(ref.at, Issue{Severity: "warning", Code: "structure", Expression: where + ".reference", Text: "a " + typ + " should not stand here, only " + strings.Join(k.targets, ", ")})
}

// attachment: its size is that of its data.
func (c *check) attachment(n *node, where string) {
	size, data := n.member("size"), n.member("data")
	if size == nil || data == nil || data.kind != '"' || size.kind != '0' {
		return
	}
	text := strings.NewReplacer("\n", "", "\r", "", " ", "", "\t", "").Replace(c.str(data))
	told, err := strconv.Atoi(string(c.src[size.at:size.end]))
	if err == nil && isBase64(text) && told != len(text)/4*3-strings.Count(text, "=") {
		c.fail(size, "invariant", where+".size", "the size is not that of the data")
	}
}

// holds evaluates invariants on a value; one that gives no answer says nothing.
func (c *check) holds(n *node, invariants []invariant, where string) {
	if c.blind || len(invariants) == 0 || n.kind != '{' {
		return
	}
	root, ok := c.doc.At(c.within[len(c.within)-1].at, "")
	if !ok {
		return
	}
	for _, i := range invariants {
		c.invariants.Begin(root)
		focus, ok := c.doc.At(n.at, "")
		if !ok {
			return
		}
		got, err := i.expr.Eval(&c.invariants, focus)
		if err != nil || len(got) != 1 || got[0].Kind() != path.Boolean || got[0].Truth() {
			continue
		}
		c.add(n.at, Issue{Severity: "error", Code: "invariant", Expression: where, Rule: i.key, Text: "the invariant " + i.key + " does not hold: " + i.expr.String()})
	}
}
