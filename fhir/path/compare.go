package path

import (
	"strings"
	"unicode"
)

// truth is three-valued: unknown is the empty collection.
type truth uint8

const (
	unknown truth = iota
	no
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// equal is = of two values.
func equal(a, b *Value) truth {
	if x, y, ok := moments(a, b); ok {
		if x.kind != y.kind && (x.kind == Time || y.kind == Time) {
			return no
		}
		order, known := x.moment.compare(y.moment)
		switch {
		case !known:
			return unknown
		default:
			return truthOf(order == 0)
		}
	}
	switch {
	case isNumeric(a) && isNumeric(b):
		return truthOf(compareNumbers(a, b) == 0)
	case a.kind == Quantity || b.kind == Quantity:
		return equalQuantities(a, b)
	case a.kind != b.kind:
		return no
	case a.kind == Boolean:
		return truthOf(a.truth == b.truth)
	case a.kind == String:
		return truthOf(a.str() == b.str())
	case a.kind == Element:
		return truthOf(deepEqual(a.doc, a.node, b.doc, b.node))
	}
	return truthOf(a.kind == Absent && a.doc == b.doc && a.node == b.node && a.aside == b.aside)
}

func isNumeric(v *Value) bool { return v.kind == Integer || v.kind == Decimal }

func compareNumbers(a, b *Value) int { return a.num().cmp(b.num()) }

// moments gives both as dates or times, where one is known to be one: texts of unknown
// type are compared as texts.
func moments(a, b *Value) (x, y Value, ok bool) {
	if !isTemporal(a) && !isTemporal(b) || a.kind == Element || b.kind == Element {
		return x, y, false
	}
	if x, ok = a.temporal(); !ok {
		return x, y, false
	}
	y, ok = b.temporal()
	return x, y, ok
}

func isTemporal(v *Value) bool {
	switch v.kind {
	case Date, DateTime, Time:
		return true
	}
	switch v.typ {
	case "date", "dateTime", "instant", "time":
		return v.kind == String
	}
	return false
}

// quantities gives both as quantities of one unit.
func quantities(a, b *Value) (x, y number, ok bool) {
	q, ok := toQuantity(a)
	if !ok {
		return x, y, false
	}
	p, ok := toQuantity(b)
	if !ok {
		return x, y, false
	}
	u, uf := sameUnit(q.text)
	w, wf := sameUnit(p.text)
	if u != w {
		return x, y, false
	}
	return q.number.mul(numberOf(uf)), p.number.mul(numberOf(wf)), true
}

func toQuantity(v *Value) (Value, bool) {
	if isNumeric(v) {
		return Value{kind: Quantity, number: v.num(), text: "1", node: none, aside: none}, true
	}
	return v.quantity()
}

// sameUnit names a unit by the smallest one that it is a whole number of.
func sameUnit(unit string) (string, int64) {
	if word, ok := calendarUnits[unit]; ok {
		unit = word
	} else if word, ok := ucumUnits[unit]; ok {
		unit = word
	}
	switch unit {
	case "year":
		return "month", 12
	case "week":
		return "millisecond", 7 * 86400000
	case "day":
		return "millisecond", 86400000
	case "hour":
		return "millisecond", 3600000
	case "minute":
		return "millisecond", 60000
	case "second":
		return "millisecond", 1000
	}
	return masses(unit)
}

// masses and volumes that are whole numbers of one another.
func masses(unit string) (string, int64) {
	switch unit {
	case "kg":
		return "ug", 1e9
	case "g":
		return "ug", 1e6
	case "mg":
		return "ug", 1e3
	case "m":
		return "um", 1e6
	case "cm":
		return "um", 1e4
	case "mm":
		return "um", 1e3
	case "L", "l":
		return "uL", 1e6
	case "dL", "dl":
		return "uL", 1e5
	case "mL", "ml":
		return "uL", 1e3
	}
	return unit, 1
}

// sameWord reports whether two units are written alike, or are forms of one word.
func sameWord(a, b string) bool {
	word, ok := calendarUnits[a]
	return a == b || ok && word == calendarUnits[b]
}

// aboutUnits are the UCUM units of a mean year and month, which are equivalent to the
// words and not equal to them.
var aboutUnits = map[string]string{"a": "year", "mo": "month"}

// about is the quantity with a word for its unit where one is equivalent.
func (v *Value) about() Value {
	q, _ := toQuantity(v)
	if word, ok := aboutUnits[q.text]; ok {
		q.text = word
	}
	return q
}

func equalQuantities(a, b *Value) truth {
	if a.kind != Quantity && a.kind != Element && !isNumeric(a) || b.kind != Quantity && b.kind != Element && !isNumeric(b) {
		return no
	}
	x, y, ok := quantities(a, b)
	if !ok {
		return unknown
	}
	return truthOf(x.cmp(y) == 0)
}

// deepEqual compares two nodes member by member, whatever their order.
func deepEqual(d *Document, i int32, e *Document, j int32) bool {
	a, b := &d.nodes[i], &e.nodes[j]
	switch {
	case a.shape == isNumber && b.shape == isNumber:
		x, _ := parseNumber(string(d.raw(i)))
		y, _ := parseNumber(string(e.raw(j)))
		return x.cmp(y) == 0
	case a.shape != b.shape:
		return false
	case a.shape == isString:
		return d.text(i) == e.text(j)
	case a.shape == isArray:
		x, y := a.first, b.first
		for ; x != none && y != none; x, y = d.nodes[x].next, e.nodes[y].next {
			if !deepEqual(d, x, e, y) {
				return false
			}
		}
		return x == y
	case a.shape == isObject:
		n := 0
		for x := a.first; x != none; x = d.nodes[x].next {
			y := e.member(j, string(d.name(&d.nodes[x])))
			if y == none || !deepEqual(d, x, e, y) {
				return false
			}
			n++
		}
		for y := b.first; y != none; y = e.nodes[y].next {
			n--
		}
		return n == 0
	}
	return true
}

// equivalent is ~ of two values: it always knows.
func equivalent(a, b *Value) bool {
	if x, y, ok := moments(a, b); ok {
		order, known := x.moment.compare(y.moment)
		return known && order == 0 && (x.kind == y.kind || x.kind != Time && y.kind != Time)
	}
	switch {
	case isNumeric(a) && isNumeric(b):
		x, y := a.num(), b.num()
		digits := min(x.trim().scale, y.trim().scale)
		return x.round(digits).cmp(y.round(digits)) == 0
	case a.kind == String && b.kind == String:
		return normal(a.str()) == normal(b.str())
	case a.kind == Element && b.kind == Element:
		return equivalentElements(a, b)
	case a.kind == Quantity || b.kind == Quantity:
		x, y := a.about(), b.about()
		return x.kind == Quantity && y.kind == Quantity && equalQuantities(&x, &y) == yes
	}
	return equal(a, b) == yes
}

// normal is a text for comparison without case and kind of white space.
func normal(s string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, s))
}

