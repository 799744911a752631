// Package validate says what is wrong with a resource by the base specification FHIR R4:
// its structure, cardinalities, formats of primitives, required codes and invariants.
// [New] reads the table of the specification, [Validator.Validate] reports.
//
// It knows no profiles, no terminology server and no other resources: what needs those
// is not judged, so that what it reports is wrong by the base specification.
//
// Its invariants: it refuses nothing, it reports; a report names places and the
// specification's own codes, and no value of the resource but codes and names that the
// specification closes.
package validate

import (
	"slices"
	"time"

	"ember/fhir/path"
)

// Issue is one thing that is wrong.
type Issue struct {
	Severity string // "fatal", "error" or "warning"
	Code     string // of FHIR's issue types: "structure", "required", "value", …
	// Expression is where, as FHIRPath: "Patient.contact[0].name".
	Expression string
	Text       string
	Rule       string // key of an invariant, "" = none
	// Line and Column are where, from 1 on; 0 when they are not known.
	Line, Column int
}

// most bounds a report: what is wrong throughout is understood by then.
const most = 1000

// Validator holds the specification. It is safe for concurrent use.
type Validator struct {
	table *table
}

// New reads the table of the specification.
func New() (*Validator, error) {
	t, err := readTable()
	if err != nil {
		return nil, err
	}
	return &Validator{t}, nil
}

// Source is what the table was made from, in words.
func (v *Validator) Source() string { return v.table.source }

// Known reports whether the specification has such a type of resource.
func (v *Validator) Known(typ string) bool {
	t := v.table.types[typ]
	return t != nil && t.kind == "resource"
}

// Skipped are the keys of invariants that cannot be evaluated here, sorted.
func (v *Validator) Skipped() []string { return slices.Clone(v.table.skipped) }

// Validate reports on one resource as JSON, in the order of its bytes; nothing is
// reported of what is right. now is the moment that invariants may refer to.
func (v *Validator) Validate(src []byte, now time.Time) []Issue {
	r := &report{lines: lineStarts(src)}
	root, at, err := parse(src)
	if err != nil {
		r.add(at, Issue{Severity: "fatal", Code: "structure", Text: err.Error()})
		return r.issues
	}
	c := &check{v: v, report: r, src: src}
	c.invariants.Now = now
	if c.doc.Read(src) != nil { // what parse takes, this takes as well
		c.blind = true
	}
	c.resource(root, "", nil)
	slices.SortStableFunc(r.issues, func(a, b Issue) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return r.issues
}

// report gathers issues.
type report struct {
	issues []Issue
	lines  []int // where lines begin
}

func lineStarts(src []byte) []int {
	starts := []int{0}
	for i, c := range src {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// add adds an issue at an offset.
func (r *report) add(at int, i Issue) {
	if len(r.issues) == most {
		return
	}
	line, _ := slices.BinarySearch(r.lines, at+1)
	i.Line, i.Column = line, at-r.lines[line-1]+1
	r.issues = append(r.issues, i)
}

// check is one resource on its way through the rules.
type check struct {
	*report
	v          *Validator
	src        []byte
	doc        path.Document
	blind      bool // no invariant can be evaluated
	invariants path.Evaluator
	local      []map[string]bool // ids of contained resources, of the resources around
	within     []*node           // the resources around
}

func (c *check) fail(n *node, code, where, text string) {
	c.add(n.at, Issue{Severity: "error", Code: code, Expression: where, Text: text})
}
