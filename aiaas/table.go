package aiaas

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schema says what the fields of an upload are. What it does not name is an
// input column.
type Schema struct {
	Task    Task              // invalid = text where there is a text column, else tabular
	Label   string            // field with the class, classes or number
	Number  bool              // the label is a number to predict
	Multi   bool              // a sample may have several classes: a list, or words between Between
	Between string            // what stands between several classes, default "|"
	Subject string            // field that names the subject; without it each sample is one
	Split   string            // field that says train or test
	Ignore  []string          // fields that are no input
	Inputs  []string          // the only inputs; empty = all others
	Kinds   map[string]string // kind of a field where it should not be guessed
}

func (s Schema) between() string {
	if s.Between == "" {
		return "|"
	}
	return s.Between
}

// cell is one field as it was read: absent, a text, a list of names or a series.
type cell struct {
	text   string
	list   []string
	series *Series
	absent bool
}

// table gathers cells by column until all rows are read; only then are kinds
// clear. Columns may appear at any row.
type table struct {
	name   string
	schema Schema
	limits Limits
	at     map[string]int
	names  []string
	cells  [][]cell
	places []Place
	values int64
}

func newTable(name string, s Schema, l Limits) *table {
	return &table{name: name, schema: s, limits: l, at: make(map[string]int)}
}

// column is the number of a column, made if it is new.
func (t *table) column(name string) (int, error) {
	if k, ok := t.at[name]; ok {
		return k, nil
	}
	if len(t.names) >= t.limits.Columns {
		return 0, fmt.Errorf("aiaas: %s: more than %d columns", t.name, t.limits.Columns)
	}
	t.at[name] = len(t.names)
	t.names = append(t.names, name)
	t.cells = append(t.cells, nil)
	return len(t.names) - 1, nil
}

// row begins a row.
func (t *table) row(p Place) error {
	if len(t.places) >= t.limits.Rows {
		return fmt.Errorf("aiaas: %s: more than %d rows", p, t.limits.Rows)
	}
	t.places = append(t.places, p)
	return nil
}

// put sets a cell of the row begun last.
func (t *table) put(column int, c cell) error {
	n := len(t.places)
	p := t.places[n-1]
	if len(t.cells[column]) == n {
		return fmt.Errorf("aiaas: %s: field %q twice", p, t.names[column])
	}
	if len(c.text) > t.limits.Field {
		return fmt.Errorf("aiaas: %s: field %q longer than %d bytes", p, t.names[column], t.limits.Field)
	}
	if c.series != nil {
		for _, ch := range c.series.Channels {
			t.values += int64(len(ch))
		}
		if t.values > t.limits.Values {
			return fmt.Errorf("aiaas: %s: more than %d numbers in series", p, t.limits.Values)
		}
	}
	for len(t.cells[column]) < n-1 {
		t.cells[column] = append(t.cells[column], cell{absent: true})
	}
	t.cells[column] = append(t.cells[column], c)
	return nil
}

// absentWord reports the ways in which tables write that there is no value. NaN
// is not among them: it is a number that a report should mention.
func absentWord(s string) bool {
	switch s {
	case "", "NA", "N/A", "n/a", "null", "NULL", "None":
		return true
	}
	return false
}

// dataset is the table with labels, subjects and inputs in their places.
func (t *table) dataset() (*Dataset, error) {
	n := len(t.places)
	if n == 0 {
		return nil, fmt.Errorf("aiaas: %s: no rows", t.name)
	}
	for k := range t.cells {
		for len(t.cells[k]) < n {
			t.cells[k] = append(t.cells[k], cell{absent: true})
		}
	}
	d := &Dataset{Name: t.name, Task: t.schema.Task, Multi: t.schema.Multi, Places: t.places}
	for _, named := range append([]string{t.schema.Label, t.schema.Subject, t.schema.Split}, t.schema.Inputs...) {
		if _, ok := t.at[named]; named != "" && !ok {
			return nil, fmt.Errorf("aiaas: %s: no field %q", t.name, named)
		}
	}
	if err := t.labels(d); err != nil {
		return nil, err
	}
	if err := t.subjects(d); err != nil {
		return nil, err
	}
	for k, name := range t.names {
		if !t.input(name) {
			continue
		}
		c, err := t.typed(k)
		if err != nil {
			return nil, err
		}
		d.Columns = append(d.Columns, c)
	}
	if d.Task == 0 {
		d.Task = taskOf(d)
	}
	return d, d.Check()
}

func taskOf(d *Dataset) Task {
	switch {
	case len(d.Of(Picture)) > 0:
		return Images
	case len(d.Of(Waveforms)) > 0:
		return Sequence
	case len(d.Of(FreeText)) > 0:
		return Text
	}
	return Tabular
}

func (t *table) input(name string) bool {
	s := t.schema
	if name == s.Label || name == s.Subject || name == s.Split || slices.Contains(s.Ignore, name) {
		return false
	}
	return len(s.Inputs) == 0 || slices.Contains(s.Inputs, name)
}