// equivalentElements compares members as collections; ids do not count.
func equivalentElements(a, b *Value) bool {
	n := 0
	for x := a.doc.nodes[a.node].first; x != none; x = a.doc.nodes[x].next {
		name := string(a.doc.name(&a.doc.nodes[x]))
		if name == "id" {
			continue
		}
		y := b.doc.member(b.node, name)
		if y == none || !equivalentSets(a.doc.items(nil, x, name), b.doc.items(nil, y, name)) {
			return false
		}
		n++
	}
	for y := b.doc.nodes[b.node].first; y != none; y = b.doc.nodes[y].next {
		if string(b.doc.name(&b.doc.nodes[y])) != "id" {
			n--
		}
	}
	return n == 0
}

// equivalentSets compares two collections without their order.
func equivalentSets(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	used := make([]bool, len(b))
next:
	for i := range a {
		for j := range b {
			if !used[j] && equivalent(&a[i], &b[j]) {
				used[j] = true
				continue next
			}
		}
		return false
	}
	return true
}

// equalLists is = of two collections, which are not empty.
func equalLists(a, b []Value) truth {
	if len(a) != len(b) {
		return no
	}
	out := yes
	for i := range a {
		switch equal(&a[i], &b[i]) {
		case no:
			return no
		case unknown:
			out = unknown
		}
	}
	return out
}

// compare orders two values; comparable is false where their kinds cannot be
// ordered, known is false where it is not known.
func compare(a, b *Value) (order int, known, comparable bool) {
	if x, y, ok := moments(a, b); ok {
		if x.kind == y.kind || x.kind != Time && y.kind != Time {
			order, known = x.moment.compare(y.moment)
			return order, known, true
		}
		return 0, false, false
	}
	switch {
	case isNumeric(a) && isNumeric(b):
		return compareNumbers(a, b), true, true
	case a.kind == String && b.kind == String:
		return strings.Compare(a.str(), b.str()), true, true
	}
	if _, ok := toQuantity(a); !ok {
		return 0, false, false
	}
	if _, ok := toQuantity(b); !ok {
		return 0, false, false
	}
	x, y, ok := quantities(a, b)
	if !ok {
		return 0, false, true
	}
	return x.cmp(y), true, true
}
