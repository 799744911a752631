package path

import "strings"

// withList is a function of a collection and another one.
func withList(f func(e *Evaluator, in, arg []Value, at int) ([]Value, error)) function {
	return function{1, 1, func(_ *compiler, t *tree, args []step) (step, error) {
		return func(e *Evaluator, in []Value) ([]Value, error) {
			arg, err := args[0](e, e.push(e.this))
			if err != nil {
				return nil, err
			}
			return f(e, in, arg, t.at)
		}, nil
	}}
}

func keep(f func(in []Value) []Value) function {
	return plain(func(_ *Evaluator, in []Value, _ int) ([]Value, error) { return f(in), nil })
}

var collectionFunctions = map[string]function{
	"empty": keep(func(in []Value) []Value { return truthOf(len(in) == 0).list() }),
	"count": plain(func(e *Evaluator, in []Value, _ int) ([]Value, error) { return e.push(whole(int64(len(in)))), nil }),
	"first": keep(func(in []Value) []Value { return in[:min(1, len(in))] }),
	"last":  keep(func(in []Value) []Value { return in[max(0, len(in)-1):] }),
	"tail":  keep(func(in []Value) []Value { return in[min(1, len(in)):] }),
	"skip":  sliced(func(in []Value, n int) []Value { return in[n:] }),
	"take":  sliced(func(in []Value, n int) []Value { return in[:n:n] }),
	"single": plain(func(_ *Evaluator, in []Value, at int) ([]Value, error) {
		_, _, err := one(in, at)
		return in, err
	}),
	"not": plain(func(_ *Evaluator, in []Value, at int) ([]Value, error) {
		t, err := truthIn(in, at)
		if err != nil || t == unknown {
			return nil, err
		}
		return truthOf(t == no).list(), nil
	}),
	"distinct": plain(func(e *Evaluator, in []Value, at int) ([]Value, error) { return e.union(in, nil, at) }),
	"isDistinct": plain(func(e *Evaluator, in []Value, at int) ([]Value, error) {
		u, err := e.union(in, nil, at)
		return truthOf(len(u) == len(in)).list(), err
	}),
	"union": withList(func(e *Evaluator, in, arg []Value, at int) ([]Value, error) { return e.union(in, arg, at) }),
	"combine": withList(func(e *Evaluator, in, arg []Value, at int) ([]Value, error) {
		if err := e.spend(len(in)+len(arg), at); err != nil {
			return nil, err
		}
		return append(append([]Value{}, in...), arg...), nil
	}),
	"intersect": withList(func(e *Evaluator, in, arg []Value, at int) ([]Value, error) {
		both, err := e.those(in, arg, true, at)
		if err != nil {
			return nil, err
		}
		return e.union(both, nil, at)
	}),
	"exclude": withList(func(e *Evaluator, in, arg []Value, at int) ([]Value, error) { return e.those(in, arg, false, at) }),
	"subsetOf": withList(func(e *Evaluator, in, arg []Value, at int) ([]Value, error) {
		rest, err := e.those(in, arg, false, at)
		return truthOf(len(rest) == 0).list(), err
	}),
	"supersetOf": withList(func(e *Evaluator, in, arg []Value, at int) ([]Value, error) {
		rest, err := e.those(arg, in, false, at)
		return truthOf(len(rest) == 0).list(), err
	}),
	"allTrue": truths(true, true), "allFalse": truths(true, false), "anyTrue": truths(false, true), "anyFalse": truths(false, false),
	"children": keep(children),
	"descendants": plain(func(e *Evaluator, in []Value, at int) ([]Value, error) {
		var all []Value
		for in = children(in); len(in) > 0; in = children(in) {
			all = append(all, in...)
			if err := e.spend(len(in), at); err != nil {
				return nil, err
			}
		}
		return all, nil
	}),
}

// sliced is a function of a collection and a number of values, which is held within
// the collection.
func sliced(f func(in []Value, n int) []Value) function {
	return function{1, 1, func(_ *compiler, t *tree, args []step) (step, error) {
		return func(e *Evaluator, in []Value) ([]Value, error) {
			n, known, err := e.integer(args[0], e.push(e.this), t.args[0].at)
			if err != nil || !known {
				return nil, err
			}
			return f(in, max(0, min(n, len(in)))), nil
		}, nil
	}}
}

// those keeps the values of a that are in b, or those that are not.
func (e *Evaluator) those(a, b []Value, in bool, at int) ([]Value, error) {
	var out []Value
	for i := range a {
		if err := e.spend(len(b), at); err != nil {
			return nil, err
		}
		if has(b, &a[i]) == in {
			out = append(out, a[i])
		}
	}
	return out, nil
}

// truths is allTrue and its like: whether all, or any, are what is wanted.
func truths(all, want bool) function {
	return plain(func(_ *Evaluator, in []Value, at int) ([]Value, error) {
		for i := range in {
			if in[i].kind != Boolean {
				return nil, errorAt(at, "Booleans are expected and %s is there", in[i].kind)
			}
			if (in[i].truth == want) != all {
				return truthOf(!all).list(), nil
			}
		}
		return truthOf(all).list(), nil
	})
}

func children(in []Value) []Value {
	var out []Value
	for i := range in {
		if in[i].kind != Element {
			continue
		}
		d := in[i].doc
		for c := d.nodes[in[i].node].first; c != none; c = d.nodes[c].next {
			if name := string(d.name(&d.nodes[c])); name != "resourceType" && !strings.HasPrefix(name, "_") {
				out = d.items(out, c, name)
			}
		}
	}
	return out
}