func (t *table) labels(d *Dataset) error {
	if t.schema.Label == "" {
		return nil
	}
	cells := t.cells[t.at[t.schema.Label]]
	if t.schema.Number {
		d.Target = make([]float64, len(cells))
		for i, c := range cells {
			d.Target[i] = math.NaN()
			if c.absent {
				continue
			}
			v, err := strconv.ParseFloat(c.text, 64)
			if err != nil || math.IsInf(v, 0) {
				return fmt.Errorf("aiaas: %s: field %q is no number", t.places[i], t.schema.Label)
			}
			d.Target[i] = v
		}
		return nil
	}
	names := make([][]string, len(cells))
	for i, c := range cells {
		switch {
		case c.absent:
		case t.schema.Multi:
			names[i] = []string{}
			for _, part := range append(c.list, strings.Split(c.text, t.schema.between())...) {
				if part = strings.TrimSpace(part); part != "" {
					names[i] = append(names[i], part)
				}
			}
		case c.list != nil:
			return fmt.Errorf("aiaas: %s: field %q is a list; is it multi-label?", t.places[i], t.schema.Label)
		default:
			names[i] = []string{strings.TrimSpace(c.text)}
		}
	}
	d.setClasses(names)
	return nil
}

// subjects fills subject and side. Without a subject field, each row is one.
func (t *table) subjects(d *Dataset) error {
	n := len(t.places)
	d.Subject = make([]string, n)
	for i := range d.Subject {
		d.Subject[i] = t.places[i].String()
		if t.schema.Subject == "" {
			continue
		}
		if c := t.cells[t.at[t.schema.Subject]][i]; !c.absent && c.text != "" {
			d.Subject[i] = c.text
		}
	}
	if t.schema.Split == "" {
		return nil
	}
	d.Side = make([]Side, n)
	for i, c := range t.cells[t.at[t.schema.Split]] {
		switch strings.ToLower(strings.TrimSpace(c.text)) {
		case "":
		case "train", "training", "validation", "val", "valid", "dev":
			d.Side[i] = TrainSide
		case "test", "testing", "holdout":
			d.Side[i] = TestSide
		default:
			return fmt.Errorf("aiaas: %s: field %q says neither train nor test", t.places[i], t.schema.Split)
		}
	}
	return nil
}

// typed is a column with its kind, given or guessed from all its cells.
func (t *table) typed(k int) (Column, error) {
	cells := t.cells[k]
	c := Column{Name: t.names[k], Kind: guess(cells)}
	if name, ok := t.schema.Kinds[c.Name]; ok {
		c.Kind = 0
		for kind := Number; kind <= Waveforms; kind++ {
			if kind.String() == name {
				c.Kind = kind
			}
		}
		if c.Kind == 0 {
			return c, fmt.Errorf("aiaas: %s: column %q: no kind %.40q", t.name, c.Name, name)
		}
	}
	for i, v := range cells {
		if v.absent {
			if c.Missing == nil {
				c.Missing = make([]bool, len(cells))
			}
			c.Missing[i] = true
		}
		if err := c.push(v); err != nil {
			return c, fmt.Errorf("aiaas: %s: field %q: %w", t.places[i], c.Name, err)
		}
	}
	t.cells[k] = nil // given back early: a large upload is in memory once
	return c, nil
}

// push appends a cell in the kind of the column.
func (c *Column) push(v cell) error {
	switch c.Kind {
	case Number:
		x := math.NaN()
		if !v.absent {
			var ok bool
			if x, ok = number(v.text); !ok {
				return fmt.Errorf("not a number")
			}
		}
		c.Number = append(c.Number, x)
	case Date:
		x := math.NaN()
		if !v.absent {
			var ok bool
			if x, ok = day(v.text); !ok {
				return fmt.Errorf("not a date")
			}
		}
		c.Number = append(c.Number, x)
	case Waveforms:
		var s Series
		if !v.absent {
			if v.series == nil {
				return fmt.Errorf("not a series")
			}
			s = *v.series
		}
		c.Series = append(c.Series, s)
	case Picture:
		return fmt.Errorf("images do not come in tables")
	default:
		text := v.text
		if v.list != nil {
			text = strings.Join(v.list, " ")
		}
		c.Text = append(c.Text, text)
	}
	return nil
}

// guess is the kind that fits all cells that are there: the narrowest of number,
// date, category, text.
func guess(cells []cell) Kind {
	numbers, dates, there, words := true, true, 0, 0
	distinct := make(map[string]bool)
	for _, c := range cells {
		switch {
		case c.absent:
			continue
		case c.series != nil:
			return Waveforms
		}
		there++
		if numbers {
			_, numbers = number(c.text)
		}
		if dates {
			_, dates = day(c.text)
		}
		words += strings.Count(c.text, " ") + 1
		if len(distinct) <= 1000 {
			distinct[c.text] = true
		}
	}
	switch {
	case there == 0, numbers:
		return Number
	case dates:
		return Date
	case words > 4*there, len(distinct) > max(20, there/4) && words > there*3/2:
		return FreeText
	}
	return Category
}

func number(s string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return v, err == nil
}

// day is a date as days since 1970.
func day(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 8 || len(s) > 35 {
		return 0, false
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339, time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "02.01.2006", "01/02/2006", "2006/01/02"} {
		if at, err := time.Parse(layout, s); err == nil {
			return float64(at.Unix()) / 86400, true
		}
	}
	return 0, false
}
