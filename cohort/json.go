package cohort

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Encode is the JSON of a definition.
func Encode(c Criterion) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return nil, fmt.Errorf("cohort: encoding a definition: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Decode reads the JSON of a definition. Unknown fields and wrong types are *[Error]
// with the path.
func Decode(data []byte) (Criterion, error) {
	if len(data) > 16*maxText {
		return Criterion{}, place{offset: -1}.fail("save parts as cohorts", "the definition is longer than 256 KiB")
	}
	d := decoder{}
	c := d.criterion(data, "", 0)
	return c, d.failure()
}

// decoder keeps the first error.
type decoder struct{ err *Error }

func (d *decoder) failure() error {
	if d.err == nil {
		return nil
	}
	return d.err
}

func (d *decoder) fail(path, hint, format string, args ...any) {
	if d.err == nil {
		d.err = place{-1, path}.fail(hint, format, args...)
	}
}

func under(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// object gives the fields of an object to read, in their order.
func (d *decoder) object(raw []byte, path string, known []string, read func(name string, value []byte, path string)) {
	t := json.NewDecoder(bytes.NewReader(raw))
	start, err := t.Token()
	if err != nil {
		d.fail(path, "check the quotes and commas near "+near(raw, err, t.InputOffset()), "this is no JSON")
		return
	}
	if start != json.Delim('{') {
		d.fail(path, "", "an object is expected here")
		return
	}
	seen := map[string]bool{}
	for t.More() {
		key, err := t.Token()
		name, _ := key.(string)
		var value json.RawMessage
		if err == nil {
			err = t.Decode(&value)
		}
		if err != nil {
			d.fail(path, "check the quotes and commas near "+near(raw, err, t.InputOffset()), "this is no JSON")
			return
		}
		at := under(path, name)
		switch {
		case !slices.Contains(known, name):
			d.fail(at, hint(name, known), "there is no field %q here", clipped(name))
			return
		case seen[name]:
			d.fail(at, "leave one of them", "the field stands twice")
			return
		}
		seen[name] = true
		read(name, value, at)
	}
	if _, err := t.Token(); err != nil {
		d.fail(path, "check the quotes and commas near "+near(raw, err, t.InputOffset()), "this is no JSON")
		return
	}
	if _, err := t.Token(); !errors.Is(err, io.EOF) {
		d.fail(path, "send one object", "something follows the object")
	}
}

// near is the byte where reading JSON failed.
func near(_ []byte, err error, offset int64) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset > offset {
		offset = syntax.Offset
	}
	return "byte " + strconv.FormatInt(offset, 10)
}

func clipped(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

func (d *decoder) list(raw []byte, path string, read func(value []byte, path string)) {
	var all []json.RawMessage
	if json.Unmarshal(raw, &all) != nil || all == nil {
		d.fail(path, "", "a list is expected here")
		return
	}
	if len(all) == 0 {
		d.fail(path, "take it away or fill it", "the list is empty")
	}
	for i, value := range all {
		read(value, fmt.Sprintf("%s[%d]", path, i))
	}
}

// scalar reads a plain value into a pointer.
func (d *decoder) scalar(raw []byte, path string, into any) {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) || json.Unmarshal(raw, into) != nil {
		d.fail(path, "", "%s is expected here", wanted(into))
	}
}

func wanted(into any) string {
	switch into.(type) {
	case *float64:
		return "a number"
	case *int:
		return "a whole number"
	case *bool:
		return "true or false"
	}
	return "another type"
}

func (d *decoder) text(raw []byte, path string) (s string) {
	if !strings.HasPrefix(strings.TrimSpace(string(raw)), `"`) || json.Unmarshal(raw, &s) != nil {
		d.fail(path, "", "a string is expected here")
	}
	if s == "" {
		d.fail(path, "take it away or fill it", "it is empty")
	}
	return s
}

var criterionFields = []string{"all", "any", "not", "event", "sequence", "age", "sex", "life", "note", "cohort", "like", "score"}

func (d *decoder) criterion(raw []byte, path string, depth int) (c Criterion) {
	c.at = place{-1, path}
	if depth > maxDepth {
		d.fail(path, "save parts as cohorts", "the definition is nested too deeply")
		return c
	}
	d.object(raw, path, criterionFields, func(name string, value []byte, at string) {
		switch name {
		case "all":
			d.list(value, at, func(v []byte, at string) { c.All = append(c.All, d.criterion(v, at, depth+1)) })
		case "any":
			d.list(value, at, func(v []byte, at string) { c.Any = append(c.Any, d.criterion(v, at, depth+1)) })
		case "not":
			inner := d.criterion(value, at, depth+1)
			c.Not = &inner
		case "event":
			e := d.event(value, at)
			c.Event = &e
		case "sequence":
			d.list(value, at, func(v []byte, at string) { c.Sequence = append(c.Sequence, d.step(v, at)) })
		case "age":
			c.Age = d.bounds(value, at)
		case "sex":
			c.Sex = d.text(value, at)
		case "life":
			c.Life = d.text(value, at)
		case "note":
			c.Note = d.note(value, at)
		case "cohort":
			c.Cohort = d.text(value, at)
		case "like":
			c.Like = d.like(value, at)
		case "score":
			c.Score = d.score(value, at)
		}
	})
	return c
}

var eventFields = []string{"kind", "text", "code", "under", "set", "class", "value", "count", "within", "last", "since", "until", "age"}

func (d *decoder) event(raw []byte, path string) (e Event) {
	e.at, e.atWhich, e.atValue = place{-1, path}, place{-1, path}, place{-1, under(path, "value")}
	e.atWithin, e.atAge = place{-1, under(path, "within")}, place{-1, under(path, "age")}
	texts := map[string]*string{"kind": &e.Kind, "text": &e.Text, "code": &e.Code, "under": &e.Under, "set": &e.Set, "class": &e.Class,
		"within": &e.Within, "last": &e.Last, "since": &e.Since, "until": &e.Until}
	d.object(raw, path, eventFields, func(name string, value []byte, at string) {
		if into := texts[name]; into != nil {
			*into = d.text(value, at)
			if slices.Contains(eventFields[1:6], name) {
				e.atWhich = place{-1, at}
			}
			return
		}
		switch name {
		case "value":
			e.Value = d.value(value, at)
		case "count":
			d.scalar(value, at, &e.Count)
			if e.Count < 1 {
				d.fail(at, "", "a whole number above 0 is expected here")
			}
		case "age":
			e.Age = d.bounds(value, at)
		}
	})
	return e
}

func (d *decoder) step(raw []byte, path string) (s Step) {
	s.Event.at = place{-1, under(path, "event")}
	d.object(raw, path, []string{"event", "within", "without"}, func(name string, value []byte, at string) {
		switch name {
		case "event":
			s.Event = d.event(value, at)
		case "within":
			s.Within = d.text(value, at)
		case "without":
			e := d.event(value, at)
			s.Without = &e
		}
	})
	s.Event.atWithin = place{-1, under(path, "within")}
	return s
}

func (d *decoder) note(raw []byte, path string) *Note {
	n := &Note{}
	d.object(raw, path, []string{"phrase", "denied"}, func(name string, value []byte, at string) {
		if name == "phrase" {
			n.Phrase = d.text(value, at)
		} else {
			d.scalar(value, at, &n.Denied)
		}
	})
	return n
}

func (d *decoder) like(raw []byte, path string) *Like {
	l := &Like{}
	d.object(raw, path, []string{"patient", "cohort", "top"}, func(name string, value []byte, at string) {
		switch name {
		case "patient":
			l.Patient = d.text(value, at)
		case "cohort":
			l.Cohort = d.text(value, at)
		case "top":
			d.scalar(value, at, &l.Top)
			if l.Top < 1 {
				d.fail(at, "", "a whole number above 0 is expected here")
			}
		}
	})
	return l
}

func (d *decoder) score(raw []byte, path string) *Score {
	s := &Score{}
	d.object(raw, path, append([]string{"model"}, rangeFields...), func(name string, value []byte, at string) {
		if name == "model" {
			s.Model = d.text(value, at)
			return
		}
		d.end(&s.Range, name, value, at)
	})
	return s
}

var rangeFields = []string{"above", "atLeast", "below", "atMost"}

func (d *decoder) end(r *Range, name string, value []byte, at string) {
	into := map[string]**float64{"above": &r.Above, "atLeast": &r.AtLeast, "below": &r.Below, "atMost": &r.AtMost}[name]
	var v float64
	d.scalar(value, at, &v)
	*into = &v
}

func (d *decoder) bounds(raw []byte, path string) *Range {
	r := &Range{}
	d.object(raw, path, rangeFields, func(name string, value []byte, at string) { d.end(r, name, value, at) })
	return r
}

func (d *decoder) value(raw []byte, path string) *Value {
	v := &Value{}
	d.object(raw, path, append([]string{"unit"}, rangeFields...), func(name string, value []byte, at string) {
		if name == "unit" {
			v.Unit = d.text(value, at)
			return
		}
		d.end(&v.Range, name, value, at)
	})
	return v
}
