// Package path evaluates FHIRPath over FHIR JSON as it lies in bytes: [Compile]
// makes an [Expression] of a text, [Document] reads a resource once without decoding
// it, and [Expression.Eval] gives a collection of [Value].
//
// It follows FHIRPath N1 with the functions that FHIR and SQL on FHIR add, without
// what needs a server (resolve, memberOf). Elements are typed where the name of a
// choice or the form of a value tells the type; there is no model of all resources.
//
// Invariant: an expression is a pure function of the resource, its constants and the
// moment that is handed in; errors name places and never values.
package path

import (
	"time"
)

// Options are what an expression may refer to beyond the resource.
type Options struct {
	// Constants are the values of %name.
	Constants map[string]Value
	// RowIndex allows %rowIndex, which is [Evaluator.RowIndex].
	RowIndex bool
}

// Expression is a compiled expression, for concurrent use with an Evaluator each.
type Expression struct {
	step    step
	returns Kind
	indexed bool
	src     string
}

// UsesRowIndex reports whether %rowIndex is in it.
func (x *Expression) UsesRowIndex() bool { return x.indexed }

// String is the text it was made of.
func (e *Expression) String() string { return e.src }

// Returns is the kind of value it gives, 0 where only the data tells.
func (e *Expression) Returns() Kind { return e.returns }

// Compile reads an expression. Errors are of type [*Error].
func Compile(src string, opt Options) (*Expression, error) {
	t, err := parse(src)
	if err != nil {
		return nil, err
	}
	c := compiler{opt: opt}
	s, err := c.compile(t)
	if err != nil {
		return nil, err
	}
	return &Expression{s, returns(t), c.indexed, src}, nil
}

// Evaluator holds what one evaluation after another needs. Not for concurrent use.
type Evaluator struct {
	// Now is what now() and today() give.
	Now time.Time
	// RowIndex is %rowIndex.
	RowIndex int

	root  Value
	this  Value
	index int
	total []Value
	stack []Value
	steps int

	variables map[string][]Value
}

// Begin takes up a resource; values given before are no longer valid.
func (e *Evaluator) Begin(root Value) {
	if cap(e.stack) > keptStack {
		e.stack = nil
	}
	e.root, e.stack, e.steps, e.variables = root, e.stack[:0], 0, nil
}

// Eval gives what the expression finds from one value on. The collection is valid
// until the next Begin.
func (x *Expression) Eval(e *Evaluator, focus Value) ([]Value, error) {
	base := len(e.stack)
	e.stack = append(e.stack, focus)
	e.this, e.index, e.total = focus, 0, nil
	return x.step(e, e.stack[base:base+1:base+1])
}

// EvalEmpty gives what the expression finds where there is nothing.
func (x *Expression) EvalEmpty(e *Evaluator) ([]Value, error) { return x.step(e, nil) }

// keptStack is how many values' room is kept from resource to resource.
const keptStack = 1 << 14

// mostSteps bounds the work of one resource.
const mostSteps = 2_000_000

// spend counts work done.
func (e *Evaluator) spend(n int, at int) error {
	if e.steps += n + 1; e.steps > mostSteps {
		return errorAt(at, "the expression does too much work on one resource")
	}
	return nil
}

// constant values, for those who declare them.

// Text is a String with a FHIR type.
func Text(s, typ string) Value { v := text(s); v.typ = typ; return v }

// Bool is a Boolean.
func Bool(b bool) Value { return boolean(b) }

// Number reads a decimal, or an integer if it is written as one and may be one.
func Number(s string, whole bool) (Value, error) {
	n, err := parseNumber(s)
	v := decimalOf(n)
	if whole && err == nil {
		if n.scale != 0 {
			return v, errNumber
		}
		v.kind = Integer
	}
	return v, err
}

// Moment reads a date, dateTime, instant or time of FHIR.
func Moment(s, typ string) (Value, bool) {
	k, m, ok := momentIn(s, typ)
	v := when(k, m)
	v.typ = typ
	return v, ok && (typ != "date" || k == Date)
}
