package path

import "strings"

// step gives what an expression finds from its focus on.
type step func(e *Evaluator, in []Value) ([]Value, error)

type compiler struct {
	opt     Options
	indexed bool // %rowIndex is there
	// variables are defined by defineVariable() up to here; replaced, never modified.
	variables map[string]bool
}

func (c *compiler) compile(t *tree) (step, error) {
	switch t.form {
	case formLiteral:
		out := []Value{t.value}
		return func(*Evaluator, []Value) ([]Value, error) { return out, nil }, nil
	case formEmpty:
		return func(*Evaluator, []Value) ([]Value, error) { return nil, nil }, nil
	case formThis:
		return func(e *Evaluator, _ []Value) ([]Value, error) { return e.push(e.this), nil }, nil
	case formIndex:
		return func(e *Evaluator, _ []Value) ([]Value, error) { return e.push(whole(int64(e.index))), nil }, nil
	case formTotal:
		return func(e *Evaluator, _ []Value) ([]Value, error) { return e.total, nil }, nil
	case formConstant:
		return c.constant(t)
	case formMember:
		return c.member(t)
	case formCall:
		return c.call(t)
	case formItem:
		return c.item(t)
	case formUnary:
		return c.unary(t)
	case formBinary:
		return c.binary(t)
	case formType:
		return c.typed(t)
	}
	return nil, errorAt(t.at, "this cannot be evaluated")
}

// push is a collection of one value.
func (e *Evaluator) push(v Value) []Value {
	e.stack = append(e.stack, v)
	n := len(e.stack)
	return e.stack[n-1 : n : n]
}

// left compiles what a step stands on; nil is the focus.
func (c *compiler) left(t *tree) (step, error) {
	if t.left == nil {
		return nil, nil
	}
	return c.compile(t.left)
}

// after chains two steps.
func after(left, s step) step {
	if left == nil {
		return s
	}
	return func(e *Evaluator, in []Value) ([]Value, error) {
		in, err := left(e, in)
		if err != nil {
			return nil, err
		}
		return s(e, in)
	}
}

// systems are the constants that FHIR defines.
var systems = map[string]string{"sct": "http://snomed.info/sct", "loinc": "http://loinc.org", "ucum": "http://unitsofmeasure.org"}

func (c *compiler) constant(t *tree) (step, error) {
	if v, ok := c.opt.Constants[t.name]; ok {
		out := []Value{v}
		return func(*Evaluator, []Value) ([]Value, error) { return out, nil }, nil
	}
	if name := t.name; c.variables[name] {
		return func(e *Evaluator, _ []Value) ([]Value, error) { return e.variables[name], nil }, nil
	}
	switch t.name {
	case "resource", "rootResource", "context":
		return func(e *Evaluator, _ []Value) ([]Value, error) { return e.push(e.root), nil }, nil
	case "rowIndex":
		if c.opt.RowIndex {
			c.indexed = true
			return func(e *Evaluator, _ []Value) ([]Value, error) { return e.push(whole(int64(e.RowIndex))), nil }, nil
		}
	}
	url, ok := systems[t.name]
	if name, cut := strings.CutPrefix(t.name, "vs-"); cut {
		url, ok = "http://hl7.org/fhir/ValueSet/"+name, true
	}
	if name, cut := strings.CutPrefix(t.name, "ext-"); cut {
		url, ok = "http://hl7.org/fhir/StructureDefinition/"+name, true
	}
	if !ok {
		return nil, errorAt(t.at, "the constant %%%s is not defined", t.name)
	}
	out := []Value{text(url)}
	return func(*Evaluator, []Value) ([]Value, error) { return out, nil }, nil
}

// member compiles a step to children. A type's name at the beginning stands for the
// resource itself.
func (c *compiler) member(t *tree) (step, error) {
	left, err := c.left(t)
	if err != nil {
		return nil, err
	}
	name := t.name
	if name == "" {
		return nil, errorAt(t.at, "the name of an element is empty")
	}
	first := t.left == nil && name[0] >= 'A' && name[0] <= 'Z'
	typ := elementTypes[name]
	return after(left, func(e *Evaluator, in []Value) ([]Value, error) {
		base := len(e.stack)
		for i := range in {
			if in[i].kind == Element && first && in[i].isElement(name) {
				e.stack = append(e.stack, in[i])
				continue
			}
			e.stack = in[i].appendChildren(e.stack, name, typ)
		}
		n := len(e.stack)
		return e.stack[base:n:n], e.spend(n-base+len(in), t.at)
	}), nil
}

// appendChildren appends the children of the name, those of a choice among them.
func (v *Value) appendChildren(out []Value, name, typ string) []Value {
	d, object := v.doc, v.node
	switch {
	case d == nil:
		return out
	case v.kind != Element:
		if object = v.aside; object == none || d.nodes[object].shape != isObject {
			return out
		}
	}
	exact, asideExact := none, none
	found, aside, chosen := none, none, ""
	for i := d.nodes[object].first; i != none; i = d.nodes[i].next {
		n := &d.nodes[i]
		key := d.src[n.key:n.keyEnd]
		beside := len(key) > 0 && key[0] == '_'
		if beside {
			key = key[1:]
		}
		switch {
		case len(key) < len(name) || string(key[:len(name)]) != name:
		case len(key) == len(name) && beside:
			asideExact = i
		case len(key) == len(name):
			exact = i
		default:
			t, ok := suffixes[string(key[len(name):])]
			switch {
			case !ok || noChoices[string(key)]:
			case beside:
				aside, chosen = i, t
			default:
				found, chosen = i, t
			}
		}
	}
	if exact != none || asideExact != none {
		found, aside = exact, asideExact
	} else if chosen != "" {
		typ = chosen
	}
	if found == none && aside == none {
		return out
	}
	return d.pairs(out, found, aside, typ)
}

