package view

import (
	"strconv"
	"time"

	"ember/fhir/path"
	"ember/parquet"
)

// kindOf is the type of a column of Parquet: that of the type declared, where that has
// one; dates stay texts, since FHIR's may be a year alone.
func kindOf(c Column) parquet.Kind {
	switch c.Type {
	case "boolean":
		return parquet.Bool
	case "integer", "positiveInt", "unsignedInt":
		return parquet.Int32
	case "integer64":
		return parquet.Int64
	case "decimal":
		return parquet.Double
	case "instant":
		return parquet.Instant
	}
	return parquet.Text
}

// newParquet begins a file.
func (t *Table) newParquet() *parquet.Writer {
	columns := make([]parquet.Column, len(t.columns))
	t.kinds = make([]parquet.Kind, len(t.columns))
	for i, c := range t.columns {
		t.kinds[i] = kindOf(c)
		columns[i] = parquet.Column{Name: c.Name, Kind: t.kinds[i], List: c.Collection}
	}
	return parquet.NewWriter(t.w, columns)
}

// parquetRow writes one row.
func (t *Table) parquetRow(row [][]path.Value) error {
	for i, values := range row {
		if t.columns[i].Collection {
			t.parquet.AppendList(i, len(values))
		} else if len(values) == 0 {
			t.parquet.AppendNull(i)
			continue
		} else {
			values = values[:1]
		}
		for k := range values {
			if !t.parquetValue(i, &values[k]) {
				return &Fault{Path: t.columns[i].at, Resource: "any", Text: "a value of the column \"" + t.columns[i].Name + "\" is not of the type " + t.columns[i].Type + " that is declared"}
			}
		}
	}
	return t.parquet.EndRow()
}

// parquetValue writes one value; false where it is not of the column's type.
func (t *Table) parquetValue(i int, v *path.Value) bool {
	if v.Kind() == path.Absent {
		t.parquet.AppendNull(i)
		return true
	}
	text := v.String()
	switch t.kinds[i] {
	case parquet.Bool:
		if v.Kind() != path.Boolean {
			return false
		}
		t.parquet.AppendBool(i, v.Truth())
	case parquet.Int32, parquet.Int64:
		size := 64
		if t.kinds[i] == parquet.Int32 {
			size = 32
		}
		n, err := strconv.ParseInt(text, 10, size)
		if err != nil {
			return false
		}
		t.parquet.AppendInt(i, n)
	case parquet.Double:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return false
		}
		t.parquet.AppendDouble(i, f)
	case parquet.Instant:
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return false
		}
		t.parquet.AppendInt(i, at.UnixMicro())
	default:
		b := []byte(text)
		if v.Kind() == path.Element || v.Kind() == path.Quantity {
			b = compact(nil, *v)
		}
		t.parquet.AppendText(i, b)
	}
	return true
}
