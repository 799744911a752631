package path

func (c *compiler) unary(t *tree) (step, error) {
	left, err := c.compile(t.left)
	if err != nil {
		return nil, err
	}
	return func(e *Evaluator, in []Value) ([]Value, error) {
		v, ok, err := e.single(left, in, t.at)
		if err != nil || !ok {
			return nil, err
		}
		if !isNumeric(&v) && v.kind != Quantity {
			return nil, errorAt(t.at, "a number is expected and %s is there", v.kind)
		}
		if t.name == "-" {
			v = Value{kind: v.kind, number: v.num().neg(), text: v.text, node: none, aside: none}
		}
		return e.push(v), nil
	}, nil
}

func (c *compiler) binary(t *tree) (step, error) {
	left, err := c.scoped(t.left)
	if err != nil {
		return nil, err
	}
	right, err := c.scoped(t.args[0])
	if err != nil {
		return nil, err
	}
	switch t.name {
	case "and", "or", "xor", "implies":
		return logic(t, left, right), nil
	}
	op := collectionOperators[t.name]
	if op == nil {
		single := valueOperators[t.name]
		op = func(e *Evaluator, a, b []Value, at int) ([]Value, error) {
			x, okX, err := one(a, at)
			if err != nil {
				return nil, err
			}
			y, okY, err := one(b, at)
			if err != nil || (!okX || !okY) && t.name != "&" {
				return nil, err
			}
			if !okX {
				x = text("")
			}
			if !okY {
				y = text("")
			}
			return single(e, x, y, at)
		}
	}
	return func(e *Evaluator, in []Value) ([]Value, error) {
		a, err := left(e, in)
		if err != nil {
			return nil, err
		}
		b, err := right(e, in)
		if err != nil {
			return nil, err
		}
		return op(e, a, b, t.at)
	}, nil
}

// logic compiles the operators of three-valued logic; the right side is left out
// where it cannot matter.
func logic(t *tree, left, right step) step {
	return func(e *Evaluator, in []Value) ([]Value, error) {
		side := func(s step) (truth, error) {
			out, err := s(e, in)
			if err != nil {
				return unknown, err
			}
			return truthIn(out, t.at)
		}
		a, err := side(left)
		if err != nil {
			return nil, err
		}
		if t.name == "and" && a == no || t.name == "or" && a == yes {
			return a.list(), nil
		}
		if t.name == "implies" && a == no {
			return trueList, nil
		}
		b, err := side(right)
		if err != nil {
			return nil, err
		}
		return combine(t.name, a, b).list(), nil
	}
}

func combine(op string, a, b truth) truth {
	switch op {
	case "and":
		if a == no || b == no {
			return no
		}
		return min(a, b)
	case "or":
		if a == yes || b == yes {
			return yes
		}
		if a == unknown || b == unknown {
			return unknown
		}
		return no
	case "xor":
		if a == unknown || b == unknown {
			return unknown
		}
		return truthOf(a != b)
	}
	switch { // implies
	case a == no || b == yes:
		return yes
	case a == unknown || b == unknown:
		return unknown
	}
	return no
}

type collectionOperator func(e *Evaluator, a, b []Value, at int) ([]Value, error)

// collectionOperators take whole collections.
var collectionOperators = map[string]collectionOperator{
	"=": func(_ *Evaluator, a, b []Value, _ int) ([]Value, error) {
		if len(a) == 0 || len(b) == 0 {
			return nil, nil
		}
		return equalLists(a, b).list(), nil
	},
	"!=": func(_ *Evaluator, a, b []Value, _ int) ([]Value, error) {
		if len(a) == 0 || len(b) == 0 {
			return nil, nil
		}
		switch equalLists(a, b) {
		case yes:
			return falseList, nil
		case no:
			return trueList, nil
		}
		return nil, nil
	},
	"~": func(_ *Evaluator, a, b []Value, _ int) ([]Value, error) {
		return truthOf(equivalentSets(a, b)).list(), nil
	},
	"!~": func(_ *Evaluator, a, b []Value, _ int) ([]Value, error) {
		return truthOf(!equivalentSets(a, b)).list(), nil
	},
	"|":  func(e *Evaluator, a, b []Value, at int) ([]Value, error) { return e.union(a, b, at) },
	"in": func(e *Evaluator, a, b []Value, at int) ([]Value, error) { return isIn(e, a, b, at) },
	"contains": func(e *Evaluator, a, b []Value, at int) ([]Value, error) {
		return isIn(e, b, a, at)
	},
}

