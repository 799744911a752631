package ember

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"ember/aiaas"
	"ember/cohort"
	"ember/cohort/features"
	"ember/fhir/path"
	"ember/fhir/view"
	"ember/ingest"
	"ember/record"
	"ember/store"
)

// columned makes what a model of a view is shown of a moment: the columns of the latest
// resource of the view's type that was on record then and has a row. It keeps the first
// error.
type columned struct {
	app   *App
	view  *view.View
	names []string
	err   error
}

// shower is what makes points of pasts for a sampling, and tells its error afterwards.
func (a *App) shower(s cohort.Sampling) (of func(record.Past) point, failed func() error, err error) {
	if s.View == nil {
		return pointOf, func() error { return nil }, nil
	}
	v, err := view.Compile(s.View)
	var bad *view.Fault
	if errors.As(err, &bad) {
		return nil, nil, cohort.Bad("view."+bad.Path, "", bad.Text)
	}
	if err != nil {
		return nil, nil, err
	}
	c := &columned{app: a, view: v}
	for _, col := range v.Columns() {
		switch {
		case col.Collection:
			return nil, nil, cohort.Bad("view", "take one with first(), or count them", fmt.Sprintf("the column %s may have several values", col.Name))
		case col.Name == subjectColumn || col.Name == outcomeColumn:
			return nil, nil, cohort.Bad("view", "give it another name", fmt.Sprintf("the column %s has a name that the table needs", col.Name))
		case slices.Contains([]string{"date", "dateTime", "instant", "time"}, col.Type):
			return nil, nil, cohort.Bad("view", "leave it out: what is shown is what was known at the moment", fmt.Sprintf("the column %s is a point in time", col.Name))
		}
		c.names = append(c.names, col.Name)
	}
	return c.of, func() error { return c.err }, nil
}

// of is the point of a past. Whoever has no row has a point whose cells are all missing.
func (c *columned) of(p record.Past) point {
	out := point{cells: map[string]string{}, names: c.names}
	if c.err != nil {
		return out
	}
	for _, ref := range slices.Backward(c.sources(p)) {
		row, err := c.row(ref, p)
		if err != nil {
			c.err = err
			return out
		}
		if row != nil {
			for i, name := range c.names {
				out.cells[name] = row[i]
			}
			return out
		}
	}
	return out
}

// sources are the resources of the view's type that were on record, the latest last.
func (c *columned) sources(p record.Past) []string {
	if c.view.Resource() == "Patient" {
		return []string{p.Person().ID}
	}
	var ids []string
	add := func(source string) {
		if id, ok := cutType(source, c.view.Resource()); ok {
			ids = append(ids, id)
		}
	}
	for _, e := range p.Events() {
		add(e.Source)
	}
	for _, e := range p.Encounters() {
		add(e.ID)
	}
	return ids
}

func cutType(source, typ string) (id string, ok bool) {
	if len(source) > len(typ)+1 && source[:len(typ)] == typ && source[len(typ)] == '/' {
		return source[len(typ)+1:], true
	}
	return "", false
}

