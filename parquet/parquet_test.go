package parquet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"

	"ember/parquet"
)

// thrift reads Thrift's compact protocol into maps by field.
type thrift struct{ b []byte }

func (r *thrift) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.b = r.b[n:]
	return v
}

func (r *thrift) value(typ byte) any {
	switch typ {
	case 1, 2:
		return typ == 1
	case 5, 6:
		v := r.uvarint()
		return int(v>>1) ^ -int(v&1)
	case 8:
		n := r.uvarint()
		s := string(r.b[:n])
		r.b = r.b[n:]
		return s
	case 9:
		head := r.b[0]
		r.b = r.b[1:]
		n := uint64(head >> 4)
		if n == 15 {
			n = r.uvarint()
		}
		list := []any{}
		for range n {
			list = append(list, r.value(head&15))
		}
		return list
	case 12:
		out, id := map[int]any{}, 0
		for {
			head := r.b[0]
			if r.b = r.b[1:]; head == 0 {
				return out
			}
			id += int(head >> 4)
			out[id] = r.value(head & 15)
		}
	}
	panic("type " + fmt.Sprint(typ))
}

// levelsOf reads run-length encoded levels with their length.
func levelsOf(b []byte, n int) (levels []byte, rest []byte) {
	size := binary.LittleEndian.Uint32(b)
	r := thrift{b[4 : 4+size]}
	for len(levels) < n {
		run := r.uvarint()
		for range run >> 1 {
			levels = append(levels, r.b[0])
		}
		r.b = r.b[1:]
	}
	return levels, b[4+size:]
}

// read is a file as rows of cells: nil, a value, or a list.
func read(t *testing.T, b []byte) (rows [][]any, meta map[int]any) {
	t.Helper()
	if !bytes.HasPrefix(b, []byte("PAR1")) || !bytes.HasSuffix(b, []byte("PAR1")) {
		t.Fatal("no magic")
	}
	size := int(binary.LittleEndian.Uint32(b[len(b)-8:]))
	foot := thrift{b[len(b)-8-size : len(b)-8]}
	meta = foot.value(12).(map[int]any)
	for _, g := range meta[4].([]any) {
		group := g.(map[int]any)
		n := group[3].(int)
		from := len(rows)
		for range n {
			rows = append(rows, nil)
		}
		for _, c := range group[1].([]any) {
			m := c.(map[int]any)[3].(map[int]any)
			cells := cellsOf(t, b, m)
			if len(cells) != n {
				t.Fatalf("%d cells in a group of %d rows", len(cells), n)
			}
			for i, cell := range cells {
				rows[from+i] = append(rows[from+i], cell)
			}
		}
	}
	if len(rows) != meta[3].(int) {
		t.Errorf("%d rows, told %v", len(rows), meta[3])
	}
	return rows, meta
}

func cellsOf(t *testing.T, b []byte, m map[int]any) (cells []any) {
	t.Helper()
	r := thrift{b[m[9].(int):]}
	head := r.value(12).(map[int]any)
	page, err := s2.Decode(nil, r.b[:head[3].(int)])
	if err != nil || len(page) != head[2].(int) {
		t.Fatal(len(page), head, err)
	}
	n := head[5].(map[int]any)[1].(int)
	list := len(m[3].([]any)) == 3
	rep := make([]byte, n)
	if list {
		rep, page = levelsOf(page, n)
	}
	def, values := levelsOf(page, n)
	bit := 0
	next := func() (v any) {
		switch m[1].(int) {
		case 0:
			v = values[bit/8]>>(bit%8)&1 == 1
			bit++
		case 1:
			v, values = int64(int32(binary.LittleEndian.Uint32(values))), values[4:]
		case 2:
			v, values = int64(binary.LittleEndian.Uint64(values)), values[8:]
		case 5:
			v, values = math.Float64frombits(binary.LittleEndian.Uint64(values)), values[8:]
		case 6:
			k := binary.LittleEndian.Uint32(values)
			v, values = string(values[4:4+k]), values[4+k:]
		}
		return v
	}
	for i := range n {
		switch {
		case !list && def[i] == 0:
			cells = append(cells, nil)
		case !list:
			cells = append(cells, next())
		case def[i] == 1:
			cells = append(cells, []any{})
		default:
			var v any
			if def[i] == 3 {
				v = next()
			}
			if rep[i] == 0 {
				cells = append(cells, []any{})
			}
			last := len(cells) - 1
			cells[last] = append(cells[last].([]any), v)
		}
	}
	return cells
}

