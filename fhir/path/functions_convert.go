package path

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// conversions are toX and convertsToX.
var conversions = func() map[string]function {
	m := map[string]function{}
	for name, f := range map[string]func(v *Value) (Value, bool){
		"Boolean": toBoolean, "Integer": toInteger, "Decimal": toDecimal, "String": toString, "Quantity": toQuantityText,
		"Date": toMoment(Date), "DateTime": toMoment(DateTime), "Time": toMoment(Time),
	} {
		most := 0
		if name == "Quantity" {
			most = 1
		}
		m["to"+name] = function{0, most, converter(f, false)}
		m["convertsTo"+name] = function{0, most, converter(f, true)}
	}
	return m
}()

func converter(f func(v *Value) (Value, bool), test bool) func(*compiler, *tree, []step) (step, error) {
	return func(_ *compiler, t *tree, args []step) (step, error) {
		return func(e *Evaluator, in []Value) ([]Value, error) {
			v, ok, err := one(in, t.at)
			if err != nil || !ok {
				return nil, err
			}
			out, ok := f(&v)
			if ok && len(args) > 0 {
				unit, known, err := e.single(args[0], e.push(e.this), t.args[0].at)
				if err != nil || !known {
					return nil, err
				}
				out, ok = inUnit(out, unit.String())
			}
			switch {
			case test:
				return truthOf(ok).list(), nil
			case !ok:
				return nil, nil
			}
			return e.push(out), nil
		}, nil
	}
}

// inUnit converts a quantity.
func inUnit(q Value, unit string) (Value, bool) {
	if q.text == unit {
		return q, true
	}
	from, n := sameUnit(q.text)
	to, m := sameUnit(unit)
	if from != to {
		return q, false
	}
	q.number, q.text = q.number.mul(numberOf(n)).divided(numberOf(m)), unit
	return q, true
}

func toBoolean(v *Value) (Value, bool) {
	switch v.kind {
	case Boolean:
		return boolean(v.truth), true
	case Integer, Decimal:
		n := v.num()
		if n.cmp(numberOf(0)) == 0 || n.cmp(numberOf(1)) == 0 {
			return boolean(n.sign() == 1), true
		}
	case String:
		switch strings.ToLower(v.str()) {
		case "true", "t", "yes", "y", "1", "1.0":
			return boolean(true), true
		case "false", "f", "no", "n", "0", "0.0":
			return boolean(false), true
		}
	}
	return Value{}, false
}

var (
	wholeForm   = regexp.MustCompile(`^[+-]?\d{1,400}$`)
	decimalForm = regexp.MustCompile(`^[+-]?\d{1,400}(\.\d{1,400})?$`)
	unitForm    = regexp.MustCompile(`^([+-]?\d{1,400}(?:\.\d{1,400})?)\s*(?:'([^']+)'|([a-zA-Z]+))?$`)
)

func toInteger(v *Value) (Value, bool) {
	out := Value{kind: Integer, node: none, aside: none}
	switch v.kind {
	case Boolean:
		out.number = numberOf(0)
		if v.truth {
			out.number = numberOf(1)
		}
		return out, true
	case Integer:
		out.number = v.num()
		return out, true
	case String:
		s := v.str()
		if !wholeForm.MatchString(s) {
			return out, false
		}
		n, err := parseNumber(strings.TrimPrefix(s, "+"))
		out.number = n
		return out, err == nil && n.coef.IsInt64() && n.coef.Int64() == int64(int32(n.coef.Int64()))
	}
	return out, false
}

func toDecimal(v *Value) (Value, bool) {
	switch v.kind {
	case Decimal:
		return decimalOf(v.num()), true
	case String:
		s := v.str()
		if !decimalForm.MatchString(s) {
			return Value{}, false
		}
		n, err := parseNumber(strings.TrimPrefix(s, "+"))
		return decimalOf(n), err == nil
	}
	out, ok := toInteger(v)
	out.kind = Decimal
	return out, ok
}

func toString(v *Value) (Value, bool) {
	if v.kind == Element {
		q, ok := v.quantity()
		if !ok {
			return Value{}, false
		}
		return text(q.String()), true
	}
	return text(v.String()), true
}

func toQuantityText(v *Value) (Value, bool) {
	if q, ok := toQuantity(v); ok {
		return q, true
	}
	q := Value{kind: Quantity, text: "1", node: none, aside: none}
	switch v.kind {
	case Boolean:
		out, ok := toInteger(v)
		q.number = out.number
		return q, ok
	case String:
		s := v.str()
		if !utf8.ValidString(s) {
			return q, false
		}
		parts := unitForm.FindStringSubmatch(strings.TrimSpace(s))
		if parts == nil {
			return q, false
		}
		if parts[2] != "" {
			q.text = parts[2]
		} else if parts[3] != "" {
			if _, ok := calendarUnits[parts[3]]; !ok {
				return q, false
			}
			q.text = parts[3]
		}
		n, err := parseNumber(strings.TrimPrefix(parts[1], "+"))
		q.number = n
		return q, err == nil
	}
	return q, false
}

// toMoment converts to a date, dateTime or time.
func toMoment(to Kind) func(v *Value) (Value, bool) {
	return func(v *Value) (Value, bool) {
		t, ok := v.temporal()
		if v.kind == String && !ok {
			k, m, fits := momentIn(strings.TrimPrefix(v.str(), "@"), "")
			t, ok = when(k, m), fits
			if to == Time {
				m, fits = parseTime(strings.TrimPrefix(v.str(), "T"))
				t, ok = when(Time, m), fits
			}
		}
		if !ok {
			return Value{}, false
		}
		switch {
		case t.kind == to:
		case to == DateTime && t.kind == Date:
			t.kind = DateTime
		case to == Date && t.kind == DateTime:
			t.kind, t.moment.precision, t.moment.zone = Date, min(t.moment.precision, toDay), false
		default:
			return Value{}, false
		}
		return t, true
	}
}
