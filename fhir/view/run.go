package view

import (
	"strings"
	"time"

	"ember/fhir/path"
)

// Runner turns resources into rows, one after the other. Not for concurrent use.
type Runner struct {
	view *View
	doc  path.Document
	eval path.Evaluator
	row  [][]path.Value
	rows int // of this resource
}

// NewRunner gives a Runner; now is what now() and today() give.
func (v *View) NewRunner(now time.Time) *Runner {
	return &Runner{view: v, eval: path.Evaluator{Now: now}, row: make([][]path.Value, len(v.columns))}
}

// mostRows bounds the rows of one resource.
const mostRows = 100_000

// Rows calls emit with each row of the resource: a cell for each column, which is
// empty for null. Cells are valid during the call. A resource of another type, or
// one that a condition refuses, has no row.
func (r *Runner) Rows(resource []byte, emit func(row [][]path.Value) error) error {
	if err := r.doc.Read(resource); err != nil {
		return &Fault{Text: strings.TrimPrefix(err.Error(), "path: "), Resource: r.view.resource}
	}
	root := r.doc.Root()
	if root.TypeOfResource() != r.view.resource {
		return nil
	}
	r.eval.Begin(root)
	r.eval.RowIndex = 0
	r.rows = 0
	for i := range r.view.where {
		ok, err := r.meets(&r.view.where[i], root)
		if err != nil || !ok {
			return err
		}
	}
	return r.product(r.view.root, root, r.row, func() error {
		if r.rows++; r.rows > mostRows {
			return r.faultText("ViewDefinition.select", "one resource gives more than 100000 rows")
		}
		return emit(r.row)
	})
}

// meets evaluates one condition: nothing counts as false.
func (r *Runner) meets(f *filter, root path.Value) (bool, error) {
	out, err := f.expr.Eval(&r.eval, root)
	if err != nil {
		return false, r.fault(f.at, err)
	}
	switch {
	case len(out) == 0:
		return false, nil
	case len(out) > 1:
		return false, r.faultText(f.at, "a condition must be one Boolean, and there are several values")
	case out[0].Kind() != path.Boolean:
		return false, r.faultText(f.at, "a condition must be a Boolean, and there is "+out[0].Kind().String())
	}
	return out[0].Truth(), nil
}

func (r *Runner) fault(at string, err error) error {
	return r.faultText(at, strings.TrimPrefix(err.Error(), "path: "))
}

func (r *Runner) faultText(at, text string) error {
	return &Fault{Path: at, Text: text, Resource: r.view.resource}
}

// product fills the row by every combination of the groups' rows, calling then for
// each.
func (r *Runner) product(groups []*group, focus path.Value, row [][]path.Value, then func() error) error {
	if len(groups) == 0 {
		return then()
	}
	return r.group(groups[0], focus, row, func() error { return r.product(groups[1:], focus, row, then) })
}

// group fills the row's cells of one select, once for each of its rows.
func (r *Runner) group(g *group, focus path.Value, row [][]path.Value, then func() error) error {
	if g.each == nil {
		return r.focus(g, focus, row, then)
	}
	index := r.eval.RowIndex
	restore := func() error {
		// What follows belongs to the select above.
		mine := r.eval.RowIndex
		r.eval.RowIndex = index
		err := then()
		r.eval.RowIndex = mine
		return err
	}
	defer func() { r.eval.RowIndex = index }()
	if g.repeat {
		n := 0
		return r.repeat(g, focus, 0, func(v path.Value) error {
			r.eval.RowIndex = n
			n++
			return r.focus(g, v, row, restore)
		})
	}
	found, err := g.each[0].Eval(&r.eval, focus)
	if err != nil {
		return r.fault(g.eachAt[0], err)
	}
	if len(found) == 0 && g.orNull {
		r.eval.RowIndex = 0
		return r.null(g, row, restore)
	}
	for i := range found {
		r.eval.RowIndex = i
		if err := r.focus(g, found[i], row, restore); err != nil {
			return err
		}
	}
	return nil
}

// repeat goes depth first over what the paths lead to, again and again.
func (r *Runner) repeat(g *group, focus path.Value, depth int, visit func(path.Value) error) error {
	if depth > mostDeep {
		return r.faultText(g.eachAt[0], "nested more than 100 deep")
	}
	for i, e := range g.each {
		found, err := e.Eval(&r.eval, focus)
		if err != nil {
			return r.fault(g.eachAt[i], err)
		}
		for j := range found {
			if err := visit(found[j]); err != nil {
				return err
			}
			if err := r.repeat(g, found[j], depth+1, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// focus fills the cells of one element.
func (r *Runner) focus(g *group, focus path.Value, row [][]path.Value, then func() error) error {
	for i := range g.cells {
		c := &g.cells[i]
		out, err := c.expr.Eval(&r.eval, focus)
		if err != nil {
			return r.fault(c.at+".path", err)
		}
		if len(out) > 1 && !c.Collection {
			return r.faultText(c.at, "the column "+c.Name+" has several values and is no collection; add \"collection\": true or first()")
		}
		row[c.column] = out
	}
	if len(g.union) == 0 {
		return r.product(g.nested, focus, row, then)
	}
	return r.product(g.nested, focus, row, func() error {
		for _, u := range g.union {
			if err := r.group(u, focus, row, then); err != nil {
				return err
			}
		}
		return nil
	})
}

// null fills the one row of a forEachOrNull that finds nothing: null everywhere, but
// %rowIndex is 0.
func (r *Runner) null(g *group, row [][]path.Value, then func() error) error {
	if err := r.blank([]*group{g}, row, true); err != nil {
		return err
	}
	return then()
}

// blank empties the cells; mine says that %rowIndex is that of the missing row.
func (r *Runner) blank(groups []*group, row [][]path.Value, mine bool) error {
	for _, g := range groups {
		for i := range g.cells {
			c := &g.cells[i]
			row[c.column] = nil
			if !mine || !c.expr.UsesRowIndex() {
				continue
			}
			out, err := c.expr.EvalEmpty(&r.eval)
			if err != nil {
				return r.fault(c.at+".path", err)
			}
			row[c.column] = out
		}
		for _, inner := range [...][]*group{g.nested, g.union[:min(1, len(g.union))]} {
			for _, n := range inner {
				if err := r.blank([]*group{n}, row, mine && n.each == nil); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
