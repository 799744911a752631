package path

import (
	"strconv"
	"strings"
)

// Kind is what a value is to FHIRPath.
type Kind uint8

// The kinds of values.
const (
	Boolean Kind = iota + 1
	String
	Integer
	Decimal
	Date
	DateTime
	Time
	Quantity
	// Element is anything with children, a resource among them.
	Element
	// Absent is a primitive without a value, which may have extensions.
	Absent
)

var kindNames = [...]string{"", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity", "element", "primitive without a value"}

// String is the name of the FHIRPath type.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Value is one item of a collection. It may lie in a [Document] and is then valid
// until the document's next Read.
type Value struct {
	kind   Kind
	truth  bool
	node   int32     // in doc
	aside  int32     // the node beside a primitive that holds its extensions
	doc    *Document // nil: computed
	typ    string    // FHIR type, where it is known
	text   string    // String; unit of a Quantity
	number number    // Integer, Decimal, Quantity
	moment moment    // Date, DateTime, Time
}

// Kind is what the value is.
func (v Value) Kind() Kind { return v.kind }

// value is a node as a value. Of what it holds only the kind is found here.
func (d *Document) value(i, aside int32, typ string) Value {
	v := Value{node: i, aside: aside, doc: d, typ: typ}
	if i == none {
		v.kind = Absent
		return v
	}
	switch d.nodes[i].shape {
	case isTrue, isFalse:
		v.kind, v.truth = Boolean, d.nodes[i].shape == isTrue
	case isNumber:
		v.kind = Integer
		if typ == "decimal" || strings.ContainsAny(string(d.raw(i)), ".eE") {
			v.kind = Decimal
		}
	case isString:
		v.kind = String
	case isNull:
		v.kind = Absent
	default:
		v.kind = Element
	}
	return v
}

func boolean(b bool) Value     { return Value{kind: Boolean, truth: b, node: none, aside: none} }
func text(s string) Value      { return Value{kind: String, text: s, node: none, aside: none} }
func whole(i int64) Value      { return Value{kind: Integer, number: numberOf(i), node: none, aside: none} }
func decimalOf(n number) Value { return Value{kind: Decimal, number: n, node: none, aside: none} }
func when(k Kind, m moment) Value {
	return Value{kind: k, moment: m, node: none, aside: none}
}

// str is the text of a String.
func (v *Value) str() string {
	if v.doc != nil && v.node != none {
		return v.doc.text(v.node)
	}
	return v.text
}

// num is the number of an Integer, Decimal or Quantity.
func (v *Value) num() number {
	if v.doc != nil && v.kind != Quantity {
		n, _ := parseNumber(string(v.doc.raw(v.node))) // the document's reader has checked it
		return n
	}
	return v.number
}

// temporal reads a date, time or dateTime, also from a string of a resource that
// has the form of one.
func (v *Value) temporal() (Value, bool) {
	switch v.kind {
	case Date, DateTime, Time:
		return *v, true
	case String:
		if v.doc == nil && v.typ == "" {
			return Value{}, false
		}
		raw := v.text
		if v.doc != nil {
			raw = string(v.doc.raw(v.node))
			raw = raw[1 : len(raw)-1]
		}
		k, m, ok := momentIn(raw, v.typ)
		return when(k, m), ok
	}
	return Value{}, false
}

// quantity reads a Quantity, also from an element that looks like one.
func (v *Value) quantity() (Value, bool) {
	switch {
	case v.kind == Quantity:
		return *v, true
	case v.kind != Element:
		return Value{}, false
	}
	d := v.doc
	i := d.member(v.node, "value")
	if i == none || d.nodes[i].shape != isNumber {
		return Value{}, false
	}
	n, _ := parseNumber(string(d.raw(i)))
	q := Value{kind: Quantity, number: n, node: none, aside: none, text: "1"}
	for _, name := range [...]string{"code", "unit"} {
		if u := d.member(v.node, name); u != none && d.nodes[u].shape == isString {
			q.text = d.text(u)
			break
		}
	}
	return q, true
}

// AppendJSON appends the value as JSON: a Quantity as a FHIR Quantity, an element
// as it is in its document.
func (v Value) AppendJSON(b []byte) []byte {
	if v.doc != nil && v.node != none {
		return append(b, v.doc.raw(v.node)...)
	}
	switch v.kind {
	case Boolean:
		return strconv.AppendBool(b, v.truth)
	case Integer, Decimal:
		return append(b, v.number.String()...)
	case String, Date, DateTime, Time:
		return appendQuoted(b, v.String())
	case Quantity:
		b = append(append(b, `{"value":`...), v.number.String()...)
		b = appendQuoted(append(b, `,"unit":`...), v.text)
		return append(b, '}')
	}
	return append(b, "null"...)
}

// String is the value in words, as toString() gives it.
func (v Value) String() string {
	switch v.kind {
	case Boolean:
		return strconv.FormatBool(v.truth)
	case String:
		return v.str()
	case Integer, Decimal:
		if v.doc != nil {
			return string(v.doc.raw(v.node))
		}
		return v.number.String()
	case Date, DateTime, Time:
		return v.moment.String()
	case Quantity:
		if _, ok := calendarUnits[v.text]; ok {
			return v.number.String() + " " + v.text
		}
		return v.number.String() + " '" + v.text + "'"
	case Element:
		return string(v.doc.raw(v.node))
	}
	return ""
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends a JSON string.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"', c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// Truth is the value of a Boolean.
func (v Value) Truth() bool { return v.kind == Boolean && v.truth }

// TypeOfResource is the resourceType of an element that is a resource, or "".
func (v Value) TypeOfResource() string {
	if v.kind != Element {
		return ""
	}
	if i := v.doc.member(v.node, "resourceType"); i != none && v.doc.nodes[i].shape == isString {
		return v.doc.text(i)
	}
	return ""
}
