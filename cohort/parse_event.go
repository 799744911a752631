package cohort

import (
	"strconv"
	"strings"
)

func (p *parser) event(at place, name, mode string) (Event, error) {
	e := Event{Kind: fields[name], at: at, atWhich: p.here()}
	if t := p.peek(); t != nil && !t.quoted && t.text == "*" {
		p.i++
	} else {
		arg, err := p.argument(name)
		if err != nil {
			return e, err
		}
		if mode == "code" || mode == "under" {
			arg = p.url(arg)
		}
		switch mode {
		case "code":
			e.Code = arg
		case "under":
			e.Under = arg
		case "set":
			e.Set = arg
		case "class":
			e.Class = arg
		default:
			e.Text = arg
		}
	}
	if t := p.peek(); t != nil && !t.quoted && (strings.ContainsAny(t.text[:1], "<>=") || t.glued && t.text == ":") {
		e.atValue = p.here()
		r, unit, err := p.comparison(false)
		if err != nil {
			return e, err
		}
		e.Value = &Value{Range: *r, Unit: unit}
	}
	return e, p.modifiers(&e)
}

func (p *parser) modifiers(e *Event) error {
	for {
		t := p.peek()
		if t == nil || t.quoted {
			return nil
		}
		at := p.here()
		low := strings.ToLower(t.text)
		twice := func(set bool) error {
			if set {
				return at.fail("leave one of them", "%s stands twice", low)
			}
			p.i++
			return nil
		}
		var err error
		switch {
		case len(low) > 1 && low[0] == 'x' && allDigits(low[1:]):
			if err = twice(e.Count != 0); err == nil {
				if e.Count, err = strconv.Atoi(low[1:]); err != nil || e.Count < 1 {
					return at.fail("write x2 or more", "this is no number of events")
				}
			}
		case low == "within":
			if err = twice(e.Within != ""); err == nil {
				e.atWithin = p.here()
				e.Within, err = p.span()
			}
		case low == "last":
			if err = twice(e.Last != ""); err == nil {
				e.Last, err = p.span()
			}
		case low == "since":
			if err = twice(e.Since != ""); err == nil {
				e.Since, err = p.day()
			}
		case low == "until":
			if err = twice(e.Until != ""); err == nil {
				e.Until, err = p.day()
			}
		case low == "at":
			if err = twice(e.Age != nil); err != nil {
				return err
			}
			e.atAge = p.here()
			if !p.word("age") {
				return p.here().fail("write at age>=18", "age is missing after at")
			}
			p.word(":")
			e.Age, _, err = p.comparison(true)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == "" && len(s) < 10
}

func (p *parser) span() (string, error) {
	at, t := p.here(), p.peek()
	if t == nil {
		return "", at.fail("write a number and d, w, m or y, as in 30d", "a length of time is missing")
	}
	low := strings.ToLower(t.text)
	if _, ok := days(low); !ok || t.quoted {
		return "", at.fail("write a number and d, w, m or y, as in 30d", "this is no length of time")
	}
	p.i++
	return low, nil
}

func (p *parser) day() (string, error) {
	at, t := p.here(), p.peek()
	if t == nil {
		return "", at.fail("write YYYY-MM-DD", "a day is missing")
	}
	if _, ok := dayOf(t.text); !ok {
		return "", at.fail("write YYYY-MM-DD, as in 2024-03-31", "this is no day")
	}
	p.i++
	return t.text, nil
}

// comparison reads >9, >=9, <9, <=9, =9 or 9..12, after an optional colon, with the
// unit behind it unless it is an age.
func (p *parser) comparison(age bool) (*Range, string, error) {
	p.word(":")
	at, t := p.here(), p.peek()
	wrong := func() (*Range, string, error) {
		return nil, "", at.fail("write >9, >=9, <9, <=9, =9 or 9..12", "a comparison is missing here")
	}
	if t == nil || t.quoted {
		return wrong()
	}
	sign := ""
	if strings.ContainsAny(t.text[:1], "<>=") {
		sign = t.text
		p.i++
		if at, t = p.here(), p.peek(); t == nil || t.quoted {
			return nil, "", at.fail("write a number", "a number is missing after %s", sign)
		}
		if t.text == "-" { // a minus after a sign is part of the number
			p.i++
			if t = p.peek(); t == nil || !t.glued {
				return nil, "", at.fail("write a number", "a number is missing after %s", sign)
			}
			n := *t
			n.text = "-" + n.text
			t = &n
		}
	}
	low, rest, ok := number(t.text)
	if !ok {
		return nil, "", at.fail("write a number, as in >9.5", "this is no number")
	}
	p.i++
	r := &Range{}
	switch sign {
	case ">":
		r.Above = &low
	case ">=":
		r.AtLeast = &low
	case "<":
		r.Below = &low
	case "<=":
		r.AtMost = &low
	case "=", "==":
		high := low
		r.AtLeast, r.AtMost = &low, &high
	default:
		after, dots := strings.CutPrefix(rest, "..")
		if !dots {
			return wrong()
		}
		high, unit, ok := number(after)
		if !ok {
			return nil, "", at.fail("write 9..12", "the upper end is no number")
		}
		r.AtLeast, r.AtMost, rest = &low, &high, unit
	}
	if rest == "" && p.secondEnd(r) {
		high, after, ok := number(p.tokens[p.i+1].text)
		if !ok {
			return wrong()
		}
		rest = after
		if p.tokens[p.i].text == "<" {
			r.Below = &high
		} else {
			r.AtMost = &high
		}
		p.i += 2
	}
	if age {
		if rest != "" && rest != "y" {
			return nil, "", at.fail("ages are in years", "this is not understood as an age")
		}
		return r, "", nil
	}
	return r, p.unit(rest), nil
}

// secondEnd reports whether an upper end follows a lower one, as in >9<12.
func (p *parser) secondEnd(r *Range) bool {
	if r.Above == nil && (r.AtLeast == nil || r.AtMost != nil) || p.i+1 >= len(p.tokens) {
		return false
	}
	t := p.tokens[p.i]
	return t.glued && !t.quoted && (t.text == "<" || t.text == "<=")
}

// unit is what follows a number: glued to it, or the next word when that can be
// nothing else.
func (p *parser) unit(rest string) string {
	if rest != "" {
		return rest
	}
	t := p.peek()
	if t == nil || t.quoted && !t.glued {
		return ""
	}
	if t.quoted || !strings.ContainsAny(t.text[:1], "():<>=-") && !keyword(t.text) && !p.fieldFollows() {
		p.i++
		return t.text
	}
	return ""
}

// fieldFollows reports whether the next token is the name of a criterion.
func (p *parser) fieldFollows() bool {
	if p.i+1 >= len(p.tokens) {
		return false
	}
	next := p.tokens[p.i+1]
	return next.glued && !next.quoted && strings.ContainsAny(next.text[:1], ":<>=")
}

// exponent is the length of an exponent, as in 1e-3; 0 = there is none.
func exponent(s string) int {
	if s == "" || s[0] != 'e' && s[0] != 'E' {
		return 0
	}
	i := 1
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	digits := i
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == digits {
		return 0
	}
	return i
}

// number reads a decimal number at the beginning of a text.
func number(s string) (v float64, rest string, ok bool) {
	i := 0
	if strings.HasPrefix(s, "-") {
		i = 1
	}
	digits := i
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.' && !strings.HasPrefix(s[i:], "..")) {
		i++
	}
	if i == digits {
		return 0, s, false
	}
	i += exponent(s[i:])
	v, err := strconv.ParseFloat(s[:i], 64)
	return v, s[i:], err == nil
}
