package parquet

// Numbers of parquet.thrift.
const (
	physicalBool, physicalInt32, physicalInt64, physicalDouble, physicalBytes = 0, 1, 2, 5, 6

	optional, repeated = 1, 2

	convertedText, convertedList, convertedMicros = 0, 3, 10

	encodingPlain, encodingRLE = 0, 3
	snappy                     = 1
)

func (k Kind) physical() int {
	switch k {
	case Bool:
		return physicalBool
	case Int32:
		return physicalInt32
	case Int64, Instant:
		return physicalInt64
	case Double:
		return physicalDouble
	}
	return physicalBytes
}

// pageHeader is a PageHeader of a data page.
func pageHeader(plain, packed, entries int) []byte {
	var c compact
	c.begin()
	c.i32(1, 0) // DATA_PAGE
	c.i32(2, plain)
	c.i32(3, packed)
	c.open(5)
	c.i32(1, entries)
	c.i32(2, encodingPlain)
	c.i32(3, encodingRLE)
	c.i32(4, encodingRLE)
	c.end()
	c.end()
	return c.b
}

// footer is the FileMetaData.
func (w *Writer) footer() []byte {
	var c compact
	c.begin()
	c.i32(1, 1)
	w.schema(&c)
	c.i64(3, w.total)
	c.list(4, typeStruct, len(w.groups))
	for i := range w.groups {
		w.group(&c, &w.groups[i])
	}
	if len(w.meta) > 0 {
		c.list(5, typeStruct, len(w.meta))
		for _, m := range w.meta {
			c.begin()
			c.str(1, m[0])
			c.str(2, m[1])
			c.end()
		}
	}
	c.str(6, "ember")
	c.end()
	return c.b
}

// schema is a root with the columns; a list is a group of a repeated group of elements.
func (w *Writer) schema(c *compact) {
	n := 1
	for i := range w.columns {
		if n++; w.columns[i].List {
			n += 2
		}
	}
	c.list(2, typeStruct, n)
	c.begin()
	c.str(4, "table")
	c.i32(5, len(w.columns))
	c.end()
	for i := range w.columns {
		col := &w.columns[i]
		name := col.Name
		if col.List {
			c.begin()
			c.i32(3, optional)
			c.str(4, name)
			c.i32(5, 1)
			c.i32(6, convertedList)
			c.open(10)
			c.empty(3)
			c.end()
			c.end()
			c.begin()
			c.i32(3, repeated)
			c.str(4, "list")
			c.i32(5, 1)
			c.end()
			name = "element"
		}
		leaf(c, name, col.Kind)
	}
}

func leaf(c *compact, name string, k Kind) {
	c.begin()
	c.i32(1, k.physical())
	c.i32(3, optional)
	c.str(4, name)
	switch k {
	case Text:
		c.i32(6, convertedText)
		c.open(10)
		c.empty(1)
		c.end()
	case Instant:
		c.i32(6, convertedMicros)
		c.open(10)
		c.open(8)
		c.field(1, typeTrue) // adjusted to UTC
		c.open(2)
		c.empty(2) // microseconds
		c.end()
		c.end()
		c.end()
	}
	c.end()
}

func (w *Writer) group(c *compact, g *group) {
	c.begin()
	c.list(1, typeStruct, len(g.chunks))
	var size int64
	for i, ch := range g.chunks {
		col := &w.columns[i]
		size += ch.plain
		c.begin()
		c.i64(2, ch.at)
		c.open(3)
		c.i32(1, col.Kind.physical())
		c.list(2, typeI32, 2)
		c.varint(encodingPlain)
		c.varint(encodingRLE)
		path := []string{col.Name}
		if col.List {
			path = append(path, "list", "element")
		}
		c.list(3, typeBinary, len(path))
		for _, p := range path {
			c.text(p)
		}
		c.i32(4, snappy)
		c.i64(5, int64(ch.entries))
		c.i64(6, ch.plain)
		c.i64(7, ch.packed)
		c.i64(9, ch.at)
		c.end()
		c.end()
	}
	c.i64(2, size)
	c.i64(3, int64(g.rows))
	c.end()
}
