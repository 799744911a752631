package path

import "strconv"

// form is what an expression is.
type form uint8

const (
	formLiteral form = iota + 1
	formEmpty
	formThis
	formIndex
	formTotal
	formConstant
	formMember // left.name
	formCall   // left.name(args)
	formItem   // left[args[0]]
	formUnary
	formBinary
	formType // left is name, left as name
)

// tree is a parsed expression. left is nil where the focus is meant.
type tree struct {
	form  form
	at    int
	name  string
	value Value
	left  *tree
	args  []*tree
}

const (
	mostNested = 200
	mostLength = 1 << 16
)

type parser struct {
	lexer lexer
	tok   token
	depth int
}

func parse(src string) (*tree, error) {
	if len(src) > mostLength {
		return nil, errorAt(mostLength, "the expression is longer than %d bytes", mostLength)
	}
	p := &parser{lexer: lexer{src: src}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	t, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokenEnd {
		return nil, p.unexpected("an operator or the end")
	}
	return t, nil
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lexer.next()
	return err
}

func (p *parser) unexpected(want string) error {
	switch p.tok.kind {
	case tokenEnd:
		return errorAt(p.tok.at, "the expression ends where %s is expected", want)
	case tokenText:
		return errorAt(p.tok.at, "a text stands where %s is expected", want)
	}
	return errorAt(p.tok.at, "%q stands where %s is expected", p.tok.text, want)
}

func (p *parser) is(symbol string) bool { return p.tok.kind == tokenSymbol && p.tok.text == symbol }

func (p *parser) expect(symbol string) error {
	if !p.is(symbol) {
		return p.unexpected("'" + symbol + "'")
	}
	return p.advance()
}

// operators by how tightly they bind.
var operators = map[string]int{
	"implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4,
	"=": 5, "~": 5, "!=": 5, "!~": 5, "<": 6, ">": 6, "<=": 6, ">=": 6, "|": 7, "is": 8, "as": 8,
	"+": 9, "-": 9, "&": 9, "*": 10, "/": 10, "div": 10, "mod": 10,
}

func (p *parser) operator() (string, int) {
	if p.tok.kind == tokenSymbol || p.tok.kind == tokenName && !p.tok.quoted {
		return p.tok.text, operators[p.tok.text]
	}
	return "", 0
}

func (p *parser) enter() error {
	if p.depth++; p.depth > mostNested {
		return errorAt(p.tok.at, "nested more than %d deep", mostNested)
	}
	return nil
}

// binary parses operators that bind more tightly than above.
func (p *parser) binary(above int) (*tree, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	left, err := p.unary()
	for n := 0; err == nil; n++ {
		name, level := p.operator()
		if level <= above {
			return left, nil
		}
		if n > 1000 {
			return nil, errorAt(p.tok.at, "more than 1000 operators in a row")
		}
		at := p.tok.at
		if err = p.advance(); err != nil {
			break
		}
		if name == "is" || name == "as" {
			var typ string
			if typ, err = p.typeName(); err == nil {
				left = &tree{form: formType, at: at, name: name, left: left, args: []*tree{{name: typ}}}
			}
			continue
		}
		var right *tree
		if right, err = p.binary(level); err == nil {
			left = &tree{form: formBinary, at: at, name: name, left: left, args: []*tree{right}}
		}
	}
	return nil, err
}

// typeName reads Quantity, FHIR.Quantity or System.String.
func (p *parser) typeName() (string, error) {
	if p.tok.kind != tokenName {
		return "", p.unexpected("the name of a type")
	}
	name := p.tok.text
	if err := p.advance(); err != nil {
		return "", err
	}
	if !p.is(".") || name != "FHIR" && name != "System" {
		return name, nil
	}
	if err := p.advance(); err != nil {
		return "", err
	}
	if p.tok.kind != tokenName {
		return "", p.unexpected("the name of a type")
	}
	name += "." + p.tok.text
	return name, p.advance()
}

func (p *parser) unary() (*tree, error) {
	if !p.is("+") && !p.is("-") {
		return p.chain()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	t := &tree{form: formUnary, at: p.tok.at, name: p.tok.text}
	if err := p.advance(); err != nil {
		return nil, err
	}
	var err error
	t.left, err = p.unary()
	return t, err
}

// chain parses a term with everything behind its points.
func (p *parser) chain() (*tree, error) {
	t, err := p.term()
	for n := 0; err == nil; n++ {
		if n > 1000 {
			return nil, errorAt(p.tok.at, "more than 1000 steps in a row")
		}
		switch {
		case p.is("."):
			if err = p.advance(); err == nil {
				t, err = p.invocation(t)
			}
		case p.is("["):
			item := &tree{form: formItem, at: p.tok.at, left: t}
			if err = p.advance(); err != nil {
				break
			}
			var index *tree
			if index, err = p.binary(0); err == nil {
				item.args = []*tree{index}
				t, err = item, p.expect("]")
			}
		default:
			return t, nil
		}
	}
	return nil, err
}

// invocation parses a member, a call, $this, $index or $total.
func (p *parser) invocation(left *tree) (*tree, error) {
	t := &tree{at: p.tok.at, name: p.tok.text, left: left}
	switch p.tok.kind {
	case tokenSpecial:
		forms := map[string]form{"this": formThis, "index": formIndex, "total": formTotal}
		if t.form = forms[p.tok.text]; t.form == 0 {
			return nil, errorAt(t.at, "there is $this, $index and $total")
		}
		if left != nil {
			return nil, errorAt(t.at, "$%s cannot follow a point", t.name)
		}
		return t, p.advance()
	case tokenName:
		t.form = formMember
	default:
		return nil, p.unexpected("the name of an element or function")
	}
	if err := p.advance(); err != nil || !p.is("(") {
		return t, err
	}
	t.form = formCall
	return t, p.arguments(t)
}

func (p *parser) arguments(t *tree) error {
	if err := p.advance(); err != nil {
		return err
	}
	if p.is(")") {
		return p.advance()
	}
	for {
		arg, err := p.binary(0)
		if err != nil {
			return err
		}
		t.args = append(t.args, arg)
		if p.is(",") {
			if err := p.advance(); err != nil {
				return err
			}
			continue
		}
		return p.expect(")")
	}
}

func (p *parser) term() (*tree, error) {
	t := &tree{form: formLiteral, at: p.tok.at, name: p.tok.text}
	var err error
	switch p.tok.kind {
	case tokenText:
		t.value = text(p.tok.text)
		return t, p.advance()
	case tokenNumber:
		return p.numeric(t)
	case tokenDate:
		if t.value, err = dateLiteral(p.tok); err != nil {
			return nil, err
		}
		return t, p.advance()
	case tokenConstant:
		t.form = formConstant
		return t, p.advance()
	case tokenName:
		if !p.tok.quoted && (p.tok.text == "true" || p.tok.text == "false") {
			t.value = boolean(p.tok.text == "true")
			return t, p.advance()
		}
		return p.invocation(nil)
	case tokenSpecial:
		return p.invocation(nil)
	}
	switch {
	case p.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		if t, err = p.binary(0); err != nil {
			return nil, err
		}
		return t, p.expect(")")
	case p.is("{"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		t.form = formEmpty
		return t, p.expect("}")
	}
	return nil, p.unexpected("a value or a path")
}

// numeric parses a number, or a quantity: 4 'mg', 3 days.
func (p *parser) numeric(t *tree) (*tree, error) {
	n, err := parseNumber(p.tok.text)
	if err != nil {
		return nil, errorAt(t.at, "%v", err)
	}
	t.value = decimalOf(n)
	if _, err := strconv.ParseInt(p.tok.text, 10, 64); err == nil {
		t.value.kind = Integer
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	unit := p.tok.kind == tokenText
	if p.tok.kind == tokenName && !p.tok.quoted {
		_, unit = calendarUnits[p.tok.text]
	}
	if !unit {
		return t, nil
	}
	t.value.kind, t.value.text = Quantity, p.tok.text
	return t, p.advance()
}

// dateLiteral reads what stands behind @: a date, a dateTime with its T, or T and
// a time.
func dateLiteral(t token) (Value, error) {
	s := t.text
	if len(s) > 0 && s[0] == 'T' {
		m, ok := parseTime(s[1:])
		if !ok {
			return Value{}, errorAt(t.at, "not a time, as @T14:30 is")
		}
		return when(Time, m), nil
	}
	if n := len(s); n > 0 && s[n-1] == 'T' {
		m, rest, ok := parseDate(s[:n-1])
		if !ok || rest != "" {
			return Value{}, errorAt(t.at, "not a dateTime, as @2015-02-04T14:30 is")
		}
		return when(DateTime, m), nil
	}
	k, m, ok := momentIn(s, "")
	if !ok || k == Time {
		return Value{}, errorAt(t.at, "not a date, as @2015-02-04 is")
	}
	return when(k, m), nil
}
