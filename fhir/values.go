package fhir

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Form says what a [Value] is.
type Form uint8

// The forms of values. The zero Form is invalid.
const (
	// Coded: System and Code, Text the display. Identifiers are so, too.
	Coded Form = iota + 1
	// Word: Code, of an element whose system is not in the resource.
	Word
	// Said: Text alone, beside or without codes.
	Said
	// Time: from First to Last.
	Time
	// Line: Text.
	Line
	// Pointer: Code is a literal reference as it stands in the resource.
	Pointer
	// Named: a reference by identifier: System and Code.
	Named
	// Amount: from Low to High, Code the unit's code in System, Text the unit.
	Amount
	// Address: Code is a URI.
	Address
)

// Value is one value of a resource for a search parameter. Its texts are parts of
// the resource where nothing had to be unescaped.
type Value struct {
	Param              *Param
	Form               Form
	System, Code, Text []byte
	Kind               []byte // an identifier's type, as it lies
	First, Last        int64  // milliseconds of Unix time, both included
	Low, High          float64
}

// The ends of time: a period without one of its ends.
const (
	Earliest = math.MinInt64
	Latest   = math.MaxInt64
)

// Extractor reads the values of resources for search parameters. It is reused;
// not safe for concurrent use.
type Extractor struct {
	values []Value
	want   uint64
}

// Values are those of a resource for the parameters, or for all of its type's when
// none is named. They are overwritten by the next call.
func (x *Extractor) Values(typ string, raw []byte, params ...*Param) []Value {
	x.values, x.want = x.values[:0], 0
	for _, p := range params {
		x.want |= p.bit
	}
	if len(params) == 0 {
		x.want = math.MaxUint64
	}
	x.walk(&cursor{b: raw}, paramsOf(typ).root)
	if typ == "Patient" {
		x.alive()
	}
	return x.values
}

// alive gives who is not said to be dead the value that the parameter has for them: it is
// false where nothing is recorded.
func (x *Extractor) alive() {
	p := FindParam("Patient", "deceased")
	if p == nil || p.bit&x.want == 0 {
		return
	}
	for i := range x.values {
		if x.values[i].Param == p {
			return
		}
	}
	x.add(Value{Param: p, Form: Word, Code: []byte("false")})
}

// walk reads the value at the cursor, which the element stands for.
func (x *Extractor) walk(c *cursor, e *element) {
	c.i = skipSpace(c.b, c.i)
	if c.i < len(c.b) && c.b[c.i] == '[' {
		for ok := c.first(); ok && !c.broken; ok = c.more() {
			x.walk(c, e)
		}
		return
	}
	if len(e.leaves) > 0 {
		start := c.i
		raw := c.raw()
		x.leavesOf(e, raw)
		if len(e.children) == 0 || c.broken {
			return
		}
		c = &cursor{b: c.b[:c.i], i: start}
	}
	if c.i >= len(c.b) || c.b[c.i] != '{' {
		c.skip()
		return
	}
	for k := c.open(); k != nil; k = c.next() {
		if child := e.children[string(k)]; child != nil {
			x.walk(c, child)
		} else {
			c.skip()
		}
	}
}

// leavesOf reads an element for all parameters that look at it: once, where they are
// tokens without conditions, as the values are the same.
func (x *Extractor) leavesOf(e *element, raw []byte) {
	from, to := -1, -1
	for i := range e.leaves {
		l := &e.leaves[i]
		if l.param.bit&x.want == 0 {
			continue
		}
		plain := l.param.Type == TokenParam && l.key == ""
		if plain && from >= 0 {
			for _, v := range x.values[from:to] {
				v.Param = l.param
				x.add(v)
			}
			continue
		}
		at := len(x.values)
		x.leaf(l, raw)
		if plain {
			from, to = at, len(x.values)
		}
	}
}

// leaf reads the values of an element for a parameter.
func (x *Extractor) leaf(l *leaf, raw []byte) {
	if len(raw) == 0 || raw[0] == 'n' || l.key != "" && field(raw, l.key) != l.must {
		return
	}
	switch l.param.Type {
	case TokenParam:
		x.token(l, raw)
	case DateParam:
		x.date(l.param, raw)
	case StringParam:
		x.lines(l.param, raw)
	case ReferenceParam:
		x.reference(l.param, raw)
	case QuantityParam:
		x.amount(l.param, raw)
	case NumberParam:
		if v, err := strconv.ParseFloat(string(raw), 64); err == nil {
			x.add(Value{Param: l.param, Form: Amount, Low: v, High: v})
		}
	case URIParam:
		if raw[0] == '"' {
			x.add(Value{Param: l.param, Form: Address, Code: stringOf(raw)})
		}
	}
}

