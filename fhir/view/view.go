// Package view runs SQL on FHIR v2 ViewDefinitions: [Compile] checks a definition and
// makes a [View], [View.NewRunner] gives a [Runner], and that turns one resource
// after another into rows of a [Table] format.
//
// Invariant: a row depends on its resource and the definition alone, so that any
// number of resources needs the memory of one; a fault names the place in the
// definition and no value of the data.
package view

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ember/fhir/path"
)

// Column is one column of the table.
type Column struct {
	Name       string
	Type       string // as declared, "" where it is not
	Collection bool   // cells are arrays
	at         string
}

// View is a compiled ViewDefinition, for concurrent use.
type View struct {
	name     string
	resource string
	columns  []Column
	where    []filter
	root     []*group
}

// Name is the view's name, or "".
func (v *View) Name() string { return v.name }

// Resource is the type of resource the view is of.
func (v *View) Resource() string { return v.resource }

// Columns are the columns of every row, in order.
func (v *View) Columns() []Column { return slices.Clone(v.columns) }

type filter struct {
	at   string
	expr *path.Expression
}

// group is one select, compiled. Its cells are width columns from first on.
type group struct {
	each    []*path.Expression // forEach, forEachOrNull or the paths of repeat
	eachAt  []string
	orNull  bool
	repeat  bool
	cells   []cell
	nested  []*group
	union   []*group
	columns []Column
}

type cell struct {
	column int // place in the row
	Column
	expr *path.Expression
}

const mostDeep = 100

// Compile reads and checks a ViewDefinition in JSON. Errors are of type [*Fault].
func Compile(b []byte) (*View, error) {
	d, err := read(b)
	if err != nil {
		return nil, err
	}
	c := compiler{opt: path.Options{RowIndex: true}}
	if c.opt.Constants, err = constants(d.Constant); err != nil {
		return nil, err
	}
	v := &View{name: d.Name, resource: d.Resource}
	for i, w := range d.Where {
		at := fmt.Sprintf("ViewDefinition.where[%d].path", i)
		e, err := c.path(at, w.Path)
		if err != nil {
			return nil, err
		}
		if k := e.Returns(); k != 0 && k != path.Boolean {
			return nil, fault(at, "a condition must be a Boolean, and this is always %s", k)
		}
		v.where = append(v.where, filter{at, e})
	}
	for i := range d.Select {
		g, err := c.group(fmt.Sprintf("ViewDefinition.select[%d]", i), &d.Select[i], 0)
		if err != nil {
			return nil, err
		}
		v.root = append(v.root, g)
		v.columns = append(v.columns, g.columns...)
	}
	if len(v.columns) == 0 {
		return nil, fault("ViewDefinition.select", "there is no column")
	}
	if err := unique(v.columns); err != nil {
		return nil, err
	}
	place(v.root, 0)
	return v, nil
}

// unique refuses a name that is there twice.
func unique(columns []Column) error {
	seen := map[string]string{}
	for _, c := range columns {
		if before, ok := seen[c.Name]; ok {
			return fault(c.at+".name", "the column %q is defined already at %s", c.Name, before)
		}
		seen[c.Name] = c.at
	}
	return nil
}

// place says where each cell stands in the row; the branches of a union share
// their places.
func place(groups []*group, first int) int {
	for _, g := range groups {
		for i := range g.cells {
			g.cells[i].column = first
			first++
		}
		first = place(g.nested, first)
		if len(g.union) > 0 {
			end := first
			for _, u := range g.union {
				end = place([]*group{u}, first)
			}
			first = end
		}
	}
	return first
}

type compiler struct{ opt path.Options }

// path compiles an expression of the definition.
func (c *compiler) path(at, src string) (*path.Expression, error) {
	if strings.TrimSpace(src) == "" {
		return nil, fault(at, "a path is missing")
	}
	e, err := path.Compile(src, c.opt)
	if err != nil {
		return nil, fault(at, "%s", strings.TrimPrefix(err.Error(), "path: "))
	}
	return e, nil
}

func (c *compiler) group(at string, s *selected, depth int) (*group, error) {
	if depth > mostDeep {
		return nil, fault(at, "nested more than %d deep", mostDeep)
	}
	g := &group{}
	if err := c.each(g, at, s); err != nil {
		return nil, err
	}
	for i, col := range s.Column {
		at := fmt.Sprintf("%s.column[%d]", at, i)
		if !sqlName.MatchString(col.Name) {
			return nil, fault(at+".name", "a name begins with a letter and has letters, digits and _ only")
		}
		e, err := c.path(at+".path", col.Path)
		if err != nil {
			return nil, err
		}
		column := Column{Name: col.Name, Type: typeOf(col.Type), Collection: col.Collection, at: at}
		g.cells = append(g.cells, cell{Column: column, expr: e})
		g.columns = append(g.columns, column)
	}
	for i := range s.Select {
		n, err := c.group(fmt.Sprintf("%s.select[%d]", at, i), &s.Select[i], depth+1)
		if err != nil {
			return nil, err
		}
		g.nested = append(g.nested, n)
		g.columns = append(g.columns, n.columns...)
	}
	if err := c.union(g, at, s, depth); err != nil {
		return nil, err
	}
	if len(g.columns) == 0 {
		return nil, fault(at, "there is no column")
	}
	return g, nil
}