// isIn reports whether the one value of a is in b.
func isIn(e *Evaluator, a, b []Value, at int) ([]Value, error) {
	if len(a) == 0 {
		return nil, nil
	}
	if len(a) > 1 {
		return nil, errorAt(at, "one value is expected and %d are there", len(a))
	}
	return truthOf(has(b, &a[0])).list(), e.spend(len(b), at)
}

func has(list []Value, v *Value) bool {
	for i := range list {
		if equal(&list[i], v) == yes {
			return true
		}
	}
	return false
}

// union is both without what is there twice.
func (e *Evaluator) union(a, b []Value, at int) ([]Value, error) {
	out := make([]Value, 0, len(a)+len(b))
	for _, list := range [...][]Value{a, b} {
		for i := range list {
			if err := e.spend(len(out), at); err != nil {
				return nil, err
			}
			if !has(out, &list[i]) {
				out = append(out, list[i])
			}
		}
	}
	return out, nil
}

type valueOperator func(e *Evaluator, a, b Value, at int) ([]Value, error)

// valueOperators take one value on each side.
var valueOperators = map[string]valueOperator{
	"<": func(_ *Evaluator, a, b Value, at int) ([]Value, error) {
		return ordered(a, b, at, func(o int) bool { return o < 0 })
	},
	">": func(_ *Evaluator, a, b Value, at int) ([]Value, error) {
		return ordered(a, b, at, func(o int) bool { return o > 0 })
	},
	"<=": func(_ *Evaluator, a, b Value, at int) ([]Value, error) {
		return ordered(a, b, at, func(o int) bool { return o <= 0 })
	},
	">=": func(_ *Evaluator, a, b Value, at int) ([]Value, error) {
		return ordered(a, b, at, func(o int) bool { return o >= 0 })
	},
	"+": func(e *Evaluator, a, b Value, at int) ([]Value, error) { return e.plus(a, b, 1, at) },
	"-": func(e *Evaluator, a, b Value, at int) ([]Value, error) { return e.plus(a, b, -1, at) },
	"&": func(e *Evaluator, a, b Value, at int) ([]Value, error) {
		if a.kind != String || b.kind != String {
			return nil, errorAt(at, "& joins texts, and there are %s and %s", a.kind, b.kind)
		}
		return e.join(a.str(), b.str(), at)
	},
	"*": func(e *Evaluator, a, b Value, at int) ([]Value, error) { return e.times(a, b, at) },
	"/": func(e *Evaluator, a, b Value, at int) ([]Value, error) { return e.over(a, b, at) },
	"div": func(e *Evaluator, a, b Value, at int) ([]Value, error) {
		return e.arithmetic(a, b, at, func(x, y number) Value { return Value{kind: Integer, number: x.quo(y)} })
	},
	"mod": func(e *Evaluator, a, b Value, at int) ([]Value, error) {
		return e.arithmetic(a, b, at, func(x, y number) Value {
			return Value{kind: kindOf(a, b), number: x.mod(y)}
		})
	},
}

func ordered(a, b Value, at int, meets func(int) bool) ([]Value, error) {
	order, known, comparable := compare(&a, &b)
	switch {
	case !comparable:
		return nil, errorAt(at, "%s and %s cannot be ordered", a.kind, b.kind)
	case !known:
		return nil, nil
	}
	return truthOf(meets(order)).list(), nil
}

func kindOf(a, b Value) Kind {
	if a.kind == Integer && b.kind == Integer {
		return Integer
	}
	return Decimal
}