func (x *Extractor) add(v Value) { x.values = append(x.values, v) }

func stringOf(raw []byte) []byte { return (&cursor{b: raw}).bytes() }

// field is the string that an object has under a key, "" for none.
func field(raw []byte, key string) string {
	c := cursor{b: raw}
	for k := c.open(); k != nil; k = c.next() {
		if string(k) == key {
			return string(c.bytes())
		}
		c.skip()
	}
	return ""
}

func (x *Extractor) token(l *leaf, raw []byte) {
	switch {
	case raw[0] == '{':
		x.coded(l, raw)
	case l.name == "deceasedDateTime":
		x.add(Value{Param: l.param, Form: Word, Code: []byte("true")})
	case raw[0] == '"':
		x.add(Value{Param: l.param, Form: Word, Code: stringOf(raw)})
	default:
		x.add(Value{Param: l.param, Form: Word, Code: raw})
	}
}

// coded reads a CodeableConcept, Coding, Identifier or ContactPoint.
func (x *Extractor) coded(l *leaf, raw []byte) {
	c := cursor{b: raw}
	v := Value{Param: l.param, Form: Coded}
	var said []byte
	for k := c.open(); k != nil; k = c.next() {
		switch string(k) {
		case "coding":
			for ok := c.first(); ok && !c.broken; ok = c.more() {
				x.coded(l, c.raw())
			}
		case "text":
			said = c.bytes()
		case "system":
			v.System = c.bytes()
		case "code", "value":
			v.Code = c.bytes()
		case "display":
			v.Text = c.bytes()
		case "type":
			v.Kind = c.raw()
			v.Text = conceptText(v.Kind)
		default:
			c.skip()
		}
	}
	if l.name == "telecom" {
		v.System, v.Form = nil, Word
	}
	switch {
	case len(v.Code) > 0 || len(v.System) > 0:
		x.add(v)
	case len(v.Text) > 0:
		x.add(Value{Param: l.param, Form: Said, Text: v.Text})
	}
	if len(said) > 0 {
		x.add(Value{Param: l.param, Form: Said, Text: said})
	}
}

// conceptText is the text of a CodeableConcept.
func conceptText(raw []byte) []byte {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	return []byte(field(raw, "text"))
}

// date reads a date, a Period or a Timing.
func (x *Extractor) date(p *Param, raw []byte) {
	if raw[0] == '"' {
		if first, last, ok := Interval(stringOf(raw)); ok {
			x.add(Value{Param: p, Form: Time, First: first, Last: last})
		}
		return
	}
	if raw[0] != '{' {
		return
	}
	c := cursor{b: raw}
	v := Value{Param: p, Form: Time, First: Earliest, Last: Latest}
	some := false
	for k := c.open(); k != nil; k = c.next() {
		switch string(k) {
		case "start":
			first, _, ok := Interval(c.bytes())
			if ok {
				v.First, some = first, true
			}
		case "end":
			_, last, ok := Interval(c.bytes())
			if ok {
				v.Last, some = last, true
			}
		case "event":
			for ok := c.first(); ok && !c.broken; ok = c.more() {
				if event := c.raw(); len(event) > 0 && event[0] == '"' {
					x.date(p, event)
				}
			}
		case "repeat":
			x.repeat(p, c.raw())
		default:
			c.skip()
		}
	}
	if some {
		x.add(v)
	}
}

// repeat reads the bounds of a Timing.
func (x *Extractor) repeat(p *Param, raw []byte) {
	c := cursor{b: raw}
	for k := c.open(); k != nil; k = c.next() {
		if string(k) != "boundsPeriod" {
			c.skip()
		} else if bounds := c.raw(); len(bounds) > 0 && bounds[0] == '{' {
			x.date(p, bounds)
		}
	}
}

// Interval is the time that a FHIR date, dateTime or instant of any precision
// stands for, in milliseconds of Unix time, both ends included.
func Interval(b []byte) (first, last int64, ok bool) {
	m, ok := parseMoment(b)
	if !ok {
		return 0, 0, false
	}
	first, last = m.first.UnixMilli(), m.last.UnixMilli()
	switch {
	case len(b) <= 10:
		last += 999
	case bytes.IndexByte(b, '.') >= 0:
	case len(b) > 16 && b[16] == ':':
		last += 999
	default:
		last += 59_999
	}
	return first, last, true
}