// pairs appends the values of a member with what stands beside them.
func (d *Document) pairs(out []Value, found, aside int32, typ string) []Value {
	if found != none && d.nodes[found].shape != isArray {
		if d.nodes[found].shape == isNull && aside == none {
			return out
		}
		return append(out, d.value(found, aside, typ))
	}
	if found == none && d.nodes[aside].shape != isArray {
		return append(out, d.value(none, aside, typ))
	}
	x, y := none, none
	if found != none {
		x = d.nodes[found].first
	}
	if aside != none && d.nodes[aside].shape == isArray {
		y = d.nodes[aside].first
	}
	for x != none || y != none {
		beside := y
		if y != none && d.nodes[y].shape == isNull {
			beside = none
		}
		if x != none && (d.nodes[x].shape != isNull || beside != none) || x == none && beside != none {
			out = append(out, d.value(x, beside, typ))
		}
		if x != none {
			x = d.nodes[x].next
		}
		if y != none {
			y = d.nodes[y].next
		}
	}
	return out
}

// items are the values of a member.
func (d *Document) items(out []Value, i int32, name string) []Value {
	return d.pairs(out, i, none, elementTypes[name])
}

func (c *compiler) item(t *tree) (step, error) {
	left, err := c.left(t)
	if err != nil {
		return nil, err
	}
	index, err := c.compile(t.args[0])
	if err != nil {
		return nil, err
	}
	at := t.args[0].at
	return func(e *Evaluator, in []Value) ([]Value, error) {
		// The index is looked at from where the whole expression stands.
		of, err := left(e, in)
		if err != nil {
			return nil, err
		}
		n, known, err := e.integer(index, in, at)
		if err != nil || !known || n < 0 || n >= len(of) {
			return nil, err
		}
		return of[n : n+1 : n+1], nil
	}, nil
}

// integer evaluates an argument that is one whole number, or nothing.
func (e *Evaluator) integer(s step, in []Value, at int) (n int, known bool, err error) {
	v, ok, err := e.single(s, in, at)
	if err != nil || !ok {
		return 0, false, err
	}
	if v.kind != Integer {
		return 0, false, errorAt(at, "an Integer is expected and %s is there", v.kind)
	}
	c := v.num().coef
	if !c.IsInt64() || c.Int64() > 1<<31-1 || c.Int64() < -1<<31 {
		return 0, false, errorAt(at, "the number is out of range")
	}
	return int(c.Int64()), true, nil
}

// single evaluates an argument to one value, or nothing.
func (e *Evaluator) single(s step, in []Value, at int) (Value, bool, error) {
	out, err := s(e, in)
	if err != nil || len(out) == 0 {
		return Value{}, false, err
	}
	if len(out) > 1 {
		return Value{}, false, errorAt(at, "one value is expected and %d are there", len(out))
	}
	return out[0], true, nil
}

// one takes the only value of a collection.
func one(in []Value, at int) (Value, bool, error) {
	if len(in) > 1 {
		return Value{}, false, errorAt(at, "one value is expected and %d are there", len(in))
	}
	if len(in) == 0 || in[0].kind == Absent {
		return Value{}, false, nil
	}
	return in[0], true, nil
}

// truthIn reads a collection where a Boolean is expected: nothing is unknown, one
// value that is no Boolean is true.
func truthIn(in []Value, at int) (truth, error) {
	v, ok, err := one(in, at)
	switch {
	case err != nil || !ok:
		return unknown, err
	case v.kind == Boolean:
		return truthOf(v.truth), nil
	}
	return yes, nil
}

var (
	trueList  = []Value{boolean(true)}
	falseList = []Value{boolean(false)}
)

func (t truth) list() []Value {
	switch t {
	case yes:
		return trueList
	case no:
		return falseList
	}
	return nil
}

func (c *compiler) typed(t *tree) (step, error) {
	left, err := c.left(t)
	if err != nil {
		return nil, err
	}
	return c.isAs(t.name, t.args[0].name, t.at, left)
}

// isAs compiles is and as, of operators and functions.
func (c *compiler) isAs(op, typ string, at int, left step) (step, error) {
	if !knownType(typ) {
		return nil, errorAt(at, "there is no type of the name %q", typ)
	}
	return after(left, func(_ *Evaluator, in []Value) ([]Value, error) {
		if len(in) > 1 {
			return nil, errorAt(at, "one value is expected and %d are there", len(in))
		}
		if len(in) == 0 {
			return nil, nil
		}
		is := in[0].isType(typ)
		switch {
		case op == "is":
			return truthOf(is).list(), nil
		case is:
			return []Value{in[0].as(typ)}, nil
		}
		return nil, nil
	}), nil
}