// typeOf is the name of a type without the canonical address before it.
func typeOf(s string) string {
	return strings.TrimPrefix(s, "http://hl7.org/fhir/StructureDefinition/")
}

// each compiles what a select goes over.
func (c *compiler) each(g *group, at string, s *selected) error {
	n := 0
	add := func(at, src string) error {
		e, err := c.path(at, src)
		g.each, g.eachAt = append(g.each, e), append(g.eachAt, at)
		return err
	}
	if s.ForEach != nil {
		n++
		if err := add(at+".forEach", *s.ForEach); err != nil {
			return err
		}
	}
	if s.ForEachOrNull != nil {
		n++
		g.orNull = true
		if err := add(at+".forEachOrNull", *s.ForEachOrNull); err != nil {
			return err
		}
	}
	if len(s.Repeat) > 0 {
		n++
		g.repeat = true
		for i, p := range s.Repeat {
			if err := add(fmt.Sprintf("%s.repeat[%d]", at, i), p); err != nil {
				return err
			}
		}
	}
	if n > 1 {
		return fault(at, "only one of forEach, forEachOrNull and repeat can be there")
	}
	return nil
}

// union compiles branches, which must agree in the names and order of columns, and
// in types where two are declared.
func (c *compiler) union(g *group, at string, s *selected, depth int) error {
	for i := range s.UnionAll {
		at := fmt.Sprintf("%s.unionAll[%d]", at, i)
		u, err := c.group(at, &s.UnionAll[i], depth+1)
		if err != nil {
			return err
		}
		g.union = append(g.union, u)
		if i > 0 {
			if err := agree(at, g.union[0].columns, u.columns); err != nil {
				return err
			}
		}
	}
	if len(g.union) > 0 {
		g.columns = append(g.columns, g.union[0].columns...)
	}
	return nil
}

func agree(at string, first, other []Column) error {
	if len(first) != len(other) {
		return fault(at, "it has %d columns and the first of unionAll has %d", len(other), len(first))
	}
	for i, c := range other {
		f := first[i]
		switch {
		case c.Name != f.Name:
			return fault(at, "column %d is %q and in the first of unionAll it is %q", i+1, c.Name, f.Name)
		case c.Type != f.Type && c.Type != "" && f.Type != "":
			return fault(at, "column %q is of type %s and in the first of unionAll of type %s", c.Name, c.Type, f.Type)
		case c.Collection != f.Collection:
			return fault(at, "column %q is a collection in one of unionAll and not in the other", c.Name)
		}
	}
	return nil
}

// constantTypes are the types a constant may have, by what follows value, and the
// FHIR type each is.
var constantTypes = map[string]string{
	"Base64Binary": "base64Binary", "Boolean": "boolean", "Canonical": "canonical", "Code": "code", "Date": "date", "DateTime": "dateTime",
	"Decimal": "decimal", "Id": "id", "Instant": "instant", "Integer": "integer", "Integer64": "integer64", "Oid": "oid", "String": "string",
	"PositiveInt": "positiveInt", "Time": "time", "UnsignedInt": "unsignedInt", "Uri": "uri", "Url": "url", "Uuid": "uuid", "Markdown": "markdown",
}

func constants(list []constant) (map[string]path.Value, error) {
	out := map[string]path.Value{}
	for i, c := range list {
		at := fmt.Sprintf("ViewDefinition.constant[%d]", i)
		switch {
		case !sqlName.MatchString(c.name):
			return nil, fault(at+".name", "a name begins with a letter and has letters, digits and _ only")
		case c.typ == "":
			return nil, fault(at, "a value is missing, as in \"valueString\": \"…\"")
		case c.more:
			return nil, fault(at, "there is more than one value")
		}
		if _, ok := out[c.name]; ok {
			return nil, fault(at+".name", "the constant %q is defined already", c.name)
		}
		typ, ok := constantTypes[c.typ]
		if !ok {
			return nil, fault(at+".value"+c.typ, "a constant cannot be of this type")
		}
		v, ok := valueOf(typ, c.value)
		if !ok {
			return nil, fault(at+".value"+c.typ, "not a value of the type %s", typ)
		}
		out[c.name] = v
	}
	return out, nil
}

// valueOf reads the value of a constant.
func valueOf(typ string, raw json.RawMessage) (v path.Value, ok bool) {
	switch typ {
	case "boolean":
		var b bool
		err := json.Unmarshal(raw, &b)
		return path.Bool(b), err == nil && string(raw) != "null"
	case "decimal", "integer", "positiveInt", "unsignedInt", "integer64":
		text := string(raw)
		if typ == "integer64" {
			if s, err := strconv.Unquote(text); err == nil {
				text = s
			}
		}
		var n json.Number
		if json.Unmarshal([]byte(text), &n) != nil || strings.HasPrefix(text, `"`) || text == "null" {
			return v, false
		}
		v, err := path.Number(text, typ != "decimal")
		return v, err == nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil || s == "" {
		return v, false
	}
	switch typ {
	case "date", "dateTime", "instant", "time":
		return path.Moment(s, typ)
	}
	return path.Text(s, typ), true
}
