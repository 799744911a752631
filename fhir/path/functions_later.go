package path

import (
	"maps"
	"slices"
)

// laterFunctions are those that FHIRPath 2 and later releases add.
var laterFunctions = map[string]function{
	"type": plain(func(e *Evaluator, in []Value, at int) ([]Value, error) {
		out := make([]Value, len(in))
		for i := range in {
			namespace, name := in[i].typeName()
			out[i] = typeInfo(namespace, name)
		}
		return out, e.spend(20*len(in), at)
	}),
	"comparable": {1, 1, func(_ *compiler, t *tree, args []step) (step, error) {
		return func(e *Evaluator, in []Value) ([]Value, error) {
			a, ok, err := one(in, t.at)
			if err != nil || !ok {
				return nil, err
			}
			b, ok, err := e.single(args[0], e.push(e.this), t.args[0].at)
			if err != nil || !ok {
				return nil, err
			}
			_, _, same := quantities(&a, &b)
			return truthOf(same).list(), nil
		}, nil
	}},
	"coalesce": {1, 32, func(_ *compiler, _ *tree, args []step) (step, error) {
		return func(e *Evaluator, in []Value) ([]Value, error) {
			for _, s := range args {
				if out, err := s(e, in); err != nil || len(out) > 0 {
					return out, err
				}
			}
			return nil, nil
		}, nil
	}},
	"sort":           {0, 8, compileSort},
	"defineVariable": {1, 2, compileVariable},
}

// typeName is the namespace and the name of the value's type, guessed where neither name
// nor form tells: an element of no known type is a BackboneElement.
func (v *Value) typeName() (namespace, name string) {
	switch {
	case v.typ != "":
		return "FHIR", v.typ
	case v.doc == nil:
		return "System", v.kind.String()
	case v.kind == Element:
		if typ := v.TypeOfResource(); typ != "" {
			return "FHIR", typ
		}
		for _, typ := range [...]string{"Reference", "CodeableConcept", "Quantity", "Period", "Range", "Ratio", "HumanName", "Extension", "Identifier", "Coding"} {
			if v.isElement(typ) {
				return "FHIR", typ
			}
		}
		return "FHIR", "BackboneElement"
	}
	if t, ok := v.temporal(); ok {
		return "FHIR", map[Kind]string{Date: "date", DateTime: "dateTime", Time: "time"}[t.kind]
	}
	return "FHIR", map[Kind]string{Boolean: "boolean", String: "string", Integer: "integer", Decimal: "decimal"}[v.kind]
}

// typeInfo is what type() gives: an element with a namespace and a name.
func typeInfo(namespace, name string) Value {
	src := appendQuoted([]byte(`{"namespace":`), namespace)
	src = append(appendQuoted(append(src, `,"name":`...), name), '}')
	var d Document
	if d.Read(src) != nil { // it is ours: cannot happen
		return Value{kind: Absent, node: none, aside: none}
	}
	return d.Root()
}

// sortKey is one criterion of sort().
type sortKey struct {
	by         step
	descending bool
}

// downwards reports whether a criterion of sort() has a minus before it.
func downwards(t *tree) bool { return t.form == formUnary && t.name == "-" }

// compileSort orders by criteria; a minus before one turns it round. What a criterion
// gives nothing for comes first.
func compileSort(_ *compiler, t *tree, args []step) (step, error) {
	keys := make([]sortKey, len(args))
	for i := range args {
		keys[i] = sortKey{args[i], downwards(t.args[i])}
	}
	if len(keys) == 0 {
		keys = []sortKey{{by: func(e *Evaluator, _ []Value) ([]Value, error) { return e.push(e.this), nil }}}
	}
	return func(e *Evaluator, in []Value) ([]Value, error) { return e.sort(in, keys, t.at) }, nil
}

func (e *Evaluator) sort(in []Value, keys []sortKey, at int) ([]Value, error) {
	type row struct {
		Value
		keys [][]Value
	}
	rows := make([]row, len(in))
	for i := range in {
		rows[i].Value = in[i]
	}
	for _, k := range keys {
		i := 0
		err := e.each(in, k.by, at, func(_ Value, out []Value) (bool, error) {
			if len(out) > 1 {
				return false, errorAt(at, "sort() needs one value of each and %d are there", len(out))
			}
			rows[i].keys = append(rows[i].keys, slices.Clone(out))
			i++
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	var fault error
	slices.SortStableFunc(rows, func(a, b row) int {
		for i, k := range keys {
			order, err := compareKeys(a.keys[i], b.keys[i], at)
			if fault == nil {
				fault = err
			}
			if k.descending {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	})
	out := make([]Value, len(rows))
	for i := range rows {
		out[i] = rows[i].Value
	}
	if fault != nil {
		return nil, fault
	}
	return out, e.spend(len(in), at)
}

func compareKeys(a, b []Value, at int) (int, error) {
	if len(a) == 0 || len(b) == 0 {
		return len(a) - len(b), nil
	}
	order, _, comparable := compare(&a[0], &b[0])
	if !comparable {
		return 0, errorAt(at, "%s and %s cannot be ordered", a[0].kind, b[0].kind)
	}
	return order, nil
}

// compileVariable gives a name to what stands before it, or to what its second argument
// finds, for the steps that follow.
func compileVariable(c *compiler, t *tree, args []step) (step, error) {
	a := t.args[0]
	if a.form != formLiteral || a.value.kind != String {
		return nil, errorAt(a.at, "the name of a variable is a text")
	}
	name := a.value.str()
	if _, taken := c.opt.Constants[name]; taken || c.variables[name] || systems[name] != "" || reserved[name] {
		return nil, errorAt(a.at, "%%%s is defined already", name)
	}
	scope := maps.Clone(c.variables)
	if scope == nil {
		scope = map[string]bool{}
	}
	scope[name] = true
	c.variables = scope
	return func(e *Evaluator, in []Value) ([]Value, error) {
		out := in
		if len(args) == 2 {
			var err error
			if out, err = args[1](e, in); err != nil {
				return nil, err
			}
		}
		if e.variables == nil {
			e.variables = map[string][]Value{}
		}
		e.variables[name] = slices.Clone(out)
		return in, e.spend(len(out), t.at)
	}, nil
}

// reserved are the names of constants that cannot be variables.
var reserved = map[string]bool{"resource": true, "rootResource": true, "context": true, "rowIndex": true}

// scoped compiles what may define variables for itself alone.
func (c *compiler) scoped(t *tree) (step, error) {
	outer := c.variables
	s, err := c.compile(t)
	c.variables = outer
	return s, err
}
