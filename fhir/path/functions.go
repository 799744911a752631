package path

// function is what a call becomes: compile gives a step from what stands before the
// point. Arguments are evaluated from $this on.
type function struct {
	least, most int // arguments
	compile     func(c *compiler, t *tree, args []step) (step, error)
}

// plain is a function without arguments.
func plain(f func(e *Evaluator, in []Value, at int) ([]Value, error)) function {
	return function{0, 0, func(_ *compiler, t *tree, _ []step) (step, error) {
		return func(e *Evaluator, in []Value) ([]Value, error) { return f(e, in, t.at) }, nil
	}}
}

// functions are all of them by name.
var functions = func() map[string]function {
	m := map[string]function{}
	for _, table := range [...]map[string]function{collectionFunctions, lambdaFunctions, textFunctions, mathFunctions, fhirFunctions, laterFunctions, conversions} {
		for name, f := range table {
			m[name] = f
		}
	}
	return m
}()

func (c *compiler) call(t *tree) (step, error) {
	left, err := c.left(t)
	if err != nil {
		return nil, err
	}
	switch t.name {
	case "is", "as", "ofType":
		return c.typeCall(t, left)
	}
	f, ok := functions[t.name]
	if !ok {
		return nil, errorAt(t.at, "there is no function %s()", t.name)
	}
	if err := arity(t, f.least, f.most); err != nil {
		return nil, err
	}
	args := make([]step, len(t.args))
	for i, a := range t.args {
		if t.name == "getReferenceKey" {
			break // a type, which is no path
		}
		if t.name == "sort" && downwards(a) {
			a = a.left
		}
		if args[i], err = c.scoped(a); err != nil {
			return nil, err
		}
	}
	s, err := f.compile(c, t, args)
	if err != nil {
		return nil, err
	}
	return after(left, func(e *Evaluator, in []Value) ([]Value, error) {
		this, index := e.this, e.index
		out, err := s(e, in)
		e.this, e.index = this, index
		return out, err
	}), nil
}

func arity(t *tree, least, most int) error {
	if n := len(t.args); n < least || n > most {
		if least == most {
			return errorAt(t.at, "%s() takes %d arguments and has %d", t.name, least, n)
		}
		return errorAt(t.at, "%s() takes %d to %d arguments and has %d", t.name, least, most, n)
	}
	return nil
}

// typeArgument is the type that the first argument names.
func typeArgument(t *tree) (string, error) {
	if err := arity(t, 1, 1); err != nil {
		return "", err
	}
	a := t.args[0]
	if a.form != formMember || a.left != nil && (a.left.form != formMember || a.left.left != nil) {
		return "", errorAt(a.at, "the name of a type is expected")
	}
	name := a.name
	if a.left != nil {
		name = a.left.name + "." + name
	}
	if !knownType(name) {
		return "", errorAt(a.at, "there is no type of the name %q", name)
	}
	return name, nil
}

// typeCall compiles is(T), as(T) and ofType(T).
func (c *compiler) typeCall(t *tree, left step) (step, error) {
	name, err := typeArgument(t)
	if err != nil {
		return nil, err
	}
	if t.name != "ofType" {
		return c.isAs(t.name, name, t.at, left)
	}
	return after(left, func(e *Evaluator, in []Value) ([]Value, error) {
		base := len(e.stack)
		for i := range in {
			if in[i].isType(name) {
				e.stack = append(e.stack, in[i].as(name))
			}
		}
		n := len(e.stack)
		return e.stack[base:n:n], nil
	}), nil
}
