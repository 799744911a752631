package path

import "slices"

// onEach makes a function whose arguments are evaluated once for each value.
func onEach(least, most int, f func(e *Evaluator, in []Value, args []step, at int) ([]Value, error)) function {
	return function{least, most, func(_ *compiler, t *tree, args []step) (step, error) {
		return func(e *Evaluator, in []Value) ([]Value, error) {
			total := e.total
			out, err := f(e, in, args, t.at)
			e.total = total
			return out, err
		}, nil
	}}
}

// each evaluates a step for each value as $this.
func (e *Evaluator) each(in []Value, s step, at int, visit func(v Value, out []Value) (more bool, err error)) error {
	for i := range in {
		if err := e.spend(1, at); err != nil {
			return err
		}
		e.this, e.index = in[i], i
		top := len(e.stack)
		out, err := s(e, in[i:i+1:i+1])
		if err != nil {
			return err
		}
		if err := e.spend(len(out), at); err != nil {
			return err
		}
		more, err := visit(in[i], out)
		e.stack = e.stack[:min(top, len(e.stack))] // whoever keeps values has copied them
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// filter keeps the values for which a step is true.
func (e *Evaluator) filter(in []Value, s step, at int) ([]Value, error) {
	var kept []Value
	err := e.each(in, s, at, func(v Value, out []Value) (bool, error) {
		t, err := truthIn(out, at)
		if t == yes {
			kept = append(kept, v)
		}
		return true, err
	})
	return kept, err
}

var lambdaFunctions = map[string]function{
	"where": onEach(1, 1, func(e *Evaluator, in []Value, a []step, at int) ([]Value, error) { return e.filter(in, a[0], at) }),
	"exists": onEach(0, 1, func(e *Evaluator, in []Value, a []step, at int) ([]Value, error) {
		if len(a) == 0 {
			return truthOf(len(in) > 0).list(), nil
		}
		kept, err := e.filter(in, a[0], at)
		return truthOf(len(kept) > 0).list(), err
	}),
	"all": onEach(1, 1, func(e *Evaluator, in []Value, a []step, at int) ([]Value, error) {
		kept, err := e.filter(in, a[0], at)
		return truthOf(len(kept) == len(in)).list(), err
	}),
	"select": onEach(1, 1, func(e *Evaluator, in []Value, a []step, at int) ([]Value, error) {
		var all []Value
		err := e.each(in, a[0], at, func(_ Value, out []Value) (bool, error) {
			all = append(all, out...)
			return true, nil
		})
		return all, err
	}),
	"repeat": onEach(1, 1, repeated),
	"aggregate": onEach(1, 2, func(e *Evaluator, in []Value, a []step, at int) ([]Value, error) {
		e.total = nil
		if len(a) == 2 {
			var err error
			if e.total, err = a[1](e, in); err != nil {
				return nil, err
			}
		}
		err := e.each(in, a[0], at, func(_ Value, out []Value) (bool, error) {
			e.total = slices.Clone(out)
			return true, nil
		})
		return e.total, err
	}),
	"trace": onEach(1, 2, func(_ *Evaluator, in []Value, _ []step, _ int) ([]Value, error) { return in, nil }),
	"iif":   onEach(2, 3, chosen),
}

func repeated(e *Evaluator, in []Value, a []step, at int) ([]Value, error) {
	var all []Value
	for len(in) > 0 {
		var found []Value
		err := e.each(in, a[0], at, func(_ Value, out []Value) (bool, error) {
			for i := range out {
				if err := e.spend(len(all), at); err != nil {
					return false, err
				}
				if !has(all, &out[i]) {
					all, found = append(all, out[i]), append(found, out[i])
				}
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
		in = found
	}
	return all, nil
}

// chosen is iif: only the side that is chosen is evaluated.
func chosen(e *Evaluator, in []Value, a []step, at int) ([]Value, error) {
	if len(in) > 1 {
		return nil, errorAt(at, "iif() needs one value and %d are there", len(in))
	}
	if len(in) == 1 {
		e.this = in[0]
	}
	out, err := a[0](e, in)
	if err != nil {
		return nil, err
	}
	t, err := truthIn(out, at)
	switch {
	case err != nil:
		return nil, err
	case t == yes:
		return a[1](e, in)
	case len(a) == 3:
		return a[2](e, in)
	}
	return nil, nil
}
