package path

import (
	"strings"
)

// fhirFunctions are those that FHIR and SQL on FHIR add, those of time, and the
// boundaries.
var fhirFunctions = map[string]function{
	"extension": {1, 1, compileExtension},
	"hasValue": plain(func(_ *Evaluator, in []Value, _ int) ([]Value, error) {
		return truthOf(len(in) == 1 && in[0].kind != Absent && in[0].kind != Element).list(), nil
	}),
	"getValue": plain(func(_ *Evaluator, in []Value, _ int) ([]Value, error) {
		if len(in) != 1 || in[0].kind == Absent || in[0].kind == Element {
			return nil, nil
		}
		return in, nil
	}),
	"getResourceKey":  plain(resourceKey),
	"getReferenceKey": {0, 1, compileReferenceKey},
	"lowBoundary":     {0, 1, boundaryOf(false)},
	"highBoundary":    {0, 1, boundaryOf(true)},
	"precision":       plain(precisionOf),
	"now": plain(func(e *Evaluator, _ []Value, _ int) ([]Value, error) {
		m := moment{precision: toMilli, fraction: 3, zone: true}.with(e.Now.UTC())
		return e.push(when(DateTime, m)), nil
	}),
	"today": plain(func(e *Evaluator, _ []Value, _ int) ([]Value, error) {
		return e.push(when(Date, moment{precision: toDay}.with(e.Now.UTC()))), nil
	}),
	"timeOfDay": plain(func(e *Evaluator, _ []Value, _ int) ([]Value, error) {
		return e.push(when(Time, moment{precision: toMilli, fraction: 3, isTime: true}.with(e.Now.UTC()))), nil
	}),
}

// compileExtension keeps the extensions of a URL.
func compileExtension(_ *compiler, t *tree, args []step) (step, error) {
	return func(e *Evaluator, in []Value) ([]Value, error) {
		url, ok, err := e.single(args[0], e.push(e.this), t.args[0].at)
		if err != nil || !ok {
			return nil, err
		}
		if url.kind != String {
			return nil, errorAt(t.args[0].at, "a URL is expected and %s is there", url.kind)
		}
		want := url.str()
		base := len(e.stack)
		for i := range in {
			e.stack = in[i].appendChildren(e.stack, "extension", "")
		}
		kept := base
		for i := base; i < len(e.stack); i++ {
			v := &e.stack[i]
			if v.kind != Element {
				continue
			}
			if m := v.doc.member(v.node, "url"); m != none && v.doc.nodes[m].shape == isString && v.doc.text(m) == want {
				e.stack[kept] = *v
				kept++
			}
		}
		e.stack = e.stack[:kept]
		return e.stack[base:kept:kept], e.spend(len(in), t.at)
	}, nil
}

// resourceKey is the id of the resource, which getReferenceKey gives as well.
func resourceKey(e *Evaluator, in []Value, at int) ([]Value, error) {
	if len(in) == 0 {
		return nil, nil
	}
	if len(in) > 1 || in[0].kind != Element || in[0].doc.member(in[0].node, "resourceType") == none {
		return nil, errorAt(at, "getResourceKey() is there for a resource")
	}
	d := in[0].doc
	if i := d.member(in[0].node, "id"); i != none && d.nodes[i].shape == isString {
		return e.push(d.value(i, none, "id")), nil
	}
	return nil, nil
}

// compileReferenceKey gives the ids of what is referred to, only of a type if one
// is named.
func compileReferenceKey(_ *compiler, t *tree, _ []step) (step, error) {
	want := ""
	if len(t.args) == 1 {
		var err error
		if want, err = typeArgument(t); err != nil {
			return nil, err
		}
		want = strings.TrimPrefix(want, "FHIR.")
	}
	return func(e *Evaluator, in []Value) ([]Value, error) {
		base := len(e.stack)
		for i := range in {
			if in[i].kind != Element {
				return nil, errorAt(t.at, "getReferenceKey() is there for references, and %s is there", in[i].kind)
			}
			d := in[i].doc
			m := d.member(in[i].node, "reference")
			if m == none || d.nodes[m].shape != isString {
				continue
			}
			typ, id := referred(d.text(m))
			if id != "" && (want == "" || want == typ) {
				e.stack = append(e.stack, text(id))
			}
		}
		n := len(e.stack)
		return e.stack[base:n:n], e.spend(len(in), t.at)
	}, nil
}

// referred cuts Type/id out of a reference, also with a version or a server before
// it. What does not name a resource (#contained, urn:uuid:…) has no key.
func referred(ref string) (typ, id string) {
	if i := strings.Index(ref, "/_history/"); i >= 0 {
		ref = ref[:i]
	}
	i := strings.LastIndexByte(ref, '/')
	if i < 1 || strings.ContainsAny(ref, "?#") {
		return "", ""
	}
	typ, id = ref[:i], ref[i+1:]
	if j := strings.LastIndexByte(typ, '/'); j >= 0 {
		typ = typ[j+1:]
	}
	if typ == "" || typ[0] < 'A' || typ[0] > 'Z' || strings.ContainsAny(typ, ".:") {
		return "", ""
	}
	return typ, id
}

func boundaryOf(up bool) func(*compiler, *tree, []step) (step, error) {
	return func(_ *compiler, t *tree, args []step) (step, error) {
		return func(e *Evaluator, in []Value) ([]Value, error) {
			v, ok, err := one(in, t.at)
			if err != nil || !ok {
				return nil, err
			}
			digits, given := 0, false
			if len(args) > 0 {
				if digits, given, err = e.integer(args[0], e.push(e.this), t.args[0].at); err != nil || !given {
					return nil, err
				}
			}
			if m, ok := v.temporal(); ok {
				if given && digits < 1 {
					return nil, nil
				}
				b, ok := m.moment.boundary(m.kind, up, digits)
				if !ok {
					return nil, nil
				}
				return e.push(when(m.kind, b)), nil
			}
			q, isQuantity := v.quantity()
			if !isQuantity && !isNumeric(&v) {
				return nil, errorAt(t.at, "%s() is there for numbers, dates and times, and %s is there", t.name, v.kind)
			}
			n := q.number
			if !isQuantity {
				n = v.num()
			}
			if !given {
				digits = max(defaultDigits, n.scale+1)
			}
			b, ok := n.boundary(up, digits)
			if !ok {
				return nil, nil
			}
			if isQuantity {
				return e.push(Value{kind: Quantity, number: b, text: q.text, node: none, aside: none}), nil
			}
			return e.push(decimalOf(b)), nil
		}, nil
	}
}

// precisionOf is how many digits are given, as the boundaries count them.
func precisionOf(e *Evaluator, in []Value, at int) ([]Value, error) {
	v, ok, err := one(in, at)
	if err != nil || !ok {
		return nil, err
	}
	if t, ok := v.temporal(); ok {
		table := precisionDigits
		if t.kind == Time {
			table = timeDigits
		}
		for digits, p := range table {
			if p == t.moment.precision {
				return e.push(whole(int64(digits))), nil
			}
		}
	}
	if !isNumeric(&v) {
		return nil, errorAt(at, "precision() is there for numbers, dates and times, and %s is there", v.kind)
	}
	return e.push(whole(int64(v.num().scale))), nil
}
