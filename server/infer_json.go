package server

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"ember/aiaas"
)

// The data of tensors as JSON.

// nonFinite are the numbers that JSON has no form for, as clients of the Open
// Inference Protocol write them all the same.
var nonFinite = map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}

// nonFiniteMark is before them in JSON that was mended, so that no text is taken
// for one.
const nonFiniteMark = "\x00"

// quoteNonFinite makes them strings, so that the rest can be read as JSON.
func quoteNonFinite(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/4)
	for i := 0; i < len(text); {
		n := 1
		switch c := text[i]; {
		case c == '"':
			n = stringLength(text[i:])
		case c == 'N' || c == 'I' || c == '-':
			if word := word(text[i:]); word != "" {
				out = append(append(append(out, `"\u0000`...), word...), '"')
				i += len(word)
				continue
			}
		}
		out = append(out, text[i:i+n]...)
		i += n
	}
	return out
}

// stringLength is how many bytes a JSON string has that b begins with.
func stringLength(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// word is the number that is none which b begins with, "" without one.
func word(b []byte) string {
	for w := range nonFinite {
		if len(b) > len(w) && string(b[:len(w)]) == w && slices.Contains([]byte(",] \t\r\n"), b[len(w)]) {
			return w
		}
	}
	return ""
}

// parse reads data from JSON: flat, or nested as the shape says.
func (t *inferTensor) parse(out *aiaas.Tensor, n int) error {
	var v any
	if len(t.Data) == 0 || json.Unmarshal(t.Data, &v) != nil {
		return badTensor(t.Name, "it has no data")
	}
	list, ok := v.([]any)
	if !ok {
		return badTensor(t.Name, "the data is no list")
	}
	depth := depthOf(list)
	if shape := shapeOf(list); depth > 1 && !slices.Equal(shape, t.Shape) {
		return badTensor(t.Name, "the data is nested as %v, the shape is %v", shape[:min(len(shape), mostDimensions)], t.Shape)
	}
	if depth == 1 && len(list) != n {
		return badTensor(t.Name, "%d elements for the shape %v, which has %d", len(list), t.Shape, n)
	}
	shape := t.Shape
	if depth == 1 {
		shape = []int{n}
	}
	return t.gather(list, shape, out)
}

// mostDimensions are told of a shape that is wrong.
const mostDimensions = 8

// shapeOf is how a list is nested, as its first elements have it.
func shapeOf(list []any) []int {
	shape := []int{len(list)}
	for len(list) > 0 {
		inner, ok := list[0].([]any)
		if !ok {
			break
		}
		shape, list = append(shape, len(inner)), inner
	}
	return shape
}

func depthOf(list []any) int { return len(shapeOf(list)) }

// gather takes the elements of a list that is nested as shape.
func (t *inferTensor) gather(list []any, shape []int, out *aiaas.Tensor) error {
	if len(list) != shape[0] {
		return badTensor(t.Name, "a list of %d where the shape %v has %d", len(list), t.Shape, shape[0])
	}
	for _, e := range list {
		inner, nested := e.([]any)
		switch {
		case nested != (len(shape) > 1):
			return badTensor(t.Name, "the data is not nested as the shape %v", t.Shape)
		case nested:
			if err := t.gather(inner, shape[1:], out); err != nil {
				return err
			}
		case !t.add(e, out):
			return badTensor(t.Name, "an element is no %s", t.Datatype)
		}
	}
	return nil
}

// integers are the least and the highest that a datatype holds.
var integers = map[string][2]float64{"UINT8": {0, math.MaxUint8}, "UINT16": {0, math.MaxUint16}, "UINT32": {0, math.MaxUint32}, "UINT64": {0, math.MaxUint64},
	"INT8": {math.MinInt8, math.MaxInt8}, "INT16": {math.MinInt16, math.MaxInt16}, "INT32": {math.MinInt32, math.MaxInt32}, "INT64": {math.MinInt64, math.MaxInt64},
	"BOOL": {0, 1}}

// add takes one element, unless it is none of the datatype.
func (t *inferTensor) add(e any, out *aiaas.Tensor) bool {
	if t.Datatype == aiaas.Bytes {
		text, ok := e.(string)
		out.Bytes = append(out.Bytes, []byte(text))
		_, number := nonFinite[strings.TrimPrefix(text, nonFiniteMark)]
		return ok && !(number && strings.HasPrefix(text, nonFiniteMark))
	}
	bounds, whole := integers[t.Datatype]
	x, ok := 0., true
	switch v := e.(type) {
	case float64:
		x, ok = v, !whole || v == math.Trunc(v) && v >= bounds[0] && v <= bounds[1]
	case bool:
		if ok = t.Datatype == "BOOL"; v {
			x = 1
		}
	case nil:
		x, ok = math.NaN(), !whole // JSON has no other way to say it
	case string:
		v, marked := strings.CutPrefix(v, nonFiniteMark)
		x, ok = nonFinite[v]
		ok = ok && marked && !whole
	default:
		ok = false
	}
	out.Floats = append(out.Floats, x)
	return ok
}

// dataOf is a tensor's data as JSON; what is no finite number is null.
func dataOf(t *aiaas.Tensor) any {
	if t.Datatype == aiaas.Bytes {
		texts := make([]string, len(t.Bytes))
		for i, b := range t.Bytes {
			texts[i] = string(b)
		}
		return texts
	}
	b := []byte{'['}
	for i, v := range t.Floats {
		if i > 0 {
			b = append(b, ',')
		}
		if v = float64(float32(v)); math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, v, 'g', -1, 32)
		}
	}
	return json.RawMessage(append(b, ']'))
}
