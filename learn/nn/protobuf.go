package nn

import (
	"encoding/binary"
	"math"
)

// message is a protocol buffer being written: fields by number, in the order of
// the calls.
type message []byte

const (
	varint   = 0
	fixed32  = 5
	embedded = 2
)

func (m *message) key(field, kind int) {
	*m = binary.AppendUvarint(*m, uint64(field)<<3|uint64(kind))
}

func (m *message) int(field int, v int64) {
	m.key(field, varint)
	*m = binary.AppendUvarint(*m, uint64(v))
}

func (m *message) float(field int, v float32) {
	m.key(field, fixed32)
	*m = binary.LittleEndian.AppendUint32(*m, math.Float32bits(v))
}

func (m *message) bytes(field int, v []byte) {
	m.key(field, embedded)
	*m = binary.AppendUvarint(*m, uint64(len(v)))
	*m = append(*m, v...)
}

func (m *message) string(field int, v string) { m.bytes(field, []byte(v)) }

// Kinds of numbers and of attributes, as ONNX numbers them.
const (
	onnxFloat = 1
	onnxInt32 = 6
	onnxInt64 = 7
	onnxBool  = 9

	attributeFloat  = 1
	attributeInt    = 2
	attributeString = 3
	attributeInts   = 7
)

// attribute is a setting of a node.
type attribute struct {
	name  string
	value any // float32, int, string, []int
}

func (a attribute) encode() message {
	var m message
	m.string(1, a.name)
	switch v := a.value.(type) {
	case float32:
		m.float(2, v)
		m.int(20, attributeFloat)
	case int:
		m.int(3, int64(v))
		m.int(20, attributeInt)
	case string:
		m.string(4, v)
		m.int(20, attributeString)
	case []int:
		for _, i := range v {
			m.int(8, int64(i))
		}
		m.int(20, attributeInts)
	}
	return m
}

// constant encodes an array of float32, int32 or int64.
func constant[T float32 | int32 | int64](name string, kind int, shape []int, values []T) message {
	var m message
	for _, d := range shape {
		m.int(1, int64(d))
	}
	m.int(2, int64(kind))
	m.string(8, name)
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		switch v := any(v).(type) {
		case float32:
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		case int32:
			raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
		case int64:
			raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
		}
	}
	m.bytes(9, raw)
	return m
}

// port encodes an input or output; its first dimension is named n.
func port(name string, kind int, shape []int) message {
	var dims message
	dim := func(field int, put func(d *message)) {
		var d message
		put(&d)
		dims.bytes(field, d)
	}
	dim(1, func(d *message) { d.string(2, "n") })
	for _, n := range shape {
		dim(1, func(d *message) { d.int(1, int64(n)) })
	}
	var tensor, typ, m message
	tensor.int(1, int64(kind))
	tensor.bytes(2, dims)
	typ.bytes(1, tensor)
	m.string(1, name)
	m.bytes(2, typ)
	return m
}
