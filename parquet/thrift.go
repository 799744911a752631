package parquet

import "encoding/binary"

// compact writes Thrift's compact protocol (github.com/apache/thrift, doc/specs), as
// far as a footer needs it.
type compact struct {
	b    []byte
	last []int16 // field of each struct that is open
}

// Types of fields.
const (
	typeTrue   = 1
	typeI32    = 5
	typeI64    = 6
	typeBinary = 8
	typeList   = 9
	typeStruct = 12
)

func (c *compact) begin() { c.last = append(c.last, 0) }

func (c *compact) end() {
	c.b = append(c.b, 0)
	c.last = c.last[:len(c.last)-1]
}

// field begins a field; ids go up within a struct, by less than 16.
func (c *compact) field(id int16, typ byte) {
	top := len(c.last) - 1
	c.b = append(c.b, byte(id-c.last[top])<<4|typ)
	c.last[top] = id
}

func (c *compact) varint(v int64) { c.b = binary.AppendVarint(c.b, v) } // zigzag

func (c *compact) i32(id int16, v int) {
	c.field(id, typeI32)
	c.varint(int64(v))
}

func (c *compact) i64(id int16, v int64) {
	c.field(id, typeI64)
	c.varint(v)
}

func (c *compact) text(s string) {
	c.b = append(binary.AppendUvarint(c.b, uint64(len(s))), s...)
}

func (c *compact) str(id int16, s string) {
	c.field(id, typeBinary)
	c.text(s)
}

func (c *compact) list(id int16, typ byte, n int) {
	c.field(id, typeList)
	if n < 15 {
		c.b = append(c.b, byte(n)<<4|typ)
		return
	}
	c.b = binary.AppendUvarint(append(c.b, 0xf0|typ), uint64(n))
}

// open begins a struct that is a field.
func (c *compact) open(id int16) {
	c.field(id, typeStruct)
	c.begin()
}

// empty is a struct without fields.
func (c *compact) empty(id int16) {
	c.open(id)
	c.end()
}