// row is the one row of a resource as far as it could be known, nil where there is none.
func (c *columned) row(id string, p record.Past) ([]string, error) {
	res, err := c.app.store.Get(c.view.Resource(), id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	raw, err := ingest.Served(res)
	if err != nil {
		return nil, err
	}
	whole, nameless, err := asOf(raw, p.At())
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(whole, p.At())
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	unnamed, err := c.rows(nameless, p.At())
	if err != nil {
		return nil, err
	}
	return rows[0], c.check(rows, unnamed, id, p.Person().ID)
}

// rows are those of a resource.
func (c *columned) rows(raw []byte, at time.Time) ([][]string, error) {
	table := view.NewTable(nil, c.view, view.CSV, false)
	var lines []byte
	err := c.view.NewRunner(at).Rows(raw, func(row [][]path.Value) error {
		lines = table.Append(lines, row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return csv.NewReader(bytes.NewReader(lines)).ReadAll()
}

// check refuses rows of one resource that differ, and columns that say who it is: unnamed
// are the rows without what does.
func (c *columned) check(rows, unnamed [][]string, id, patient string) error {
	for i, name := range c.names {
		cell := rows[0][i]
		named := len(unnamed) == 0 || unnamed[0][i] != cell
		if cell != "" && (named || cell == id || cell == patient || cell == "Patient/"+patient) {
			return cohort.Bad("view", "leave it out: samples are named by keyed hashes", fmt.Sprintf("the column %s names the patient or the resource", name))
		}
		for _, row := range rows[1:] {
			if row[i] != cell {
				return cohort.Bad("view", "choose one with first() or where(), or count them", fmt.Sprintf("the column %s has several values for one resource", name))
			}
		}
	}
	return nil
}

// later are the elements that say what became of something: they are written when it ends.
var later = []string{"meta", "text", "statusHistory", "clinicalStatus", "abatementDateTime", "abatementAge", "abatementPeriod", "abatementRange", "abatementString",
	"deceasedBoolean", "deceasedDateTime", "active", "length", "hospitalization", "diagnosis", "outcome", "statusReason"}

// instants are the types whose status is that of their one moment; of others it follows a
// course.
var instants = []string{"Observation", "DiagnosticReport", "Immunization", "DocumentReference"}

// naming are the elements that say who somebody is, which a column must not.
var naming = []string{"id", "identifier", "name", "telecom", "contact", "photo", "birthDate", "subject", "patient", "note"}

// placing are those of an address that are finer than a state.
var placing = []string{"text", "line", "city", "district", "postalCode"}

// asOf is a resource without what could not be known at a moment: dates behind it, what
// began after it, and the elements that say what became of it; and the same without those
// that say who it is.
func asOf(raw []byte, at time.Time) (whole, nameless []byte, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var r map[string]any
	if err := d.Decode(&r); err != nil {
		return nil, nil, fmt.Errorf("ember: reading a resource: %w", err)
	}
	drop(r, later)
	if typ, _ := r["resourceType"].(string); !slices.Contains(instants, typ) {
		delete(r, "status")
	}
	past(r, at)
	if whole, err = json.Marshal(r); err != nil {
		return nil, nil, err
	}
	drop(r, naming)
	if all, ok := r["address"].([]any); ok {
		for _, one := range all {
			if address, ok := one.(map[string]any); ok {
				drop(address, placing)
			}
		}
	}
	nameless, err = json.Marshal(r)
	return whole, nameless, err
}

func drop(r map[string]any, elements []string) {
	for _, name := range elements {
		delete(r, name)
		delete(r, "_"+name)
	}
}

// past drops strings that are dates behind a moment, and what of a list began behind it;
// nil for one of them.
func past(v any, at time.Time) any {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			if one = past(one, at); one == nil {
				delete(v, name)
			} else {
				v[name] = one
			}
		}
	case []any:
		kept := v[:0]
		for _, one := range v {
			if begunAfter(one, at) {
				continue
			}
			if one = past(one, at); one != nil {
				kept = append(kept, one)
			}
		}
		return kept
	case string:
		if behind(v, at) {
			return nil
		}
	}
	return v
}

// begunAfter reports whether a part of a resource is of a time behind a moment, as a ward
// that a patient came to then.
func begunAfter(v any, at time.Time) bool {
	part, ok := v.(map[string]any)
	if !ok {
		return false
	}
	if period, ok := part["period"].(map[string]any); ok && behind(period["start"], at) {
		return true
	}
	return behind(part["time"], at) || behind(part["date"], at)
}

// behind reports whether a value is a date after a moment.
func behind(v any, at time.Time) bool {
	text, _ := v.(string)
	for _, layout := range [...]string{time.RFC3339Nano, time.DateOnly, "2006-01"} { // a year alone may be a code
		if t, err := time.Parse(layout, text); err == nil && t.After(at) {
			return true
		}
	}
	return false
}

// columns are the names of a table's columns, and the kinds of those that are not to be
// guessed.
func columns(samples []cohort.Sample[point]) (names []string, kinds map[string]string) {
	if samples[0].Row.names != nil {
		return samples[0].Row.names, nil
	}
	rows := make([]features.Row, len(samples))
	for i := range samples {
		rows[i] = samples[i].Row.row
	}
	return append(features.Columns(rows), features.SexColumn), map[string]string{features.SexColumn: aiaas.Category.String()}
}

// number reads a cell of a column of numbers.
func number(text string) (float64, error) {
	switch text {
	case "":
		return 0, nil
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	return strconv.ParseFloat(text, 64)
}
