package path

import (
	"math"
	"strconv"
)

// ofNumber is a function of one number.
func ofNumber(f func(e *Evaluator, v Value, at int) ([]Value, error)) function {
	return plain(func(e *Evaluator, in []Value, at int) ([]Value, error) {
		v, ok, err := one(in, at)
		if err != nil || !ok {
			return nil, err
		}
		if !isNumeric(&v) && v.kind != Quantity {
			return nil, errorAt(at, "a number is expected and %s is there", v.kind)
		}
		return f(e, v, at)
	})
}

func wholeOf(f func(n number) number) function {
	return ofNumber(func(e *Evaluator, v Value, at int) ([]Value, error) {
		return e.result(Value{kind: Integer, number: f(v.num())}, at)
	})
}

func real(f func(x float64) float64) function {
	return ofNumber(func(e *Evaluator, v Value, at int) ([]Value, error) { return e.real(f(v.num().float()), at) })
}

// real is a floating-point result; what is no number is nothing.
func (e *Evaluator) real(x float64, at int) ([]Value, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, nil
	}
	n, err := parseNumber(strconv.FormatFloat(x, 'g', 15, 64))
	if err != nil {
		return nil, errorAt(at, "%v", err)
	}
	return e.result(decimalOf(n), at)
}

// mathFunctions are about numbers.
var mathFunctions = map[string]function{
	"abs": ofNumber(func(e *Evaluator, v Value, at int) ([]Value, error) {
		n := v.num()
		if n.sign() < 0 {
			n = n.neg()
		}
		return e.result(Value{kind: v.kind, number: n, text: v.text}, at)
	}),
	"ceiling":  wholeOf(func(n number) number { return n.neg().floor().neg() }),
	"floor":    wholeOf(number.floor),
	"truncate": wholeOf(func(n number) number { return n.quo(numberOf(1)) }),
	"exp":      real(math.Exp),
	"ln":       real(math.Log),
	"sqrt":     real(math.Sqrt),
	"log": withNumber(1, func(e *Evaluator, v, base Value, _ bool, at int) ([]Value, error) {
		return e.real(math.Log(v.num().float())/math.Log(base.num().float()), at)
	}),
	"power": withNumber(1, power),
	"round": withNumber(0, func(e *Evaluator, v, digits Value, given bool, at int) ([]Value, error) {
		n := int64(0)
		if given {
			if digits.kind != Integer || !digits.num().coef.IsInt64() {
				return nil, errorAt(at, "round() takes how many digits, from 0")
			}
			n = digits.num().coef.Int64()
		}
		if n < 0 || n > mostScale {
			return nil, errorAt(at, "round() takes how many digits, from 0")
		}
		return e.result(decimalOf(v.num().round(int(n))), at)
	}),
}

// withNumber is a function of a number and another one.
func withNumber(least int, f func(e *Evaluator, v, arg Value, given bool, at int) ([]Value, error)) function {
	return function{least, 1, func(_ *compiler, t *tree, args []step) (step, error) {
		return func(e *Evaluator, in []Value) ([]Value, error) {
			v, ok, err := one(in, t.at)
			if err != nil || !ok {
				return nil, err
			}
			var arg Value
			if len(args) > 0 {
				var known bool
				if arg, known, err = e.single(args[0], e.push(e.this), t.args[0].at); err != nil || !known {
					return nil, err
				}
			}
			if !isNumeric(&v) || len(args) > 0 && !isNumeric(&arg) {
				return nil, errorAt(t.at, "%s() is there for numbers", t.name)
			}
			return f(e, v, arg, len(args) > 0, t.at)
		}, nil
	}}
}

func power(e *Evaluator, v, by Value, _ bool, at int) ([]Value, error) {
	x, y := v.num(), by.num()
	if by.kind == Integer && y.sign() >= 0 && y.coef.IsInt64() {
		n := y.coef.Int64()
		if int64(x.coef.BitLen())*n > mostBits || int64(x.scale)*n > mostScale {
			return nil, errorAt(at, "the number becomes too long")
		}
		out := numberOf(1)
		for range n {
			out = out.mul(x)
			if x.coef.BitLen() < 2 && x.scale == 0 && n > 2 {
				// 0, 1 and -1 only depend on whether n is odd.
				if n%2 == 0 {
					out = x.mul(x)
				} else {
					out = x
				}
				break
			}
		}
		return e.result(Value{kind: v.kind, number: out}, at)
	}
	return e.real(math.Pow(x.float(), y.float()), at)
}
