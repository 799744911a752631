// Package parquet writes tables in the Apache Parquet format
// (github.com/apache/parquet-format): [NewWriter] begins a file, Append… fill the row in
// the making, column by column, and [Writer.EndRow] ends it.
//
// Columns are optional or lists; values are plain, levels run-length encoded, pages
// compressed by Snappy, which every reader knows. Rows are gathered into groups of
// bounded size, so that memory does not grow with their number but for what the format
// keeps of each group, some 100 bytes a column.
//
// Its invariant: what is written before Close is no whole file, and after Close it is.
package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/s2"
)

// Kind is the type of a column's values.
type Kind uint8

// The kinds. The zero Kind is invalid.
const (
	Text    Kind = iota + 1 // UTF-8
	Bool                    // true or false
	Int32                   // 32 bits
	Int64                   // 64 bits
	Double                  // IEEE 754, 64 bits
	Instant                 // microseconds of Unix time, in UTC
)

// Column is one column.
type Column struct {
	Name string
	Kind Kind
	List bool // a cell is a list of values
}

const (
	// groupBytes and groupRows are when a group of rows is written.
	groupBytes = 8 << 20
	groupRows  = 1 << 18
)

// Writer writes one file. It is for one goroutine.
type Writer struct {
	w       io.Writer
	columns []column
	meta    [][2]string
	at      int64 // bytes written
	rows    int   // of the group in the making
	total   int64
	size    int
	groups  []group
	page    []byte
	err     error
}

// column is one column of the group in the making.
type column struct {
	Column
	values   []byte
	bools    int // number of bits in values
	def, rep levels
	left     int  // values of a list that are to come
	begun    bool // a value of this list was appended
	cells    int  // of the row in the making
	entries  int  // values and nulls
	maxDef   byte
}

// NewWriter begins a file with columns; meta are names and values that stand in its
// footer.
func NewWriter(w io.Writer, columns []Column, meta ...[2]string) *Writer {
	out := &Writer{w: w, meta: meta}
	for _, c := range columns {
		one := column{Column: c, maxDef: 1}
		if c.List {
			one.maxDef = 3
		}
		out.columns = append(out.columns, one)
	}
	out.write([]byte(magic))
	return out
}

const magic = "PAR1"

func (w *Writer) write(b []byte) {
	if w.err != nil || len(b) == 0 {
		return
	}
	n, err := w.w.Write(b)
	w.at += int64(n)
	if err != nil {
		w.err = fmt.Errorf("parquet: writing: %w", err)
	}
}

// next notes the levels of a value or null of a column.
func (w *Writer) next(c int, null bool) *column {
	col := &w.columns[c]
	def := col.maxDef
	if null {
		def--
	}
	if col.List {
		rep := byte(0)
		if col.begun {
			rep = 1
		}
		col.rep.add(rep)
		col.begun = true
		if col.left--; col.left == 0 {
			col.cells++
		}
	} else {
		col.cells++
	}
	col.def.add(def)
	col.entries++
	return col
}

// AppendList begins a cell of a list of n values, which are appended next.
func (w *Writer) AppendList(c, n int) {
	col := &w.columns[c]
	col.left, col.begun = n, false
	if n == 0 {
		col.cells++
		col.entries++
		col.rep.add(0)
		col.def.add(1)
	}
}

// AppendNull appends a cell, or a value of a list, that is not there.
func (w *Writer) AppendNull(c int) { w.next(c, true) }

// AppendText appends a text.
func (w *Writer) AppendText(c int, text []byte) {
	col := w.next(c, false)
	col.values = append(binary.LittleEndian.AppendUint32(col.values, uint32(len(text))), text...)
	w.size += 4 + len(text)
}

// AppendBool appends a truth value.
func (w *Writer) AppendBool(c int, v bool) {
	col := w.next(c, false)
	if col.bools%8 == 0 {
		col.values = append(col.values, 0)
		w.size++
	}
	if v {
		col.values[col.bools/8] |= 1 << (col.bools % 8)
	}
	col.bools++
}

// AppendInt appends a whole number, to a column of Int32, Int64 or Instant.
func (w *Writer) AppendInt(c int, v int64) {
	col := w.next(c, false)
	if col.Kind == Int32 {
		col.values = binary.LittleEndian.AppendUint32(col.values, uint32(int32(v)))
		w.size += 4
		return
	}
	col.values = binary.LittleEndian.AppendUint64(col.values, uint64(v))
	w.size += 8
}

// AppendDouble appends a number.
func (w *Writer) AppendDouble(c int, v float64) {
	col := w.next(c, false)
	col.values = binary.LittleEndian.AppendUint64(col.values, math.Float64bits(v))
	w.size += 8
}

var errRow = errors.New("parquet: a row has not one cell for each column")

// EndRow ends a row; every column has one cell more than before it.
func (w *Writer) EndRow() error {
	for i := range w.columns {
		if w.columns[i].cells != 1 || w.columns[i].left > 0 {
			w.err = errors.Join(w.err, errRow)
		}
		w.columns[i].cells = 0
	}
	w.rows++
	w.size += len(w.columns) / 4
	if w.size >= groupBytes || w.rows >= groupRows {
		w.flush()
	}
	return w.err
}

// group is what the footer says of a group of rows.
type group struct {
	rows   int
	chunks []chunk
}

type chunk struct {
	at, plain, packed int64
	entries           int
}

// flush writes the group in the making: a page for each column.
func (w *Writer) flush() {
	if w.rows == 0 || w.err != nil {
		return
	}
	g := group{rows: w.rows}
	for i := range w.columns {
		g.chunks = append(g.chunks, w.chunk(&w.columns[i]))
	}
	w.groups = append(w.groups, g)
	w.total += int64(w.rows)
	w.rows, w.size = 0, 0
}

func (w *Writer) chunk(c *column) chunk {
	w.page = w.page[:0]
	if c.List {
		w.page = c.rep.appendTo(w.page)
	}
	w.page = append(c.def.appendTo(w.page), c.values...)
	packed := s2.EncodeSnappy(nil, w.page)
	out := chunk{at: w.at, plain: int64(len(w.page)), packed: int64(len(packed)), entries: c.entries}
	head := pageHeader(len(w.page), len(packed), c.entries)
	out.plain += int64(len(head))
	out.packed += int64(len(head))
	w.write(head)
	w.write(packed)
	c.values, c.bools, c.entries = c.values[:0], 0, 0
	c.def.reset()
	c.rep.reset()
	return out
}

// Close writes what is left and the footer. It does not close the writer below.
func (w *Writer) Close() error {
	w.flush()
	foot := w.footer()
	w.write(foot)
	w.write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(foot))), magic...))
	return w.err
}

// levels are a run-length encoding of small numbers.
type levels struct {
	b    []byte
	last byte
	run  uint64
}

func (l *levels) add(v byte) {
	if v == l.last && l.run > 0 {
		l.run++
		return
	}
	l.end()
	l.last, l.run = v, 1
}

func (l *levels) end() {
	if l.run > 0 {
		l.b = append(binary.AppendUvarint(l.b, l.run<<1), l.last)
		l.run = 0
	}
}

func (l *levels) reset() { l.b, l.run = l.b[:0], 0 }

// appendTo appends the levels with their length. As none is above 255, each fills one
// byte whatever its width in bits.
func (l *levels) appendTo(b []byte) []byte {
	l.end()
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(l.b))), l.b...)
}