// lines reads a string, or the parts of a HumanName or an Address.
func (x *Extractor) lines(p *Param, raw []byte) {
	switch raw[0] {
	case '"':
		if text := stringOf(raw); len(text) > 0 {
			x.add(Value{Param: p, Form: Line, Text: text})
		}
	case '[':
		c := cursor{b: raw}
		for ok := c.first(); ok && !c.broken; ok = c.more() {
			if part := c.raw(); len(part) > 0 {
				x.lines(p, part)
			}
		}
	case '{':
		c := cursor{b: raw}
		for k := c.open(); k != nil; k = c.next() {
			switch string(k) {
			case "text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "postalCode", "country", "display", "coding":
				if part := c.raw(); len(part) > 0 {
					x.lines(p, part)
				}
			default:
				c.skip()
			}
		}
	}
}

func (x *Extractor) reference(p *Param, raw []byte) {
	if raw[0] == '"' { // a canonical
		x.add(Value{Param: p, Form: Pointer, Code: stringOf(raw)})
		return
	}
	v := Value{Param: p, Form: Pointer}
	var typ, ident []byte
	c := cursor{b: raw}
	for k := c.open(); k != nil; k = c.next() {
		switch string(k) {
		case "reference":
			v.Code = c.bytes()
		case "type":
			typ = c.bytes()
		case "identifier":
			ident = c.raw()
		case "display":
			v.Text = c.bytes()
		default:
			c.skip()
		}
	}
	if len(v.Code) > 0 && points(p, v.Code) {
		x.add(v)
	}
	if len(ident) > 0 && ident[0] == '{' && (len(typ) == 0 || aims(p, typ)) && (len(v.Code) == 0 || points(p, v.Code)) {
		x.add(Value{Param: p, Form: Named, System: []byte(field(ident, "system")), Code: []byte(field(ident, "value")), Text: v.Text})
	}
}

// points reports whether a literal reference can be one of the parameter's, as
// far as it tells its type.
func points(p *Param, ref []byte) bool {
	if len(p.Targets) == 0 {
		return true
	}
	if i := bytes.IndexByte(ref, '/'); i > 0 && typeName(ref[:i]) { // relative, as most are
		return aims(p, ref[:i])
	}
	r := ParseReference(string(ref))
	return r.Type == "" || aims(p, r.Type)
}

func aims[T string | []byte](p *Param, typ T) bool {
	for _, t := range p.Targets {
		if t == string(typ) {
			return true
		}
	}
	return len(p.Targets) == 0
}

// amount reads a Quantity, or a Range of them.
func (x *Extractor) amount(p *Param, raw []byte) {
	if raw[0] != '{' {
		return
	}
	v := Value{Param: p, Form: Amount, Low: math.Inf(-1), High: math.Inf(1)}
	some := false
	var comparator []byte
	c := cursor{b: raw}
	for k := c.open(); k != nil; k = c.next() {
		switch string(k) {
		case "value":
			var n float64
			if n, some = c.number(); some {
				v.Low, v.High = n, n
			}
		case "comparator":
			comparator = c.bytes()
		case "unit":
			v.Text = c.bytes()
		case "system":
			v.System = c.bytes()
		case "code", "currency":
			v.Code = c.bytes()
		case "low", "high":
			x.bound(&v, string(k) == "low", c.raw())
			some = true
		default:
			c.skip()
		}
	}
	switch {
	case !some:
		return
	case len(comparator) > 0 && comparator[0] == '<':
		v.Low = math.Inf(-1)
	case len(comparator) > 0 && comparator[0] == '>':
		v.High = math.Inf(1)
	}
	x.add(v)
}

// bound reads one end of a Range.
func (x *Extractor) bound(v *Value, low bool, raw []byte) {
	at := len(x.values)
	x.amount(v.Param, raw)
	if len(x.values) == at {
		return
	}
	end := x.values[at]
	x.values = x.values[:at]
	v.System, v.Code, v.Text = end.System, end.Code, end.Text
	if low {
		v.Low = end.Low
	} else {
		v.High = end.High
	}
}

// Fold is text as strings are compared: in lower case and without accents.
func Fold(text []byte) []byte {
	ascii := true
	for _, b := range text {
		ascii = ascii && b < utf8.RuneSelf
	}
	if ascii {
		return bytes.ToLower(text)
	}
	out := make([]byte, 0, len(text))
	for _, r := range norm.NFKD.String(strings.ToLower(string(text))) {
		if r < 0x300 || r > 0x36f { // combining marks
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}