// arithmetic applies f to two numbers; dividing by zero gives nothing.
func (e *Evaluator) arithmetic(a, b Value, at int, f func(x, y number) Value) ([]Value, error) {
	if !isNumeric(&a) || !isNumeric(&b) {
		return nil, errorAt(at, "two numbers are expected and %s and %s are there", a.kind, b.kind)
	}
	y := b.num()
	if y.sign() == 0 {
		return nil, nil
	}
	return e.result(f(a.num(), y), at)
}

// mostBits bounds numbers.
const mostBits = 4096

func (e *Evaluator) result(v Value, at int) ([]Value, error) {
	if v.number.coef != nil && (v.number.coef.BitLen() > mostBits || v.number.scale > mostScale) {
		return nil, errorAt(at, "the number becomes too long")
	}
	v.node, v.aside = none, none
	return e.push(v), nil
}

const mostText = 1 << 20

func (e *Evaluator) join(a, b string, at int) ([]Value, error) {
	if len(a)+len(b) > mostText {
		return nil, errorAt(at, "the text becomes too long")
	}
	if err := e.spend((len(a)+len(b))/64, at); err != nil {
		return nil, err
	}
	return e.push(text(a + b)), nil
}

// plus adds, or subtracts with a sign of -1: numbers, texts, quantities, and a
// duration to a date.
func (e *Evaluator) plus(a, b Value, sign int64, at int) ([]Value, error) {
	if isNumeric(&a) && isNumeric(&b) {
		return e.result(Value{kind: kindOf(a, b), number: a.num().add(b.num().mul(numberOf(sign)))}, at)
	}
	duration, isQuantity := b.quantity()
	if t, ok := a.temporal(); ok && isQuantity {
		m, ok := t.moment.plus(duration.number.mul(numberOf(sign)), duration.text)
		if !ok {
			return nil, nil
		}
		return e.push(when(t.kind, m)), nil
	}
	if a.kind == String && b.kind == String && sign > 0 {
		return e.join(a.str(), b.str(), at)
	}
	q, ok := a.quantity()
	if !ok || !isQuantity {
		return nil, errorAt(at, "%s and %s cannot be added or subtracted", a.kind, b.kind)
	}
	if !sameWord(q.text, duration.text) {
		x, y, ok := quantities(&a, &b)
		if !ok {
			return nil, nil
		}
		unit, _ := sameUnit(q.text)
		return e.result(Value{kind: Quantity, number: x.add(y.mul(numberOf(sign))), text: unit}, at)
	}
	return e.result(Value{kind: Quantity, number: q.number.add(duration.number.mul(numberOf(sign))), text: q.text}, at)
}

func (e *Evaluator) times(a, b Value, at int) ([]Value, error) {
	if isNumeric(&a) && isNumeric(&b) {
		return e.result(Value{kind: kindOf(a, b), number: a.num().mul(b.num())}, at)
	}
	q, okQ := toQuantity(&a)
	p, okP := toQuantity(&b)
	if !okQ || !okP {
		return nil, errorAt(at, "%s and %s cannot be multiplied", a.kind, b.kind)
	}
	unit := q.text
	switch {
	case unit == "1":
		unit = p.text
	case p.text != "1":
		unit += "." + p.text
	}
	return e.result(Value{kind: Quantity, number: q.number.mul(p.number), text: unit}, at)
}

func (e *Evaluator) over(a, b Value, at int) ([]Value, error) {
	if isNumeric(&a) && isNumeric(&b) {
		return e.arithmetic(a, b, at, func(x, y number) Value { return Value{kind: Decimal, number: x.divided(y)} })
	}
	q, okQ := toQuantity(&a)
	p, okP := toQuantity(&b)
	if !okQ || !okP {
		return nil, errorAt(at, "%s and %s cannot be divided", a.kind, b.kind)
	}
	if p.number.sign() == 0 {
		return nil, nil
	}
	unit := q.text
	switch {
	case unit == p.text:
		unit = "1"
	case p.text != "1":
		unit += "/" + p.text
	}
	return e.result(Value{kind: Quantity, number: q.number.divided(p.number), text: unit}, at)
}
