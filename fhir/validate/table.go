package validate

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ember/fhir/path"
)

// packed is the table that tools/definitions makes; its form is told there.
//
//go:embed r4.txt.gz
var packed []byte

// table is the specification.
type table struct {
	source  string
	types   map[string]*typ
	skipped []string // keys of invariants that cannot be evaluated
}

// typ is a resource, a complex type, or a part of one ("Patient.contact").
type typ struct {
	name, kind string
	elements   []*element
	names      map[string]*variant // by the name in JSON
	invariants []invariant
}

type element struct {
	name       string // "value[x]"
	least      int
	many       bool
	types      []kindOf
	set        *set
	invariants []invariant
}

// kindOf is one type an element may have.
type kindOf struct {
	name    string   // "Quantity", or a part's whole name
	part    bool     // name is that of a part
	targets []string // of a Reference, nil = any
}

// variant is an element under one name in JSON.
type variant struct {
	*element
	kind kindOf
}

// set is a value set that codes must be from.
type set struct {
	url   string
	codes map[string]bool // codes alone
	pairs map[string]bool // system|code
}

type invariant struct {
	key  string
	expr *path.Expression
}

func readTable() (*table, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("validate: the table of the specification: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("validate: the table of the specification: %w", err)
	}
	r := tableReader{table: &table{types: map[string]*typ{}}, sets: map[string]*set{}, skipped: map[string]bool{}, compiled: map[string]*path.Expression{}}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if err := r.line(strings.Split(strings.TrimSuffix(line, "\n"), "\t")); err != nil {
			return nil, fmt.Errorf("validate: the table of the specification, line %d: %w", n, err)
		}
	}
	r.table.skipped = slices.Sorted(maps.Keys(r.skipped))
	return r.table, nil
}

type tableReader struct {
	*table
	sets     map[string]*set
	skipped  map[string]bool
	compiled map[string]*path.Expression // by text; nil = cannot be evaluated
	typ      *typ
	element  *element // nil right behind a type
}

func (r *tableReader) line(f []string) error {
	switch {
	case f[0] == "V" && len(f) == 3:
		r.source = f[1] + ": " + f[2]
	case f[0] == "S" && len(f) > 2:
		s := &set{f[1], map[string]bool{}, map[string]bool{}}
		for _, group := range f[2:] {
			codes := strings.Split(group, " ")
			for _, code := range codes[1:] {
				s.codes[code], s.pairs[codes[0]+"|"+code] = true, true
			}
		}
		r.sets[f[1]] = s
	case f[0] == "T" && len(f) == 3:
		r.typ, r.element = &typ{name: f[1], kind: f[2], names: map[string]*variant{}}, nil
		r.types[f[1]] = r.typ
	case f[0] == "E" && len(f) == 6 && r.typ != nil:
		return r.takeElement(f)
	case f[0] == "K" && len(f) == 3 && r.typ != nil:
		r.takeInvariant(f[1], f[2])
	default:
		return fmt.Errorf("%q with %d fields", f[0], len(f))
	}
	return nil
}

func (r *tableReader) takeElement(f []string) (err error) {
	e := &element{name: f[1], many: f[3] == "*"}
	if e.least, err = strconv.Atoi(f[2]); err != nil {
		return err
	}
	if most, err := strconv.Atoi(f[3]); err == nil && most > 1 {
		e.many = true
	}
	if f[5] != "" {
		if e.set = r.sets[f[5]]; e.set == nil {
			return fmt.Errorf("the value set of %s is not there", f[1])
		}
	}
	base, choice := strings.CutSuffix(e.name, "[x]")
	for name := range strings.SplitSeq(f[4], ",") {
		k := kindOf{name: name}
		if part, ok := strings.CutPrefix(name, "@"); ok {
			k = kindOf{name: part, part: true}
		}
		if t, ok := strings.CutPrefix(name, "Reference("); ok {
			k = kindOf{name: "Reference", targets: strings.Split(strings.TrimSuffix(t, ")"), "|")}
		}
		if r.typ.kind == "resource" && e.name == "id" {
			k.name = "id"
		}
		e.types = append(e.types, k)
		json := base
		if choice {
			json += strings.ToUpper(k.name[:1]) + k.name[1:]
		}
		r.typ.names[json] = &variant{e, k}
	}
	r.element = e
	r.typ.elements = append(r.typ.elements, e)
	return nil
}

func (r *tableReader) takeInvariant(key, text string) {
	expr, seen := r.compiled[text]
	if !seen {
		if !strings.Contains(text, "resolve()") && !strings.Contains(text, "memberOf(") && !strings.Contains(text, "htmlChecks()") {
			if e, err := path.Compile(text, path.Options{}); err == nil {
				expr = e
			}
		}
		r.compiled[text] = expr
	}
	switch {
	case expr == nil:
		r.skipped[key] = true
	case r.element != nil:
		r.element.invariants = append(r.element.invariants, invariant{key, expr})
	default:
		r.typ.invariants = append(r.typ.invariants, invariant{key, expr})
	}
}