// TestReadsBack writes every kind of column over several groups and reads it by a
// reader of its own. The same bytes are read by pyarrow and DuckDB (docs/guide/bulk.md).
func TestReadsBack(t *testing.T) {
	var out bytes.Buffer
	w := parquet.NewWriter(&out, []parquet.Column{{"id", parquet.Text, false}, {"n", parquet.Int32, false}, {"big", parquet.Int64, false}, {"v", parquet.Double, false},
		{"b", parquet.Bool, false}, {"t", parquet.Instant, false}, {"l", parquet.Text, true}, {"lb", parquet.Bool, true}}, [2]string{"mode", "none"})
	var want [][]any
	for i := range 40_000 {
		row := []any{nil, nil, nil, nil, nil, nil, []any{}, []any{}}
		if i%7 == 0 {
			for c := range 6 {
				w.AppendNull(c)
			}
			w.AppendList(6, 0)
			w.AppendList(7, 0)
		} else {
			row = []any{fmt.Sprint("ä", i, strings.Repeat(" x", 150)), int64(-i), int64(i) << 33, float64(i) / 4, i%3 == 0, int64(i), []any{}, []any{i%2 == 0}}
			w.AppendText(0, []byte(row[0].(string)))
			w.AppendInt(1, row[1].(int64))
			w.AppendInt(2, row[2].(int64))
			w.AppendDouble(3, row[3].(float64))
			w.AppendBool(4, row[4].(bool))
			w.AppendInt(5, row[5].(int64))
			w.AppendList(6, i%4)
			for k := range i % 4 {
				if k == 2 {
					w.AppendNull(6)
					row[6] = append(row[6].([]any), nil)
				} else {
					w.AppendText(6, []byte("x"))
					row[6] = append(row[6].([]any), "x")
				}
			}
			w.AppendList(7, 1)
			w.AppendBool(7, i%2 == 0)
		}
		want = append(want, row)
		if err := w.EndRow(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, meta := read(t, out.Bytes())
	if !reflect.DeepEqual(got, want) {
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("row %d: %v, want %v", i, got[i], want[i])
			}
		}
	}
	if groups := len(meta[4].([]any)); groups < 2 {
		t.Errorf("%d groups", groups)
	}
	if kv := meta[5].([]any)[0].(map[int]any); kv[1] != "mode" || kv[2] != "none" {
		t.Errorf("%v", kv)
	}
}

func TestNoRows(t *testing.T) {
	var out bytes.Buffer
	w := parquet.NewWriter(&out, []parquet.Column{{"a", parquet.Text, false}})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if rows, _ := read(t, out.Bytes()); len(rows) != 0 {
		t.Error(rows)
	}
}

func TestUnevenRows(t *testing.T) {
	for name, fill := range map[string]func(*parquet.Writer){
		"none":          func(*parquet.Writer) {},
		"two":           func(w *parquet.Writer) { w.AppendNull(0); w.AppendNull(0); w.AppendList(1, 0) },
		"a list to end": func(w *parquet.Writer) { w.AppendNull(0); w.AppendList(1, 2); w.AppendNull(1) },
	} {
		w := parquet.NewWriter(&bytes.Buffer{}, []parquet.Column{{"a", parquet.Text, false}, {"l", parquet.Text, true}})
		fill(w)
		if w.EndRow() == nil || w.Close() == nil {
			t.Errorf("%s: a row that is none is taken", name)
		}
	}
}

type full struct{ n int }

func (f *full) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, errors.New("full")
	}
	return len(b), nil
}

func TestFaultsBelow(t *testing.T) {
	w := parquet.NewWriter(&full{100}, []parquet.Column{{"a", parquet.Text, false}})
	w.AppendText(0, []byte(strings.Repeat("random? no", 1000)))
	_ = w.EndRow()
	if w.Close() == nil {
		t.Error("what was not written is no fault")
	}
}

func BenchmarkRows(b *testing.B) {
	w := parquet.NewWriter(&full{1 << 60}, []parquet.Column{{"id", parquet.Text, false}, {"v", parquet.Double, false}, {"code", parquet.Text, false}})
	id := []byte("3fb1a1b0-57a8-4a2f-9b1a-000000000000")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		binary.BigEndian.PutUint32(id[24:], uint32(i))
		w.AppendText(0, id)
		w.AppendDouble(1, float64(i))
		w.AppendText(2, []byte("2345-7"))
		if err := w.EndRow(); err != nil {
			b.Fatal(err)
		}
	}
}
