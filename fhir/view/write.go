package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"ember/fhir/path"
	"ember/parquet"
)

// Format is how rows are written.
type Format uint8

// The formats.
const (
	// NDJSON is one object a line.
	NDJSON Format = iota + 1
	// CSV has a first line with names, as RFC 4180 says; null is an empty cell.
	CSV
	// JSON is one array of objects.
	JSON
	// Parquet is a file of Apache Parquet; columns have the types that are declared,
	// and those of dates, which may be a year alone, are texts.
	Parquet
)

// ParseFormat reads ndjson, csv, json or parquet, or the media type of one.
func ParseFormat(s string) (Format, error) {
	name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), ";")
	switch strings.TrimSpace(name) {
	case "ndjson", "application/x-ndjson", "application/ndjson", "application/fhir+ndjson":
		return NDJSON, nil
	case "csv", "text/csv":
		return CSV, nil
	case "json", "application/json", "application/fhir+json":
		return JSON, nil
	case "parquet", "application/vnd.apache.parquet":
		return Parquet, nil
	}
	return 0, fmt.Errorf("view: there are the formats ndjson, csv, json and parquet")
}

// MediaType is what HTTP calls it.
func (f Format) MediaType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8"
	case JSON:
		return "application/json"
	case Parquet:
		return "application/vnd.apache.parquet"
	}
	return "application/x-ndjson"
}

// Table writes rows in a format. Not for concurrent use.
type Table struct {
	w       io.Writer
	format  Format
	columns []Column
	names   [][]byte // the member's name as JSON, with what stands before it
	buf     []byte
	rows    int
	header  bool
	parquet *parquet.Writer
	kinds   []parquet.Kind // of its columns
}

// flushFrom is how much is written at once.
const flushFrom = 32 << 10

// NewTable begins a table; header is about the first line of CSV.
func NewTable(w io.Writer, v *View, f Format, header bool) *Table {
	t := &Table{w: w, format: f, columns: v.columns, header: header}
	for i, c := range v.columns {
		before := `,"`
		if i == 0 {
			before = `{"`
		}
		t.names = append(t.names, []byte(before+c.Name+`":`))
	}
	switch {
	case f == Parquet:
		t.parquet = t.newParquet()
	case f == JSON:
		t.buf = append(t.buf, '[')
	case f == CSV && header:
		for i, c := range v.columns {
			if i > 0 {
				t.buf = append(t.buf, ',')
			}
			t.buf = append(t.buf, c.Name...)
		}
		t.buf = append(t.buf, "\r\n"...)
	}
	return t
}

// Rows is how many rows were written.
func (t *Table) Rows() int { return t.rows }

// Row writes one row.
func (t *Table) Row(row [][]path.Value) error {
	if t.parquet != nil {
		t.rows++
		return t.parquetRow(row)
	}
	t.buf = t.Append(t.buf, row)
	t.rows++
	if len(t.buf) < flushFrom {
		return nil
	}
	return t.flush()
}

func (t *Table) flush() error {
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

// Close ends the table and writes what is left. It does not close the writer.
func (t *Table) Close() error {
	if t.parquet != nil {
		return t.parquet.Close()
	}
	if t.format == JSON {
		t.buf = append(t.buf, "]\n"...)
	}
	return t.flush()
}

// Append appends one row in the format, which is not Parquet.
func (t *Table) Append(b []byte, row [][]path.Value) []byte {
	if t.format == CSV {
		for i := range row {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendCell(b, row[i], t.columns[i].Collection)
		}
		return append(b, "\r\n"...)
	}
	if t.format == JSON && t.rows > 0 {
		b = append(b, ",\n"...)
	}
	for i := range row {
		b = append(b, t.names[i]...)
		b = appendValues(b, row[i], t.columns[i].Collection)
	}
	b = append(b, '}')
	if t.format == NDJSON {
		b = append(b, '\n')
	}
	return b
}

// appendValues appends a cell as JSON.
func appendValues(b []byte, values []path.Value, collection bool) []byte {
	if !collection {
		if len(values) == 0 {
			return append(b, "null"...)
		}
		return compact(b, values[0])
	}
	b = append(b, '[')
	for i := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = compact(b, values[i])
	}
	return append(b, ']')
}

// compact appends a value on one line.
func compact(b []byte, v path.Value) []byte {
	from := len(b)
	b = v.AppendJSON(b)
	if v.Kind() != path.Element || bytes.IndexByte(b[from:], '\n') < 0 {
		return b
	}
	var one bytes.Buffer
	if json.Compact(&one, b[from:]) != nil {
		return b
	}
	return append(b[:from], one.Bytes()...)
}

// appendCell appends a cell of CSV, in quotes where it needs them. Collections and
// elements are JSON.
func appendCell(b []byte, values []path.Value, collection bool) []byte {
	var text string
	switch {
	case collection:
		if len(values) > 0 {
			text = string(appendValues(nil, values, true))
		}
	case len(values) == 0 || values[0].Kind() == path.Absent:
		return b
	case values[0].Kind() == path.Element || values[0].Kind() == path.Quantity:
		text = string(compact(nil, values[0]))
	default:
		text = values[0].String()
		if text == "" {
			return append(b, `""`...)
		}
	}
	if !strings.ContainsAny(text, "\",\r\n") && strings.TrimSpace(text) == text {
		return append(b, text...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(text, `"`, `""`)...)
	return append(b, '"')
}
