package aiaas

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ReadNDJSON reads one object a line. Fields of objects within become columns
// with a dot; a list of numbers, or of such lists, is a series, null a gap in it;
// a FHIR SampledData is a series too, and so are those of an Observation's
// components, as channels. A list of texts is one of classes or words.
func ReadNDJSON(ctx context.Context, name string, r io.Reader, s Schema, l Limits) (*Dataset, error) {
	l = l.filled()
	lines := bufio.NewScanner(&bounded{r: r, left: l.Bytes, name: name})
	lines.Buffer(make([]byte, 0, 1<<16), l.Field)
	t := newTable(name, s, l)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if len(line) == 0 {
			continue
		}
		if n%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p := Place{File: name, Line: n}
		if err := t.row(p); err != nil {
			return nil, err
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		var object map[string]any
		if err := d.Decode(&object); err != nil || object == nil {
			return nil, fmt.Errorf("aiaas: %s: not a JSON object", p)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("aiaas: %s: more than one JSON object", p)
		}
		if err := t.object(p, "", object, 0); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, fmt.Errorf("aiaas: %s:%d: longer than %d bytes", name, len(t.places)+1, l.Field)
		}
		return nil, csvError(name, err)
	}
	return t.dataset()
}

// object puts the fields of an object, in order of their names.
func (t *table) object(p Place, prefix string, object map[string]any, depth int) error {
	if depth > 8 {
		return fmt.Errorf("aiaas: %s: objects within objects, more than 8 deep", p)
	}
	for _, name := range sortedKeys(object) {
		value, key := object[name], prefix+name
		if o, ok := value.(map[string]any); ok {
			series, is, err := sampled(o)
			if err != nil {
				return fmt.Errorf("aiaas: %s: field %q: %w", p, key, err)
			}
			if !is {
				if err := t.object(p, key+".", o, depth+1); err != nil {
					return err
				}
				continue
			}
			value = series
		}
		c, err := cellOf(value)
		if err != nil {
			return fmt.Errorf("aiaas: %s: field %q: %w", p, key, err)
		}
		if name == "component" && c.series != nil {
			key = prefix + "valueSampledData"
		}
		k, err := t.column(key)
		if err != nil {
			return err
		}
		if err := t.put(k, c); err != nil {
			return err
		}
	}
	return nil
}

// cellOf is a JSON value as a cell.
func cellOf(value any) (cell, error) {
	switch v := value.(type) {
	case nil:
		return cell{absent: true}, nil
	case string:
		return cell{text: v, absent: absentWord(v)}, nil
	case json.Number:
		return cell{text: v.String()}, nil
	case bool:
		if v {
			return cell{text: "true"}, nil
		}
		return cell{text: "false"}, nil
	case *Series:
		return cell{series: v}, nil
	case []any:
		return listCell(v)
	}
	return cell{}, fmt.Errorf("unexpected kind of value")
}

func listCell(list []any) (cell, error) {
	if len(list) == 0 {
		return cell{list: []string{}}, nil
	}
	if s, ok, err := components(list); ok || err != nil {
		return cell{series: s}, err
	}
	if s, ok := seriesOf(list); ok {
		return cell{series: s}, nil
	}
	names := make([]string, 0, len(list))
	for _, v := range list {
		switch x := v.(type) {
		case string:
			names = append(names, x)
		case map[string]any: // lists of objects are no input of a table
			return cell{absent: true}, nil
		default:
			return cell{}, errors.New("a list of mixed kinds")
		}
	}
	return cell{list: names}, nil
}
